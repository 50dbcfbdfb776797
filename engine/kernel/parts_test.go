package kernel

import (
	"fmt"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"pgregory.net/rapid"
)

// partsFunctions use elements of a split in every way that decides whether the list is made.
var partsFunctions = []struct{ name, src string }{
	{"one element", "def f(l): return l.split(',')[SEP]"},
	{"the first", "def f(l): return l.split(',')[0].split('-')[0]"},
	{"the last", "def f(l): return l.split(',')[-1]"},
	{"the last but one", "def f(l): return l.split(',')[-2]"},
	{"a long separator", "def f(l): return (l.split(', ')[1], l.split('--')[0])"},
	{"words", "def f(l): return (l.split()[0], l.split()[1])"},
	{"a variable", "def f(l):\n    p = l.split(',')\n    return p[2] + p[0]"},
	{"a variable of words", "def f(l):\n    p = l.split()\n    return (p[2], p[0], len(p))"},
	{"its length", "def f(l):\n    p = l.split(',')\n    if len(p) < 3:\n        return len(p)\n    return p[2]"},
	{"a length alone", "def f(l): return (len(l.split(',')), len(l.split()), len(l.split('--')), len(l.split(',', 2)))"},
	{"a variable that nobody reads", "def f(l):\n    p = l.split(',')\n    return l"},
	{"an element that few read", "def f(l):\n    p = l.split(',')\n    return p[3] if p[0] == 'a' else p[0]"},
	{"the list itself, later", "def f(l):\n    p = l.split(',')\n    if p[0] == 'a':\n        return p\n    return [p[0]]"},
	{"an index that is not known", "def f(l):\n    p = l.split(',')\n    return p[len(l) % 3]"},
	{"a loop", "def f(l):\n    r = ''\n    for w in l.split():\n        p = w.split(',')\n        r += p[0] + str(len(p))\n    return r"},
	{"assigned twice", "def f(l):\n    p = l.split(',')\n    if p[0] == 'a':\n        p = l.split('-')\n    return p[0]"},
	{"assigned something else", "def f(l):\n    p = l.split(',')\n    x = p[0]\n    p = 1\n    return (p, x)"},
	{"changed", "def f(l):\n    p = l.split(',')\n    p[0] = 'x'\n    p.append('y')\n    return p"},
	{"one list in two variables", "def f(l):\n    p = l.split(',')\n    q = p\n    q.append('y')\n    return (p[0], len(p))"},
	{"taken apart", "def f(l):\n    a, b = l.split(',')\n    return (b, a)"},
	{"words taken apart", "def f(l):\n    a, b = l.split()\n    return (b, a)"},
	{"taken apart at the first separator", "def f(l):\n    a, b = l.split(',', 1)\n    return (b, a)"},
	{"no more than so many", "def f(l):\n    p = l.split(',', 2)\n    return (p[2], len(p), l.split('-', 0)[0], l.split(',', 1)[-1], l.split('-', 1))"},
	{"an argument", "def g(p): return p[1]\ndef f(l): return g(l.split(','))"},
	{"an argument that is kept", "def g(p): return p\ndef f(l): return g(l.split(','))"},
	{"in a comprehension", "def f(l): return [w.split(',')[1] for w in l.split() if ',' in w]"},
	{"of a key", "def f(l): return sorted(l.split(), key = lambda w: w.split(',')[0])"},
	{"behind a separator of the record", "def f(l):\n    p = l.split(l[:1])\n    return (p[0], p[1])"},
	{"joined", "def f(l):\n    p = l.split(',')\n    return p[0] + '/' + p[1] + str(len(l)) + '-' + l"},
}

func TestParts(t *testing.T) {
	for _, c := range partsFunctions {
		for k := range 4 {
			if k > 0 && !strings.Contains(c.src, "SEP") {
				break
			}
			g, source := script(t, strings.Replace(c.src, "SEP", fmt.Sprint(k), 1))
			chain := &Chain{Steps: []Step{sourced(t, Map, g["f"], source)}}
			chain.Steps[0].Catch = true
			t.Run(c.name, func(t *testing.T) {
				rapid.Check(t, func(rt *rapid.T) {
					in := new(chunk.Batch)
					for _, l := range rapid.SliceOfN(rapid.StringOfN(rapid.SampledFrom([]rune("ab,,,- \t\u00a0\u00e9")), 0, 12, -1), 1, 30).Draw(rt, "lines") {
						in.AppendString(l)
					}
					_, report, err := both(t, chain, in)
					if err != nil || report.Bugs > 0 || !report.Compiled {
						rt.Fatalf("%v, %+v", err, report)
					}
				})
			})
		}
	}
}
