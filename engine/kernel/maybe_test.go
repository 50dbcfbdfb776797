package kernel

import (
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
)

// TestMaybe runs functions of pairs whose second field is a record or None, as an outer join makes them.
func TestMaybe(t *testing.T) {
	pairs := func() *chunk.Batch {
		in := records(t, "[(1, 'x'), (2, 'y'), (3, 'z')]")
		right := chunk.Column{Kind: chunk.Record, N: 3, Names: []string{"a", "b"}, Fields: []chunk.Column{
			{Kind: chunk.Int, N: 3, Ints: []int64{10, 0, 30}}, {Kind: chunk.String, N: 3, Strings: []string{"p", "q", "r"}},
		}}
		in.Fields[1] = chunk.Column{Kind: chunk.Maybe, N: 3, Bools: []bool{true, false, true}, Fields: []chunk.Column{right}}
		return in
	}
	if got := typeOf(&pairs().Column, nil, false).String(); got != "(int, record or None)" {
		t.Errorf("the type of pairs is %s", got)
	}
	for _, c := range []struct {
		src    string
		deopts int64
	}{
		{`def f(n, r): return (n, r["a"] + n if r else -1)`, 0},
		{`def f(n, r): return r["b"] if r != None else "none"`, 0},
		{`def f(n, r): return n if not r else r.get("a", 5)`, 0},
		{"def f(n, r):\n    if r == None: return None\n    return r['b'] + str(n)", 0},
		{`def f(n, r): return "a" in r if r else False`, 0},
		{`def f(n, r): return (r, n)`, 0},
		{`def f(n, r): return r`, 0},
		{`def f(n, r): return [r, type(r), r == {"a": 10, "b": "p"}]`, 0},
		{`def f(n, r): return (r or {"a": 0})["a"]`, 0},
		{`def f(n, r): return r["a"]`, 1},
	} {
		g, source := script(t, c.src)
		chain := &Chain{Steps: []Step{sourced(t, Map, g["f"], source)}}
		_, report, err := both(t, chain, pairs())
		if _, mismatch := err.(*MismatchError); mismatch {
			t.Errorf("%s: %v", c.src, err)
		}
		deopts := int64(0)
		for _, d := range report.Deopts {
			deopts += d.Count
		}
		if !report.Compiled || deopts != c.deopts || report.Bugs > 0 {
			t.Errorf("%s: %+v, want %d deopts", c.src, report, c.deopts)
		}
	}
}
