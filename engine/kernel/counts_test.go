package kernel

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"go.starlark.net/starlark"
)

func (c *Counts) all() map[string]int64 {
	all := map[string]int64{}
	c.Each(func(name string, n int64) { all[name] = n })
	return all
}

// What is counted in parts, each bounded, gives the same counters in any order of the parts.
func TestCountsInParts(t *testing.T) {
	const seed = 1
	r := rand.New(rand.NewPCG(seed, 0))
	var whole Counts
	parts := make([]Counts, 7)
	for range 20000 {
		name, n := fmt.Sprint("c", r.IntN(3*MostCounters)), int64(r.IntN(9)-4)
		whole.Add(name, n, 1)
		parts[r.IntN(len(parts))].Add(name, n, 1)
	}
	var together Counts
	for _, i := range r.Perm(len(parts)) {
		if n := len(parts[i].sums); n > MostCounters+1 {
			t.Errorf("a part has %d counters", n)
		}
		for _, p := range parts[i].Prints() {
			together.Add(p.Text, p.Add, 1)
		}
	}
	want := whole.all()
	if len(want) != MostCounters+1 || !whole.Shared() {
		t.Errorf("%d counters", len(want))
	}
	got := together.all()
	for name, n := range want {
		if got[name] != n {
			t.Errorf("seed %d: %s is %d, not %d", seed, name, got[name], n)
		}
	}
	if len(got) > len(want) {
		t.Errorf("%d counters, not %d", len(got), len(want))
	}
}

// Sums are exact behind the ends of int64, and clamped where they are shown.
func TestCountsStayAtTheEnds(t *testing.T) {
	var c, d Counts
	c.Add("a", math.MinInt64, 3)
	c.Add("b", math.MaxInt64, 1<<40)
	c.Add("c", -5, 1<<62)
	c.Add("d", 7, 3)
	want := map[string]int64{"a": math.MinInt64, "b": math.MaxInt64, "c": math.MinInt64, "d": 21}
	if got := c.all(); !maps.Equal(got, want) {
		t.Errorf("%v", got)
	}
	c.Add("a", math.MaxInt64, 3)
	c.Add("a", 2, 1)
	c.Add("b", -math.MaxInt64, 1<<40)
	c.Add("c", 5, 1<<62)
	want = map[string]int64{"a": -1, "b": 0, "c": 0, "d": 21}
	for _, p := range c.Prints() {
		d.Add(p.Text, p.Add, 1)
	}
	if got := d.all(); !maps.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

// However often a function counts and prints for a record, what it has counted takes one place, before what happens to the
// next.
func TestCountsOfARecord(t *testing.T) {
	names := []string{"c0", "c1", "c2", "c3", "c4", "c5", "c6", "c8", "c9", "c7"}
	counter := starlark.NewBuiltin("counter", func(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
		add := t.Local(CounterLocal).(func(string, int64))
		for i := range 100_000 {
			if i%50_000 == 0 {
				t.Print(t, "printed")
			}
			add(names[i%len(names)], 1)
		}
		if args[0] == starlark.String("bad") {
			return nil, errors.New("bad")
		}
		return args[0], nil
	})
	chain := &Chain{Steps: []Step{step(t, Map, counter)}}
	chain.Steps[0].Catch = true
	for _, mode := range []string{"on", "off"} {
		var out Output
		if err := NewRunner(chain, env(), mode).Run(records(t, "['a', 'bad', 'b']"), &out); err != nil {
			t.Fatal(err)
		}
		one := []Print{{Text: "printed"}}
		for _, name := range names[:8] { // and then in their order
			one = append(one, Print{Text: name, Add: 10_000})
		}
		one = append(one, Print{Text: "printed"}, Print{Text: "c7", Add: 10_000}, Print{Text: "c9", Add: 10_000})
		if want := slices.Concat(one, one, one); !slices.Equal(out.Prints, want) {
			t.Errorf("%s: %v", mode, out.Prints)
		}
		var want []Place
		for i, before := range []int{0, 1, 1} {
			for range one {
				want = append(want, Place{Relative: uint32(i), Before: before, Print: true})
			}
		}
		want = slices.Insert(want, 2*len(one)-2, Place{Relative: 1, Before: 1}) // before it is noted what else was counted
		if !slices.Equal(out.Places, want) {
			t.Errorf("%s: places %v", mode, out.Places)
		}
	}
}
