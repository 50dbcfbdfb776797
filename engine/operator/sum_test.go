package operator

import (
	"fmt"
	"math"
	"math/big"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"go.starlark.net/starlark"
	"pgregory.net/rapid"
)

// someFloats draws floats that are near each other, and any.
var someFloats = rapid.OneOf(
	rapid.Map(rapid.IntRange(-100000, 100000), func(i int) float64 { return float64(i) / 100 }),
	rapid.Float64Range(-1e9, 1e9),
	rapid.SampledFrom([]float64{
		0, math.Copysign(0, -1), 1, -1, 0.1, 1e16, -1e16, 1 << 53, 5e-324, -5e-324, 2.2250738585072014e-308,
		math.MaxFloat64, -math.MaxFloat64, 1e300, -1e300, 1e-300, 0x1p-537, 0x1p100, -0x1p100,
	}),
	rapid.Map(rapid.Uint64(), func(b uint64) float64 {
		if x := math.Float64frombits(b); x-x == 0 {
			return x
		}
		return 1
	}),
)

// exactQuotient is the sum of numbers divided by n, rounded once.
func exactQuotient(values []starlark.Value, n int64) float64 {
	total := new(big.Rat)
	for _, v := range values {
		switch v := v.(type) {
		case starlark.Int:
			total.Add(total, new(big.Rat).SetInt(v.BigInt()))
		case starlark.Float:
			total.Add(total, new(big.Rat).SetFloat64(float64(v)))
		}
	}
	x, _ := total.Quo(total, big.NewRat(n, 1)).Float64()
	return x
}

// fed makes a one-group aggregate from values in several parts, merged by their states, or as siblings.
func fed(t *rapid.T, newAggregate func() Aggregate, values []starlark.Value) Aggregate {
	parts := []Aggregate{newAggregate(), newAggregate(), newAggregate()}
	used := make([]bool, len(parts))
	for i, v := range values {
		p := rapid.IntRange(0, len(parts)-1).Draw(t, "part")
		used[p] = true
		var in Keyed
		in.Values.Append(v)
		in.Ordinals = []chunk.Ordinal{at(i)}
		if err := parts[p].Fold([]int32{0}, &in); err != nil {
			t.Fatal(err)
		}
	}
	total := newAggregate()
	for i, p := range parts {
		if !used[i] {
			continue
		}
		if s, ok := p.(siblingAggregate); ok && s.elaborate() && rapid.Bool().Draw(t, "as siblings") {
			total.(siblingAggregate).mergeSibling([]int32{0}, p, []int32{0})
			continue
		}
		var in Keyed
		p.States([]int32{0}, &in.Values)
		in.Ordinals = []chunk.Ordinal{at(i)}
		if err := total.Merge([]int32{0}, &in); err != nil {
			t.Fatal(err)
		}
	}
	return total
}

func result(t fataler, a Aggregate) starlark.Value {
	t.Helper()
	var out chunk.Column
	if err := a.Results([]int32{0}, &out); err != nil {
		t.Fatal(err)
	}
	return out.At(0)
}

var someNumbers = rapid.OneOf(
	rapid.Map(someFloats, func(x float64) starlark.Value { return starlark.Float(x) }),
	rapid.Map(rapid.Int64(), func(i int64) starlark.Value { return starlark.MakeInt64(i) }),
	rapid.Map(rapid.IntRange(0, 200), func(shift int) starlark.Value {
		return starlark.MakeInt(-3).Lsh(uint(shift))
	}),
)

func TestSumIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]*rapid.Generator[starlark.Value]{
			someNumbers,
			rapid.Map(someFloats, func(x float64) starlark.Value { return starlark.Float(x) }),
			rapid.Map(rapid.Int64(), func(i int64) starlark.Value { return starlark.MakeInt64(i) }),
		}).Draw(t, "kind")
		values := rapid.SliceOfN(kind, 1, 30).Draw(t, "values")
		floats := false
		total := new(big.Int)
		for _, v := range values {
			if i, ok := v.(starlark.Int); ok {
				total.Add(total, i.BigInt())
			} else {
				floats = true
			}
		}
		sum, mean := result(t, fed(t, NewSum, values)), result(t, fed(t, NewMean, values))
		expected := starlark.Value(starlark.MakeBigInt(total))
		if floats {
			expected = starlark.Float(exactQuotient(values, 1))
		}
		if fmt.Sprint(sum) != fmt.Sprint(expected) || sum.Type() != expected.Type() {
			t.Fatalf("sum is %v, want %v", sum, expected)
		}
		if x := starlark.Float(exactQuotient(values, int64(len(values)))); mean != x {
			t.Fatalf("mean is %v, want %v", mean, x)
		}
	})
}

