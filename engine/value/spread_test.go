package value_test

import (
	"testing"

	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
)

func TestSpread(t *testing.T) {
	cases := []struct{ expr, want string }{ // want is "" for one record
		{`{"a": 1, "b": 2}`, `[("a", 1), ("b", 2)]`},
		{`[1, 2]`, `[1, 2]`},
		{`set([2, 1])`, `[2, 1]`},
		{`range(3)`, `[0, 1, 2]`},
		{`"ab".elems()`, `["a", "b"]`},
		{`"é".codepoints()`, `["é"]`},
		{`[]`, `[]`},
		{`{}`, `[]`},
		{`(1, 2)`, ``},
		{`"ab"`, ``},
		{`b"ab"`, ``},
		{`None`, ``},
		{`1`, ``},
		{`struct(a = 1)`, ``},
		{`len`, ``},
	}
	for _, c := range cases {
		records, ok := value.Spread(mustEval(t, c.expr))
		if ok != (c.want != "") {
			t.Errorf("Spread(%s): many records is %v", c.expr, ok)
		}
		if !ok {
			continue
		}
		got := starlark.NewList(nil)
		for r := range records {
			got.Append(r)
		}
		if got.String() != c.want {
			t.Errorf("Spread(%s) gives %s, want %s", c.expr, got, c.want)
		}
	}
}

func TestSpreadStopsEarly(t *testing.T) {
	for _, expr := range []string{`{"a": 1, "b": 2}`, `[1, 2]`, `range(3)`} {
		v := mustEval(t, expr)
		records, _ := value.Spread(v)
		for range records {
			break
		}
		if d, ok := v.(*starlark.Dict); ok {
			if err := d.SetKey(starlark.None, starlark.None); err != nil {
				t.Errorf("after the loop: %v", err)
			}
		}
	}
}
