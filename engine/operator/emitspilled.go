package operator

import (
	"context"
	"errors"
	"slices"

	"github.com/flowsh/flowsh/engine/chunk"
)

// emitSpilled is Emit of groups some of which were spilled.
func (g *Groups) emitSpilled(ctx context.Context, out func(*Keyed) error) error {
	runs, err := g.settle(ctx)
	if err != nil {
		return err
	}
	final, err := g.New()
	if err != nil {
		return err
	}
	m := &merger{emitter: g.newEmitter(ctx, out), agg: final}
	if err := g.eachInRuns(runs, m.appendRows); err != nil {
		return err
	}
	return m.flush()
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
	if err := g.settleBuckets(ctx, runs); err != nil {
		return nil, err
	}
	runs = append(runs, g.runs[:]...)
	return slices.DeleteFunc(runs, func(run []frame) bool { return len(run) == 0 }), nil
}

// settleBuckets replays what was spilled: first the buckets that all cores can have in memory together, then the others,
// one after another. Of errors of records it returns the first.
func (g *Groups) settleBuckets(ctx context.Context, runs [][]frame) error {
	var together, alone []int
	for i := range g.buckets {
		if b := &g.buckets[i]; g.fits(b.frames, g.scratch.Share/int64(2*g.cores())) {
			together = append(together, i)
		} else if len(b.frames) > 0 {
			alone = append(alone, i)
		}
	}
	var errs [Buckets]error
	concurrently(g.cores(), len(together), func(n int) {
		i := together[n]
		if errs[i] = ctx.Err(); errs[i] == nil {
			runs[i], errs[i] = g.settleWhole(&g.buckets[i])
		}
	})
	for _, i := range alone {
		if errs[i] = ctx.Err(); errs[i] == nil {
			errs[i] = g.settleAlone(ctx, &g.buckets[i], &runs[i])
		}
	}
	var failed error
	for _, err := range errs {
		if failed = lowest(failed, err); failed != nil && !errors.As(failed, new(*RecordError)) {
			return failed
		}
	}
	return failed
}

// fits reports whether what was spilled of a bucket fits into so many bytes of memory. How much a state takes that is made
// of records is not known before.
func (g *Groups) fits(frames []frame, limit int64) bool {
	bytes := int64(0)
	for _, f := range frames {
		if f.kind != frameStates {
			return false
		}
		bytes += f.bytes + int64(f.rows)*sizeGroup
	}
	if g.ints != nil { // in place
		bytes /= 2
	}
	return len(frames) > 0 && bytes <= limit
}

// sizeGroup is what a group may take in a table, beside its key and its state.
const sizeGroup = 128

// settleAlone settles a bucket that has the whole share.
func (g *Groups) settleAlone(ctx context.Context, b *bucket, run *[]frame) (err error) {
	if g.ints != nil && g.fits(b.frames, g.scratch.Share/2) {
		*run, err = g.settleWhole(b)
		return err
	}
	return g.settleBucket(ctx, b, run)
}

// settleWhole is settleBucket of one that need not be divided.
func (g *Groups) settleWhole(b *bucket) ([]frame, error) {
	child := g.child()
	child.undivided = true
	frames := b.frames
	b.frames = nil
	if err := child.replay(frames); err != nil {
		return nil, child.FirstError(err)
	}
	w := newGroupWriter(g.scratch, frameStates)
	if err := child.buckets[0].writeSorted(child, w); err != nil {
		return nil, err
	}
	return w.finish()
}

// spillRest writes out what a spilled bucket still has in memory.
func (b *bucket) spillRest(g *Groups) error {
	if b.log != nil {
		return b.finishLog()
	}
	return b.spill(g, true)
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
	if err := b.foldWaiting(g); err != nil {
		return err
	}
	if b.len() == 0 {
		return nil
	}
	b.enterLanes(g.Lane)
	err := w.appendGroups(b, b.inOrder())
	b.close(g)
	return err
}

