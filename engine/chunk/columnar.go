package chunk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"go.starlark.net/starlark"
)

// maxCells bounds the values of all columns of a chunk together: many of them may take no bytes at all.
const maxCells = 1 << 25

// An encoder writes the body of a chunk into dst. Encoders are pooled.
type encoder struct {
	rowEncoder
	dictionary
	ints  []int64
	cells int
}

// A decoder reads the body of a chunk. What it makes keeps views of the body.
type decoder struct {
	rowDecoder
	distinct []string
	numbers  []int64
	cells    int
}

// A RecordError says which record of a batch cannot be encoded, and why.
type RecordError struct {
	Record int // index in the batch or column
	Err    error
}

func (e *RecordError) Error() string { return "record " + e.Err.Error() }
func (e *RecordError) Unwrap() error { return e.Err }

// column writes the kind of a column and its values; how many they are is the reader's to know.
func (e *encoder) column(c *Column, depth int) error {
	if e.cells += c.N; e.cells > maxCells || len(e.dst) > MaxRaw {
		return ErrTooLarge
	}
	if c.Kind == Maybe {
		c = boxedCopy(c)
	}
	e.dst = append(e.dst, byte(c.Kind))
	switch c.Kind {
	case Bool:
		e.dst = appendBools(e.dst, c.Bools[:c.N])
	case Int:
		e.dst = appendInts(e.dst, c.Ints[:c.N])
	case Float:
		e.dst = appendInts(e.dst, e.floatBits(c.Floats[:c.N]))
	case String, Bytes:
		e.dst = e.appendStrings(e.dst, c.Strings[:c.N])
	case Record:
		e.dst = binary.AppendUvarint(e.dst, uint64(len(c.Names)))
		for _, name := range c.Names {
			e.dst = appendString(e.dst, name)
		}
		return e.fields(c, depth)
	case Tuple:
		e.dst = binary.AppendUvarint(e.dst, uint64(len(c.Fields)))
		return e.fields(c, depth)
	case Any:
		return e.values(c, depth)
	}
	return nil
}

func (e *encoder) fields(c *Column, depth int) error {
	if depth >= MaxDepth {
		return errDeep
	}
	for i := range c.Fields {
		if c.Fields[i].N != c.N {
			return fmt.Errorf("chunk: field %d of a column of %d has %d values", i, c.N, c.Fields[i].N)
		}
		if err := e.column(&c.Fields[i], depth+1); err != nil {
			return err
		}
	}
	return nil
}

// values writes boxed values as rows.
func (e *encoder) values(c *Column, depth int) error {
	e.refs = true
	for i, v := range c.Values[:c.N] {
		if err := e.row(v, depth, MaxRaw); err != nil {
			return recordError(i, c.N, err)
		}
	}
	return nil
}

// recordError blames record i, unless it is the lot of them that is too large.
func recordError(i, n int, err error) error {
	if n > 1 && errors.Is(err, ErrTooLarge) {
		return err
	}
	return &RecordError{i, err}
}

func (e *encoder) floatBits(floats []float64) []int64 {
	e.ints = e.ints[:0]
	for _, f := range floats {
		e.ints = append(e.ints, int64(canonicalBits(f)))
	}
	return e.ints
}

func appendBools(dst []byte, bools []bool) []byte {
	for run := range slices.Chunk(bools, 8) {
		var bits byte
		for i, b := range run {
			if b {
				bits |= 1 << i
			}
		}
		dst = append(dst, bits)
	}
	return dst
}

// column reads n values into a column that was reset.
func (d *decoder) column(c *Column, n, depth int) {
	if d.cells += n; d.cells > maxCells {
		d.fail()
	}
	kind := Kind(d.byte())
	if d.failed || n > 0 && kind == Empty || kind > Any {
		d.fail()
		return
	}
	c.Kind, c.N = kind, n
	switch kind {
	case Bool:
		c.Bools = d.readBools(c.Bools, n)
	case Int:
		c.Ints = readInts(&d.reader, c.Ints, n)
	case Float:
		c.Floats = d.readFloats(c.Floats, n)
	case String, Bytes:
		c.Strings = d.readStrings(c.Strings, n)
	case Record:
		d.readNames(c)
		d.readFields(c, len(c.Names), depth)
	case Tuple:
		d.readFields(c, d.upTo(uint32(len(d.rest))), depth)
	case Any:
		c.Values = d.readValues(c.Values, n, depth)
	}
}

func (d *decoder) readBools(dst []bool, n int) []bool {
	packed := d.take((n + 7) / 8)
	if d.failed {
		return dst[:0]
	}
	dst = sized(dst, n)
	for i := range dst {
		dst[i] = packed[i/8]>>(i%8)&1 == 1
	}
	return dst
}

func (d *decoder) readFloats(dst []float64, n int) []float64 {
	d.numbers = readInts(&d.reader, d.numbers, n)
	dst = sized(dst, len(d.numbers))
	for i, bits := range d.numbers {
		dst[i] = math.Float64frombits(uint64(bits))
	}
	return dst
}

// readNames reads the keys of records, which are distinct, and of which there is one.
func (d *decoder) readNames(c *Column) {
	n := d.upTo(uint32(len(d.rest)))
	names, known := make([]string, 0, n), make(map[string]bool, n)
	for range n {
		name := d.string()
		if known[name] {
			d.fail()
		}
		known[name] = true
		names = append(names, name)
	}
	if n == 0 {
		d.fail()
	}
	c.Names = names
}

// readFields reads the columns of a tuple or record. Each takes a byte at least.
func (d *decoder) readFields(c *Column, width, depth int) {
	if d.failed || depth >= MaxDepth || width == 0 || width > len(d.rest) || uint64(width) > d.budget {
		d.fail()
		return
	}
	d.budget -= uint64(width)
	c.setFields(width)
	for i := range c.Fields {
		if d.column(&c.Fields[i], c.N, depth+1); d.failed {
			return
		}
	}
}

func (d *decoder) readValues(dst []starlark.Value, n, depth int) []starlark.Value {
	if n > len(d.rest) {
		d.fail()
		return dst[:0]
	}
	dst = dst[:0]
	for range n {
		v := d.row(depth)
		if d.failed {
			break
		}
		dst = append(dst, v)
	}
	return dst
}
