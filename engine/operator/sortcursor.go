package operator

import (
	"fmt"
	"strings"

	"github.com/flowsh/flowsh/engine/chunk"
)

// A sortCursor goes through a sorted run that was spilled. A frame is in memory from its first row to its last, or from
// when it comes next on, if its first key is long.
type sortCursor struct {
	keys    []string // nil: order by ordinal alone
	records *chunk.Column
	ords    []chunk.Ordinal
	at      int

	// Of the head, which may be the first row of a frame that is not loaded.
	key    string
	ord    chunk.Ordinal
	prefix uint64 // of key

	scratch *scratch
	frames  []frame // still to be read
}

// done says that there is no head.
func (c *sortCursor) done() bool { return c.at >= len(c.ords) && len(c.frames) == 0 }

// look takes what orders a new head.
func (c *sortCursor) look() error {
	if c.at >= len(c.ords) && len(c.frames) > 0 && !c.frames[0].noted {
		if err := c.load(); err != nil {
			return err
		}
	}
	switch {
	case c.at < len(c.ords):
		c.key, c.ord = "", c.ords[c.at]
		if c.keys != nil {
			c.key = c.keys[c.at]
		}
	case len(c.frames) > 0:
		c.key, c.ord = c.frames[0].key, c.frames[0].first
	default:
		c.key = ""
	}
	c.prefix = prefixOf(c.key)
	return nil
}

// before compares heads; a cursor without one comes last.
func (c *sortCursor) before(o *sortCursor, reverse, tie bool) bool {
	switch {
	case c.done() || o.done():
		return o.done() && (!c.done() || tie)
	case c.prefix != o.prefix:
		return (c.prefix < o.prefix) != reverse
	case c.key != o.key:
		return (c.key < o.key) != reverse
	}
	order := c.ord.Compare(o.ord)
	return order < 0 || order == 0 && tie
}

// open has the head's record in memory.
func (c *sortCursor) open() error {
	if c.at < len(c.ords) {
		return nil
	}
	return c.load()
}

func (c *sortCursor) next() error {
	if c.at++; c.at == len(c.ords) {
		c.keys, c.records, c.ords, c.at = nil, nil, nil, 0
	}
	return c.look()
}

// load reads the next frame of a spilled run.
func (c *sortCursor) load() error {
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
	return nil
}

// mostNoted is how long keys are that are noted of frames.
const mostNoted = 256

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
	if err := w.begin(int64(len(c.key)) + sizeAt(c.records, i)); err != nil {
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
	f.bytes, f.noted = w.bytes, w.keys.N == 0
	if w.keys.N > 0 && len(w.keys.Strings[0]) <= mostNoted {
		f.key, f.noted = strings.Clone(w.keys.Strings[0]), true
	}
	w.frames = append(w.frames, f)
	if w.bytes > w.scratch.frameBytes() { // memory that is used again refers to what was in it
		w.keys, w.records = chunk.Column{}, chunk.Column{}
	}
	w.keys.Reset()
	w.records.Reset()
	w.ords, w.bytes = w.ords[:0], 0
	return nil
}

func (w *sortWriter) finish() ([]frame, error) {
	err := w.flush()
	return w.frames, err
}
