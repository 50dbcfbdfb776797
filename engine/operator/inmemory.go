package operator

import (
	"context"
	"slices"
	"sync"

	"github.com/flowsh/flowsh/engine/chunk"
)

// An inMemory is all groups of Groups that nothing was spilled of, divided into stretches: parts of the order in
// which the groups come out, each of some of the groups of every bucket. Stretches can be worked on by themselves.
type inMemory struct {
	g       *Groups
	spares  sync.Pool // of *spareAggregate
	buckets []*bucket // that have groups
	orders  [][]int32 // of each, its groups in order; nil: as they are numbered
	// cuts has for each bucket where each stretch begins in its order, and at last how many groups there are.
	cuts [][]int32
}

// inMemory divides the groups.
func (g *Groups) inMemory() *inMemory {
	m := &inMemory{g: g}
	m.spares.New = func() any { return &spareAggregate{of: g} }
	total, bytes := 0, int64(0)
	for i := range g.buckets {
		if b := &g.buckets[i]; b.len() > 0 {
			m.buckets = append(m.buckets, b)
			total += b.len()
			bytes += b.bytes.Load()
		}
	}
	m.orders, m.cuts = make([][]int32, len(m.buckets)), make([][]int32, len(m.buckets))
	if total == 0 {
		return m
	}
	// Stretches are not all equal: a smaller one on average keeps most within a run.
	rows := min(emitRows-emitRows/8, max(1, g.bytesOfRun()*int64(total)/max(1, bytes)))
	m.each(func(i int) { m.buckets[i].enterLanes(g.Lane) })
	m.each(func(i int) { m.orders[i] = m.buckets[i].inOrder() })
	bounds := m.bounds(int(rows), total)
	m.each(func(i int) { m.cuts[i] = m.cut(i, bounds) })
	return m
}

// each calls work for every bucket.
func (m *inMemory) each(work func(i int)) { concurrently(m.g.cores(), len(m.buckets), work) }

// close gives the memory of the groups back.
func (m *inMemory) close() {
	for _, b := range m.buckets {
		b.close(m.g)
	}
}

// group is the group of bucket i that comes out at a place.
func (m *inMemory) group(i int, place int32) int32 {
	if order := m.orders[i]; order != nil {
		return order[place]
	}
	return place
}

func (m *inMemory) first(i int, place int32) chunk.Ordinal {
	return m.buckets[i].first(m.group(i, place))
}

// bounds gives the ordinals at which stretches of about so many groups end. The hash makes each bucket a sample of
// all groups, so the order of the largest one tells.
func (m *inMemory) bounds(rows, total int) (bounds []chunk.Ordinal) {
	largest := 0
	for i, b := range m.buckets {
		if b.len() > m.buckets[largest].len() {
			largest = i
		}
	}
	n := m.buckets[largest].len()
	stretches := (total + rows - 1) / rows
	for s := 1; s < stretches && stretches <= n; s++ {
		bounds = append(bounds, m.first(largest, int32(s*n/stretches)))
	}
	return bounds
}

// cut finds where the stretches begin in the order of a bucket.
func (m *inMemory) cut(i int, bounds []chunk.Ordinal) []int32 {
	n := int32(m.buckets[i].len())
	cuts := make([]int32, 1, len(bounds)+2)
	at := int32(0)
	for _, bound := range bounds {
		at = gallop(at, n, func(place int32) bool { return m.first(i, place).Compare(bound) < 0 })
		cuts = append(cuts, at)
	}
	return append(cuts, n)
}

// stretches is how many there are.
func (m *inMemory) stretches() (n int) {
	for _, cuts := range m.cuts {
		n = max(n, len(cuts)-1)
	}
	return n
}

// span gives the places of the groups of bucket i in a stretch.
func (m *inMemory) span(i, stretch int) (lo, hi int32) {
	if cuts := m.cuts[i]; stretch+1 < len(cuts) {
		return cuts[stretch], cuts[stretch+1]
	}
	return 0, 0
}

// plain reports whether the results are.
func (m *inMemory) plain() bool {
	return !slices.ContainsFunc(m.buckets, func(b *bucket) bool {
		if b.isInPlace() {
			return false
		}
		a, ok := b.agg.(plainAggregate)
		return !ok || !a.plain() || len(b.table.originals) > 0
	})
}

// eachGroup visits all groups in order.
func (m *inMemory) eachGroup(ctx context.Context, visit func(b *bucket, group int32) error) error {
	return inTurn(ctx, m.g.cores(), m.stretches(), m.gather, func(s *stretch) error {
		defer stretches.Put(s)
		for at := range s.groups {
			if s.order != nil {
				at = int(s.order[at])
			}
			if err := visit(m.buckets[s.owners[at]], s.groups[at]); err != nil {
				return err
			}
		}
		return nil
	})
}

// emitPlain gives out all groups. Other goroutines make the runs.
func (m *inMemory) emitPlain(ctx context.Context, out func(*Keyed) error) error {
	return inTurn(ctx, m.g.cores(), m.stretches(), m.results, func(runs []*Keyed) error {
		for _, run := range runs {
			if err := out(run); err != nil {
				return err
			}
		}
		return nil
	})
}
