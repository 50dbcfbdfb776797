package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/flowsh/flowsh/engine/host"
)

// cleanUpTime is how long a job that was interrupted may take to remove what it has written.
const cleanUpTime = 3 * time.Second

// An interruption is the signal that ended a job.
type interruption struct{ signal syscall.Signal }

func (e *interruption) Error() string {
	return fmt.Sprintf("interrupted by %s; what was not complete is removed", signalNames[e.signal])
}

// status is what a shell reports for a process that died of the signal.
func (e *interruption) status() int { return 128 + int(e.signal) }

// surviveClosedPipes makes a write to a pipe that nobody reads an error, also on stdout, where it would otherwise
// end the process before its other outputs are committed.
func surviveClosedPipes() { signal.Ignore(syscall.SIGPIPE) }

// signalNames are the signals that end a job: Ctrl-C, kill, and a terminal that goes away.
var signalNames = map[syscall.Signal]string{
	syscall.SIGINT: "SIGINT", syscall.SIGTERM: "SIGTERM", syscall.SIGHUP: "SIGHUP",
}

// fatalSignals leaves out the end of the terminal where nohup says that it does not matter.
func fatalSignals() []os.Signal {
	if signal.Ignored(syscall.SIGHUP) {
		return []os.Signal{syscall.SIGINT, syscall.SIGTERM}
	}
	return []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP}
}

// interruptible returns a context that the first of these signals cancels, with an *interruption as its cause.
// The second one, or three seconds without stop, ends the process through exit. stop gives the signals back, unless one
// has come: the process is ending then, with the status that says so, and another signal must not end it with another.
func interruptible(clock host.Clock, exit func(status int)) (ctx context.Context, stop func()) {
	return interruptibleWithin(cleanUpTime, clock, exit)
}

// interruptibleWithin is interruptible with another time than three seconds.
func interruptibleWithin(limit time.Duration, clock host.Clock, exit func(status int)) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	done := make(chan struct{})
	finished := make(chan struct{})
	signal.Notify(signals, fatalSignals()...)
	go func() {
		defer close(finished)
		watch(limit, clock, signals, done, cancel, exit)
	}()
	return ctx, func() {
		if context.Cause(ctx) == nil {
			signal.Stop(signals)
		}
		close(done)
		<-finished
		cancel(nil)
	}
}

// watch waits for the first signal, cancels, and then for the second.
func watch(limit time.Duration, clock host.Clock, signals <-chan os.Signal, done <-chan struct{}, cancel context.CancelCauseFunc, exit func(int)) {
	var first *interruption
	select {
	case <-done:
		return
	case s := <-signals:
		first = &interruption{s.(syscall.Signal)}
		cancel(first)
	}
	select {
	case <-done:
	case s := <-signals:
		exit((&interruption{s.(syscall.Signal)}).status())
	case <-clock.After(limit):
		exit(first.status())
	}
}
