package operator

import (
	"slices"
	"unsafe"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
)

// rows keeps records after their batch is gone: a column whose strings are copies, packed one after another.
// Records refer to the arena they stand in, so memory is given back when the last one is.
type rows struct {
	chunk.Column
	arena []byte // only appended to; a full one is left to its records
	held  int64  // bytes of full arenas
	boxed int64  // bytes of boxed values
}

const (
	firstArena = 1 << 10
	mostArena  = 256 << 10
)

// append adds value i of a column.
func (r *rows) append(from *chunk.Column, i int) {
	r.appendTo(&r.Column, from, i)
}

// appendRows adds some values of a column, or all if which is nil.
func (r *rows) appendRows(from *chunk.Column, which []int32) {
	switch {
	case r.N > 0 || !unboxed(from):
		n := from.N
		if which != nil {
			n = len(which)
		}
		makeRoom(&r.Column, n)
		for i := range n {
			if which != nil {
				i = int(which[i])
			}
			r.append(from, i)
		}
		return
	case which == nil:
		r.AppendAll(from)
	default:
		gatherColumn(&r.Column, from, which)
	}
	r.own()
}

// gather fills rows, of which there are none, with some of several, or with all of them in a new order.
func (r *rows) gather(from []*rows, which []rowPlace) {
	columns, all := make([]*chunk.Column, len(from)), 0
	for i, f := range from {
		columns[i] = &f.Column
		all += f.N
	}
	if !sameShape(columns) {
		for _, at := range which {
			r.append(columns[at.column], int(at.row))
		}
		return
	}
	gatherRows(&r.Column, columns, which)
	r.own()
	if all > len(which) {
		r.boxed = sizeOfBoxed(&r.Column)
		return
	}
	for _, f := range from {
		r.boxed += f.boxed
	}
}

// own copies texts of rows, which belong to others, into one piece of memory.
func (r *rows) own() {
	if bytes, had := textBytes(&r.Column), cap(r.arena); bytes > had {
		r.arena = make([]byte, 0, max(bytes, had+had/4))
	}
	r.ownTexts(&r.Column)
}

func (r *rows) ownTexts(c *chunk.Column) {
	switch c.Kind {
	case chunk.String, chunk.Bytes:
		for i, s := range c.Strings {
			c.Strings[i] = r.copy(s)
		}
	}
	for f := range c.Fields {
		r.ownTexts(&c.Fields[f])
	}
}

// textBytes is how many bytes the texts of a column have, without those of boxed values.
func textBytes(c *chunk.Column) (bytes int) {
	if c.Kind == chunk.String || c.Kind == chunk.Bytes {
		for _, s := range c.Strings {
			bytes += len(s)
		}
	}
	for f := range c.Fields {
		bytes += textBytes(&c.Fields[f])
	}
	return bytes
}

// unboxed reports whether a column has no boxed values.
func unboxed(c *chunk.Column) bool {
	if c.Kind == chunk.Any || c.Kind == chunk.Maybe || c.Kind == chunk.Empty {
		return false
	}
	for f := range c.Fields {
		if !unboxed(&c.Fields[f]) {
			return false
		}
	}
	return true
}

// appendRange adds the first n values of a column.
func (r *rows) appendRange(from *chunk.Column, n int) {
	makeRoom(&r.Column, n)
	for i := range n {
		r.appendTo(&r.Column, from, i)
	}
}

// makeRoom makes room for n more values of the kinds that a column has.
func makeRoom(c *chunk.Column, n int) {
	switch c.Kind {
	case chunk.Int:
		c.Ints = reserve(c.Ints, n)
	case chunk.Float:
		c.Floats = reserve(c.Floats, n)
	case chunk.String, chunk.Bytes:
		c.Strings = reserve(c.Strings, n)
	case chunk.Tuple, chunk.Record:
		for f := range c.Fields {
			makeRoom(&c.Fields[f], n)
		}
	}
}

