package operator

import (
	"fmt"

	"github.com/flowsh/flowsh/engine/chunk"
)

// A sortCursor goes through a sorted run that was spilled.
type sortCursor struct {
	keys    []string // nil: order by ordinal alone
	records *chunk.Column
	ords    []chunk.Ordinal
	at      int
	prefix  uint64 // of the head's key

	scratch *scratch
	frames  []frame // still to be read
}

func (c *sortCursor) done() bool { return c.at >= len(c.ords) }

// key is the key of the head.
func (c *sortCursor) key() string {
	if c.keys == nil {
		return ""
	}
	return c.keys[c.at]
}

// look takes the prefix of a new head.
func (c *sortCursor) look() {
	if c.keys != nil && !c.done() {
		c.prefix = prefixOf(c.keys[c.at])
	}
}

// before compares heads; a cursor without one comes last.
func (c *sortCursor) before(o *sortCursor, reverse, tie bool) bool {
	switch {
	case c.done() || o.done():
		return o.done() && (!c.done() || tie)
	case c.prefix != o.prefix:
		return (c.prefix < o.prefix) != reverse
	}
	if x, y := c.key(), o.key(); x != y {
		return (x < y) != reverse
	}
	order := c.ords[c.at].Compare(o.ords[o.at])
	return order < 0 || order == 0 && tie
}

func (c *sortCursor) next() error {
	c.at++
	if c.done() && len(c.frames) > 0 {
		return c.load()
	}
	c.look()
	return nil
}

// load reads the next frame of a spilled run.
func (c *sortCursor) load() error {
	if len(c.frames) == 0 {
		return nil
	}
	var keys chunk.Column
	records := new(chunk.Column) // the last one may be in use by whoever took records from it
	ords, err := c.scratch.take(c.frames[0], []*chunk.Column{&keys, records})
	if err != nil {
		return err
	}
	if records.N != len(ords) || keys.N > 0 && (keys.Kind != chunk.String || keys.N != len(ords)) {
		return fmt.Errorf("reading spilled chunk %s: %w", c.scratch.name(c.frames[0].id), chunk.ErrCorrupt)
	}
	freeze(records)
	c.frames = c.frames[1:]
	c.keys, c.records, c.ords, c.at = nil, records, ords, 0
	if keys.N > 0 {
		c.keys = keys.Strings
	}
	c.look()
	return nil
}

// A sortWriter writes a sorted run as frames.
type sortWriter struct {
	scratch *scratch
	keys    chunk.Column
	records chunk.Column
	ords    []chunk.Ordinal
	bytes   int64
	frames  []frame
}

// append adds the head of a cursor.
func (w *sortWriter) append(c *sortCursor) error {
	i := c.at
	if err := w.begin(int64(len(c.key())) + sizeAt(c.records, i)); err != nil {
		return err
	}
	if c.keys != nil {
		w.keys.AppendString(c.keys[i])
	}
	w.records.AppendFrom(c.records, i)
	w.ords = append(w.ords, c.ords[i])
	return nil
}

// appendRecord adds record i of a segment.
func (w *sortWriter) appendRecord(seg *segment, i int) error {
	key := seg.key(i)
	if err := w.begin(int64(len(key)) + seg.recordSize(i)); err != nil {
		return err
	}
	if seg.keys.len() > 0 {
		w.keys.AppendString(key)
	}
	seg.appendRecord(&w.records, i)
	w.ords = append(w.ords, seg.ordinal(i))
	return nil
}

// begin makes room for a record of so many bytes.
func (w *sortWriter) begin(bytes int64) error {
	bytes += 32
	if w.bytes+bytes > w.scratch.frameBytes() || len(w.ords) == frameRows {
		if err := w.flush(); err != nil {
			return err
		}
	}
	w.bytes += bytes
	return nil
}

func (w *sortWriter) flush() error {
	if len(w.ords) == 0 {
		return nil
	}
	f, err := w.scratch.put(frameRecords, []*chunk.Column{&w.keys, &w.records}, w.ords)
	if err != nil {
		return err
	}
	w.frames = append(w.frames, f)
	w.keys.Reset()
	w.records.Reset()
	w.ords, w.bytes = w.ords[:0], 0
	return nil
}

func (w *sortWriter) finish() ([]frame, error) {
	err := w.flush()
	return w.frames, err
}
