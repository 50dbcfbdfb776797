package chunk

import (
	"encoding/binary"
	"fmt"
	"sync"

	"go.starlark.net/starlark"
)

// Options say how a batch is encoded; the zero value is what is normally wanted.
type Options struct {
	Format      Format
	Compression Compression
}

// What a batch has beside its records.
const (
	hasRelative = 1 << iota
	hasLanes
	hasOrigin
)

var encoders = sync.Pool{New: func() any { return new(encoder) }}

// Append appends the chunk of a batch to dst: records, positions, lanes and origin come back from Decode as
// they were, but typed columns may come back boxed, and what is shared between two records is not shared any
// more. The bytes depend on id, b and o alone.
//
// The error is ErrTooLarge if the batch must be cut, or a *RecordError about a record that cannot be encoded: it
// holds a function, is nested more than MaxDepth deep, or is too large by itself. dst is returned
// unchanged with it. Append is safe for concurrent use.
func Append(dst []byte, id ID, b *Batch, o Options) ([]byte, error) {
	e := encoders.Get().(*encoder)
	defer encoders.Put(e)
	if err := e.batch(b, o.Format); err != nil {
		return dst, fmt.Errorf("chunk %s: %w", id, err)
	}
	return seal(dst, &Header{ID: id, Format: o.Format, Rows: b.N}, e.dst, o.Compression)
}

// Decode reads a chunk that Append wrote into a batch, which it resets. Strings of the batch are views of memory
// that the batch alone refers to, not of data. Boxed values are fresh and frozen.
//
// data may come from outside. The error is ErrCorrupt if it is not, to the bit, what Append wrote, or a
// *VersionError; into is then empty. Decode is safe for concurrent use.
func Decode(data []byte, into *Batch) (ID, error) {
	into.Reset()
	h, raw, err := unseal(data, true)
	if err != nil {
		return h.ID, err
	}
	if h.Frame {
		return h.ID, fmt.Errorf("chunk %s: %w: it is a frame, not a batch", h.ID, ErrCorrupt)
	}
	d := newDecoder(raw)
	defer d.leave()
	d.batch(into, h.Rows, h.Format)
	if err := d.finish(); err != nil {
		into.Column = Column{}
		into.Reset()
		return h.ID, fmt.Errorf("chunk %s: %w", h.ID, err)
	}
	freeze(&into.Column)
	return h.ID, nil
}

func (e *encoder) start() { e.dst, e.cells = e.dst[:0], 0 }

func (e *encoder) batch(b *Batch, f Format) error {
	if len(b.Relative) > 0 && len(b.Relative) != b.N || len(b.Lanes) > 0 && len(b.Lanes) != b.N {
		return fmt.Errorf("batch of %d records has %d positions and %d lanes", b.N, len(b.Relative), len(b.Lanes))
	}
	e.start()
	e.positions(b)
	if f == Columnar {
		return e.column(&b.Column, 0)
	}
	return e.rows(&b.Column)
}

// rows writes a column as rows. Where nothing is boxed nothing can be shared, and nothing needs boxing.
func (e *encoder) rows(c *Column) error {
	e.refs = true
	typed := len(collectBoxed(c, nil)) == 0
	for i := range c.N {
		var err error
		if typed {
			err = e.cell(c, i, 0, MaxRaw)
		} else {
			err = e.row(c.At(i), 0, MaxRaw)
		}
		if err != nil {
			return recordError(i, c.N, err)
		}
	}
	return nil
}

func (e *encoder) positions(b *Batch) {
	var has byte
	if len(b.Relative) > 0 {
		has |= hasRelative
	}
	if len(b.Lanes) > 0 {
		has |= hasLanes
	}
	if b.Origin != nil {
		has |= hasOrigin
	}
	e.dst = binary.AppendUvarint(append(e.dst, has), b.Base)
	e.uint32s(b.Relative)
	e.uint32s(b.Lanes)
	if o := b.Origin; o != nil {
		e.dst = appendString(e.dst, o.File)
		e.dst = binary.AppendVarint(e.dst, o.Base)
		e.dst = binary.AppendVarint(e.dst, o.Line)
	}
}

func (e *encoder) uint32s(values []uint32) {
	e.ints = e.ints[:0]
	for _, v := range values {
		e.ints = append(e.ints, int64(v))
	}
	e.dst = appendInts(e.dst, e.ints)
}

var numbers = sync.Pool{New: func() any { return new([]int64) }}

func newDecoder(raw []byte) *decoder {
	return &decoder{rowDecoder: rowDecoder{reader: reader{rest: raw}, budget: uint64(len(raw))}, numbers: *numbers.Get().(*[]int64)}
}

// mostNumbers is how many numbers the memory is for that is used again.
const mostNumbers = 64 << 10

// leave has memory of the decoder used again; nothing that it gave away is in it.
func (d *decoder) leave() {
	if own := d.numbers; cap(own) <= mostNumbers {
		numbers.Put(&own)
	}
}

// finish reports what went wrong. Bytes that are left over are wrong too.
func (d *decoder) finish() error {
	switch {
	case d.cause != nil:
		return d.cause
	case d.failed || len(d.rest) > 0:
		return fmt.Errorf("%w: its contents make no sense", ErrCorrupt)
	}
	return nil
}

func (d *decoder) batch(b *Batch, n int, f Format) {
	d.positions(b, n)
	if f == Columnar {
		d.column(&b.Column, n, 0)
		return
	}
	for range n {
		v := d.row(0)
		if d.failed {
			return
		}
		b.Append(v)
	}
}

func (d *decoder) positions(b *Batch, n int) {
	has := d.byte()
	b.Base = d.uvarint()
	if has&hasRelative != 0 {
		b.Relative = d.uint32s(b.Relative, n)
	}
	if has&hasLanes != 0 {
		b.Lanes = d.uint32s(b.Lanes, n)
	}
	if has&hasOrigin != 0 {
		b.Origin = &Origin{File: d.string(), Base: d.varint(), Line: d.varint()}
	}
	for i := 1; i < len(b.Relative); i++ {
		if b.Relative[i] < b.Relative[i-1] {
			d.fail()
		}
	}
}

func (d *decoder) uint32s(dst []uint32, n int) []uint32 {
	d.numbers = readInts(&d.reader, d.numbers, n)
	dst = sized(dst, len(d.numbers))
	for i, v := range d.numbers {
		if dst[i] = uint32(v); int64(dst[i]) != v {
			d.fail()
			return dst[:0]
		}
	}
	return dst
}

// freeze freezes the boxed values of a column.
func freeze(c *Column) {
	for i := range c.Fields {
		freeze(&c.Fields[i])
	}
	for _, v := range c.Values {
		starlark.Value.Freeze(v)
	}
}
