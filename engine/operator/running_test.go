package operator

import (
	"errors"
	"math"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"go.starlark.net/starlark"
)

// Running sums are what Starlark's + makes of numbers one after another, also where they change their kind.
func TestRunningSums(t *testing.T) {
	failure := errors.New("no number")
	for _, c := range []struct {
		start  starlark.Value
		values []starlark.Value
		want   string
	}{
		{nil, []starlark.Value{starlark.MakeInt(1), starlark.MakeInt(2)}, "3"},
		{starlark.MakeInt(5), []starlark.Value{starlark.MakeInt(1)}, "6"},
		{nil, []starlark.Value{starlark.Float(0.1), starlark.Float(0.2), starlark.Float(0.3)}, "0.6000000000000001"},
		{starlark.MakeInt(1), []starlark.Value{starlark.Float(0.5), starlark.MakeInt(2)}, "3.5"},
		{nil, []starlark.Value{starlark.MakeInt64(math.MaxInt64), starlark.MakeInt(1)}, "9223372036854775808"},
		{nil, []starlark.Value{starlark.MakeInt64(math.MaxInt64), starlark.MakeInt(1), starlark.MakeInt(-2)}, "9223372036854775806"},
	} {
		a := NewRunningSums(Running{Starts: []starlark.Value{c.start}})
		for _, v := range c.values {
			if err := foldOne(a, v, at(0)); err != nil {
				t.Fatal(err)
			}
		}
		var out chunk.Column
		if err := a.Results([]int32{0}, &out); err != nil || out.At(0).String() != c.want {
			t.Errorf("%v after %v: %v, %v, want %s", c.values, c.start, out.At(0), err, c.want)
		}
	}
	a := NewRunningSums(Running{Starts: []starlark.Value{nil}, Fail: func(starlark.Tuple, []starlark.Value) error { return failure }})
	if err := foldOne(a, starlark.Tuple{starlark.None}, at(0)); !errors.Is(err, failure) {
		t.Errorf("the error is %v, want %v", err, failure)
	}
}
