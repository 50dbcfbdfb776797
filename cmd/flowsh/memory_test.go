package main

import "testing"

func TestSize(t *testing.T) {
	for text, want := range map[string]size{
		"1": 1, "4096": 4096, "4096B": 4096, "1k": 1024, "1KiB": 1024, "1KB": 1000,
		"256MiB": 256 << 20, "1.5GiB": 3 << 29, "2GB": 2e9, "1TiB": 1 << 40, "1 MiB": 1 << 20,
	} {
		var got size
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%s is %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "MiB", "0", "-1", "1e300", "1PiB", "NaN", "Inf", "1MiBB", "1M B"} {
		var got size
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is %d", text, got)
		}
	}
}

func TestBudget(t *testing.T) {
	for _, tt := range []struct {
		text string
		want int64
	}{{"", 512 << 20}, {"25%", 256 << 20}, {"100%", 1 << 30}, {"64MiB", 64 << 20}} {
		var b budget
		if tt.text != "" {
			if err := b.UnmarshalText([]byte(tt.text)); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := b.resolve(gibibyte); err != nil || got != tt.want {
			t.Errorf("%q is %d, %v; want %d", tt.text, got, err, tt.want)
		}
	}
	if _, err := (budget{bytes: 1 << 20}).resolve(gibibyte); exitStatus(err) != statusUsage {
		t.Errorf("a budget of 1 MiB: %v", err)
	}
}

func TestMachineMemoryIsKnown(t *testing.T) {
	if n := machineMemory(); n < 64<<20 {
		t.Errorf("%d bytes", n)
	}
}

func gibibyte() uint64 { return 1 << 30 }
