package builtins_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/operator"
	"go.starlark.net/starlark"
)

// randomPipelines is how many pipelines one run of the tests tries.
const randomPipelines = 100

// TestRandomPipelines runs random scripts over random data on every executor, and on one with random sizes, and
// wants the same bytes in every output, the same error text, and what a plain evaluation gives where there is one.
// FLOWSH_SEED=n runs pipeline n alone; FLOWSH_PIPELINES=n tries more of them.
func TestRandomPipelines(t *testing.T) {
	tryMany(t, randomPipelines, tryPipeline)
}

// tryMany tries pipelines of as many seeds as are to be tried: the same in every run, others with FLOWSH_SEED=random.
func tryMany(t *testing.T, n int, try func(*testing.T, uint64) bool) {
	t.Helper()
	first := uint64(1)
	if text := os.Getenv("FLOWSH_PIPELINES"); text != "" {
		n, _ = strconv.Atoi(text)
	}
	switch text := os.Getenv("FLOWSH_SEED"); text {
	case "":
	case "random":
		first = uint64(time.Now().UnixNano())
		t.Logf("the first seed is %d", first)
	default:
		first, _ = strconv.ParseUint(text, 10, 64)
		n = 1
	}
	if testing.Short() {
		n /= 10
	}
	for seed := first; seed < first+uint64(n); seed++ {
		if !try(t, seed) {
			return
		}
	}
}

// tryPipeline reports whether all executors agree on the pipeline of a seed.
func tryPipeline(t *testing.T, seed uint64) bool {
	t.Helper()
	g := newGenerator(seed)
	return g.agree(t, seed, g.pipeline())
}

// agree runs a pipeline on every executor and on one of random sizes; it reports whether all agree with each other
// and with what is known.
func (g *generator) agree(t *testing.T, seed uint64, p *pipeline) bool {
	t.Helper()
	ways := maps.Clone(executors)
	if seed%4 > 0 {
		delete(ways, "a cluster") // which takes longer than all others together
	}
	ways["random sizes"] = engine.Options{
		Cores: 1 + g.IntN(5), Memory: 1 << (14 + g.IntN(10)), BlockSize: 1 + g.Int64N(300), SplitSize: 1 + g.Int64N(3000),
		Kernels: []string{"on", "off", "verify"}[g.IntN(3)],
	}
	want := p.outcome(t, ways["one core"])
	report := func(way, what, difference string) bool {
		t.Errorf("%s, executor %q %+v (run again by FLOWSH_SEED=%d)\n%s\n%s", what, way, ways[way], seed, p, difference)
		return false
	}
	if difference := p.check(want); difference != "" {
		return report("one core", "not what a plain evaluation gives", difference)
	}
	for _, way := range slices.Sorted(maps.Keys(ways)) {
		got := p.outcome(t, ways[way])
		if got.limited {
			continue // the random budget is too small for this one
		}
		if difference := want.difference(got); difference != "" {
			return report(way, "not what one core gives (-)", difference)
		}
	}
	return true
}

// A pipeline is a script with its files, and what must come out.
type pipeline struct {
	script string
	files  map[string]string
	known  map[string]string // outputs by name, "-" for stdout, as far as the plain evaluation knows them
	fails  bool              // one of its operators may fail

	printed []string // by the last run
}

// An outcome is all that can be seen of a run.
type outcome struct {
	Error string
	Files map[string]string // by name, with "-" for stdout

	limited bool // it had too little memory
}

func (p *pipeline) outcome(t *testing.T, o engine.Options) outcome {
	t.Helper()
	w := newWorld(t, p.files, p.files["-"])
	_, err := w.run(p.script, o)
	p.printed = w.printed
	out := outcome{Files: map[string]string{}}
	if err != nil {
		var limit *operator.LimitError
		out.Error, out.limited = err.Error(), errors.As(err, &limit)
	} else {
		out.Files["-"] = w.stdout.String() // of a job that fails, how far it came is not said
	}
	for _, name := range w.list(t, ".") {
		if _, input := p.files[name]; input {
			continue
		}
		out.Files[name] = w.read(t, name)
	}
	return out
}

// list is all files below a folder, in order.
func (w *world) list(t testing.TB, dir string) (names []string) {
	t.Helper()
	entries, err := w.FS.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		if !e.IsDir() {
			names = append(names, name)
			continue
		}
		below := w.list(t, name)
		if len(below) == 0 && name != "tmp" {
			names = append(names, name+"/") // an empty folder that was left behind
		}
		names = append(names, below...)
	}
	return names
}

// check compares an outcome with what is known.
func (p *pipeline) check(got outcome) string {
	if got.Error != "" {
		if p.fails {
			return ""
		}
		return "error: " + got.Error
	}
	for _, name := range slices.Sorted(maps.Keys(p.known)) {
		if difference := difference(p.known[name], got.Files[name]); difference != "" {
			return fmt.Sprintf("%s (- plain, + flowsh)\n%s", name, difference)
		}
	}
	return ""
}

