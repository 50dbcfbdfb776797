package kernel

import (
	"errors"

	"github.com/flowsh/flowsh/engine/chunk"
	"go.starlark.net/starlark"
)

// Call calls a function of the reducer other than the one that folds, with args as they are. A *ScriptError names
// the function as what. args is not retained.
func (f *Folder) Call(fn *Func, what string, args starlark.Tuple) (starlark.Value, error) {
	v, err := f.call(fn, args)
	if err != nil {
		return nil, f.fail(f.r.Name+": "+what, f.r.At, f.r.Op, err)
	}
	return v, nil
}

// CallWith calls fn(state, record) with value i of records, spread if the function asks for it.
func (f *Folder) CallWith(fn *Func, what string, state starlark.Value, records *chunk.Column, i int) (starlark.Value, error) {
	v, cause, ok := starlark.Value(nil), any(nil), false
	c := f.calleeFor(fn)
	if c != nil && c.frame != nil && f.r.Kernels != "verify" {
		if c.records != records || c.opening != f.opening {
			c.open(records)
			c.opening = f.opening
		}
		v, cause, ok = c.value(f.hold(state), i)
	}
	if ok {
		return v, nil
	}
	a := newArguments(fn)
	args := a.next()
	args[0] = state
	err := a.record(args, detached(records.At(i), true))
	if err == nil {
		v, err = f.invoke(fn.Callable, args)
	}
	if err == nil {
		if c != nil {
			c.bug(cause)
		}
		return v, nil
	}
	err = f.fail(f.r.Name+": "+what, f.r.At, f.r.Op, err)
	var e *ScriptError
	if errors.As(err, &e) {
		e.Show(records.At(i))
	}
	return nil, err
}
