package operator

import (
	"errors"
	"math"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"go.starlark.net/starlark"
	"pgregory.net/rapid"
)

func TestMinMaxReportsTheFirstRecordThatDoesNotCompare(t *testing.T) {
	someValues := rapid.SampledFrom([]starlark.Value{
		starlark.MakeInt(1), starlark.Float(2), starlark.String("x"), starlark.String("y"),
		starlark.Tuple{},
		starlark.Tuple{starlark.MakeInt(1)},
		starlark.Tuple{starlark.String("x")},
		starlark.True,
	})
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(someValues, 1, 6).Draw(t, "values")
		greatest := rapid.Bool().Draw(t, "greatest")
		ordered, orderedErr := resultOf(NewMinMax(greatest), values)
		order := rapid.Permutation(indexes(len(values))).Draw(t, "order")
		parts := map[int]Aggregate{}
		for _, i := range order {
			p := rapid.IntRange(0, 2).Draw(t, "part")
			if parts[p] == nil {
				parts[p] = NewMinMax(greatest)
			}
			if err := foldOne(parts[p], values[i], at(i)); err != nil {
				t.Fatal(err)
			}
		}
		total := NewMinMax(greatest)
		for p := range 3 {
			if parts[p] != nil {
				mergeOne(t, total, parts[p])
			}
		}
		var out chunk.Column
		err := total.Results([]int32{0}, &out)
		if orderedErr == nil && err == nil {
			if out.At(0).String() != ordered.String() {
				t.Fatalf("got %v, want %v", out.At(0), ordered)
			}
			return
		}
		var x, y *RecordError
		if !errors.As(err, &x) || !errors.As(orderedErr, &y) || x.Ordinal != y.Ordinal || x.Error() != y.Error() {
			t.Fatalf("got %v, want %v", err, orderedErr)
		}
	})
}

func indexes(n int) (all []int) {
	for i := range n {
		all = append(all, i)
	}
	return all
}

func resultOf(a Aggregate, values []starlark.Value) (starlark.Value, error) {
	for i, v := range values {
		if err := foldOne(a, v, at(i)); err != nil {
			return nil, err
		}
	}
	var out chunk.Column
	if err := a.Results([]int32{0}, &out); err != nil {
		return nil, err
	}
	return out.At(0), nil
}

func foldOne(a Aggregate, v starlark.Value, ord chunk.Ordinal) error {
	in := Keyed{Ordinals: []chunk.Ordinal{ord}}
	in.Values.Append(v)
	return a.Fold([]int32{0}, &in)
}

func mergeOne(t fataler, into, from Aggregate) {
	var in Keyed
	from.States([]int32{0}, &in.Values)
	in.Ordinals = []chunk.Ordinal{from.(*minMax).places[0].first}
	if err := into.Merge([]int32{0}, &in); err != nil {
		t.Fatal(err)
	}
}

func TestMinMax(t *testing.T) {
	num := func(i int) starlark.Value { return starlark.MakeInt(i) }
	nan := starlark.Float(math.NaN())
	for _, test := range []struct {
		values   []starlark.Value
		min, max string
	}{
		{[]starlark.Value{num(3), num(1), num(2)}, "1", "3"},
		{[]starlark.Value{starlark.Float(1), num(1)}, "1.0", "1.0"},
		{[]starlark.Value{num(1), starlark.Float(1)}, "1", "1"},
		{[]starlark.Value{starlark.Float(0), starlark.Float(math.Copysign(0, -1))}, "0.0", "0.0"},
		{[]starlark.Value{nan, starlark.Float(2)}, "2.0", "nan"},
		{[]starlark.Value{starlark.String("b"), starlark.String("a")}, `"a"`, `"b"`},
		{[]starlark.Value{starlark.Tuple{num(2)}, starlark.Tuple{num(1), num(9)}}, "(1, 9)", "(2,)"},
	} {
		least, err1 := resultOf(NewMinMax(false), test.values)
		greatest, err2 := resultOf(NewMinMax(true), test.values)
		if err := errors.Join(err1, err2); err != nil {
			t.Error(err)
		} else if least.String() != test.min || greatest.String() != test.max {
			t.Errorf("%v: got %v and %v, want %s and %s", test.values, least, greatest, test.min, test.max)
		}
	}
}

func TestMinMaxRefusesWhatHasNoOrder(t *testing.T) {
	for _, v := range []starlark.Value{starlark.None, starlark.NewDict(0)} {
		var failed *RecordError
		if err := foldOne(NewMinMax(true), v, at(7)); !errors.As(err, &failed) || failed.Ordinal != at(7) {
			t.Errorf("%v: got %v", v, err)
		}
	}
}
