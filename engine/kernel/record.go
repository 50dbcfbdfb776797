package kernel

import (
	"slices"

	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
)

// A columnRef is a column of the input that a program reads: its number in frame.columns.
type columnRef int

// column is the number of the column that a path leads to.
func (c *compiler) column(path []int) columnRef {
	for i, p := range c.paths {
		if slices.Equal(p, path) {
			return columnRef(i)
		}
	}
	c.paths = append(c.paths, path)
	return columnRef(len(c.paths) - 1)
}

// openColumns finds the columns at paths in a batch that fits the program.
func (f *frame) openColumns(paths [][]int) {
	f.columns = f.columns[:0]
	for _, path := range paths {
		c := &f.in.Column
		if len(path) > 0 && path[0] == inDocuments {
			c, path = f.in.Documents, path[1:]
		}
		for _, i := range path {
			c = &c.Fields[i]
		}
		f.columns = append(f.columns, c)
	}
}

// field is a field of a record of the input, read from its column.
func (c *compiler) field(x operand, name string, line int32) operand {
	if i := slices.Index(x.typ.row.names, name); i >= 0 {
		x.typ.row.used[i] = true
		o := c.fromColumn(x.typ.row.elems[i], x.typ.row.under(i), x.int, line)
		o.vector = x.vector.part(i, o.typ)
		if o.typ.kind == boxedAny && !c.detach {
			o.boxes = x.vector.boxed(i)
		}
		return o
	}
	return never()
}

// under is the path of field i.
func (r *rowType) under(i int) []int { return append(slices.Clone(r.path), i) }

// fromColumn is row number g of the column that a path leads to.
func (c *compiler) fromColumn(t *Type, path []int, g func(*frame) int64, line int32) operand {
	o := operand{typ: t}
	from := c.column(path)
	switch t.kind {
	case none:
		o.do = func(f *frame) { g(f) }
	case boolean:
		o.truth = func(f *frame) bool { return f.columns[from].Bools[g(f)] }
	case integer:
		o.int = func(f *frame) int64 { return f.columns[from].Ints[g(f)] }
	case float:
		o.float = func(f *frame) float64 { return f.columns[from].Floats[g(f)] }
	case str, byteStr:
		o.text = func(f *frame) string { return f.columns[from].Strings[g(f)] }
	case boxedAny:
		o.value = func(f *frame) starlark.Value {
			v := f.columns[from].At(int(g(f)))
			if v == nil {
				f.bail(noKey, line) // the record lacks the key
			}
			return v
		}
		if c.detach {
			g := o.value
			o.value = func(f *frame) starlark.Value { return frozen(value.Detach(g(f))) }
		}
	case row:
		o.int = g
	case optional:
		put := store(c.fromColumn(t.elems[0], append(slices.Clone(path), 0), g, line))
		o.into = func(f *frame, to slot) {
			if !f.columns[from].Bools[g(f)] {
				f.slots[to&slotMask].n = 0
				return
			}
			put(f, to+1)
			f.slots[to&slotMask].n = 1
		}
	case tuple:
		offset := slot(0)
		stores := make([]func(*frame, slot), len(t.elems))
		for i, e := range t.elems {
			to := offset
			put := store(c.fromColumn(e, append(slices.Clone(path), i), g, line))
			stores[i] = func(f *frame, at slot) { put(f, at+to) }
			offset += slot(e.width)
		}
		o.into = func(f *frame, to slot) {
			for _, put := range stores {
				put(f, to)
			}
		}
	}
	return o
}

// args0 is the first argument, if it is a text that is known.
func args0(args []operand) (string, bool) {
	if len(args) == 0 {
		return "", false
	}
	k, ok := args[0].constant.(starlark.String)
	return string(k), ok
}

// rowGet compiles record.get(name[, otherwise]) of a record of the input.
func (s *scope) rowGet(x operand, name string, otherwise []operand, line int32) operand {
	missing := operand{typ: noneType}
	if len(otherwise) == 1 {
		missing = otherwise[0]
	}
	at := slices.Index(x.typ.row.names, name)
	if at < 0 {
		return missing
	}
	field := s.field(x, name, line)
	if field.typ.kind != boxedAny {
		return after(s.evaluate(missing), field)
	}
	detach := s.detach
	from, g, other := s.column(x.typ.row.under(at)), x.int, s.box(missing, line).value
	return operand{typ: anyType, value: func(f *frame) starlark.Value {
		i := int(g(f))
		w := other(f)
		if v := f.columns[from].At(i); v != nil {
			if detach {
				v = frozen(value.Detach(v))
			}
			return v
		}
		return w
	}}
}

// rowHas compiles name in record.
func (c *compiler) rowHas(y operand, name string) func(*frame) bool {
	at := slices.Index(y.typ.row.names, name)
	g := y.int
	if at < 0 {
		return func(f *frame) bool { g(f); return false }
	}
	y.typ.row.used[at] = true
	from, sure := c.column(y.typ.row.under(at)), y.typ.row.elems[at].kind != boxedAny
	return func(f *frame) bool {
		i := int(g(f))
		return sure || f.columns[from].At(i) != nil
	}
}
