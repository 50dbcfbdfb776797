package builtins

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/kernel"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// An operator is one word of the language that makes a flow: its parameters in order, and what becomes of their
// values. Both forms of a script go through it.
type operator struct {
	name   string
	kind   engine.OpKind
	params []param
	finish func(d *draft) error // checks and defaults that need more than one parameter; may be nil
}

// A param is a parameter of an operator. None stands for an absent value, except where none is set.
type param struct {
	name     string
	required bool
	none     bool
	set      func(d *draft, v starlark.Value) error
}

// A draft is a flow while it is being made.
type draft struct {
	*Flow
	u        *unit
	operator *operator
	given    []starlark.Value // by parameter; nil for an absent one
	places   places
}

// places are where the parameters stand that do not stand in the call.
type places map[string]syntax.Position

func (o *operator) names() []string {
	names := make([]string, len(o.params))
	for i, p := range o.params {
		names[i] = p.name
	}
	return names
}

// build makes the flow of one call. in is nil for sources.
func (o *operator) build(u *unit, at syntax.Position, in *Flow, given []starlark.Value, where places) (*Flow, error) {
	d := &draft{u: u, operator: o, given: given, places: where, Flow: &Flow{op: engine.Op{Kind: o.kind, At: at.String()}, at: at}}
	if in != nil {
		if err := d.read(in); err != nil {
			return nil, err
		}
	}
	if err := d.fill(); err != nil {
		return nil, err
	}
	return d.Flow, nil
}

// neededHints say what to write for parameters that cannot be left out.
var neededHints = map[string]string{
	"merge": "write merge = lambda acc, record: ..., which returns the next acc",
	"on":    `write on = "id", the field or function that gives the key of a record`,
	"w":     `write windows.fixed("1h", time = "ts") or the like`,
}

func (d *draft) fill() error {
	for i, p := range d.operator.params {
		v := d.given[i]
		if v == starlark.None && !p.none {
			v = nil
		}
		if v == nil && p.required {
			e := d.mistake("%s needs %s", d.operator.name, p.name)
			e.Hint = neededHints[p.name]
			return e
		}
		if v == nil {
			continue
		}
		if err := p.set(d, v); err != nil {
			return d.about(p.name, err)
		}
	}
	if err := d.useCut(); err != nil || d.operator.finish == nil {
		return err
	}
	return d.operator.finish(d)
}

// read adds an input.
func (d *draft) read(in *Flow) error {
	if in.written() {
		return d.mistake("write ends a flow: %s must read the flow before it", d.operator.name)
	}
	in, err := d.takeCut(in)
	if err != nil {
		return err
	}
	d.in = append(d.in, in)
	d.depth = max(d.depth, in.depth+1)
	d.lanes = d.lanes || in.lanes
	if d.depth > maxFlowDepth {
		return d.mistake("a flow of more than %d operators in a row", maxFlowDepth)
	}
	return nil
}

// has says that a parameter was given and is not None.
func (d *draft) has(name string) bool {
	i := slices.IndexFunc(d.operator.params, func(p param) bool { return p.name == name })
	return i >= 0 && d.given[i] != nil && d.given[i] != starlark.None
}

func (d *draft) mistake(format string, args ...any) *LoadError {
	return mistakeAt(d.at, "", format, args...)
}

// about says which parameter an error is about.
func (d *draft) about(param string, err error) error {
	e, ok := err.(*LoadError)
	if !ok {
		e = mistake("", "%v", err)
	}
	if place, ok := d.places[param]; ok {
		e.Pos = place
	} else if !e.Pos.IsValid() {
		e.Pos = d.at
		e.Message = fmt.Sprintf("%s: %s: %s", d.operator.name, param, e.Message)
	}
	return e
}

// bind decides how the operator calls a function of the script.
func (d *draft) bind(param string, v starlark.Value, sig kernel.Signature) (*boundFunc, error) {
	sig.Op, sig.Param = d.operator.name, param
	sig.Using = sig.Using && d.has("using")
	fn, err := kernel.Bind(v, sig)
	if err != nil {
		return nil, d.mistake("%v", err)
	}
	if def := d.u.function(v); def != nil {
		if !def.returns {
			return nil, mistakeAt(def.pos, "add `return <value>`", "%s returns nothing, but %s needs its result", def.name, d.operator.name)
		}
		fn.Recognise(d.u.tree)
	}
	return &boundFunc{param: param, text: d.u.describe(v), Func: fn}, nil
}

// add records a function as a parameter of the operator.
func (d *draft) add(fn *boundFunc) {
	fn.freeze()
	d.funcs = append(d.funcs, *fn)
}

// addValue records a value as a parameter of the operator.
func (d *draft) addValue(param string, v starlark.Value) {
	v.Freeze()
	d.values = append(d.values, operand{param, v})
}

// option records what the call said besides, for people and for the identity of the graph.
func (d *draft) option(name, text string) {
	d.op.Options = append(d.op.Options, engine.Option{Name: name, Text: text})
}

// bindArguments matches a call's arguments with names, in their order. An argument that is absent is nil.
func bindArguments(call string, names []string, args starlark.Tuple, kwargs []starlark.Tuple) ([]starlark.Value, error) {
	if len(args) > len(names) {
		return nil, mistake("", "%s takes at most %d arguments (%s), not %d", call, len(names), strings.Join(names, ", "), len(args))
	}
	given := make([]starlark.Value, len(names))
	copy(given, args)
	for _, kw := range kwargs {
		name := string(kw[0].(starlark.String))
		i := slices.Index(names, name)
		if i < 0 {
			return nil, unknownArgument(call, name, names)
		}
		if given[i] != nil {
			return nil, mistake("", "%s: %s is given twice", call, name)
		}
		given[i] = kw[1]
	}
	return given, nil
}

func unknownArgument(call, name string, names []string) error {
	hint := retiredParams[name]
	if hint == "" {
		hint = didYouMean(name, names)
	}
	if hint == "" && len(names) > 0 {
		hint = "its parameters are " + strings.Join(names, ", ")
	}
	return mistake(hint, "%s has no parameter %s", call, name)
}
