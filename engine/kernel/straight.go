package kernel

import (
	"slices"

	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// A naming is a statement that gives names to a value, or to its elements.
type naming struct {
	names   []int // indexes of local variables
	unpacks bool
	value   syntax.Expr
}

// straight compiles a body that gives names to simple values, each once, and returns a simple value: the names stand
// for the values, so that these can be computed for a whole batch. ok is false for any other body.
func (s *scope) straight(bind code) (result operand, ok bool) {
	namings, last := s.namings()
	if last == nil {
		return operand{}, false
	}
	codes := []code{some(bind)}
	var before []*vector
	for i, n := range namings {
		put, values, sure := s.named(&n)
		if values == nil {
			s.forget(namings[:i])
			return operand{}, false
		}
		if put != nil {
			codes = append(codes, put)
		}
		for k, at := range n.names {
			s.vars[at].arg, s.assigned[at] = &values[k], true
			if put != nil && !sure {
				before = append(before, vectorOf(&values[k]))
			}
		}
	}
	o := s.expr(last)
	v := vectorOf(&o)
	result = after(sequenceOf(codes), o)
	if bind == nil && v != nil {
		result.vector = v.behind(before)
	}
	if bind == nil && len(before) == 0 {
		result.boxes = o.boxes
	}
	return result, true
}

// forget lets names be variables again.
func (s *scope) forget(namings []naming) {
	for _, n := range namings {
		for _, at := range n.names {
			s.vars[at].arg, s.assigned[at] = nil, false
		}
	}
}

// named compiles a value that is given names: the code that puts what the names stand for into slots, nil if it stands
// there, and what they stand for, nil if that is not so simple. A value is sure if it cannot fail.
func (s *scope) named(n *naming) (put code, values []operand, sure bool) {
	s.visit(n.value)
	o := s.expr(n.value)
	if !n.unpacks {
		put, held := s.hold(o)
		return put, []operand{held}, false
	}
	if o.parts != nil && o.parts.text != nil {
		put, values = s.cutParts(o.parts, len(n.names))
		return put, values, false
	}
	if o.typ.kind != tuple || len(o.typ.elems) != len(n.names) {
		return nil, nil, false
	}
	sure = o.sure
	put, o = s.hold(o)
	for i := range n.names {
		values = append(values, o.element(i))
	}
	return put, values, sure
}

// namings is what a body assigns to its local variables, and the value that it returns; last is nil if the body is not
// so simple.
func (s *scope) namings() (namings []naming, last syntax.Expr) {
	seen := map[int]bool{}
	for i, stmt := range s.fn.Body {
		switch stmt := stmt.(type) {
		case *syntax.AssignStmt:
			n, ok := s.naming(stmt, seen)
			if !ok {
				return nil, nil
			}
			namings = append(namings, n)
		case *syntax.ReturnStmt:
			if i != len(s.fn.Body)-1 || stmt.Result == nil || !plainValue(stmt.Result) {
				return nil, nil
			}
			return namings, stmt.Result
		default:
			return nil, nil
		}
	}
	return nil, nil
}

// naming is what an assignment does, if it gives plain values to local variables that were not seen before.
func (s *scope) naming(stmt *syntax.AssignStmt, seen map[int]bool) (n naming, ok bool) {
	targets, unpacks := targetsOf(stmt.LHS)
	if !unpacks {
		targets = []syntax.Expr{stmt.LHS}
	}
	if stmt.Op != syntax.EQ || len(targets) > maxVectors || !plainValue(stmt.RHS) && !(unpacks && plainCut(stmt.RHS)) {
		return naming{}, false
	}
	for _, t := range targets {
		id, ok := unparen(t).(*syntax.Ident)
		if !ok {
			return naming{}, false
		}
		b, ok := id.Binding.(*resolve.Binding)
		if !ok || b.Scope != resolve.Local || b.Index < len(s.fn.Params) || seen[b.Index] {
			return naming{}, false
		}
		seen[b.Index] = true
		n.names = append(n.names, b.Index)
	}
	n.unpacks, n.value = unpacks, stmt.RHS
	return n, true
}

// plainCut says that an expression cuts a plain text at spaces, or at a separator that stands in the script.
func plainCut(e syntax.Expr) bool {
	call, ok := unparen(e).(*syntax.CallExpr)
	if !ok {
		return false
	}
	dot, ok := call.Fn.(*syntax.DotExpr)
	if !ok || !plainValue(dot.X) {
		return false
	}
	switch dot.Name.Name {
	case "split":
		return len(call.Args) == 0 || len(call.Args) == 1 && literal(call.Args[0])
	case "partition", "rpartition":
		return len(call.Args) == 1 && literal(call.Args[0])
	}
	return false
}

func literal(e syntax.Expr) bool {
	_, ok := unparen(e).(*syntax.Literal)
	return ok
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
		return literal(e.Y) && plainValue(e.X)
	case *syntax.TupleExpr:
		for _, x := range e.List {
			if !plainValue(x) {
				return false
			}
		}
		return true
	case *syntax.CallExpr:
		id, ok := e.Fn.(*syntax.Ident)
		if !ok {
			return false
		}
		switch args := len(e.Args); id.Name {
		case "int", "float":
			ok = args == 1
		case "min", "max":
			ok = args == 2
		default:
			return false
		}
		b, bound := id.Binding.(*resolve.Binding)
		return ok && bound && b.Scope == resolve.Universal && starlark.Universe[id.Name] != nil && !slices.ContainsFunc(e.Args, func(x syntax.Expr) bool { return !plainValue(x) })
	}
	return false
}

// behind is the vector, computed after others whose results it need not use; nil if one of them is.
func (v *vector) behind(others []*vector) *vector {
	if v == nil || slices.Contains(others, nil) {
		return nil
	}
	if len(others) == 0 {
		return v
	}
	return &vector{of: v, field: -1, before: others}
}
