package chunk

import "github.com/flowsh/flowsh/engine/value"

// Bytes is about how much of the heap the column's values take.
func (c *Column) Bytes() int64 {
	n := int64(len(c.Bools)+8*len(c.Ints)+8*len(c.Floats)) + 16*int64(len(c.Strings)+len(c.Values))
	for _, s := range c.Strings {
		n += int64(len(s))
	}
	for f := range c.Fields {
		n += c.Fields[f].Bytes()
	}
	for _, v := range c.Values {
		n += value.Size(v)
	}
	return n
}
