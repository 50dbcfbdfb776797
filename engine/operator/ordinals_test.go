package operator

import (
	"slices"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"go.starlark.net/starlark"
	"pgregory.net/rapid"
)

// batchSpan is more than the positions between the first record and the last of any batch that drawBatch gives.
const batchSpan = 1 << 16

// drawBases gives the numbers of batches that have no position in common, in any order: no two records of a job have
// the same ordinal.
func drawBases(t *rapid.T) []uint64 {
	return rapid.SliceOfNDistinct(rapid.Uint64Range(0, 1<<34), 1, 4, rapid.ID).Draw(t, "batches")
}

// drawBatch gives the ordinals of n records, at most 400, of the batch with the number.
func drawBatch(t *rapid.T, number uint64, n int) *chunk.Batch {
	b := &chunk.Batch{Base: number * batchSpan}
	if rapid.Bool().Draw(t, "relative") {
		at := uint32(0)
		siblings := rapid.SampledFrom([]int{1, 3, 200}).Draw(t, "siblings")
		for range n {
			if rapid.IntRange(1, siblings).Draw(t, "next") == 1 {
				at += rapid.Uint32Range(0, 50).Draw(t, "step")
			}
			b.Relative = append(b.Relative, at)
		}
	}
	if rapid.Bool().Draw(t, "lanes") {
		for range n {
			b.Lanes = append(b.Lanes, rapid.Uint32Range(0, 5).Draw(t, "lane"))
		}
	}
	return b
}

func TestOrdinalsOfABatch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 300).Draw(t, "n")
		b := drawBatch(t, drawBases(t)[0], n)
		in := Keyed{Batch: b}
		for i, want := range b.FirstOrdinals(nil, n) {
			if got := in.Ordinal(i); got != want {
				t.Fatalf("ordinal %d is %v, want %v", i, got, want)
			}
		}
	})
}

// TestABatchIsAsGoodAsOrdinals gives the same records both ways.
func TestABatchIsAsGoodAsOrdinals(t *testing.T) {
	for _, name := range []string{"count", "sum", "max", "first", "collect"} {
		rapid.Check(t, func(t *rapid.T) {
			a, b := NewGroups(config(name, 1<<30)), NewGroups(config(name, 1<<30))
			p, q := a.NewPartial(), b.NewPartial()
			if rapid.Bool().Draw(t, "direct") && !a.Ordered {
				q.direct = 1 << 30
			}
			keys := keysLike(t)
			for _, number := range drawBases(t) {
				n := rapid.SampledFrom([]int{1, 20, 400}).Draw(t, "n")
				batch := drawBatch(t, number, n)
				var in Keyed
				in.Batch = batch
				for i := range n {
					in.Keys.Append(keys.Draw(t, "key"))
					in.Values.Append(starlark.MakeInt(i))
				}
				with := in
				with.Batch, with.Ordinals = nil, batch.FirstOrdinals(nil, n)
				for _, err := range []error{p.Add(&with), q.Add(&in), p.Flush(), q.Flush()} {
					if err != nil {
						t.Fatal(err)
					}
				}
			}
			x, y := emit(t, a), emit(t, b)
			if x != y {
				t.Fatalf("%s: got\n%s\nwant\n%s", name, y, x)
			}
		})
	}
}

func TestOrdinalSort(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 500).Draw(t, "n")
		lanes := rapid.SampledFrom([]uint32{0, 63, 1<<32 - 1}).Draw(t, "lanes")
		positions := rapid.SampledFrom([]uint64{0, 1000, 1 << 41, 1<<64 - 1}).Draw(t, "positions")
		siblings := rapid.SampledFrom([]uint32{0, 9, 1<<32 - 1}).Draw(t, "siblings")
		ords := make([]chunk.Ordinal, n)
		for i := range ords {
			ords[i] = chunk.Ordinal{
				Lane:     rapid.Uint32Range(0, lanes).Draw(t, "lane"),
				Position: rapid.Uint64Range(0, positions).Draw(t, "position"),
				Sibling:  rapid.Uint32Range(0, siblings).Draw(t, "sibling"),
			}
		}
		sorted := slices.SortedFunc(slices.Values(ords), chunk.Ordinal.Compare)
		if order := inOrder(ords); order != nil {
			ords = gather(nil, ords, order)
		}
		if !slices.Equal(ords, sorted) {
			t.Fatalf("got %v, want %v", ords, sorted)
		}
	})
}
