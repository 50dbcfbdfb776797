package builtins

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/host"
	"github.com/flowsh/flowsh/engine/kernel"
	"go.starlark.net/starlark"
)

var jobTime = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func options(args ...string) Options {
	return Options{Host: host.New(), Args: args, Now: jobTime, MaxSteps: 1_000_000}
}

func load(t *testing.T, source string, o Options) *Job {
	t.Helper()
	job, err := Load("job.star", []byte(source), o)
	if err != nil {
		t.Fatal(err)
	}
	return job
}

func loadError(t *testing.T, want, source string, o Options) *LoadError {
	t.Helper()
	_, err := Load("job.star", []byte(source), o)
	if err == nil {
		t.Fatalf("loads, want an error that matches %q:\n%s", want, source)
	}
	if !regexp.MustCompile(`(?s)` + want).MatchString(err.Error()) {
		t.Errorf("error %q does not match %q, in\n%s", err, want, source)
	}
	var e *LoadError
	if !errors.As(err, &e) {
		t.Fatalf("%T is no *LoadError: %v", err, err)
	}
	return e
}

// withFiles is a host whose files are these.
func withFiles(t *testing.T, files map[string]string) Options {
	t.Helper()
	o := options()
	o.Host = host.NewMemory()
	for name, text := range files {
		f, err := o.Host.FS.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return o
}

func TestLoadGivesAllOfAJob(t *testing.T) {
	o := options("in.txt")
	job := load(t, "#!/usr/bin/env flowsh\n\"\"\"Lines.\"\"\"\noptions(name = \"all\", on_error = \"drop\", max_errors = 3)\njob = lines()\n", o)
	g := job.Program.Graph
	if job.Doc != "Lines." || job.Form != Pipeline || g.Name != "all" || len(g.Bundle) != 64 || job.Program.Script != "job.star" {
		t.Errorf("job %+v, graph %+v", job, g)
	}
	if r := job.Settings.OnError; r == nil || !r.Drop || r.MaxErrors != 3 {
		t.Errorf("on_error %+v", r)
	}
	if got := g.Ops[0].Source.Paths; !slices.Equal(got, []string{"in.txt"}) {
		t.Errorf("reads %q", got)
	}
}

func TestSeveralErrorsAreAllReported(t *testing.T) {
	_, err := Load("job.star", []byte("a\nb\n"), options())
	var list LoadErrors
	if !errors.As(err, &list) || len(list) != 2 || list[1].Pos.Line != 2 {
		t.Fatalf("%T %v", err, err)
	}
	if got := strings.Count(err.Error(), "undefined"); got != 2 {
		t.Errorf("%d messages in %q", got, err)
	}
}

func TestErrorsOfTheCommandLineHaveNoPosition(t *testing.T) {
	e := loadError(t, "^--n is needed", `arg("n")`, options())
	if e.Pos.IsValid() {
		t.Errorf("position %v", e.Pos)
	}
}

func TestLimitsAreLimits(t *testing.T) {
	for _, source := range []string{"for _ in range(1 << 60): pass", "def f(): f()\nf()"} {
		if e := loadError(t, "limit", source, options()); !errors.Is(e, kernel.ErrLimit) {
			t.Errorf("%v has no ErrLimit", e)
		}
	}
}

// A stack of exactly the allowed depth passes, whatever else took steps before.
func TestDepthIsExact(t *testing.T) {
	const script = `
def f(n):
    return 0 if n == 0 else f(n - 1)
[x for x in range(%d)]
f(%d)
job = lines()
`
	for _, warmup := range []int{0, 1, 17, 500} {
		load(t, fmt.Sprintf(script, warmup, maxCalls-3), options())
		loadError(t, "calls inside one another", fmt.Sprintf(script, warmup, maxCalls), options())
	}
}

func TestExpression(t *testing.T) {
	o := options("a.txt")
	o.Expr = true
	job := load(t, `lines().filter(lambda l: "x" in l)`, o)
	if op := job.Program.Graph.Ops[1]; op.Funcs["f"] != `lambda l: "x" in l` {
		t.Errorf("%+v", op)
	}
	loadError(t, "job must be a flow", "1 + 1", o)
	loadError(t, "got end of file", "lines(", o)
	loadError(t, "undefined: lins.*did you mean lines", "lins()", o)
	loadError(t, "missing closing", `lines().filter(lambda l: re.test("(", l))`, o)
}

func TestOtherForms(t *testing.T) {
	if _, err := Load("words_test.star", []byte("test.eq(1, 1)"), options()); err == nil || !strings.Contains(err.Error(), "is a test, not a job") {
		t.Error(err)
	}
	loadError(t, "handle_call makes this a process", "def handle_call(ctx, msg, state):\n  return reply(state)", options())
}

func TestPanicsOfBuiltinsAreErrors(t *testing.T) {
	u := newLoader("job.star", options()).newUnit("job.star", true)
	u.predeclared["boom"] = starlark.NewBuiltin("boom", func(*starlark.Thread, *starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
		panic("oh")
	})
	s, err := u.parse([]byte("boom()"))
	if err == nil {
		err = u.execute(s)
	}
	if !errors.Is(err, kernel.ErrPanic) {
		t.Errorf("%v", err)
	}
}

// What belongs to loading is an error in a function of records, which runs on another thread.
func TestRecordFunctionsCannotBuild(t *testing.T) {
	job := load(t, `
flow = lines("a")
def make(r): return flow.count()
def ask(r): return arg("n", default = 1)
def read(r): return lines("b")
def commit(r): return step("s", flow)
job = flow.map(make).map(ask).map(read).map(commit)
`, options())
	for ref, f := range job.Program.Funcs {
		_, err := starlark.Call(&starlark.Thread{}, f.Callable, starlark.Tuple{starlark.None}, nil)
		if err == nil || !strings.Contains(err.Error(), "only while the script loads") {
			t.Errorf("%v: %v", ref, err)
		}
	}
}

func TestEverythingIsFrozen(t *testing.T) {
	job := load(t, `
def make():
    seen = []
    return lambda r: seen.append(r)
job = from_enumerable([[1]]).map(make()).reduce([], lambda acc, r: acc)
`, options())
	f := job.Program.Funcs[engine.Ref{Op: 1, Param: "f"}]
	if _, err := starlark.Call(&starlark.Thread{}, f.Callable, starlark.Tuple{starlark.None}, nil); err == nil || !strings.Contains(err.Error(), "frozen") {
		t.Errorf("closure: %v", err)
	}
	for ref, v := range job.Program.Values {
		if err := v.(*starlark.List).Append(starlark.None); err == nil {
			t.Errorf("%v is not frozen", ref)
		}
	}
}

func TestBundle(t *testing.T) {
	const script = `load("h.star", "x")` + "\n" + `n = arg("n", default = 1)` + "\n" + `key = arg("key", default = "", secret = true_)` + "\njob = lines(origin = True)\n"
	base := func() (string, Options) {
		return strings.Replace(script, "true_", "True", 1), withFiles(t, map[string]string{"h.star": "x = 1"})
	}
	hash := func(change func(*string, *Options)) string {
		source, o := base()
		if change != nil {
			change(&source, &o)
		}
		return load(t, source, o).Program.Graph.Bundle
	}
	same := hash(nil)
	if hash(nil) != same {
		t.Error("two loads of one bundle differ")
	}
	if hash(func(_ *string, o *Options) { o.Args = []string{"--key=geheim"} }) != same {
		t.Error("a secret is part of the hash")
	}
	for name, change := range map[string]func(*string, *Options){
		"script":   func(s *string, _ *Options) { *s += "#" },
		"argument": func(_ *string, o *Options) { o.Args = []string{"--n=2"} },
		"file":     func(_ *string, o *Options) { o.Args = []string{"a"} },
		"time":     func(_ *string, o *Options) { o.Now = o.Now.Add(1) },
		"seed":     func(_ *string, o *Options) { o.Seed++ },
		"loaded": func(_ *string, o *Options) {
			o.Host = withFiles(t, map[string]string{"h.star": "x = 2"}).Host
		},
	} {
		if hash(change) == same {
			t.Errorf("another %s has the same hash", name)
		}
	}
}

func FuzzLoad(f *testing.F) {
	for _, s := range []string{"job = lines()", "def map(x): return x", "import re", "job = [lines('a').write('{}', by = 0)]", "step('a', lines())", "arg('x', type = 'bool')", "lambda (a): b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, source string) {
		o := options("a", "--x")
		o.MaxSteps = 1000
		job, err := Load("job.star", []byte(source), o)
		var e *LoadError
		switch {
		case err == nil && job.Program == nil:
			t.Error("neither a program nor an error")
		case err != nil && !errors.As(err, &e):
			t.Errorf("%T: %v", err, err)
		case errors.Is(err, kernel.ErrPanic):
			t.Error(err)
		}
	})
}

func BenchmarkLoad(b *testing.B) {
	source := []byte("words = lines(\"*.txt\").flat_map(lambda line: line.split())\njob = words.count(by = lambda w: w).sort(lambda w, n: (-n, w))\n")
	o := options()
	for b.Loop() {
		if _, err := Load("job.star", source, o); err != nil {
			b.Fatal(err)
		}
	}
}
