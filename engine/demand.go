package engine

import (
	"context"

	"github.com/flowsh/flowsh/engine/chunk"
)

// A Demand bounds what a stage has in flight: it takes at most Max - Min records at a time, and has at most Max of them
// between its input and its output. It never decides what comes out.
type Demand struct {
	Max int64 `json:"max"`
	Min int64 `json:"min"` // less than Max
}

// unit is how many records a stage takes at a time.
func (d *Demand) unit() int64 { return d.Max - d.Min }

// demandOf is the least demand that an op of a stage asks for, nil if none does.
func demandOf(g *Graph, s *Stage) (least *Demand) {
	ops := append([]int{s.Source, s.Op}, s.Chain...)
	for _, op := range ops {
		if op < 0 || g.Ops[op].Kind == OpWrite {
			continue
		}
		if d := g.Ops[op].Demand; d != nil && (least == nil || d.Max < least.Max) {
			least = d
		}
	}
	return least
}

// window is how many units a stage may have in flight on so many cores.
func (d *Demand) window(cores int) int {
	usual := 2 * cores
	if d == nil {
		return usual
	}
	return int(max(1, min(int64(usual), d.Max/d.unit())))
}

// A demandFeed cuts the batches of another feed into units.
type demandFeed struct {
	feed
	unit int
	rest *chunk.Batch
}

func (f *demandFeed) next(ctx context.Context, u *unit) error {
	if f.rest == nil {
		if err := f.feed.next(ctx, u); err != nil {
			return err
		}
		f.rest = u.batch
	}
	u.batch, f.rest = divide(f.rest, f.unit)
	return nil
}

// divide cuts a batch of records with positions of their own; rest is nil if there is none.
func divide(b *chunk.Batch, n int) (first, rest *chunk.Batch) {
	if b.N <= n {
		return b, nil
	}
	first = &chunk.Batch{Column: b.Slice(0, n), Base: b.Base}
	rest = &chunk.Batch{Column: b.Slice(n, b.N), Base: b.Base + uint64(n)}
	if len(b.Lanes) > 0 {
		first.Lanes, rest.Lanes = b.Lanes[:n:n], b.Lanes[n:]
	}
	return first, rest
}
