package builtins

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/host"
	"github.com/flowsh/flowsh/engine/kernel"
	"go.starlark.net/starlark"
)

// Bounds of a script.
const (
	maxScript = 16 << 20 // bytes of one file
	maxCalls  = 1000     // calls inside one another
)

// A unit is one file while it loads: the script itself, or one that it loads.
type unit struct {
	*loader
	path     string
	main     bool
	tests    bool // it is a script of tests
	thread   *starlark.Thread
	globals  starlark.StringDict
	steps    []*step
	optioned bool

	predeclared starlark.StringDict
	limit       error // what stopped it
}

// unitLocal is where a thread keeps the unit that is loading on it. Threads of records have none.
const unitLocal = "flowsh.module"

// whileLoading is the unit that calls a builtin, or an error for a call from a function of records.
func whileLoading(thread *starlark.Thread, name string) (*unit, error) {
	if u, ok := thread.Local(unitLocal).(*unit); ok {
		return u, nil
	}
	return nil, mistake("call it at the top level of the script, and use what it gives here", "%s works only while the script loads, not in a function of records", name)
}

func (l *loader) newUnit(path string, main bool) *unit {
	u := &unit{loader: l, path: path, main: main, predeclared: l.predeclared}
	u.thread = &starlark.Thread{Name: path, Print: u.print, Load: u.load, OnMaxSteps: u.watch}
	u.thread.SetLocal(unitLocal, u)
	u.thread.SetMaxExecutionSteps(1)
	u.threads.Add(u.thread)
	return u
}

func (u *unit) print(_ *starlark.Thread, text string) {
	if u.session != nil && u.session.again() {
		return
	}
	u.options.Host.Send(engine.Printed{Text: NewMask(u.secrets).Text(text)})
}

// watch is called by the interpreter once the steps are used up that the last call granted. One step adds at most
// one call, so granting as many steps as calls are left finds the exact place where the stack is too deep.
func (u *unit) watch(t *starlark.Thread) {
	most := u.options.maxSteps()
	left := maxCalls - t.CallStackDepth()
	switch {
	case t.Steps+u.spent >= most:
		u.stop(fmt.Sprintf("the script takes more than %d steps to load; --max-steps allows more", most))
	case left <= 0:
		u.stop(fmt.Sprintf("more than %d calls inside one another", maxCalls))
	default:
		t.SetMaxExecutionSteps(min(t.Steps+uint64(left), most-u.spent))
	}
}

func (u *unit) stop(reason string) {
	u.limit = fmt.Errorf("%w: %s", kernel.ErrLimit, reason)
	u.thread.Cancel(reason)
}

// limited makes a cancelled script say what limit it met.
func (u *unit) limited(e *LoadError) error {
	if exceeded := u.exceeded.Load(); exceeded != nil {
		u.limit = *exceeded
	}
	if u.limit != nil {
		e.Message, e.Hint, e.Err = u.limit.Error(), "", u.limit
	}
	return e
}

// guard runs f; a Go panic of a builtin becomes an error at the place of the script that called it.
func (u *unit) guard(f func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			e := mistake("this is a mistake of flowsh, not of the script", "%v: %v", kernel.ErrPanic, cause)
			e.Err = kernel.ErrPanic
			err = e
		}
	}()
	return u.explain(f())
}

// execute runs the file's top level and freezes what it made.
func (u *unit) execute(s *script) error {
	return u.guard(func() (err error) {
		if s.expr != nil {
			v, err := starlark.EvalExprOptions(dialect(), u.thread, s.expr, u.predeclared)
			s.restore()
			u.globals = starlark.StringDict{"job": v}
			return u.examine(s.expr, err)
		}
		u.globals, err = s.program.Init(u.thread, u.predeclared)
		u.globals.Freeze()
		return u.examine(s.tree, err)
	})
}

// load is Starlark's load(): a file relative to the one that loads it.
func (u *unit) load(_ *starlark.Thread, name string) (starlark.StringDict, error) {
	if strings.HasPrefix(name, "@") {
		return nil, mistake(noConnectors, "there is no connector %s", name)
	}
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(u.path), name)
	}
	if other := u.units[path]; other != nil {
		if slices.Contains(u.chain, path) {
			return nil, mistake("move what both need into a third file", "files load each other: %s", u.cycle(path))
		}
		return exported(other.globals), nil
	}
	source, err := u.read(path)
	if err != nil {
		return nil, mistake("the path is relative to "+filepath.Base(u.path), "%v", err)
	}
	u.chain = append(u.chain, path)
	defer func() { u.chain = u.chain[:len(u.chain)-1] }()
	other := u.newUnit(path, false)
	u.units[path] = other
	s, err := other.parse(source)
	if err != nil {
		return nil, err
	}
	u.bundle.file(name, source)
	u.scripts = append(u.scripts, path)
	err = other.execute(s)
	u.spent += other.thread.Steps
	return exported(other.globals), err
}

func (u *unit) cycle(path string) string {
	i := max(0, slices.Index(u.chain, path))
	var names []string
	for _, p := range append(slices.Clone(u.chain[i:]), path) {
		names = append(names, filepath.Base(p))
	}
	return strings.Join(names, " -> ")
}

func exported(globals starlark.StringDict) starlark.StringDict {
	public := make(starlark.StringDict, len(globals))
	for name, v := range globals {
		if !strings.HasPrefix(name, "_") {
			public[name] = v
		}
	}
	return public
}

func (l *loader) read(path string) ([]byte, error) { return readText(l.options.Host, path) }

// readText reads a file that is no longer than a script may be.
func readText(h *host.Host, path string) ([]byte, error) {
	f, err := h.FS.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	source, err := io.ReadAll(io.LimitReader(f, maxScript+1))
	if err == nil && len(source) > maxScript {
		err = fmt.Errorf("%s is longer than %d bytes", path, maxScript)
	}
	return source, err
}
