package kernel

import (
	"math"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// index compiles x[y].
func (s *scope) index(e *syntax.IndexExpr) operand {
	if s.isState(e.X) {
		return s.constant(s.rows.delta.zero)
	}
	line := e.Lbrack.Line
	x := s.indexed(e.X)
	y := s.expr(e.Y)
	if o, ok := s.partOf(x, y); ok {
		return o
	}
	if i, ok := y.constantInt(); ok && x.typ.kind == optional && x.typ.elems[0].kind == tuple {
		return s.presentElement(x, i, line)
	}
	x = s.certain(x, line)
	switch {
	case x.typ.kind == unknown || y.typ.kind == unknown:
		return never()
	case x.typ.kind == row:
		if name, ok := y.constant.(starlark.String); ok {
			return s.field(x, string(name), line)
		}
	case x.typ.kind == tuple:
		if i, ok := y.constantInt(); ok {
			return s.constantElement(x, i)
		}
	case x.typ.kind == str:
		return s.byteOf(x, y, line)
	case x.typ.kind == list_:
		return s.listElement(x, y, line)
	}
	return s.boxedIndex(x, y, line)
}

// constantElement is an element of a tuple by a number in the text.
func (c *compiler) constantElement(x operand, i int64) operand {
	n := int64(len(x.typ.elems))
	if i < 0 {
		i += n
	}
	if i < 0 || i >= n {
		return never()
	}
	if x.pick != nil {
		return x.pick(int(i))
	}
	put, held := c.hold(x)
	return after(put, held.element(int(i)))
}

// presentElement is an element of a tuple that may be None instead, which gives the record up.
func (c *compiler) presentElement(x operand, i int64, line int32) operand {
	put, held := c.place(x)
	put = some(put)
	there := held.at
	elem := c.constantElement(heldIn(x.typ.elems[0], there+1), i)
	return after(func(f *frame) {
		if put(f); f.slots[there&slotMask].n == 0 {
			f.bail(otherType, line)
		}
	}, elem)
}

// at is where an index points to, or the record is given up.
func at(f *frame, i int64, n int, line int32) int {
	if i < 0 {
		i += int64(n)
	}
	if uint64(i) >= uint64(n) {
		f.bail(outOfRange, line)
	}
	return int(i)
}

func (c *compiler) byteOf(x, y operand, line int32) operand {
	a, b := x.text, c.ints(y, line)
	return operand{typ: strType, text: func(f *frame) string {
		u := a(f)
		i := at(f, b(f), len(u), line)
		return u[i : i+1]
	}}
}

func (c *compiler) listElement(x, y operand, line int32) operand {
	elem := x.typ.elem.of()
	a, b := x.list, c.ints(y, line)
	if k, ok := y.constantInt(); ok && k >= 0 && k < 1<<31 {
		return fromList(elem, func(f *frame) (*list, int) {
			l := a(f)
			if int(k) >= l.n {
				f.bail(outOfRange, line)
			}
			return l, int(k)
		})
	}
	return fromList(elem, func(f *frame) (*list, int) {
		l := a(f)
		return l, at(f, b(f), l.n, line)
	})
}

// fromList is the element of a list that find finds.
func fromList(elem *Type, find func(*frame) (*list, int)) operand {
	o := operand{typ: elem}
	width := elem.width
	switch elem.kind {
	case boolean:
		o.truth = func(f *frame) bool { l, i := find(f); return l.cells[i].truth() }
	case integer, row:
		o.int = func(f *frame) int64 { l, i := find(f); return l.cells[i].n }
	case float:
		o.float = func(f *frame) float64 { l, i := find(f); return l.cells[i].float() }
	case str, byteStr:
		o.text = func(f *frame) string { l, i := find(f); return l.cells[i].text() }
	case list_:
		o.list = func(f *frame) *list { l, i := find(f); return l.cells[i].list() }
	case boxedAny:
		o.value = func(f *frame) starlark.Value { l, i := find(f); return l.cells[i].value() }
	case none:
		o.do = func(f *frame) { find(f) }
	case tuple, optional:
		o.into = func(f *frame, to slot) {
			l, i := find(f)
			copy(f.slots[to:int(to)+width], l.at(i, width))
		}
	}
	return o
}

// boxedIndex leaves an index to what the interpreter does.
func (c *compiler) boxedIndex(x, y operand, line int32) operand {
	a, b := c.box(x, line).value, c.box(y, line).value
	return operand{typ: anyType, value: func(f *frame) starlark.Value {
		u := a(f)
		v := indexValue(u, b(f))
		if v == nil {
			f.bail(noKey, line)
		}
		return v
	}}
}

// indexValue is x[y]; nil where that is an error.
func indexValue(x, y starlark.Value) starlark.Value {
	switch x := x.(type) {
	case starlark.Mapping:
		if v, found, err := x.Get(y); err == nil && found {
			return v
		}
	case starlark.Indexable:
		i, err := starlark.AsInt32(y)
		if err != nil {
			return nil
		}
		n := x.Len()
		if i < 0 {
			i += n
		}
		if i >= 0 && i < n {
			return x.Index(i)
		}
	}
	return nil
}

// slice compiles x[lo:hi:step].
func (s *scope) slice(e *syntax.SliceExpr) operand {
	line := e.Lbrack.Line
	x := s.certain(s.expr(e.X), line)
	switch {
	case x.typ.kind == unknown:
		return never()
	case x.typ.kind == boxedAny || x.typ.kind == byteStr || e.Step != nil:
		return s.sliceBoxed(x, e)
	case x.typ.kind == str:
		if k, ok := s.fixedBound(e); ok {
			return sliceBehind(x, k)
		}
		return s.sliceText(x, s.bound(e.Lo, 0), s.bound(e.Hi, math.MaxInt32))
	case x.typ.kind == list_:
		return s.sliceList(x, s.bound(e.Lo, 0), s.bound(e.Hi, math.MaxInt32))
	case x.typ.kind == tuple:
		return s.sliceTuple(x, e)
	}
	return never()
}

// fixedBound is the number k of text[k:].
func (s *scope) fixedBound(e *syntax.SliceExpr) (k int, ok bool) {
	lit, ok := e.Lo.(*syntax.Literal)
	if !ok || e.Hi != nil {
		return 0, false
	}
	n, ok := lit.Value.(int64)
	return int(n), ok && n < 1<<31
}

// sliceBehind is text[k:].
func sliceBehind(x operand, k int) operand {
	g := x.text
	return operand{typ: strType, text: func(f *frame) string {
		if u := g(f); len(u) > k {
			return u[k:]
		}
		return ""
	}}
}

func (c *compiler) sliceText(x operand, lo, hi func(*frame, int) int) operand {
	g := x.text
	return operand{typ: strType, text: func(f *frame) string {
		u := g(f)
		from, to := lo(f, len(u)), hi(f, len(u))
		if from >= to {
			return ""
		}
		return u[from:to]
	}}
}

// sliceBoxed slices what is boxed, or with a step.
func (s *scope) sliceBoxed(x operand, e *syntax.SliceExpr) operand {
	line := e.Lbrack.Line
	g := s.box(x, line).value
	ends := [3]func(*frame) starlark.Value{}
	for i, end := range []syntax.Expr{e.Lo, e.Hi, e.Step} {
		ends[i] = func(*frame) starlark.Value { return starlark.None }
		if end != nil {
			ends[i] = s.box(s.expr(end), line).value
		}
	}
	t := anyType
	if x.typ.kind == str {
		t = strType
	}
	return s.expect(func(f *frame) starlark.Value {
		v, ok := g(f).(starlark.Sliceable)
		if !ok {
			f.bail(errorRaised, line)
		}
		lo, hi, step := ends[0](f), ends[1](f), ends[2](f)
		return sliceValue(f, v, lo, hi, step, line)
	}, t, line)
}

// sliceValue is v[lo:hi:step].
func sliceValue(f *frame, v starlark.Sliceable, lo, hi, step starlark.Value, line int32) starlark.Value {
	n := v.Len()
	by := end(f, step, 0, 1, line)
	if by > 0 {
		from := max(0, min(end(f, lo, n, 0, line), n))
		to := max(0, min(end(f, hi, n, n, line), n))
		return v.Slice(from, max(from, to), by)
	}
	if by == 0 {
		f.bail(errorRaised, line)
	}
	from := min(end(f, lo, n, n-1, line), n-1)
	to := max(end(f, hi, n, -1, line), -1)
	return v.Slice(max(from, to), to, by)
}

// end is an end of a slice of a value of length n, where a negative one counts from behind.
func end(f *frame, v starlark.Value, n, missing int, line int32) int {
	if v == starlark.None {
		return missing
	}
	i, err := starlark.AsInt32(v)
	if err != nil {
		f.bail(outOfRange, line)
	}
	if i < 0 {
		i += n
	}
	return i
}

// bound is an end of a slice within a length, as the interpreter takes it: beyond 32 bits it is an error.
func (s *scope) bound(e syntax.Expr, missing int) func(f *frame, n int) int {
	if e == nil {
		return func(_ *frame, n int) int { return min(missing, n) }
	}
	o := s.expr(e)
	line := s.line
	if k, ok := o.constantInt(); ok && k >= 0 && k < 1<<31 {
		return func(_ *frame, n int) int { return min(int(k), n) }
	}
	if o.typ.kind == none {
		return func(_ *frame, n int) int { return min(missing, n) }
	}
	g := s.ints(o, line)
	return func(f *frame, n int) int {
		i := g(f)
		if i != int64(int32(i)) {
			f.bail(outOfRange, line)
		}
		if i < 0 {
			i += int64(n)
		}
		return int(max(0, min(i, int64(n))))
	}
}

func (c *compiler) sliceList(x operand, lo, hi func(*frame, int) int) operand {
	g, width := x.list, x.typ.elem.of().width
	return operand{typ: x.typ, list: func(f *frame) *list {
		l := g(f)
		from, to := lo(f, l.n), hi(f, l.n)
		r := f.newList()
		if from < to {
			r.n = to - from
			r.cells = f.take(r.n * width)
			copy(r.cells, l.cells[from*width:to*width])
		}
		return r
	}}
}

// sliceTuple slices a tuple by numbers in the text.
func (s *scope) sliceTuple(x operand, e *syntax.SliceExpr) operand {
	n := len(x.typ.elems)
	lo, hi := s.constantBound(e.Lo, 0, n), s.constantBound(e.Hi, n, n)
	if lo >= hi {
		return after(s.evaluate(x), s.constant(starlark.Tuple{}))
	}
	put, held := s.hold(x)
	elems := make([]operand, 0, hi-lo)
	for i := lo; i < hi; i++ {
		elems = append(elems, held.element(i))
	}
	return after(put, s.tupleOf(elems))
}

func (s *scope) constantBound(e syntax.Expr, missing, n int) int {
	if e == nil {
		return missing
	}
	o := s.expr(e)
	k, ok := o.constantInt()
	if !ok || k != int64(int32(k)) {
		refuseAt(e, "slices a tuple by what is no number in the text")
	}
	if k < 0 {
		k += int64(n)
	}
	return int(max(0, min(k, int64(n))))
}
