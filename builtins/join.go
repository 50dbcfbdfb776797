package builtins

import (
	"errors"
	"fmt"
	"slices"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/kernel"
	"go.starlark.net/starlark"
)

// join is the operator that matches two flows, by one of its names.
func join(name string) *operator {
	return &operator{name: name, kind: engine.OpJoin, finish: meetOther, params: []param{
		right(), required(record("on")), record("other_on"),
		how(), pairFunction("f"), window(), onError(),
	}}
}

// outerJoins are what other systems call ways of a join.
var outerJoins = map[starlark.String]string{
	"outer": "full", "full_outer": "full", "left_outer": "left", "right_outer": "right",
}

// how is which records without a match come out, or that only left records do.
func how() param {
	p := optionChoice("how", "inner", "left", "right", "full", "semi", "anti")
	set := p.set
	p.set = func(d *draft, v starlark.Value) error {
		err := set(d, v)
		var e *LoadError
		if s, ok := v.(starlark.String); ok && errors.As(err, &e) && outerJoins[s] != "" {
			e.Hint = fmt.Sprintf("write how = %q", outerJoins[s])
		}
		return err
	}
	return p
}

// pairFunction is a function whose two arguments are a left record and a right one.
func pairFunction(name string) param {
	return param{name: name, set: func(d *draft, v starlark.Value) error {
		const hint = "write f = lambda left, right: ..."
		if _, ok := v.(starlark.Callable); !ok {
			return mistake(hint, "want a function, not %s", v.Type())
		}
		if f, ok := v.(*starlark.Function); ok && !takesTwo(f) {
			return mistake(hint, "%s must take two arguments, the left record and the right one", d.u.describe(v))
		}
		f, err := d.bind(name, v, kernel.Signature{})
		if err != nil {
			return err
		}
		f.Spread = 2
		d.add(f)
		return nil
	}}
}

func takesTwo(f *starlark.Function) bool {
	most := f.NumParams() - f.NumKwonlyParams()
	if f.HasKwargs() {
		most--
	}
	if f.HasVarargs() {
		return true
	}
	least := 0
	for i := range most {
		if f.ParamDefault(i) == nil {
			least++
		}
	}
	return least <= 2 && most >= 2
}

// joinWindowHints say what to write instead of windows that a join does not take.
var joinWindowHints = map[string]string{
	"session":  "write windows.fixed(...) or windows.sliding(...), or join what a reduce makes of the sessions of each flow",
	"count":    "number the records by with_index() and join on the number divided by n",
	"periodic": "write windows.fixed(...) with the time of the records",
}

// meetOther checks what says more than one parameter of a join.
func meetOther(d *draft) error {
	alone := slices.ContainsFunc(d.op.Options, func(o engine.Option) bool {
		return o.Name == "how" && (o.Text == "semi" || o.Text == "anti")
	})
	switch {
	case alone && d.has("f"):
		e := d.mistake("%s: how = semi and anti give left records, which f would have no right ones for", d.operator.name)
		e.Hint = "leave f out, and write .map(...) behind it"
		return e
	case d.has("on_error") && !d.has("f"):
		e := d.mistake("%s: on_error is about f, and there is no f", d.operator.name)
		e.Hint = "leave on_error out, or give f"
		return e
	}
	if w := d.op.Window; w != nil && joinWindowHints[w.Kind] != "" {
		e := d.mistake("%s: windows.%s are cut by the records of one flow, and a join has two", d.operator.name, w.Kind)
		e.Hint = joinWindowHints[w.Kind]
		return e
	}
	if w := d.op.Window; w != nil && (w.Lateness != nil || w.Fill) {
		e := d.mistake("%s: windows of a join take neither lateness nor fill", d.operator.name)
		e.Hint = "a record is matched with those of its window, however late it comes"
		return e
	}
	return meet(d)
}
