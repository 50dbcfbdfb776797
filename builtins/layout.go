package builtins

import (
	"fmt"
	"maps"
	"regexp"

	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// formatByLayout is called instead of x.format(layout) where the layout may be one of C's. No script can have a name
// like this.
const formatByLayout = "time.format"

var strftimeLetter = regexp.MustCompile(`%[A-Za-z]`)

// layouts lets calls of a method format with one of C's layouts find out what they are called on: to a time of the
// library such a layout is plain text, to a str it is an argument like any other.
func (u *unit) layouts(tree syntax.Node) {
	found := false
	syntax.Walk(tree, func(n syntax.Node) bool {
		call, ok := n.(*syntax.CallExpr)
		if !ok || len(call.Args) != 1 {
			return true
		}
		dot, ok := call.Fn.(*syntax.DotExpr)
		if !ok || dot.Name.Name != "format" {
			return true
		}
		if l, ok := call.Args[0].(*syntax.Literal); !ok || l.Token != syntax.STRING || !strftimeLetter.MatchString(l.Value.(string)) {
			return true
		}
		call.Fn = &syntax.Ident{NamePos: dot.NamePos, Name: formatByLayout}
		call.Args = []syntax.Expr{dot.X, call.Args[0]}
		found = true
		return true
	})
	if found {
		u.predeclared = maps.Clone(u.predeclared)
		u.predeclared[formatByLayout] = builtin(formatByLayout, callFormat)
	}
}

func callFormat(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	x, layout := args[0], args[1].(starlark.String)
	if _, ok := x.(startime.Time); ok {
		return nil, layoutError(b.Name(), string(layout))
	}
	var method starlark.Value
	if x, ok := x.(starlark.HasAttrs); ok {
		var err error
		if method, err = x.Attr("format"); err != nil {
			return nil, err
		}
	}
	if method == nil {
		return nil, fmt.Errorf("%s has no .format field or method", x.Type())
	}
	return starlark.Call(t, method, args[1:], nil)
}
