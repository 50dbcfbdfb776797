package kernel

import (
	"github.com/flowsh/flowsh/engine/chunk"
	"go.starlark.net/starlark"
)

// appendTo appends an operand to a column of the output.
func (b *builder) appendTo(o operand, to func(*frame) *chunk.Column) code {
	b.transient++
	defer func() { b.transient-- }()
	switch o.typ.kind {
	case unknown:
		return fails
	case str:
		g := o.text
		return func(f *frame) { to(f).AppendString(g(f)) }
	case integer:
		g := o.int
		return func(f *frame) { to(f).AppendInt(g(f)) }
	case boxedAny:
		g := o.value
		return func(f *frame) { to(f).Append(g(f)) }
	}
	if o.elems != nil {
		return b.appendDisplay(o, to)
	}
	put, held := b.place(o)
	put = some(put)
	add := b.appender(o.typ)
	at, width := int(held.at), o.typ.width
	return func(f *frame) {
		put(f)
		add(f, to(f), f.slots[at:at+width])
	}
}

// appendDisplay appends a tuple whose elements are at hand: they go straight into the fields of a column of tuples.
func (b *builder) appendDisplay(o operand, to func(*frame) *chunk.Column) code {
	put, o := b.hold(o)
	put = some(put)
	fields := make([]func(*frame, *chunk.Column), len(o.elems))
	for i, e := range o.elems {
		fields[i] = b.fieldAppender(e)
	}
	width := len(fields)
	box := b.box(o, b.line).value
	return func(f *frame) {
		put(f)
		c := to(f)
		if !c.BeginTuple(width) {
			v := box(f)
			v.Freeze()
			c.Append(v)
			return
		}
		for i, add := range fields {
			add(f, &c.Fields[i])
		}
		c.N++
	}
}

func (b *builder) fieldAppender(o operand) func(*frame, *chunk.Column) {
	switch o.typ.kind {
	case str:
		g := o.text
		return func(f *frame, to *chunk.Column) { to.AppendString(g(f)) }
	case integer:
		g := o.int
		return func(f *frame, to *chunk.Column) { to.AppendInt(g(f)) }
	}
	put, held := b.place(o)
	put = some(put)
	add := b.appender(o.typ)
	at, width := int(held.at), o.typ.width
	return func(f *frame, to *chunk.Column) {
		put(f)
		add(f, to, f.slots[at:at+width])
	}
}

// An appender appends the value in cells to a column.
type appender func(f *frame, to *chunk.Column, cells []cell)

// appender appends values of a type. Tuples whose column is one of tuples go to its fields unboxed.
func (b *builder) appender(t *Type) appender {
	switch t.kind {
	case str:
		return func(_ *frame, to *chunk.Column, c []cell) { to.AppendString(c[0].text()) }
	case integer:
		return func(_ *frame, to *chunk.Column, c []cell) { to.AppendInt(c[0].n) }
	case float:
		return func(_ *frame, to *chunk.Column, c []cell) { to.AppendFloat(c[0].float()) }
	case row:
		from := b.column(t.row.path)
		return func(f *frame, to *chunk.Column, c []cell) { to.AppendFrom(f.columns[from], int(c[0].n)) }
	case boolean:
		return func(_ *frame, to *chunk.Column, c []cell) { to.Append(starlark.Bool(c[0].truth())) }
	case boxedAny:
		return func(_ *frame, to *chunk.Column, c []cell) { to.Append(c[0].value()) }
	case tuple:
		return b.tupleAppender(t)
	case optional:
		add := b.appender(t.elems[0])
		return func(f *frame, to *chunk.Column, c []cell) {
			if c[0].n == 0 {
				to.Append(starlark.None)
				return
			}
			add(f, to, c[1:])
		}
	}
	box := b.boxer(t, b.line, 0)
	return func(f *frame, to *chunk.Column, c []cell) {
		v := box(f, c)
		v.Freeze()
		to.Append(v)
	}
}

func (b *builder) tupleAppender(t *Type) appender {
	fields := make([]appender, len(t.elems))
	for i, e := range t.elems {
		fields[i] = b.appender(e)
	}
	box := b.boxer(t, b.line, 0)
	return func(f *frame, to *chunk.Column, c []cell) {
		if !to.BeginTuple(len(fields)) {
			v := box(f, c)
			v.Freeze()
			to.Append(v)
			return
		}
		for i, add := range fields {
			add(f, &to.Fields[i], c)
			c = c[t.elems[i].width:]
		}
		to.N++
	}
}
