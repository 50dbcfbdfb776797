package engine

import (
	"context"
	"errors"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/kernel"
	"github.com/flowsh/flowsh/engine/operator"
	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
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
	// flush is what is left at the end.
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
	b, err := e.op.flush()
	if err != nil || b == nil {
		return err
	}
	return e.stage.emit(ctx, b)
}

func (e *inOrderEnd) close() {}

// newSequential makes the operator for an op of the end InOrder.
func newSequential(s *stageRun, op *Op) (sequential, error) {
	switch op.Kind {
	case OpWithIndex:
		return &indexer{}, nil
	case OpTake:
		return &taker{stage: s, op: op, left: op.N, keyed: len(s.chain.Columns) > 0, n: op.N, seen: map[string]int64{}}, nil
	case OpBatch, OpMapBatch:
		return &batcher{size: int(op.Size), laned: s.Laned}, nil
	}
	return newScanner(s, op)
}

// indexer pairs each record with its number, from 0.
type indexer struct{ n int64 }

func (x *indexer) next(out *kernel.Output) (*chunk.Batch, error) {
	if out.N == 0 {
		return nil, nil
	}
	numbers := chunk.Column{}
	for range out.N {
		numbers.AppendInt(x.n)
		x.n++
	}
	return &chunk.Batch{
		Column: chunk.Column{Kind: chunk.Tuple, N: out.N, Fields: []chunk.Column{numbers, out.Column}},
		Lanes:  out.Lanes,
	}, nil
}

func (x *indexer) flush() (*chunk.Batch, error) { return nil, nil }

// taker lets the first n records pass, or the first n of each key.
type taker struct {
	stage *stageRun
	op    *Op
	left  int64 // without keys
	keyed bool
	n     int64
	seen  map[string]int64 // by canonical key
	key   []byte
}

func (t *taker) next(out *kernel.Output) (*chunk.Batch, error) {
	if t.keyed {
		return t.byKey(out)
	}
	if t.left == 0 {
		return nil, errStopped
	}
	n := min(t.left, int64(out.N))
	t.left -= n
	b := &chunk.Batch{Column: out.Column.Slice(0, int(n))}
	if len(out.Lanes) > 0 {
		b.Lanes = out.Lanes[:n]
	}
	if t.left == 0 {
		return b, errStopped
	}
	return b, nil
}

func (t *taker) byKey(out *kernel.Output) (*chunk.Batch, error) {
	b := new(chunk.Batch)
	for i := range out.N {
		var err error
		if t.key, _, err = value.AppendKey(t.key[:0], out.Columns[0].At(i)); err != nil {
			return b, t.stage.complain(t.op, out, i, err.Error())
		}
		if t.seen[string(t.key)] == t.n {
			continue
		}
		t.seen[string(t.key)]++
		b.AppendFrom(&out.Column, i)
		if len(out.Lanes) > 0 {
			b.Lanes = append(b.Lanes, out.Lanes[i])
		}
	}
	return b, nil
}

func (t *taker) flush() (*chunk.Batch, error) { return nil, nil }

// batcher makes lists of size records each; the last one may be shorter. A list never spans two lanes.
type batcher struct {
	size  int
	laned bool
	list  []starlark.Value
	lane  uint32
}

func (t *batcher) next(out *kernel.Output) (*chunk.Batch, error) {
	b := new(chunk.Batch)
	for i := range out.N {
		if t.laned && out.Lanes[i] != t.lane {
			t.cut(b)
			t.lane = out.Lanes[i]
		}
		t.list = append(t.list, out.At(i))
		if len(t.list) == t.size {
			t.cut(b)
		}
	}
	return b, nil
}

func (t *batcher) cut(b *chunk.Batch) {
	if len(t.list) == 0 {
		return
	}
	list := starlark.NewList(t.list)
	list.Freeze()
	b.Append(list)
	if t.laned {
		b.Lanes = append(b.Lanes, t.lane)
	}
	t.list = nil
}

func (t *batcher) flush() (*chunk.Batch, error) {
	b := new(chunk.Batch)
	t.cut(b)
	return b, nil
}

// scanner folds records into a state, per key, per lane or one for all, and emits what the function returns
// beside the next state: (list, state).
type scanner struct {
	stage  *stageRun
	op     *Op
	folder *kernel.Folder
	states map[string]starlark.Value // by canonical key
	order  []string                  // keys in order of first occurrence
	flushs bool
	key    []byte
	bytes  int64
	lane   uint32 // of the last record, if the flow has lanes; they come one after another
}

func newScanner(s *stageRun, op *Op) (sequential, error) {
	r, err := s.reducer(op)
	if err != nil {
		return nil, err
	}
	r.Prints = func(text string) { s.run.host.Send(Printed{Text: text}) }
	return &scanner{
		stage: s, op: op, folder: kernel.NewFolder(r, s.run.env),
		states: map[string]starlark.Value{}, flushs: r.Flush != nil,
	}, nil
}

