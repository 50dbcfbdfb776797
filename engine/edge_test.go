package engine

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/spill"
)

func numbers(lo, hi int64) *chunk.Batch {
	b := new(chunk.Batch)
	for i := lo; i < hi; i++ {
		b.AppendInt(i)
	}
	return b
}

func TestEdgeHandsOnInOrder(t *testing.T) {
	ctx := context.Background()
	for name, e := range map[string]*edge{
		"bounded":   newEdge(3, nil),
		"unbounded": newEdge(0, &overflow{store: spill.NewMem(), name: "e", limit: 64}),
	} {
		go func() {
			for i := range int64(100) {
				if err := e.push(ctx, numbers(i, i+1)); err != nil {
					t.Error(err)
				}
			}
			e.close(nil)
		}()
		for i := range int64(100) {
			b, _, err := e.next(ctx)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if b.Ints[0] != i {
				t.Fatalf("%s: got %d, want %d", name, b.Ints[0], i)
			}
		}
		if _, _, err := e.next(ctx); err != io.EOF {
			t.Errorf("%s: at the end %v", name, err)
		}
		if accepted, consumed, unread := e.balance(); accepted != 100 || consumed != 100 || unread != 0 {
			t.Errorf("%s: balance %d %d %d", name, accepted, consumed, unread)
		}
	}
}

func TestUnboundedEdgeNeverWaitsAndFreesTheStore(t *testing.T) {
	store := spill.NewMem()
	e := newEdge(0, &overflow{store: store, name: "e", limit: 64})
	for i := range int64(1000) {
		if err := e.push(context.Background(), numbers(i, i+1)); err != nil {
			t.Fatal(err)
		}
	}
	if store.Bytes() == 0 {
		t.Error("nothing went to the store")
	}
	for range 1000 {
		if _, _, err := e.next(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if store.Bytes() != 0 {
		t.Errorf("%d bytes are left in the store", store.Bytes())
	}
}

func TestStoppedEdgeRefuses(t *testing.T) {
	e := newEdge(1, nil)
	if err := e.push(context.Background(), numbers(0, 2)); err != nil {
		t.Fatal(err)
	}
	waiting := make(chan error)
	go func() { waiting <- e.push(context.Background(), numbers(2, 3)) }()
	e.stop()
	if err := <-waiting; !errors.Is(err, errStopped) {
		t.Errorf("got %v", err)
	}
	if accepted, consumed, unread := e.balance(); accepted != 2 || consumed != 0 || unread != 2 {
		t.Errorf("balance %d %d %d", accepted, consumed, unread)
	}
}

func TestEdgePassesOnTheError(t *testing.T) {
	e := newEdge(1, nil)
	broken := errors.New("broken")
	e.close(broken)
	if _, _, err := e.next(context.Background()); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

func TestCancelledEdge(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	why := errors.New("why")
	e := newEdge(1, nil)
	waiting := make(chan error)
	go func() {
		_, _, err := e.next(ctx)
		waiting <- err
	}()
	cancel(why)
	if err := <-waiting; !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
}

func TestStoppedEdgeTellsOnce(t *testing.T) {
	told := 0
	e := newEdge(1, nil)
	e.whenStopped(func() { told++ })
	e.stop()
	e.stop()
	if told != 1 {
		t.Errorf("told %d times", told)
	}
	e.whenStopped(func() { told++ })
	if told != 2 {
		t.Error("not told of an edge that had stopped before")
	}
}

// TestBoundedEdgeLimitsBytes pushes batches of 8 bytes over an edge on which no more are to wait.
func TestBoundedEdgeLimitsBytes(t *testing.T) {
	e := newEdge(100, nil)
	e.limit = 8
	go func() {
		for i := range int64(50) {
			if err := e.push(context.Background(), numbers(i, i+1)); err != nil {
				t.Error(err)
			}
		}
		e.close(nil)
	}()
	for {
		e.mu.Lock()
		if len(e.queue) > 1 || e.bytes != 8*int64(len(e.queue)) {
			t.Errorf("%d batches of %d bytes wait", len(e.queue), e.bytes)
		}
		e.mu.Unlock()
		_, _, err := e.next(context.Background())
		if err == io.EOF {
			return
		}
		if err != nil || e.taken != 8 {
			t.Fatal(e.taken, err)
		}
	}
}
