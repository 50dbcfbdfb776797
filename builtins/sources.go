package builtins

import (
	"slices"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/connector"
	"go.starlark.net/starlark"
)

// sources are the words that begin a flow and read files.
var sources = []*operator{
	{name: "lines", kind: engine.OpSource, params: []param{pathParam(), origin(), onError()}, finish: reads("lines")},
	{name: "text", kind: engine.OpSource, params: []param{pathParam()}, finish: reads("text")},
	{name: "jsonl", kind: engine.OpSource, params: []param{pathParam(), origin(), onError()}, finish: reads("jsonl")},
	{name: "csv", kind: engine.OpSource, params: tableParams, finish: readsTable("csv", ",")},
	{name: "tsv", kind: engine.OpSource, params: tableParams, finish: readsTable("tsv", "\t")},
}

var tableParams = []param{
	pathParam(), header(), strs("columns", func(d *draft) *[]string { return &d.source().Columns }),
	types(), delimiter(), ragged(), origin(), onError(),
}

// source is the source's part of the operator, made when it is first needed.
func (d *draft) source() *connector.SourceSpec {
	if d.op.Source == nil {
		d.op.Source = &connector.SourceSpec{}
	}
	return d.op.Source
}

func reads(format string) func(*draft) error {
	return func(d *draft) error {
		d.source().Format = format
		return nil
	}
}

func readsTable(format, separator string) func(*draft) error {
	return func(d *draft) error {
		s := d.source()
		s.Format = format
		if s.Delimiter == "" {
			s.Delimiter = separator
		}
		if !d.has("header") {
			s.Header = true
		}
		return checkTypes(d, s)
	}
}

// checkTypes refuses types of columns that a source without names for them cannot have.
func checkTypes(d *draft, s *connector.SourceSpec) error {
	if len(s.Types) > 0 && !s.Header && len(s.Columns) == 0 {
		return d.mistake("%s: types name columns, but there is neither a header nor columns =", s.Format)
	}
	for _, t := range s.Types {
		if len(s.Columns) > 0 && !slices.Contains(s.Columns, t.Column) {
			e := d.mistake("%s: types name %q, which columns does not", s.Format, t.Column)
			e.Hint = didYouMean(t.Column, s.Columns)
			return e
		}
	}
	return nil
}

// path is a file, a glob, or a list of those. Without it the source reads the files on the command line, or
// stdin: Paths stays empty until the whole script is known.
func pathParam() param {
	return param{name: "path", set: func(d *draft, v starlark.Value) error {
		paths, err := stringList(v)
		switch {
		case err != nil:
			return err
		case len(paths) == 0:
			return mistake("leave path out to read the files on the command line, or stdin", "the list is empty")
		case slices.Contains(paths, ""):
			return mistake("", "a path is empty")
		}
		d.source().Paths = paths
		return nil
	}}
}

func origin() param { return flag("origin", func(d *draft) *bool { return &d.source().Origin }) }
func header() param { return flag("header", func(d *draft) *bool { return &d.source().Header }) }

func ragged() param {
	return choice("ragged", func(d *draft) *string { return &d.source().Ragged }, "error", "pad", "skip")
}

func delimiter() param {
	return param{name: "delimiter", set: func(d *draft, v starlark.Value) error {
		s, ok := starlark.AsString(v)
		if !ok || len(s) != 1 || s == "\n" || s == "\r" || s == `"` || s[0] >= 0x80 {
			return mistake("", "want one ASCII character that is no quote and ends no line, not %s", v)
		}
		d.source().Delimiter = s
		return nil
	}}
}

// types says what the text of columns becomes: {"amount": float}.
func types() param {
	return param{name: "types", set: func(d *draft, v starlark.Value) error {
		dict, ok := v.(*starlark.Dict)
		if !ok {
			return mistake(`write types = {"amount": float}`, "want a dict, not %s", v.Type())
		}
		for _, item := range dict.Items() {
			column, ok := starlark.AsString(item[0])
			if !ok {
				return mistake("", "a column's name must be a string, not %s", item[0])
			}
			name := typeName(item[1])
			if !slices.Contains([]string{"int", "float", "bool", "str"}, name) {
				return mistake("", "column %q: want int, float, bool or str, not %s", column, item[1])
			}
			d.source().Types = append(d.source().Types, connector.Typed{Column: column, Type: name})
		}
		return nil
	}}
}

