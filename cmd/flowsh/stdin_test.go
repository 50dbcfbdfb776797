package main

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine/host"
)

// TestJobEndsBeforeItsInput leaves stdin open: a job that needs no more of it, or has failed, does not wait for it.
func TestJobEndsBeforeItsInput(t *testing.T) {
	for _, tt := range []struct {
		args           []string
		status         int
		stdout, stderr string
	}{
		{[]string{"-e", "lines().take(2)"}, 0, "a\nb\n", ""},
		{[]string{"-e", "lines().map(lambda l: l + l).take(2).with_index().sort()"}, 0, "0\taa\n1\tbb\n", ""},
		{[]string{"-e", "lines().map(lambda l: l.foo)"}, 1, "", "no .foo"},
		{[]string{"--timeout", "100ms", "-e", "lines().count()"}, 4, "", "--timeout"},
		{[]string{"--dry-run", "-e", "lines()"}, 0, "stage 0 (output)\n  \"a\"\n  \"b\"\n  \"c\"\n", ""},
	} {
		stdin, in := io.Pipe()
		go io.WriteString(in, "a\nb\nc\n")
		h := host.New()
		var out, messages bytes.Buffer
		h.Stdin, h.Stdout, h.Stderr = stdin, &out, &messages
		status := Main(append([]string{"-q"}, tt.args...), h)
		if status != tt.status || out.String() != tt.stdout || !strings.Contains(messages.String(), tt.stderr) {
			t.Errorf("%q: status %d, %q, %q", tt.args, status, out.String(), messages.String())
		}
		in.Close()
	}
}
