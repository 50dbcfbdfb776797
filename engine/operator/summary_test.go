package operator

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"go.starlark.net/starlark"
)

// aggregateOf gives an aggregate's result for values of one group, of which every run is folded apart and merged, in
// the order of the runs.
func aggregateOf(t *testing.T, make func() Aggregate, runs ...[]starlark.Value) (starlark.Value, error) {
	t.Helper()
	total, position := make(), 0
	for _, run := range runs {
		part, in := make(), new(Keyed)
		for _, v := range run {
			in.Values.Append(v)
			in.Ordinals = append(in.Ordinals, at(position))
			position++
		}
		if err := part.Fold(make0(len(run)), in); err != nil {
			return nil, err
		}
		states := &Keyed{Ordinals: []chunk.Ordinal{at(position)}}
		part.States([]int32{0}, &states.Values)
		if err := total.Merge([]int32{0}, states); err != nil {
			t.Fatal(err)
		}
	}
	var out chunk.Column
	if err := total.Results([]int32{0}, &out); err != nil {
		return nil, err
	}
	return out.At(0), nil
}

func make0(n int) []int32 { return make([]int32, n) }

func floats(values ...float64) (all []starlark.Value) {
	for _, x := range values {
		all = append(all, starlark.Float(x))
	}
	return all
}

func TestVariance(t *testing.T) {
	big := starlark.MakeInt64(math.MaxInt64)
	for _, c := range []struct {
		values []starlark.Value
		want   string
	}{
		{floats(1, 2, 3, 4), "1.6666666666666667"},
		{floats(1), "None"},
		{floats(1e15+1, 1e15+2, 1e15+3), "1.0"},
		{floats(1e-3, 1e-3, 1e-3), "0.0"},
		{floats(1e-300, 1e-300, 1e-300), "0.0"},
		{floats(1, math.Inf(1)), "nan"},
		{floats(1, math.NaN()), "nan"},
		{floats(1, 1e200), "nan"},
		{[]starlark.Value{big, big.Add(starlark.MakeInt(2)), big.Add(starlark.MakeInt(1))}, "1.0"},
		{[]starlark.Value{starlark.MakeInt(1), starlark.Float(2)}, "0.5"},
	} {
		for cut := range len(c.values) {
			runs := [][]starlark.Value{c.values[:cut+1]}
			if rest := c.values[cut+1:]; len(rest) > 0 {
				runs = append(runs, rest)
			}
			got, err := aggregateOf(t, func() Aggregate { return NewVariance(false) }, runs...)
			if err != nil || got.String() != c.want {
				t.Errorf("%v in %d runs: %v, %v; want %s", c.values, len(runs), got, err, c.want)
			}
		}
	}
	if got, err := aggregateOf(t, func() Aggregate { return NewVariance(true) }, floats(1, 5)); err != nil || got.String() != "2.8284271247461903" {
		t.Errorf("stddev: %v, %v", got, err)
	}
}

// TestSketchesDoNotDependOnOrder folds many values in random orders and cuts, and wants one result, not far from the
// exact one.
func TestSketchesDoNotDependOnOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 100, ExactQuantile, ExactQuantile + 1, 3000, 60_000} {
		values := make([]float64, n)
		for i := range values {
			values[i] = math.Exp(20*r.Float64() - 10)
			if i%7 == 0 {
				values[i] = -values[i]
			}
		}
		sorted := slices.Sorted(slices.Values(values))
		for name, c := range map[string]struct {
			make  func() Aggregate
			exact float64
			off   float64
		}{
			"quantile": {func() Aggregate { return NewQuantile(0.9) }, sorted[int(0.9*float64(n-1))], QuantileAccuracy * 1.0001},
			"distinct": {NewDistinct, float64(n), 0.03},
		} {
			first := ""
			for range 4 {
				r.Shuffle(n, func(i, j int) { values[i], values[j] = values[j], values[i] })
				cut := r.IntN(n + 1)
				runs := [][]starlark.Value{floats(values[:cut]...), floats(values[cut:]...)}
				runs = slices.DeleteFunc(runs, func(run []starlark.Value) bool { return len(run) == 0 })
				got, err := aggregateOf(t, c.make, runs...)
				if err != nil {
					t.Fatal(err)
				}
				if first == "" {
					first = got.String()
				}
				x, _ := starlark.AsFloat(got)
				if got.String() != first || math.Abs(x-c.exact) > c.off*math.Abs(c.exact) {
					t.Errorf("%s of %d: %s, first %s, exact %v", name, n, got, first, c.exact)
				}
				if exact := n <= ExactQuantile; exact && x != c.exact {
					t.Errorf("%s of %d: %v is not exact: %v", name, n, x, c.exact)
				}
			}
		}
	}
}

