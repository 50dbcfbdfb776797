package operator

import (
	"context"
	"sync"

	"github.com/flowsh/flowsh/engine/chunk"
)

// Drain gives all groups with their states as chunks, to be loaded into the Groups of another place, and leaves
// nothing. The chunks of one Groups must be loaded in the order in which they came; part is the range of the keys that a
// chunk has groups of. A group may come more than once, with a state each time, where keys hardly repeat: to fold records
// that are folded once more where they go would cost more than they. put does not keep what it gets.
//
// The groups must have been combined, by Partial or by states: records that wait to be folded in order cannot be
// drained. last is a Partial of the Groups that is not flushed yet: what nothing else has a group of does not go through
// the buckets; nil: all are flushed. The Groups must not be ordered then. Drain is called once, in place of Emit; its errors
// are those of put and of reading what was spilled.
func (g *Groups) Drain(ctx context.Context, last *Partial, put func(part int, data []byte) error) error {
	var rest [Buckets][]int32
	if last != nil {
		if err := last.settle(); err != nil {
			return err
		}
		rest = last.byBucket()
	}
	if err := g.foldToDrain(); err != nil {
		return err
	}
	part := 0
	store := drainStore{put: func(data []byte) error { return put(part, data) }}
	w := newGroupWriter(newScratch(Memory{Share: g.scratch.Share, ID: g.scratch.ID, Store: store}), frameStates)
	for i := range g.buckets {
		if err := ctx.Err(); err != nil {
			return err
		}
		part = RangeOf(i)
		if err := g.drainWith(&g.buckets[i], last, rest[i], w); err != nil {
			return err
		}
		if err := w.flush(); err != nil {
			return err
		}
		w.frames = w.frames[:0]
	}
	if last != nil {
		last.Recycle()
	}
	return nil
}

// foldToDrain folds what waits, if that makes it less.
func (g *Groups) foldToDrain() error {
	for i := range g.buckets {
		if g.told.Load() != nil || g.ints == nil {
			break
		}
		if err := g.buckets[i].foldWaiting(g); err != nil {
			return err
		}
	}
	if g.hardlyRepeats() {
		return nil
	}
	return g.foldWaiting()
}

// drainWith drains a bucket, and the groups of a Partial that belong there.
func (g *Groups) drainWith(b *bucket, p *Partial, which []int32, w *groupWriter) error {
	if len(which) == 0 {
		return g.drainBucket(b, w)
	}
	if b.table == nil && b.waiting.records == 0 && len(b.frames) == 0 && b.log == nil {
		if g.ints != nil && p.table.allShort(which) {
			return w.writeTable(&p.table, p.agg, which, len(g.ints))
		}
		return w.appendGroups(&bucket{table: &p.table, agg: p.agg}, which)
	}
	if err := p.flushBucket(b, which); err != nil {
		return err
	}
	return g.drainBucket(b, w)
}

// drainBucket gives what a bucket has spilled, and then what it holds.
func (g *Groups) drainBucket(b *bucket, w *groupWriter) error {
	if err := b.finishLog(); err != nil {
		return err
	}
	r := groupReader{scratch: g.scratch, frames: b.frames}
	b.frames = nil
	for {
		more, err := r.load()
		if err != nil {
			return err
		}
		if !more {
			break
		}
		for ; r.at < len(r.ords); r.at++ {
			if err := w.append(bytesOf(r.keys.Strings[r.at]), r.originals.At(r.at), r.ords[r.at], &r.values, r.at); err != nil {
				return err
			}
		}
	}
	if g.hardlyRepeats() && b.waitsInPlace(g) {
		b.waiting.groups = b.waiting.records
	} else if err := b.foldWaiting(g); err != nil {
		return err
	}
	defer b.close(g)
	switch {
	case b.len() == 0:
		return nil
	case b.isInPlace() && b.allShort():
		return w.writeBlocks(b)
	}
	return w.appendGroups(b, nil)
}

// Load merges the groups of a chunk that Drain gave. Of ordered groups the chunks must be loaded in the order of
// the flow, by one goroutine; of others it may be called concurrently. data may come from outside: what is not a chunk of
// groups is chunk.ErrCorrupt. It is not kept.
func (g *Groups) Load(data []byte) error {
	l := loadings.Get().(*loading)
	defer loadings.Put(l)
	return l.into(g, data)
}

// A loading is the memory of Load. Groups copy what they keep of it; what they refer to is never written again.
type loading struct {
	groupReader
	routed Routed
}

func (l *loading) into(g *Groups, data []byte) error {
	l.kind = frameStates
	if err := l.load(g, data); err != nil {
		return err
	}
	return g.addFrame(&l.groupReader, &l.routed)
}

// load decodes a chunk. Where groups copy all that there is, their keys and states that are ints, it is but looked at.
func (l *loading) load(g *Groups, data []byte) error {
	if g.ints != nil {
		if err := l.decodeBy(chunk.ViewFrame, data); err != nil {
			return err
		}
		if _, ints := keptInts(&l.values, len(g.ints)); ints && l.originals.Kind == chunk.Null {
			return l.checkStates()
		}
	}
	if err := l.decodeBy(chunk.DecodeFrameInto, data); err != nil {
		return err
	}
	return l.checkStates()
}

var loadings = sync.Pool{New: func() any { return new(loading) }}
