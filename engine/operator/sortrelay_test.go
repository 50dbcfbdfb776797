package operator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
	"pgregory.net/rapid"
)

// A relayed chunk is one of a sorted run on its way from one place to another.
type relayed struct {
	note SortNote
	data []byte
}

// relay gives the run of a place.
func relay(t fataler, s *Sorter) (run []relayed) {
	t.Helper()
	err := s.Sorted(context.Background(), func(note SortNote, data []byte) error {
		run = append(run, relayed{note, slices.Clone(data)})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// addTexts adds records that are texts; what cannot stand in keys alone is added with keys.
func addTexts(t fataler, r *SortRun, all []sortable) {
	t.Helper()
	for _, s := range all {
		if ok, err := r.AddTexts([]string{s.key}); err != nil {
			t.Fatal(err)
		} else if !ok {
			s.key = string(value.AppendOrderString(nil, s.key))
			addSortables(t, r, []sortable{s}, false)
		}
	}
}

// TestSortOfSeveralPlaces sorts records in one to five places and merges their runs in another, whatever the memory of each:
// that is what one place gives.
func TestSortOfSeveralPlaces(t *testing.T) {
	keys := rapid.OneOf(rapid.StringN(0, 3, 30), rapid.Just(""), rapid.Map(rapid.IntRange(200, 400), func(n int) string { return strings.Repeat("k", n) }))
	values := rapid.OneOf(
		rapid.Map(rapid.StringN(0, 20, 40), func(s string) starlark.Value { return starlark.String(s) }),
		rapid.Map(rapid.Int64(), func(i int64) starlark.Value { return starlark.Tuple{starlark.MakeInt64(i), starlark.String("x")} }),
		rapid.Just[starlark.Value](starlark.NewList([]starlark.Value{starlark.None})),
	)
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.IntRange(0, 2).Draw(t, "texts") == 0
		all := sortables(keys, values).Draw(t, "records")
		if texts {
			for i := range all {
				text := rapid.SampledFrom([]string{"a", "b", "\x00", "b\x00", "\xff", strings.Repeat("long", 80)}).Draw(t, "text")
				all[i].key, all[i].record = text, starlark.String(text)
			}
		}
		c := SorterConfig{Reverse: rapid.Bool().Draw(t, "reverse"), Memory: memory(0)}
		unkeyed := !texts && rapid.IntRange(0, 4).Draw(t, "unkeyed") == 0
		if !texts {
			c.Limit = rapid.SampledFrom([]int64{0, 0, 1, 7, 600}).Draw(t, "limit")
		}
		shares := rapid.SampledFrom([]int64{1 << 10, 20 << 10, 1 << 30})
		head := NewSorter(c)
		head.scratch.Share = shares.Draw(t, "share of the head")
		rest := all
		for place := range rapid.IntRange(1, 5).Draw(t, "places") {
			n := rapid.IntRange(0, len(rest)).Draw(t, "cut")
			if place == 4 {
				n = len(rest)
			}
			c.Memory = memory(0)
			s := NewSorter(c)
			s.scratch.Share = shares.Draw(t, "share")
			r := s.NewRun()
			if texts {
				addTexts(t, r, rest[:n])
			} else {
				addSortables(t, r, rest[:n], unkeyed)
			}
			if err := r.Flush(); err != nil {
				t.Fatal(err)
			}
			for _, part := range relay(t, s) {
				if err := head.LoadRun(place, part.note, part.data); err != nil {
					t.Fatal(err)
				}
			}
			if n := s.scratch.Store.Bytes() + s.used.Load(); n != 0 {
				t.Fatalf("%d bytes left in place %d", n, place)
			}
			rest = rest[n:]
		}
		all = all[:len(all)-len(rest)]
		got, want := sorted(t, head), wantSorted(all, c.Reverse, unkeyed, c.Limit)
		if texts { // which of equal texts it is does not show
			got, want = withoutPositions(got), withoutPositions(want)
		}
		if got != want {
			t.Fatalf("got\n%s\nwant\n%s", got, want)
		}
		if n := head.scratch.Store.Bytes(); n != 0 {
			t.Fatalf("%d bytes left in the store of the head", n)
		}
	})
}

func withoutPositions(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		_, lines[i], _ = strings.Cut(line, " ")
	}
	return strings.Join(lines, "\n")
}

// TestTextsTravelOnce sorts texts that are their own keys: a chunk has them once.
func TestTextsTravelOnce(t *testing.T) {
	s := NewSorter(SorterConfig{Memory: memory(1 << 20)})
	r := s.NewRun()
	size := 0
	for i := range 1000 {
		text := fmt.Sprintf("%d is a text, %d", i*i*7919%10007, i*i*i)
		size += len(text)
		if _, err := r.AddTexts([]string{text}); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Flush(); err != nil {
		t.Fatal(err)
	}
	sent := 0
	for _, part := range relay(t, s) {
		sent += len(part.data)
		if !part.note.Texts || part.note.Rows == 0 {
			t.Errorf("a chunk says %+v", part.note)
		}
	}
	if sent > size+size/2 {
		t.Errorf("%d bytes travel for texts of %d", sent, size)
	}
}

// TestRunsThatLie loads chunks that are not what their notes say: each is found corrupt.
func TestRunsThatLie(t *testing.T) {
	place := func(texts bool) relayed {
		s := NewSorter(SorterConfig{Memory: memory(1 << 20)})
		r := s.NewRun()
		all := []sortable{{"a", starlark.String("a"), at(3)}, {"b", starlark.String("b"), at(1)}}
		if texts {
			addTexts(t, r, all)
		} else {
			addSortables(t, r, all, false)
		}
		if err := r.Flush(); err != nil {
			t.Fatal(err)
		}
		return relay(t, s)[0]
	}
	for name, lie := range map[string]func(c *relayed){
		"no rows":                   func(c *relayed) { c.note.Rows = 0 },
		"fewer rows":                func(c *relayed) { c.note.Rows-- },
		"more rows":                 func(c *relayed) { c.note.Rows++ },
		"another key":               func(c *relayed) { c.note.Key = []byte("A") },
		"a long key":                func(c *relayed) { c.note.Key = make([]byte, mostNoted+1) },
		"another ordinal":           func(c *relayed) { c.note.First = at(2) },
		"records that are texts":    func(c *relayed) { c.note.Texts = true },
		"texts that are records":    func(c *relayed) { *c = place(true); c.note.Texts = false },
		"texts whose keys are none": func(c *relayed) { *c = place(true); c.data = badTexts(t) },
		"no chunk":                  func(c *relayed) { c.data = c.data[:len(c.data)/2] },
		"nothing":                   func(c *relayed) { c.data = nil },
	} {
		c := place(false)
		lie(&c)
		s := NewSorter(SorterConfig{Memory: memory(1 << 20)})
		err := s.LoadRun(1, c.note, c.data)
		if err == nil {
			err = s.Emit(t.Context(), func(*chunk.Column, []chunk.Ordinal) error { return nil })
		}
		if !errors.Is(err, chunk.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// badTexts is a chunk of two keys that are not those of texts.
func badTexts(t *testing.T) []byte {
	t.Helper()
	var keys, none chunk.Column
	keys.AppendString("a")
	keys.AppendString("b")
	data, err := chunk.AppendFrame(nil, chunk.ID{}, []*chunk.Column{&keys, &none}, nil, chunk.None)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
