package operator

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"go.starlark.net/starlark"
)

// TestBlockGivesWhatItWasGiven fills a block with keys of all lengths, of strings and of other values, with ordinals and
// numbers at the ends of their ranges, and reads it.
func TestBlockGivesWhatItWasGiven(t *testing.T) {
	ints := []int64{0, -1, math.MaxInt32, math.MinInt32, math.MaxInt32 + 1, math.MinInt32 - 1, math.MaxInt64, math.MinInt64}
	ordinals := []chunk.Ordinal{{}, {Position: mostPosition}, {Position: 7, Sibling: math.MaxUint32}, {Lane: math.MaxUint32}}
	for name, used := range map[string]int{"ints of 32 bits": 4, "all ints": len(ints)} {
		var keys keyBatch
		in := Keyed{Values: chunk.Column{Kind: chunk.Int}}
		for i := range 80 {
			keys.add(strings.Repeat("k", i/2)+"é", uint64(i%2), true)
			in.Values.AppendInt(ints[i%used])
			in.Ordinals = append(in.Ordinals, ordinals[i%len(ordinals)])
		}
		k := kept{kind: chunk.Int}
		b := new(block)
		b.rows = new([blockRows]row)
		b.begin(k)
		for i := range keys.keys {
			b.keep(k, &in.Values, i)
			b.add(&keys, i, in.Ordinals[i])
		}
		if wide := b.numbers[0].wide != nil; wide != (used == len(ints)) {
			t.Errorf("%s: wide is %v", name, wide)
		}
		var r blockReader
		r.read(b, k)
		for i, want := range keys.keys {
			got := r.keys.keys[i]
			if got.hash != want.hash || got.size != want.size || r.keys.texts[i] != keys.texts[i] && !got.short() {
				t.Errorf("%s: key %d: got %+v %q, want %+v %q", name, i, got, r.keys.texts[i], want, keys.texts[i])
			}
		}
		if !slices.Equal(r.in.Values.Ints, in.Values.Ints) || !slices.Equal(r.in.Ordinals, in.Ordinals) {
			t.Errorf("%s: got %v %v, want %v %v", name, r.in.Values.Ints, r.in.Ordinals, in.Values.Ints, in.Ordinals)
		}
	}
}

// TestPositionsThatRowsDoNotHold has groups first at positions with more bits than rows have for them.
func TestPositionsThatRowsDoNotHold(t *testing.T) {
	g, p := inPlace(t, "sum")
	var all []record
	for i, position := range []uint64{math.MaxUint64, mostPosition + 1, mostPosition, 3} {
		r := record{starlark.MakeInt(i % 3), starlark.MakeInt(i), chunk.Ordinal{Position: position}}
		all = append(all, r)
		addAndFold(t, g, p, []record{r})
	}
	p.Release()
	slices.SortFunc(all, func(x, y record) int { return x.ord.Compare(y.ord) })
	if got := emit(t, g); got != want("sum", all) {
		t.Errorf("got\n%s\nwant\n%s", got, want("sum", all))
	}
}
