package kernel

import (
	"fmt"
	"io"

	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// Fingerprint writes a text that differs for functions that do different things: their code without its place and
// comments, and all that they use of their modules. Functions that do the same may differ, as in the names of variables.
func (f *Func) Fingerprint(w io.Writer) {
	p := &fingerprint{w: w, source: f.Source, known: map[*starlark.Function]int{}}
	fmt.Fprintf(w, "%d %t %d ", f.Spread, f.Using, f.Returns)
	if f.Selector != nil {
		f.Selector.fingerprint(w)
		return
	}
	p.value(f.Callable)
}

func (s *Selector) fingerprint(w io.Writer) {
	fmt.Fprintf(w, "%q %d %t %t (", s.Field, s.Index, s.Whole, s.ByIndex)
	for _, e := range s.Elements {
		e.fingerprint(w)
	}
	fmt.Fprint(w, ")")
}

// FingerprintValue writes a text that differs for values that differ.
func FingerprintValue(w io.Writer, source Source, v starlark.Value) {
	(&fingerprint{w: w, source: source, known: map[*starlark.Function]int{}}).value(v)
}

type fingerprint struct {
	w      io.Writer // does not fail
	source Source
	known  map[*starlark.Function]int // functions that were begun, by their number
}

func (p *fingerprint) value(v starlark.Value) {
	fmt.Fprintf(p.w, "%s:", v.Type())
	switch v := v.(type) {
	case *starlark.Function:
		p.function(v)
	case *starlark.Builtin:
		fmt.Fprintf(p.w, "%q", v.Name())
		if r := v.Receiver(); r != nil {
			p.value(r)
		}
	case starlark.Tuple:
		p.elements(v)
	case *starlark.List:
		p.elements(v)
	case *starlark.Dict:
		for _, item := range v.Items() {
			p.elements(item)
		}
	default:
		fmt.Fprintf(p.w, "%q", v.String())
	}
}

func (p *fingerprint) elements(v starlark.Indexable) {
	fmt.Fprint(p.w, "(")
	for i := range v.Len() {
		p.value(v.Index(i))
	}
	fmt.Fprint(p.w, ")")
}

func (p *fingerprint) function(fn *starlark.Function) {
	if n, begun := p.known[fn]; begun {
		fmt.Fprintf(p.w, "#%d", n)
		return
	}
	p.known[fn] = len(p.known)
	var node syntax.Node
	if p.source != nil {
		node = p.source(fn)
	}
	if node == nil { // of another kind of module: its place has to do
		fmt.Fprintf(p.w, "%s %s", fn.Name(), fn.Position())
	} else {
		p.code(fn, node)
	}
	for i := range fn.NumParams() {
		if v := fn.ParamDefault(i); v != nil {
			p.value(v)
		}
	}
	for i := range fn.NumFreeVars() {
		if _, v := fn.FreeVar(i); v != nil {
			p.value(v)
		}
	}
}

// code writes the syntax tree, with the values of the module's names where they are used.
func (p *fingerprint) code(fn *starlark.Function, node syntax.Node) {
	globals := fn.Globals()
	syntax.Walk(node, func(n syntax.Node) bool {
		if n == nil {
			fmt.Fprint(p.w, ")")
			return false
		}
		fmt.Fprintf(p.w, "%T(", n)
		switch n := n.(type) {
		case *syntax.Ident:
			fmt.Fprintf(p.w, "%s ", n.Name)
			if b, ok := n.Binding.(*resolve.Binding); ok && b.Scope == resolve.Global && globals[n.Name] != nil {
				p.value(globals[n.Name])
			}
		case *syntax.Literal:
			fmt.Fprintf(p.w, "%q", n.Raw)
		case *syntax.BinaryExpr:
			fmt.Fprint(p.w, n.Op)
		case *syntax.UnaryExpr:
			fmt.Fprint(p.w, n.Op)
		case *syntax.AssignStmt:
			fmt.Fprint(p.w, n.Op)
		case *syntax.BranchStmt:
			fmt.Fprint(p.w, n.Token)
		case *syntax.IfStmt:
			fmt.Fprint(p.w, len(n.True))
		case *syntax.DefStmt:
			fmt.Fprint(p.w, len(n.Params))
		case *syntax.LambdaExpr:
			fmt.Fprint(p.w, len(n.Params))
		case *syntax.SliceExpr:
			fmt.Fprint(p.w, n.Lo != nil, n.Hi != nil, n.Step != nil)
		case *syntax.Comprehension:
			fmt.Fprint(p.w, n.Curly)
		}
		return true
	})
}
