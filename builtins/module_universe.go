package builtins

import (
	"fmt"
	"maps"

	"github.com/flowsh/flowsh/engine/kernel"
	starlarkmath "go.starlark.net/lib/math"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
)

// maxText bounds every string that a function of this package builds, in bytes.
const maxText = 1 << 30

// universe is what a script finds predeclared beside Starlark's own names and beside flows, sources, arguments
// and steps. The dict is the caller's; the values in it are frozen and safe for concurrent use.
func universe(env *Env) starlark.StringDict {
	d := starlark.StringDict{
		"agg":     aggregates,
		"attempt": builtin("attempt", attempt),
		"counter": builtin("counter", countNamed),
		"decimal": decimals,
		"here":    builtin("here", env.here),
		"json":    jsonModule,
		"math":    starlarkmath.Module,
		"random":  randoms,
		"re":      newRegexps(),
		"round":   builtin("round", round),
		"sprintf": builtin("sprintf", sprintf),
		"struct":  builtin("struct", starlarkstruct.Make),
		"sum":     builtin("sum", sum),
		"time":    env.times(),
		"windows": windows,
		"xxhash":  builtin("xxhash", xxhashKey),
	}
	d.Freeze()
	return d
}

// A function is the Go side of a builtin.
type function = func(*starlark.Thread, *starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error)

// builtin makes a builtin whose Go panics are errors, and so have a position in the script.
func builtin(name string, f function) *starlark.Builtin {
	return starlark.NewBuiltin(name, func(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (v starlark.Value, err error) {
		defer func() {
			if cause := recover(); cause != nil {
				v, err = nil, fmt.Errorf("%s: %w: %v", b.Name(), kernel.ErrPanic, cause)
			}
		}()
		return f(t, b, args, kwargs)
	})
}

// module makes a module; builtins in members are called module.name in messages.
func module(name string, functions map[string]function, values starlark.StringDict) *starlarkstruct.Module {
	members := starlark.StringDict{}
	maps.Copy(members, values)
	for member, f := range functions {
		members[member] = builtin(name+"."+member, f)
	}
	m := &starlarkstruct.Module{Name: name, Members: members}
	m.Freeze()
	return m
}
