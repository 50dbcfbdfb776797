package kernel

import (
	"fmt"
	"slices"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/scan"
	"pgregory.net/rapid"
)

// linesOf is a text as a source of lines gives it.
func linesOf(text string) *chunk.Batch {
	b := &chunk.Batch{Text: text}
	lines := scan.NewLines(text)
	for {
		line, start, ok := lines.Next()
		if !ok {
			return b
		}
		b.AppendString(line)
		b.Relative = append(b.Relative, uint32(start))
	}
}

// TestSearch compares filters that look for a text in whole blocks with the interpreter.
func TestSearch(t *testing.T) {
	for _, c := range []struct {
		src    string
		search bool
	}{
		{"def f(l): return l.find('ab') >= 0", true},
		{"def f(l): return l.find('ab') > -1", true},
		{"def f(l): return l.find('ab') != -1", true},
		{"def f(l): return l.find('ab') > 0", false},
		{"def f(l): return l.find('ab') < 0", false},
		{"def f(l): return 'ab' in l", true},
		{"def f(l): return 'a' in l", true},
		{"def f(l): return ('aba' in l and l[3] != 'b')", true},
		{"def f(l): return 'b\\r' in l", true},
		{"def f(l): return 'a\\nb' in l", true},
		{"def f(l): return '" + fmt.Sprintf("%070d", 0) + "' in l", true},
		{"def f(l): return '' in l", false},
		{"def f(l): return l[3] != 'b' and 'ab' in l", false},
		{"def f(l): return 'ab' in l or 'b' in l", false},
		{"def f(l): return 'ab' not in l", false},
		{"def f(l): return not ('ab' in l)", false},
		{"def f(l): return 'ab' in l.strip()", false},
		{"def f(l):\n    l = l + 'ab'\n    return 'ab' in l", false},
		{"def f(l): return 'ab' in 'cab'", false},
	} {
		g, source := script(t, c.src)
		chain := &Chain{Steps: []Step{sourced(t, Filter, g["f"], source)}}
		chain.Steps[0].Catch = true
		p, err := compileChain(chain, env(), strType, nil)
		if err != nil || (p.search != nil) != c.search {
			t.Errorf("%s: %v, searches %v, want %v", c.src, err, p.search != nil, c.search)
		}
		rapid.Check(t, func(rt *rapid.T) {
			in := linesOf(rapid.StringOfN(rapid.SampledFrom([]rune("aabb\r\n\n")), 0, 200, -1).Draw(rt, "text"))
			for _, kind := range []StepKind{Filter, Reject} {
				chain := &Chain{Steps: slices.Clone(chain.Steps)}
				chain.Steps[0].Kind = kind
				if _, report, err := both(t, chain, in); err != nil || report.Bugs > 0 {
					rt.Fatalf("%s: %v, %+v", c.src, err, report)
				}
			}
		})
	}
}
