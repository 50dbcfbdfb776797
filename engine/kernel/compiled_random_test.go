package kernel

import (
	"errors"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/flowsh/flowsh/engine/chunk"
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
	params, types := []string{"a"}, []string{g.pick([]string{"int", "str", "str", "float"})}
	if g.IntN(2) == 0 {
		params, types = append(params, "b"), append(types, g.pick([]string{"int", "str", "float", "bool"}))
	}
	src := g.function(params, types)
	if strings.Count(src, "\n") > 200 {
		return false, 0
	}
	kind := []StepKind{Map, Map, Map, FlatMap, Filter}[g.IntN(5)]
	globals, source, err := tryScript(src)
	if err != nil {
		if strings.Contains(err.Error(), "got newline") || strings.Contains(err.Error(), "syntax") {
			t.Fatalf("seed %d: %v in\n%s", seed, err, src)
		}
		return false, 0
	}
	s := sourced(t, kind, globals["f"], source)
	s.Catch = true
	chain := &Chain{Steps: []Step{s}}
	in := randomRecords(t, g, types, 6)
	limits := &Env{MaxSteps: 100_000}
	fast := newCompiled(chain, limits, NewInterpreter(chain, limits, true), true)
	v := &verifier{chain: chain, fast: fast, reference: NewInterpreter(chain, limits, false)}
	var out Output
	err = v.Run(in, &out)
	var mismatch *MismatchError
	if errors.As(err, &mismatch) {
		t.Errorf("seed %d: %v\nin\n%s", seed, err, src)
	}
	for i, d := range out.Dead {
		if d.Error.Error() != v.second.Dead[i].Error.Error() {
			t.Errorf("seed %d: dead letter %v, want %v in\n%s", seed, d.Error, v.second.Dead[i].Error, src)
		}
	}
	for k := range out.Counts {
		if out.Counts[k] != v.second.Counts[k] {
			t.Errorf("seed %d: counts %+v, want %+v in\n%s", seed, out.Counts[k], v.second.Counts[k], src)
		}
	}
	for _, d := range fast.report.Deopts {
		deopts += d.Count
	}
	return fast.report.Compiled, deopts
}

// TestRandomPrograms compares the compiled code of random functions with the interpreter. FLOWSH_RANDOM=10m does so
// for ten minutes; FLOWSH_SEED=n tries the program of seed n alone.
func TestRandomPrograms(t *testing.T) {
	if text := os.Getenv("FLOWSH_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		tryRandom(t, seed)
		return
	}
	seed := rand.Uint64()
	budget := 4 * time.Second
	if testing.Short() {
		budget = time.Second
	}
	if text := os.Getenv("FLOWSH_RANDOM"); text != "" {
		var err error
		if budget, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	end := time.Now().Add(budget)
	programs, compiled, deopts := 0, 0, int64(0)
	for first := seed; time.Now().Before(end) && !t.Failed(); seed++ {
		ok, n := tryRandom(t, seed)
		if programs++; ok {
			compiled++
			deopts += n
		}
		if t.Failed() {
			t.Logf("the first seed was %d", first)
		}
	}
	if compiled < programs/4 {
		t.Errorf("only %d of %d programs were compiled", compiled, programs)
	}
	t.Logf("%d programs, %d compiled, %d of %d records given up", programs, compiled, deopts, 6*compiled)
}

func FuzzPrograms(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { tryRandom(t, seed) })
}
