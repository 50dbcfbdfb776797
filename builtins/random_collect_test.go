package builtins_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"go.starlark.net/starlark"
)

// randomCollects is how many random scripts one run of the tests types at a prompt.
const randomCollects = 30

// TestRandomCollects types random scripts at a prompt and wants collect to give what a plain evaluation gives.
func TestRandomCollects(t *testing.T) {
	tryMany(t, randomCollects, func(t *testing.T, seed uint64) bool {
		g := newGenerator(seed)
		g.pipeline()
		if g.fails || g.steps > 0 {
			return true
		}
		p := newTypist(t, g.files)
		p.twice = seed%2 == 0
		text := strings.Join(g.lines[:len(g.lines)-1], "\n") // without what is put out
		if _, err := p.Eval(context.Background(), text); err != nil {
			t.Errorf("%v (run again by FLOWSH_SEED=%d)\n%s", err, seed, text)
			return false
		}
		for _, f := range g.flows {
			if _, err := p.Eval(context.Background(), fmt.Sprintf("collected = [show(x) for x in %s.collect()]", f.expr)); err != nil {
				t.Errorf("%s: %v (run again by FLOWSH_SEED=%d)\n%s", f.expr, err, seed, text)
				return false
			}
			if !f.known {
				continue
			}
			var want, got []string
			for _, v := range f.want {
				want = append(want, textOf(v))
			}
			for v := range starlark.Elements(p.Lookup("collected").(*starlark.List)) {
				got = append(got, string(v.(starlark.String)))
			}
			if d := difference(strings.Join(want, "\n"), strings.Join(got, "\n")); d != "" {
				t.Errorf("%s (run again by FLOWSH_SEED=%d)\n%s\n%s", f.expr, seed, text, d)
				return false
			}
		}
		return true
	})
}
