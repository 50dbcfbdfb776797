package builtins

import (
	"slices"
	"strings"
	"time"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/kernel"
	sktime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"
)

// required makes a parameter one that every call gives.
func required(p param) param {
	p.required = true
	return p
}

// record is a function of a record, or a selector.
func record(name string) param { return fn(name, kernel.Signature{Field: true}) }

// each is a function of a record that may also take the side input, or a selector.
func each(name string) param { return fn(name, kernel.Signature{Field: true, Using: true}) }

// fold is a function of the state and a record.
func fold(name string) param { return fn(name, kernel.Signature{Own: 1, Using: true}) }

// by is the key of keyed state.
func by() param {
	return param{name: "by", set: func(d *draft, v starlark.Value) error {
		if d.lanes {
			return mistake("by= partitions already: leave partition out", "%s has by=, and the flow is partitioned before it", d.operator.name)
		}
		return record("by").set(d, v)
	}}
}

func fn(name string, sig kernel.Signature) param {
	return param{name: name, set: func(d *draft, v starlark.Value) error {
		f, err := d.bind(name, v, sig)
		if err == nil {
			d.add(f)
		}
		return err
	}}
}

// whole is a function whose arguments are no records, so nothing is spread over its parameters.
func whole(name string, args int) param {
	return param{name: name, set: func(d *draft, v starlark.Value) error {
		f, err := d.bind(name, v, kernel.Signature{Own: args - 1})
		if err != nil {
			return err
		}
		if f.Spread > 0 {
			return mistake("", "%s is called with %d, but takes %d", f.text, args, f.Spread+args-1)
		}
		d.add(f)
		return nil
	}}
}

// initial is the state to begin with: a function without parameters, or behind a partition of (lane, lanes), or a
// value that is copied. None is a value.
func initial() param {
	return param{name: "initial", none: true, set: func(d *draft, v starlark.Value) error {
		if f, ok := v.(*starlark.Function); ok && needsArguments(f) && !(d.lanes && kernel.TakesLane(f)) {
			return mistake("the initial state comes first: "+d.operator.name+"(initial, f)", "%s is called without arguments, but has parameters", d.u.describe(v))
		}
		if _, ok := v.(*Flow); ok {
			return mistake("", "want a value or a function without parameters, not a flow")
		}
		d.addValue("initial", v)
		return nil
	}}
}

func needsArguments(f *starlark.Function) bool {
	n := f.NumParams()
	if f.HasVarargs() {
		n--
	}
	if f.HasKwargs() {
		n--
	}
	for i := range n {
		if f.ParamDefault(i) == nil {
			return true
		}
	}
	return false
}

// using is the side input.
func using() param {
	return param{name: "using", set: func(d *draft, v starlark.Value) error {
		switch v := v.(type) {
		case *lookup:
			d.side = v
		case *Flow:
			d.side = &lookup{flow: v}
		default:
			return mistake("a list or a dict needs no using: name it in the function", "want a flow or lookup(...), not %s", v.Type())
		}
		if err := d.side.flow.uncut(); err != nil {
			return err
		}
		if d.side.flow.written() {
			return mistake("", "write ends a flow: use the flow before it")
		}
		d.depth = max(d.depth, d.side.flow.depth+1)
		return nil
	}}
}

func onError() param {
	return param{name: "on_error", set: func(d *draft, v starlark.Value) (err error) {
		d.op.OnError, err = errorRules(v)
		return err
	}}
}

// integer is a whole number from least to most; 0 for most means there is no upper bound.
func integer(name string, least, most int64, field func(*engine.Op) *int64) param {
	return param{name: name, set: func(d *draft, v starlark.Value) error {
		i, ok := v.(starlark.Int)
		n, fits := i.Int64()
		switch {
		case !ok:
			return mistake("", "want an int, not %s", v.Type())
		case !fits || n < least || most > 0 && n > most:
			return mistake("", "%s is out of range%s", v, bounds(least, most))
		}
		*field(&d.op) = n
		return nil
	}}
}

func bounds(least, most int64) string {
	text := ": at least " + starlark.MakeInt64(least).String()
	if most > 0 {
		text += ", at most " + starlark.MakeInt64(most).String()
	}
	return text
}

func flag(name string, field func(*draft) *bool) param {
	return param{name: name, set: func(d *draft, v starlark.Value) error { return unpack(v, field(d)) }}
}

// choice is one of some words; the first is the default, and stands as "" in the operator.
func choice(name string, field func(*draft) *string, words ...string) param {
	return param{name: name, set: func(d *draft, v starlark.Value) error {
		s, ok := starlark.AsString(v)
		i := slices.Index(words, s)
		switch {
		case !ok || i < 0:
			return mistake(didYouMean(s, words), `want one of "%s", not %s`, strings.Join(words, `", "`), v)
		case i > 0:
			*field(d) = s
		}
		return nil
	}}
}

// strs is a list of strings; one string counts as a list.
func strs(name string, field func(*draft) *[]string) param {
	return param{name: name, set: func(d *draft, v starlark.Value) (err error) {
		*field(d), err = stringList(v)
		return err
	}}
}

// duration is text such as "1h30m", or a value of the module time.
func duration(name string) param {
	return param{name: name, set: func(d *draft, v starlark.Value) error {
		var t sktime.Duration
		if err := unpack(v, &t); err != nil || t <= 0 {
			return mistake("", `want a duration such as "500ms" or "1h30m", not %s`, v)
		}
		d.option(name, time.Duration(t).String())
		return nil
	}}
}

func stringList(v starlark.Value) ([]string, error) {
	if s, ok := starlark.AsString(v); ok {
		return []string{s}, nil
	}
	seq, ok := v.(starlark.Sequence)
	if !ok {
		return nil, mistake("", "want a string or a list of strings, not %s", v.Type())
	}
	list := make([]string, 0, seq.Len())
	for e := range starlark.Elements(seq) {
		s, ok := starlark.AsString(e)
		if !ok {
			return nil, mistake("", "want a list of strings, but it holds %s", e.Type())
		}
		list = append(list, s)
	}
	return list, nil
}
