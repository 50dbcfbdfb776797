package operator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"go.starlark.net/starlark"
)

// drained is the chunks of records, folded by a Partial, or from buckets if it is flushed.
func drained(t *testing.T, name string, share int64, flush bool, all []record) (chunks [][]byte) {
	t.Helper()
	g := NewGroups(config(name, share))
	p := g.NewPartial()
	if err := p.Add(keyed(all...)); err != nil {
		t.Fatal(err)
	}
	if err := g.Drain(context.Background(), lastOf(t, p, flush), func(_ int, data []byte) error {
		chunks = append(chunks, slices.Clone(data))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return chunks
}

// hasEntries reports whether the keys of all chunks are entries, or those of none.
func hasEntries(t *testing.T, chunks [][]byte) (all, none bool) {
	t.Helper()
	all, none = true, true
	for _, data := range chunks {
		var keys, originals, values chunk.Column
		if _, err := chunk.DecodeFrame(data, []*chunk.Column{&keys, &originals, &values}); err != nil {
			t.Fatal(err)
		}
		all, none = all && keys.Kind == chunk.Tuple, none && keys.Kind != chunk.Tuple
	}
	return all, none
}

// TestDrainOfEntries has keys come to another place as they were, as entries where they are short and states are ints.
func TestDrainOfEntries(t *testing.T) {
	keys := map[string]func(i int) starlark.Value{
		"texts": func(i int) starlark.Value { return starlark.String(strings.Repeat("k", i%inline) + fmt.Sprint(i%7)) },
		"ints":  func(i int) starlark.Value { return starlark.MakeInt(i % 900) },
		"pairs": func(i int) starlark.Value { return starlark.Tuple{starlark.MakeInt(i % 9), starlark.String("x")} },
		"others": func(i int) starlark.Value {
			return []starlark.Value{starlark.None, starlark.True, starlark.String("")}[i%3]
		},
		"long":   func(i int) starlark.Value { return starlark.String(strings.Repeat("k", 2*inline) + fmt.Sprint(i%700)) },
		"floats": func(i int) starlark.Value { return starlark.Float(i % 300) }, // their entries do not give them back
	}
	for kind, key := range keys {
		var all []record
		for i := range 5000 {
			all = append(all, record{key(i), starlark.MakeInt(i), at(i)})
		}
		for _, name := range []string{"sum", "count", "greatest", "first"} {
			for _, flush := range []bool{true, false} {
				chunks := drained(t, name, 1<<30, flush, all)
				entries := name != "first" && kind != "long" && kind != "floats"
				if all, none := hasEntries(t, chunks); all != entries || none == entries {
					t.Errorf("%s of %s, flushed: %t: chunks have entries: %t, or none: %t", name, kind, flush, all, none)
				}
				for _, share := range []int64{leastInPlace - 1, leastInPlace} {
					whole := NewGroups(config(name, share))
					for _, data := range chunks {
						if err := whole.Load(data); err != nil {
							t.Fatal(err)
						}
					}
					if got := emit(t, whole); got != want(name, all) {
						t.Errorf("%s of %s, flushed: %t, to a share of %d: wrong result", name, kind, flush, share)
					}
				}
			}
		}
	}
}

// TestLoadOfOtherEntries has chunks refused whose keys cannot be entries, though their hashes are right.
func TestLoadOfOtherEntries(t *testing.T) {
	ints := func(v ...int64) chunk.Column { return chunk.Column{Kind: chunk.Int, N: len(v), Ints: v} }
	none := chunk.Column{Kind: chunk.Null, N: 1}
	tuple := func(fields ...chunk.Column) chunk.Column {
		return chunk.Column{Kind: chunk.Tuple, N: fields[0].N, Fields: fields}
	}
	for name, tt := range map[string]struct {
		keys, originals chunk.Column
		ok              bool
	}{
		"a key":                    {tuple(ints('k'), ints(0), ints(1<<1)), none, true},
		"a field too few":          {tuple(ints('k'), ints(1<<1)), none, false},
		"a key too many":           {tuple(ints('k', 'l'), ints(0, 0), ints(1<<1, 1<<1)), none, false},
		"a text for a number":      {tuple(ints('k'), ints(0), chunk.Column{Kind: chunk.String, N: 1, Strings: []string{"2"}}), none, false},
		"too long":                 {tuple(ints('k'), ints(0), ints(mostShort+1)), none, false},
		"a length below 0":         {tuple(ints('k'), ints(0), ints(-2)), none, false},
		"longer than its length":   {tuple(ints('k'<<8|'k'), ints(0), ints(1<<1)), none, false},
		"longer in its other half": {tuple(ints('k'), ints('k'), ints(8<<1)), none, false},
		"an original":              {tuple(ints('k'), ints(0), ints(1<<1)), ints(1), false},
	} {
		values := ints(5)
		data, err := chunk.AppendFrame(nil, chunk.ID{}, []*chunk.Column{&tt.keys, &tt.originals, &values}, []chunk.Ordinal{at(0)}, chunk.S2)
		if err != nil {
			t.Fatal(err)
		}
		for _, share := range []int64{leastInPlace - 1, leastInPlace} {
			g := NewGroups(config("sum", share))
			switch err := g.Load(data); {
			case tt.ok != (err == nil):
				t.Errorf("%s, to a share of %d: error %v", name, share, err)
			case !tt.ok && !errors.Is(err, chunk.ErrCorrupt):
				t.Errorf("%s: %v is no corrupt chunk", name, err)
			}
			if err := g.RouteChunk(data, new(Routed)); err == nil {
				t.Errorf("%s is taken for records", name)
			}
		}
	}
}
