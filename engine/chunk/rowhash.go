package chunk

import (
	"github.com/zeebo/xxh3"
	"go.starlark.net/starlark"
)

// A RowHash is the xxh3 of a stream of records: of the bytes of each in the row format, with shared parts
// written out. It depends on the records and their order alone, not on how they were cut into batches, typed or
// boxed. The zero RowHash is ready for use. It is not safe for concurrent use.
type RowHash struct {
	hasher xxh3.Hasher
	rows   rowEncoder
	Rows   int64 // records so far
}

// hashRun is how many bytes are collected before they are hashed.
const hashRun = 32 << 10

// Add hashes the records of a column. The error is a *RecordError; the hash is then of no use.
func (h *RowHash) Add(c *Column) error {
	for i := range c.N {
		start := len(h.rows.dst)
		if err := h.rows.cell(c, i, 0, start+MaxRaw); err != nil {
			return &RecordError{i, err}
		}
		if len(h.rows.dst) > hashRun {
			h.flush()
		}
	}
	h.Rows += int64(c.N)
	return nil
}

// Sum is the hash of all records so far; more may follow.
func (h *RowHash) Sum() uint64 {
	h.flush()
	return h.hasher.Sum64()
}

// Reset forgets all records.
func (h *RowHash) Reset() {
	h.hasher.Reset()
	h.rows.dst, h.Rows = h.rows.dst[:0], 0
}

func (h *RowHash) flush() {
	h.hasher.Write(h.rows.dst)
	h.rows.dst = h.rows.dst[:0]
}

// cell writes value i of a column as row would, without boxing what is typed.
func (e *rowEncoder) cell(c *Column, i, depth, limit int) error {
	switch c.Kind {
	case String:
		e.string(c.Strings[i])
	case Int:
		e.int64(c.Ints[i])
	case Float:
		e.float(c.Floats[i])
	case Bytes:
		e.bytes(c.Strings[i])
	case Bool:
		e.bool(c.Bools[i])
	case Tuple, Record:
		return e.cells(c, i, depth, limit)
	default:
		return e.rowOf(c.At(i), depth, limit)
	}
	return e.checkSize(limit)
}

func (e *rowEncoder) rowOf(v starlark.Value, depth, limit int) error {
	if err := e.value(v, depth, limit); err != nil {
		return err
	}
	return e.checkSize(limit)
}

func (e *rowEncoder) cells(c *Column, i, depth, limit int) error {
	if depth >= MaxDepth {
		return errDeep
	}
	if c.Kind == Tuple {
		e.count(mpFixArray, mpArray16, len(c.Fields))
	} else {
		e.count(mpFixMap, mpMap16, len(c.Fields))
	}
	for f := range c.Fields {
		if c.Kind == Record {
			e.string(c.Names[f])
		}
		if err := e.cell(&c.Fields[f], i, depth+1, limit); err != nil {
			return err
		}
	}
	return nil
}
