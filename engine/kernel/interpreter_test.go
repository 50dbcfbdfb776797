package kernel

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// load runs a script and returns its frozen globals.
func load(t testing.TB, src string) starlark.StringDict {
	t.Helper()
	predeclared := starlark.StringDict{
		"explode": starlark.NewBuiltin("explode", func(*starlark.Thread, *starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
			panic("boom")
		}),
	}
	opts := &syntax.FileOptions{Recursion: true, Set: true}
	g, err := starlark.ExecFileOptions(opts, &starlark.Thread{}, "job.star", src, predeclared)
	if err != nil {
		t.Fatal(err)
	}
	g.Freeze()
	return g
}

// step binds global f of a script to a step.
func step(t testing.TB, kind StepKind, v starlark.Value) Step {
	t.Helper()
	name := map[StepKind]string{Map: "map", FlatMap: "flat_map", Filter: "filter", Reject: "reject", MapValues: "map_values", Lane: "partition"}[kind]
	fn, err := Bind(v, Signature{Op: name, Param: "f", Field: true})
	if err != nil {
		t.Fatal(err)
	}
	return Step{Kind: kind, Op: 7, Name: name, Fn: fn, Lanes: 64}
}

// records makes a batch of the values of a Starlark list.
func records(t testing.TB, expr string) *chunk.Batch {
	t.Helper()
	v, err := starlark.EvalOptions(&syntax.FileOptions{Set: true}, &starlark.Thread{}, "input", expr, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &chunk.Batch{Base: 1000, Origin: &chunk.Origin{File: "in.txt", Base: 1000}}
	for e := range starlark.Elements(v.(starlark.Iterable)) {
		e.Freeze()
		b.Append(e)
	}
	return b
}

func env() *Env { return &Env{MaxSteps: 1_000_000} }

func texts(c *chunk.Column) string {
	var parts []string
	for i := range c.N {
		parts = append(parts, c.At(i).String())
	}
	return strings.Join(parts, " ")
}

func TestSteps(t *testing.T) {
	src := `
def double(x): return x * 2
def words(s): return s.split()
def pair(a, b): return a + b
def big(x): return x > 2
def upper(v): return v.upper()
def items(d): return d
def nothing(x): return []
def whole(*args): return len(args)
def optional(x, y = 5): return y
`
	for _, c := range []struct {
		name string
		kind StepKind
		fn   string
		in   string
		want string
	}{
		{"map", Map, "double", "[1, 2.5, 'a']", `2 5.0 "aa"`},
		{"flat_map emits elements", FlatMap, "words", "['a b', '', 'c']", `"a" "b" "c"`},
		{"flat_map emits a dict's pairs", FlatMap, "items", "[{'k': 1, 'l': 2}]", `("k", 1) ("l", 2)`},
		{"flat_map emits a range", FlatMap, "items", "[range(3)]", "0 1 2"},
		{"flat_map of nothing", FlatMap, "nothing", "[1]", ""},
		{"filter", Filter, "big", "[1, 2, 3, 4]", "3 4"},
		{"reject", Reject, "big", "[1, 2, 3, 4]", "1 2"},
		{"tuples spread", Map, "pair", "[(1, 2), ('a', 'b')]", `3 "ab"`},
		{"varargs take the record whole", Map, "whole", "[(1, 2)]", "1"},
		{"defaults take the record whole", Map, "optional", "[(1, 2)]", "5"},
		{"map_values", MapValues, "upper", "[('k', 'v')]", `("k", "V")`},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := load(t, src)
			chain := &Chain{Steps: []Step{step(t, c.kind, g[c.fn])}}
			for _, mode := range []string{"off", "on", "verify"} {
				var out Output
				if err := NewRunner(chain, env(), mode).Run(records(t, c.in), &out); err != nil {
					t.Fatal(err)
				}
				if got := texts(&out.Column); got != c.want {
					t.Errorf("%s: got %s, want %s", mode, got, c.want)
				}
			}
		})
	}
}

