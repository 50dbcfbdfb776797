package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/flowsh/flowsh/engine/cluster"
)

// restartMaster kills the master with kill -9, and starts one on what it has left.
func (c *realCluster) restartMaster() {
	c.Helper()
	c.signal(0, syscall.SIGKILL)
	state := filepath.Join(c.dir, fmt.Sprintf("flowsh-cluster-%d", os.Getuid()), "state")
	cmd := c.command("master", "--quiet", "--name=master", "--listen", c.state.Master, "--gossip", c.state.Gossip, "--state", state,
		"--allow-read=/", "--allow-write=/")
	var said bytes.Buffer
	cmd.Stderr = &said
	for late := time.Now().Add(10 * time.Second); c.command("jobs", "--master", c.state.Master).Run() == nil; time.Sleep(time.Millisecond) {
		if time.Now().After(late) {
			c.Fatal("the master lives on")
		}
	}
	if err := cmd.Start(); err != nil {
		c.Fatal(err)
	}
	c.state.Processes[0] = cmd.Process.Pid
	c.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
		if c.Failed() {
			c.Logf("a master that was started again: %s", said.String())
		}
	})
	c.flowsh("jobs", "--wait=30s", "--master", c.state.Master)
}

// job is the last of the queue.
func (c *realCluster) job() (last cluster.JobInfo) {
	c.Helper()
	lines := strings.Split(strings.TrimSpace(c.flowsh("jobs", "--json")), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil {
		c.Fatal(err)
	}
	return last
}

// TestMasterKilled kills the master, and the heads of its jobs, with kill -9 when a part of a job is done, and when what
// it writes is about to get its name. The client gets the same bytes, and no task that was done is done again.
func TestMasterKilled(t *testing.T) {
	const tasks = 20
	c := startCluster(t, 2, "-m256MiB", "-j1")
	args, want := c.work(tasks, 600, 600)
	script, err := os.ReadFile(filepath.Join(c.dir, args[0]))
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, c.dir, "write.star", strings.TrimSpace(string(script))+".write(\"out.tsv\")\n")
	for _, percent := range []int{10, 50, 90} {
		t.Run(fmt.Sprintf("at %d percent", percent), func(t *testing.T) {
			number := c.jobs()
			job := c.submit(args...)
			done := 0
			for late := time.Now().Add(30 * time.Second); done < tasks*percent/100; time.Sleep(time.Millisecond) {
				if c.jobs() > number {
					done = c.job().Done
				}
				if time.Now().After(late) {
					t.Fatalf("%d tasks are done", done)
				}
			}
			c.restartMaster()
			job.gives(t, want)
			c.kept(done)
		})
	}
	t.Run("at its commit", func(t *testing.T) {
		job := c.submit(append([]string{"write.star"}, args[1:]...)...)
		for late := time.Now().Add(30 * time.Second); !c.writes(); time.Sleep(100 * time.Microsecond) {
			if time.Now().After(late) {
				t.Fatal("it does not write")
			}
		}
		c.restartMaster()
		job.gives(t, "")
		text, err := os.ReadFile(filepath.Join(c.dir, "out.tsv"))
		if err != nil || string(text) != want {
			t.Errorf("%v, %d bytes", err, len(text))
		}
		c.kept(tasks)
	})
}

func (c *realCluster) jobs() int { return strings.Count(c.flowsh("jobs", "--json"), `"id":`) }

// writes reports whether there is output, with its name or none yet. A job that begins makes an empty file, and removes it.
func (c *realCluster) writes() bool {
	files, err := os.ReadDir(c.dir)
	if err != nil {
		c.Fatal(err)
	}
	for _, f := range files {
		if name := f.Name(); !strings.HasPrefix(name, ".flowsh.") && name != "out.tsv" {
			continue
		}
		if info, err := f.Info(); err == nil && info.Size() > 0 {
			return true
		}
	}
	return false
}

// kept tests that so many tasks of the last job were not done again, and that nothing was done that was kept.
func (c *realCluster) kept(least int) {
	c.Helper()
	if c.job().Attempts == 1 {
		c.Log("it had ended when the master was killed")
		return
	}
	recalled := map[string]bool{}
	for line := range strings.Lines(c.flowsh("receipts", "--json", c.job().ID)) {
		var r cluster.Receipt
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			c.Fatal(err)
		}
		switch {
		case r.Kind == cluster.ReceiptRecalled:
			recalled[r.Chunk] = true
		case r.Kind == cluster.ReceiptSent && recalled[r.Chunk]:
			c.Errorf("chunk %s is kept, and done again", r.Chunk)
		}
	}
	if len(recalled) < least {
		c.Errorf("%d tasks are kept of %d that were done", len(recalled), least)
	}
	c.Logf("%d of %d are kept", len(recalled), least)
}
