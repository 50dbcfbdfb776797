package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/kernel"
)

// An isolator is a worker that can do a task apart from everything else, because the task has ended an executor.
type isolator interface {
	// Isolate does a task as Do does. Records that end whatever looks at them fail; the error is a *fatalError if
	// there is no such record, or too many.
	Isolate(ctx context.Context, a Attempt, t engine.Task, in []Input, d Death) (Output, error)
}

// do has a worker do a task. suspect is how the last executor ended that did it, if that was its own doing.
func do(ctx context.Context, w Worker, a Attempt, t engine.Task, in []Input, suspect Death) (Output, error) {
	if x, ok := w.(isolator); ok && suspect.Cause != Ended {
		return x.Isolate(ctx, a, t, in, suspect)
	}
	return w.Do(ctx, a, t, in)
}

// A fatalError says that a task ends whatever does it.
type fatalError struct{ Death }

func (e *fatalError) Error() string { return e.Reason }

// mostFatal is how many records of a task may end an executor before the task is given up.
const mostFatal = 16

// Isolate implements isolator: executors of their own do the task with care, so that the call is known in which one
// ends. A call that also ends an executor that looks at nothing but its record is to blame, and is left out from then
// on; one that passes the limit for a single step is to blame anyhow.
func (w *remoteWorker) Isolate(ctx context.Context, a Attempt, t engine.Task, in []Input, d Death) (Output, error) {
	var fatal []engine.Fatal
	if d.Cause == PassedLimit && d.Noted {
		fatal = append(fatal, fatalOf(d))
	}
	for {
		t.Care = &engine.Care{Fatal: fatal}
		x, out, err := w.apart(ctx, a, t, in)
		if err == nil {
			w.keep(a, x)
			return out, nil
		}
		d, died := suicide(err)
		if !died {
			return out, ofMachine(err)
		}
		if !d.Noted || len(fatal) == mostFatal || slices.ContainsFunc(fatal, func(f engine.Fatal) bool { return f.Spot == d.At }) {
			return out, &fatalError{d}
		}
		if d.Cause != PassedLimit {
			if err := w.confirm(ctx, a, t, in, d); err != nil {
				return out, err
			}
		}
		fatal = append(fatal, fatalOf(d))
	}
}

func fatalOf(d Death) engine.Fatal {
	limit := (&DeathError{Cause: d.Cause}).Is(kernel.ErrLimit)
	return engine.Fatal{Spot: d.At, Reason: "this record ends whatever looks at it: " + d.Reason, Limit: limit}
}

// confirm tests that the record that an executor ended with ends one by itself.
func (w *remoteWorker) confirm(ctx context.Context, a Attempt, t engine.Task, in []Input, d Death) error {
	t.Care = &engine.Care{Fatal: t.Care.Fatal, Only: &d.At.Position}
	x, _, err := w.apart(ctx, a, t, in)
	if err == nil {
		_ = x.session.Close() // it has shown what it was to show
		d.Reason = fmt.Sprintf("task %d ends its executor, and no record of it does so alone: %s", a.Task.Index, d.Reason)
		return &fatalError{d}
	}
	if _, died := suicide(err); died {
		return nil
	}
	return ofMachine(err)
}

// apart does a task in an executor of its own, which goes on if nothing is wrong.
func (w *remoteWorker) apart(ctx context.Context, a Attempt, t engine.Task, in []Input) (*remoteWorker, Output, error) {
	x, err := w.isolate()
	if err != nil {
		return nil, Output{}, fmt.Errorf("no executor for a task that ended one: %w", err)
	}
	out, err := x.Do(ctx, a, t, in)
	if err != nil {
		_ = x.session.Close() // the error says why
	}
	return x, out, err
}

// suicide is how an executor ended, if the error says that it did so by itself.
func suicide(err error) (Death, bool) {
	var lost *lostError
	if errors.As(err, &lost) && lost.Cause.itself() {
		return lost.Death, true
	}
	return Death{}, false
}

// ofMachine is an error that is not taken for the loss of the worker.
func ofMachine(err error) error {
	if errors.Is(err, ErrLost) {
		return fmt.Errorf("an executor of its own: %v", err)
	}
	return err
}

// keep remembers who has the output of an attempt.
func (w *remoteWorker) keep(a Attempt, x *remoteWorker) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.isolated == nil {
		w.isolated = map[Attempt]*remoteWorker{}
	}
	w.isolated[a] = x
}

// isolation is who has the output of an attempt; nil: the worker itself.
func (w *remoteWorker) isolation(a Attempt, forget bool) *remoteWorker {
	w.mu.Lock()
	defer w.mu.Unlock()
	x := w.isolated[a]
	if forget {
		delete(w.isolated, a)
	}
	return x
}

// forget ends the executors that have outputs of such tasks.
func (w *remoteWorker) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, x := range w.isolated {
		_ = x.session.Close() // its executor ends with it
	}
	w.isolated = nil
}

// isolated has a worker's agent start one more executor for the job.
func (c *crew) isolated(ctx context.Context, worker order) (*remoteWorker, error) {
	part := strconv.FormatInt(c.parts.Add(1), 10)
	s, link, _, err := c.start(worker, part)
	if err != nil {
		return nil, err
	}
	x := &remoteWorker{session: s, link: link, dead: make(chan struct{})}
	go func() {
		defer close(x.dead)
		select {
		case <-s.Done():
			x.death = c.death(worker.Name, part)
		case <-ctx.Done():
			_ = s.Close() // the executor ends with it
		}
	}()
	return x, nil
}
