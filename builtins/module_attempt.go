package builtins

import (
	"fmt"
	"strings"

	"github.com/flowsh/flowsh/engine/kernel"
	"go.starlark.net/starlark"
)

// attempt calls f and gives its value, or a default if f fails. Limits and a cancelled job are not failures of f.
func attempt(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if len(args) == 0 {
		return nil, fmt.Errorf("%s: missing argument for f", b.Name())
	}
	f, ok := args[0].(starlark.Callable)
	if !ok {
		return nil, fmt.Errorf("%s: f must be a function, not %s: write attempt(int, s), not attempt(int(s))", b.Name(), args[0].Type())
	}
	var fallback starlark.Value = starlark.None
	if err := starlark.UnpackArgs(b.Name(), nil, kwargs, "default?", &fallback); err != nil {
		return nil, err
	}
	v, err := recovered(t, f, args[1:])
	if err == nil || stopped(err) {
		return v, err
	}
	return fallback, nil
}

// recovered calls f and makes an error of a Go panic inside it.
func recovered(t *starlark.Thread, f starlark.Callable, args starlark.Tuple) (v starlark.Value, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			v, err = nil, fmt.Errorf("%w: %v", kernel.ErrPanic, cause)
		}
	}()
	return starlark.Call(t, f, args, nil)
}

// stopped says that a call failed because its thread was cancelled, for which the library has no error value.
// A script cannot make such an error: fail() puts its own word in front.
func stopped(err error) bool {
	return strings.HasPrefix(err.Error(), "Starlark computation cancelled: ")
}
