package operator

import (
	"context"
	"errors"
	"slices"
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
	b.table.enterLanes(g.Lane)
	order := inOrder(b.table.firsts)
	for i := range int32(b.table.Len()) {
		group := i
		if order != nil {
			group = order[i]
		}
		if err := w.appendGroup(b, group); err != nil {
			return err
		}
	}
	b.close(g)
	return nil
}

// writeSorted writes all groups in the order of first ordinals.
func (g *Groups) writeSorted(ctx context.Context, w *groupWriter) error {
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

// A merger puts states together and gives their results to an emitter.
type merger struct {
	*emitter
	agg    Aggregate
	groups []int32
	last   string // canonical key of the last group
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
	text, size := textOf(key)
	if err := m.appendKey(text, size, r.originals.At(r.at), ord); err != nil {
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
