package builtins

import (
	"strings"
	"unicode/utf8"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// A definition is a def or a lambda in the text.
type definition struct {
	name    string // "lambda" for one
	pos     syntax.Position
	text    string // how explain shows it
	returns bool   // there is a `return <value>`
	node    syntax.Node
}

// maxLambda is how much of a lambda's text explain shows, in characters.
const maxLambda = 60

// function finds the definition of a function of the script, or nil for anything else.
func (l *loader) function(v starlark.Value) *definition {
	f, ok := v.(*starlark.Function)
	if !ok {
		return nil
	}
	return l.definitions[f.Position().String()]
}

// tree is the syntax tree of a function of the script; nil for any other.
func (l *loader) tree(f *starlark.Function) syntax.Node {
	if d := l.definitions[f.Position().String()]; d != nil {
		return d.node
	}
	return nil
}

// describe names a function, a builtin or a selector for people.
func (l *loader) describe(v starlark.Value) string {
	if d := l.function(v); d != nil {
		return d.text
	}
	if c, ok := v.(starlark.Callable); ok {
		if b, ok := c.(*starlark.Builtin); ok && b.Receiver() != nil {
			return b.Receiver().Type() + "." + b.Name()
		}
		return c.Name()
	}
	return v.String()
}

// define notes all functions of a syntax tree.
func (l *loader) define(tree syntax.Node, source []byte) {
	text := newText(source)
	syntax.Walk(tree, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.DefStmt:
			l.definitions[n.Def.String()] = &definition{name: n.Name.Name, pos: n.Name.NamePos, text: n.Name.Name, returns: returnsValue(n.Body), node: n}
		case *syntax.LambdaExpr:
			start, end := n.Span()
			l.definitions[n.Lambda.String()] = &definition{name: "lambda", pos: n.Lambda, text: shorten(text.between(start, end)), returns: true, node: n}
		}
		return true
	})
}

// returnsValue says that a body has a `return <value>` of its own, not one of a function inside it.
func returnsValue(body []syntax.Stmt) bool {
	found := false
	for _, s := range body {
		syntax.Walk(s, func(n syntax.Node) bool {
			switch n := n.(type) {
			case *syntax.DefStmt, *syntax.LambdaExpr:
				return false
			case *syntax.ReturnStmt:
				found = found || n.Result != nil
			}
			return !found
		})
	}
	return found
}

// A sourceText finds positions in a source: columns count characters.
type sourceText struct {
	source []byte
	lines  []int // offset of each line
}

func newText(source []byte) *sourceText {
	t := &sourceText{source: source, lines: []int{0}}
	for i, c := range source {
		if c == '\n' {
			t.lines = append(t.lines, i+1)
		}
	}
	return t
}

func (t *sourceText) offset(p syntax.Position) int {
	if p.Line < 1 || int(p.Line) > len(t.lines) {
		return len(t.source)
	}
	at := t.lines[p.Line-1]
	for range p.Col - 1 {
		_, size := utf8.DecodeRune(t.source[at:])
		at += size
	}
	return min(at, len(t.source))
}

func (t *sourceText) between(start, end syntax.Position) string {
	from, to := t.offset(start), t.offset(end)
	text := string(t.source[min(from, to):to])
	if to < len(t.source) && t.source[to] == ']' && strings.Count(text, "[") > strings.Count(text, "]") {
		text += "]" // the parser's span of an index ends before its bracket
	}
	return text
}

// shorten puts text on one line of bounded length.
func shorten(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if utf8.RuneCountInString(text) <= maxLambda {
		return text
	}
	return string([]rune(text)[:maxLambda-3]) + "..."
}

// argumentFlags finds the arguments that the text declares with a constant name: true for one that takes a
// value. They tell values from files before the calls of arg() happen.
func argumentFlags(tree syntax.Node, flags map[string]bool) {
	syntax.Walk(tree, func(n syntax.Node) bool {
		if call, ok := n.(*syntax.CallExpr); ok {
			if id, ok := call.Fn.(*syntax.Ident); ok && id.Name == "arg" {
				declaredFlag(call, flags)
			}
		}
		return true
	})
}

func declaredFlag(call *syntax.CallExpr, flags map[string]bool) {
	takes := true
	name := ""
	for i, a := range call.Args {
		param := ""
		if i < len(argParams) {
			param = argParams[i]
		}
		if named, ok := a.(*syntax.BinaryExpr); ok && named.Op == syntax.EQ {
			param, a = named.X.(*syntax.Ident).Name, named.Y
		}
		switch x := a.(type) {
		case *syntax.Literal:
			s, _ := x.Value.(string)
			if param == "name" {
				name = s
			}
			takes = takes && (param != "type" || s != "bool")
		case *syntax.Ident:
			typed := param == "type" && x.Name == "bool"
			switched := param == "default" && (x.Name == "True" || x.Name == "False")
			takes = takes && !typed && !switched
		}
	}
	if name != "" {
		flags[dashes(name)] = takes
	}
}
