package operator

import (
	"slices"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
)

// A groupWriter writes rows of (canonical key, original key or None, value, ordinal) as frames.
type groupWriter struct {
	scratch   *scratch
	kind      frameKind
	keys      rows
	originals chunk.Column
	values    rows
	ords      []chunk.Ordinal
	bytes     int64
	frames    []frame
	one       chunk.Column
	key       []byte
	which     []int32
	rows      groupRows
	entries   entryWriter
}

// pieces is what an aggregate implements whose state for a group may be too large for a chunk.
type pieces interface {
	// Pieces appends the state as several, and reports how many. Merged in order they are the state.
	Pieces(group int, out *chunk.Column) int
	// whole reports that the state of a group cannot be divided.
	whole(group int32) bool
}

func newGroupWriter(s *scratch, kind frameKind) *groupWriter {
	return &groupWriter{scratch: s, kind: kind}
}

// appendGroup writes a group of a bucket with its state.
func (w *groupWriter) appendGroup(b *bucket, group int32) error {
	w.one.Reset()
	n := 1
	if p, ok := b.agg.(pieces); ok && !p.whole(group) {
		n = p.Pieces(int(group), &w.one)
	} else {
		b.states([]int32{group}, &w.one)
	}
	defer w.letGo()
	w.key = b.appendKey(w.key[:0], group)
	for i := range n {
		if err := w.append(w.key, b.original(group), b.first(group), &w.one, i); err != nil {
			return err
		}
	}
	return nil
}

// statesAtOnce is how many states a writer asks for at a time.
const statesAtOnce = 256

// appendGroups writes groups of a bucket, which order names; nil: all, as they are numbered.
func (w *groupWriter) appendGroups(b *bucket, order []int32) error {
	if order == nil {
		w.which = w.which[:0]
		b.each(func(group int32) { w.which = append(w.which, group) })
		order = w.which
	}
	if _, inPieces := b.agg.(pieces); inPieces {
		for _, group := range order {
			if err := w.appendGroup(b, group); err != nil {
				return err
			}
		}
		return nil
	}
	for which := range slices.Chunk(order, statesAtOnce) {
		if err := w.appendWhole(b, which); err != nil {
			return err
		}
	}
	return nil
}

// appendWhole writes groups whose states do not come in pieces.
func (w *groupWriter) appendWhole(b *bucket, which []int32) error {
	defer w.letGo()
	w.one.Reset()
	b.states(which, &w.one)
	w.rows.reset()
	w.rows.add(b, which)
	if done, err := w.appendAtOnce(b); done {
		return err
	}
	for i, group := range which {
		w.key = w.rows.keys[i].appendCanonical(w.key[:0], w.rows.texts[i])
		if err := w.append(w.key, b.original(group), w.rows.ords[i], &w.one, i); err != nil {
			return err
		}
	}
	return nil
}

// appendAtOnce writes the rows that appendWhole has gathered if they go into a frame together, and all take as much for
// their states. It reports whether it has.
func (w *groupWriter) appendAtOnce(b *bucket) (done bool, err error) {
	if !alike(&w.one) || b.hasOriginals() || w.kind != frameStates {
		return false, nil
	}
	n, room := len(w.rows.keys), w.rows.canonicalBytes()
	bytes := int64(room) + int64(n)*(16+sizeAt(&w.one, 0))
	if bytes > w.scratch.frameBytes() {
		return false, nil
	}
	if w.bytes+bytes > w.scratch.frameBytes() || len(w.ords)+n > frameRows {
		if err := w.flush(); err != nil {
			return true, err
		}
	}
	if w.originals.N > 0 && w.originals.Kind != chunk.Null || w.values.N > 0 && w.values.Kind != w.one.Kind {
		return false, nil
	}
	w.keys.Kind, w.keys.Strings = chunk.Bytes, slices.Grow(w.keys.Strings, n)
	texts := w.keys.room(room)
	for i := range w.rows.keys {
		start := len(texts)
		texts = w.rows.keys[i].appendCanonical(texts, w.rows.texts[i])
		w.keys.Strings = append(w.keys.Strings, view(texts[start:]))
	}
	w.keys.N += n
	w.keys.arena = texts
	w.originals.Kind, w.originals.N = chunk.Null, w.originals.N+n
	w.values.AppendAll(&w.one)
	w.ords = append(w.ords, w.rows.ords...)
	w.bytes += bytes
	return true, nil
}

// alike reports whether all values of a column take as much memory.
func alike(c *chunk.Column) bool {
	switch c.Kind {
	case chunk.Null, chunk.Bool, chunk.Int, chunk.Float:
		return c.N > 0
	case chunk.Tuple, chunk.Record:
		for f := range c.Fields {
			if !alike(&c.Fields[f]) {
				return false
			}
		}
		return c.N > 0
	}
	return false
}

