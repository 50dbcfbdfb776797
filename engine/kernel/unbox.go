package kernel

import (
	"math"

	"go.starlark.net/starlark"
)

// typeOfValue is the type that a Value has in cells. Containers stay Values, which compiled code changes as the
// interpreter does: others may refer to them.
func typeOfValue(v starlark.Value) *Type { return typeOfNested(v, 0) }

func typeOfNested(v starlark.Value, depth int) *Type {
	switch v := v.(type) {
	case starlark.NoneType:
		return noneType
	case starlark.Bool:
		return boolType
	case starlark.Int:
		if _, ok := v.Int64(); ok {
			return intType
		}
	case starlark.Float:
		return floatType
	case starlark.String:
		return strType
	case starlark.Bytes:
		return bytesType
	case starlark.Tuple:
		if len(v) == 0 || len(v) > maxWidth || depth == maxNesting {
			return anyType
		}
		elems := make([]*Type, len(v))
		for i, e := range v {
			elems[i] = typeOfNested(e, depth+1)
		}
		if t := tupleOf(elems); t.width <= maxWidth {
			return t
		}
	}
	return anyType
}

// An unboxer puts a Value into cells; false says that it is of another type than theirs.
type unboxer func(v starlark.Value, cells []cell) bool

func unboxerOf(t *Type) unboxer {
	switch t.kind {
	case none:
		return func(v starlark.Value, _ []cell) bool { return v == starlark.None }
	case boolean:
		return func(v starlark.Value, c []cell) bool {
			b, ok := v.(starlark.Bool)
			if ok {
				c[0].setTruth(bool(b))
			}
			return ok
		}
	case integer:
		return func(v starlark.Value, c []cell) bool {
			i, ok := v.(starlark.Int)
			if ok {
				c[0].n, ok = i.Int64()
			}
			return ok
		}
	case float:
		return func(v starlark.Value, c []cell) bool {
			x, ok := v.(starlark.Float)
			if ok {
				c[0].n = int64(math.Float64bits(float64(x)))
			}
			return ok
		}
	case str:
		return func(v starlark.Value, c []cell) bool {
			s, ok := v.(starlark.String)
			if ok {
				c[0].setText(string(s))
			}
			return ok
		}
	case byteStr:
		return func(v starlark.Value, c []cell) bool {
			s, ok := v.(starlark.Bytes)
			if ok {
				c[0].setText(string(s))
			}
			return ok
		}
	case optional:
		inner := unboxerOf(t.elems[0])
		return func(v starlark.Value, c []cell) bool {
			c[0].n = 0
			if v == starlark.None {
				return true
			}
			c[0].n = 1
			return inner(v, c[1:])
		}
	case tuple:
		return tupleUnboxer(t)
	}
	return func(v starlark.Value, c []cell) bool { c[0].setValue(v); return true }
}

func tupleUnboxer(t *Type) unboxer {
	inner := make([]unboxer, len(t.elems))
	for i, e := range t.elems {
		inner[i] = unboxerOf(e)
	}
	return func(v starlark.Value, c []cell) bool {
		all, ok := v.(starlark.Tuple)
		if !ok || len(all) != len(inner) {
			return false
		}
		for i, unbox := range inner {
			if !unbox(all[i], c) {
				return false
			}
			c = c[t.elems[i].width:]
		}
		return true
	}
}
