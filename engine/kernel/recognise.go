package kernel

import (
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// Recognise looks at the function's syntax tree for what can be done without a call: the function returns one of
// its parameters.
func (f *Func) Recognise(source Source) {
	f.Source = source
	fn, ok := f.Callable.(*starlark.Function)
	if !ok || f.Own > 0 || fn.HasVarargs() || fn.HasKwargs() {
		return
	}
	var params []syntax.Expr
	var result syntax.Expr
	switch def := source(fn).(type) {
	case *syntax.LambdaExpr:
		params, result = def.Params, def.Body
	case *syntax.DefStmt:
		params, result = def.Params, onlyResult(def.Body)
	}
	id, ok := unparen(result).(*syntax.Ident)
	if !ok {
		return
	}
	for i, p := range params {
		if name, plain := p.(*syntax.Ident); plain && name.Name == id.Name && i < max(f.Spread, 1) {
			f.Returns = i
		}
	}
}

// onlyResult is what a body returns that is nothing but a return, after a docstring perhaps; nil for any other.
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
	if r, ok := body[0].(*syntax.ReturnStmt); ok {
		return r.Result
	}
	return nil
}

func unparen(e syntax.Expr) syntax.Expr {
	for {
		p, ok := e.(*syntax.ParenExpr)
		if !ok {
			return e
		}
		e = p.X
	}
}
