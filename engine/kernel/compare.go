package kernel

import (
	"math"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// compare compiles a comparison.
func (c *compiler) compare(op syntax.Token, x, y operand, line int32) operand {
	r := operand{typ: boolType, vector: vectorOfTest(op, x, y)}
	a, b := x.typ.kind, y.typ.kind
	switch {
	case a == integer && b == integer:
		if k, ok := y.constantInt(); ok {
			if r.test = tested(op, x, k); r.test != nil {
				r.truth = r.test.truth()
				break
			}
			if op == syntax.GE && k == 0 || (op == syntax.GT || op == syntax.NEQ) && k == -1 {
				r.needle = x.found
			}
		}
		r.truth = compareInts(op, x, y)
	case (a == integer || a == float) && (b == integer || b == float):
		order := c.orderNumbers(x, y)
		r.truth = func(f *frame) bool { return ordered(op, order(f)) }
	case a == str && b == str || a == byteStr && b == byteStr:
		r.truth = compareTexts(op, x, y)
	case (op == syntax.EQL || op == syntax.NEQ) && (a == none || b == none):
		r.truth = c.isNone(op == syntax.EQL, x, y)
	case (op == syntax.EQL || op == syntax.NEQ) && distinctKinds(a, b):
		first, second := c.evaluate(x), c.evaluate(y)
		r.truth = func(f *frame) bool { first(f); second(f); return op == syntax.NEQ }
	case a == tuple && b == tuple && (op == syntax.EQL || op == syntax.NEQ):
		r.truth = c.equalTuples(op, x, y, line)
	default:
		r.truth = c.compareBoxed(op, x, y, line)
	}
	return r
}

// distinctKinds says that no value of one kind equals one of the other.
func distinctKinds(a, b kind) bool {
	exact := func(k kind) bool { return k > unknown && k < optional }
	number := func(k kind) bool { return k == integer || k == float }
	return exact(a) && exact(b) && a != b && !(number(a) && number(b))
}

func ordered(op syntax.Token, order int) bool {
	switch op {
	case syntax.EQL:
		return order == 0
	case syntax.NEQ:
		return order != 0
	case syntax.LT:
		return order < 0
	case syntax.LE:
		return order <= 0
	case syntax.GT:
		return order > 0
	}
	return order >= 0
}

// compareInts is the inner condition of most loops, so it has forms for variables and constants.
func compareInts(op syntax.Token, x, y operand) func(*frame) bool {
	a, b, at := x.int, y.int, x.at
	if k, ok := y.constantInt(); ok {
		return compareConstant(op, x, k)
	}
	if x.held && y.held {
		to := y.at
		switch op {
		case syntax.LT:
			return func(f *frame) bool { return f.slots[at&slotMask].n < f.slots[to&slotMask].n }
		case syntax.GT:
			return func(f *frame) bool { return f.slots[at&slotMask].n > f.slots[to&slotMask].n }
		}
	}
	switch op {
	case syntax.EQL:
		return func(f *frame) bool { u := a(f); return u == b(f) }
	case syntax.NEQ:
		return func(f *frame) bool { u := a(f); return u != b(f) }
	case syntax.LT:
		return func(f *frame) bool { u := a(f); return u < b(f) }
	case syntax.LE:
		return func(f *frame) bool { u := a(f); return u <= b(f) }
	case syntax.GT:
		return func(f *frame) bool { u := a(f); return u > b(f) }
	}
	return func(f *frame) bool { u := a(f); return u >= b(f) }
}

func compareConstant(op syntax.Token, x operand, k int64) func(*frame) bool {
	a := x.int
	switch op {
	case syntax.EQL:
		return func(f *frame) bool { return a(f) == k }
	case syntax.NEQ:
		return func(f *frame) bool { return a(f) != k }
	case syntax.LT:
		return func(f *frame) bool { return a(f) < k }
	case syntax.LE:
		return func(f *frame) bool { return a(f) <= k }
	case syntax.GT:
		return func(f *frame) bool { return a(f) > k }
	}
	return func(f *frame) bool { return a(f) >= k }
}

func compareTexts(op syntax.Token, x, y operand) func(*frame) bool {
	a, b := x.text, y.text
	if y.constant != nil && (op == syntax.EQL || op == syntax.NEQ) {
		k, is := b(nil), op == syntax.EQL
		return func(f *frame) bool { return (a(f) == k) == is }
	}
	switch op {
	case syntax.EQL:
		return func(f *frame) bool { u := a(f); return u == b(f) }
	case syntax.NEQ:
		return func(f *frame) bool { u := a(f); return u != b(f) }
	}
	return func(f *frame) bool { u := a(f); return ordered(op, strings.Compare(u, b(f))) }
}

// orderNumbers compares exactly: no int is rounded to a float.
func (c *compiler) orderNumbers(x, y operand) func(*frame) int {
	switch {
	case x.typ.kind == integer:
		a, b := x.int, y.float
		return func(f *frame) int { u := a(f); return orderIntFloat(u, b(f)) }
	case y.typ.kind == integer:
		a, b := x.float, y.int
		return func(f *frame) int { u := a(f); return -orderIntFloat(b(f), u) }
	}
	a, b := x.float, y.float
	return func(f *frame) int { u := a(f); return orderFloats(u, b(f)) }
}

// orderFloats puts nan above all, equal to itself.
func orderFloats(a, b float64) int {
	switch {
	case a > b:
		return 1
	case a < b:
		return -1
	case a == b:
		return 0
	case a == a:
		return -1
	case b == b:
		return 1
	}
	return 0
}

func orderIntFloat(i int64, x float64) int {
	switch {
	case x != x || x >= 1<<63:
		return -1
	case x < -1<<63:
		return 1
	}
	whole := math.Trunc(x)
	switch n := int64(whole); {
	case i < n:
		return -1
	case i > n:
		return 1
	}
	return orderFloats(whole, x)
}

func (c *compiler) isNone(is bool, x, y operand) func(*frame) bool {
	if x.typ.kind == none {
		x, y = y, x
	}
	second := c.evaluate(y)
	switch x.typ.kind {
	case optional:
		put, held := c.place(x)
		put = some(put)
		at := held.at
		return func(f *frame) bool {
			put(f)
			second(f)
			return (f.slots[at&slotMask].n == 0) == is
		}
	case boxedAny:
		g := x.value
		return func(f *frame) bool {
			v := g(f)
			second(f)
			return (v == starlark.None) == is
		}
	}
	first := c.evaluate(x)
	result := (x.typ.kind == none) == is
	return func(f *frame) bool { first(f); second(f); return result }
}

func (c *compiler) equalTuples(op syntax.Token, x, y operand, line int32) func(*frame) bool {
	if len(x.typ.elems) != len(y.typ.elems) {
		first, second := c.evaluate(x), c.evaluate(y)
		return func(f *frame) bool { first(f); second(f); return op == syntax.NEQ }
	}
	first, a := c.hold(x)
	second, b := c.hold(y)
	first, second = some(first), some(second)
	tests := make([]func(*frame) bool, len(x.typ.elems))
	for i := range tests {
		tests[i] = c.compare(syntax.EQL, a.element(i), b.element(i), line).truth
	}
	return func(f *frame) bool {
		first(f)
		second(f)
		for _, equal := range tests {
			if !equal(f) {
				return op == syntax.NEQ
			}
		}
		return op == syntax.EQL
	}
}

// compareBoxed leaves a comparison to the interpreter's own code.
func (c *compiler) compareBoxed(op syntax.Token, x, y operand, line int32) func(*frame) bool {
	c.transient++
	a, b := c.box(x, line).value, c.box(y, line).value
	c.transient--
	return func(f *frame) bool {
		u := a(f)
		is, err := starlark.Compare(op, u, b(f))
		if err != nil {
			f.bail(errorRaised, line)
		}
		return is
	}
}

// membership compiles in and not in.
func (s *scope) membership(e *syntax.BinaryExpr) operand {
	x := s.expr(e.X)
	y := s.certain(s.expr(e.Y), e.OpPos.Line)
	if x.typ.kind == unknown || y.typ.kind == unknown {
		return never()
	}
	is := s.contains(x, y, e.OpPos.Line)
	must := needleOf(x, y)
	if e.Op == syntax.NOT_IN {
		return operand{typ: boolType, truth: func(f *frame) bool { return !is(f) }, absent: must}
	}
	return operand{typ: boolType, truth: is, needle: must}
}

func (c *compiler) contains(x, y operand, line int32) func(*frame) bool {
	switch {
	case y.typ.kind == str:
		a, b := c.texts(x, line), y.text
		if x.constant != nil && x.typ.kind == str {
			k := a(nil)
			return func(f *frame) bool { return strings.Contains(b(f), k) }
		}
		return func(f *frame) bool { u := a(f); return strings.Contains(b(f), u) }
	case y.typ.kind == list_ && x.typ.kind < tuple && equal(x.typ, y.typ.elem.of()):
		return c.listContains(x, y, line)
	case y.typ.kind == tuple && y.elems != nil && (x.held || x.typ.kind < tuple):
		return c.tupleContains(x, y, line)
	}
	if k, ok := x.constant.(starlark.String); ok && y.typ.kind == row {
		return c.rowHas(y, string(k))
	}
	c.transient++
	a, b := c.box(x, line).value, c.box(y, line).value
	c.transient--
	return func(f *frame) bool {
		u := a(f)
		v, err := starlark.Binary(syntax.IN, u, b(f))
		if err != nil {
			f.bail(errorRaised, line)
		}
		return bool(v.(starlark.Bool))
	}
}

// listContains looks for a scalar of the type of the list's elements.
func (c *compiler) listContains(x, y operand, line int32) func(*frame) bool {
	put, held := c.hold(x)
	put = some(put)
	g := y.list
	at := c.slots(1)
	same := c.compare(syntax.EQL, heldIn(x.typ, at), held, line).truth
	return func(f *frame) bool {
		put(f)
		l := g(f)
		f.spend(int64(l.n))
		for i := range l.n {
			f.slots[at&slotMask] = l.cells[i]
			if same(f) {
				return true
			}
		}
		return false
	}
}

func (c *compiler) tupleContains(x, y operand, line int32) func(*frame) bool {
	put, held := c.hold(x)
	put = some(put)
	second, elements := c.hold(y)
	second = some(second)
	tests := make([]func(*frame) bool, len(elements.elems))
	for i := range tests {
		tests[i] = c.binary(syntax.EQL, elements.elems[i], held, line).truth
	}
	return func(f *frame) bool {
		put(f)
		second(f)
		for _, same := range tests {
			if same(f) {
				return true
			}
		}
		return false
	}
}
