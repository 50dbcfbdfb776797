package operator

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
)

func TestInTurnKeepsTheOrder(t *testing.T) {
	for _, goroutines := range []int{1, 3} {
		for _, n := range []int{0, 1, 2, 100} {
			var got []int
			err := inTurn(t.Context(), goroutines, n, func(i int) int { return i * i }, func(x int) error {
				got = append(got, x)
				return nil
			})
			var want []int
			for i := range n {
				want = append(want, i*i)
			}
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%d on %d goroutines: got %v, %v", n, goroutines, got, err)
			}
		}
	}
}

func TestInTurnStops(t *testing.T) {
	boom := errors.New("boom")
	var worked atomic.Int64
	work := func(i int) int { worked.Add(1); return i }
	err := inTurn(t.Context(), 2, 1000, work, func(i int) error {
		if i == 3 {
			return boom
		}
		return nil
	})
	if !errors.Is(err, boom) || worked.Load() > 20 {
		t.Errorf("got %v after %d", err, worked.Load())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := inTurn(ctx, 2, 1000, work, func(int) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestConcurrently(t *testing.T) {
	var sum atomic.Int64
	concurrently(3, 100, func(i int) { sum.Add(int64(i)) })
	if sum.Load() != 4950 {
		t.Errorf("got %d", sum.Load())
	}
}