// writeSorted writes all groups in the order of first ordinals.
func (g *Groups) writeSorted(ctx context.Context, w *groupWriter) error {
	if err := g.foldWaiting(); err != nil {
		return err
	}
	if !g.spilled() {
		return g.inMemory().eachGroup(ctx, w.appendGroup)
	}
	runs, err := g.settle(ctx)
	if err != nil {
		return err
	}
	return g.eachInRuns(runs, func(r *groupReader) error {
		return w.append(bytesOf(r.keys.Strings[r.at]), r.originals.At(r.at), r.ords[r.at], &r.values, r.at)
	})
}

// eachInRuns visits the rows of sorted runs in the order of their ordinals. A frame is in memory from its first row to its
// last: of long rows, which have frames of their own, one at a time, of others, and of what came from elsewhere, a frame of
// each run.
func (g *Groups) eachInRuns(runs [][]frame, visit func(r *groupReader) error) error {
	readers := make([]*groupReader, len(runs))
	heads := make([]runHead, len(runs))
	for i, frames := range runs {
		readers[i] = &groupReader{scratch: g.scratch, frames: frames}
		if err := readers[i].ready(); err != nil {
			return err
		}
		heads[i].of(readers[i])
	}
	tree := newLosers(len(readers), func(x, y int) bool {
		a, b := &heads[x], &heads[y]
		if a.ended != b.ended {
			return b.ended
		}
		order := a.ord.Compare(b.ord)
		return order < 0 || order == 0 && x < y
	})
	for len(readers) > 0 {
		number := tree.first()
		r := readers[number]
		if heads[number].ended {
			return nil
		}
		if r.done() {
			if _, err := r.load(); err != nil {
				return err
			}
		}
		if err := visit(r); err != nil {
			return err
		}
		if r.at++; r.done() {
			r.forget()
			if err := r.ready(); err != nil {
				return err
			}
		}
		heads[number].of(r)
		tree.fix()
	}
	return nil
}

// A runHead is where a run goes on: apart from its reader, because a merge looks at little else.
type runHead struct {
	ord   chunk.Ordinal
	ended bool
}

func (h *runHead) of(r *groupReader) {
	if *h = (runHead{ended: r.ended()}); !h.ended {
		h.ord = r.head()
	}
}

// A merger puts states together and gives their results to an emitter.
type merger struct {
	*emitter
	agg    Aggregate
	last   string // canonical key of the last group
	states chunk.Column
	of     []int32 // the groups that the states are of
	ords   []chunk.Ordinal
	groups []int32
}

// appendRows adds a row: a group, or another piece of the last one.
func (m *merger) appendRows(r *groupReader) error {
	key, ord := r.keys.Strings[r.at], r.ords[r.at]
	if m.keyed == nil || m.keyed.Ordinals[len(m.keyed.Ordinals)-1] != ord || m.last != key {
		if m.keyed != nil && (len(m.keyed.Ordinals) == emitRows || m.bytes > m.limit) {
			if err := m.flush(); err != nil {
				return err
			}
		}
		m.begin()
		m.last = key
		text, size := textOf(key)
		if err := m.appendKey(text, size, r.originals.At(r.at), ord); err != nil {
			return err
		}
	}
	m.states.AppendFrom(&r.values, r.at)
	m.of = append(m.of, int32(len(m.keyed.Ordinals)-1))
	m.ords = append(m.ords, ord)
	m.bytes += sizeAt(&r.values, r.at)
	return nil
}

func (m *merger) flush() error {
	if m.keyed == nil {
		return nil
	}
	if err := m.agg.Merge(m.of, &Keyed{Values: m.states, Ordinals: m.ords}); err != nil {
		return err
	}
	m.states.Reset()
	m.of, m.ords = m.of[:0], m.ords[:0]
	m.groups = m.groups[:0]
	for i := range m.keyed.Ordinals {
		m.groups = append(m.groups, int32(i))
	}
	if err := m.agg.Results(m.groups, &m.keyed.Values); err != nil {
		return err
	}
	m.agg.Reset()
	return m.emitter.flush()
}