func TestSelectors(t *testing.T) {
	for _, c := range []struct{ selector, in, want, err string }{
		{"'a'", "[{'a': 1}]", "1", ""},
		{"1", "[(1, 2), [3, 4]]", "2 4", ""},
		{"-1", "[(1, 2)]", "2", ""},
		{"('a', 'b')", "[{'a': 1, 'b': 2}]", "(1, 2)", ""},
		{"['a', 'b']", "[{'a': 1, 'b': 2}]", "(1, 2)", ""},
		{"'x'", "[{'a': 1}]", "", `record has no field "x" \(it has a\)`},
		{"5", "[(1, 2)]", "", "record has no element 5: it has 2 elements"},
		{"'a'", "['text']", "", `field "a" of a string: only dicts have fields`},
		{"0", "['text']", "", "index 0 of a string"},
	} {
		v, err := starlark.EvalOptions(&syntax.FileOptions{}, &starlark.Thread{}, "sel", c.selector, nil)
		if err != nil {
			t.Fatal(err)
		}
		chain := &Chain{Columns: []Step{step(t, Map, v)}}
		var out Output
		err = NewRunner(chain, env(), "verify").Run(records(t, c.in), &out)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), strings.ReplaceAll(c.err, `\`, "")) {
				t.Errorf("%s of %s: error %v, want %s", c.selector, c.in, err, c.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s of %s: %v", c.selector, c.in, err)
			continue
		}
		if got := texts(&out.Columns[0]); got != c.want {
			t.Errorf("%s of %s: got %s, want %s", c.selector, c.in, got, c.want)
		}
	}
}

func TestScriptErrorNamesEverything(t *testing.T) {
	g := load(t, "def inner(x):\n    return 1 // x\n\ndef f(x):\n    return inner(x)\n")
	chain := &Chain{Steps: []Step{step(t, Map, g["f"])}}
	var out Output
	err := NewRunner(chain, env(), "verify").Run(records(t, "[1, 2, 0, 3]"), &out)
	var e *ScriptError
	if !errors.As(err, &e) {
		t.Fatalf("got %v", err)
	}
	if out.N != 2 {
		t.Errorf("%d records before the error, want 2", out.N)
	}
	want := "job.star:2:14: map: floored division by zero\n  record: 0\n  from:   in.txt, byte 1002\nTraceback (most recent call last):\n  job.star:5:17: in f\n  job.star:2:14: in inner"
	if got := err.Error(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestFailures(t *testing.T) {
	for _, c := range []struct {
		name, src, in, want string
		kind                StepKind
		is                  error
	}{
		{"a record of another width", "def f(a, b): return a", "[(1, 2, 3)]", "map takes 2 fields (a, b); this record is a tuple of 3: (1, 2, 3)", Map, nil},
		{"a record that is no tuple", "def f(a, b): return a", "['x']", "this record is a string", Map, nil},
		{"flat_map of a tuple", "def f(x): return (1, 2)", "[1]", "flat_map must return a list of records ([] for none), not tuple", FlatMap, nil},
		{"flat_map of None", "def f(x): return None", "[1]", "not NoneType: None", FlatMap, nil},
		{"map_values of no pair", "def f(x): return x", "[1]", "map_values wants pairs (key, value)", MapValues, nil},
		{"a function as a record", "def f(x): return f", "[1]", "map: a record cannot be a function", Map, nil},
		{"a list as a lane's key", "def f(x): return [x]", "[1]", "tuple", Lane, nil},
		{"endless loop", "def f(x):\n    for i in range(1 << 60):\n        pass\n", "[1]", "the record took more than 1000000 steps", Map, ErrLimit},
		{"endless recursion", "def f(x): return f(x + 1)", "[1]", "more than 1000 deep", Map, ErrLimit},
		{"a panic in a builtin", "def f(x):\n    y = x\n    return explode(y)\n", "[1]", "job.star:3", Map, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := load(t, c.src)
			chain := &Chain{Steps: []Step{step(t, c.kind, g["f"])}}
			var out Output
			err := NewRunner(chain, env(), "on").Run(records(t, c.in), &out)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %s", err, c.want)
			}
			if c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("%v is not %v", err, c.is)
			}
		})
	}
}

func TestCaughtRecordsBecomeDeadLetters(t *testing.T) {
	g := load(t, "def split(s): return s.split(',')\ndef num(s):\n    print(s)\n    return explode() if s == 'boom' else int(s)\n")
	chain := &Chain{Steps: []Step{step(t, FlatMap, g["split"]), step(t, Map, g["num"])}}
	chain.Steps[1].Catch = true
	var out Output
	if err := NewRunner(chain, env(), "on").Run(records(t, "['1,x,2', 'boom,3']"), &out); err != nil {
		t.Fatal(err)
	}
	if got := texts(&out.Column); got != "1 2 3" {
		t.Errorf("records %s", got)
	}
	if !slices.Equal(out.Relative, []uint32{0, 0, 1}) {
		t.Errorf("positions %v", out.Relative)
	}
	if !slices.Equal(out.Prints, []Print{{Text: "1"}, {Text: "x"}, {Text: "2"}, {Text: "boom"}, {Text: "3"}}) {
		t.Errorf("prints %v", out.Prints)
	}
	if len(out.Dead) != 2 || out.Dead[0].Record != starlark.String("x") || !errors.Is(out.Dead[1].Error, ErrPanic) && !strings.Contains(out.Dead[1].Error.Message, "boom") {
		t.Errorf("dead %v", out.Dead)
	}
	if want := (Count{In: 5, Out: 3, Dead: 2}); out.Counts[1] != want {
		t.Errorf("counts %v, want %v", out.Counts[1], want)
	}
}

func TestLimitsAreNotCaught(t *testing.T) {
	g := load(t, "def f(x): return f(x)")
	chain := &Chain{Steps: []Step{step(t, Map, g["f"])}}
	chain.Steps[0].Catch = true
	err := NewRunner(chain, env(), "on").Run(records(t, "[1]"), new(Output))
	if !errors.Is(err, ErrLimit) {
		t.Errorf("got %v", err)
	}
}

func TestRunnerGoesOnAfterAnError(t *testing.T) {
	g := load(t, "def f(x): return f(x) if x < 0 else x")
	r := NewRunner(&Chain{Steps: []Step{step(t, Map, g["f"])}}, env(), "on")
	var out Output
	if err := r.Run(records(t, "[-1]"), &out); err == nil {
		t.Fatal("no error")
	}
	if err := r.Run(records(t, "[1, 2]"), &out); err != nil || texts(&out.Column) != "1 2" {
		t.Errorf("after an error: %v, %s", err, texts(&out.Column))
	}
}

func TestInterrupt(t *testing.T) {
	stop := errors.New("stop")
	e := env()
	e.MaxSteps = 1 << 60
	g := load(t, "def f(x):\n    for i in range(1 << 60):\n        pass\n")
	r := NewRunner(&Chain{Steps: []Step{step(t, Map, g["f"])}}, e, "on")
	done := make(chan error)
	go func() { done <- r.Run(records(t, "[1]"), new(Output)) }()
	e.Stop(stop)
	if err := <-done; !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
}

func TestRecognisedFunctionsAreNotCalled(t *testing.T) {
	src := "def same(x):\n    'doc'\n    return (x)\nsecond = lambda a, b: b\ndef other(x):\n    y = x\n    return y\n"
	tree, err := syntax.LegacyFileOptions().Parse("job.star", src, 0)
	if err != nil {
		t.Fatal(err)
	}
	nodes := map[string]syntax.Node{}
	for _, stmt := range tree.Stmts {
		switch stmt := stmt.(type) {
		case *syntax.DefStmt:
			nodes[stmt.Name.Name] = stmt
		case *syntax.AssignStmt:
			nodes[stmt.LHS.(*syntax.Ident).Name] = stmt.RHS
		}
	}
	g := load(t, src)
	for name, want := range map[string]int{"same": 0, "second": 1, "other": -1} {
		f, err := Bind(g[name], Signature{Op: "map", Param: "f"})
		if err != nil {
			t.Fatal(err)
		}
		f.Recognise(func(*starlark.Function) syntax.Node { return nodes[name] })
		if f.Returns != want {
			t.Errorf("%s: returns parameter %d, want %d", name, f.Returns, want)
		}
	}
}

func TestBindRefuses(t *testing.T) {
	g := load(t, "def none(): return 1\nx = 3.5\n")
	for _, c := range []struct{ global, want string }{
		{"none", "none takes 0 parameters"},
		{"x", "want a function, a field name, an index or a tuple of those, not float"},
	} {
		_, err := Bind(g[c.global], Signature{Op: "map", Param: "f", Field: true})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", c.global, err, c.want)
		}
	}
}

func TestSampleDependsOnOrdinalsAlone(t *testing.T) {
	chain := &Chain{Steps: []Step{{Kind: Sample, Fraction: 0.5, Seed: 3, Name: "sample"}}}
	whole := records(t, "range(200)")
	var want Output
	if err := NewRunner(chain, env(), "on").Run(whole, &want); err != nil {
		t.Fatal(err)
	}
	if want.N < 60 || want.N > 140 {
		t.Errorf("%d of 200 records sampled", want.N)
	}
	var got []string
	for lo := 0; lo < 200; lo += 7 {
		hi := min(lo+7, 200)
		part := &chunk.Batch{Column: whole.Column.Slice(lo, hi), Base: whole.Base + uint64(lo)}
		var out Output
		if err := NewRunner(chain, env(), "on").Run(part, &out); err != nil {
			t.Fatal(err)
		}
		for i := range out.N {
			got = append(got, out.At(i).String())
		}
	}
	if strings.Join(got, " ") != texts(&want.Column) {
		t.Errorf("cut into batches the sample differs")
	}
}

func BenchmarkMap(b *testing.B) {
	g := load(b, "def f(x): return x\n")
	chain := &Chain{Steps: []Step{step(b, Map, g["f"])}}
	in := records(b, "['some text'] * 1024")
	r := NewInterpreter(chain, env(), false)
	var out Output
	b.ReportAllocs()
	for b.Loop() {
		if err := r.Run(in, &out); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1024, "ns/record")
}

func ExampleScriptError() {
	e := &ScriptError{Name: "map", Position: "job.star:3:5", Message: "floored division by zero", Record: "0"}
	fmt.Println(e)
	// Output:
	// job.star:3:5: map: floored division by zero
	//   record: 0
}
