package main

import (
	"testing"

	"github.com/flowsh/flowsh/engine/transport"
)

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

// TestDataHost has executors listen nowhere but where their node gossips, and without keys on loopback alone.
func TestDataHost(t *testing.T) {
	keys := new(transport.Credentials)
	for _, c := range []struct {
		gossip string
		keys   *transport.Credentials
		want   string
	}{
		{"", nil, "127.0.0.1"},
		{"", keys, ""},
		{":7421", keys, ""},
		{"127.0.0.1:0", keys, "127.0.0.1"},
		{"10.0.0.2:7421", keys, "10.0.0.2"},
	} {
		if got := dataHost(c.gossip, c.keys); got != c.want {
			t.Errorf("%q: %q, want %q", c.gossip, got, c.want)
		}
	}
}
