package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// TestAttacksOnACluster submits attacks, at each place where a script can call a function, while a neighbour's job runs:
// each ends, and says by which limit or rule; the processes of the nodes live on, and the neighbour gets its bytes.
func TestAttacksOnACluster(t *testing.T) {
	c := startCluster(t, 2, "-m256MiB", "-j1")
	args, want := c.work(8, 300, 300)
	writeFile(t, c.dir, "in.txt", "1\n2\n3\n")
	places := []string{"load", "map", "key", "reduce"}
	var neighbour *submitted
	for i, a := range attacks {
		callersOf := a.callers
		if callersOf == everywhere {
			callersOf = places[i%len(places)]
		}
		caller := strings.Fields(callersOf)[0]
		t.Run(a.name+"/"+caller, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("testdata", "limits", a.name+".star"))
			if err != nil {
				t.Fatal(err)
			}
			job := strings.ReplaceAll(callers[caller], "from_enumerable([1, 2, 3])", `lines("in.txt").map(int)`)
			writeFile(t, c.dir, "attack.star", string(text)+"\n"+job)
			if neighbour == nil {
				neighbour = c.submit(args...)
			}
			var stderr bytes.Buffer
			cmd := c.command(append(append([]string{"submit", "-q"}, a.flags...), "attack.star")...)
			cmd.Stderr = &stderr
			var exit *exec.ExitError
			if err := cmd.Run(); !errors.As(err, &exit) {
				t.Fatalf("it ends with %v", err)
			}
			status := exit.ExitCode()
			if status != statusFailed && status != statusUsage && status != statusLimit || a.limit && status != statusLimit {
				t.Errorf("exit status %d", status)
			}
			if !regexp.MustCompile(a.message + `|memory|executor|too much|takes longer`).MatchString(stderr.String()) {
				t.Errorf("it says %q, want %q", stderr.String(), a.message)
			}
			for i, pid := range c.state.Processes {
				if err := syscall.Kill(pid, 0); err != nil {
					t.Errorf("process %d of the cluster: %v", i, err)
				}
			}
		})
		if i%5 == 4 {
			neighbour.gives(t, want)
			neighbour = nil
		}
	}
	if neighbour != nil {
		neighbour.gives(t, want)
	}
}
