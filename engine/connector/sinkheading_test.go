package connector

import (
	"errors"
	"strings"
	"testing"

	"go.starlark.net/starlark"
)

// written is what stdout gets of batches, or the error.
func written(t *testing.T, spec SinkSpec, batches ...[]starlark.Value) (string, error) {
	t.Helper()
	spec.Target = "-"
	b := newMemoryBench()
	s := b.open(t, spec)
	for _, values := range batches {
		if err := write(s, false, values); err != nil {
			return "", err
		}
	}
	err := s.Prepare()
	return b.stdout.String(), err
}

func TestHeadings(t *testing.T) {
	no, yes := false, true
	for _, c := range []struct {
		spec    SinkSpec
		batches []string
		want    string
	}{
		{SinkSpec{Format: "csv"}, []string{`[{"a": 1, "b,c": 2}]`, `[{"a": 3, "b,c": 4}]`}, "a,\"b,c\"\n1,2\n3,4\n"},
		{SinkSpec{Format: "tsv"}, []string{`[]`, `[{"a": 1, "b\t": 2}]`}, "a\tb\\t\n1\t2\n"},
		{SinkSpec{Format: "csv"}, []string{`[("x", 1)]`}, "x,1\n"},
		{SinkSpec{Format: "csv", Header: &no}, []string{`[{"a": 1}]`}, "1\n"},
		{SinkSpec{Format: "csv", Columns: []string{"k", "v"}}, []string{`[("x", 1)]`, `[("y", 2)]`}, "k,v\nx,1\ny,2\n"},
		{SinkSpec{Format: "csv", Columns: []string{"k", "v"}, Header: &no}, []string{`[("x", 1)]`}, "x,1\n"},
		{SinkSpec{Format: "csv", Columns: []string{"k"}, Header: &yes}, nil, "k\n"},
		{SinkSpec{Format: "csv", Columns: []string{""}}, nil, "\"\"\n"},
		// the first record's order counts, within a batch and across batches
		{
			SinkSpec{Format: "csv"},
			[]string{`[{"a": 1, "b": 2}, {"b": "x,\n\"", "a": 3}]`, `[{"b": "p,\n\"q", "a": "r"}, {"b": 5, "a": 6}]`},
			"a,b\n1,2\n3,\"x,\n\"\"\"\nr,\"p,\n\"\"q\"\n6,5\n",
		},
		{SinkSpec{Format: "tsv"}, []string{`[struct(b = 1, c = 2, a = 0)]`, `[{"c": "x\ty", "b": None, "a": 3}]`}, "a\tb\tc\n0\t1\t2\n3\t\tx\\ty\n"},
	} {
		batches := make([][]starlark.Value, len(c.batches))
		for i, batch := range c.batches {
			batches[i] = elements(t, batch)
		}
		if got, err := written(t, c.spec, batches...); err != nil || got != c.want {
			t.Errorf("%s %v:\n got %q, %v\nwant %q", c.spec.Format, c.batches, got, err, c.want)
		}
	}
}

func TestRecordsWithOtherColumns(t *testing.T) {
	yes := true
	for _, c := range []struct {
		spec    SinkSpec
		batches []string
		record  int
		want    []string
	}{
		{
			SinkSpec{Format: "csv"},
			[]string{`[{"a": 1}, {"a": 2}, {"a": 3, "b": 4}]`},
			2,
			[]string{`{"a": 3, "b": 4}`, "number 3 of its file", `it has the columns ["a", "b"], and the first one has the columns ["a"]: say columns=["a", "b"]`},
		},
		{
			SinkSpec{Format: "csv"},
			[]string{`[{"a": 1}, {"a": 2}]`, `[{"b": 3}]`},
			0,
			[]string{`the record {"b": 3}: it is number 3 of its file`, `say columns=["a", "b"]`},
		},
		{
			SinkSpec{Format: "tsv"},
			[]string{`[("x", 1), {"a": 1}]`},
			1,
			[]string{"number 2", "the first one has no named columns"},
		},
		{SinkSpec{Format: "table"}, []string{`[{"a": 1}]`, `["x"]`}, 0, []string{`the record "x": it is number 2`, "it has no named columns"}},
		{SinkSpec{Format: "csv", Header: &yes}, []string{`[("x", 1)]`}, 0, []string{`the record ("x", 1)`, "header=True needs names: say columns=[...]"}},
	} {
		batches := make([][]starlark.Value, len(c.batches))
		for i, batch := range c.batches {
			batches[i] = elements(t, batch)
		}
		_, err := written(t, c.spec, batches...)
		var failed *EncodeError
		if !errors.As(err, &failed) || failed.Record != c.record {
			t.Errorf("%v: got %#v", c.batches, err)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%v: %v does not say %s", c.batches, err, want)
			}
		}
	}
}

func TestTableForPeople(t *testing.T) {
	for _, c := range []struct{ batch, want string }{
		{
			`[{"name": "anna", "n": 1, "share": 0.5}, {"name": "é", "n": 100, "share": None}]`,
			"name    n  share\nanna    1    0.5\né     100       \n",
		},
		{`[("x", "long text"), ("yyy", "b"), ("one",), ("x", "y", "more")]`, "x    long text\nyyy  b\none\nx    y          more\n"},
		{`["a", "-1.5e+10"]`, "a\n-1.5e+10\n"},
		{`[-1.5, 1e20, 3, 1.5e-7]`, "   -1.5\n  1e+20\n      3\n1.5e-07\n"},
	} {
		if got, err := written(t, SinkSpec{Format: "table"}, elements(t, c.batch)); err != nil || got != c.want {
			t.Errorf("%s:\n got %q, %v\nwant %q", c.batch, got, err, c.want)
		}
	}
}

func TestTableStreamsAfterItsWidthsAreKnown(t *testing.T) {
	b := newMemoryBench()
	s := b.open(t, SinkSpec{Target: "-", Format: "table"})
	if err := write(s, false, pairs(alignRows-1)); err != nil || b.stdout.Len() != 0 {
		t.Errorf("%d bytes came before the widths were known, %v", b.stdout.Len(), err)
	}
	wide := elements(t, `[("a much wider cell", "text", 1)]`)
	if err := write(s, false, append(pairs(1), wide...)); err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(b.stdout.String(), "red      0\na much wider cell  text  1\n") {
		t.Errorf("it ends in %q", b.stdout.String()[b.stdout.Len()-60:])
	}
}
