package spill

import (
	"errors"
	"strings"
	"testing"
)

func TestTieredFillsMemoryFirst(t *testing.T) {
	var over Store
	calls := 0
	s := NewTiered(cost("a", 10)+cost("b", 10), func() (Store, error) {
		calls++
		over = NewMem()
		return over, nil
	})
	defer s.Close()
	put(t, s, "a", "aaaaaaaaaa")
	put(t, s, "b", "bbbbbbbbbb")
	if calls != 0 {
		t.Fatal("the overflow was opened while there was room")
	}
	put(t, s, "c", "c")
	put(t, s, "d", "d")
	if calls != 1 || over.Bytes() != 2 {
		t.Fatalf("the overflow was opened %d times and holds %d bytes", calls, over.Bytes())
	}
	wantBytes(t, s, 22)

	check(t, s.Delete("a"))
	put(t, s, "c", "C") // moves into memory
	if over.Bytes() != 1 {
		t.Errorf("the overflow holds %d bytes, want 1", over.Bytes())
	}
	wantGet(t, s, "c", "C")
	put(t, s, "c", strings.Repeat("c", 20)) // and out again
	if over.Bytes() != 21 {
		t.Errorf("the overflow holds %d bytes, want 21", over.Bytes())
	}
	wantGet(t, s, "c", strings.Repeat("c", 20))
	wantBytes(t, s, 31)
}

func TestTieredCountsMemory(t *testing.T) {
	s := NewTiered(1000, func() (Store, error) { return NewMem(), nil }).(*tiered)
	defer s.Close()
	want := cost("a", 100) + cost("bb", 0)
	put(t, s, "a", strings.Repeat("x", 50))
	put(t, s, "a", strings.Repeat("x", 100))
	put(t, s, "bb", "")
	put(t, s, "large", strings.Repeat("x", 2000))
	if s.memory.held != want {
		t.Errorf("%d bytes are held, want %d", s.memory.held, want)
	}
	for _, id := range []string{"a", "bb", "large"} {
		check(t, s.Delete(id))
	}
	if s.memory.held != 0 {
		t.Errorf("%d bytes are held after all is deleted", s.memory.held)
	}
}

func TestTieredOverflowDoesNotOpen(t *testing.T) {
	broken := errors.New("no disk")
	calls := 0
	s := NewTiered(0, func() (Store, error) {
		if calls++; calls == 1 {
			return nil, broken
		}
		return NewMem(), nil
	})
	defer s.Close()
	if err := s.Put("a", nil); !errors.Is(err, broken) {
		t.Errorf("Put = %v, want the overflow's error", err)
	}
	put(t, s, "a", "again")
	wantGet(t, s, "a", "again")
}
