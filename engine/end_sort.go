package engine

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/kernel"
	"github.com/flowsh/flowsh/engine/operator"
	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
)

// sortEnd brings records into another order: that of a key, of a hash, or of their lanes.
type sortEnd struct {
	stage  *stageRun
	op     *Op
	sorter *operator.Sorter
	runs   []*sortWorker
	nulls  value.Nulls
	class  value.Class // of the keys so far; "": none yet
}

// sortWorker is one worker's part of a sort.
type sortWorker struct {
	run      *operator.SortRun
	keys     chunk.Column
	ordinals []chunk.Ordinal
	scratch  []byte
}

// keyClasses is what a unit's keys compare with: the classes in order of occurrence, each beside its first
// record, up to the first that does not compare with those before it.
type keyClasses struct {
	seen   []classSeen
	joined value.Class
	broken bool
}

type classSeen struct {
	class  value.Class
	record string
}

func (c *keyClasses) see(class value.Class, key starlark.Value) {
	if c.broken {
		return
	}
	joined, ok := class, true
	if len(c.seen) > 0 {
		if joined, ok = value.JoinClass(c.joined, class); ok && joined == c.joined {
			return
		}
	}
	c.seen = append(c.seen, classSeen{class: class, record: value.Cut(key, 1024)})
	c.joined, c.broken = joined, !ok
}

func newSortEnd(s *stageRun, op *Op) *sortEnd {
	e := &sortEnd{stage: s, op: op, nulls: nullsOf(op.Nulls)}
	limit := op.N
	if op.Kind != OpTakeSort && op.Kind != OpSample {
		limit = 0
	}
	e.sorter = operator.NewSorter(operator.SorterConfig{Reverse: op.Reverse, Limit: limit, Memory: s.memory("sort")})
	for range s.run.cores {
		e.runs = append(e.runs, &sortWorker{run: e.sorter.NewRun()})
	}
	return e
}

func nullsOf(name string) value.Nulls {
	switch name {
	case "first":
		return value.NullsFirst
	case "last":
		return value.NullsLast
	}
	return value.NullsError
}

func (e *sortEnd) work(n int, u *unit) error {
	w := e.runs[n]
	w.ordinals = u.out.Ordinals(w.ordinals[:0])
	w.keys.Reset()
	switch e.op.Kind {
	case OpSort, OpTakeSort:
		keys := &u.out.Column
		if len(u.out.Columns) > 0 {
			keys = &u.out.Columns[0]
		}
		classes, err := w.encode(e, keys, u)
		if err != nil {
			return err
		}
		u.ready = classes
	case OpShuffle, OpSample:
		for _, o := range w.ordinals {
			w.keys.AppendString(string(binary.BigEndian.AppendUint64(nil, o.Hash(e.op.Seed))))
		}
	}
	return w.run.Add(&w.keys, &u.out.Column, w.ordinals)
}

// encode fills the worker's column with order-preserving keys.
func (w *sortWorker) encode(e *sortEnd, keys *chunk.Column, u *unit) (*keyClasses, error) {
	var arena []byte
	ends := make([]int, keys.N)
	classes := &keyClasses{}
	for i := range keys.N {
		var err error
		switch keys.Kind {
		case chunk.String:
			arena = value.AppendOrderString(arena, keys.Strings[i])
		case chunk.Int:
			arena = value.AppendOrderInt(arena, keys.Ints[i])
		default:
			arena, err = value.AppendOrder(arena, keys.At(i), e.nulls)
		}
		if err != nil {
			return nil, e.failure(u, i, err)
		}
		ends[i] = len(arena)
		if i == 0 || keys.Kind == chunk.Any || keys.Kind == chunk.Tuple {
			key := keys.At(i)
			classes.see(value.ClassOf(key), key)
		}
	}
	text, lo := string(arena), 0
	for _, hi := range ends {
		w.keys.AppendString(text[lo:hi])
		lo = hi
	}
	return classes, nil
}

func (e *sortEnd) failure(u *unit, i int, err error) error {
	s := &kernel.ScriptError{Op: e.op.ID, Name: string(e.op.Kind), Message: err.Error(), Position: e.op.At, Err: err}
	s.Record = value.Cut(u.out.At(i), 1024)
	if o := u.out.Origin; o != nil {
		s.Origin = &chunk.Origin{File: o.File, Base: o.Base + int64(u.out.RelativeAt(i))}
	}
	return s
}

// deliver compares the classes of the unit's keys with those before: the first record that does not compare is
// the error, whatever the units.
func (e *sortEnd) deliver(u *unit) error {
	classes, ok := u.ready.(*keyClasses)
	if !ok {
		return nil
	}
	for _, c := range classes.seen {
		if e.class == "" {
			e.class = c.class
			continue
		}
		joined, ok := value.JoinClass(e.class, c.class)
		if !ok {
			return &kernel.ScriptError{
				Op: e.op.ID, Name: string(e.op.Kind), Position: e.op.At, Record: c.record,
				Message: fmt.Sprintf("keys do not compare: those before are %s, this one is %s", e.class, c.class),
			}
		}
		e.class = joined
	}
	return nil
}

func (e *sortEnd) finish(ctx context.Context) error {
	for _, w := range e.runs {
		if err := w.run.Flush(); err != nil {
			return err
		}
	}
	if e.op.Kind == OpSample {
		return e.inInputOrder(ctx)
	}
	return e.sorter.Emit(ctx, func(records *chunk.Column, ordinals []chunk.Ordinal) error {
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
