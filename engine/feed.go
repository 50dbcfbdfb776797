package engine

import (
	"context"
	"io"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/connector"
)

// A feed is where a stage's input comes from. It is used by one goroutine at a time.
type feed interface {
	// next fills in the block or the batch of a unit, or returns io.EOF.
	next(ctx context.Context, u *unit) error
	close() error
}

// A sourceFeed reads the splits of a source, one after another.
type sourceFeed struct {
	source connector.Source
	splits []connector.Split
	reader connector.Reader
	first  bool // only the first block is wanted, for a dry run
	count  int
}

func (f *sourceFeed) next(ctx context.Context, u *unit) error {
	if f.first && f.count > 0 {
		return io.EOF
	}
	if f.reader == nil {
		r, err := f.source.Open(ctx, f.splits)
		if err != nil {
			return err
		}
		f.reader = r
	}
	b, err := f.reader.Next()
	if err != nil {
		return err
	}
	u.block = b
	f.count++
	return nil
}

func (f *sourceFeed) close() error {
	if f.reader == nil {
		return nil
	}
	return f.reader.Close()
}

// An edgeFeed reads other stages, one after another. It numbers their records anew: position n is the n-th.
type edgeFeed struct {
	edges []*edge
	laned bool
	base  uint64
	marks []mark // that stand behind the last batch
}

func (f *edgeFeed) next(ctx context.Context, u *unit) error {
	for len(f.edges) > 0 {
		b, marks, err := f.edges[0].next(ctx)
		f.marks = append(f.marks, marks...)
		if err == io.EOF {
			f.edges = f.edges[1:]
			continue
		}
		u.marks, f.marks = f.marks, nil
		if err != nil {
			return err
		}
		u.batch, u.held = renumbered(b, f.base, f.laned), f.edges[0].taken
		f.base += uint64(b.N)
		return nil
	}
	return io.EOF
}

// renumbered is the batch with positions from base on. Batches are shared between consumers: it is a copy.
func renumbered(b *chunk.Batch, base uint64, laned bool) *chunk.Batch {
	n := &chunk.Batch{Column: b.Column, Base: base, Whole: b.Whole}
	if laned {
		n.Lanes = b.Lanes
	}
	return n
}

func (f *edgeFeed) close() error {
	for _, e := range f.edges {
		e.stop()
	}
	return nil
}

// A keptFeed reads the result of an earlier step.
type keptFeed struct {
	kept *overflow
	n    int64
	base uint64
}

func (f *keptFeed) next(_ context.Context, u *unit) error {
	if f.n == f.kept.last {
		return io.EOF
	}
	b, err := f.kept.at(f.n)
	if err != nil {
		return err
	}
	f.n++
	u.batch = renumbered(b, f.base, false)
	f.base += uint64(b.N)
	return nil
}

func (f *keptFeed) close() error { return nil }
