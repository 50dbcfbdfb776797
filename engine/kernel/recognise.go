package kernel

import (
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// A Syntax finds the syntax trees of functions, by position.
type Syntax struct {
	functions map[place]function
}

type place struct {
	file      string
	line, col int32
}

type function struct {
	params []syntax.Expr
	result syntax.Expr // of a function that is nothing but a return; else nil
}

// NewSyntax reads the trees of a script and of what it loads.
func NewSyntax(files ...syntax.Node) *Syntax {
	s := &Syntax{functions: map[place]function{}}
	for _, f := range files {
		syntax.Walk(f, s.visit)
	}
	return s
}

func (s *Syntax) visit(n syntax.Node) bool {
	switch n := n.(type) {
	case *syntax.LambdaExpr:
		s.functions[placeOf(n.Lambda)] = function{params: n.Params, result: n.Body}
	case *syntax.DefStmt:
		s.functions[placeOf(n.Def)] = function{params: n.Params, result: onlyResult(n.Body)}
	}
	return true
}

func placeOf(p syntax.Position) place { return place{file: p.Filename(), line: p.Line, col: p.Col} }

// onlyResult is what a body returns that is nothing but a docstring and a return.
func onlyResult(body []syntax.Stmt) syntax.Expr {
	if len(body) == 2 {
		if e, ok := body[0].(*syntax.ExprStmt); ok {
			if _, doc := e.X.(*syntax.Literal); doc {
				body = body[1:]
			}
		}
	}
	if len(body) != 1 {
		return nil
	}
	r, ok := body[0].(*syntax.ReturnStmt)
	if !ok {
		return nil
	}
	return r.Result
}

// Recognise notes what can be done without a call: the function returns one of its parameters.
func (s *Syntax) Recognise(f *Func) {
	fn, ok := f.Callable.(*starlark.Function)
	if !ok || f.Own > 0 || fn.HasVarargs() || fn.HasKwargs() {
		return
	}
	source := s.functions[placeOf(fn.Position())]
	result := source.result
	for {
		paren, ok := result.(*syntax.ParenExpr)
		if !ok {
			break
		}
		result = paren.X
	}
	id, ok := result.(*syntax.Ident)
	if !ok {
		return
	}
	for i, p := range source.params {
		if name, plain := p.(*syntax.Ident); plain && name.Name == id.Name && i < max(f.Spread, 1) {
			f.Returns = i
		}
	}
}
