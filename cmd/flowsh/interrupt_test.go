package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/flowsh/flowsh/engine/host"
)

// An endless is a run of flowsh in a folder of its own that is fed lines until it ends. Its temporary files go to
// dir/tmp.
type endless struct {
	*exec.Cmd
	dir    string
	stderr strings.Builder
	eaten  chan struct{} // closed when it has read as much as the test wants
}

func startEndless(t *testing.T, enough int, script string, args ...string) *endless {
	t.Helper()
	e := &endless{Cmd: exec.Command("flowsh", args...), dir: t.TempDir(), eaten: make(chan struct{})}
	for _, sub := range []string{"tmp", "out"} {
		if err := os.Mkdir(filepath.Join(e.dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(e.dir, "job.star"), []byte(script), 0o644); err != nil {
		t.Fatal(err)
	}
	e.Dir, e.Stderr = e.dir, &e.stderr
	e.Env = append(os.Environ(), "TMPDIR="+filepath.Join(e.dir, "tmp"))
	in, err := e.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		feed(in, enough, e.eaten)
	}()
	t.Cleanup(func() {
		e.Process.Kill()
		in.Close()
		<-fed
	})
	return e
}

// feed writes different lines until nobody reads them, and closes eaten when it has written enough or cannot.
func feed(w io.Writer, enough int, eaten chan struct{}) {
	block := make([]byte, 64<<10)
	seed := uint32(1)
	for n := 0; ; n += len(block) {
		for i := range block {
			seed = seed*1664525 + 1013904223
			block[i] = 'a' + byte(seed>>24)%26
			if i%16 == 15 {
				block[i] = '\n'
			}
		}
		_, err := w.Write(block)
		if eaten != nil && (err != nil || n >= enough) {
			close(eaten)
			eaten = nil
		}
		if err != nil {
			return
		}
	}
}

// below counts the files in one of the run's folders, and fails if there are none.
func (e *endless) below(t *testing.T, sub string) {
	t.Helper()
	if files, err := filesBelow(filepath.Join(e.dir, sub)); err != nil || len(files) == 0 {
		t.Errorf("no files in %s: %v", sub, err)
	}
}

// status waits for the end of the run.
func (e *endless) status(t *testing.T) int {
	t.Helper()
	err := e.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return e.ProcessState.ExitCode()
}

// leavesNothing fails if anything is in the run's folders.
func (e *endless) leavesNothing(t *testing.T) {
	t.Helper()
	for _, sub := range []string{"tmp", "out"} {
		entries, err := os.ReadDir(filepath.Join(e.dir, sub))
		if err != nil || len(entries) > 0 {
			t.Errorf("left in %s: %v, %v", sub, entries, err)
		}
	}
}

const (
	copyJob = "job = lines().map(lambda l: l)"
	sortJob = "job = lines().sort()"
)

func TestInterruptRemovesOutput(t *testing.T) {
	for _, s := range fatalSignals() {
		signal := s.(syscall.Signal)
		t.Run(signalNames[signal], func(t *testing.T) {
			t.Parallel()
			e := startEndless(t, 16<<20, copyJob, "-o", "out/result.txt", "job.star")
			<-e.eaten
			e.below(t, "out")
			e.Process.Signal(signal)
			if got := e.status(t); got != 128+int(signal) {
				t.Errorf("exit status %d\n%s", got, &e.stderr)
			}
			if !strings.Contains(e.stderr.String(), "interrupted by SIG") {
				t.Errorf("stderr %q", &e.stderr)
			}
			e.leavesNothing(t)
		})
	}
}

func TestInterruptRemovesSpill(t *testing.T) {
	t.Parallel()
	e := startEndless(t, 64<<20, sortJob, "-m", "24MiB", "-o", "out/result.txt", "job.star")
	<-e.eaten
	e.below(t, "tmp")
	e.Process.Signal(syscall.SIGINT)
	if got := e.status(t); got != 130 {
		t.Errorf("exit status %d\n%s", got, &e.stderr)
	}
	e.leavesNothing(t)
}

func TestInterruptTwice(t *testing.T) {
	t.Parallel()
	e := startEndless(t, 16<<20, copyJob, "-o", "out/result.txt", "job.star")
	<-e.eaten
	e.Process.Signal(syscall.SIGINT)
	e.Process.Signal(syscall.SIGINT)
	if got := e.status(t); got != 130 {
		t.Errorf("exit status %d\n%s", got, &e.stderr)
	}
	if _, err := os.Stat(filepath.Join(e.dir, "out", "result.txt")); err == nil {
		t.Error("there is a result")
	}
}

// A clock whose timers fire when the test says so.
type handClock struct {
	host.Clock
	timers chan chan time.Time
}

func (c handClock) After(time.Duration) <-chan time.Time {
	timer := make(chan time.Time, 1)
	c.timers <- timer
	return timer
}

// startWatch runs watch and returns how to reach it.
func startWatch() (signals chan os.Signal, done chan struct{}, ctx context.Context, clock handClock, exits chan int, ended chan struct{}) {
	signals, done, ended = make(chan os.Signal, 2), make(chan struct{}), make(chan struct{})
	ctx, cancel := context.WithCancelCause(context.Background())
	clock, exits = handClock{timers: make(chan chan time.Time, 1)}, make(chan int, 1)
	go func() {
		defer close(ended)
		watch(cleanUpTime, clock, signals, done, cancel, func(status int) { exits <- status })
	}()
	return signals, done, ctx, clock, exits, ended
}

func TestSecondSignalExits(t *testing.T) {
	signals, _, ctx, clock, exits, ended := startWatch()
	signals <- syscall.SIGINT
	<-ctx.Done()
	<-clock.timers
	signals <- syscall.SIGTERM
	if got := <-exits; got != 143 {
		t.Errorf("exit %d", got)
	}
	<-ended
	if cause := context.Cause(ctx); exitStatus(cause) != 130 {
		t.Errorf("cause %v", cause)
	}
}

func TestCleanUpThatHangsExits(t *testing.T) {
	signals, _, _, clock, exits, ended := startWatch()
	signals <- syscall.SIGTERM
	timer := <-clock.timers
	timer <- time.Time{}
	if got := <-exits; got != 143 {
		t.Errorf("exit %d", got)
	}
	<-ended
}

func TestCleanUpThatEndsDoesNotExit(t *testing.T) {
	signals, done, ctx, clock, exits, ended := startWatch()
	signals <- syscall.SIGINT
	<-ctx.Done()
	<-clock.timers
	close(done)
	<-ended
	if len(exits) > 0 {
		t.Error("it exits")
	}
}
