package operator

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/flowsh/flowsh/engine/chunk"
)

// A bucket is a part of the keys of Groups: a table of groups and their states, and what of them was spilled.
type bucket struct {
	mu     sync.Mutex
	table  *Table // nil: no group, or all are in place
	agg    Aggregate
	groups []int32

	waiting waiting
	bytes   atomic.Int64 // size of the table, the states and what waits, as last counted
	frames  []frame      // spilled, in order
	log     *groupWriter // not nil: records are written after the frames, not folded
}

// open makes the table of a bucket that has none.
func (b *bucket) open(g *Groups) error {
	if b.table != nil {
		return nil
	}
	agg, err := g.New()
	if err != nil {
		return err
	}
	b.table, b.agg = new(Table), agg
	return nil
}

// close gives the bucket's memory back.
func (b *bucket) close(g *Groups) {
	g.used.Add(-b.bytes.Swap(0))
	for _, block := range b.waiting.blocks {
		block.free()
	}
	b.table, b.agg, b.groups, b.waiting = nil, nil, nil, waiting{}
}

// account brings the size of the bucket up to date.
func (b *bucket) account(g *Groups) {
	bytes := b.waiting.bytes
	if b.table != nil {
		bytes += b.table.Size() + b.agg.Size()
	}
	g.used.Add(bytes - b.bytes.Swap(bytes))
}

// fold adds records, or states if merge is set.
func (b *bucket) fold(g *Groups, in *Keyed, keys *keyBatch, merge bool) error {
	if merge && b.takeStates(g, keys, in) {
		return b.waited(g)
	}
	if err := b.intoTable(g); err != nil {
		return err
	}
	if err := b.open(g); err != nil {
		return err
	}
	if merge && b.table.Len() == 0 {
		b.table.reserve(len(keys.keys))
	}
	b.groups = b.table.insert(keys, in, b.groups[:0])
	if err := b.aggregate(b.groups, in, merge); err != nil {
		return err
	}
	b.account(g)
	return nil
}

func (b *bucket) aggregate(groups []int32, in *Keyed, merge bool) error {
	if merge {
		return b.agg.Merge(groups, in)
	}
	return b.agg.Fold(groups, in)
}

// mergeTable adds some groups of another table, whose states are in.Values, or where sibling has them; k is scratch.
func (b *bucket) mergeTable(g *Groups, k *keyBatch, from *Table, sibling siblingAggregate, which []int32, in *Keyed) error {
	if sibling == nil && len(from.originals) == 0 {
		k.loadGroups(from, which)
		return b.fold(g, in, k, true)
	}
	if err := b.intoTable(g); err != nil {
		return err
	}
	if err := b.open(g); err != nil {
		return err
	}
	if b.table.Len() == 0 {
		b.table.reserve(len(which))
	}
	b.groups = b.table.merge(k, from, which, in, b.groups[:0])
	if sibling != nil {
		b.agg.(siblingAggregate).mergeSibling(b.groups, sibling, which)
	} else if err := b.agg.Merge(b.groups, in); err != nil {
		return err
	}
	b.account(g)
	return nil
}

// spill writes out all groups and forgets them. Where records must stay in order, those that follow are written
// after them. Unless it is the last time, it is enough if half of the bytes go because records are folded that waited.
func (b *bucket) spill(g *Groups, last bool) error {
	before := b.bytes.Load()
	if err := b.foldWaiting(g); err != nil {
		return err
	}
	if b.len() == 0 {
		b.close(g)
		return nil
	}
	if !last && b.bytes.Load() <= before/2 {
		return nil
	}
	if err := g.divisible(b); err != nil {
		return err
	}
	w := newGroupWriter(g.scratch, frameStates)
	if err := w.appendGroups(b, nil); err != nil {
		return err
	}
	frames, err := w.finish()
	if err != nil {
		return err
	}
	b.frames = append(b.frames, frames...)
	if g.Ordered {
		b.log = newGroupWriter(g.scratch, frameRecords)
	}
	b.close(g)
	return nil
}

// divisible reports, as an error, that spilling the bucket does not help: it will not fit when it is read back.
func (g *Groups) divisible(b *bucket) error {
	bytes := b.bytes.Load()
	switch {
	case g.scratch.Store == nil:
		return &LimitError{What: "state", Bytes: g.used.Load(), Share: g.scratch.Share, Hint: "give the job more memory with --mem"}
	case b.len() > 1 && g.Depth < maxDepth || bytes <= g.scratch.Share:
		return nil
	}
	return &LimitError{
		What: "state of key", Key: keyText(b.appendKey(nil, 0)), Bytes: bytes, Share: g.scratch.Share,
		Hint: "give the job more memory with --mem, or keep less for a key",
	}
}

// finishLog writes out the records that were not written yet.
func (b *bucket) finishLog() error {
	if b.log == nil {
		return nil
	}
	frames, err := b.log.finish()
	b.frames, b.log = append(b.frames, frames...), nil
	return err
}

// logKind goes over from records to states in the log, or back.
func (b *bucket) logKind(g *Groups, kind frameKind) error {
	if b.log.kind == kind {
		return nil
	}
	if err := b.finishLog(); err != nil {
		return err
	}
	b.log = newGroupWriter(g.scratch, kind)
	return nil
}

func errFrame(kind chunk.Kind) error { return fmt.Errorf("%w: keys are %s", chunk.ErrCorrupt, kind) }
