package kernel

import (
	"errors"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// alter notes that a program changes lists with such elements after they were made.
func (c *compiler) alter(e *elemType) {
	if e = e.find(); !e.changed {
		e.changed, c.moved = true, true
	}
}

// checkAliases refuses a program that changes what it has copied into starlark.Values.
func (c *compiler) checkAliases(s *elemType, line int32) {
	if s = s.find(); s.changed && s.boxed {
		if c.keeps {
			c.makeValues(s)
			return
		}
		refuse(line, "changes a list that it also uses as a value of unknown type")
	}
}

// nameLists notes that a variable stands for lists of a type.
func (c *compiler) nameLists(t *Type) {
	if !c.keeps {
		return
	}
	switch t.kind {
	case list_:
		if e := t.elem.find(); !e.named {
			e.named = true
			c.settle(e)
			c.nameLists(e.of())
		}
	case tuple, optional:
		for _, e := range t.elems {
			c.nameLists(e)
		}
	}
}

// settle decides on lists that are both kept and known by a name: two Values of one list would not be the same list.
func (c *compiler) settle(e *elemType) {
	if c.keeps && e.named && e.boxed {
		c.makeValues(e)
	}
}

func (c *compiler) makeValues(e *elemType) {
	if !e.asValue {
		e.asValue, c.moved = true, true
	}
}

// madeOf is the list that an expression gave, as a starlark.Value if such lists are to be.
func (s *scope) madeOf(o operand) operand {
	if s.keeps && o.typ.kind == list_ && o.constant == nil && !o.held && o.typ.elem.find().asValue {
		return s.box(o, s.line)
	}
	return o
}

// writable gives the record up if a list may not be changed.
func (l *list) writable(f *frame, line int32) {
	if l.frozen || l.locks > 0 {
		f.bail(frozenValue, line)
	}
}

func (s *scope) listMethod(x operand, name string, args []operand, e *syntax.CallExpr) operand {
	line := lineOf(e)
	switch {
	case name == "append" && len(args) == 1:
		return s.appendTo(x, args[0], line)
	case name == "index" && len(args) == 1:
		return s.indexIn(x, args[0], line)
	case name == "extend" && len(args) == 1:
		return operand{typ: noneType, do: s.extend(x, args[0], line)}
	}
	refuse(line, "calls list.%s", name)
	return operand{}
}

func (s *scope) appendTo(x, value operand, line int32) operand {
	elems := x.typ.elem
	if _, function := value.callee(); function {
		refuse(line, "uses a function as a value")
	}
	s.alter(elems)
	s.grow(elems, value.typ)
	s.checkAliases(elems, line)
	put, held := s.place(s.convert(value, elems.of(), line))
	put = some(put)
	g, width, at := x.list, elems.of().width, held.at
	return operand{typ: noneType, do: func(f *frame) {
		l := g(f)
		put(f)
		l.writable(f, line)
		copy(l.push(&f.memory, width), f.slots[at:int(at)+width])
	}}
}

// extend compiles x.extend(y) and x += y.
func (s *scope) extend(x, y operand, line int32) code {
	elems := x.typ.elem
	s.alter(elems)
	q := s.through(y)
	s.grow(elems, q.elem)
	s.checkAliases(elems, line)
	width := elems.of().width
	from, at := s.slots(q.elem.width), s.slots(1)
	put, held := s.place(s.convert(heldIn(q.elem, from), elems.of(), line))
	put = some(put)
	loop := q.each(from, func(f *frame) bool {
		put(f)
		cells := f.slots[at&slotMask].list().push(&f.memory, width)
		copy(cells, f.slots[held.at:int(held.at)+width])
		return true
	})
	g := x.list
	return func(f *frame) {
		l := g(f)
		l.writable(f, line)
		added := f.newList() // l may be what is gone through
		f.slots[at&slotMask].setList(added)
		loop(f)
		for i := range added.n {
			copy(l.push(&f.memory, width), added.at(i, width))
		}
	}
}

func (s *scope) indexIn(x, value operand, line int32) operand {
	elem := x.typ.elem.of()
	put, held := s.hold(value)
	put = some(put)
	at, width, g := s.slots(elem.width), elem.width, x.list
	same := s.truthOf(s.binary(syntax.EQL, heldIn(elem, at), held, line))
	return operand{typ: intType, int: func(f *frame) int64 {
		l := g(f)
		put(f)
		f.spend(int64(l.n))
		for i := range l.n {
			copy(f.slots[at:int(at)+width], l.at(i, width))
			if same(f) {
				return int64(i)
			}
		}
		f.bail(errorRaised, line)
		return 0
	}}
}

// assignElement compiles x[y] = value and x.name = value.
func (s *scope) assignElement(target syntax.Expr, value operand) code {
	e, ok := unparen(target).(*syntax.IndexExpr)
	if !ok {
		refuseAt(target, "assigns to an attribute")
	}
	if s.isState(e.X) {
		return s.assignKey(e, value)
	}
	if inner, ok := s.ofState(e.X); ok {
		return s.partRow(inner, e, func(operand) operand { return value })
	}
	line := e.Lbrack.Line
	put, held := s.place(value)
	x := s.certain(s.expr(e.X), line)
	y := s.expr(e.Y)
	if x.typ.kind == unknown || y.typ.kind == unknown || value.typ.kind == unknown {
		return fails
	}
	return s.setElement(x, y, some(put), held, line)
}

func (s *scope) setElement(x, y operand, put code, value operand, line int32) code {
	switch x.typ.kind {
	case list_:
		elems := x.typ.elem
		s.alter(elems)
		s.grow(elems, value.typ)
		s.checkAliases(elems, line)
		convert, held := s.place(s.convert(value, elems.of(), line))
		convert = some(convert)
		g, h, width := x.list, s.ints(y, line), elems.of().width
		return func(f *frame) {
			put(f)
			l := g(f)
			i := at(f, h(f), l.n, line)
			l.writable(f, line)
			convert(f)
			copy(l.at(i, width), f.slots[held.at:int(held.at)+width])
		}
	case boxedAny:
		s.transient++ // the journal copies a key that stays
		h := s.box(y, line).value
		s.transient--
		g, v, keeps := x.value, s.box(value, line).value, s.keeps
		return func(f *frame) {
			put(f)
			u := g(f)
			k := h(f)
			if w := v(f); keeps && !f.journal.setIndex(u, k, w) || !keeps && setIndexValue(u, k, w) != nil {
				f.bail(frozenValue, line)
			}
		}
	}
	refuse(line, "assigns to an element of %s", x.typ)
	return nil
}

// augmentElement compiles x[y] += z and its like.
func (s *scope) augmentElement(stmt *syntax.AssignStmt, op syntax.Token) code {
	e, ok := unparen(stmt.LHS).(*syntax.IndexExpr)
	if !ok {
		refuseAt(stmt, "assigns to an attribute")
	}
	if run := s.augmentKey(e, stmt, op); run != nil {
		return run
	}
	line := stmt.OpPos.Line
	putX, x := s.place(s.certain(s.expr(e.X), line))
	putY, y := s.place(s.expr(e.Y))
	if x.typ.kind == unknown || y.typ.kind == unknown {
		s.expr(stmt.RHS)
		return fails
	}
	var old operand
	switch x.typ.kind {
	case list_:
		old = s.listElement(x, y, line)
	case boxedAny:
		old = s.boxedIndex(x, y, line)
	default:
		refuse(line, "changes an element of %s", x.typ)
	}
	if old.typ.kind == list_ {
		refuse(line, "changes an element with %s", stmt.Op)
	}
	value := s.augmented(op, old, s.expr(stmt.RHS), line)
	if value.typ.kind == unknown {
		return fails
	}
	put, held := s.place(value)
	set := s.setElement(x, y, some(put), held, line)
	return sequenceOf([]code{some(putX), some(putY), set})
}

// setIndexValue is x[y] = v.
func setIndexValue(x, y, v starlark.Value) error {
	switch x := x.(type) {
	case *starlark.Dict:
		return x.SetKey(y, v)
	case *starlark.List:
		i, err := starlark.AsInt32(y)
		if err != nil {
			return err
		}
		if i < 0 {
			i += x.Len()
		}
		if i >= 0 && i < x.Len() {
			return x.SetIndex(i, v)
		}
	}
	return errNotStored
}

var errNotStored = errors.New("not stored")
