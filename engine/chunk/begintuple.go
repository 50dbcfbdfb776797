package chunk

// BeginTuple reports whether the column holds tuples of a width, or was empty and now does. The caller then appends
// one value to every field and adds 1 to N.
func (c *Column) BeginTuple(width int) bool {
	return c.Kind == Tuple && len(c.Fields) == width || width <= maxFields && c.becomeTuple(width)
}
