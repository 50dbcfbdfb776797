package builtins

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/kernel"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// A Flow is the Starlark value behind every stage of a job: an operator, and the flows it reads. Nothing runs
// when it is made.
//
// A Flow is immutable and its identity is the identity of the operator: a flow that is read twice runs once.
type Flow struct {
	op     engine.Op // without ID, In, Using.Op and what only the whole job decides
	at     syntax.Position
	in     []*Flow
	side   *lookup
	funcs  []boundFunc
	values []operand
	depth  int // operators on the longest way to a source
	// lanes says that a partition has not met the operator that uses it yet.
	lanes bool
	// cut is the windows and triggers that have not met the operator yet whose state they cut.
	cut cut
}

// A boundFunc is a function of the script as one parameter of an operator.
type boundFunc struct {
	param string
	text  string // for people
	*kernel.Func
}

// An operand is a value of the script as one parameter of an operator.
type operand struct {
	param string
	starlark.Value
}

// A lookup is a side input: the records of a flow as a list, or as a dict if lookup() made it.
type lookup struct {
	flow *Flow
	dict bool
	many bool
	key  *boundFunc
	val  *boundFunc
}

// maxDepth of operators in a row: loops that build a flow end somewhere.
const maxFlowDepth = 10_000

var (
	_ starlark.HasAttrs = (*Flow)(nil)
	_ starlark.Value    = (*lookup)(nil)
)

// String shows the operators on the way from the first source, at most the last eight.
func (f *Flow) String() string {
	const most = 8
	var names []string
	for g := f; g != nil && len(names) < most; g = g.first() {
		names = append([]string{g.name()}, names...)
	}
	if f.depth >= most {
		names = append([]string{"..."}, names...)
	}
	return "<flow " + strings.Join(names, ".") + ">"
}

func (f *Flow) first() *Flow {
	if len(f.in) == 0 {
		return nil
	}
	return f.in[0]
}

func (f *Flow) name() string {
	if f.op.Source != nil && f.op.Source.Format != "list" {
		return f.op.Source.Format
	}
	if f.op.Source != nil {
		return "from_enumerable"
	}
	return string(f.op.Kind)
}

// Type is "flow".
func (f *Flow) Type() string { return "flow" }

// Truth is true: whether a flow has records is not known while the script loads.
func (f *Flow) Truth() starlark.Bool { return true }

// Hash fails: a flow is not a key.
func (f *Flow) Hash() (uint32, error) { return 0, errors.New("unhashable: flow") }

// Freeze freezes the functions and values that the operator refers to.
func (f *Flow) Freeze() {
	for _, fn := range f.funcs {
		fn.freeze()
	}
	for _, v := range f.values {
		v.Freeze()
	}
	if f.side != nil {
		f.side.Freeze()
	}
}

func (f boundFunc) freeze() {
	if f.Callable != nil {
		f.Callable.Freeze()
	}
}

// Attr is the method of that name.
func (f *Flow) Attr(name string) (starlark.Value, error) {
	call, ok := flowMethods[name]
	if !ok {
		call, ok = sessionMethods[name]
	}
	if !ok {
		return nil, unknownMethod(name)
	}
	return starlark.NewBuiltin(name, call).BindReceiver(f), nil
}

// AttrNames lists the methods in order.
func (f *Flow) AttrNames() []string { return flowMethodNames }

func unknownMethod(name string) error {
	hint := retired[name]
	if hint == "" {
		hint = didYouMean(name, flowMethodNames)
	}
	return mistake(hint, "flows have no operator %s", name)
}

// has says that a parameter of the operator is a function.
func (f *Flow) has(param string) bool {
	return slices.ContainsFunc(f.funcs, func(fn boundFunc) bool { return fn.param == param })
}

func (f *Flow) written() bool { return f.op.Kind == engine.OpWrite }

func (l *lookup) String() string        { return fmt.Sprintf("<lookup %s>", l.flow) }
func (l *lookup) Type() string          { return "lookup" }
func (l *lookup) Truth() starlark.Bool  { return true }
func (l *lookup) Hash() (uint32, error) { return 0, errors.New("unhashable: lookup") }

func (l *lookup) Freeze() {
	for _, fn := range []*boundFunc{l.key, l.val} {
		if fn != nil {
			fn.freeze()
		}
	}
}
