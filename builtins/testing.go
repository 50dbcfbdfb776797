package builtins

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/flowsh/flowsh/engine"
	"go.starlark.net/starlark"
)

// testSuffix ends the name of a script of tests.
const testSuffix = "_test.star"

// ErrTestTimeout is in the chain of the error of a test that took longer than TestOptions.Timeout.
var ErrTestTimeout = errors.New("the test took longer than --timeout")

// TestOptions say how tests run.
type TestOptions struct {
	Options                // for the script of tests, and for the jobs that it runs
	Engine  engine.Options // for the jobs
	Timeout time.Duration  // for each test; 0: none
	Update  bool           // test.golden writes what it gets
}

// A TestFile is a loaded script of tests: its functions named test_*, in the order of the text.
type TestFile struct {
	tests   []scriptTest
	options TestOptions
	unit    *unit
}

type scriptTest struct {
	name string
	fn   *starlark.Function
}

// LoadTests turns the text of a script named *_test.star into tests. Errors are those of Load.
func LoadTests(path string, source []byte, o TestOptions) (*TestFile, error) {
	u := newLoader(path, o.Options).newUnit(path, true)
	u.tests = true
	u.predeclared = maps.Clone(u.predeclared)
	u.predeclared["test"] = testModule
	s, err := u.parse(source)
	if err != nil {
		return nil, err
	}
	if err := u.within(func() error { return u.execute(s) }); err != nil {
		return nil, err
	}
	f := &TestFile{options: o, unit: u}
	for _, b := range s.bindings() {
		name := b.First.Name
		fn, ok := u.globals[name].(*starlark.Function)
		if !ok || !strings.HasPrefix(name, "test_") {
			continue
		}
		if fn.NumParams() > 0 {
			return nil, mistakeAt(fn.Position(), "def "+name+"():", "%s has parameters, but a test is called without arguments", name)
		}
		f.tests = append(f.tests, scriptTest{name, fn})
	}
	if len(f.tests) == 0 {
		return nil, &LoadError{Message: path + " has no tests", Hint: "a test is a function: def test_counts():"}
	}
	return f, nil
}

// Names lists the tests in the order of the text.
func (f *TestFile) Names() []string {
	names := make([]string, len(f.tests))
	for i, t := range f.tests {
		names[i] = t.name
	}
	return names
}

// A TestResult is how a test ended.
type TestResult struct {
	Err error    // nil: it passed; a *LoadError says where it failed and what else it should have got
	Log []string // what it and its jobs printed, in order
}

// Run runs one test; it panics if there is none of this name. Tests of one file may run one after another only.
func (f *TestFile) Run(ctx context.Context, name string) TestResult {
	if f.options.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, f.options.Timeout, ErrTestTimeout)
		defer cancel()
	}
	i := slices.IndexFunc(f.tests, func(t scriptTest) bool { return t.name == name })
	r := &testRun{ctx: ctx, file: f}
	return TestResult{Err: r.run(f.tests[i].fn), Log: r.log}
}

// A testRun is one run of a test.
type testRun struct {
	ctx  context.Context
	file *TestFile
	log  []string
}

const testLocal = "flowsh.test"

// whileTesting is the test that calls a builtin.
func whileTesting(thread *starlark.Thread, b *starlark.Builtin) (*testRun, error) {
	if r, ok := thread.Local(testLocal).(*testRun); ok {
		return r, nil
	}
	return nil, mistake("call it in a function: def test_counts():", "%s works only in a test", b.Name())
}

func (r *testRun) run(fn *starlark.Function) error {
	u := r.file.unit
	thread := &starlark.Thread{Name: fn.Name(), Print: func(_ *starlark.Thread, text string) { r.print(text) }}
	thread.SetLocal(testLocal, r)
	thread.SetMaxExecutionSteps(u.options.maxSteps())
	thread.OnMaxSteps = func(t *starlark.Thread) {
		t.Cancel(fmt.Sprintf("more than %d steps; --max-steps allows more", u.options.maxSteps()))
	}
	defer context.AfterFunc(r.ctx, func() { thread.Cancel("the test is stopped") })()
	err := u.guard(func() error {
		_, err := starlark.Call(thread, fn, nil, nil)
		return err
	})
	if cause := context.Cause(r.ctx); err != nil && cause != nil {
		return fmt.Errorf("%s: %w", fn.Name(), cause)
	}
	return err
}

func (r *testRun) print(text string) { r.log = append(r.log, text) }

// path is a path beside the file of tests.
func (r *testRun) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(r.file.unit.path), name)
}
