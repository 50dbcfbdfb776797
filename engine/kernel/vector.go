package kernel

import (
	"cmp"
	"slices"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/scan"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// A vector is how an operand is computed for all records of a batch at once: as a column. What it cannot compute as
// the operand would, for one of them, leaves the batch to the program, which goes from record to record.
//
// A vector belongs to one program. It is computed once for a batch.
type vector struct {
	path    []int                                 // it is the column of the input that a path leads to; nil: it is none
	elems   []*vector                             // it is tuples of these; nil: it is none
	of      *vector                               // it is the column of this one, or a field of that; nil: it is none
	field   int                                   // of the column of of; -1: the column itself
	compute func(f *frame, to *chunk.Column) bool // it is what this appends to an empty column
	before  []*vector                             // that must be computed too, for they may fail
	column  chunk.Column
	batch   int64 // whose column it is
}

// in is the vector's column for the frame's batch; false: the batch is for the program.
func (v *vector) in(f *frame) (*chunk.Column, bool) {
	for _, b := range v.before {
		if _, ok := b.in(f); !ok {
			return nil, false
		}
	}
	if v.path != nil {
		c := &f.in.Column
		for _, i := range v.path {
			c = &c.Fields[i]
		}
		return c, true
	}
	if v.of != nil {
		c, ok := v.of.in(f)
		if ok && v.field >= 0 {
			c = &c.Fields[v.field]
		}
		return c, ok
	}
	if v.batch == f.batches {
		return &v.column, true
	}
	if v.compute != nil {
		v.column.Reset()
		if !v.compute(f, &v.column) {
			return nil, false
		}
	} else if !v.tuples(f) {
		return nil, false
	}
	v.batch = f.batches
	return &v.column, true
}

// tuples makes a column of tuples that shares the columns of its elements.
func (v *vector) tuples(f *frame) bool {
	v.column = chunk.Column{Kind: chunk.Tuple, N: f.in.N, Fields: v.column.Fields[:0]}
	for _, e := range v.elems {
		c, ok := e.in(f)
		if !ok {
			return false
		}
		v.column.Fields = append(v.column.Fields, *c)
	}
	return true
}

// maxVectors bounds the elements of tuples that are computed at once.
const maxVectors = 16

// vectorOf is the vector of an operand; nil: there is none.
func vectorOf(o *operand) *vector {
	switch {
	case o.vector != nil:
		return o.vector
	case len(o.elems) > 0 && len(o.elems) <= maxVectors:
		v := new(vector)
		for i := range o.elems {
			e := vectorOf(&o.elems[i])
			if e == nil {
				return nil
			}
			v.elems = append(v.elems, e)
		}
		return v
	}
	return constantVector(o.constant)
}

func constantVector(v starlark.Value) *vector {
	switch v := v.(type) {
	case starlark.Int:
		if n, ok := v.Int64(); ok {
			return constantInts(n)
		}
	case starlark.Float, starlark.String:
		return &vector{compute: func(f *frame, to *chunk.Column) bool {
			for range f.in.N {
				to.Append(v)
			}
			return true
		}}
	}
	return nil
}

func constantInts(n int64) *vector {
	return &vector{compute: func(f *frame, to *chunk.Column) bool {
		ints := slices.Grow(to.Ints, f.in.N)[:f.in.N]
		for i := range ints {
			ints[i] = n
		}
		to.Kind, to.N, to.Ints = chunk.Int, f.in.N, ints
		return true
	}}
}

// part is the vector of a field of records or tuples; nil: it has none of its own.
func (v *vector) part(i int, t *Type) *vector {
	switch {
	case v == nil:
		return nil
	case v.elems != nil:
		return v.elems[i].behind(v.before)
	case v.path == nil || len(v.before) > 0 || t.kind == boxedAny:
		return nil
	}
	return &vector{path: append(append([]int{}, v.path...), i)}
}

// boxed is the vector of a field that holds any values; nil: it has none. It is good for nothing but a column, and the batch is
// for the program if a record lacks the field.
func (v *vector) boxed(i int) *vector {
	if v == nil || v.path == nil || len(v.before) > 0 {
		return nil
	}
	from := &vector{path: append(append([]int{}, v.path...), i)}
	return &vector{compute: func(f *frame, to *chunk.Column) bool {
		c, _ := from.in(f)
		if c.Lacks() {
			return false
		}
		to.AppendAll(c)
		return true
	}}
}

// vectorOfTest is x == y and the like, of a text or an int and a constant; nil: it is none of these.
func vectorOfTest(op syntax.Token, x, y operand) *vector {
	v := x.vector
	if v == nil {
		return nil
	}
	if s, ok := y.constant.(starlark.String); ok && x.typ.kind == str && (op == syntax.EQL || op == syntax.NEQ) {
		return testOfEach(v, func(c *chunk.Column, i int) bool { return (c.Strings[i] == string(s)) == (op == syntax.EQL) })
	}
	if n, ok := y.constantInt(); ok && x.typ.kind == integer {
		return testOfEach(v, func(c *chunk.Column, i int) bool { return ordered(op, cmp.Compare(c.Ints[i], n)) })
	}
	return nil
}

// testOfEach is a vector of what a test says of each value of another.
func testOfEach(v *vector, test func(c *chunk.Column, i int) bool) *vector {
	return &vector{compute: func(f *frame, to *chunk.Column) bool {
		from, ok := v.in(f)
		if !ok {
			return false
		}
		bools := to.Bools
		for i := range from.N {
			bools = append(bools, test(from, i))
		}
		to.Kind, to.N, to.Bools = chunk.Bool, from.N, bools
		return true
	}}
}

// over is a vector that is computed from another.
func over(x *operand, compute func(from, to *chunk.Column) bool) *vector {
	v := vectorOf(x)
	if v == nil {
		return nil
	}
	return &vector{compute: func(f *frame, to *chunk.Column) bool {
		from, ok := v.in(f)
		return ok && compute(from, to)
	}}
}

// overBoth is a vector that is computed from two others.
func overBoth(a, b *vector, compute func(left, right, to *chunk.Column) bool) *vector {
	return &vector{compute: func(f *frame, to *chunk.Column) bool {
		left, ok := a.in(f)
		if !ok {
			return false
		}
		right, ok := b.in(f)
		return ok && compute(left, right, to)
	}}
}

// vectorToFloat is float(x).
func vectorToFloat(x *operand) *vector {
	if x.typ.kind == integer {
		return over(x, func(from, to *chunk.Column) bool {
			for _, n := range from.Ints {
				to.Floats = append(to.Floats, float64(n))
			}
			to.Kind, to.N = chunk.Float, from.N
			return true
		})
	}
	return over(x, func(from, to *chunk.Column) bool {
		floats := to.Floats
		for _, text := range from.Strings {
			v, ok := scan.ShortFloat(text)
			if !ok {
				if v, ok = parseFloat(text); !ok {
					return false
				}
			}
			floats = append(floats, v)
		}
		to.Kind, to.N, to.Floats = chunk.Float, from.N, floats
		return true
	})
}

// vectorToInt is int(x) of texts.
func vectorToInt(x *operand) *vector {
	return over(x, func(from, to *chunk.Column) bool {
		ints := to.Ints
		for _, text := range from.Strings {
			n, ok := parseInt(text)
			if !ok {
				return false
			}
			ints = append(ints, n)
		}
		to.Kind, to.N, to.Ints = chunk.Int, from.N, ints
		return true
	})
}

// vectorNegated is -x of numbers.
func vectorNegated(x *operand) *vector {
	if x.typ.kind == float {
		return over(x, func(from, to *chunk.Column) bool {
			floats := to.Floats
			for _, v := range from.Floats {
				floats = append(floats, -v)
			}
			to.Kind, to.N, to.Floats = chunk.Float, from.N, floats
			return true
		})
	}
	return over(x, func(from, to *chunk.Column) bool {
		ints := to.Ints
		for _, n := range from.Ints {
			if n == -n && n != 0 {
				return false
			}
			ints = append(ints, -n)
		}
		to.Kind, to.N, to.Ints = chunk.Int, from.N, ints
		return true
	})
}

// vectorOfInts is x + y, x - y or x * y of ints; nil: it is none of these. An overflow is left to the program.
func vectorOfInts(op syntax.Token, x, y operand) *vector {
	a, b := vectorOf(&x), vectorOf(&y)
	compute := exactInts[op]
	if a == nil || b == nil || compute == nil {
		return nil
	}
	if k, ok := x.constantInt(); ok && k == 0 && op == syntax.PLUS {
		return b
	}
	return overBoth(a, b, func(left, right, to *chunk.Column) bool {
		ints, exact := to.Ints, true
		for i, u := range left.Ints {
			n, ok := compute(u, right.Ints[i])
			ints, exact = append(ints, n), exact && ok
		}
		to.Kind, to.N, to.Ints = chunk.Int, left.N, ints
		return exact
	})
}

// vectorOfLesser is the lesser of two ints, or where sign is -1 the greater.
func vectorOfLesser(x, y operand, sign int) *vector {
	a, b := vectorOf(&x), vectorOf(&y)
	if a == nil || b == nil {
		return nil
	}
	return overBoth(a, b, func(left, right, to *chunk.Column) bool {
		ints := slices.Grow(to.Ints, left.N)[:left.N]
		if sign < 0 {
			for i, u := range left.Ints {
				ints[i] = max(u, right.Ints[i])
			}
		} else {
			for i, u := range left.Ints {
				ints[i] = min(u, right.Ints[i])
			}
		}
		to.Kind, to.N, to.Ints = chunk.Int, left.N, ints
		return true
	})
}

// vectorOfFloats is x * y and the like of floats, or of a float and an int; nil: it is none of these.
func vectorOfFloats(op syntax.Token, x, y operand) *vector {
	a, b := floatVector(&x), floatVector(&y)
	if a == nil || b == nil || op != syntax.PLUS && op != syntax.MINUS && op != syntax.STAR {
		return nil
	}
	return overBoth(a, b, func(left, right, to *chunk.Column) bool {
		floats := to.Floats
		for i, u := range left.Floats {
			v := right.Floats[i]
			switch op {
			case syntax.PLUS:
				v = u + v
			case syntax.MINUS:
				v = u - v
			default:
				v = float64(u * v)
			}
			floats = append(floats, v)
		}
		to.Kind, to.N, to.Floats = chunk.Float, left.N, floats
		return true
	})
}

// floatVector is the vector of a number as a float.
func floatVector(x *operand) *vector {
	switch x.typ.kind {
	case float:
		return vectorOf(x)
	case integer:
		return vectorToFloat(x)
	}
	return nil
}
