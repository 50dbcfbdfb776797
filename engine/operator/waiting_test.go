package operator

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.starlark.net/starlark"
)

// TestDistinctKeysWait sends so many records past the combining that buckets fill up more than once.
func TestDistinctKeysWait(t *testing.T) {
	for _, kind := range []string{"strings", "long strings", "ints", "pairs"} {
		for _, name := range []string{"count", "sum", "mean", "min", "first"} {
			var all []record
			for i := range 50_000 {
				n := i * 31 % 30_011
				all = append(all, record{waitingKey(kind, n), starlark.MakeInt(i), at(i)})
			}
			g := NewGroups(config(name, 64<<20))
			p := g.NewPartial()
			p.direct = 1 << 30
			for part := range slices.Chunk(all, 7000) {
				in := keyed(part...)
				if name == "first" {
					in.Values.Reset()
				}
				if _, _, ok := p.keeps(in); !ok {
					t.Fatalf("%s of %s do not wait", name, kind)
				}
				if err := p.Add(in); err != nil {
					t.Fatal(err)
				}
			}
			if err := p.Flush(); err != nil {
				t.Fatal(err)
			}
			p.Release()
			if name == "first" {
				for i := range all {
					all[i].value = starlark.None
				}
			}
			if emit(t, g) != want(name, all) {
				t.Errorf("%s of %s: wrong result", name, kind)
			}
			if n := g.used.Load(); n != 0 {
				t.Errorf("%s of %s: %d bytes counted at the end", name, kind, n)
			}
		}
	}
}

func waitingKey(kind string, n int) starlark.Value {
	switch kind {
	case "strings":
		return starlark.String(fmt.Sprint(n))
	case "long strings":
		return starlark.String(strings.Repeat("long ", n%8) + fmt.Sprint(n))
	case "ints":
		return starlark.MakeInt(n - 1000)
	}
	return starlark.Tuple{starlark.MakeInt(n % 300), starlark.String(fmt.Sprint(n))}
}

func TestWhatMayFailDoesNotWait(t *testing.T) {
	g := NewGroups(config("sum", 1<<30))
	p := g.NewPartial()
	p.direct = 1 << 30
	for _, in := range []*Keyed{
		keyed(record{starlark.String("a"), starlark.String("not a number"), at(1)}),
		keyed(record{starlark.Float(1), starlark.MakeInt(1), at(1)}), // must be kept as it is
		keyed(record{starlark.Tuple{starlark.Float(1)}, starlark.MakeInt(1), at(1)}),
	} {
		if _, _, ok := p.keeps(in); ok {
			t.Errorf("%v: %v waits", in.Keys.At(0), in.Values.At(0))
		}
	}
	var failed *RecordError
	err := p.Add(keyed(record{starlark.String("a"), starlark.String("not a number"), at(7)}))
	if !errors.As(err, &failed) || failed.Ordinal != at(7) {
		t.Errorf("got %v", err)
	}
}

func TestKindsOfValuesMayChangeWhileRecordsWait(t *testing.T) {
	g := NewGroups(config("max", 1<<30))
	p := g.NewPartial()
	p.direct = 1 << 30
	all := []record{
		{starlark.String("a"), starlark.MakeInt(1), at(1)},
		{starlark.String("a"), starlark.Float(2.5), at(2)},
		{starlark.String("b"), starlark.MakeInt(3), at(3)},
	}
	for _, r := range all {
		if err := p.Add(keyed(r)); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Flush(); err != nil {
		t.Fatal(err)
	}
	if got := emit(t, g); got != want("max", all) {
		t.Errorf("got %s", got)
	}
}

func TestATableThatPaysGrows(t *testing.T) {
	g := NewGroups(config("count", 64<<30))
	p := g.NewPartial()
	var in, more Keyed
	for i := range partialGroups {
		more.Keys.AppendInt(int64(i))
		more.Ordinals = append(more.Ordinals, at(i))
	}
	in.Keys, in.Ordinals = more.Keys.Slice(0, partialGroups-1), more.Ordinals[1:]
	for range partialThrives {
		if err := p.Add(&in); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Add(&more); err != nil {
		t.Fatal(err)
	}
	if p.table.Len() != partialGroups || p.most != 2*partialGroups {
		t.Errorf("%d groups, at most %d", p.table.Len(), p.most)
	}
}

// TestManyGroupsComeOutInOrder emits more than a few runs, of groups that arrived in disorder.
func TestManyGroupsComeOutInOrder(t *testing.T) {
	for _, name := range []string{"count", "fold"} {
		var all []record
		for i := range 40_000 {
			all = append(all, record{starlark.MakeInt(i * 31 % 30_011), starlark.MakeInt(i), at(i * 7)})
		}
		c := config(name, 1<<30)
		c.Cores = 3
		g := NewGroups(c)
		var routed Routed
		parts := slices.Collect(slices.Chunk(all, 10_000))
		if name == "count" {
			slices.Reverse(parts)
		}
		for _, part := range parts {
			if err := g.Route(keyed(part...), &routed); err != nil {
				t.Fatal(err)
			}
			for b := range Buckets {
				if err := g.Add(b, &routed); err != nil {
					t.Fatal(err)
				}
			}
		}
		if emit(t, g) != want(name, all) {
			t.Errorf("%s: wrong result", name)
		}
	}
}
