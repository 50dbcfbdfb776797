package kernel

import (
	"slices"

	"github.com/flowsh/flowsh/engine/chunk"
)

// vectorOfPartition is x.partition(sep), or rpartition; nil: x has no vector.
func vectorOfPartition(x *operand, sep string, last bool) *vector {
	v := vectorOf(x)
	if v == nil {
		return nil
	}
	cut := &vector{compute: func(f *frame, to *chunk.Column) bool {
		from, ok := v.in(f)
		if !ok {
			return false
		}
		fields := textFields(to, 3, from.N)
		for i, text := range from.Strings {
			fields[0].Strings[i], fields[1].Strings[i], fields[2].Strings[i] = partitioned(text, sep, last)
		}
		return true
	}}
	return &vector{elems: fieldsOf(cut, 3)}
}

// vectors are the parts of a text that has n of them; they are nil if they cannot be had for all records at once.
func (p *parts) vectors(n int) []*vector {
	v, sep := p.of, p.sep
	if v == nil || n > maxVectors || !sep.words && sep.known == "" || sep.limit >= 0 {
		return make([]*vector, n)
	}
	cut := &vector{compute: func(f *frame, to *chunk.Column) bool {
		from, ok := v.in(f)
		if !ok {
			return false
		}
		fields := textFields(to, n, from.N)
		for i, text := range from.Strings {
			if !sep.cut(text, fields, i) {
				return false
			}
		}
		return true
	}}
	return fieldsOf(cut, n)
}

// cut makes the parts of a text element i of as many columns; false: there are not so many.
func (s *separator) cut(text string, to []chunk.Column, i int) bool {
	last := len(to) - 1
	for k := range last {
		part, rest, found := s.next(k, text, s.known)
		if !found {
			return false
		}
		to[k].Strings[i], text = part, rest
	}
	if last < 0 {
		return false
	}
	part, rest, found := s.next(last, text, s.known)
	to[last].Strings[i] = part
	if s.words {
		more, _ := nextWord(rest)
		return found && more == ""
	}
	return !found
}

// textFields makes an empty column one of tuples of texts, which are still to be set.
func textFields(to *chunk.Column, width, n int) []chunk.Column {
	to.Kind, to.N, to.Fields = chunk.Tuple, n, slices.Grow(to.Fields, width)[:width]
	for k := range to.Fields {
		c := &to.Fields[k]
		c.Kind, c.N, c.Strings = chunk.String, n, slices.Grow(c.Strings[:0], n)[:n]
	}
	return to.Fields
}

// fieldsOf are the fields of a column of tuples.
func fieldsOf(v *vector, width int) (fields []*vector) {
	for k := range width {
		fields = append(fields, &vector{of: v, field: k})
	}
	return fields
}
