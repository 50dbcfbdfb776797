package operator

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"go.starlark.net/starlark"
)

// checkUsed compares what a sorter counts with what there is.
func checkUsed(t fataler, s *Sorter, runs ...*SortRun) {
	t.Helper()
	want := int64(0)
	for _, seg := range s.segments {
		if seg.order != nil {
			want += 8 * int64(len(seg.order))
		}
		for _, p := range seg.parts {
			want += p.size()
		}
	}
	for _, r := range runs {
		for _, p := range slices.Concat(r.parts, r.idle) {
			want += p.size()
		}
	}
	if got := s.used.Load(); got != want {
		t.Fatal(fmt.Sprintf("%d bytes are counted, there are %d", got, want))
	}
}

// rowsOf is n records that are pairs, or lines, with their keys.
func rowsOf(lo, n int, lines bool) (keys, records chunk.Column, ords []chunk.Ordinal) {
	for i := lo; i < lo+n; i++ {
		keys.AppendString(fmt.Sprintf("%08d", i*7919%100_003))
		text := fmt.Sprintf("record %d", i)
		if lines {
			records.AppendString(text)
		} else {
			records.Append(starlark.Tuple{starlark.String(text), starlark.MakeInt(i)})
		}
		ords = append(ords, at(i))
	}
	return keys, records, ords
}

// TestASegmentIsSortedInTheMemoryOfTheLast adds several segments: the memory of the first does for all parts that follow,
// and what was given to the sorter stays what it is.
func TestASegmentIsSortedInTheMemoryOfTheLast(t *testing.T) {
	for _, kind := range []string{"pairs", "lines", "texts"} {
		s := NewSorter(SorterConfig{Memory: memory(leastReused)})
		s.scratch.Share = 4 << 20
		r := s.NewRun()
		const unit = 3000
		seen, rows := map[*sortPart]bool{}, 0
		for ; len(s.segments) < 4; rows += unit {
			keys, records, ords := rowsOf(rows, unit, kind == "lines")
			var err error
			if kind == "texts" {
				_, err = r.AddTexts(keys.Strings)
			} else {
				err = r.Add(&keys, &records, ords)
			}
			if err != nil {
				t.Fatal(err)
			}
			checkUsed(t, s, r)
			for _, p := range slices.Concat(r.parts, r.idle) {
				if len(s.segments) > 1 && !seen[p] {
					t.Fatalf("%s: a part of segment %d has memory of its own", kind, len(s.segments))
				}
				seen[p] = true
			}
		}
		if err := r.Flush(); err != nil {
			t.Fatal(err)
		}
		checkUsed(t, s, r)
		var got, want []string
		err := s.Emit(t.Context(), func(records *chunk.Column, _ []chunk.Ordinal) error {
			if kind == "pairs" {
				records = &records.Fields[0]
			}
			got = append(got, records.Strings...)
			return nil
		})
		keys, records, _ := rowsOf(0, rows, true)
		order := make([]int, rows)
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(x, y int) int { return strings.Compare(keys.Strings[x], keys.Strings[y]) })
		for _, i := range order {
			if kind == "texts" {
				want = append(want, keys.Strings[i])
			} else {
				want = append(want, records.Strings[i])
			}
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: not sorted, %v", kind, err)
		}
	}
}

// TestASortTakesTheMemoryOfItsRecords sorts records that fit into a segment: not much is allocated that is not held.
func TestASortTakesTheMemoryOfItsRecords(t *testing.T) {
	s := NewSorter(SorterConfig{Memory: memory(1 << 30)})
	r := s.NewRun()
	const unit, units = 2000, 20
	var before, after runtime.MemStats
	allocated := uint64(0)
	for n := range units {
		keys, records, ords := rowsOf(n*unit, unit, false)
		runtime.ReadMemStats(&before)
		if err := r.Add(&keys, &records, ords); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		allocated += after.TotalAlloc - before.TotalAlloc
	}
	if held := uint64(s.used.Load()); allocated > held+3*held/4 {
		t.Errorf("%d bytes are allocated for %d", allocated, held)
	}
}

func TestASorterWithoutOrdinalsGivesRecordsAlone(t *testing.T) {
	for _, share := range []int64{1 << 10, 1 << 30} {
		s := NewSorter(SorterConfig{NoOrdinals: true, Limit: 250, Memory: memory(0)})
		s.scratch.Share = share
		r := s.NewRun()
		for n := range 4 {
			keys, records, ords := rowsOf(n*100, 100, false)
			if err := r.Add(&keys, &records, ords); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Flush(); err != nil {
			t.Fatal(err)
		}
		rows := 0
		err := s.Emit(t.Context(), func(records *chunk.Column, ords []chunk.Ordinal) error {
			rows += records.N
			if ords != nil {
				t.Errorf("there are %d ordinals", len(ords))
			}
			return nil
		})
		if err != nil || rows != 250 {
			t.Errorf("%d records, %v", rows, err)
		}
	}
}
