package chunk

// AppendAll adds all values of another column. Strings and boxed values are shared.
func (c *Column) AppendAll(from *Column) {
	switch {
	case from.Kind == Empty:
	case c.Kind == Empty && c.N == 0:
		c.takeKind(from)
		fallthrough
	case c.like(from):
		c.appendLike(from)
	default:
		for i := range from.N {
			c.AppendFrom(from, i)
		}
	}
}

// takeKind makes an empty column one of the kind of another.
func (c *Column) takeKind(from *Column) {
	c.Kind, c.Names = from.Kind, from.Names
	c.Bools, c.Ints, c.Floats, c.Strings, c.Values = c.Bools[:0], c.Ints[:0], c.Floats[:0], c.Strings[:0], c.Values[:0]
	if len(from.Fields) > 0 {
		c.setFields(len(from.Fields))
		for f := range c.Fields {
			c.Fields[f].takeKind(&from.Fields[f])
		}
	}
}

// like reports whether all of the values of another column are of the kind of these, and can be added as they are.
func (c *Column) like(from *Column) bool {
	if c.Kind != from.Kind || c.Kind == Maybe || len(c.Fields) != len(from.Fields) || c.Kind == Record && !sameNames(c.Names, from.Names) {
		return false
	}
	for f := range c.Fields {
		if !c.Fields[f].like(&from.Fields[f]) {
			return false
		}
	}
	return true
}

// appendLike adds the values of a column that is like this one.
func (c *Column) appendLike(from *Column) {
	switch from.Kind {
	case Bool:
		c.Bools = append(c.Bools, from.Bools[:from.N]...)
	case Int:
		c.Ints = append(c.Ints, from.Ints[:from.N]...)
	case Float:
		c.Floats = append(c.Floats, from.Floats[:from.N]...)
	case String, Bytes:
		c.Strings = append(c.Strings, from.Strings[:from.N]...)
	case Any:
		c.Values = append(c.Values, from.Values[:from.N]...)
	case Maybe:
		c.Bools = append(c.Bools, from.Bools...)
	}
	for f := range c.Fields {
		c.Fields[f].appendLike(&from.Fields[f])
	}
	c.N += from.N
}
