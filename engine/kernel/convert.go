package kernel

import (
	"strings"

	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
)

// hold gives an operand a place: what puts it there, and the operand that stands there.
func (c *compiler) hold(o operand) (put code, held operand) {
	if o.held || o.constant != nil && o.elems == nil {
		return nil, o
	}
	if o.elems != nil {
		return c.holdElements(o)
	}
	at := c.slots(o.typ.width)
	held = heldIn(o.typ, at)
	held.vector = o.vector
	return storeAt(o, at), held
}

func (c *compiler) holdElements(o operand) (put code, held operand) {
	var codes []code
	r := operand{typ: o.typ, elems: make([]operand, len(o.elems))}
	for i, e := range o.elems {
		put, h := c.hold(e)
		if put != nil {
			codes = append(codes, put)
		}
		r.elems[i] = h
	}
	if codes == nil {
		return nil, r
	}
	return sequenceOf(codes), r
}

// place is hold in slots that follow each other and that nothing else changes.
func (c *compiler) place(o operand) (put code, held operand) {
	if o.held {
		return nil, o
	}
	at := c.slots(o.typ.width)
	return storeAt(o, at), heldIn(o.typ, at)
}

// evaluate runs an operand for its effects and errors alone.
func (c *compiler) evaluate(o operand) code {
	if run := effect(o); run != nil {
		return run
	}
	put, _ := c.place(o)
	return put
}

// ints is an operand where only an int will do.
func (c *compiler) ints(o operand, line int32) func(*frame) int64 {
	o = c.certain(o, line)
	switch o.typ.kind {
	case integer:
		return o.int
	case boxedAny:
		g := o.value
		return func(f *frame) int64 {
			if i, ok := g(f).(starlark.Int); ok {
				if n, ok := i.Int64(); ok {
					return n
				}
			}
			f.bail(otherType, line)
			return 0
		}
	}
	return func(f *frame) int64 { f.bail(otherType, line); return 0 }
}

// floats is an operand where an int or a float will do, as a float.
func (c *compiler) floats(o operand, line int32) func(*frame) float64 {
	o = c.certain(o, line)
	switch o.typ.kind {
	case float:
		return o.float
	case integer:
		g := o.int
		return func(f *frame) float64 { return float64(g(f)) }
	}
	return func(f *frame) float64 { f.bail(otherType, line); return 0 }
}

// texts is an operand where only a string will do.
func (c *compiler) texts(o operand, line int32) func(*frame) string {
	o = c.certain(o, line)
	switch o.typ.kind {
	case str:
		return o.text
	case boxedAny:
		g := o.value
		return func(f *frame) string {
			if s, ok := g(f).(starlark.String); ok {
				return string(s)
			}
			f.bail(otherType, line)
			return ""
		}
	}
	return func(f *frame) string { f.bail(otherType, line); return "" }
}

// certain is what an optional operand holds: None gives the record up.
func (c *compiler) certain(o operand, line int32) operand {
	if o.typ.kind != optional {
		return o
	}
	put, held := c.place(o)
	at := held.at
	check := func(f *frame) {
		if f.slots[at&slotMask].n == 0 {
			f.bail(otherType, line)
		}
	}
	if put != nil {
		return after(func(f *frame) { put(f); check(f) }, heldIn(o.typ.elems[0], at+1))
	}
	return after(check, heldIn(o.typ.elems[0], at+1))
}

// convert makes an operand one of a larger type.
func (c *compiler) convert(o operand, t *Type, n int32) operand {
	switch {
	case equal(o.typ, t):
		return o
	case o.typ.kind == unknown:
		return failing(t)
	case t.kind == boxedAny:
		return c.box(o, n)
	case t.kind == optional:
		return c.toOptional(o, t, n)
	case t.kind == tuple && o.typ.kind == tuple:
		return c.toTuple(o, t, n)
	case t.kind == list_ && o.typ.kind == list_:
		c.join(o.typ, t)
		return o
	}
	refuse(n, "mixes %s and %s", o.typ, t)
	return o
}

// failing is an operand of any type whose evaluation gives the record up.
func failing(t *Type) operand {
	o := after(fails, heldIn(t, 0))
	o.typ = t
	return o
}

func (c *compiler) toOptional(o operand, t *Type, line int32) operand {
	inner := t.elems[0]
	r := operand{typ: t}
	switch o.typ.kind {
	case none:
		do := c.evaluate(o)
		r.into = func(f *frame, to slot) {
			do(f)
			f.slots[to&slotMask].n = 0
		}
	case optional:
		put, held := c.place(o)
		put = some(put)
		from := store(c.convert(heldIn(o.typ.elems[0], held.at+1), inner, line))
		r.into = func(f *frame, to slot) {
			put(f)
			there := f.slots[held.at&slotMask].n
			if there != 0 {
				from(f, to+1)
			}
			f.slots[to&slotMask].n = there
		}
	default:
		from := store(c.convert(o, inner, line))
		r.into = func(f *frame, to slot) {
			from(f, to+1)
			f.slots[to&slotMask].n = 1
		}
	}
	return r
}

func some(run code) code {
	if run == nil {
		return nothing
	}
	return run
}

func (c *compiler) toTuple(o operand, t *Type, line int32) operand {
	var put code
	if o.elems == nil {
		put, o = c.place(o)
	}
	r := operand{typ: t, elems: make([]operand, len(t.elems))}
	for i, e := range t.elems {
		r.elems[i] = c.convert(o.element(i), e, line)
	}
	return after(put, r)
}

