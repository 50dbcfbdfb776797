package main

import "testing"

func TestPortRange(t *testing.T) {
	for text, want := range map[string]portRange{
		"7500-7600": {7500, 7600}, "7500": {7500, 7500}, "0": {}, "0-0": {}, "1-65535": {1, 65535},
	} {
		var got portRange
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q is %v, %v, not %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-", "a", "2-1", "0-5", "1-65536", "-1", "1-2-3"} {
		if err := new(portRange).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is a range of ports", text)
		}
	}
}
