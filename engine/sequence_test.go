package engine

import (
	"context"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

func TestSequenceDeliversInOrder(t *testing.T) {
	const units = 500
	s := newSequence(8, math.MaxInt64)
	var issue sync.Mutex
	var next int64
	var got []int64
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for {
				issue.Lock()
				n := next
				if n == units || !s.admit(n) {
					issue.Unlock()
					return
				}
				next++
				issue.Unlock()
				for range rand.IntN(100) {
					_ = rand.IntN(2)
				}
				if err := s.done(&unit{number: n}, func(u *unit) error {
					got = append(got, u.number)
					return nil
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	workers.Wait()
	if len(got) != units || !slices.IsSorted(got) {
		t.Errorf("%d units delivered, in order: %v", len(got), slices.IsSorted(got))
	}
}

func TestSequenceStopsAtTheFirstError(t *testing.T) {
	s := newSequence(4, math.MaxInt64)
	broken := errors.New("broken")
	var got []int64
	deliver := func(u *unit) error {
		if u.number == 1 {
			return broken
		}
		got = append(got, u.number)
		return nil
	}
	if err := s.done(&unit{number: 2}, deliver); err != nil {
		t.Error(err)
	}
	if err := s.done(&unit{number: 1}, deliver); err != nil {
		t.Error(err)
	}
	if err := s.done(&unit{number: 0}, deliver); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if !slices.Equal(got, []int64{0}) {
		t.Errorf("delivered %v", got)
	}
	if s.admit(3) {
		t.Error("a unit was admitted after the error")
	}
}

func TestSequenceWindow(t *testing.T) {
	s := newSequence(2, math.MaxInt64)
	if !s.admit(0) || !s.admit(1) {
		t.Fatal("the window is closed")
	}
	admitted := make(chan bool)
	go func() { admitted <- s.admit(2) }()
	select {
	case <-admitted:
		t.Fatal("admitted over the window")
	default:
	}
	if err := s.done(&unit{number: 0}, func(*unit) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if !<-admitted {
		t.Error("not admitted after a delivery")
	}
}

// TestSequenceCountsInputUntilItIsDelivered has the end of a stage wait with a unit.
func TestSequenceCountsInputUntilItIsDelivered(t *testing.T) {
	s := newSequence(8, 10)
	first := &unit{number: 0, piece: make([]byte, 6)}
	s.hold(first)
	err := s.done(first, func(*unit) error {
		if s.mu.Lock(); s.held != 6 {
			t.Errorf("%d bytes are held while 6 are delivered", s.held)
		}
		s.mu.Unlock()
		return nil
	})
	if err != nil || s.held != 0 {
		t.Errorf("%d bytes are held at the end, %v", s.held, err)
	}
}

func TestSequenceLimitsInput(t *testing.T) {
	s := newSequence(8, 10)
	first := &unit{number: 0, piece: make([]byte, 11)}
	if !s.admit(0) {
		t.Fatal("the first unit is not admitted, however large")
	}
	s.hold(first)
	admitted := make(chan bool)
	go func() { admitted <- s.admit(1) }()
	select {
	case <-admitted:
		t.Fatal("admitted over the limit")
	default:
	}
	if err := s.done(first, func(*unit) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if !<-admitted {
		t.Error("not admitted after a delivery")
	}
}

// numbered is a feed of so many units, and then an error.
type numbered struct {
	left int
	err  error
}

func (f *numbered) next(context.Context, *unit) error {
	if f.left == 0 {
		return f.err
	}
	f.left--
	return nil
}

func (f *numbered) close() error { return nil }

// TestTakeSeveralUnits takes no more at once than may start beside what is under way, and none behind the end of the input.
func TestTakeSeveralUnits(t *testing.T) {
	broken := errors.New("broken")
	for _, tt := range []struct {
		window, units int
		err           error
		most          int
		want          []int // how many each of two takes gives
	}{
		{window: 8, units: 10, err: io.EOF, most: 4, want: []int{4, 4}},
		{window: 8, units: 10, err: io.EOF, most: 1, want: []int{1, 1}},
		{window: 4, units: 10, err: io.EOF, most: 3, want: []int{3, 1}},
		{window: 8, units: 2, err: io.EOF, most: 4, want: []int{2, 0}},
		{window: 8, units: 2, err: broken, most: 4, want: []int{3, 0}},
	} {
		s := &stageRun{seq: newSequence(tt.window, math.MaxInt64), feed: &numbered{left: tt.units, err: tt.err}}
		number := int64(0)
		for i, want := range tt.want {
			units := s.take(t.Context(), nil, tt.most)
			if len(units) != want {
				t.Errorf("%+v: take %d gives %d units", tt, i, len(units))
			}
			for k, u := range units {
				if u.number != number || (u.err != nil) != (tt.err == broken && k == len(units)-1) {
					t.Errorf("%+v: unit %d has number %d and error %v", tt, k, u.number, u.err)
				}
				number++
			}
		}
	}
}
