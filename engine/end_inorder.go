package engine

import (
	"context"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/kernel"
	"github.com/flowsh/flowsh/engine/value"
)

// inOrderEnd takes records through an operator that must see them one after another.
type inOrderEnd struct {
	stage *stageRun
	ctx   context.Context
	op    sequential
}

// A sequential operator turns the records of a unit, in order, into a batch. It returns errStopped beside the
// last batch when it wants no more, and an error beside what came of the records before the one that failed.
type sequential interface {
	next(out *kernel.Output) (*chunk.Batch, error)
	// flush is what is left at the end, piece by piece; an empty one, or nil, is the last.
	flush() (*chunk.Batch, error)
}

func (e *inOrderEnd) work(_ int, u *unit) error {
	u.keep = true
	return nil
}

func (e *inOrderEnd) deliver(u *unit) error {
	b, stop := e.op.next(u.out)
	if b != nil {
		if err := e.stage.emit(e.ctx, b); err != nil {
			return err
		}
	}
	return stop
}

func (e *inOrderEnd) finish(ctx context.Context) error {
	for {
		b, err := e.op.flush()
		if err != nil || b == nil || b.N == 0 {
			return err
		}
		if err := e.stage.emit(ctx, b); err != nil {
			return err
		}
	}
}

func (e *inOrderEnd) close() {}

// newSequential makes the operator for an op of the end InOrder.
func newSequential(s *stageRun, op *Op) (sequential, error) {
	switch op.Kind {
	case OpWithIndex:
		return &indexer{stage: s}, nil
	case OpTake:
		return &taker{stage: s, op: op, left: op.N, keyed: len(s.chain.Columns) > 0, n: op.N, seen: newTally(s, "take holds a number for each key in memory: use fewer keys, or raise --mem")}, nil
	case OpBatch, OpMapBatch, OpThrough:
		return &batcher{stage: s, op: op, size: op.Size, laned: s.Laned, weighed: op.Funcs["weight"] != ""}, nil
	}
	return newStepper(s, op)
}

// indexer pairs each record with its number, from 0.
type indexer struct {
	stage *stageRun
	n     int64
}

func (x *indexer) next(out *kernel.Output) (*chunk.Batch, error) {
	if out.N == 0 {
		return nil, nil
	}
	n, err := x.stage.passAll(out.N)
	numbers := chunk.Column{}
	for range n {
		numbers.AppendInt(x.n)
		x.n++
	}
	b := &chunk.Batch{Column: chunk.Column{Kind: chunk.Tuple, N: n, Fields: []chunk.Column{numbers, out.Slice(0, n)}}}
	if len(out.Lanes) > 0 {
		b.Lanes = out.Lanes[:n]
	}
	return b, err
}

func (x *indexer) flush() (*chunk.Batch, error) { return nil, nil }

// taker lets the first n records pass, or the first n of each key.
type taker struct {
	stage *stageRun
	op    *Op
	left  int64 // without keys
	keyed bool
	n     int64
	seen  *tally
	key   []byte
}

func (t *taker) next(out *kernel.Output) (*chunk.Batch, error) {
	if t.keyed {
		return t.byKey(out)
	}
	if t.left == 0 {
		return nil, errStopped
	}
	n, err := t.stage.passAll(int(min(t.left, int64(out.N))))
	t.left -= int64(n)
	b := &chunk.Batch{Column: out.Column.Slice(0, n)}
	if len(out.Lanes) > 0 {
		b.Lanes = out.Lanes[:n]
	}
	if err != nil {
		return b, err
	}
	if t.left == 0 {
		return b, errStopped
	}
	return b, nil
}

func (t *taker) byKey(out *kernel.Output) (*chunk.Batch, error) {
	b := new(chunk.Batch)
	for i := range out.N {
		err := t.stage.reached(i, b.N)
		if err != nil {
			return b, err
		}
		if t.key, _, err = value.AppendKey(t.key[:0], out.Columns[0].At(i)); err != nil {
			return b, t.stage.complain(t.op, out, i, err.Error())
		}
		before, err := t.seen.next(t.key)
		if err != nil {
			return b, err
		}
		if before >= t.n {
			continue
		}
		b.AppendFrom(&out.Column, i)
		if len(out.Lanes) > 0 {
			b.Lanes = append(b.Lanes, out.Lanes[i])
		}
	}
	return b, nil
}

func (t *taker) flush() (*chunk.Batch, error) { return nil, nil }