func TestSumOfInfinities(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for _, test := range []struct {
		values []float64
		sum    float64
	}{
		{[]float64{inf, 1}, inf},
		{[]float64{-1, -inf, -inf}, -inf},
		{[]float64{inf, -inf}, nan},
		{[]float64{1, nan, inf}, nan},
		{[]float64{math.MaxFloat64, math.MaxFloat64}, inf},
		{[]float64{math.MaxFloat64, math.MaxFloat64, -math.MaxFloat64}, math.MaxFloat64},
		{[]float64{1e300, inf, 1e-300}, inf},
		{[]float64{math.Copysign(0, -1)}, 0},
	} {
		rapid.Check(t, func(rt *rapid.T) {
			var values []starlark.Value
			for _, x := range rapid.Permutation(test.values).Draw(rt, "order") {
				values = append(values, starlark.Float(x))
			}
			sum := float64(result(rt, fed(rt, NewSum, values)).(starlark.Float))
			if math.Float64bits(sum) != math.Float64bits(test.sum) && (sum == sum || test.sum == test.sum) {
				rt.Fatalf("%v: got %v, want %v", test.values, sum, test.sum)
			}
		})
	}
}

func TestSumRefusesWhatIsNoNumber(t *testing.T) {
	for _, v := range []starlark.Value{starlark.String("1"), starlark.True, starlark.None, starlark.Tuple{}} {
		var in Keyed
		in.Values.Append(starlark.MakeInt(1))
		in.Values.Append(v)
		in.Ordinals = []chunk.Ordinal{at(1), at(2)}
		err := NewMean().Fold([]int32{0, 0}, &in)
		if err == nil || err.Error() != "want int or float, got "+v.Type() {
			t.Errorf("got %v", err)
		}
	}
}

func TestStatesOfAnotherOperatorAreRefused(t *testing.T) {
	strange := []starlark.Value{
		starlark.None, starlark.String("x"),
		starlark.Tuple{starlark.MakeInt(1)},
		starlark.NewDict(0),
		starlark.Tuple{starlark.MakeInt(1), starlark.MakeInt(2), starlark.MakeInt(3), starlark.MakeInt(4), starlark.MakeInt(5), starlark.None, starlark.None},
		starlark.NewList([]starlark.Value{starlark.None}),
		starlark.NewList([]starlark.Value{starlark.Tuple{starlark.None, starlark.None, starlark.None, starlark.None, starlark.None}}),
		starlark.Tuple{starlark.MakeInt(1), starlark.None},
		starlark.Tuple{starlark.MakeInt(1), starlark.MakeInt(1), starlark.MakeInt(1), starlark.MakeInt(1), starlark.NewList([]starlark.Value{starlark.None})},
	}
	for _, make := range []func() Aggregate{NewCount, NewSum, NewMean, func() Aggregate { return NewMinMax(true) }, func() Aggregate { return NewTop(1, false) }} {
		refused := 0
		for _, v := range strange {
			var in Keyed
			in.Values.Append(v)
			in.Ordinals = []chunk.Ordinal{at(1)}
			if err := make().Merge([]int32{0}, &in); err != nil {
				refused++
			}
		}
		if refused < len(strange)-1 {
			t.Errorf("%T refused %d of %d", make(), refused, len(strange))
		}
	}
}

func BenchmarkSumFloats(b *testing.B) {
	const groups, n = 10000, 1 << 14
	a := NewSum()
	in := Keyed{Ordinals: make([]chunk.Ordinal, n)}
	numbers := make([]int32, n)
	for i := range n {
		in.Values.Append(starlark.Float(float64(i*7919%100003) / 100))
	}
	for g := range groups {
		one := Keyed{Values: in.Values.Slice(0, 1), Ordinals: in.Ordinals[:1]}
		if err := a.Fold([]int32{int32(g)}, &one); err != nil {
			b.Fatal(err)
		}
	}
	for i := range numbers {
		numbers[i] = int32(i * 104729 % groups)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := a.Fold(numbers, &in); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/record")
}
