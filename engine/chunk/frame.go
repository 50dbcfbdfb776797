package chunk

import (
	"encoding/binary"
	"fmt"
)

// AppendFrame appends a chunk of columns that stand beside each other, and ordinals. Each may have a length of
// its own, 0 too. Values come back as they were, also where a tuple holds one dict or list twice.
//
// The errors are those of Append; dst is returned unchanged with them. AppendFrame is safe for concurrent use.
func AppendFrame(dst []byte, id ID, columns []*Column, ordinals []Ordinal, c Compression) ([]byte, error) {
	e := encoders.Get().(*encoder)
	defer encoders.Put(e)
	e.start()
	e.dst = binary.AppendUvarint(e.dst, uint64(len(columns)))
	e.ordinals(ordinals)
	rows := len(ordinals)
	for _, col := range columns {
		rows = max(rows, col.N)
		e.dst = binary.AppendUvarint(e.dst, uint64(col.N))
		if err := e.column(unshared(col), 0); err != nil {
			return dst, fmt.Errorf("chunk %s: %w", id, err)
		}
	}
	if rows > maxCells {
		return dst, fmt.Errorf("chunk %s: %w", id, ErrTooLarge)
	}
	return seal(dst, &Header{ID: id, Frame: true, Rows: rows}, e.dst, c)
}

// DecodeFrame reads a chunk that AppendFrame wrote into as many columns, which it resets. Strings are views of
// memory that the columns alone refer to, not of data. Boxed values are fresh and not frozen.
//
// data may come from outside; the errors are those of Decode. DecodeFrame is safe for concurrent use.
func DecodeFrame(data []byte, columns []*Column) ([]Ordinal, error) {
	return DecodeFrameInto(nil, data, columns)
}

// DecodeFrameInto is DecodeFrame with the ordinals in the memory of buf, if that is large enough.
func DecodeFrameInto(buf []Ordinal, data []byte, columns []*Column) ([]Ordinal, error) {
	return decodeFrame(buf, data, columns, true)
}

// ViewFrame is DecodeFrameInto where strings may be views of data, which must not change as long as they are used.
func ViewFrame(buf []Ordinal, data []byte, columns []*Column) ([]Ordinal, error) {
	return decodeFrame(buf, data, columns, false)
}

func decodeFrame(buf []Ordinal, data []byte, columns []*Column, own bool) ([]Ordinal, error) {
	for _, c := range columns {
		c.Reset()
	}
	h, raw, err := unseal(data, own)
	if err != nil {
		return nil, err
	}
	if !h.Frame || h.Format != Columnar {
		return nil, fmt.Errorf("chunk %s: %w: it is a batch, not a frame", h.ID, ErrCorrupt)
	}
	d := newDecoder(raw)
	defer d.leave()
	if n := d.upTo(maxCells); n != len(columns) && !d.failed {
		return nil, fmt.Errorf("chunk %s: %w: it has %d columns instead of %d", h.ID, ErrCorrupt, n, len(columns))
	}
	ordinals := d.ordinals(buf)
	for _, c := range columns {
		d.column(c, d.upTo(maxCells), 0)
	}
	if err := d.finish(); err != nil {
		for _, c := range columns {
			*c = Column{}
		}
		return nil, fmt.Errorf("chunk %s: %w", h.ID, err)
	}
	return ordinals, nil
}

// ordinals writes their number and then each part by itself.
func (e *encoder) ordinals(ordinals []Ordinal) {
	e.dst = binary.AppendUvarint(e.dst, uint64(len(ordinals)))
	e.cells += len(ordinals)
	e.ints = sized(e.ints, len(ordinals))
	for i := range ordinals {
		e.ints[i] = int64(ordinals[i].Lane)
	}
	e.dst = appendInts(e.dst, e.ints)
	for i := range ordinals {
		e.ints[i] = int64(ordinals[i].Position)
	}
	e.dst = appendInts(e.dst, e.ints)
	for i := range ordinals {
		e.ints[i] = int64(ordinals[i].Sibling)
	}
	e.dst = appendInts(e.dst, e.ints)
}

func (d *decoder) ordinals(buf []Ordinal) []Ordinal {
	n := d.upTo(maxCells)
	d.cells += n
	var ordinals []Ordinal // made when it is known that so many are there
	for part := range 3 {
		d.numbers = readInts(&d.reader, d.numbers, n)
		if d.failed {
			return nil
		}
		if part == 0 {
			ordinals = sized(buf, n)
		}
		switch numbers := d.numbers[:len(ordinals)]; part {
		case 0:
			for i := range ordinals {
				ordinals[i].Lane = uint32(numbers[i])
			}
		case 1:
			for i := range ordinals {
				ordinals[i].Position = uint64(numbers[i])
			}
		case 2:
			for i := range ordinals {
				ordinals[i].Sibling = uint32(numbers[i])
			}
		}
	}
	return ordinals
}
