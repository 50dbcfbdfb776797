package engine

import (
	"context"
	"io"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
)

// batchFeed gives batches of ints of some sizes.
type batchFeed struct {
	sizes []int
	n     int64
}

func (f *batchFeed) next(_ context.Context, u *unit) error {
	if len(f.sizes) == 0 {
		return io.EOF
	}
	b := &chunk.Batch{Base: uint64(f.n)}
	for range f.sizes[0] {
		b.AppendInt(f.n)
		b.Lanes = append(b.Lanes, uint32(f.n%3))
		f.n++
	}
	f.sizes = f.sizes[1:]
	u.batch = b
	return nil
}

func (f *batchFeed) close() error { return nil }

func TestDemandCutsBatches(t *testing.T) {
	f := &demandFeed{feed: &batchFeed{sizes: []int{7, 3, 4}}, unit: 3}
	n := int64(0)
	for _, want := range []int{3, 3, 1, 3, 3, 1} {
		u := new(unit)
		if err := f.next(t.Context(), u); err != nil {
			t.Fatal(err)
		}
		if u.batch.N != want || u.batch.Base != uint64(n) || len(u.batch.Lanes) != want {
			t.Errorf("record %d: %d records from %d on, %d lanes", n, u.batch.N, u.batch.Base, len(u.batch.Lanes))
		}
		for i := range u.batch.N {
			if u.batch.Ints[i] != n || u.batch.Lanes[i] != uint32(n%3) {
				t.Errorf("record %d is %d in lane %d", n, u.batch.Ints[i], u.batch.Lanes[i])
			}
			n++
		}
	}
	if err := f.next(t.Context(), new(unit)); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}

func TestDemandWindow(t *testing.T) {
	for _, c := range []struct {
		demand *Demand
		want   int
	}{
		{nil, 16},
		{&Demand{Max: 1000, Min: 500}, 2},
		{&Demand{Max: 1, Min: 0}, 1},
		{&Demand{Max: 100, Min: 0}, 1},
		{&Demand{Max: 100, Min: 99}, 16},
		{&Demand{Max: 10, Min: 8}, 5},
	} {
		if got := c.demand.window(8); got != c.want {
			t.Errorf("%v: %d units, want %d", c.demand, got, c.want)
		}
	}
}
