package builtins

import (
	"slices"

	"github.com/flowsh/flowsh/engine"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// concat is a.concat(b, ...): the records of a, then those of b, and so on.
func concat(thread *starlark.Thread, fn *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	u, err := whileLoading(thread, "concat")
	if err != nil {
		return nil, err
	}
	if len(kwargs) > 0 {
		return nil, mistake("", "concat has no parameter %s", kwargs[0][0])
	}
	return u.concat(thread.CallFrame(1).Pos, "concat", slices.Concat(starlark.Tuple{fn.Receiver()}, args))
}

func (u *unit) concat(at syntax.Position, name string, flows []starlark.Value) (starlark.Value, error) {
	o := &operator{name: name, kind: engine.OpConcat}
	d := &draft{u: u, operator: o, Flow: &Flow{op: engine.Op{Kind: o.kind, At: at.String()}, at: at}}
	for _, v := range flows {
		f, ok := v.(*Flow)
		if !ok {
			e := d.mistake("%s joins flows, not %s", name, v.Type())
			e.Hint = "from_enumerable(x) makes a flow of a list, from_enumerables([...]) joins a list of flows"
			return nil, e
		}
		if err := d.read(f); err != nil {
			return nil, err
		}
	}
	if len(d.in) == 0 {
		e := d.mistake("%s needs at least one flow", name)
		e.Hint = "from_enumerable([]) is a flow without records"
		return nil, e
	}
	if len(d.in) == 1 {
		return d.in[0], nil
	}
	return d.Flow, nil
}
