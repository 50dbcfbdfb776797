package kernel

import (
	"math/big"
	"slices"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// expr compiles an expression.
func (s *scope) expr(e syntax.Expr) operand { return s.madeOf(s.anyExpr(e)) }

func (s *scope) anyExpr(e syntax.Expr) operand {
	s.visit(e)
	switch e := e.(type) {
	case *syntax.ParenExpr:
		return s.expr(e.X)
	case *syntax.Literal:
		return s.literal(e)
	case *syntax.Ident:
		return s.read(e)
	case *syntax.BinaryExpr:
		return s.binaryExpr(e)
	case *syntax.UnaryExpr:
		return s.unary(e)
	case *syntax.CondExpr:
		return s.conditional(e)
	case *syntax.TupleExpr:
		return s.tupleDisplay(e)
	case *syntax.ListExpr, *syntax.Comprehension:
		return s.listDisplay(e)
	case *syntax.IndexExpr:
		return s.index(e)
	case *syntax.SliceExpr:
		return s.slice(e)
	case *syntax.CallExpr:
		return s.call(e)
	case *syntax.DotExpr:
		return s.attribute(e)
	case *syntax.LambdaExpr:
		refuseAt(e, "makes a function")
	case *syntax.DictExpr:
		return s.dictDisplay(e)
	}
	refuseAt(e, "uses an expression that is not compiled")
	return operand{}
}

// visit counts a node of the tree.
func (s *scope) visit(n syntax.Node) {
	s.line = lineOf(n)
	if s.nodes++; s.nodes > maxNodes {
		refuse(s.line, "is too long, with all functions that it calls")
	}
}

func (s *scope) literal(e *syntax.Literal) operand {
	switch v := e.Value.(type) {
	case int64:
		return s.constant(starlark.MakeInt64(v))
	case float64:
		return s.constant(starlark.Float(v))
	case string:
		if e.Token == syntax.BYTES {
			return s.constant(starlark.Bytes(v))
		}
		return s.constant(starlark.String(v))
	}
	return s.constant(starlark.MakeBigInt(e.Value.(*big.Int)))
}

func (s *scope) binaryExpr(e *syntax.BinaryExpr) operand {
	switch e.Op {
	case syntax.AND, syntax.OR:
		return s.andOr(e)
	case syntax.IN, syntax.NOT_IN:
		return s.membership(e)
	}
	x := s.expr(e.X)
	y := s.expr(e.Y)
	return s.binary(e.Op, x, y, e.OpPos.Line)
}

// andOr is an operand that is one of its operands.
func (s *scope) andOr(e *syntax.BinaryExpr) operand {
	x := s.expr(e.X)
	y := s.expr(e.Y)
	and := e.Op == syntax.AND
	if x.typ.kind == boolean && y.typ.kind == boolean {
		a, b := x.truth, y.truth
		if and {
			return operand{typ: boolType, needle: x.needle, truth: func(f *frame) bool { return a(f) && b(f) }}
		}
		return operand{typ: boolType, truth: func(f *frame) bool { return a(f) || b(f) }}
	}
	put, held := s.hold(x)
	first := s.truthOf(held)
	test := first
	if put != nil {
		test = func(f *frame) bool { put(f); return first(f) }
	}
	if and {
		return s.choose(test, y, held, e.OpPos.Line)
	}
	return s.choose(test, held, y, e.OpPos.Line)
}

func (s *scope) conditional(e *syntax.CondExpr) operand {
	if in, ok := s.asksState(e.Cond); ok {
		if in {
			return s.expr(e.False)
		}
		return s.expr(e.True)
	}
	cond := s.condition(e.Cond)
	a := s.expr(e.True)
	b := s.expr(e.False)
	r := s.choose(cond.truth, a, b, s.line)
	if a.typ.kind == integer && b.typ.kind == integer {
		r.either = &choice{cond, a, b}
	}
	return r
}

// A choice is a conditional expression, which an assignment turns into a branch.
type choice struct{ cond, yes, no operand }

// choose is a where the test holds, else b.
func (c *compiler) choose(test func(*frame) bool, a, b operand, line int32) operand {
	t := c.join(a.typ, b.typ)
	a, b = c.convert(a, t, line), c.convert(b, t, line)
	r := operand{typ: t}
	switch t.kind {
	case unknown:
		return never()
	case none:
		x, y := c.evaluate(a), c.evaluate(b)
		r.do = func(f *frame) {
			if test(f) {
				x(f)
			} else {
				y(f)
			}
		}
	case boolean:
		r.truth = either(test, a.truth, b.truth)
	case integer, row:
		r.int = either(test, a.int, b.int)
	case float:
		r.float = either(test, a.float, b.float)
	case str, byteStr:
		r.text = either(test, a.text, b.text)
	case list_:
		r.list = either(test, a.list, b.list)
	case boxedAny:
		r.value = either(test, a.value, b.value)
	default:
		x, y := store(a), store(b)
		r.into = func(f *frame, to slot) {
			if test(f) {
				x(f, to)
			} else {
				y(f, to)
			}
		}
	}
	return r
}

func either[T any](test func(*frame) bool, a, b func(*frame) T) func(*frame) T {
	return func(f *frame) T {
		if test(f) {
			return a(f)
		}
		return b(f)
	}
}

// tupleDisplay evaluates elements in the order of the text. An element that is read from a variable which a later
// one changes does not exist: expressions assign to no variable.
func (s *scope) tupleDisplay(e *syntax.TupleExpr) operand {
	if len(e.List) == 0 {
		return s.constant(starlark.Tuple{})
	}
	return s.tupleOf(s.exprs(e.List))
}

func (s *scope) exprs(list []syntax.Expr) []operand {
	r := make([]operand, len(list))
	for i, x := range list {
		r[i] = s.expr(x)
	}
	return r
}

func (c *compiler) tupleOf(elems []operand) operand {
	types := make([]*Type, len(elems))
	for i, o := range elems {
		types[i] = o.typ
		if o.typ.kind == unknown {
			return never()
		}
		if _, function := o.callee(); function {
			refuse(c.line, "uses a function as a value")
		}
	}
	t := tupleOf(types)
	if t.width > maxWidth {
		refuse(c.line, "makes a wide tuple")
	}
	return operand{typ: t, elems: elems}
}

func (s *scope) unary(e *syntax.UnaryExpr) operand {
	if e.Op == syntax.NOT {
		g := s.truth(e.X)
		return operand{typ: boolType, truth: func(f *frame) bool { return !g(f) }}
	}
	x := s.certain(s.expr(e.X), e.OpPos.Line)
	line := e.OpPos.Line
	switch {
	case x.typ.kind == unknown:
		return never()
	case e.Op == syntax.MINUS && x.constant != nil:
		if v, err := starlark.Unary(e.Op, x.constant); err == nil {
			return s.constant(v)
		}
	case e.Op == syntax.MINUS && x.typ.kind == integer:
		g := x.int
		return operand{typ: intType, vector: vectorNegated(&x), int: func(f *frame) int64 {
			n := g(f)
			if n == -n && n != 0 {
				f.bail(overflow, line)
			}
			return -n
		}}
	case e.Op == syntax.MINUS && x.typ.kind == float:
		g := x.float
		return operand{typ: floatType, vector: vectorNegated(&x), float: func(f *frame) float64 { return -g(f) }}
	case e.Op == syntax.PLUS && (x.typ.kind == integer || x.typ.kind == float):
		return x
	case e.Op == syntax.TILDE && x.typ.kind == integer:
		g := x.int
		return operand{typ: intType, int: func(f *frame) int64 { return ^g(f) }}
	}
	g := s.box(x, line).value
	op := e.Op
	return operand{typ: anyType, value: func(f *frame) starlark.Value {
		v, err := starlark.Unary(op, g(f))
		if err != nil {
			f.bail(errorRaised, line)
		}
		return v
	}}
}

// condition compiles a condition as a bool.
func (s *scope) condition(e syntax.Expr) operand {
	if x, ok := unparen(e).(*syntax.BinaryExpr); !ok || x.Op == syntax.AND || x.Op == syntax.OR {
		return operand{typ: boolType, truth: s.truth(e)}
	}
	o := s.expr(e)
	if o.typ.kind == integer {
		o = operand{typ: boolType, truth: s.truthOf(o), test: tested(syntax.NEQ, o, 0)}
	}
	return operand{typ: boolType, truth: s.truthOf(o), test: o.test}
}

// truth compiles a condition.
func (s *scope) truth(e syntax.Expr) func(*frame) bool {
	switch x := unparen(e).(type) {
	case *syntax.BinaryExpr:
		if x.Op == syntax.AND || x.Op == syntax.OR {
			s.visit(x)
			a, b := s.truth(x.X), s.truth(x.Y)
			if x.Op == syntax.AND {
				return func(f *frame) bool { return a(f) && b(f) }
			}
			return func(f *frame) bool { return a(f) || b(f) }
		}
	case *syntax.UnaryExpr:
		if x.Op == syntax.NOT {
			s.visit(x)
			a := s.truth(x.X)
			return func(f *frame) bool { return !a(f) }
		}
	}
	return s.truthOf(s.expr(e))
}

// truthOf is whether an operand is true.
func (c *compiler) truthOf(o operand) func(*frame) bool {
	switch o.typ.kind {
	case unknown:
		return func(f *frame) bool { fails(f); return false }
	case boolean:
		return o.truth
	case integer:
		g := o.int
		return func(f *frame) bool { return g(f) != 0 }
	case float:
		g := o.float
		return func(f *frame) bool { return g(f) != 0 }
	case str, byteStr:
		g := o.text
		return func(f *frame) bool { return g(f) != "" }
	case list_:
		g := o.list
		return func(f *frame) bool { return g(f).n > 0 }
	case boxedAny:
		g := o.value
		return func(f *frame) bool { return bool(g(f).Truth()) }
	case optional:
		put, held := c.place(o)
		put = some(put)
		there := c.truthOf(heldIn(o.typ.elems[0], held.at+1))
		return func(f *frame) bool {
			put(f)
			return f.slots[held.at&slotMask].n != 0 && there(f)
		}
	case row:
		// A record that has a member is true.
		if i := slices.IndexFunc(o.typ.row.elems, func(e *Type) bool { return e.kind != boxedAny }); i >= 0 {
			o.typ.row.used[i] = true
			g := o.int
			return func(f *frame) bool { g(f); return true }
		}
		return c.truthOf(c.box(o, c.line))
	}
	is := o.typ.kind == tuple && len(o.typ.elems) > 0
	run := c.evaluate(o)
	return func(f *frame) bool { run(f); return is }
}
