package kernel

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"go.starlark.net/starlark"
	"pgregory.net/rapid"
)

// spaced draws texts of words between white space of every kind, control characters and bytes that are no UTF-8.
func spaced() *rapid.Generator[string] {
	plain := []string{" ", "  ", "a", "7", "-12", "word", "exactly8", "longer-than-eight"}
	pieces := []string{" ", "  ", "\t", "\r", "\x1c", "\x00", "\u0085", "\u00a0", "\u2003", "\xff", "\xc2", "é", "a", "7", "-12", "word", "exactly8", "longer-than-eight"}
	return rapid.Custom(func(t *rapid.T) string {
		of := plain
		if rapid.Bool().Draw(t, "any") {
			of = pieces
		}
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom(of), 0, 40).Draw(t, "pieces"), "")
	})
}

func TestAppendWords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := spaced().Draw(t, "text")
		if got, want := appendWords(nil, text), strings.Fields(text); !slices.Equal(got, want) {
			t.Fatalf("the words of %q are %q, not %q", text, got, want)
		}
	})
}

// TestSpacesAreFoundInBothWays puts every character at every place of texts of all lengths.
func TestSpacesAreFoundInBothWays(t *testing.T) {
	text := []byte(strings.Repeat("a b  word ", 8))
	for n := 1; n <= len(text); n++ {
		for i := range n {
			for c := range 256 {
				was := text[i]
				text[i] = byte(c)
				spaces, plain := spacesIn(string(text[:n]))
				if want, wantPlain := spacesByWords(string(text[:n])); plain != wantPlain || plain && spaces != want {
					t.Fatalf("%q: %b %v, by words %b %v", text[:n], spaces, plain, want, wantPlain)
				}
				text[i] = was
			}
		}
	}
}

// TestWholeSplits compares chains that begin with a split with what the interpreter makes of them, for batches in which
// all records can be taken at once and for others.
func TestWholeSplits(t *testing.T) {
	functions := map[string][]string{
		"split":  {"r.split()", `r.split(" ")`, `r.split("-1")`, `r.split("a")`, "r.split(None)", "[w for w in r.split()]", `r.lower().split()`},
		"map":    {"r", "(r, 1)", "int(r)", "(r, r, len(r))"},
		"column": {"r", "1", "(r, 2)", "str(r)"},
		"f": {
			"acc[str(r)] = acc.get(str(r), 0) + 1", "acc[r] = acc.get(r, 0) + 1", "acc[r] = acc.get(r, 0) + 3 - 1",
			"x = int(r)\n  acc[r] = acc.get(r, 0) + 1", "if r not in acc:\n    acc[r] = 0\n  acc[r] += 2", "acc[r] = acc.setdefault(r, 0) + 1",
		},
	}
	rapid.Check(t, func(t *rapid.T) {
		draw := func(what string) string { return rapid.SampledFrom(functions[what]).Draw(t, what) }
		src := fmt.Sprintf("def split(r): return %s\ndef map(r): return %s\ndef column(r): return %s\ndef f(acc, r):\n  %s\n  return acc\n",
			draw("split"), draw("map"), draw("column"), draw("f"))
		g, source, err := tryScript(src)
		if err != nil {
			t.Fatal(src, err)
		}
		step := func(kind StepKind, name string) Step {
			s := Step{Kind: kind, Fn: &Func{Callable: g[name].(*starlark.Function), Returns: -1}, Name: name}
			s.Fn.Recognise(source)
			return s
		}
		chain := &Chain{Steps: []Step{step(FlatMap, "split")}}
		if rapid.Bool().Draw(t, "maps") {
			chain.Steps = append(chain.Steps, step(Map, "map"))
		}
		switch rapid.IntRange(0, 2).Draw(t, "end") {
		case 1:
			chain.Columns = []Step{step(Map, "column"), step(Map, "column")}
			chain.Discard = rapid.Bool().Draw(t, "discard")
		case 2:
			fn, err := Bind(g["f"], Signature{Op: "reduce", Param: "f", Own: 1})
			if err != nil {
				t.Fatal(err)
			}
			fn.Recognise(source)
			r := &Reducer{Name: "reduce", Fn: fn, Initial: starlark.NewDict(0), Prints: func(chunk.Ordinal, Print) {}}
			if d, err := Decompose(r, false, chain, env()); err == nil {
				chain.Delta, chain.Discard = d, true
			}
		}
		v := NewRunner(chain, env(), "verify")
		for range 3 {
			in := new(chunk.Batch)
			texts := rapid.SampledFrom([]*rapid.Generator[string]{spaced(), rapid.Just("1 2  3 "), rapid.Just("")}).Draw(t, "texts")
			for i := range rapid.IntRange(1, 6).Draw(t, "n") {
				in.AppendString(texts.Draw(t, "text"))
				in.Relative = append(in.Relative, uint32(7*i))
			}
			if _, mismatch := v.Run(in, new(Output)).(*MismatchError); mismatch {
				t.Fatal(src, v.Run(in, new(Output)))
			}
		}
	})
}

// BenchmarkWords splits lines and makes rows of the words.
func BenchmarkWords(b *testing.B) {
	g, source := script(b, "def split(r): return r.split()")
	chain := &Chain{Steps: []Step{sourced(b, FlatMap, g["split"], source)}}
	in, bytes := new(chunk.Batch), 0
	for i := range 10_000 {
		line := fmt.Sprintf("some words of a line %d and one more", i)
		in.AppendString(line)
		bytes += len(line)
	}
	r, out := NewRunner(chain, env(), "on"), new(Output)
	b.SetBytes(int64(bytes))
	b.ReportAllocs()
	for b.Loop() {
		if err := r.Run(in, out); err != nil {
			b.Fatal(err)
		}
	}
}