func (s *scanner) next(out *kernel.Output) (*chunk.Batch, error) {
	b := new(chunk.Batch)
	ordinals := out.Ordinals(nil)
	for i := range out.N {
		if err := s.enter(b, out, i); err != nil {
			return b, err
		}
		state, err := s.state(out, i)
		if err != nil {
			return b, err
		}
		s.folder.At(ordinals[i])
		result, err := s.folder.Fold(state, &out.Column, i)
		if err != nil {
			if err = s.failed(out, i, err); err != nil {
				return b, err
			}
			continue
		}
		next, err := s.emit(b, result, out, i)
		if err != nil {
			return b, err
		}
		s.states[string(s.key)] = next
	}
	return b, nil
}

// enter ends the lane before the record's, if every lane has a state of its own.
func (s *scanner) enter(b *chunk.Batch, out *kernel.Output, i int) error {
	if !s.stage.Laned || len(out.Columns) > 0 || out.Lanes[i] == s.lane {
		return nil
	}
	if err := s.flushInto(b); err != nil {
		return err
	}
	for len(b.Lanes) < b.N {
		b.Lanes = append(b.Lanes, s.lane)
	}
	clear(s.states)
	s.order, s.bytes, s.lane = s.order[:0], 0, out.Lanes[i]
	return nil
}

// failed makes a dead letter of the record if the job asks for it; the state stays what it was before, unless
// the function changed it in place.
func (s *scanner) failed(out *kernel.Output, i int, err error) error {
	var e *kernel.ScriptError
	if s.stage.rules(s.op.ID) == nil || !errors.As(err, &e) || errors.Is(err, kernel.ErrLimit) {
		return s.stage.locate(err, out, i)
	}
	source, offset := "", int64(-1)
	if o := out.Origin; o != nil {
		source, offset = o.File, o.Base+int64(out.RelativeAt(i))
	}
	s.stage.run.seen(s.op.ID, 1)
	return s.stage.run.letter(s.op.ID, out.At(i), source, offset, reason(e), e.Backtrace)
}

func (s *scanner) state(out *kernel.Output, i int) (starlark.Value, error) {
	s.key = s.key[:0]
	var err error
	switch {
	case len(out.Columns) > 0:
		s.key, _, err = value.AppendKey(s.key, out.Columns[0].At(i))
	case len(out.Lanes) > 0:
		s.key = value.AppendKeyInt(s.key, int64(out.Lanes[i]))
	}
	if err != nil {
		return nil, s.stage.complain(s.op, out, i, err.Error())
	}
	if state, ok := s.states[string(s.key)]; ok {
		return state, nil
	}
	state, err := s.folder.Initial()
	if err != nil {
		return nil, err
	}
	s.order = append(s.order, string(s.key))
	s.states[string(s.key)] = state
	s.bytes += int64(len(s.key)) + value.Size(state) + 64
	if share := s.stage.run.share; s.bytes > share {
		return nil, &operator.LimitError{
			What: s.stage.name, Bytes: s.bytes, Share: share,
			Hint: "scan holds one state per key in memory: use fewer keys, or raise --mem",
		}
	}
	return state, nil
}

// emit takes apart what the function returned.
func (s *scanner) emit(b *chunk.Batch, result starlark.Value, out *kernel.Output, i int) (starlark.Value, error) {
	pair, ok := result.(starlark.Tuple)
	if !ok || len(pair) != 2 {
		return nil, s.stage.complain(s.op, out, i, "scan must return (list of records, next state), not "+value.Cut(result, 60))
	}
	if err := spreadInto(b, pair[0]); err != nil {
		return nil, s.stage.complain(s.op, out, i, "scan must return (list of records, next state): "+err.Error())
	}
	for len(out.Lanes) > 0 && len(b.Lanes) < b.N {
		b.Lanes = append(b.Lanes, out.Lanes[i])
	}
	return pair[1], nil
}

func (s *scanner) flush() (*chunk.Batch, error) {
	b := new(chunk.Batch)
	if err := s.flushInto(b); err != nil {
		return nil, err
	}
	for s.stage.Laned && len(b.Lanes) < b.N {
		b.Lanes = append(b.Lanes, s.lane)
	}
	return b, nil
}

// flushInto appends what is left of the states, in the order of the keys.
func (s *scanner) flushInto(b *chunk.Batch) error {
	if !s.flushs {
		return nil
	}
	for _, key := range s.order {
		v, err := s.folder.Flush(s.states[key])
		if err != nil {
			return err
		}
		if err := spreadInto(b, v); err != nil {
			return s.stage.complain(s.op, nil, 0, "flush must return a list of records: "+err.Error())
		}
	}
	return nil
}
