package operator

import (
	"slices"

	"github.com/flowsh/flowsh/engine/chunk"
)

// A joinColumn is a column of the right side of a join, from which values are taken in any order. Texts that repeat are
// numbers of one byte, which stay in the cache where the texts would not.
type joinColumn struct {
	*chunk.Column
	codes  []uint8 // numbers of texts; nil: they are in the column
	texts  []string
	fields []joinColumn // of tuples and records
}

// mostTexts is how many texts a byte numbers.
const mostTexts = 256

// newJoinColumn takes over a column.
func newJoinColumn(c *chunk.Column) joinColumn {
	j := joinColumn{Column: c}
	switch c.Kind {
	case chunk.String:
		j.encode()
	case chunk.Tuple, chunk.Record:
		for f := range c.Fields {
			j.fields = append(j.fields, newJoinColumn(&c.Fields[f]))
		}
	}
	return j
}

// encode numbers the texts if there are few.
func (j *joinColumn) encode() {
	numbers := map[string]uint8{}
	codes := make([]uint8, 0, j.N)
	for _, text := range j.Strings[:j.N] {
		n, ok := numbers[text]
		if !ok {
			if len(j.texts) == mostTexts || 2*len(j.texts) > len(codes)+mostTexts {
				j.texts = nil
				return
			}
			n = uint8(len(j.texts))
			numbers[text] = n
			j.texts = append(j.texts, text)
		}
		codes = append(codes, n)
	}
	j.codes, j.Strings = codes, nil
}

// gather fills an empty column with values in a new order.
func (j *joinColumn) gather(to *chunk.Column, order []int32) {
	switch {
	case j.codes != nil:
		to.Kind, to.N, to.Strings = chunk.String, len(order), make([]string, len(order))
		for at, i := range order {
			to.Strings[at] = j.texts[j.codes[i]]
		}
	case j.fields != nil:
		to.Kind, to.N, to.Names, to.Fields = j.Kind, len(order), j.Names, make([]chunk.Column, len(j.fields))
		for f := range j.fields {
			j.fields[f].gather(&to.Fields[f], order)
		}
	default:
		gatherColumn(to, j.Column, order)
	}
}

// gatherFound is gather with None where the order says -1.
func (j *joinColumn) gatherFound(to *chunk.Column, order []int32) {
	if slices.IndexFunc(order, func(i int32) bool { return i < 0 }) < 0 {
		j.gather(to, order)
		return
	}
	found := make([]int32, 0, len(order))
	for _, i := range order {
		if i >= 0 {
			found = append(found, i)
		}
	}
	if len(found) == 0 {
		to.Kind, to.N = chunk.Null, len(order)
		return
	}
	var values chunk.Column
	j.gather(&values, found)
	at := 0
	for _, i := range order {
		if i < 0 {
			to.Append(noRecord.At(0))
			continue
		}
		to.AppendFrom(&values, at)
		at++
	}
}

// typed says that a column has values, all of one type that is not None.
func typed(c *chunk.Column) bool {
	return c.Kind != chunk.Empty && c.Kind != chunk.Null && c.Kind != chunk.Any
}

// gatherMaybe is gather into a column of kind Maybe, with None where the order says -1.
func (j *joinColumn) gatherMaybe(to *chunk.Column, order []int32) {
	there, values := make([]bool, len(order)), make([]int32, len(order))
	for at, i := range order {
		there[at], values[at] = i >= 0, max(i, 0)
	}
	*to = chunk.Column{Kind: chunk.Maybe, N: len(order), Bools: there, Fields: make([]chunk.Column, 1)}
	j.gather(&to.Fields[0], values)
}
