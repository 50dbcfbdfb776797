package builtins

import (
	"maps"

	"github.com/flowsh/flowsh/engine/kernel"
	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// formatted stands around the x of x.format(layout). No script can have a name like this.
const formatted = "x.format"

// layouts lets times know that a format is to be one of theirs: to a time of the library one of C's layouts is plain text.
// restore makes the tree that of the text again; it is called once the tree is compiled for the interpreter.
func (u *unit) layouts(tree syntax.Node) (restore func()) {
	type receiver struct {
		of *syntax.DotExpr
		x  syntax.Expr
	}
	var all []receiver
	syntax.Walk(tree, func(n syntax.Node) bool {
		call, ok := n.(*syntax.CallExpr)
		if !ok || len(call.Args) != 1 || !mayBeCLayout(call.Args[0]) {
			return true
		}
		dot, ok := call.Fn.(*syntax.DotExpr)
		if !ok || dot.Name.Name != "format" {
			return true
		}
		if _, text := dot.X.(*syntax.Literal); !text {
			all = append(all, receiver{dot, dot.X})
			fn := &syntax.Ident{NamePos: dot.NamePos, Name: formatted}
			dot.X = &syntax.CallExpr{Fn: fn, Lparen: dot.NamePos, Args: []syntax.Expr{dot.X}, Rparen: dot.NamePos}
		}
		return true
	})
	if len(all) > 0 {
		u.predeclared = maps.Clone(u.predeclared)
		u.predeclared[formatted] = builtin(formatted, callFormatted)
	}
	return func() {
		for _, r := range all {
			r.of.X = r.x
		}
	}
}

// mayBeCLayout is false for text that the script shows to be none.
func mayBeCLayout(arg syntax.Expr) bool {
	l, ok := arg.(*syntax.Literal)
	if !ok {
		return true
	}
	layout, ok := l.Value.(string)
	return ok && kernel.IsCLayout(layout)
}

func callFormatted(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	if t, ok := args[0].(startime.Time); ok {
		return formattedTime{t}, nil
	}
	return args[0], nil
}

// A formattedTime is a time whose method format refuses C's layouts.
type formattedTime struct{ startime.Time }

// Attr is the attribute of the time.
func (t formattedTime) Attr(name string) (starlark.Value, error) {
	v, err := t.Time.Attr(name)
	method, ok := v.(*starlark.Builtin)
	if !ok || name != "format" {
		return v, err
	}
	return starlark.NewBuiltin(name, func(thread *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		if len(args) == 1 {
			if layout, ok := starlark.AsString(args[0]); ok && kernel.IsCLayout(layout) {
				return nil, layoutError("time.format", layout)
			}
		}
		return method.CallInternal(thread, args, kwargs)
	}), nil
}
