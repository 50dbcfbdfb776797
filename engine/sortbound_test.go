package engine

import (
	"slices"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/kernel"
	"go.starlark.net/starlark"
	"pgregory.net/rapid"
)

// TestEntersLeavesOutOnlyWhatComesLater compares the keys of the rows that enters leaves out with the bound.
func TestEntersLeavesOutOnlyWhatComesLater(t *testing.T) {
	scalars := []*rapid.Generator[starlark.Value]{
		rapid.Map(rapid.OneOf(rapid.Int64Range(-2, 2), rapid.Int64()), func(i int64) starlark.Value { return starlark.MakeInt64(i) }),
		rapid.Map(rapid.OneOf(rapid.Float64Range(-2, 2), rapid.Float64(), rapid.SampledFrom([]float64{0, 1, -1})), func(f float64) starlark.Value { return starlark.Float(f) }),
	}
	rapid.Check(t, func(t *rapid.T) {
		kinds := rapid.SliceOfN(rapid.SampledFrom(scalars), 1, 3).Draw(t, "kinds")
		var keys chunk.Column
		for range rapid.IntRange(1, 50).Draw(t, "n") {
			var key starlark.Tuple
			for _, k := range kinds {
				key = append(key, k.Draw(t, "element"))
			}
			if len(key) > 1 {
				keys.Append(key)
			} else {
				keys.Append(key[0])
			}
		}
		if !comparesEarly(&keys) {
			t.Fatal(keys.At(0))
		}
		bound := string(appendPlainKey(nil, &keys, rapid.IntRange(0, keys.N-1).Draw(t, "bound")))
		reverse := rapid.Bool().Draw(t, "reverse")
		lo := rapid.IntRange(0, keys.N-1).Draw(t, "lo")
		rows := enters(nil, &keys, lo, keys.N, bound, reverse)
		for i := lo; i < keys.N; i++ {
			key := string(appendPlainKey(nil, &keys, i))
			if wanted := key <= bound; (wanted && !reverse || key >= bound && reverse) && !slices.Contains(rows, int32(i)) {
				t.Fatalf("%v is left out of %d to %d, reverse %t; the bound is %x", keys.At(i), lo, keys.N, reverse, bound)
			}
		}
	})
}

func TestOrdinalsOfRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		out := new(kernel.Output)
		out.Base = 1000
		at := uint32(0)
		for range rapid.IntRange(1, 30).Draw(t, "n") {
			at += rapid.Uint32Range(0, 1).Draw(t, "step")
			out.Relative = append(out.Relative, at)
			out.AppendInt(1)
		}
		all := out.Ordinals(nil)
		var rows []int32
		var want []chunk.Ordinal
		for i := range all {
			if rapid.Bool().Draw(t, "wanted") {
				rows, want = append(rows, int32(i)), append(want, all[i])
			}
		}
		if got := ordinalsOf(nil, out, rows); !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}
