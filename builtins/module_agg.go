package builtins

import (
	"fmt"
	"strings"

	"github.com/flowsh/flowsh/engine/kernel"
	"go.starlark.net/starlark"
)

// An aggregation describes what summarize computes for one column of its result. It is immutable.
type aggregation struct {
	kind string         // "sum", "quantile", ...
	of   starlark.Value // function or selector of a record; None: the record itself
	arg  starlark.Value // the q of a quantile, the n of a top; else nil
}

var aggregates = module("agg", map[string]function{
	"approx_distinct": newAggregate("approx_distinct"),
	"count":           newCountAggregate,
	"first":           newAggregate("first"),
	"last":            newAggregate("last"),
	"list":            newAggregate("list"),
	"max":             newAggregate("max"),
	"mean":            newAggregate("mean"),
	"min":             newAggregate("min"),
	"quantile":        newQuantile,
	"set":             newAggregate("set"),
	"stddev":          newAggregate("stddev"),
	"sum":             newAggregate("sum"),
	"top":             newTop,
	"var":             newAggregate("var"),
}, nil)

func newCountAggregate(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if err := starlark.UnpackArgs(b.Name(), args, kwargs); err != nil {
		return nil, err
	}
	return &aggregation{kind: "count", of: starlark.None}, nil
}

func newAggregate(kind string) function {
	return func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		var of starlark.Value = starlark.None
		if err := starlark.UnpackArgs(b.Name(), args, kwargs, "of?", &of); err != nil {
			return nil, err
		}
		return makeAggregate(b.Name(), kind, of, nil)
	}
}

func newQuantile(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var of starlark.Value
	var q starlark.Value
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "of", &of, "q", &q); err != nil {
		return nil, err
	}
	if f, ok := starlark.AsFloat(q); !ok || !(0 <= f && f <= 1) {
		return nil, fmt.Errorf("%s: q must be a number from 0 to 1, not %v", b.Name(), q)
	}
	return makeAggregate(b.Name(), "quantile", of, q)
}

func newTop(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var n int
	var of starlark.Value = starlark.None
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "n", &n, "of?", &of); err != nil {
		return nil, err
	}
	if n <= 0 {
		return nil, fmt.Errorf("%s: n must be over 0, not %d", b.Name(), n)
	}
	return makeAggregate(b.Name(), "top", of, starlark.MakeInt(n))
}

func makeAggregate(name, kind string, of, arg starlark.Value) (starlark.Value, error) {
	if of != starlark.None {
		if _, err := kernel.Bind(of, kernel.Signature{Op: name, Param: "of", Field: true}); err != nil {
			return nil, err
		}
	}
	of.Freeze()
	return &aggregation{kind: kind, of: of, arg: arg}, nil
}

// String is the aggregate as a script writes it.
func (a *aggregation) String() string {
	var args []string
	if a.kind == "top" {
		args = append(args, a.arg.String())
	}
	if a.of != starlark.None {
		args = append(args, a.of.String())
	}
	if a.kind == "quantile" {
		args = append(args, a.arg.String())
	}
	return "agg." + a.kind + "(" + strings.Join(args, ", ") + ")"
}

func (a *aggregation) Type() string          { return "aggregate" }
func (a *aggregation) Freeze()               {}
func (a *aggregation) Truth() starlark.Bool  { return starlark.True }
func (a *aggregation) Hash() (uint32, error) { return 0, fmt.Errorf("unhashable type: %s", a.Type()) }