// difference is the first thing in which two outcomes differ.
func (o outcome) difference(got outcome) string {
	if d := difference(o.Error, got.Error); d != "" {
		return "error\n" + d
	}
	names := slices.Sorted(maps.Keys(o.Files))
	if other := slices.Sorted(maps.Keys(got.Files)); !slices.Equal(names, other) {
		return fmt.Sprintf("outputs %q, not %q", other, names)
	}
	for _, name := range names {
		if d := difference(o.Files[name], got.Files[name]); d != "" {
			return name + "\n" + d
		}
	}
	return ""
}

// difference is the first line in which two texts differ, with how many there are.
func difference(want, got string) string {
	if want == got {
		return ""
	}
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	i := 0
	for i < min(len(a), len(b))-1 && a[i] == b[i] {
		i++
	}
	a, b = a[i:min(i+5, len(a))], b[i:min(i+5, len(b))]
	return fmt.Sprintf("line %d of %d and %d\n- %.500s\n+ %.500s", i+1, len(strings.Split(want, "\n")), len(strings.Split(got, "\n")), strings.Join(a, "\n- "), strings.Join(b, "\n+ "))
}

func (p *pipeline) String() string {
	var b strings.Builder
	b.WriteString("--- script\n" + p.script)
	for _, name := range slices.Sorted(maps.Keys(p.files)) {
		fmt.Fprintf(&b, "--- %s\n%.3000q\n", name, p.files[name])
	}
	return b.String()
}

// A randomFlow is an expression for a flow, and its records as far as they are known.
type randomFlow struct {
	expr  string
	kind  kind
	want  []starlark.Value
	known bool
}

// A generator makes a pipeline.
type generator struct {
	*rand.Rand
	plain *plain
	lines []string // of the script
	files map[string]string
	flows []randomFlow // that have a name in the script
	steps int
	fails bool
}

func newGenerator(seed uint64) *generator {
	return &generator{Rand: rand.New(rand.NewPCG(seed, 1)), plain: newPlain(), files: map[string]string{}}
}

// pipeline makes a script of some flows, of which some are put out.
func (g *generator) pipeline() *pipeline {
	g.lines = append(g.lines, prelude)
	for range 1 + g.IntN(3) {
		f := g.source()
		for range g.IntN(5) {
			f = g.demanded(g.operator(f))
		}
		f = g.name(f)
		if g.IntN(6) == 0 {
			g.step(f)
		}
	}
	p := &pipeline{files: g.files, known: map[string]string{}}
	var outs []string
	outs = append(outs, g.output(p, g.some(), "-"))
	for i := range g.IntN(3) {
		outs = append(outs, g.output(p, g.some(), []string{"out.txt", "parts/", "by-{}.txt"}[i%3]))
	}
	all := "[" + strings.Join(outs, ", ") + "]"
	if g.steps > 0 {
		g.lines = append(g.lines, fmt.Sprintf("step(\"last\", %s)", all))
	} else {
		g.lines = append(g.lines, "job = "+all)
	}
	p.script = strings.Join(g.lines, "\n") + "\n"
	p.fails = g.fails
	return p
}

// name gives a flow a name, so that it can be used again.
func (g *generator) name(f randomFlow) randomFlow {
	name := fmt.Sprintf("flow%d", len(g.flows))
	g.lines = append(g.lines, name+" = "+f.expr)
	f.expr = name
	g.flows = append(g.flows, f)
	return f
}

// step makes a flow a step's result.
func (g *generator) step(f randomFlow) randomFlow {
	g.steps++
	name := fmt.Sprintf("step%d", g.steps)
	g.lines = append(g.lines, fmt.Sprintf("step(%q, %s)", name, f.expr))
	f.expr = fmt.Sprintf("result(%q)", name)
	return g.name(f)
}

// some is one of the flows that have a name.
func (g *generator) some() randomFlow { return g.flows[g.IntN(len(g.flows))] }

// output writes a flow as the texts of its records.
func (g *generator) output(p *pipeline, f randomFlow, target string) string {
	switch target {
	case "-":
		p.expect(f, "-", nil)
		return f.expr + ".map(show)"
	case "out.txt":
		p.expect(f, "out.txt", nil)
	case "parts/":
		p.expect(f, "parts/part-00000.txt", nil)
		return f.expr + `.map(show).write("parts/", format = "text")`
	case "by-{}.txt":
		for i := range 3 {
			p.expect(f, fmt.Sprintf("by-%d.txt", i), func(text string) bool { return len(text)%3 == i })
		}
		return f.expr + `.map(show).write("by-{}.txt", by = lambda s: len(s) % 3)`
	}
	return fmt.Sprintf("%s.map(show).write(%q)", f.expr, target)
}

// expect notes what stands in an output.
func (p *pipeline) expect(f randomFlow, name string, belongs func(string) bool) {
	if !f.known {
		return
	}
	var b strings.Builder
	for _, v := range f.want {
		text := textOf(v)
		if belongs == nil || belongs(text) {
			b.WriteString(text + "\n")
		}
	}
	if b.Len() > 0 || belongs == nil && !strings.HasPrefix(name, "parts") {
		p.known[name] = b.String()
	}
}
