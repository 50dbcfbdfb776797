package kernel

import (
	"fmt"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
)

// benchmarked is functions of the usual kinds, with records for them.
var benchmarked = []struct {
	name, src string
	kind      StepKind
	record    func(i int) string
}{
	{"identity call", "def f(l):\n    x = l\n    return x", Map, func(i int) string { return "some text" }},
	{"pair", "def f(w): return (w, 1)", Map, func(i int) string { return "some text" }},
	{"words", "def f(l): return l.split()", FlatMap, func(i int) string { return "the quick brown fox jumps over the lazy dog again" }},
	{"log", compiledFunctions[3].src, Map, func(i int) string {
		return fmt.Sprintf(`10.0.0.%d - - [10/Oct/2000:13:55:36 -0700] "GET /apache/pb%d.gif?x=1 HTTP/1.0" 200 %d "http://example.org/" "Mozilla/4.08"`, i%256, i%100, i)
	}},
	{"csv", "def f(l):\n    p = l.split(',')\n    if len(p) != 5 or p[2] == 'x':\n        return None\n    return (p[1].lower(), int(p[3]) * 2)", Map, func(i int) string { return fmt.Sprintf("%d,Name%d,y,%d,z", i, i, i) }},
	{"collatz", compiledFunctions[4].src, Map, func(int) string { return "27" }},
	{"substring", "def f(l): return ' 503 ' in l", Filter, func(i int) string { return strings.Repeat("no such number here ", 5) }},
	{"clean words", "def f(l): return [w.strip('.,;').lower() for w in l.split() if not w.startswith('http')]", FlatMap, func(int) string { return "The quick, brown fox; jumps over http://example.org the lazy dog. again" }},
}

func BenchmarkCompiled(b *testing.B) {
	for _, c := range benchmarked {
		b.Run(strings.ReplaceAll(c.name, " ", "_"), func(b *testing.B) {
			g, source := script(b, c.src)
			chain := &Chain{Steps: []Step{sourced(b, c.kind, g["f"], source)}}
			in := new(chunk.Batch)
			const records = 1024
			for i := range records {
				in.AppendString(c.record(i))
			}
			for _, mode := range []string{"on", "off"} {
				b.Run(mode, func(b *testing.B) {
					r := NewRunner(chain, &Env{MaxSteps: 1 << 40}, mode)
					var out Output
					b.ReportAllocs()
					for b.Loop() {
						if err := r.Run(in, &out); err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/records, "ns/record")
				})
			}
		})
	}
}
