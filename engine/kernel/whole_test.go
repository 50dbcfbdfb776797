package kernel

import (
	"fmt"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"go.starlark.net/starlark"
	"pgregory.net/rapid"
)

// mapped draws an expression of r, a record with the members s, t, i, x and a.
func mapped(t *rapid.T, depth int) string {
	if depth == 0 || rapid.IntRange(0, 3).Draw(t, "leaf") == 0 {
		return rapid.SampledFrom([]string{`r["s"]`, `r["t"]`, `r["i"]`, `r["x"]`, `r["a"]`, "1", "2.5", `"k"`, "limit"}).Draw(t, "leaf")
	}
	inner := func() string { return mapped(t, depth-1) }
	switch rapid.IntRange(0, 9).Draw(t, "form") {
	case 0:
		return fmt.Sprintf("float(%s)", inner())
	case 1:
		return fmt.Sprintf("int(%s)", inner())
	case 2:
		return fmt.Sprintf("-%s", inner())
	case 3:
		return fmt.Sprintf("(%s, %s)", inner(), inner())
	case 4:
		return fmt.Sprintf("(%s %s %s)", inner(), rapid.SampledFrom([]string{"+", "-", "*", "/"}).Draw(t, "op"), inner())
	case 5:
		return fmt.Sprintf("helper(%s)", inner())
	case 6:
		return fmt.Sprintf("(%s, %s)[%d]", inner(), inner(), rapid.IntRange(-2, 1).Draw(t, "index"))
	}
	if rapid.Bool().Draw(t, "lesser") {
		return fmt.Sprintf("%s(%s, %s)", rapid.SampledFrom([]string{"min", "max"}).Draw(t, "extreme"), inner(), inner())
	}
	return fmt.Sprintf("float(%s)", rapid.SampledFrom([]string{`r["s"]`, `r["t"]`}).Draw(t, "text"))
}

// chosen draws a condition of r.
func chosen(t *rapid.T) string {
	op := func(ops ...string) string { return rapid.SampledFrom(ops).Draw(t, "op") }
	switch rapid.IntRange(0, 4).Draw(t, "condition") {
	case 0:
		return fmt.Sprintf(`r["i"] %s %d`, op("==", "!=", "<", "<=", ">", ">="), rapid.IntRange(-8, 2).Draw(t, "n"))
	case 1:
		return fmt.Sprintf(`r["a"] %s 1`, op("==", "!="))
	case 2:
		return `float(r["t"]) > 0`
	}
	return fmt.Sprintf(`r["s"] %s "%d"`, op("==", "!="), rapid.IntRange(-1, 2).Draw(t, "n"))
}

// TestWholeBatches compares what filters, maps and keys of records give with what the interpreter gives, for batches that
// are taken at once and for those in which some record cannot be.
func TestWholeBatches(t *testing.T) {
	texts := rapid.SampledFrom([]string{"1", "-2.5", "0", "-0.0", "12345.678", "007", "1e3", "x", "", "99999999999999999999", "nan"})
	ints := rapid.SampledFrom([]int64{0, 1, -7, 1 << 40, -1 << 63, 1<<63 - 1})
	floats := rapid.SampledFrom([]float64{0, -1.5, 1e300, 3})
	rapid.Check(t, func(t *rapid.T) {
		src := "limit = 3\ndef helper(v): return v\n"
		chain := &Chain{Discard: rapid.Bool().Draw(t, "discard")}
		filters := rapid.IntRange(0, 2).Draw(t, "filters")
		for k := range filters {
			src += fmt.Sprintf("def p%d(r): return %s\n", k, chosen(t))
		}
		steps := rapid.IntRange(0, 2).Draw(t, "steps")
		for k := range steps {
			expr := "r"
			if k == steps-1 {
				expr = mapped(t, 3)
			}
			src += fmt.Sprintf("def f%d(r): return %s\n", k, expr)
		}
		columns := 0
		if steps == 0 {
			columns = rapid.IntRange(0, 2).Draw(t, "columns")
		}
		for k := range columns {
			src += fmt.Sprintf("def c%d(r):\n", k)
			if rapid.Bool().Draw(t, "named") {
				src += fmt.Sprintf("    v = %s\n    w = (%s, v)\n    return (w[1], %s)\n", mapped(t, 2), mapped(t, 2), mapped(t, 2))
				continue
			}
			src += fmt.Sprintf("    return %s\n", mapped(t, 3))
		}
		g, source, err := tryScript(src)
		if err != nil {
			t.Fatal(src, err)
		}
		function := func(name string) Step {
			s := Step{Kind: Map, Fn: &Func{Callable: g[name].(*starlark.Function), Returns: -1}, Name: name}
			s.Fn.Recognise(source)
			return s
		}
		for k := range filters {
			filter := function(fmt.Sprintf("p%d", k))
			filter.Kind = rapid.SampledFrom([]StepKind{Filter, Reject}).Draw(t, "kind")
			chain.Steps = append(chain.Steps, filter)
		}
		for k := range steps {
			chain.Steps = append(chain.Steps, function(fmt.Sprintf("f%d", k)))
		}
		for k := range columns {
			chain.Columns = append(chain.Columns, function(fmt.Sprintf("c%d", k)))
		}
		v := NewRunner(chain, env(), "verify")
		for range 3 {
			in, odd := new(chunk.Batch), rapid.Bool().Draw(t, "odd")
			in.BecomeRecord([]string{"s", "t", "i", "x", "a"})
			for range rapid.IntRange(1, 6).Draw(t, "n") {
				for f := range 2 {
					if odd {
						in.Fields[f].AppendString(texts.Draw(t, "text"))
					} else {
						in.Fields[f].AppendString(fmt.Sprint(rapid.IntRange(-9, 99).Draw(t, "number")))
					}
				}
				in.Fields[2].AppendInt(ints.Draw(t, "int"))
				in.Fields[3].AppendFloat(floats.Draw(t, "float"))
				switch rapid.IntRange(0, 9).Draw(t, "any") {
				case 0:
					in.Fields[4].AppendMissing()
				case 1, 2, 3:
					in.Fields[4].Append(starlark.Float(2.5))
				default:
					in.Fields[4].AppendInt(ints.Draw(t, "int"))
				}
				in.N++
			}
			if _, mismatch := v.Run(in, new(Output)).(*MismatchError); mismatch {
				t.Fatal(src, v.Run(in, new(Output)))
			}
		}
	})
}

