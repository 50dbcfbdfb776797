package kernel

import (
	"slices"

	"github.com/flowsh/flowsh/engine/chunk"
	"go.starlark.net/starlark"
)

// column is the column that a path leads to.
func column(f *frame, path []int) *chunk.Column {
	c := &f.in.Column
	for _, i := range path {
		c = &c.Fields[i]
	}
	return c
}

// field is a field of a record of the input, read from its column.
func (c *compiler) field(x operand, name string, line int32) operand {
	if i := slices.Index(x.typ.row.names, name); i >= 0 {
		x.typ.row.used[i] = true
		return fromColumn(x.typ.row.elems[i], x.typ.row.under(i), x.int, line)
	}
	return never()
}

// under is the path of field i.
func (r *rowType) under(i int) []int { return append(slices.Clone(r.path), i) }

// fromColumn is row number g of the column that a path leads to.
func fromColumn(t *Type, path []int, g func(*frame) int64, line int32) operand {
	o := operand{typ: t}
	switch t.kind {
	case none:
		o.do = func(f *frame) { g(f) }
	case boolean:
		o.truth = func(f *frame) bool { return column(f, path).Bools[g(f)] }
	case integer:
		o.int = func(f *frame) int64 { return column(f, path).Ints[g(f)] }
	case float:
		o.float = func(f *frame) float64 { return column(f, path).Floats[g(f)] }
	case str, byteStr:
		o.text = func(f *frame) string { return column(f, path).Strings[g(f)] }
	case boxedAny:
		o.value = func(f *frame) starlark.Value {
			v := column(f, path).At(int(g(f)))
			if v == nil {
				f.bail(noKey, line) // the record lacks the key
			}
			return v
		}
	case row:
		o.int = g
	case tuple:
		offset := slot(0)
		stores := make([]func(*frame, slot), len(t.elems))
		for i, e := range t.elems {
			to := offset
			put := store(fromColumn(e, append(slices.Clone(path), i), g, line))
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
	path, g, other := x.typ.row.under(at), x.int, s.box(missing, line).value
	return operand{typ: anyType, value: func(f *frame) starlark.Value {
		i := int(g(f))
		w := other(f)
		if v := column(f, path).At(i); v != nil {
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
	path, sure := y.typ.row.under(at), y.typ.row.elems[at].kind != boxedAny
	return func(f *frame) bool {
		i := int(g(f))
		return sure || column(f, path).At(i) != nil
	}
}
