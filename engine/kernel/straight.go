package kernel

import (
	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// straight compiles a body that gives names to simple values, each once, and returns a simple value: the names stand
// for the values, so that these can be computed for a whole batch. ok is false for any other body.
func (s *scope) straight(bind code) (result operand, ok bool) {
	names, values, last := s.named()
	if last == nil {
		return operand{}, false
	}
	codes := []code{some(bind)}
	var before []*vector
	for i, at := range names {
		s.visit(values[i])
		o := s.expr(values[i])
		put, held := s.hold(o)
		if put != nil {
			codes = append(codes, put)
			before = append(before, vectorOf(&held))
		}
		s.vars[at].arg, s.assigned[at] = &held, true
	}
	o := s.expr(last)
	v := vectorOf(&o)
	result = after(sequenceOf(codes), o)
	if bind == nil && v != nil {
		result.vector = v.behind(before)
	}
	return result, true
}

// named is the local variables that a body assigns to, the values, and the value that it returns; last is nil if the
// body is not so simple.
func (s *scope) named() (names []int, values []syntax.Expr, last syntax.Expr) {
	seen := map[int]bool{}
	for i, stmt := range s.fn.Body {
		switch stmt := stmt.(type) {
		case *syntax.AssignStmt:
			id, ok := stmt.LHS.(*syntax.Ident)
			if !ok || stmt.Op != syntax.EQ || !plainValue(stmt.RHS) {
				return nil, nil, nil
			}
			b, ok := id.Binding.(*resolve.Binding)
			if !ok || b.Scope != resolve.Local || b.Index < len(s.fn.Params) || seen[b.Index] {
				return nil, nil, nil
			}
			seen[b.Index] = true
			names, values = append(names, b.Index), append(values, stmt.RHS)
		case *syntax.ReturnStmt:
			if i != len(s.fn.Body)-1 || stmt.Result == nil || !plainValue(stmt.Result) {
				return nil, nil, nil
			}
			return names, values, stmt.Result
		default:
			return nil, nil, nil
		}
	}
	return nil, nil, nil
}

// plainValue says that an expression is one of the kinds that have vectors, or refers to one.
func plainValue(e syntax.Expr) bool {
	switch e := unparen(e).(type) {
	case *syntax.Ident, *syntax.Literal:
		return true
	case *syntax.UnaryExpr:
		return e.Op == syntax.MINUS && plainValue(e.X)
	case *syntax.BinaryExpr:
		return (e.Op == syntax.PLUS || e.Op == syntax.MINUS || e.Op == syntax.STAR) && plainValue(e.X) && plainValue(e.Y)
	case *syntax.IndexExpr:
		_, literal := e.Y.(*syntax.Literal)
		return literal && plainValue(e.X)
	case *syntax.TupleExpr:
		for _, x := range e.List {
			if !plainValue(x) {
				return false
			}
		}
		return true
	case *syntax.CallExpr:
		id, ok := e.Fn.(*syntax.Ident)
		if !ok || len(e.Args) != 1 || id.Name != "int" && id.Name != "float" {
			return false
		}
		b, ok := id.Binding.(*resolve.Binding)
		return ok && b.Scope == resolve.Universal && starlark.Universe[id.Name] != nil && plainValue(e.Args[0])
	}
	return false
}

// behind is the vector, computed after others whose results it need not use; nil if one of them is.
func (v *vector) behind(others []*vector) *vector {
	for _, o := range others {
		if o == nil {
			return nil
		}
	}
	if len(others) == 0 {
		return v
	}
	w := *v
	w.before = append(others, v.before...)
	return &w
}
