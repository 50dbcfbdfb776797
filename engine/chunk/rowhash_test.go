package chunk

import (
	"errors"
	"testing"

	"github.com/zeebo/xxh3"
	"go.starlark.net/starlark"
	"pgregory.net/rapid"
)

func TestRowHashDoesNotDependOnCuts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) starlark.Value {
			if rapid.Bool().Draw(t, "pair") {
				return starlark.Tuple{starlark.String(drawString(t)), starlark.MakeInt(rapid.Int().Draw(t, "int")), drawFlat(t)}
			}
			return drawValue(t, 2)
		}), 0, 12).Draw(t, "values")
		var boxed RowHash
		if err := boxed.Add(&Column{Kind: Any, N: len(values), Values: values}); err != nil {
			t.Fatal(err)
		}
		var cut RowHash
		c := new(Column)
		for _, v := range values {
			c.Append(v)
			if rapid.Bool().Draw(t, "cut") {
				if err := cut.Add(c); err != nil {
					t.Fatal(err)
				}
				c.Reset()
			}
		}
		if err := cut.Add(c); err != nil {
			t.Fatal(err)
		}
		if cut.Sum() != boxed.Sum() || cut.Rows != boxed.Rows {
			t.Fatalf("cut %x of %d, whole %x of %d", cut.Sum(), cut.Rows, boxed.Sum(), boxed.Rows)
		}
	})
}

func TestRowHashSurvivesAChunk(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := drawBatch(t)
		var before, after RowHash
		if err := before.Add(&b.Column); err != nil {
			t.Fatal(err)
		}
		got := mustDecode(t, mustAppend(t, b, rapid.SampledFrom([]Format{Columnar, Rows}).Draw(t, "format")))
		if err := after.Add(&got.Column); err != nil {
			t.Fatal(err)
		}
		if before.Sum() != after.Sum() {
			t.Fatalf("%x before, %x after", before.Sum(), after.Sum())
		}
	})
}

func TestRowHashIsThatOfTheRows(t *testing.T) {
	b := pairs(10)
	var h RowHash
	if err := h.Add(&b.Column); err != nil {
		t.Fatal(err)
	}
	var rows rowEncoder
	for i := range b.N {
		if err := rows.row(b.At(i), 0, MaxRaw); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := h.Sum(), xxh3.Hash(rows.dst); got != want {
		t.Errorf("%x, want %x", got, want)
	}
}

func TestRowHashTellsOrderAndTypesApart(t *testing.T) {
	one, float, list := starlark.MakeInt(1), starlark.Float(1), starlark.NewList([]starlark.Value{starlark.MakeInt(1)})
	streams := [][]starlark.Value{{}, {one}, {float}, {list}, {starlark.Tuple{one}}, {one, float}, {float, one}, {one, one}}
	seen := map[uint64]int{}
	for i, values := range streams {
		var h RowHash
		if err := h.Add(&Column{Kind: Any, N: len(values), Values: values}); err != nil {
			t.Fatal(err)
		}
		if other, ok := seen[h.Sum()]; ok {
			t.Errorf("streams %v and %v have the same hash", values, streams[other])
		}
		seen[h.Sum()] = i
	}
}

func TestRowHashErrors(t *testing.T) {
	loop := starlark.NewList(nil)
	loop.Append(loop)
	wide := starlark.Tuple{starlark.MakeInt(1)}
	for range 60 {
		wide = starlark.Tuple{wide, wide}
	}
	for name, v := range map[string]starlark.Value{"cycle": loop, "2^60 parts": wide, "function": starlark.Universe["len"]} {
		var h RowHash
		var record *RecordError
		if err := h.Add(&Column{Kind: Any, N: 1, Values: []starlark.Value{v}}); !errors.As(err, &record) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func BenchmarkRowHash(b *testing.B) {
	batch := pairs(4096)
	var h RowHash
	b.ReportAllocs()
	for b.Loop() {
		if err := h.Add(&batch.Column); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch.N), "ns/row")
}
