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
		return nil, d.mistake("%s needs at least one flow", name)
	}
	if len(d.in) == 1 {
		return d.in[0], nil
	}
	return d.Flow, nil
}

// emitAfter and triggerAfter say after a reduce what its parameter could have said.
func emitAfter(thread *starlark.Thread, fn *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	return amend(thread, fn, &operator{name: "emit", params: []param{required(emit())}}, args, kwargs)
}

func triggerAfter(thread *starlark.Thread, fn *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	return amend(thread, fn, &operator{name: "on_trigger", params: []param{required(whole("on_trigger", 1))}}, args, kwargs)
}

func amend(thread *starlark.Thread, fn *starlark.Builtin, o *operator, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	u, err := whileLoading(thread, o.name)
	if err != nil {
		return nil, err
	}
	in := fn.Receiver().(*Flow)
	if in.op.Kind != engine.OpReduce {
		return nil, mistake("better: reduce(initial, f, "+o.name+" = ...)", "%s must stand directly after reduce", o.name)
	}
	given, err := bindArguments(o.name, []string{o.params[0].name}, args, kwargs)
	if err != nil {
		return nil, err
	}
	changed := *in
	changed.funcs, changed.op.Emit = slices.Clone(in.funcs), ""
	d := &draft{u: u, operator: o, given: given, Flow: &changed}
	if err := d.fill(); err != nil {
		return nil, err
	}
	return d.Flow, nil
}
