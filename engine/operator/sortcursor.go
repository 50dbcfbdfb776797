package operator

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/value"
)

// A sortCursor goes through a sorted run that was spilled. A frame is in memory from its first row to its last, or from
// when it comes next on, if its first key is long.
type sortCursor struct {
	*sortFrame     // nil: none is in memory
	at         int // row of it

	// Of the head, which may be the first row of a frame that is not loaded.
	key    string
	ord    chunk.Ordinal
	prefix uint64 // of key

	scratch *scratch
	frames  []frame // still to be read
}

// A sortFrame is a frame of a sorted run in memory.
type sortFrame struct {
	rows    int
	keys    []string      // nil: order by ordinal alone
	texts   bool          // the records are the texts of their keys, and there is nothing but keys
	records *chunk.Column // nil if they are
	ords    []chunk.Ordinal
	bytes   int64 // that a row takes, about
	run     int   // the number of a run of a sortEmitter that has rows of it, and which of its frames it is
	number  int32
}

// done says that there is no head.
func (c *sortCursor) done() bool { return c.sortFrame == nil && len(c.frames) == 0 }

// look takes what orders a new head.
func (c *sortCursor) look() error {
	if c.sortFrame == nil && len(c.frames) > 0 && !c.frames[0].noted {
		if err := c.load(); err != nil {
			return err
		}
	}
	switch {
	case c.sortFrame != nil:
		c.head()
		return nil
	case len(c.frames) > 0:
		c.key, c.ord = c.frames[0].key, c.frames[0].first
	default:
		c.key = ""
	}
	c.prefix = prefixOf(c.key)
	return nil
}

// head takes what orders the row that is next.
func (c *sortCursor) head() {
	if c.keys != nil {
		c.key = c.keys[c.at]
		c.prefix = prefixOf(c.key)
	} else {
		c.key, c.prefix = "", 0
	}
	if !c.texts {
		c.ord = c.ords[c.at]
	}
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

// rank is a number such that the head of the cursor comes before another if its own is less.
func (c *sortCursor) rank(reverse bool) uint64 {
	switch {
	case c.done():
		return math.MaxUint64
	case reverse:
		return ^c.prefix
	}
	return c.prefix
}

// open has the head's record in memory.
func (c *sortCursor) open() error {
	if c.sortFrame != nil {
		return nil
	}
	return c.load()
}

func (c *sortCursor) next() error {
	if c.at++; c.at < c.rows {
		c.head()
		return nil
	}
	c.sortFrame, c.at = nil, 0
	return c.look()
}

// load reads the next frame of a spilled run.
func (c *sortCursor) load() error {
	var keys chunk.Column
	records := new(chunk.Column) // the last one may be in use by whoever took records from it
	f := c.frames[0]
	ords, err := c.scratch.take(f, []*chunk.Column{&keys, records})
	if err != nil {
		return err
	}
	loaded := &sortFrame{rows: f.rows, records: records, ords: ords, bytes: f.bytes / int64(f.rows)}
	if f.kind == frameTexts {
		loaded.texts, loaded.records = true, nil
	}
	if keys.N > 0 {
		loaded.keys = keys.Strings
	}
	if !f.is(&keys, records, ords) {
		return fmt.Errorf("reading spilled chunk %s: %w", c.scratch.name(f.id), chunk.ErrCorrupt)
	}
	freeze(records)
	c.frames, c.sortFrame, c.at, c.ord = c.frames[1:], loaded, 0, chunk.Ordinal{}
	return nil
}

// is reports whether that is what is in a frame of a run.
func (f *frame) is(keys, records *chunk.Column, ords []chunk.Ordinal) bool {
	if keys.N > 0 && (keys.Kind != chunk.String || keys.N != f.rows) {
		return false
	}
	if f.noted {
		key := ""
		if keys.N > 0 {
			key = keys.Strings[0]
		}
		if key != f.key {
			return false
		}
	}
	if f.kind == frameTexts {
		notText := func(key string) bool { return len(key) < value.OrderedStringExtra }
		return keys.N > 0 && records.N == 0 && len(ords) == 0 && !slices.ContainsFunc(keys.Strings, notText)
	}
	return records.N == f.rows && len(ords) == f.rows && ords[0] == f.first
}

// mostNoted is how long keys are that are noted of frames.
const mostNoted = 256

// A sortWriter writes a sorted run as frames.
type sortWriter struct {
	scratch *scratch
	kind    frameKind // of the frame that is open
	keys    chunk.Column
	records chunk.Column
	ords    []chunk.Ordinal
	rows    int
	bytes   int64
	frames  []frame
}

// append adds the head of a cursor.
func (w *sortWriter) append(c *sortCursor) error {
	i := c.at
	if c.texts {
		return w.appendText(c.key)
	}
	if err := w.begin(frameRecords, int64(len(c.key))+sizeAt(c.records, i)); err != nil {
		return err
	}
	if c.keys != nil {
		w.keys.AppendString(c.key)
	}
	w.records.AppendFrom(c.records, i)
	w.ords = append(w.ords, c.ords[i])
	return nil
}

// appendRecord adds record i of a part.
func (w *sortWriter) appendRecord(p *sortPart, i int) error {
	key := p.key(i)
	if p.holds == inKeys {
		return w.appendText(key)
	}
	if err := w.begin(frameRecords, int64(len(key))+p.recordSize(i)); err != nil {
		return err
	}
	if p.keys.len() > 0 {
		w.keys.AppendString(key)
	}
	p.appendRecord(&w.records, i)
	w.ords = append(w.ords, p.ordinal(i))
	return nil
}

// appendText adds a record that is the text of its key.
func (w *sortWriter) appendText(key string) error {
	if err := w.begin(frameTexts, 16+int64(len(key))); err != nil {
		return err
	}
	w.keys.AppendString(key)
	return nil
}

// begin makes room for a record of so many bytes in a frame of a kind.
func (w *sortWriter) begin(kind frameKind, bytes int64) error {
	bytes += 32
	if w.bytes+bytes > w.scratch.frameBytes() || w.rows == frameRows || w.kind != kind {
		if err := w.flush(); err != nil {
			return err
		}
	}
	w.kind = kind
	w.rows++
	w.bytes += bytes
	return nil
}

func (w *sortWriter) flush() error {
	if w.rows == 0 {
		return nil
	}
	f, err := w.scratch.put(w.kind, []*chunk.Column{&w.keys, &w.records}, w.ords)
	if err != nil {
		return err
	}
	f.rows, f.bytes = w.rows, w.bytes
	key := ""
	if key, f.noted = w.lead(); key != "" {
		f.key = strings.Clone(key)
	}
	w.frames = append(w.frames, f)
	if w.bytes > w.scratch.frameBytes() { // memory that is used again refers to what was in it
		w.keys, w.records = chunk.Column{}, chunk.Column{}
	}
	w.keys.Reset()
	w.records.Reset()
	w.ords, w.rows, w.bytes = w.ords[:0], 0, 0
	return nil
}

// lead is the key of the first row of the frame that is open; ok is false if it is too long to be noted.
func (w *sortWriter) lead() (key string, ok bool) {
	if w.keys.N == 0 {
		return "", true
	}
	key = w.keys.Strings[0]
	if len(key) > mostNoted {
		return "", false
	}
	return key, true
}

func (w *sortWriter) finish() ([]frame, error) {
	err := w.flush()
	return w.frames, err
}
