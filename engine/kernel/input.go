package kernel

import (
	"slices"

	"github.com/flowsh/flowsh/engine/chunk"
)

// maxRecordDepth bounds the records and tuples of a column that compiled code looks into.
const maxRecordDepth = 8

// typeOf is the type of a column's values. With loose, nothing is taken to be as in this batch but that records are
// records.
func typeOf(c *chunk.Column, path []int, loose bool) *Type {
	if len(path) > maxRecordDepth {
		return anyType
	}
	switch c.Kind {
	case chunk.Record:
		r := &rowType{path: path, names: c.Names, elems: make([]*Type, len(c.Fields)), used: make([]bool, len(c.Fields))}
		for i := range c.Fields {
			r.elems[i] = typeOf(&c.Fields[i], r.under(i), loose)
		}
		return &Type{kind: row, row: r, width: 1}
	case chunk.Tuple:
		if loose {
			return anyType
		}
		elems := make([]*Type, len(c.Fields))
		for i := range c.Fields {
			elems[i] = typeOf(&c.Fields[i], append(slices.Clone(path), i), loose)
		}
		if t := tupleOf(elems); t.width <= maxWidth {
			return t
		}
		return anyType
	}
	if c.Kind == chunk.Maybe {
		inner := typeOf(&c.Fields[0], append(slices.Clone(path), 0), loose)
		if inner.kind == boxedAny {
			return anyType
		}
		return optionalOf(inner)
	}
	if loose {
		return anyType
	}
	return kindType[c.Kind]
}

var kindType = map[chunk.Kind]*Type{
	chunk.Null: noneType, chunk.Bool: boolType, chunk.Int: intType, chunk.Float: floatType,
	chunk.String: strType, chunk.Bytes: bytesType, chunk.Any: anyType, chunk.Empty: anyType,
}

// fits says that a column's values have a type that typeOf gave, as far as the program looks at them.
func fits(c *chunk.Column, t *Type) bool {
	switch t.kind {
	case boxedAny:
		return true // any column can be boxed
	case row:
		if c.Kind != chunk.Record || !slices.Equal(c.Names, t.row.names) {
			return false
		}
		for i, used := range t.row.used {
			if used && !fits(&c.Fields[i], t.row.elems[i]) {
				return false
			}
		}
		return true
	case tuple:
		if c.Kind != chunk.Tuple || len(c.Fields) != len(t.elems) {
			return false
		}
		for i := range c.Fields {
			if !fits(&c.Fields[i], t.elems[i]) {
				return false
			}
		}
		return true
	case optional:
		return c.Kind == chunk.Maybe && fits(&c.Fields[0], t.elems[0])
	}
	return kindType[c.Kind] == t
}

// fits says that the program was compiled for batches such as this.
func (p *program) fits(in *chunk.Batch) bool {
	if (p.document == nil) != (in.Documents == nil) || p.document != nil && !fits(in.Documents, p.document) {
		return false
	}
	return fits(&in.Column, p.input)
}

// loader puts record f.row of the input into slots.
func (c *compiler) loader(t *Type, path []int, at slot) code {
	switch t.kind {
	case str:
		if len(path) == 0 {
			return func(f *frame) { f.slots[at&slotMask].setText(f.in.Strings[f.row]) }
		}
	case row:
		return func(f *frame) { f.slots[at&slotMask].n = int64(f.row) }
	case tuple:
		codes := make([]code, len(t.elems))
		for i, e := range t.elems {
			codes[i] = c.loader(e, append(slices.Clone(path), i), at)
			at += slot(e.width)
		}
		return sequenceOf(codes)
	}
	return storeAt(c.fromColumn(t, path, func(f *frame) int64 { return int64(f.row) }, 0), at)
}
