package builtins

import (
	"slices"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/kernel"
	"go.starlark.net/starlark"
)

// emitAfter and triggerAfter say after a reduce or a scan what a parameter could have said.
func emitAfter(thread *starlark.Thread, fn *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	return amend(thread, fn, &operator{name: "emit", params: []param{required(emit())}}, args, kwargs)
}

func triggerAfter(thread *starlark.Thread, fn *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	return amend(thread, fn, &operator{name: "on_trigger", params: []param{required(onTrigger())}}, args, kwargs)
}

func amend(thread *starlark.Thread, fn *starlark.Builtin, o *operator, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	u, err := whileLoading(thread, o.name)
	if err != nil {
		return nil, err
	}
	in := fn.Receiver().(*Flow)
	if in.op.Kind != engine.OpReduce && in.op.Kind != engine.OpScan {
		return nil, mistake("better: reduce(initial, f, "+o.name+" = ...)", "%s must stand directly after reduce or scan", o.name)
	}
	if in.op.Emit != "" || in.finds("on_trigger") {
		return nil, mistake("say once what comes out", "%s has emit or on_trigger already", in.op.Kind)
	}
	given, err := bindArguments(o.name, []string{o.params[0].name}, args, kwargs)
	if err != nil {
		return nil, err
	}
	changed := *in
	changed.funcs = slices.Clone(in.funcs)
	d := &draft{u: u, operator: o, given: given, Flow: &changed}
	if err := d.fill(); err != nil {
		return nil, err
	}
	return d.Flow, nil
}

// finds says that the operator has a function as that parameter.
func (f *Flow) finds(param string) bool {
	return slices.ContainsFunc(f.funcs, func(fn boundFunc) bool { return fn.param == param })
}

// onTrigger is what a reducer does with its state when a trigger fires and when a window ends: on_trigger(state),
// (state, lane) or (state, lane, window).
func onTrigger() param {
	p := allOrFirst("on_trigger", "the state, the lane and the window", 3)
	bound := p.set
	p.set = func(d *draft, v starlark.Value) error {
		if d.op.Emit != "" {
			return mistake("leave emit out", "on_trigger says what comes out, so there is nothing for emit to say")
		}
		return bound(d, v)
	}
	return p
}

// allOrFirst is a function that is called with most arguments, or with as many of the first of them as it takes.
func allOrFirst(name, arguments string, most int) param {
	return param{name: name, set: func(d *draft, v starlark.Value) error {
		args := 1
		if f, ok := v.(*starlark.Function); ok {
			n := f.NumParams() - f.NumKwonlyParams()
			if f.HasVarargs() || f.HasKwargs() || n < 1 || n > most {
				return mistake("", "%s is called with %s, or the first of them: %s must take 1 to %d parameters", name, arguments, d.u.describe(v), most)
			}
			args = n
		}
		f, err := d.bind(name, v, kernel.Signature{Own: args - 1})
		if err == nil {
			f.Spread = 0
			d.add(f)
		}
		return err
	}}
}
