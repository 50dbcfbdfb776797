package operator

import (
	"slices"

	"github.com/flowsh/flowsh/engine/chunk"
	"go.starlark.net/starlark"
)

// A rowPlace is a row of one of several columns.
type rowPlace struct{ column, row int32 }

// gatherRows fills an empty column with rows of several others. Texts and boxed values are shared.
func gatherRows(to *chunk.Column, from []*chunk.Column, rows []rowPlace) {
	if !likeEachOther(from) {
		for _, r := range rows {
			to.AppendFrom(from[r.column], int(r.row))
		}
		return
	}
	first := from[0]
	to.Kind, to.N, to.Names = first.Kind, len(rows), first.Names
	switch first.Kind {
	case chunk.Bool:
		to.Bools = gatherOf(from, rows, func(c *chunk.Column) []bool { return c.Bools })
	case chunk.Int:
		to.Ints = gatherOf(from, rows, func(c *chunk.Column) []int64 { return c.Ints })
	case chunk.Float:
		to.Floats = gatherOf(from, rows, func(c *chunk.Column) []float64 { return c.Floats })
	case chunk.String, chunk.Bytes:
		to.Strings = gatherOf(from, rows, func(c *chunk.Column) []string { return c.Strings })
	case chunk.Any:
		to.Values = gatherOf(from, rows, func(c *chunk.Column) []starlark.Value { return c.Values })
	case chunk.Tuple, chunk.Record:
		to.Fields = make([]chunk.Column, len(first.Fields))
		fields := make([]*chunk.Column, len(from))
		for f := range to.Fields {
			for i, c := range from {
				fields[i] = &c.Fields[f]
			}
			gatherRows(&to.Fields[f], fields, rows)
		}
	}
}

// likeEachOther reports whether columns have the same kind and, of records, the same members.
func likeEachOther(columns []*chunk.Column) bool {
	first := columns[0]
	return first.Kind != chunk.Maybe && !slices.ContainsFunc(columns, func(c *chunk.Column) bool {
		return c.Kind != first.Kind || len(c.Fields) != len(first.Fields) || !slices.Equal(c.Names, first.Names)
	})
}

// sameShape is likeEachOther of the members of their values, too.
func sameShape(columns []*chunk.Column) bool {
	if !likeEachOther(columns) {
		return false
	}
	members := make([]*chunk.Column, len(columns))
	for f := range columns[0].Fields {
		for i, c := range columns {
			members[i] = &c.Fields[f]
		}
		if !sameShape(members) {
			return false
		}
	}
	return true
}

func gatherOf[T any](from []*chunk.Column, rows []rowPlace, of func(*chunk.Column) []T) []T {
	values := make([][]T, len(from))
	for i, c := range from {
		values[i] = of(c)
	}
	to := make([]T, len(rows))
	for i, r := range rows {
		to[i] = values[r.column][r.row]
	}
	return to
}
