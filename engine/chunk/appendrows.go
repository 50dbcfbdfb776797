package chunk

import "slices"

// AppendRows adds some of the values of another column, which may share its memory with this one afterwards. A column of
// any values becomes a typed one if what is taken of it allows that.
func (c *Column) AppendRows(from *Column, rows []int32) {
	switch {
	case c.Kind == Empty && c.N == 0 && from.Kind != Any:
		c.Kind, c.Names = from.Kind, from.Names
		if len(from.Fields) > 0 {
			c.setFields(len(from.Fields)) // they are empty
		}
		fallthrough
	case from.Kind != Any && c.like(from):
		c.appendLikeRows(from, rows)
	default:
		for _, i := range rows {
			c.AppendFrom(from, int(i))
		}
	}
}

// appendLikeRows is AppendRows of a column that is like this one.
func (c *Column) appendLikeRows(from *Column, rows []int32) {
	switch from.Kind {
	case Bool, Maybe:
		c.Bools = appendRows(c.Bools, from.Bools, rows)
	case Int:
		c.Ints = appendRows(c.Ints, from.Ints, rows)
	case Float:
		c.Floats = appendRows(c.Floats, from.Floats, rows)
	case String, Bytes:
		c.Strings = appendRows(c.Strings, from.Strings, rows)
	}
	for f := range c.Fields {
		c.Fields[f].AppendRows(&from.Fields[f], rows)
	}
	c.N += len(rows)
}

func appendRows[T any](to, from []T, rows []int32) []T {
	to = slices.Grow(to, len(rows))
	for _, i := range rows {
		to = append(to, from[i])
	}
	return to
}
