package kernel

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"github.com/flowsh/flowsh/engine/chunk"
	"go.starlark.net/starlark"
)

// randomRecords is records of up to two fields of given types.
func randomRecords(t testing.TB, g *generator, types []string, n int) *chunk.Batch {
	var b strings.Builder
	b.WriteString("[")
	for range n {
		if len(types) > 1 {
			b.WriteString("(")
		}
		for i, typ := range types {
			if i > 0 {
				b.WriteString(", ")
			}
			if g.IntN(40) == 0 {
				typ = "str"
			}
			b.WriteString(g.leaf(typ))
		}
		if len(types) > 1 {
			b.WriteString(")")
		}
		b.WriteString(", ")
	}
	b.WriteString("]")
	return records(t, b.String())
}

// tryRandom writes a program from a seed and runs it on both tiers. compiled says that it was compiled.
func tryRandom(t testing.TB, seed uint64) (compiled bool, deopts int64) {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 1))}
	params, types := []string{"a"}, []string{g.pick([]string{"int", "str", "str", "float", "row", "row", "list", "pairs", "bytes", "maybe", "tuple"})}
	if g.IntN(2) == 0 {
		params, types = append(params, "b"), append(types, g.pick([]string{"int", "str", "float", "bool", "row", "words"}))
	}
	n := 1 + g.IntN(4)*g.IntN(2)
	src, results := g.functions(n, params, types)
	if strings.Count(src, "\n") > 200*n {
		return false, 0
	}
	globals, source, err := tryScript(src)
	if err != nil {
		if strings.Contains(err.Error(), "got newline") || strings.Contains(err.Error(), "syntax") {
			t.Fatalf("seed %d: %v in\n%s", seed, err, src)
		}
		return false, 0
	}
	chain := randomChain(t, g, globals, source, results)
	limits := &Env{MaxSteps: 100_000}
	defer stopAtMemory(limits)()
	fast := newCompiled(chain, limits, NewInterpreter(chain, limits, true), true)
	v := &verifier{chain: chain, fast: fast, reference: NewInterpreter(chain, limits, false)}
	for range 1 + g.IntN(3) {
		in := randomRecords(t, g, types, 6)
		if g.IntN(4) == 0 {
			in = long(in, 200)
		}
		var mismatch *MismatchError
		err := v.Run(in, new(Output))
		if limits.Interrupt.Load() != nil {
			return false, 0
		}
		if errors.As(err, &mismatch) {
			t.Errorf("seed %d: %v\nin\n%s\nof %s", seed, err, src, texts(&in.Column))
		}
	}
	for _, d := range fast.report.Deopts {
		deopts += d.Count
	}
	return fast.report.Compiled, deopts
}

// stopAtMemory stops programs that double a text again and again, and returns what ends the watch.
func stopAtMemory(e *Env) (end func()) {
	const most = 128 << 20
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	done := make(chan struct{})
	go func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				if metrics.Read(sample); sample[0].Value.Uint64() > most {
					e.Stop(errors.New("too much memory"))
				}
			}
		}
	}()
	return func() { close(done) }
}

// randomChain makes steps of functions f0, f1 ..., and sometimes the last one a column. results is what they most
// likely return.
func randomChain(t testing.TB, g *generator, globals starlark.StringDict, source Source, results []string) *Chain {
	chain := new(Chain)
	for i, result := range results {
		kind := []StepKind{Map, Map, Map, Filter, Reject, Lane, MapValues}[g.IntN(7)]
		switch {
		case (result == "list" || result == "words" || result == "pairs" || result == "set") && g.IntN(3) > 0:
			kind = FlatMap
		case g.IntN(20) == 0:
			kind = FlatMap
		case kind == MapValues && g.IntN(3) > 0:
			kind = Map
		}
		s := sourced(t, kind, globals[fmt.Sprintf("f%d", i)], source)
		s.Lanes = 4
		s.Catch = g.IntN(8) > 0
		if i > 0 && i == len(results)-1 && g.IntN(3) == 0 {
			s.Kind, s.Catch = Map, false
			chain.Columns = append(chain.Columns, s)
			chain.Discard = g.IntN(2) == 0
			continue
		}
		if g.IntN(10) == 0 {
			chain.Steps = append(chain.Steps, Step{Kind: Sample, Name: "sample", Fraction: 0.7})
		}
		chain.Steps = append(chain.Steps, s)
	}
	return chain
}

// long is the first record n times, and then all of a batch.
func long(b *chunk.Batch, n int) *chunk.Batch {
	all := &chunk.Batch{Base: b.Base, Origin: b.Origin}
	for range n {
		all.Append(b.At(0))
	}
	for i := range b.N {
		all.Append(b.At(i))
	}
	return all
}

// TestRandomPrograms compares the compiled code of random functions with the interpreter. FLOWSH_RANDOM=10m does so
// for ten minutes; FLOWSH_SEED=n tries the program of seed n alone.
func TestRandomPrograms(t *testing.T) { randomly(t, tryRandom) }

func FuzzPrograms(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { tryRandom(t, seed) })
}