func (r *rows) appendTo(to, from *chunk.Column, i int) {
	if to.N > 0 && to.Kind != from.Kind {
		r.appendBoxed(to, from.At(i))
		return
	}
	switch from.Kind {
	case chunk.String:
		to.AppendString(r.copy(from.Strings[i]))
	case chunk.Bytes:
		to.Append(starlark.Bytes(r.copy(from.Strings[i])))
	case chunk.Tuple:
		if to.Kind == chunk.Empty {
			to.AppendFrom(from, i) // shapes the fields; what it appended is replaced
			to.Truncate(0)
		}
		if to.Kind != chunk.Tuple || len(to.Fields) != len(from.Fields) {
			r.appendBoxed(to, from.At(i))
			return
		}
		r.appendFields(to, from, i)
	case chunk.Record:
		if to.Kind != chunk.Record && !to.BecomeRecord(from.Names) || !slices.Equal(to.Names, from.Names) {
			r.appendBoxed(to, from.At(i))
			return
		}
		r.appendFields(to, from, i)
	case chunk.Any:
		r.appendBoxed(to, from.Values[i])
	default:
		to.AppendFrom(from, i)
	}
}

func (r *rows) appendFields(to, from *chunk.Column, i int) {
	for f := range to.Fields {
		r.appendTo(&to.Fields[f], &from.Fields[f], i)
	}
	to.N++
}

func (r *rows) appendBoxed(to *chunk.Column, v starlark.Value) {
	v = keep(v)
	kind := to.Kind
	to.Append(v)
	if kind != chunk.Any && to.Kind == chunk.Any {
		r.boxed += sizeOfValues(to.Values[:to.N-1])
	}
	r.boxed += value.Size(v)
}

// keep gives a value that outlives its batch and cannot be changed.
func keep(v starlark.Value) starlark.Value {
	v = value.Detach(v)
	v.Freeze()
	return v
}

// freeze freezes what a column has boxed.
func freeze(c *chunk.Column) {
	for f := range c.Fields {
		freeze(&c.Fields[f])
	}
	for _, v := range c.Values {
		v.Freeze()
	}
}

// sizeOfBoxed is what the boxed values of a column take.
func sizeOfBoxed(c *chunk.Column) int64 {
	n := sizeOfValues(c.Values)
	for f := range c.Fields {
		n += sizeOfBoxed(&c.Fields[f])
	}
	return n
}

func sizeOfValues(values []starlark.Value) (n int64) {
	for _, v := range values {
		n += value.Size(v)
	}
	return n
}

// appendBytes adds bytes to a column that holds only such.
func (r *rows) appendBytes(b []byte) {
	r.Kind = chunk.Bytes
	r.Strings = append(r.Strings, r.copyBytes(b))
	r.N++
}

func (r *rows) copyBytes(b []byte) string {
	return r.copy(unsafe.String(unsafe.SliceData(b), len(b)))
}

// copy moves a string's bytes into the arena.
func (r *rows) copy(s string) string {
	if len(s) == 0 {
		return ""
	}
	r.arena = append(r.room(len(s)), s...)
	return view(r.arena[len(r.arena)-len(s):])
}

// room is the arena with room for so many bytes more.
func (r *rows) room(bytes int) []byte {
	if bytes > cap(r.arena)-len(r.arena) {
		r.held += int64(cap(r.arena))
		r.arena = make([]byte, 0, max(bytes, min(mostArena, max(firstArena, 2*cap(r.arena)))))
	}
	return r.arena
}

// size is the heap size in bytes.
func (r *rows) size() int64 { return capacity(&r.Column) + int64(cap(r.arena)) + r.held + r.boxed }

// reset forgets the records. What they refer to stays valid as long as it is referred to.
func (r *rows) reset() {
	r.Column.Reset()
	r.arena, r.held, r.boxed = nil, 0, 0
}

// reuse forgets the records, to which nobody refers any more, and keeps the memory.
func (r *rows) reuse() {
	r.Column.Reset()
	r.arena, r.held, r.boxed = r.arena[:0], 0, 0
}

// capacity is what a column has allocated, without what its strings and boxed values refer to.
func capacity(c *chunk.Column) int64 {
	n := cap(c.Bools) + 8*cap(c.Ints) + 8*cap(c.Floats) + 16*cap(c.Strings) + 16*cap(c.Values)
	n += int(unsafe.Sizeof(chunk.Column{})) * cap(c.Fields)
	total := int64(n)
	for f := range c.Fields {
		total += capacity(&c.Fields[f])
	}
	return total
}
