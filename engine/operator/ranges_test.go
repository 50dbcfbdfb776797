package operator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"go.starlark.net/starlark"
)

// cutIn gives what each range has of records that are combined, or routed, in one place.
func cutIn(t *testing.T, name string, share int64, records []record) (ranges [Ranges][][]byte) {
	t.Helper()
	put := func(part int, data []byte) error {
		ranges[part] = append(ranges[part], slices.Clone(data))
		return nil
	}
	g := NewGroups(config(name, share))
	if !g.Ordered {
		p := g.NewPartial()
		for part := range slices.Chunk(records, 100) {
			if err := p.Add(keyed(part...)); err != nil {
				t.Fatal(err)
			}
		}
		if err := g.Drain(context.Background(), p, put); err != nil {
			t.Fatal(err)
		}
		return ranges
	}
	c, n := g.NewCut(put), 0
	var r Routed
	for part := range slices.Chunk(records, 100) {
		if err := errors.Join(g.Route(keyed(part...), &r), c.Put(&r)); err != nil {
			t.Fatal(err)
		}
		n += r.Records()
	}
	if err := c.Finish(); err != nil || n != len(records) {
		t.Fatalf("%d records were routed of %d, error %v", n, len(records), err)
	}
	return ranges
}

// load adds chunks to groups.
func load(t *testing.T, g *Groups, chunks [][]byte) {
	t.Helper()
	for _, data := range chunks {
		if !g.Ordered {
			if err := g.Load(data); err != nil {
				t.Fatal(err)
			}
			continue
		}
		var r Routed
		if err := g.RouteChunk(data, &r); err != nil {
			t.Fatal(err)
		}
		for b := range Buckets {
			if err := g.Add(b, &r); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestRanges cuts the state by key of three places by ranges of the keys: folded range by range in other places and merged,
// or brought together in one, or half so and half so, it gives what one place gives.
func TestRanges(t *testing.T) {
	const places, n = 3, 300
	var all []record
	for i := range places * n {
		var key starlark.Value = starlark.MakeInt(i * 31 % 270)
		switch i % 5 {
		case 0:
			key = starlark.Float(i * 31 % 270)
		case 1:
			key = starlark.String(fmt.Sprintf("a text of more than sixteen bytes, %d", i%170))
		}
		all = append(all, record{key, starlark.MakeInt(i * 7 % 83), at(i)})
	}
	for _, name := range []string{
		"count", "sum", "mean", "min", "max", "first", "last", "all", "set", "var", "median", "ints", "greatest", "least",
		"list", "take", "fold", "collect",
	} {
		for _, share := range []int64{64 << 10, 1 << 30} {
			var cuts [places][Ranges][][]byte
			for i := range cuts {
				cuts[i] = cutIn(t, name, share, all[i*n:(i+1)*n])
			}
			for _, folded := range []int{0, Ranges / 2, Ranges} { // elsewhere
				whole := NewGroups(config(name, share))
				for r := range Ranges {
					g := whole
					if r < folded {
						c := config(name, share)
						c.Depth = 1
						g = NewGroups(c)
					}
					for i := range cuts {
						load(t, g, cuts[i][r])
					}
					if g == whole {
						continue
					}
					if err := g.Sorted(context.Background(), func(data []byte) error { return whole.LoadRun(r, data) }); err != nil {
						t.Fatal(err)
					}
				}
				if got := emit(t, whole); got != want(name, all) {
					t.Errorf("%s with a share of %d, %d ranges folded elsewhere: wrong result", name, share, folded)
				}
			}
		}
	}
}

func TestChunksOfRecordsFromOutside(t *testing.T) {
	ranges := cutIn(t, "list", 1<<30, []record{{starlark.String("k"), starlark.MakeInt(1), at(0)}})
	i := slices.IndexFunc(ranges[:], func(chunks [][]byte) bool { return len(chunks) > 0 })
	g := NewGroups(config("list", 1<<30))
	for at := range ranges[i][0] {
		bad := slices.Clone(ranges[i][0])
		bad[at] ^= 0x10
		if err := g.RouteChunk(bad, new(Routed)); err == nil {
			t.Fatalf("byte %d changed: no error", at)
		}
	}
	if err := g.LoadRun(Ranges, ranges[i][0]); !errors.Is(err, chunk.ErrCorrupt) {
		t.Errorf("error %v", err)
	}
}
