package engine

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/operator"
	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
)

// leastSpilled is the size of a state from which on it is worth the while to spill it.
const leastSpilled = 256

// shrink spills states over the stage's share, those first that no record came to for the longest time. The error is a
// *operator.LimitError if that is not enough.
func (f *stepper) shrink() error {
	share := f.stage.run.share
	if f.bytes <= share {
		return nil
	}
	var idle []*running
	for _, s := range f.order {
		if s.chunk == 0 && s.touched < f.tick && s.bytes >= leastSpilled {
			idle = append(idle, s)
		}
	}
	slices.SortStableFunc(idle, func(x, y *running) int { return cmp.Compare(x.touched, y.touched) })
	for _, s := range idle {
		if f.bytes <= share/2 {
			return nil
		}
		if err := f.spill(s); err != nil {
			return err
		}
	}
	if f.bytes <= share {
		return nil
	}
	return &operator.LimitError{
		What: f.stage.name, Bytes: f.bytes, Share: share,
		Hint: fmt.Sprintf("a %s that hands on records as it goes holds its keys in memory: use fewer keys or windows, or raise --mem", f.op.Kind),
	}
}

// spill moves a state to the store. One that chunks do not hold stays.
func (f *stepper) spill(s *running) error {
	var b chunk.Batch
	b.Append(starlark.Tuple{s.state, s.trigger})
	var err error
	f.buf, err = chunk.Append(f.buf[:0], chunk.ID{Sequence: uint64(f.chunks)}, &b, chunk.Options{Compression: f.stage.run.options.Compression})
	if errors.Is(err, chunk.ErrTooLarge) || errors.As(err, new(*chunk.RecordError)) {
		return nil
	}
	if err == nil {
		err = f.stage.run.store.Put(f.chunkID(f.chunks+1), f.buf)
	}
	if err != nil {
		return err
	}
	f.chunks++
	s.chunk, s.state, s.trigger = f.chunks, nil, nil
	f.bytes -= s.bytes
	return nil
}

func (f *stepper) chunkID(n int64) string { return fmt.Sprintf("%s/%d", f.stage.memory("steps").ID, n) }

// wake brings a state back.
func (f *stepper) wake(s *running) error {
	if s.chunk == 0 {
		return nil
	}
	id := f.chunkID(s.chunk)
	data, err := f.stage.run.store.Get(id, f.buf[:0])
	if err != nil {
		return fmt.Errorf("%s: %w", id, err)
	}
	f.buf = data
	var b chunk.Batch
	if _, err := chunk.Decode(data, &b); err != nil {
		return fmt.Errorf("%s: %w", id, err)
	}
	fields, err := fieldsOf(&b.Column, 2)
	if err != nil || b.N != 1 {
		return fmt.Errorf("%s: %w", id, chunk.ErrCorrupt)
	}
	s.state, s.trigger, s.chunk = value.Copy(fields[0].At(0)), value.Copy(fields[1].At(0)), 0
	f.bytes += s.bytes
	return f.stage.run.store.Delete(id)
}
