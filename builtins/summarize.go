package builtins

import (
	"slices"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/kernel"
	"go.starlark.net/starlark"
)

// summarize is flow.summarize(by=, name = agg.x(...), ...): one dict for each key.
func summarize(thread *starlark.Thread, fn *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	const example = `write summarize(by = "user", total = agg.sum("amount"))`
	o := &operator{name: "summarize", kind: engine.OpSummarize, params: []param{by()}, finish: keyFields}
	for _, kw := range kwargs {
		if name := string(kw[0].(starlark.String)); name != "by" {
			o.params = append(o.params, aggregate(name))
		}
	}
	switch {
	case len(args) > 1:
		return nil, mistake(example, "aggregates of summarize have names")
	case len(args) == 1 && isAggregation(args[0]):
		return nil, mistake(example, "aggregates of summarize have names, and its first argument is the key")
	case len(o.params) == 1:
		return nil, mistake(example, "summarize needs aggregates")
	}
	return o.call(thread, fn, args, kwargs)
}

func isAggregation(v starlark.Value) bool {
	_, ok := v.(*aggregation)
	return ok
}

// aggregate is one member of what summarize emits. None is no aggregate: a name stands for a member.
func aggregate(name string) param {
	return param{name: name, none: true, set: func(d *draft, v starlark.Value) error {
		a, ok := v.(*aggregation)
		if !ok {
			return mistake("write "+name+" = agg.sum(...), agg.count() or the like", "want an aggregate, not %s", v.Type())
		}
		d.op.Aggregates = append(d.op.Aggregates, a.plain(name))
		if a.of == starlark.None {
			return nil
		}
		fn, err := d.bind("of."+name, a.of, kernel.Signature{Field: true})
		if err == nil {
			d.add(fn)
		}
		return err
	}}
}

// plain is the aggregate as the graph has it.
func (a *aggregation) plain(name string) engine.Aggregation {
	p := engine.Aggregation{Name: name, Kind: a.kind}
	switch a.kind {
	case "quantile":
		q, _ := starlark.AsFloat(a.arg)
		p.Q = q
	case "top":
		p.N, _ = a.arg.(starlark.Int).Int64()
	}
	return p
}

// keyFields names the members that hold the key: "window" for a window, selectors' own names, "key" for what a
// function returns.
func keyFields(d *draft) error {
	if d.has("by") {
		d.op.Fields = fieldNames(d.given[0])
	}
	if d.op.Window != nil {
		d.op.Fields = append([]string{"window"}, d.op.Fields...)
	}
	for i, name := range d.op.Fields {
		taken := slices.Contains(d.op.Fields[:i], name)
		for _, a := range d.op.Aggregates {
			taken = taken || a.Name == name
		}
		if taken {
			e := d.mistake("summarize has two members %s", name)
			e.Hint = "the members of by= and the aggregates have different names"
			return e
		}
	}
	return meet(d)
}

func fieldNames(by starlark.Value) []string {
	switch by := by.(type) {
	case starlark.String:
		return []string{string(by)}
	case starlark.Int:
		return []string{by.String()}
	case starlark.Tuple, *starlark.List:
		var names []string
		for e := range starlark.Elements(by.(starlark.Iterable)) {
			if s, ok := starlark.AsString(e); ok {
				names = append(names, s)
			} else {
				names = append(names, e.String())
			}
		}
		return names
	}
	return []string{"key"}
}