// box makes a starlark.Value of an operand.
func (c *compiler) box(o operand, line int32) operand {
	r := operand{typ: anyType}
	if o.constant != nil {
		v := o.constant
		if _, function := o.callee(); function {
			refuse(line, "uses a function as a value")
		}
		r.constant = v
		r.value = func(*frame) starlark.Value { return v }
		return r
	}
	switch o.typ.kind {
	case boxedAny:
		return o
	case unknown:
		return failing(anyType)
	case none:
		do := c.evaluate(o)
		r.value = func(f *frame) starlark.Value { do(f); return starlark.None }
	case boolean:
		g := o.truth
		r.value = func(f *frame) starlark.Value { return starlark.Bool(g(f)) }
	case integer:
		g := o.int
		r.value = func(f *frame) starlark.Value { return starlark.MakeInt64(g(f)) }
	case float:
		g := o.float
		r.value = func(f *frame) starlark.Value { return starlark.Float(g(f)) }
	case str:
		g := o.text
		r.value = func(f *frame) starlark.Value { return starlark.String(g(f)) }
		if c.owning() {
			r.value = func(f *frame) starlark.Value { return starlark.String(strings.Clone(g(f))) }
		}
	case byteStr:
		g := o.text
		r.value = func(f *frame) starlark.Value { return starlark.Bytes(g(f)) }
		if c.owning() {
			r.value = func(f *frame) starlark.Value { return starlark.Bytes(strings.Clone(g(f))) }
		}
	default:
		c.noteBoxed(o.typ)
		put, held := c.place(o)
		put = some(put)
		at, end, box := int(held.at), int(held.at)+o.typ.width, c.boxer(o.typ, line, 0)
		r.value = func(f *frame) starlark.Value { put(f); return box(f, f.slots[at:end]) }
	}
	return r
}

// noteBoxed notes that lists of a type are copied into starlark.Values. The copies would not follow
// changes, so a program that does both is refused.
func (c *compiler) noteBoxed(t *Type) {
	if c.transient > 0 {
		return
	}
	switch t.kind {
	case list_:
		if e := t.elem.find(); !e.boxed {
			e.boxed = true
			c.settle(e)
			c.noteBoxed(e.of())
		}
	case tuple, optional:
		for _, e := range t.elems {
			c.noteBoxed(e)
		}
	}
}

// owning says that what is boxed may be kept.
func (c *compiler) owning() bool { return c.keeps && c.transient == 0 }

// A boxer makes a starlark.Value of cells.
type boxer func(f *frame, cells []cell) starlark.Value

// boxer makes values of a type. Lists come out frozen if they were.
func (c *compiler) boxer(t *Type, line int32, depth int) boxer {
	if depth > maxNesting {
		refuse(line, "holds a list in itself")
	}
	switch t.kind {
	case none:
		return func(*frame, []cell) starlark.Value { return starlark.None }
	case boolean:
		return func(_ *frame, c []cell) starlark.Value { return starlark.Bool(c[0].truth()) }
	case integer:
		return func(_ *frame, c []cell) starlark.Value { return starlark.MakeInt64(c[0].n) }
	case float:
		return func(_ *frame, c []cell) starlark.Value { return starlark.Float(c[0].float()) }
	case str:
		if c.owning() {
			return func(_ *frame, c []cell) starlark.Value { return starlark.String(strings.Clone(c[0].text())) }
		}
		return func(_ *frame, c []cell) starlark.Value { return starlark.String(c[0].text()) }
	case byteStr:
		if c.owning() {
			return func(_ *frame, c []cell) starlark.Value { return starlark.Bytes(strings.Clone(c[0].text())) }
		}
		return func(_ *frame, c []cell) starlark.Value { return starlark.Bytes(c[0].text()) }
	case boxedAny:
		return func(_ *frame, c []cell) starlark.Value { return c[0].value() }
	case row:
		from := c.column(t.row.path)
		if c.owning() {
			return func(f *frame, c []cell) starlark.Value {
				return frozen(value.Detach(f.columns[from].At(int(c[0].n))))
			}
		}
		return func(f *frame, c []cell) starlark.Value { return f.columns[from].At(int(c[0].n)) }
	case optional:
		inner := c.boxer(t.elems[0], line, depth+1)
		return func(f *frame, c []cell) starlark.Value {
			if c[0].n == 0 {
				return starlark.None
			}
			return inner(f, c[1:])
		}
	case tuple:
		return c.tupleBoxer(t, line, depth)
	case list_:
		elem := t.elem.of()
		inner, width := c.boxer(elem, line, depth+1), elem.width
		return func(f *frame, c []cell) starlark.Value {
			l := c[0].list()
			values := make([]starlark.Value, l.n)
			for i := range values {
				values[i] = inner(f, l.at(i, width))
			}
			r := starlark.NewList(values)
			if l.frozen {
				r.Freeze()
			}
			return r
		}
	}
	return func(f *frame, _ []cell) starlark.Value { fails(f); return nil }
}

func (c *compiler) tupleBoxer(t *Type, line int32, depth int) boxer {
	inner := make([]boxer, len(t.elems))
	for i, e := range t.elems {
		inner[i] = c.boxer(e, line, depth+1)
	}
	return func(f *frame, cells []cell) starlark.Value {
		r := make(starlark.Tuple, len(inner))
		for i, box := range inner {
			r[i] = box(f, cells)
			cells = cells[t.elems[i].width:]
		}
		return r
	}
}
