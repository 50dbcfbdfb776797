package main

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine/host"
	"go.uber.org/goleak"
)

// runInside calls Main as a test does that wants no process of its own.
func runInside(stdin string, args ...string) (status int, stdout, stderr string) {
	h := host.New()
	var out, messages bytes.Buffer
	h.Stdin, h.Stdout, h.Stderr = strings.NewReader(stdin), &out, &messages
	return Main(args, h), out.String(), messages.String()
}

func TestMainLeavesNothingRunning(t *testing.T) {
	before := goleak.IgnoreCurrent()
	out := filepath.Join(t.TempDir(), "out.txt")
	for _, tt := range []struct {
		args   []string
		status int
	}{
		{[]string{"-e", "from_enumerable([3, 1, 2]).sort()"}, 0},
		{[]string{"-o", out, "-e", "lines().count(by = lambda l: l)"}, 0},
		{[]string{"-e", "from_enumerable([1, 0]).map(lambda x: 1 // x)"}, 1},
		{[]string{"-e", "from_enumerable(range(1000000)).take(3)"}, 0},
		{[]string{"--max-steps", "1000", "-e", "from_enumerable([1]).map(lambda x: len(list(range(10000))) + len([y for y in range(10000)]))"}, 4},
		{[]string{"explain", "-e", "lines('nosuch')"}, 0},
		{[]string{"-n", "-e", "from_enumerable([1])"}, 0},
		{[]string{"version"}, 0},
		{[]string{"nosuch"}, 2},
	} {
		status, stdout, stderr := runInside("b\na\nb\n", tt.args...)
		if status != tt.status {
			t.Errorf("%q: status %d, want %d\n%s%s", tt.args, status, tt.status, stdout, stderr)
		}
	}
	if text, err := os.ReadFile(out); err != nil || string(text) != "b\t2\na\t1\n" {
		t.Errorf("the output is %q, %v", text, err)
	}
	goleak.VerifyNone(t, before)
}

func TestMainGivesBackCores(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	status, stdout, stderr := runInside("", "-q", "-j", "1", "-e", "from_enumerable([1])")
	if status != 0 || stdout != "1\n" || stderr != "" {
		t.Error(status, stdout, stderr)
	}
	if after := runtime.GOMAXPROCS(0); after != before {
		t.Errorf("%d cores, %d before", after, before)
	}
}