// append writes a row whose value is value i of a column, or nothing if the column is empty. original is nil for a
// key that its canonical one gives back.
func (w *groupWriter) append(key []byte, original starlark.Value, ord chunk.Ordinal, from *chunk.Column, i int) error {
	bytes := int64(len(key)) + 16 + sizeAt(from, i)
	if w.bytes+bytes > w.scratch.frameBytes() || len(w.ords) == frameRows {
		if err := w.flush(); err != nil {
			return err
		}
	}
	w.keys.appendBytes(key)
	if original == nil {
		original = starlark.None
	}
	w.originals.Append(original)
	w.ords = append(w.ords, ord)
	w.bytes += bytes
	switch {
	case from.Kind == chunk.Empty:
		w.values.Append(starlark.None)
	case w.kind == frameRecords: // views of a block that may be gone before they are written
		w.values.append(from, i)
	default:
		w.values.AppendFrom(from, i)
	}
	if w.bytes > w.scratch.frameBytes() { // a long row, which is not to wait for others: there may be many writers
		return w.flush()
	}
	return nil
}

// record writes records.
func (w *groupWriter) record(in *Keyed, keys *keyBatch) error {
	defer w.letGo()
	for i := range keys.keys {
		w.key = keys.appendCanonical(w.key[:0], i)
		if err := w.append(w.key, keys.original(i), in.Ordinals[i], &in.Values, i); err != nil {
			return err
		}
	}
	return nil
}

// letGo forgets what a long row, which was written at once, has left in memory that is used again.
func (w *groupWriter) letGo() {
	if len(w.ords) == 0 {
		w.one, w.key = chunk.Column{}, nil
	}
}

// sizeAt estimates the heap size of a value.
func sizeAt(c *chunk.Column, i int) (n int64) {
	switch c.Kind {
	case chunk.String, chunk.Bytes:
		return 16 + int64(len(c.Strings[i]))
	case chunk.Tuple, chunk.Record:
		for f := range c.Fields {
			n += sizeAt(&c.Fields[f], i)
		}
		return n
	case chunk.Any:
		return value.Size(c.Values[i])
	}
	return 8
}

func (w *groupWriter) flush() error {
	if len(w.ords) == 0 {
		return nil
	}
	f, err := w.scratch.put(w.kind, []*chunk.Column{&w.keys.Column, &w.originals, &w.values.Column}, w.ords)
	if err != nil {
		return err
	}
	f.bytes = w.bytes
	w.frames = append(w.frames, f)
	if w.bytes > w.scratch.frameBytes() { // memory that is used again refers to what was in it
		w.keys, w.originals, w.values = rows{}, chunk.Column{}, rows{}
	}
	w.keys.reuse()
	w.originals.Reset()
	w.values.reuse()
	w.ords, w.bytes = w.ords[:0], 0
	return nil
}

// finish writes what is left and gives all frames.
func (w *groupWriter) finish() ([]frame, error) {
	err := w.flush()
	return w.frames, err
}

// A groupReader reads the rows of frames in order.
type groupReader struct {
	scratch   *scratch
	frames    []frame
	kind      frameKind
	keys      chunk.Column
	originals chunk.Column
	values    chunk.Column
	ords      []chunk.Ordinal
	at        int
}

// load reads the next frame; it reports false after the last.
func (r *groupReader) load() (bool, error) {
	if len(r.frames) == 0 {
		r.ords, r.at = nil, 0
		return false, nil
	}
	f := r.frames[0]
	r.frames = r.frames[1:]
	r.forget()
	ords, err := r.scratch.take(f, []*chunk.Column{&r.keys, &r.originals, &r.values})
	r.ords, r.at, r.kind = ords, 0, f.kind
	if err == nil {
		err = r.check()
	}
	return err == nil, err
}

// check tests that the columns are those of groups.
func (r *groupReader) check() error {
	n := len(r.ords)
	if r.keys.Kind != chunk.Bytes || r.keys.N != n || r.originals.N != n || r.values.N != n {
		return errFrame(r.keys.Kind)
	}
	return nil
}

// forget lets go of the frame. Its columns may be in use by whoever took rows from it.
func (r *groupReader) forget() {
	r.keys, r.originals, r.values = chunk.Column{}, chunk.Column{}, chunk.Column{}
	r.ords, r.at = nil, 0
}

// done says that no row is left of the frame that was loaded.
func (r *groupReader) done() bool { return r.at >= len(r.ords) }

// ended says that no row is left.
func (r *groupReader) ended() bool { return r.done() && len(r.frames) == 0 }

// ready loads the next frame if it is not known how it begins: it came from elsewhere.
func (r *groupReader) ready() error {
	for r.done() && len(r.frames) > 0 && r.frames[0].rows == unknownRows {
		if _, err := r.load(); err != nil {
			return err
		}
	}
	return nil
}

// head is the ordinal of the next row, which need not be loaded.
func (r *groupReader) head() chunk.Ordinal {
	if r.done() {
		return r.frames[0].first
	}
	return r.ords[r.at]
}
