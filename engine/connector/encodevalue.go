package connector

import (
	"math"
	"strconv"
	gotime "time"

	"github.com/flowsh/flowsh/engine/chunk"
	"go.starlark.net/lib/time"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
)

// A datum is one value on its way into text: taken from a typed column without boxing it, or unboxed. Kind
// says which fields count. Dicts, structs and records of a column have the kind Record; Any is everything that
// has no kind of its own: big integers, times, lists, sets.
type datum struct {
	kind   chunk.Kind
	text   string // String, Bytes
	number int64  // Int; Bool: 0 or 1
	float  float64

	column *chunk.Column // Tuple and Record that stand in a column, at row
	row    int
	value  starlark.Value // Tuple and Record that do not, and Any
}

func load(c *chunk.Column, i int) datum {
	d := datum{kind: c.Kind}
	switch c.Kind {
	case chunk.String, chunk.Bytes:
		d.text = c.Strings[i]
	case chunk.Int:
		d.number = c.Ints[i]
	case chunk.Float:
		d.float = c.Floats[i]
	case chunk.Bool:
		d.number = truth(c.Bools[i])
	case chunk.Tuple, chunk.Record:
		d.column, d.row = c, i
	case chunk.Any:
		return unbox(c.Values[i])
	}
	return d
}

func unbox(v starlark.Value) datum {
	switch v := v.(type) {
	case starlark.String:
		return datum{kind: chunk.String, text: string(v)}
	case starlark.Int:
		if i, ok := v.Int64(); ok {
			return datum{kind: chunk.Int, number: i}
		}
	case starlark.Float:
		return datum{kind: chunk.Float, float: float64(v)}
	case starlark.Bool:
		return datum{kind: chunk.Bool, number: truth(bool(v))}
	case starlark.NoneType:
		return datum{kind: chunk.Null}
	case starlark.Bytes:
		return datum{kind: chunk.Bytes, text: string(v)}
	case starlark.Tuple:
		return datum{kind: chunk.Tuple, value: v}
	case starlark.IterableMapping, *starlarkstruct.Struct:
		return datum{kind: chunk.Record, value: v}
	}
	return datum{kind: chunk.Any, value: v}
}

func truth(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// width is the number of elements of a tuple.
func (d *datum) width() int {
	if d.column != nil {
		return len(d.column.Fields)
	}
	return len(d.value.(starlark.Tuple))
}

// element is element i of a tuple.
func (d *datum) element(i int) datum {
	if d.column != nil {
		return load(&d.column.Fields[i], d.row)
	}
	return unbox(d.value.(starlark.Tuple)[i])
}

// scalar reports whether the value has a text of its own: it is not a container.
func (d *datum) scalar() bool {
	switch d.kind {
	case chunk.Tuple, chunk.Record:
		return false
	case chunk.Any:
		switch d.value.(type) {
		case starlark.Int, time.Time, time.Duration:
			return true
		}
		return false
	}
	return true
}

// flat reports whether the value is a scalar, or a tuple of flat values. Tuples nested too deep are not.
func (d *datum) flat(depth int) bool {
	if d.kind != chunk.Tuple {
		return d.scalar()
	}
	if depth > maxDepth {
		return false
	}
	var e datum // not in the loop: recursion would make it escape
	for i := range d.width() {
		e = d.element(i)
		if !e.flat(depth + 1) {
			return false
		}
	}
	return true
}

// box gives the Starlark value back, for error messages.
func (d *datum) box() starlark.Value {
	switch {
	case d.column != nil:
		return d.column.At(d.row)
	case d.value != nil:
		return d.value
	}
	switch d.kind {
	case chunk.String:
		return starlark.String(d.text)
	case chunk.Bytes:
		return starlark.Bytes(d.text)
	case chunk.Int:
		return starlark.MakeInt64(d.number)
	case chunk.Float:
		return starlark.Float(d.float)
	case chunk.Bool:
		return starlark.Bool(d.number == 1)
	}
	return starlark.None
}

// appendScalar appends the text of a scalar: a string as it is, None as nothing.
func appendScalar(dst []byte, d *datum) []byte {
	switch d.kind {
	case chunk.String, chunk.Bytes:
		return append(dst, d.text...)
	case chunk.Int:
		return strconv.AppendInt(dst, d.number, 10)
	case chunk.Float:
		return appendFloat(dst, d.float)
	case chunk.Bool:
		return strconv.AppendBool(dst, d.number == 1)
	case chunk.Any:
		return appendRare(dst, d.value)
	}
	return dst
}

func appendRare(dst []byte, v starlark.Value) []byte {
	switch v := v.(type) {
	case starlark.Int:
		return v.BigInt().Append(dst, 10)
	case time.Time:
		return gotime.Time(v).AppendFormat(dst, gotime.RFC3339Nano)
	case time.Duration:
		return append(dst, gotime.Duration(v).String()...)
	}
	return append(dst, v.String()...)
}

// appendFloat appends the shortest text that reads back as f, told from an int by a point or an exponent, as
// Starlark's str does.
func appendFloat(dst []byte, f float64) []byte {
	switch {
	case math.IsInf(f, 1):
		return append(dst, "+inf"...)
	case math.IsInf(f, -1):
		return append(dst, "-inf"...)
	case f != f:
		return append(dst, "nan"...)
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, 'g', -1, 64)
	for _, b := range dst[start:] {
		if b == '.' || b == 'e' {
			return dst
		}
	}
	return append(dst, ".0"...)
}
