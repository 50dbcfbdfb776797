// Package kernel runs the user's functions over batches. It knows steps, not operators: the engine builds a
// []Step from its operators, and a Runner takes a batch through all of them, one record at a time or compiled.
package kernel

import (
	"errors"
	"fmt"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// A Signature is how an operator calls a function: its own leading arguments (the accumulator), then the record,
// then the side input.
type Signature struct {
	Op    string // operator, for messages: "map"
	Param string // parameter, for messages: "f", "key"
	Own   int    // leading arguments that are not the record
	Using bool   // a last argument that is not the record
	Field bool   // a selector may stand in for the function
}

// A Func is a user's function bound to an operator's signature: a Starlark function, a builtin, or a selector.
// It is read-only and safe for concurrent use once its module is frozen.
type Func struct {
	Signature
	Callable starlark.Callable // nil for a selector
	Selector *Selector         // nil for a function
	// Spread is the number of parameters that a record of as many fields is spread over; 0: it is passed whole.
	Spread int
	// Returns is the number of the argument that the function returns unchanged, -1 if it does something else.
	// Identity functions and projections are not called.
	Returns int
	// Source finds the syntax trees of the script's functions, for compiling; nil: there are none.
	Source Source
}

// A Source finds the resolved syntax tree of a function, a *syntax.DefStmt or *syntax.LambdaExpr; nil if it is not
// one of the script's. It is safe for concurrent use.
type Source func(*starlark.Function) syntax.Node

// A Selector takes a part of a record: a field by name, an element by index, or a tuple of selectors.
type Selector struct {
	Field    string
	Index    int
	Elements []*Selector // a tuple of selectors
	Whole    bool        // the record itself
	ByIndex  bool
}

// Bind decides, from the value alone, how an operator will call it. The arity rule: a Starlark function with
// n > 1 required positional parameters beyond the operator's own takes a record of exactly n fields, spread.
// Builtins, *args and parameters with defaults take the record whole.
func Bind(v starlark.Value, sig Signature) (*Func, error) {
	f := &Func{Signature: sig, Returns: -1}
	switch v := v.(type) {
	case *starlark.Function:
		f.Callable = v
		own := sig.Own
		if sig.Using {
			own++
		}
		required := 0
		for i := range positional(v) {
			if v.ParamDefault(i) == nil {
				required++
			}
		}
		if v.HasVarargs() {
			return f, nil
		}
		if n := positional(v); n <= own {
			plural := "s"
			if n == 1 {
				plural = ""
			}
			return nil, fmt.Errorf("%s: %s takes %d parameter%s, but is called with %s", sig.Op, name(v), n, plural, sig.arguments())
		}
		if n := required - own; n > 1 {
			f.Spread = n
		}
	case starlark.Callable:
		f.Callable = v
	default:
		if sig.Field {
			s, err := selector(v)
			if err != nil {
				return nil, fmt.Errorf("%s: %s: %w", sig.Op, sig.Param, err)
			}
			f.Selector = s
			return f, nil
		}
		return nil, fmt.Errorf("%s: %s must be a function, not %s", sig.Op, sig.Param, v.Type())
	}
	return f, nil
}

// positional is the number of named parameters that can be passed by position.
func positional(f *starlark.Function) int {
	n := f.NumParams() - f.NumKwonlyParams()
	if f.HasVarargs() {
		n--
	}
	if f.HasKwargs() {
		n--
	}
	return n
}

func (s Signature) arguments() string {
	text := "a record"
	if s.Own > 0 {
		text = fmt.Sprintf("%d of its own and a record", s.Own)
	}
	if s.Using {
		text += " and the side input"
	}
	return text
}

func name(f *starlark.Function) string {
	if f.Name() == "lambda" {
		return "the lambda at " + f.Position().String()
	}
	return f.Name()
}

func selector(v starlark.Value) (*Selector, error) {
	switch v := v.(type) {
	case starlark.String:
		return &Selector{Field: string(v)}, nil
	case starlark.Int:
		i, err := starlark.AsInt32(v)
		if err != nil {
			return nil, fmt.Errorf("index %s is out of range", v)
		}
		return &Selector{Index: i, ByIndex: true}, nil
	case starlark.Tuple, *starlark.List:
		seq := v.(starlark.Indexable)
		s := &Selector{Elements: []*Selector{}}
		for i := range seq.Len() {
			if _, ok := seq.Index(i).(starlark.Callable); ok {
				return nil, errors.New("a tuple of selectors holds field names and indexes, no functions: write lambda r: (...)")
			}
			e, err := selector(seq.Index(i))
			if err != nil {
				return nil, err
			}
			s.Elements = append(s.Elements, e)
		}
		return s, nil
	}
	return nil, fmt.Errorf("want a function, a field name, an index or a tuple of those, not %s", v.Type())
}

// Whole is the function that gives the record itself.
func Whole() *Func {
	return &Func{Signature: Signature{Op: "", Param: "record"}, Selector: &Selector{Whole: true}, Returns: -1}
}
