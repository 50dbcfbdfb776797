package engine

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/operator"
)

// sortEnd brings records into another order: that of a key, of a hash, or of their lanes.
type sortEnd struct {
	stage  *stageRun
	op     *Op
	sorter *operator.Sorter
	runs   []*sortWorker
	keys   orderKeys
	// Of the records that came out.
	emitted int64
	settled bool // they are all
}

// sortWorker is one worker's part of a sort.
type sortWorker struct {
	run      *operator.SortRun
	keys     chunk.Column
	ordinals []chunk.Ordinal
	arena    keyArena
	rows     []int32 // that may come out, of a sort of which only the first records do
}

func newSortEnd(s *stageRun, op *Op) *sortEnd {
	e := &sortEnd{stage: s, op: op, keys: newOrderKeys(op)}
	limit := int64(0)
	if s.First != nil {
		limit = max(*s.First, 1) // 0 would be all
	}
	e.sorter = operator.NewSorter(operator.SorterConfig{
		Reverse: op.Reverse, Limit: limit, Memory: s.memory("sort"),
		NoOrdinals: op.Kind != OpPartition && op.Kind != OpSample,
	})
	for range s.run.cores {
		e.runs = append(e.runs, &sortWorker{run: e.sorter.NewRun()})
	}
	return e
}

func (e *sortEnd) work(n int, u *unit) error {
	w := e.runs[n]
	keys := &u.out.Column
	if len(u.out.Columns) > 0 {
		keys = &u.out.Columns[0]
	}
	byKey := e.op.Kind == OpSort || e.op.Kind == OpTakeSort
	if byKey && e.sorter.Limit > 0 && comparesEarly(keys) {
		return e.addFirst(w, keys, u)
	}
	if e.op.Kind == OpSort && e.sorter.Limit == 0 && len(u.out.Columns) == 0 && keys.Kind == chunk.String {
		if ok, err := w.run.AddTexts(keys.Strings); ok || err != nil {
			u.ready = classesOf(keys, u)
			return err
		}
	}
	w.ordinals = u.out.Ordinals(w.ordinals[:0])
	w.keys.Reset()
	switch {
	case byKey:
		if err := e.keys.encode(keys, u, &w.keys, &w.arena); err != nil {
			return err
		}
	case e.op.Kind == OpShuffle, e.op.Kind == OpSample:
		w.arena.begin(len(w.ordinals))
		for _, o := range w.ordinals {
			w.arena.bytes = binary.BigEndian.AppendUint64(w.arena.bytes, o.Hash(e.op.Seed))
			w.arena.end()
		}
		w.arena.views(&w.keys)
	}
	return w.run.Add(&w.keys, &u.out.Column, w.ordinals)
}

// adopt prepares a chunk of the run that a task of another place has sorted.
func (e *sortEnd) adopt(u *unit, p *piece) error {
	if len(p.chunks) != 1 {
		return errPiece
	}
	u.ready = &sortedChunk{run: u.task, note: *p.head.Sorted, data: p.chunks[0]}
	return nil
}

// A sortedChunk is a part of a sorted run.
type sortedChunk struct {
	run  int
	note operator.SortNote
	data []byte
}

func (e *sortEnd) deliver(u *unit) error {
	if c, ok := u.ready.(*sortedChunk); ok {
		return e.sorter.LoadRun(c.run, c.note, c.data)
	}
	return e.keys.check(u)
}

// flush hands to the sorter what the workers hold.
func (e *sortEnd) flush() error {
	for _, w := range e.runs {
		if err := w.run.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// relay sorts, for another run, and gives the records as chunks of a sorted run.
func (e *sortEnd) relay(ctx context.Context, put func(note operator.SortNote, data []byte) error) error {
	if err := e.flush(); err != nil {
		return err
	}
	return e.sorter.Sorted(ctx, put)
}

// balance tests that no record was lost on its way through the sort.
func (e *sortEnd) balance(came int64) error {
	want := came
	if e.stage.First != nil {
		want = min(came, *e.stage.First)
	}
	if e.settled && e.emitted != want {
		return &LedgerError{Law: fmt.Sprintf("%s: %d records came, %d came out instead of %d", e.stage.run.opName(e.op.ID), came, e.emitted, want)}
	}
	return nil
}

func (e *sortEnd) finish(ctx context.Context) error {
	if err := e.flush(); err != nil {
		return err
	}
	err := e.emit(ctx)
	e.settled = err == nil
	return err
}

func (e *sortEnd) emit(ctx context.Context) error {
	switch {
	case e.stage.First != nil && *e.stage.First == 0:
		return nil
	case e.op.Kind == OpSample:
		return e.inInputOrder(ctx)
	}
	return e.sorter.Emit(ctx, func(records *chunk.Column, ordinals []chunk.Ordinal) error {
		e.emitted += int64(records.N)
		b := &chunk.Batch{Column: *records}
		if e.op.Kind == OpPartition {
			for _, o := range ordinals {
				b.Lanes = append(b.Lanes, o.Lane)
			}
		}
		return e.stage.emit(ctx, b)
	})
}

// inInputOrder emits a sample, which is in the order of its hashes, in that of the input.
func (e *sortEnd) inInputOrder(ctx context.Context) error {
	type row struct {
		ordinal chunk.Ordinal
		column  *chunk.Column
		index   int
	}
	var rows []row
	err := e.sorter.Emit(ctx, func(records *chunk.Column, ordinals []chunk.Ordinal) error {
		c := *records
		e.emitted += int64(len(ordinals))
		for i, o := range ordinals {
			rows = append(rows, row{o, &c, i})
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(rows, func(a, b row) int { return cmp.Or(a.ordinal.Compare(b.ordinal)) })
	b := new(chunk.Batch)
	for _, r := range rows {
		b.AppendFrom(r.column, r.index)
	}
	return e.stage.emit(ctx, b)
}

func (e *sortEnd) close() {}