func TestSummaryErrors(t *testing.T) {
	words := []starlark.Value{starlark.MakeInt(1), starlark.String("x"), starlark.None}
	for name, c := range map[string]struct {
		make func() Aggregate
		want string
		at   uint64
	}{
		"quantile": {func() Aggregate { return NewQuantile(0.5) }, "want int or float, got string", 1},
		"variance": {func() Aggregate { return NewVariance(false) }, "want int or float, got string", 1},
		"greatest": {func() Aggregate { return NewGreatest(2) }, "nulls", 2},
	} {
		_, err := aggregateOf(t, c.make, words)
		var at *RecordError
		if !errors.As(err, &at) || at.Ordinal.Position != c.at {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := aggregateOf(t, func() Aggregate { return NewGreatest(2) }, words[:1], words[1:2])
	if err == nil || err.Error() != "string does not compare with number, which came before it" {
		t.Errorf("greatest: %v", err)
	}
	_, err = aggregateOf(t, func() Aggregate { return NewQuantile(0.5) }, floats(1, math.NaN()))
	if err == nil || err.Error() != "want a finite number, got nan" {
		t.Errorf("quantile: %v", err)
	}
}

// TestSummaryReportsTheFirstError folds records of which two fail in different parts.
func TestSummaryReportsTheFirstError(t *testing.T) {
	s := NewSummary([]SummaryPart{{"total", NewSum, 0}, {"words", NewSet, 1}})
	in := new(Keyed)
	for i, v := range []starlark.Value{
		starlark.Tuple{starlark.MakeInt(1), starlark.NewList(nil)}, starlark.Tuple{starlark.None, starlark.None},
	} {
		in.Values.Append(v)
		in.Ordinals = append(in.Ordinals, at(i))
	}
	var failed *RecordError
	if err := s.Fold([]int32{0, 0}, in); !errors.As(err, &failed) || failed.Ordinal != at(0) || !strings.HasPrefix(err.Error(), "words: ") {
		t.Errorf("%v", err)
	}
}

// TestSummaryInPieces spills states that are too large for one piece.
func TestSummaryInPieces(t *testing.T) {
	parts := []SummaryPart{
		{"sum", NewSum, 0}, {"list", NewListInOrder, 0}, {"set", NewSet, 0}, {"top", func() Aggregate { return NewGreatest(2) }, 0},
	}
	s := NewSummary(parts)
	in := new(Keyed)
	for i := range 3 * pieceRecords {
		in.Values.Append(starlark.Tuple{starlark.MakeInt(i % 5000)})
		in.Ordinals = append(in.Ordinals, at(i))
	}
	if err := s.Fold(make0(in.Values.N), in); err != nil {
		t.Fatal(err)
	}
	states := new(Keyed)
	n := s.(placedSummary).Pieces(0, &states.Values)
	if n != 3 {
		t.Errorf("%d pieces", n)
	}
	states.Ordinals = make([]chunk.Ordinal, n)
	again := NewSummary(parts)
	if err := again.Merge(make0(n), states); err != nil {
		t.Fatal(err)
	}
	var want, got chunk.Column
	if err := errors.Join(s.Results([]int32{0}, &want), again.Results([]int32{0}, &got)); err != nil {
		t.Fatal(err)
	}
	if a, b := fmt.Sprint(want.At(0)), fmt.Sprint(got.At(0)); a != b {
		t.Errorf("got %.200s\nwant %.200s", b, a)
	}
}

// FuzzSketchStates merges bytes that may be no states.
func FuzzSketchStates(f *testing.F) {
	for _, make := range []func() Aggregate{func() Aggregate { return NewQuantile(0.5) }, NewDistinct} {
		for _, n := range []int{1, ExactQuantile + 1, 40_000} {
			agg, in := make(), new(Keyed)
			for i := range n {
				in.Values.AppendFloat(float64(i) - 100)
				in.Ordinals = append(in.Ordinals, at(i))
			}
			var states chunk.Column
			if err := agg.Fold(make0(n), in); err != nil {
				f.Fatal(err)
			}
			agg.States([]int32{0}, &states)
			if text, ok := states.At(0).(starlark.Bytes); ok {
				f.Add([]byte(text))
			}
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, agg := range []Aggregate{NewQuantile(0.5), NewDistinct()} {
			states := &Keyed{Ordinals: []chunk.Ordinal{at(0)}}
			states.Values.Append(starlark.Bytes(text))
			if agg.Merge([]int32{0}, states) != nil {
				continue
			}
			var again chunk.Column
			agg.States([]int32{0}, &again)
			if err := agg.Merge([]int32{0}, &Keyed{Values: again, Ordinals: states.Ordinals}); err != nil {
				t.Errorf("its own state: %v", err)
			}
		}
	})
}

func BenchmarkSummary(b *testing.B) {
	const n, groups = 1 << 16, 1000
	in, which := &Keyed{Values: chunk.Column{Kind: chunk.Tuple, N: n, Fields: make([]chunk.Column, 2)}}, make([]int32, n)
	for i := range n {
		in.Values.Fields[0].AppendInt(int64(i % 777))
		in.Values.Fields[1].AppendFloat(float64(i%999) / 8)
		in.Ordinals, which[i] = append(in.Ordinals, at(i)), int32(i%groups)
	}
	for name, make := range map[string]func() Aggregate{
		"sum": NewSum, "mean": NewMean, "max": func() Aggregate { return NewMinMax(true) }, "last": NewLastValue,
		"variance": func() Aggregate { return NewVariance(false) }, "quantile": func() Aggregate { return NewQuantile(0.5) },
		"distinct": NewDistinct, "set": NewSet, "top": func() Aggregate { return NewGreatest(3) },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				s := NewSummary([]SummaryPart{{"n", NewCount, -1}, {"x", make, 0}, {"y", make, 1}})
				if err := s.Fold(which, in); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/record")
		})
	}
}
