package operator

import "github.com/flowsh/flowsh/engine/chunk"

// gatherColumn fills an empty column with the values of another in a new order.
func gatherColumn(to, from *chunk.Column, order []int32) {
	to.Kind, to.N, to.Names = from.Kind, len(order), from.Names
	switch from.Kind {
	case chunk.Bool:
		to.Bools = gather(to.Bools, from.Bools, order)
	case chunk.Int:
		to.Ints = gather(to.Ints, from.Ints, order)
	case chunk.Float:
		to.Floats = gather(to.Floats, from.Floats, order)
	case chunk.String, chunk.Bytes:
		to.Strings = gather(to.Strings, from.Strings, order)
	case chunk.Any:
		to.Values = gather(to.Values, from.Values, order)
	case chunk.Tuple, chunk.Record:
		gatherFields(to, from, order)
	}
}

func gatherFields(to, from *chunk.Column, order []int32) {
	width := len(from.Fields)
	if cap(to.Fields) < width {
		to.Fields = make([]chunk.Column, width)
	}
	to.Fields = to.Fields[:width]
	for f := range to.Fields {
		to.Fields[f].Reset()
		gatherColumn(&to.Fields[f], &from.Fields[f], order)
	}
}

// gather appends elements to an empty slice in a new order.
func gather[T any](to, from []T, order []int32) []T {
	if cap(to) < len(order) {
		to = make([]T, 0, len(order))
	}
	to = to[:len(order)]
	for at, i := range order {
		to[at] = from[i]
	}
	return to
}
