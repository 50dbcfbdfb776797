package operator

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/spill"
	"go.starlark.net/starlark"
	"pgregory.net/rapid"
)

type sortable struct {
	key    string
	record starlark.Value
	ord    chunk.Ordinal
}

func sortables(keys *rapid.Generator[string], records *rapid.Generator[starlark.Value]) *rapid.Generator[[]sortable] {
	return rapid.Custom(func(t *rapid.T) []sortable {
		all := make([]sortable, rapid.SampledFrom([]int{0, 1, 3, 300, 900}).Draw(t, "n"))
		for i := range all {
			all[i] = sortable{keys.Draw(t, "key"), records.Draw(t, "record"), at(i)}
		}
		return all
	})
}

func addSortables(t fataler, r *SortRun, all []sortable, unkeyed bool) {
	t.Helper()
	var keys, records chunk.Column
	var ords []chunk.Ordinal
	for _, s := range all {
		if !unkeyed {
			keys.AppendString(s.key)
		}
		records.Append(s.record)
		ords = append(ords, s.ord)
	}
	if err := r.Add(&keys, &records, ords); err != nil {
		t.Fatal(err)
	}
}

func sorted(t fataler, s *Sorter) string {
	t.Helper()
	var b strings.Builder
	err := s.Emit(t.Context(), func(records *chunk.Column, ords []chunk.Ordinal) error {
		for i, o := range ords {
			fmt.Fprintf(&b, "%d %s\n", o.Position, records.At(i))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func wantSorted(all []sortable, reverse, unkeyed bool, limit int64) string {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(x, y sortable) int {
		c := cmp.Compare(x.key, y.key)
		switch {
		case unkeyed:
			return 0
		case reverse:
			return -c
		}
		return c
	})
	if limit > 0 {
		all = all[:min(limit, int64(len(all)))]
	}
	var b strings.Builder
	for _, s := range all {
		fmt.Fprintf(&b, "%d %s\n", s.ord.Position, s.record)
	}
	return b.String()
}

func TestSorterSortsHoweverItSpills(t *testing.T) {
	keys := rapid.OneOf(
		rapid.StringN(0, 3, 30),
		rapid.Map(rapid.IntRange(0, 30), func(i int) string { return strings.Repeat("same prefix ", i%3) + fmt.Sprint(i) }),
		rapid.Just(""),
	)
	values := rapid.OneOf(
		rapid.Map(rapid.StringN(0, 20, 40), func(s string) starlark.Value { return starlark.String(s) }),
		rapid.Map(rapid.Int64(), func(i int64) starlark.Value { return starlark.Tuple{starlark.MakeInt64(i), starlark.String("x")} }),
		rapid.Just[starlark.Value](starlark.NewList([]starlark.Value{starlark.None})),
	)
	rapid.Check(t, func(t *rapid.T) {
		all := sortables(keys, values).Draw(t, "records")
		reverse, unkeyed := rapid.Bool().Draw(t, "reverse"), rapid.IntRange(0, 4).Draw(t, "unkeyed") == 0
		limit := rapid.SampledFrom([]int64{0, 0, 1, 7, 600}).Draw(t, "limit")
		s := NewSorter(SorterConfig{Reverse: reverse, Limit: limit, Memory: memory(0)})
		s.scratch.Share = rapid.SampledFrom([]int64{1 << 10, 20 << 10, 1 << 30}).Draw(t, "share")
		s.reuses = rapid.Bool().Draw(t, "reuses")
		runs := []*SortRun{s.NewRun(), s.NewRun(), s.NewRun()}
		rest := all
		for len(rest) > 0 {
			n := rapid.IntRange(1, len(rest)).Draw(t, "cut")
			addSortables(t, runs[rapid.IntRange(0, 2).Draw(t, "run")], rest[:n], unkeyed)
			checkUsed(t, s, runs...)
			rest = rest[n:]
		}
		for _, r := range runs {
			if err := r.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		got, expected := sorted(t, s), wantSorted(all, reverse, unkeyed, limit)
		if got != expected {
			t.Fatalf("got\n%s\nwant\n%s", got, expected)
		}
		if n := s.scratch.Store.Bytes(); n != 0 {
			t.Fatalf("%d bytes left in the store", n)
		}
		if n := s.used.Load(); n != 0 {
			t.Fatalf("%d bytes counted at the end", n)
		}
	})
}

func TestSorterMergesManyRunsInPasses(t *testing.T) {
	s := NewSorter(SorterConfig{Memory: memory(0)})
	s.scratch.Share = 1 // every Flush spills
	var all []sortable
	for i := range 2*mostRuns + 10 {
		all = append(all, sortable{fmt.Sprint(i * 7919 % 1000), starlark.MakeInt(i), at(i)})
		r := s.NewRun()
		addSortables(t, r, all[i:], false)
		if err := r.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.runs) != len(all) {
		t.Fatalf("%d runs, want each segment to be one", len(s.runs))
	}
	if got, expected := sorted(t, s), wantSorted(all, false, false, 0); got != expected {
		t.Errorf("got\n%s\nwant\n%s", got, expected)
	}
	if n := s.scratch.Store.Bytes(); n != 0 {
		t.Errorf("%d bytes left in the store", n)
	}
}

// TestSorterOfLongRows merges runs of rows of which a few take the whole share. With short keys one row is in memory at a
// time; long ones are merged a few at a time.
func TestSorterOfLongRows(t *testing.T) {
	const rows = 30
	for _, long := range []bool{false, true} {
		store := &readStore{Store: spill.NewMem()}
		s := NewSorter(SorterConfig{Memory: Memory{Store: store, ID: "test"}})
		for i := range rows {
			key, record := fmt.Sprintf("%02d", i*7%rows), strings.Repeat("x", 20<<10)
			if long {
				key, record = key+record, key
			}
			r := s.NewRun()
			s.scratch.Share = 1 // every Flush spills
			addSortables(t, r, []sortable{{key, starlark.String(fmt.Sprintf("%02d", i*7%rows) + record), at(i)}}, false)
			if err := r.Flush(); err != nil {
				t.Fatal(err)
			}
			s.scratch.Share = leastShare
		}
		if n := s.fitting(); len(s.runs) != rows || (n < rows) != long || n > 3 && long {
			t.Errorf("long keys %t: %d of %d runs are merged at once", long, n, len(s.runs))
		}
		seen := 0
		err := s.Emit(t.Context(), func(records *chunk.Column, _ []chunk.Ordinal) error {
			for i := range records.N {
				if got := records.Strings[i][:2]; got != fmt.Sprintf("%02d", seen+i) {
					t.Errorf("record %d is %s", seen+i, got)
				}
			}
			if seen += records.N; !long && store.read > seen+1 {
				t.Errorf("%d frames were read for %d records", store.read, seen)
			}
			return nil
		})
		if err != nil || seen != rows {
			t.Errorf("%d rows, %v", seen, err)
		}
	}
}

func TestSorterWithALimitHoldsLittle(t *testing.T) {
	s := NewSorter(SorterConfig{Limit: 10, Memory: memory(1 << 30)})
	r := s.NewRun()
	for i := range 100 {
		var keys, records chunk.Column
		var ords []chunk.Ordinal
		for k := range 1000 {
			keys.AppendString(fmt.Sprintf("%08d", (i*1000+k)*7919%100003))
			records.AppendString(strings.Repeat("x", 100))
			ords = append(ords, at(i*1000+k))
		}
		if err := r.Add(&keys, &records, ords); err != nil {
			t.Fatal(err)
		}
		if r.bytes > 2<<20 {
			t.Fatalf("holds %d bytes for 10 records", r.bytes)
		}
	}
}

func TestSorterRefusesOtherKeys(t *testing.T) {
	s := NewSorter(SorterConfig{Memory: memory(0)})
	var keys chunk.Column
	keys.AppendInt(1)
	if err := s.NewRun().Add(&keys, &keys, []chunk.Ordinal{{}}); !errors.Is(err, errSortKeys) {
		t.Errorf("got %v", err)
	}
}
