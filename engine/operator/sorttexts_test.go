package operator

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
	"pgregory.net/rapid"
)

// TestTextsAreSortedHoweverTheySpill sorts texts that are their own keys, among them some that are added with keys
// because they hold a 0x00.
func TestTextsAreSortedHoweverTheySpill(t *testing.T) {
	texts := rapid.OneOf(
		rapid.StringN(0, 3, 30),
		rapid.SampledFrom([]string{"", "same", "same", "same prefix a", "same prefix b", "same prefix that is long", "\x00", "a\x00b", "\xff\xff", "\x01"}),
	)
	rapid.Check(t, func(t *rapid.T) {
		reverse := rapid.Bool().Draw(t, "reverse")
		s := NewSorter(SorterConfig{Reverse: reverse, Memory: memory(0)})
		s.scratch.Share = rapid.SampledFrom([]int64{1 << 10, 20 << 10, 1 << 30}).Draw(t, "share")
		s.reuses = rapid.Bool().Draw(t, "reuses")
		runs := []*SortRun{s.NewRun(), s.NewRun()}
		var want []string
		for range rapid.IntRange(0, 20).Draw(t, "batches") {
			batch := rapid.SliceOfN(texts, 0, 60).Draw(t, "batch")
			want = append(want, batch...)
			run := runs[rapid.IntRange(0, 1).Draw(t, "run")]
			ok, err := run.AddTexts(batch)
			if err == nil && !ok {
				var keys, records chunk.Column
				ords := make([]chunk.Ordinal, len(batch))
				for _, text := range batch {
					keys.AppendString(string(value.AppendOrderString(nil, text)))
					records.AppendString(text)
				}
				err = run.Add(&keys, &records, ords)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, r := range runs {
			if err := r.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		slices.Sort(want)
		if reverse {
			slices.Reverse(want)
		}
		var got []string
		if err := s.Emit(context.Background(), func(records *chunk.Column, _ []chunk.Ordinal) error {
			got = append(got, records.Strings...)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
		if n := s.scratch.Store.Bytes(); n != 0 {
			t.Fatalf("%d bytes left in the store", n)
		}
	})
}

// TestRangesAreSorted sorts more records than a range has, with keys that are in many of them.
func TestRangesAreSorted(t *testing.T) {
	for _, keys := range []int{3, 1 << 30} {
		for workers, limit := range map[int]int64{1: 0, 3: rangeRows + 5, mostMerged + 1: 0} {
			s := NewSorter(SorterConfig{Limit: limit, Memory: memory(1 << 30)})
			var all []sortable
			for i := range 5 * rangeRows {
				all = append(all, sortable{fmt.Sprintf("key%09d", i*7919%1000003%keys), starlark.MakeInt(i), at(i)})
			}
			runs := make([]*SortRun, workers)
			for i := range runs {
				runs[i] = s.NewRun()
			}
			for i, part := range slices.Collect(slices.Chunk(all, 10_000)) {
				addSortables(t, runs[i%len(runs)], part, false)
			}
			for _, r := range runs {
				if err := r.Flush(); err != nil {
					t.Fatal(err)
				}
			}
			if got, want := sorted(t, s), wantSorted(all, false, false, limit); got != want {
				t.Errorf("%d keys, %d workers, limit %d: not sorted", keys, workers, limit)
			}
		}
	}
}

func TestPrefixesOfTexts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all texts
		plain := rapid.SliceOfN(rapid.StringN(0, 12, 30), 1, 20).Draw(t, "texts")
		for _, text := range plain {
			all.appendRows([]string{"abc" + text}, nil)
		}
		skip := rapid.IntRange(0, 3).Draw(t, "skip")
		for i, text := range plain {
			if got, want := all.prefix(i, skip), prefixOf(("abc" + text)[skip:]); got != want {
				t.Fatalf("prefix of %q behind %d is %x, want %x", text, skip, got, want)
			}
		}
		want := len("abc" + plain[0])
		for _, text := range plain {
			want = min(want, commonBytes("abc"+plain[0], "abc"+text))
		}
		if got := all.common(); got != want {
			t.Fatalf("%q have %d bytes in common, not %d", plain, want, got)
		}
	})
}

// TestKeysThatBeginAlike sorts keys many of which are equal in their first bytes, or altogether.
func TestKeysThatBeginAlike(t *testing.T) {
	for _, reverse := range []bool{false, true} {
		rapid.Check(t, func(t *rapid.T) {
			begin := rapid.SampledFrom([]string{"", "a", "12345678", strings.Repeat("long", 30)})
			end := rapid.SampledFrom([]string{"", "\x00", "\x00\x00", "b", "\xff", "12345678"})
			var all []sortable
			for i := range rapid.IntRange(1, 1000).Draw(t, "n") {
				key := begin.Draw(t, "begin") + end.Draw(t, "middle") + begin.Draw(t, "then") + end.Draw(t, "end")
				all = append(all, sortable{key, starlark.MakeInt(i), at(i)})
			}
			s := NewSorter(SorterConfig{Reverse: reverse, Memory: memory(1 << 30)})
			r := s.NewRun()
			for part := range slices.Chunk(all, 300) {
				var keys, records chunk.Column
				var ords []chunk.Ordinal
				for _, x := range part {
					keys.AppendString(x.key)
					records.Append(x.record)
					ords = append(ords, x.ord)
				}
				if err := r.Add(&keys, &records, ords); err != nil {
					t.Fatal(err)
				}
				if err := r.Flush(); err != nil {
					t.Fatal(err)
				}
			}
			var got strings.Builder
			if err := s.Emit(context.Background(), func(records *chunk.Column, _ []chunk.Ordinal) error {
				for i := range records.N {
					fmt.Fprintln(&got, records.At(i))
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			slices.SortStableFunc(all, func(x, y sortable) int {
				if reverse {
					return strings.Compare(y.key, x.key)
				}
				return strings.Compare(x.key, y.key)
			})
			var want strings.Builder
			for _, x := range all {
				fmt.Fprintln(&want, x.record)
			}
			if got.String() != want.String() {
				t.Fatalf("reverse %t: got %s, want %s", reverse, strings.Fields(got.String()), strings.Fields(want.String()))
			}
		})
	}
}