// BenchmarkWholeBatch makes keys of two numbers that are texts.
func BenchmarkWholeBatch(b *testing.B) {
	g, source := script(b, `def f(r): return (-float(r["x"]), int(r["i"]))`)
	chain := &Chain{Columns: []Step{sourced(b, Map, g["f"], source)}}
	in := new(chunk.Batch)
	in.BecomeRecord([]string{"x", "i"})
	for i := range 10_000 {
		in.Fields[0].AppendString(fmt.Sprintf("%d.%02d", i*7919%100_000, i%100))
		in.Fields[1].AppendString(fmt.Sprint(i))
		in.N++
	}
	r, out := NewRunner(chain, env(), "on"), new(Output)
	b.ReportAllocs()
	for b.Loop() {
		if err := r.Run(in, out); err != nil {
			b.Fatal(err)
		}
	}
	if report, _ := ReportOf(r); report.Records == 0 || !out.Borrowed {
		b.Fatal("not compiled")
	}
}

// TestTextsCutAtOnce compares names that are given to the parts of texts with what the interpreter gives, for texts with as
// many parts as there are names, and for others.
func TestTextsCutAtOnce(t *testing.T) {
	text := rapid.StringMatching(`[0-9a ]{0,3}(, ?[0-9a]{0,2}){0,3}`)
	separators := rapid.SampledFrom([]string{`","`, `", "`, `" "`, ""})
	outer := t
	rapid.Check(t, func(t *rapid.T) {
		sep := separators.Draw(t, "separator")
		cut := "split"
		if sep != "" {
			cut = rapid.SampledFrom([]string{"split", "partition", "rpartition"}).Draw(t, "method")
		}
		names := "a, b, c"
		if cut == "split" && rapid.Bool().Draw(t, "two") {
			names = "a, b"
		}
		result := rapid.SampledFrom([]string{"(a, b)", "(b, a, limit)", "int(b)", "(a, int(b) * 2 - 1)", "a", "(int(a) + int(b), 1)"}).Draw(t, "result")
		src := fmt.Sprintf("limit = 3\ndef f(line):\n    %s = line.%s(%s)\n    return %s\n", names, cut, sep, result)
		g, source := script(outer, src)
		chain := &Chain{Steps: []Step{sourced(outer, Map, g["f"], source)}}
		if p, err := compileChain(chain, env(), strType, nil); err != nil || p.whole == nil {
			t.Fatalf("%s is not computed at once: %v", src, err)
		}
		v := NewRunner(chain, env(), "verify")
		for range 3 {
			in := new(chunk.Batch)
			for range rapid.IntRange(1, 6).Draw(t, "n") {
				in.AppendString(text.Draw(t, "text"))
			}
			if _, mismatch := v.Run(in, new(Output)).(*MismatchError); mismatch {
				t.Fatal(src, v.Run(in, new(Output)))
			}
		}
	})
}

// BenchmarkCutTexts makes pairs of texts, as a table without a header has them.
func BenchmarkCutTexts(b *testing.B) {
	g, source := script(b, "def f(line):\n    key, _, number = line.partition(\"\\t\")\n    return (key, int(number))\n")
	chain := &Chain{Steps: []Step{sourced(b, Map, g["f"], source)}}
	in := new(chunk.Batch)
	for i := range 10_000 {
		in.AppendString(fmt.Sprintf("k%012x\t%d", i*7919, i%1000))
	}
	r, out := NewRunner(chain, env(), "on"), new(Output)
	b.ReportAllocs()
	for b.Loop() {
		if err := r.Run(in, out); err != nil {
			b.Fatal(err)
		}
	}
}
