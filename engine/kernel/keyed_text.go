package kernel

import (
	"fmt"
	"strings"

	"go.starlark.net/resolve"
	"go.starlark.net/syntax"
)

// A texter writes expressions in one way, so that expressions of one text have one value as long as no variable
// changes. What may differ from one evaluation to the next, or is not known, has a text of its own.
type texter struct {
	strings.Builder
	fixed func(local int) bool // a variable that always holds a frozen value
	fn    *Func                // whose parameters are written as fields of the record; nil: they are variables
}

func (r *keyedReader) textOf(e syntax.Expr) string {
	t := texter{fixed: r.fixed, fn: r.record}
	t.write(e)
	return t.String()
}

func (t *texter) write(e syntax.Expr) {
	switch e := unparen(e).(type) {
	case nil:
	case *syntax.Ident:
		if at, ok := e.Binding.(*resolve.Binding); ok && (at.Scope == resolve.Local || at.Scope == resolve.Cell) {
			t.variable(e.Name, at.Index)
			return
		}
		t.WriteString(e.Name)
	case *syntax.Literal:
		fmt.Fprintf(t, "%T:%#v", e.Value, e.Value)
	case *syntax.IndexExpr:
		t.all("[", e.X, e.Y)
	case *syntax.SliceExpr:
		t.all("[:", e.X, e.Lo, e.Hi, e.Step)
	case *syntax.DotExpr:
		t.all("."+e.Name.Name, e.X)
	case *syntax.UnaryExpr:
		t.all(e.Op.String(), e.X)
	case *syntax.BinaryExpr:
		t.all(e.Op.String(), e.X, e.Y)
	case *syntax.CondExpr:
		t.all("if", e.Cond, e.True, e.False)
	case *syntax.TupleExpr:
		t.all("tuple", e.List...)
	case *syntax.ListExpr:
		t.all("list", e.List...)
	case *syntax.CallExpr:
		if t.repeatable(e) {
			t.all("call", append([]syntax.Expr{e.Fn}, e.Args...)...)
			return
		}
		t.unlike(e)
	default:
		t.unlike(e)
	}
}

// variable writes a variable, or a field of the record, $0, or all of it, $.
func (t *texter) variable(name string, local int) {
	switch {
	case t.fn == nil || local < t.fn.Own || local >= t.fn.Own+max(t.fn.Spread, 1) || !t.fixed(local):
		fmt.Fprintf(t, "%s#%d ", name, local)
	case t.fn.Spread == 0:
		t.WriteString("$ ")
	default:
		fmt.Fprintf(t, "$%d ", local-t.fn.Own)
	}
}

func (t *texter) all(what string, list ...syntax.Expr) {
	t.WriteString("(" + what)
	for _, e := range list {
		t.WriteByte(' ')
		if e != nil {
			t.write(e)
		}
	}
	t.WriteByte(')')
}

func (t *texter) unlike(e syntax.Expr) {
	start, _ := e.Span()
	fmt.Fprintf(t, "%T at %s", e, start)
}

// repeatable says that a call changes none of its arguments: a method of strings or a dict's get, a builtin of
// Starlark's own, a function of frozen values.
func (t *texter) repeatable(e *syntax.CallExpr) bool {
	switch fn := unparen(e.Fn).(type) {
	case *syntax.DotExpr:
		_, text := textResults[fn.Name.Name]
		return text || fn.Name.Name == "get"
	case *syntax.Ident:
		if b, ok := fn.Binding.(*resolve.Binding); ok && b.Scope == resolve.Universal {
			return pureBuiltins[fn.Name] != nil
		}
	}
	for _, a := range e.Args {
		id, ok := unparen(a).(*syntax.Ident)
		if !ok {
			return false
		}
		if b, ok := id.Binding.(*resolve.Binding); ok && (b.Scope == resolve.Local || b.Scope == resolve.Cell) && !t.fixed(b.Index) {
			return false
		}
	}
	return true
}

// mentions says that a text has a variable.
func mentions(text string, id *syntax.Ident) bool {
	at, ok := id.Binding.(*resolve.Binding)
	return ok && strings.Contains(text, fmt.Sprintf("%s#%d ", id.Name, at.Index))
}
