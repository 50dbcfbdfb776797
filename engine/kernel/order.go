package kernel

import (
	"cmp"
	"slices"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// An ordering says which of two values in cells comes first.
type cellOrder func(f *frame, a, b []cell) int

// orderOf compares values of a type as Starlark does.
func orderOf(t *Type, line int32) cellOrder {
	switch t.kind {
	case boolean, integer:
		return func(_ *frame, a, b []cell) int { return cmp.Compare(a[0].n, b[0].n) }
	case float:
		return func(_ *frame, a, b []cell) int { return orderFloats(a[0].float(), b[0].float()) }
	case str, byteStr:
		return func(_ *frame, a, b []cell) int { return strings.Compare(a[0].text(), b[0].text()) }
	case tuple:
		return orderTuples(t, line)
	case boxedAny:
		return func(f *frame, a, b []cell) int { return orderBoxed(f, a[0].value(), b[0].value(), line) }
	}
	return func(f *frame, _, _ []cell) int { f.bail(otherType, line); return 0 }
}

func orderTuples(t *Type, line int32) cellOrder {
	parts := make([]cellOrder, len(t.elems))
	for i, e := range t.elems {
		parts[i] = orderOf(e, line)
	}
	return func(f *frame, a, b []cell) int {
		for i, part := range parts {
			if order := part(f, a, b); order != 0 {
				return order
			}
			width := t.elems[i].width
			a, b = a[width:], b[width:]
		}
		return 0
	}
}

// orderBoxed compares scalars; the order of other values, such as sets, need not be total, and what a sort makes
// of it is the interpreter's to say.
func orderBoxed(f *frame, a, b starlark.Value, line int32) int {
	if !scalar(a) || !scalar(b) {
		f.bail(otherType, line)
	}
	less, err := starlark.Compare(syntax.LT, a, b)
	if err != nil {
		f.bail(errorRaised, line)
	}
	if less {
		return -1
	}
	more, _ := starlark.Compare(syntax.GT, a, b)
	if more {
		return 1
	}
	return 0
}

func scalar(v starlark.Value) bool {
	switch v.(type) {
	case starlark.Bool, starlark.Int, starlark.Float, starlark.String, starlark.Bytes:
		return true
	}
	return false
}

// ordering compiles sorted, min and max.
func (s *scope) ordering(fn *starlark.Builtin, e *syntax.CallExpr) operand {
	args, named := s.argumentsByName(e, "key", "reverse")
	key := named["key"]
	if fn.Name() == "sorted" {
		if len(args) != 1 {
			refuseAt(e, "calls sorted with arguments by position")
		}
		return s.sorted(e, args[0], key, named["reverse"])
	}
	sign := 1
	if fn.Name() == "max" {
		sign = -1
	}
	if len(args) == 1 {
		return s.extreme(s.sequence(args[0], true), key, sign, e)
	}
	values := s.exprs(args)
	if len(args) == 2 && key == nil {
		values[0], values[1] = s.certain(values[0], s.line), s.certain(values[1], s.line)
		if o := s.lesser(values[0], values[1], sign); o.typ != nil {
			return o
		}
	}
	return s.extreme(s.display(values), key, sign, e)
}

// lesser is the extreme of two numbers of one type.
func (c *compiler) lesser(x, y operand, sign int) operand {
	switch {
	case x.typ.kind == integer && y.typ.kind == integer:
		a, b := x.int, y.int
		r := operand{typ: intType, vector: vectorOfLesser(x, y, sign), int: func(f *frame) int64 { u := a(f); return min(u, b(f)) }}
		if sign < 0 {
			r.int = func(f *frame) int64 { u := a(f); return max(u, b(f)) }
		}
		return r
	case x.typ.kind == float && y.typ.kind == float:
		a, b := x.float, y.float
		return operand{typ: floatType, float: func(f *frame) float64 {
			u := a(f)
			v := b(f)
			if orderFloats(v, u)*sign < 0 {
				return v
			}
			return u
		}}
	}
	return operand{}
}

// extreme is the first element of a sequence than which none is smaller, or none greater where sign is -1.
func (s *scope) extreme(q sequence, key syntax.Expr, sign int, e *syntax.CallExpr) operand {
	line := lineOf(e)
	width := q.elem.width
	elem, best := s.slots(width), s.slots(width)
	keyPut, keyAt, keyType := s.keyOf(key, heldIn(q.elem, elem), line)
	bestKey, found := s.slots(keyType.width), s.slots(1)
	order := orderOf(keyType, line)
	keyEnd, bestEnd := int(keyAt)+keyType.width, int(bestKey)+keyType.width
	loop := q.each(elem, func(f *frame) bool {
		keyPut(f)
		if f.slots[found&slotMask].n != 0 && order(f, f.slots[keyAt:keyEnd], f.slots[bestKey:bestEnd])*sign >= 0 {
			return true
		}
		f.slots[found&slotMask].n = 1
		copy(f.slots[best:int(best)+width], f.slots[elem:int(elem)+width])
		copy(f.slots[bestKey:bestEnd], f.slots[keyAt:keyEnd])
		return true
	})
	if q.elem.kind == unknown {
		return never()
	}
	return after(func(f *frame) {
		f.slots[found&slotMask].n = 0
		loop(f)
		if f.slots[found&slotMask].n == 0 {
			f.bail(errorRaised, line)
		}
	}, heldIn(q.elem, best))
}

// keyOf compiles the key of an element, and where it stands.
func (s *scope) keyOf(key syntax.Expr, elem operand, line int32) (put code, at slot, t *Type) {
	if key == nil || isNoneName(key) {
		return nothing, elem.at, elem.typ
	}
	before := s.nodes
	run, held := s.place(s.apply(key, []operand{elem}))
	run = some(run)
	cost := (s.nodes - before + 1) * nodeSteps
	return func(f *frame) { f.spend(cost); run(f) }, held.at, held.typ
}

func isNoneName(e syntax.Expr) bool {
	id, ok := unparen(e).(*syntax.Ident)
	return ok && id.Name == "None"
}

// sorted makes a new list. Keys are made of all elements before any are compared.
func (s *scope) sorted(e *syntax.CallExpr, arg, key, reverse syntax.Expr) operand {
	line := lineOf(e)
	unsorted := s.collect(s.sequence(arg, true), e)
	elems := unsorted.typ.elem
	elem := elems.of()
	at := s.slots(elem.width)
	keyPut, keyAt, keyType := s.keyOf(key, heldIn(elem, at), line)
	descending := func(*frame) bool { return false }
	if reverse != nil {
		o := s.expr(reverse)
		if o.typ.kind != boolean {
			refuseAt(reverse, "passes reverse as other than a bool")
		}
		descending = o.truth
	}
	order := orderOf(keyType, line)
	width, keyWidth := elem.width, keyType.width
	return operand{typ: unsorted.typ, list: func(f *frame) *list {
		l := unsorted.list(f)
		down := descending(f)
		keys := f.take(l.n * keyWidth)
		for i := range l.n {
			copy(f.slots[at:int(at)+width], l.at(i, width))
			keyPut(f)
			copy(keys[i*keyWidth:], f.slots[keyAt:int(keyAt)+keyWidth])
		}
		places := f.sortPlaces(l.n, func(i, j int32) int {
			if down {
				i, j = j, i
			}
			return order(f, keys[int(i)*keyWidth:], keys[int(j)*keyWidth:])
		})
		r := f.newList()
		r.n, r.cells = l.n, f.take(l.n*width)
		for to, from := range places {
			copy(r.at(to, width), l.at(int(from), width))
		}
		return r
	}}
}

// sortPlaces is the numbers below n in a stable order. It is valid until the next call.
func (m *memory) sortPlaces(n int, order func(i, j int32) int) []int32 {
	m.places = m.places[:0]
	for i := range n {
		m.places = append(m.places, int32(i))
	}
	slices.SortStableFunc(m.places, order)
	return m.places
}
