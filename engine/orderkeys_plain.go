package engine

import (
	"slices"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
)

const (
	longKey   = 1 << 10 // bytes: longer keys are left to value.AppendOrder, which knows how long they may be
	mostGrown = 1 << 18 // bytes: what the first key of a unit may lay aside for those that follow
)

// plainKeys reports whether all keys of a column are scalars of one kind, or tuples of one width whose members are:
// they are of one class, and have an order whatever their values.
func plainKeys(keys *chunk.Column) bool {
	if keys.Kind != chunk.Tuple {
		return plainKind(keys.Kind)
	}
	return !slices.ContainsFunc(keys.Fields, func(f chunk.Column) bool { return !plainKind(f.Kind) })
}

func plainKind(k chunk.Kind) bool {
	return k == chunk.Bool || k == chunk.Int || k == chunk.Float || k == chunk.String
}

// appendPlainKey is value.AppendOrder of key i of a column that is plain, without making a value of it.
func appendPlainKey(dst []byte, keys *chunk.Column, i int) []byte {
	if keys.Kind != chunk.Tuple {
		return appendPlainScalar(dst, keys, i)
	}
	dst = value.BeginOrderTuple(dst)
	for f := range keys.Fields {
		dst = appendPlainScalar(dst, &keys.Fields[f], i)
	}
	return value.EndOrderTuple(dst)
}

func appendPlainScalar(dst []byte, c *chunk.Column, i int) []byte {
	switch c.Kind {
	case chunk.String:
		return value.AppendOrderString(dst, c.Strings[i])
	case chunk.Int:
		return value.AppendOrderInt(dst, c.Ints[i])
	case chunk.Float:
		return value.AppendOrderFloat(dst, c.Floats[i])
	}
	dst, _ = value.AppendOrder(dst, starlark.Bool(c.Bools[i]), value.NullsError) // a bool always has an order
	return dst
}
