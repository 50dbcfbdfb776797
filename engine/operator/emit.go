package operator

import (
	"context"
	"errors"
	"slices"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
)

// emitRows bounds the runs in which results come out.
const emitRows = 4096

// Emit gives the groups in the order of their first ordinals: keys, results as values, and those ordinals, in
// runs of about 4096. out owns what it gets. Emit returns its error, that of ctx, or that of an aggregate's
// Results, for the first such group in that order. It is called once, after everything was added, and leaves
// nothing in the store unless it fails.
func (g *Groups) Emit(ctx context.Context, out func(*Keyed) error) error {
	e := &emitter{ctx: ctx, out: out, limit: g.scratch.Share / 16}
	if !g.spilled() {
		if err := g.eachInMemory(e.appendGroup); err != nil {
			return err
		}
		return e.flush()
	}
	runs, err := g.settle(ctx)
	if err != nil {
		return err
	}
	final, err := g.New()
	if err != nil {
		return err
	}
	m := &merger{emitter: e, agg: final, limit: g.scratch.Share / 16}
	if err := g.eachInRuns(runs, m.appendRows); err != nil {
		return err
	}
	return m.flush()
}

// eachInMemory visits the groups of all buckets in the order of their first ordinals, and gives back the memory
// of buckets that it is through with.
func (g *Groups) eachInMemory(visit func(b *bucket, group int32) error) error {
	var cursors []*cursor
	for i := range g.buckets {
		if t := g.buckets[i].table; t != nil && t.Len() > 0 {
			cursors = append(cursors, &cursor{bucket: &g.buckets[i], order: inOrder(t.firsts)})
		}
	}
	tree := newLosers(len(cursors), func(x, y int) bool { return cursors[x].before(cursors[y], x < y) })
	for len(cursors) > 0 {
		c := cursors[tree.first()]
		if c.done() {
			return nil
		}
		if err := visit(c.bucket, c.group()); err != nil {
			return err
		}
		if c.at++; c.done() {
			c.bucket.close(g)
		}
		tree.fix()
	}
	return nil
}

// A cursor goes through the groups of a bucket in the order of their first ordinals.
type cursor struct {
	bucket *bucket
	order  []int32 // nil: as they are numbered
	at     int
}

func (c *cursor) done() bool { return c.bucket.table == nil || c.at >= c.bucket.table.Len() }

func (c *cursor) group() int32 {
	if c.order == nil {
		return int32(c.at)
	}
	return c.order[c.at]
}

func (c *cursor) before(o *cursor, tie bool) bool {
	if c.done() || o.done() {
		return o.done() && (!c.done() || tie)
	}
	order := c.bucket.table.firsts[c.group()].Compare(o.bucket.table.firsts[o.group()])
	return order < 0 || order == 0 && tie
}

// settle completes each bucket alone and gives its groups' states as a run in the order of first ordinals. Those
// that were never spilled come first, so that the others have the whole share.
func (g *Groups) settle(ctx context.Context) ([][]frame, error) {
	runs := make([][]frame, Buckets)
	for i := range g.buckets {
		b := &g.buckets[i]
		if len(b.frames) > 0 || b.log != nil {
			if err := b.spillRest(g); err != nil {
				return nil, err
			}
			continue
		}
		w := newGroupWriter(g.scratch, frameStates)
		if err := b.writeSorted(g, w); err != nil {
			return nil, err
		}
		var err error
		if runs[i], err = w.finish(); err != nil {
			return nil, err
		}
	}
	var failed error
	for i := range g.buckets {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		err := g.settleBucket(ctx, &g.buckets[i], &runs[i])
		if failed = lowest(failed, err); failed != nil && !errors.As(failed, new(*RecordError)) {
			return nil, failed
		}
	}
	if failed != nil {
		return nil, failed
	}
	return slices.DeleteFunc(runs, func(run []frame) bool { return len(run) == 0 }), nil
}

// spillRest writes out what a spilled bucket still has in memory.
func (b *bucket) spillRest(g *Groups) error {
	if b.log != nil {
		return b.finishLog()
	}
	return b.spill(g)
}

// settleBucket replays what a bucket spilled.
func (g *Groups) settleBucket(ctx context.Context, b *bucket, run *[]frame) (err error) {
	if len(b.frames) == 0 {
		return nil
	}
	frames := b.frames
	b.frames = nil
	child := g.child()
	if err := child.replay(frames); err != nil {
		return child.FirstError(err)
	}
	w := newGroupWriter(g.scratch, frameStates)
	if err := child.writeSorted(ctx, w); err != nil {
		return err
	}
	*run, err = w.finish()
	return err
}

// writeSorted writes the groups of a bucket that was never spilled.
func (b *bucket) writeSorted(g *Groups, w *groupWriter) error {
	if b.table == nil {
		return nil
	}
	for c := (&cursor{bucket: b, order: inOrder(b.table.firsts)}); !c.done(); c.at++ {
		if err := w.appendGroup(b, c.group()); err != nil {
			return err
		}
	}
	b.close(g)
	return nil
}

