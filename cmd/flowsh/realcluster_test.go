package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A realCluster is a master and workers as processes of their own.
type realCluster struct {
	testing.TB
	dir   string // its own TMPDIR, and where jobs are submitted
	state *localCluster
}

func startCluster(t testing.TB, workers int, flags ...string) *realCluster {
	t.Helper()
	c := &realCluster{TB: t, dir: t.TempDir()}
	c.flowsh(append([]string{"cluster", "up", fmt.Sprintf("-n%d", workers)}, flags...)...)
	var err error
	if c.state, err = readState(filepath.Join(c.dir, fmt.Sprintf("flowsh-cluster-%d", os.Getuid()))); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			logs, _ := filepath.Glob(filepath.Join(c.dir, "flowsh-cluster-*", "*.log"))
			for _, name := range logs {
				text, _ := os.ReadFile(name)
				t.Logf("%s:\n%s", filepath.Base(name), text[:min(len(text), 4000)])
			}
		}
		_ = c.command("cluster", "down").Run() // what is left ends with the test's folder
	})
	return c
}

func (c *realCluster) command(args ...string) *exec.Cmd {
	cmd := exec.Command("flowsh", args...)
	cmd.Dir, cmd.Env = c.dir, append(os.Environ(), "TMPDIR="+c.dir)
	return cmd
}

// flowsh runs a command that must succeed, and gives what it prints.
func (c *realCluster) flowsh(args ...string) string {
	c.Helper()
	var stdout, stderr bytes.Buffer
	cmd := c.command(args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		c.Fatalf("flowsh %q: %v: %s", args, err, stderr.String())
	}
	return stdout.String()
}

// fails runs a command that must fail with a status and a message.
func (c *realCluster) fails(status int, message string, args ...string) {
	c.Helper()
	var stderr bytes.Buffer
	cmd := c.command(args...)
	cmd.Stderr = &stderr
	var exit *exec.ExitError
	if err := cmd.Run(); !errors.As(err, &exit) || exit.ExitCode() != status || !regexp.MustCompile(message).MatchString(stderr.String()) {
		c.Errorf("flowsh %q: %v and %q, want status %d and %q", args, err, stderr.String(), status, message)
	}
}

// A submitted job runs in the background.
type submitted struct {
	*exec.Cmd
	stdout, stderr bytes.Buffer
}

func (c *realCluster) submit(args ...string) *submitted {
	s := &submitted{Cmd: c.command(append([]string{"submit", "-q"}, args...)...)}
	s.Cmd.Stdout, s.Cmd.Stderr = &s.stdout, &s.stderr
	if err := s.Start(); err != nil {
		c.Fatal(err)
	}
	return s
}

// gives waits for the end of a job, and tests what it has printed.
func (s *submitted) gives(t *testing.T, want string) {
	t.Helper()
	if err := s.Wait(); err != nil || s.stdout.String() != want {
		t.Fatalf("the job: %v, %d bytes instead of %d: %s", err, s.stdout.Len(), len(want), s.stderr.String())
	}
}

// signal sends a signal to process i: 0 is the master.
func (c *realCluster) signal(i int, s syscall.Signal) {
	if err := syscall.Kill(c.state.Processes[i], s); err != nil && !errors.Is(err, syscall.ESRCH) {
		c.Fatal(err)
	}
}

// worker starts one more worker, which ends with the test.
func (c *realCluster) worker(name string) *exec.Cmd {
	cmd := c.command("worker", "--quiet", "--join", c.state.Gossip, "--name", name, "-m256MiB", "--allow-read=/")
	if err := cmd.Start(); err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	})
	return cmd
}

// until waits until flowsh nodes says something, or says it no more.
func (c *realCluster) until(word string, there bool) {
	c.Helper()
	c.untilIn("nodes", word, there)
}

// untilIn waits until a command says something, or says it no more.
func (c *realCluster) untilIn(command, word string, there bool) {
	c.Helper()
	for end := time.Now().Add(30 * time.Second); strings.Contains(c.flowsh(command), word) != there; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			c.Fatalf("flowsh %s says %q, %q: %v is not so", command, c.flowsh(command), word, there)
		}
	}
}

// work writes a job that takes a while, in so many tasks, and gives its arguments and what it prints here.
func (c *realCluster) work(tasks, records, loops int) (args []string, want string) {
	c.Helper()
	script := fmt.Sprintf("def work(line):\n    n = int(line)\n    for i in range(%d):\n        n = (n * 31 + i) %% 1000003\n    return n %% 1000\n\n"+
		"job = lines(arg(\"input\", rest = True)).count(by = work)\n", loops)
	args = []string{"work.star"}
	if err := os.WriteFile(filepath.Join(c.dir, args[0]), []byte(script), 0o600); err != nil {
		c.Fatal(err)
	}
	for i := range tasks {
		var text strings.Builder
		for n := range records {
			fmt.Fprintln(&text, i*records+n)
		}
		name := fmt.Sprintf("input%03d.txt", i)
		if err := os.WriteFile(filepath.Join(c.dir, name), []byte(text.String()), 0o600); err != nil {
			c.Fatal(err)
		}
		args = append(args, name)
	}
	return args, c.flowsh(append([]string{"-q"}, args...)...)
}
