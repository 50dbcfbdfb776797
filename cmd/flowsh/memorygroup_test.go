//go:build linux

package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"

	"github.com/flowsh/flowsh/engine/cluster"
)

// started is a process that runs a command of the shell.
func started(t *testing.T, g *memoryGroup, command string) *process {
	t.Helper()
	p := &process{cmd: exec.Command("sh", "-c", command), said: &lastWords{to: io.Discard}, scratch: t.TempDir(), memory: g}
	p.cmd.Stderr = p.said
	setProcessGroup(p.cmd)
	if err := p.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// TestExecutorsThatAreKilled tells apart who has ended an executor: its agent, somebody else, the kernel because there was
// no more memory, and itself.
func TestExecutorsThatAreKilled(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"proc/self/cgroup": "4:memory:/nodes/a\n0::/\n",
		"sys/fs/cgroup/memory/nodes/a/memory.oom_control":    "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n",
		"sys/fs/cgroup/memory/nodes/a/memory.limit_in_bytes": "536870912\n",
	} {
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		writeFile(t, root, name, text)
	}
	const events = "sys/fs/cgroup/memory/nodes/a/memory.oom_control"
	for _, c := range []struct {
		name, command string
		kill          bool // from here
		ooms          string
		cause         cluster.Cause
		reason        string
	}{
		{"by its agent", "echo; cat", false, "", cluster.Ended, "^$"},
		{"by somebody", "echo; exec cat", true, "", cluster.Lost, "was killed"},
		{"by the kernel", "echo; exec cat", true, "oom_kill 4\n", cluster.OutOfMemory, "ran out of memory, and the kernel ended it .limit 536870912 bytes"},
		{"by itself", "echo; kill -SEGV $$", false, "", cluster.Died, "segmentation fault"},
		{"by itself, with a status", "echo; exit 3", false, "", cluster.Died, "exit status 3"},
		{"as it should", "echo; exit 0", false, "", cluster.Ended, "^$"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := started(t, newMemoryGroup(root, 1<<30), c.command)
			if _, err := io.ReadFull(p, make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			if c.ooms != "" {
				writeFile(t, root, events, c.ooms)
			}
			if c.kill {
				if err := p.cmd.Process.Signal(syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
			}
			if c.name != "by its agent" {
				_, _ = io.Copy(io.Discard, p) // to its end
			}
			if d := p.Death(); d.Cause != c.cause || !regexp.MustCompile(c.reason).MatchString(d.Reason) {
				t.Errorf("it ended by %q: %s", d.Cause, d.Reason)
			}
		})
	}
}

// TestMemoryGroup has the kernel end a process that takes more than its group may have, where this process may make groups.
func TestMemoryGroup(t *testing.T) {
	g := newMemoryGroup("/", 32<<20)
	if g == nil || !g.own {
		t.Skip("no cgroup can be made here")
	}
	p := started(t, g, "read line; exec tail /dev/zero")
	if _, err := io.WriteString(p, "go\n"); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, p) // to its end
	if d := p.Death(); d.Cause != cluster.OutOfMemory {
		t.Errorf("it ended by %q: %s", d.Cause, d.Reason)
	}
	if _, err := os.Stat(g.dir); !os.IsNotExist(err) {
		t.Errorf("its group is left behind: %v", err)
	}
}
