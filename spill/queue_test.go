package spill

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

func wantPop(t *testing.T, q *Queue, want string) {
	t.Helper()
	got, err := q.Pop(t.Context())
	if err != nil || string(got) != want {
		t.Errorf("Pop() = %q, %v; want %q", got, err, want)
	}
}

func wantEnd(t *testing.T, q *Queue) {
	t.Helper()
	if got, err := q.Pop(t.Context()); err != io.EOF {
		t.Errorf("Pop() = %q, %v; want io.EOF", got, err)
	}
}

func TestQueue(t *testing.T) {
	s := NewMem()
	defer s.Close()
	q, other := NewQueue(s, "edge 1"), NewQueue(s, "edge 10")
	check(t, other.Push([]byte("other")))
	for _, data := range []string{"one", "", "three"} {
		check(t, q.Push([]byte(data)))
	}
	if q.Len() != 3 {
		t.Errorf("Len() = %d, want 3", q.Len())
	}
	wantPop(t, q, "one")
	wantPop(t, q, "")
	check(t, q.Push([]byte("four")))
	q.Close()
	q.Close()
	if err := q.Push([]byte("late")); !errors.Is(err, ErrClosed) {
		t.Errorf("Push after Close = %v, want ErrClosed", err)
	}
	wantPop(t, q, "three")
	wantPop(t, q, "four")
	wantEnd(t, q)
	wantEnd(t, q)
	wantBytes(t, s, 5)
	wantPop(t, other, "other")
}

func TestQueueDiscard(t *testing.T) {
	s := NewMem()
	defer s.Close()
	q := NewQueue(s, "q")
	check(t, q.Push([]byte("one")))
	check(t, q.Push([]byte("two")))
	wantPop(t, q, "one")
	check(t, q.Discard())
	check(t, q.Push([]byte("three")))
	wantBytes(t, s, 0)
	wantEnd(t, q)
	q.Close()
}

func TestQueuePopWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewMem()
		defer s.Close()
		q := NewQueue(s, "q")
		got := make(chan string)
		go func() {
			for {
				data, err := q.Pop(t.Context())
				if err != nil {
					got <- err.Error()
					return
				}
				got <- string(data)
			}
		}()
		synctest.Wait()
		check(t, q.Push([]byte("one")))
		if data := <-got; data != "one" {
			t.Errorf("Pop() = %q", data)
		}
		synctest.Wait()
		q.Close()
		if data := <-got; data != "EOF" {
			t.Errorf("Pop() = %q", data)
		}
	})
}

func TestQueuePopIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewMem()
		defer s.Close()
		q := NewQueue(s, "q")
		reason := errors.New("job stopped")
		ctx, cancel := context.WithCancelCause(t.Context())
		got := make(chan error)
		go func() {
			_, err := q.Pop(ctx)
			got <- err
		}()
		synctest.Wait()
		cancel(reason)
		if err := <-got; err != reason {
			t.Errorf("Pop() = %v, want the cause", err)
		}
		check(t, q.Push([]byte("one")))
		wantPop(t, q, "one")
	})
}

func TestQueueBetweenGoroutines(t *testing.T) {
	s := NewTiered(2000, func() (Store, error) { return NewMem(), nil })
	defer s.Close()
	q := NewQueue(s, "q")
	const n = 500
	var all sync.WaitGroup
	all.Go(func() {
		defer q.Close()
		for i := range n {
			if err := q.Push([]byte(fmt.Sprint(i))); err != nil {
				t.Error(err)
			}
		}
	})
	for i := range n {
		wantPop(t, q, fmt.Sprint(i))
	}
	wantEnd(t, q)
	all.Wait()
	wantBytes(t, s, 0)
}

func TestQueueDiscardWhilePushing(t *testing.T) {
	s := NewMem()
	defer s.Close()
	q := NewQueue(s, "q")
	var all sync.WaitGroup
	all.Go(func() {
		for range 500 {
			if err := q.Push([]byte("data")); err != nil {
				t.Error(err)
			}
		}
	})
	wantPop(t, q, "data")
	check(t, q.Discard())
	all.Wait()
	wantBytes(t, s, 0)
}

func TestQueueLosesAChunk(t *testing.T) {
	s := NewMem()
	defer s.Close()
	q := NewQueue(s, "edge")
	check(t, q.Push([]byte("one")))
	check(t, s.Delete("edge/0"))
	if _, err := q.Pop(t.Context()); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "edge/0") {
		t.Errorf("Pop() = %v, want ErrNotFound with the chunk's id", err)
	}
}
