package kernel

import (
	"errors"
	"fmt"
	"slices"

	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
)

// calleeOf is what runs a function compiled, nil if it runs on the interpreter alone.
func (f *Folder) calleeOf(at **callee, fn *Func) *callee {
	if *at != nil || f.r.Kernels == "off" || fn.Source == nil {
		return *at
	}
	role := gives
	if fn == f.r.Fn {
		role = f.r.role()
	}
	l := f.r.compiled.of(fn, f.r.Using, f.env, role)
	if f.frame == nil && !l.off.Load() {
		f.frame = &frame{env: f.env, thread: f.thread}
		f.frame.memory.forget()
	}
	*at = l.callee(f.frame)
	return *at
}

// role is what the function that folds gives.
func (r *Reducer) role() role {
	if r.Emits {
		return scans
	}
	return folds
}

// call calls a function with values: states, and what says which they are.
func (f *Folder) call(fn *Func, args starlark.Tuple) (starlark.Value, error) {
	c := f.calleeFor(fn)
	if c == nil {
		return f.invoke(fn.Callable, args)
	}
	if f.r.Kernels == "verify" {
		return f.verifiedCall(c, args)
	}
	v, cause, ok := c.value(args, 0)
	if ok {
		return v, nil
	}
	v, err := f.invoke(fn.Callable, args)
	if err == nil {
		c.bug(cause)
	}
	return v, err
}

// calleeFor is what runs a function other than the one that folds; nil: it runs on the interpreter alone.
func (f *Folder) calleeFor(fn *Func) *callee {
	if i := slices.IndexFunc(f.callees, func(c *callee) bool { return c.fn == fn }); i >= 0 {
		return f.callees[i]
	}
	var c *callee
	if f.calleeOf(&c, fn) != nil {
		f.callees = append(f.callees, c)
	}
	return c
}

// bug counts a panic of compiled code that was no guard's.
func (c *callee) bug(cause any) {
	if _, guard := cause.(*deopt); !guard && cause != nil {
		c.report.Bugs++
		c.report.Bug = fmt.Sprint(cause)
	}
}

// verified folds record i both ways, the interpreter on a copy of the state. The larger a state is, the fewer of its
// records are folded twice.
func (f *Folder) verified(state starlark.Value, i int) (next starlark.Value, err error) {
	f.At(f.ordinal(i))
	if f.skipped > 0 {
		f.skipped -= unverifiedStep
		next, done, cause := f.folding.fold(f.hold(state), i, i+1)
		if done == i {
			next, err = f.interpret(next, i)
			f.bugVerified(cause, err, &err)
		}
		return next, err
	}
	if f.folding.call(f.hold(state)) == nil {
		return f.interpret(state, i)
	}
	f.skipped = value.Size(state)
	other := value.Copy(state)
	reference, second := f.interpret(other, i)
	next, done, cause := f.folding.fold(f.hold(state), i, i+1)
	if done == i {
		next, err = f.interpret(next, i)
		f.bugVerified(cause, err, &err)
	}
	return next, f.compared(err, second, next, reference, value.Cut(f.records.At(i), maxRecordText))
}

// unverifiedStep is how many bytes of a state pay for one record that is not verified.
const unverifiedStep = 1 << 12

// bugVerified makes an error of a panic of compiled code.
func (f *Folder) bugVerified(cause any, failed error, err *error) {
	if _, guard := cause.(*deopt); guard || cause == nil || errors.Is(failed, ErrPanic) {
		return
	}
	*err = &MismatchError{Functions: f.r.At + " " + f.r.Name, What: "panic", Kernel: fmt.Sprint(cause), Reference: text(failed)}
}

// verifiedCall calls a function both ways.
func (f *Folder) verifiedCall(c *callee, args starlark.Tuple) (starlark.Value, error) {
	if c.call(args) == nil {
		return f.invoke(c.fn.Callable, args)
	}
	reference, second := f.invoke(c.fn.Callable, value.Copy(args).(starlark.Tuple))
	v, cause, ok := c.value(args, 0)
	var err error
	if !ok {
		v, err = f.invoke(c.fn.Callable, args)
		f.bugVerified(cause, err, &err)
	}
	return v, f.compared(err, second, v, reference, "")
}

// compared is the first error, or that of a difference.
func (f *Folder) compared(err, second error, v, reference starlark.Value, record string) error {
	var diff *MismatchError
	switch {
	case errors.As(err, &diff):
		return err
	case text(err) != text(second):
		diff = &MismatchError{What: "error", Kernel: text(err), Reference: text(second)}
	case err != nil || identical(v, reference):
		return err
	default:
		diff = &MismatchError{What: "state", Kernel: value.Cut(v, 200), Reference: value.Cut(reference, 200)}
	}
	diff.Functions, diff.Record = f.r.At+" "+f.r.Name, record
	return diff
}

// Reports says how the functions of a reducer were run so far, by function. No folder may be running.
func (r *Reducer) Reports() map[*Func]Report {
	r.compiled.mu.Lock()
	defer r.compiled.mu.Unlock()
	all := map[*Func]Report{}
	for _, l := range r.compiled.all {
		all[l.fn] = l.report()
	}
	return all
}
