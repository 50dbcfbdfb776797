package kernel

import (
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"pgregory.net/rapid"
)

// TestFormats compares formats that are compiled with the interpreter's, for any text and int.
func TestFormats(t *testing.T) {
	for _, src := range []string{
		`def f(s, n): return "%s-%d" % (s, n)`,
		`def f(s, n): return "%s" % s + "%d%%" % n + "%s" % n`,
		`def f(s, n): return "%d" % s`,
		`def f(s, n): return "%s%s" % s`,
		`def f(s, n): return "plain" % ()`,
		`def f(s, n): return "%s" % ((s, n),)`,
		`def f(s, n): return "%r %s" % (s, n)`,
		`def f(s, n): return "%x" % n`,
		`def f(s, n): return "100%" % n`,
		`def f(s, n): return "{}:{}".format(s, n)`,
		`def f(s, n): return "{}".format(s, n)`,
		`def f(s, n): return "{0}{{}}{1}".format(s, n)`,
		`def f(s, n): return "{}{".format(s)`,
		`def f(s, n): return "{}{}".format(s + s, s[1:] + "x" + s)`,
		`def f(s, n):
    t = (s, n, s)
    return "%s %d %s!" % t`,
	} {
		g, source := script(t, src)
		chain := &Chain{Steps: []Step{sourced(t, Map, g["f"], source)}}
		chain.Steps[0].Catch = true
		rapid.Check(t, func(rt *rapid.T) {
			in := new(chunk.Batch)
			in.BeginTuple(2)
			for range rapid.IntRange(1, 20).Draw(rt, "records") {
				in.Fields[0].AppendString(rapid.String().Draw(rt, "s"))
				in.Fields[1].AppendInt(rapid.Int64().Draw(rt, "n"))
				in.N++
			}
			_, report, err := both(t, chain, in)
			if err != nil || report.Bugs > 0 || !report.Compiled {
				rt.Fatalf("%s: %v, %+v", src, err, report)
			}
		})
	}
}
