package kernel

import (
	"errors"
	"fmt"

	"go.starlark.net/starlark"
)

// ErrPanic is in the chain of the error of a record on which a builtin failed with a Go panic.
var ErrPanic = errors.New("a builtin panicked")

// A trap captures the call stack when the thread reaches a step: how the position of a Go panic is found, whose
// own stack is gone when it is recovered.
type trap struct {
	calls starlark.CallStack
}

// guarded calls a function and turns a Go panic inside it into an error with a position.
func (c *caller) guarded(fn starlark.Callable, args starlark.Tuple) (v starlark.Value, err error) {
	before := c.thread.Steps
	defer func() {
		if cause := recover(); cause != nil {
			v, err = nil, c.locate(fn, args, cause, c.thread.Steps-before)
		}
	}()
	return starlark.Call(c.thread, fn, args, nil)
}

// locate calls the function once more, up to the step that panicked, on a thread that stops there.
func (c *caller) locate(fn starlark.Callable, args starlark.Tuple, cause any, steps uint64) error {
	err := fmt.Errorf("%w: %v", ErrPanic, cause)
	if steps == 0 {
		return err
	}
	again := newLooseCaller(c.env)
	again.random = c.random
	again.random.drawn = 0
	again.trap = &trap{}
	again.thread.SetMaxExecutionSteps(steps)
	func() {
		defer func() { _ = recover() }() // the same panic, should the trap not close
		_, _ = starlark.Call(again.thread, fn, args, nil)
	}()
	return &panicError{&starlark.EvalError{Msg: err.Error(), CallStack: again.trap.calls}}
}

// A panicError is ErrPanic with the calls that led to it.
type panicError struct{ at *starlark.EvalError }

func (e *panicError) Error() string   { return e.at.Msg }
func (e *panicError) Unwrap() []error { return []error{e.at, ErrPanic} }
