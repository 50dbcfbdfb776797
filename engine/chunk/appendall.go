package chunk

// AppendAll adds all values of another column of the same kind, or any to an empty one. Strings and boxed values are
// shared.
func (c *Column) AppendAll(from *Column) {
	if c.Kind != Empty || c.N > 0 || from.Kind == Empty {
		for i := range from.N {
			c.AppendFrom(from, i)
		}
		return
	}
	c.Kind, c.N, c.Names = from.Kind, from.N, from.Names
	switch from.Kind {
	case Bool:
		c.Bools = append(c.Bools[:0], from.Bools[:from.N]...)
	case Int:
		c.Ints = append(c.Ints[:0], from.Ints[:from.N]...)
	case Float:
		c.Floats = append(c.Floats[:0], from.Floats[:from.N]...)
	case String, Bytes:
		c.Strings = append(c.Strings[:0], from.Strings[:from.N]...)
	case Any:
		c.Values = append(c.Values[:0], from.Values[:from.N]...)
	case Tuple, Record, Maybe:
		c.Bools = append(c.Bools[:0], from.Bools...)
		c.setFields(len(from.Fields))
		for f := range c.Fields {
			c.Fields[f].AppendAll(&from.Fields[f])
		}
	}
}