// typeName is the name of a conversion such as int, given as the function or as a string.
func typeName(v starlark.Value) string {
	if b, ok := v.(*starlark.Builtin); ok {
		return b.Name()
	}
	s, _ := starlark.AsString(v)
	return s
}

// fromEnumerable is from_enumerable(x): a flow of the elements of x; a flow is returned unchanged.
func fromEnumerable(thread *starlark.Thread, fn *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	u, err := whileLoading(thread, fn.Name())
	if err != nil {
		return nil, err
	}
	kwargs, pace, err := takePacing(fn.Name(), true, kwargs)
	if err != nil {
		return nil, err
	}
	given, err := bindArguments(fn.Name(), []string{"x"}, args, kwargs)
	if err != nil {
		return nil, err
	}
	if given[0] == nil {
		return nil, mistake("lines() reads the files on the command line", "%s needs an iterable or a flow", fn.Name())
	}
	return u.enumerableOn(pace, thread.CallFrame(1).Pos.String(), given[0])
}

// enumerableOn is enumerable with a pacing, which a flow that is returned unchanged cannot take.
func (u *unit) enumerableOn(pace pacing, at string, v starlark.Value) (*Flow, error) {
	f, err := u.enumerable(at, v)
	if err != nil || pace == (pacing{}) {
		return f, err
	}
	if _, ok := v.(*Flow); ok {
		return nil, mistake("give it where the flow begins", "a flow that is made already takes no max_demand and no linger")
	}
	pace.apply(f)
	return f, nil
}

func (u *unit) enumerable(at string, v starlark.Value) (*Flow, error) {
	if f, ok := v.(*Flow); ok {
		return f, nil
	}
	list, ok := v.(starlark.Iterable)
	if !ok {
		return nil, mistake(spreadHint(v), "from_enumerable takes an iterable or a flow, not %s", v.Type())
	}
	if d, ok := v.(starlark.IterableMapping); ok {
		pairs := d.Items()
		elems := make([]starlark.Value, len(pairs))
		for i, p := range pairs {
			elems[i] = p
		}
		list = starlark.NewList(elems)
	}
	list.Freeze()
	f := &Flow{op: engine.Op{Kind: engine.OpSource, At: at, Source: &connector.SourceSpec{Format: "list"}}}
	f.values = []operand{{"list", list}}
	return f, nil
}

func spreadHint(v starlark.Value) string {
	switch v.(type) {
	case starlark.String:
		return `write ["..."] for one record, "...".elems() for its bytes, lines("path") for a file`
	case starlark.Callable:
		return "call it: from_enumerable(f())"
	}
	return "write [x] for a flow of one record"
}

// fromEnumerables is from_enumerables([a, b]): the flows, or the elements of the lists, end to end.
func fromEnumerables(thread *starlark.Thread, fn *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	u, err := whileLoading(thread, fn.Name())
	if err != nil {
		return nil, err
	}
	kwargs, pace, err := takePacing(fn.Name(), true, kwargs)
	if err != nil {
		return nil, err
	}
	given, err := bindArguments(fn.Name(), []string{"list"}, args, kwargs)
	if err != nil {
		return nil, err
	}
	list, ok := given[0].(starlark.Iterable)
	if !ok {
		return nil, mistake("write from_enumerables([a, b])", "%s takes a list of iterables or flows", fn.Name())
	}
	at := thread.CallFrame(1).Pos
	var flows []starlark.Value
	for v := range starlark.Elements(list) {
		f, err := u.enumerableOn(pace, at.String(), v)
		if err != nil {
			return nil, err
		}
		flows = append(flows, f)
	}
	return u.concat(at, fn.Name(), flows)
}

func findSource(name string) *operator {
	i := slices.IndexFunc(sources, func(o *operator) bool { return o.name == name })
	return sources[i]
}