// writeSorted writes all groups in the order of first ordinals.
func (g *Groups) writeSorted(ctx context.Context, w *groupWriter) error {
	if !g.spilled() {
		return g.eachInMemory(w.appendGroup)
	}
	runs, err := g.settle(ctx)
	if err != nil {
		return err
	}
	return g.eachInRuns(runs, func(r *groupReader) error {
		return w.append([]byte(r.keys.Strings[r.at]), r.originals.At(r.at), r.ords[r.at], &r.values, r.at)
	})
}

// eachInRuns visits the rows of sorted runs in the order of their ordinals.
func (g *Groups) eachInRuns(runs [][]frame, visit func(r *groupReader) error) error {
	readers := make([]*groupReader, len(runs))
	for i, frames := range runs {
		readers[i] = &groupReader{scratch: g.scratch, frames: frames}
		if _, err := readers[i].load(); err != nil {
			return err
		}
	}
	tree := newLosers(len(readers), func(x, y int) bool {
		a, b := readers[x], readers[y]
		if a.done() || b.done() {
			return b.done() && (!a.done() || x < y)
		}
		order := a.ords[a.at].Compare(b.ords[b.at])
		return order < 0 || order == 0 && x < y
	})
	for len(readers) > 0 {
		r := readers[tree.first()]
		if r.done() {
			return nil
		}
		if err := visit(r); err != nil {
			return err
		}
		if _, err := r.next(); err != nil {
			return err
		}
		tree.fix()
	}
	return nil
}

// An emitter gathers results into runs.
type emitter struct {
	ctx   context.Context
	out   func(*Keyed) error
	limit int64 // of bytes in a run
	keyed *Keyed
	keys  rows // only its arena: bytes of keys
	bytes int64
}

func (e *emitter) begin() {
	if e.keyed == nil {
		e.keyed = &Keyed{Ordinals: make([]chunk.Ordinal, 0, 256)}
		e.keys.reset()
	}
}

// appendKey adds the key of a group, and ends the run if it is long enough.
func (e *emitter) appendKey(key string, original starlark.Value, first chunk.Ordinal) error {
	e.keyed.Ordinals = append(e.keyed.Ordinals, first)
	e.bytes += int64(len(key)) + 32
	if original != nil && original != starlark.None {
		e.keyed.Keys.Append(original)
		return nil
	}
	return appendDecoded(&e.keyed.Keys, key)
}

// appendGroup adds a group of a bucket with its result.
func (e *emitter) appendGroup(b *bucket, group int32) error {
	e.begin()
	values := &e.keyed.Values
	if err := b.agg.Results(int(group), int(group)+1, values); err != nil {
		return err
	}
	var buf [inline]byte
	key := b.table.key(group, &buf)
	if err := e.appendKey(e.keys.copyBytes(key), b.table.originals[group], b.table.firsts[group]); err != nil {
		return err
	}
	if values.Kind == chunk.Any {
		e.bytes += value.Size(values.Values[values.N-1])
	}
	if len(e.keyed.Ordinals) < emitRows && e.bytes < e.limit {
		return nil
	}
	return e.flush()
}

func (e *emitter) flush() error {
	if e.keyed == nil {
		return nil
	}
	if err := e.ctx.Err(); err != nil {
		return err
	}
	keyed := e.keyed
	e.keyed, e.bytes = nil, 0
	return e.out(keyed)
}

// A merger puts states together and gives their results to an emitter.
type merger struct {
	*emitter
	agg   Aggregate
	limit int64
	last  string // key of the last group
}

// appendRows adds a row: a group, or another piece of the last one.
func (m *merger) appendRows(r *groupReader) error {
	key, ord := r.keys.Strings[r.at], r.ords[r.at]
	if m.keyed != nil && m.last == key && m.keyed.Ordinals[len(m.keyed.Ordinals)-1] == ord {
		return m.merge(r)
	}
	if m.keyed != nil && (len(m.keyed.Ordinals) == emitRows || m.agg.Size() > m.limit) {
		if err := m.flush(); err != nil {
			return err
		}
	}
	m.begin()
	m.last = key
	if err := m.appendKey(key, r.originals.At(r.at), ord); err != nil {
		return err
	}
	return m.merge(r)
}

func (m *merger) merge(r *groupReader) error {
	group := [1]int32{int32(len(m.keyed.Ordinals) - 1)}
	return m.agg.Merge(group[:], &Keyed{Values: r.values.Slice(r.at, r.at+1), Ordinals: r.ords[r.at : r.at+1]})
}

func (m *merger) flush() error {
	if m.keyed == nil {
		return nil
	}
	if err := m.agg.Results(0, len(m.keyed.Ordinals), &m.keyed.Values); err != nil {
		return err
	}
	m.agg.Reset()
	return m.emitter.flush()
}
