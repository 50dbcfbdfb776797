package builtins

import (
	"context"
	"errors"
	"fmt"

	"github.com/flowsh/flowsh/engine"
)

// within executes a script's top level within the memory budget of the process and the
// time there is. If the script is in the middle
// of something that cannot be stopped, it is left to it: the process has to end.
func (u *unit) within(execute func() error) (err error) {
	if u.options.Memory <= 0 {
		return execute()
	}
	defer engine.LimitMemory(u.options.Memory)()
	done := make(chan struct{})
	var executed error
	go func() {
		defer close(done)
		executed = execute()
	}()
	w := engine.Watchdog{
		Clock: u.options.Host.Clock, Budget: u.options.Memory, Stop: u.exceed, Busy: func() bool { return true },
		StepTime: u.options.LoadTime, Moves: func() int64 { return 0 }, // all of it is one step
	}
	if lost := w.Wait(context.Background(), done); lost != nil {
		if errors.As(lost, new(*engine.StepTimeError)) {
			text := fmt.Sprintf("%s takes longer than %v to load: what is to be computed belongs into functions of the job", u.path, u.options.LoadTime)
			return &LoadError{Message: text, Err: lost}
		}
		return &LoadError{Message: u.path + ": " + lost.Error(), Err: lost}
	}
	return executed
}

// exceed stops the files that are loading.
func (l *loader) exceed(limit error) {
	l.exceeded.Store(&limit)
	l.threads.Stop()
}
