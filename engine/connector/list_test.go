package connector

import (
	"context"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/host"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

func evaluate(t *testing.T, expression string) starlark.Value {
	t.Helper()
	v, err := starlark.EvalOptions(new(syntax.FileOptions), new(starlark.Thread), "test", expression, nil)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestList(t *testing.T) {
	tests := []struct{ values, want string }{
		{`[]`, `[]`},
		{`[1, "a", None, [2]]`, `[1, "a", None, [2]]`},
		{`(1, 2)`, `[1, 2]`},
		{`{"a": 1, 2: [3]}`, `[("a", 1), (2, [3])]`},
		{`range(3)`, `[0, 1, 2]`},
		{`"ab".elems()`, `["a", "b"]`},
		{`[(1, 2), (3, "x")]`, `[(1, 2), (3, "x")]`},
	}
	for _, test := range tests {
		s, err := NewList(evaluate(t, test.values), 0, 0, host.NewMemory())
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // a source can be read again
			var got []starlark.Value
			for _, b := range readList(t, s) {
				for i := range b.N {
					got = append(got, b.At(i))
				}
			}
			if text := starlark.NewList(got).String(); text != test.want {
				t.Errorf("%s gives %s, want %s", test.values, text, test.want)
			}
		}
	}
}

func readList(t *testing.T, s Source) (batches []*chunk.Batch) {
	t.Helper()
	splits, err := s.Splits(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Open(context.Background(), splits)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for {
		b, err := r.Next()
		if err == io.EOF {
			return batches
		}
		if err != nil {
			t.Fatal(err)
		}
		batch := new(chunk.Batch)
		if err := s.NewDecoder().Decode(b, batch, nil); err != nil {
			t.Fatal(err)
		}
		batches = append(batches, batch)
	}
}

func TestListRuns(t *testing.T) {
	s, err := NewList(evaluate(t, "range(10000)"), 0, 0, host.NewMemory())
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	for _, b := range readList(t, s) {
		if b.Kind != chunk.Int || b.Base != uint64(at) || b.Origin.Base != int64(at) || b.Origin.File != "" {
			t.Errorf("run at %d: %v, base %d, origin %+v", at, b.Kind, b.Base, b.Origin)
		}
		for i := range b.N {
			if b.Ints[i] != int64(at) || b.RelativeAt(i) != uint32(i) {
				t.Fatalf("value %d is %d", at, b.Ints[i])
			}
			at++
		}
	}
	if at != 10000 {
		t.Errorf("%d values", at)
	}
}

func TestListFreezes(t *testing.T) {
	inner := starlark.NewList(nil)
	outer := starlark.NewList([]starlark.Value{inner})
	if _, err := NewList(outer, 0, 0, host.NewMemory()); err != nil {
		t.Fatal(err)
	}
	if outer.Append(inner) == nil || inner.Append(outer) == nil {
		t.Error("a source's values can change")
	}
}

func TestNotAList(t *testing.T) {
	for values, want := range map[string]string{
		`"abc"`: "from_enumerable: a str is one value, not many; write [s], s.elems() or s.splitlines()",
		`1`:     "from_enumerable: want a list, tuple, dict, set or range, not int",
		`None`:  "from_enumerable: want a list, tuple, dict, set or range, not NoneType",
	} {
		if _, err := NewList(evaluate(t, values), 0, 0, host.NewMemory()); fmt.Sprint(err) != want {
			t.Errorf("%s: error %v, want %s", values, err, want)
		}
	}
}

func TestListStopsWhenCancelled(t *testing.T) {
	s, err := NewList(evaluate(t, "range(10000)"), 0, 0, host.NewMemory())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r, err := s.Open(ctx, []Split{{End: 10000}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cancel()
	if _, err := r.Next(); err != context.Canceled {
		t.Errorf("error %v", err)
	}
}

// TestListSplits reads lists split by split, in any order, and all splits one after another.
func TestListSplits(t *testing.T) {
	for _, test := range []struct {
		values string
		split  int64
		splits int
	}{
		{"[]", 0, 1},
		{"[7]", 0, 1},
		{"range(64)", 0, 64},
		{"range(65)", 0, 33},
		{"list(range(1000))", 0, 63},
		{"range(10)", 3, 4},
		{"range(10)", 10, 1},
		{"range(10)", 100, 1},
		{"{n: -n for n in range(20)}", 6, 4},
		{"range(10 * 1000 * 1000)", 1, maxSplits - 2},
	} {
		s, err := NewList(evaluate(t, test.values), 0, test.split, host.NewMemory())
		if err != nil {
			t.Fatal(err)
		}
		splits, err := s.Splits(context.Background())
		if err != nil || len(splits) != test.splits && test.splits < 1000 || len(splits) > maxSplits {
			t.Errorf("%s has %d splits, %v", test.values, len(splits), err)
		}
		if len(splits) > 1000 {
			continue
		}
		whole := valuesOf(t, s, splits)
		var parts []string
		for i := len(splits) - 1; i >= 0; i-- {
			if splits[i].Index != i {
				t.Errorf("split %d has index %d", i, splits[i].Index)
			}
			parts = append(valuesOf(t, s, splits[i:i+1]), parts...)
		}
		if !slices.Equal(parts, whole) {
			t.Errorf("%s: %v in splits, %v at once", test.values, parts, whole)
		}
	}
}

// valuesOf are the values of some splits, with their positions.
func valuesOf(t *testing.T, s Source, splits []Split) (values []string) {
	t.Helper()
	r, err := s.Open(context.Background(), splits)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for {
		b, err := r.Next()
		if err == io.EOF {
			return values
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range b.Values.N {
			values = append(values, fmt.Sprint(b.Base+uint64(i), b.Values.At(i)))
		}
	}
}
