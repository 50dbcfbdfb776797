package kernel

import (
	"errors"
	"fmt"
	"strings"

	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
)

// quantum is how many steps run between two looks at depth, interrupts and the record's budget.
const quantum = 4096

const defaultMaxDepth = 1000

// A caller calls the user's functions on one Starlark thread, within the limits of a record.
type caller struct {
	env    *Env
	thread *starlark.Thread
	random random
	prints []Print
	bound  PrintBound
	counts Counts      // that are not among prints yet
	from   int         // of prints, that are of the place where counts are
	say    func(Print) // adds to prints
	count  func(name string, n int64)
	start  uint64 // thread.Steps when the record began
	begun  uint32 // records
	limit  string // the limit that stopped the record
	guard  bool   // every call has a recover of its own
	trap   *trap
}

func newCaller(env *Env) *caller {
	c := newLooseCaller(env)
	env.stopping.threads.Add(c.thread)
	return c
}

// newLooseCaller makes a caller for a short time, which Env.Stop does not reach before the next quantum.
func newLooseCaller(env *Env) *caller {
	c := &caller{env: env, random: random{seed: env.Seed}}
	c.thread = &starlark.Thread{
		Name:       "job",
		Print:      func(_ *starlark.Thread, text string) { c.say(Print{Text: text}) },
		OnMaxSteps: func(*starlark.Thread) { c.check() },
	}
	c.say = func(p Print) {
		p = c.bound.Take(p)
		if last := len(c.prints) - 1; last < 0 || !c.prints[last].Join(p) {
			c.prints = append(c.prints, p)
		}
	}
	c.count = c.counted
	c.thread.SetLocal(RandomLocal, &c.random)
	c.thread.SetLocal(CounterLocal, func(name string, n int64) { c.count(name, n) })
	if c.env.Prepare != nil {
		c.env.Prepare(c.thread)
	}
	return c
}

// fewCounts is how many prints of a place are looked through for a name before it goes to counts.
const fewCounts = 8

// counted lets a counter grow, in the place of the prints from c.from on.
func (c *caller) counted(name string, n int64) {
	here := c.prints[c.from:]
	for i := range here[:min(len(here), fewCounts)] {
		if here[i].grows(name, n) {
			return
		}
	}
	if len(here) < fewCounts {
		c.prints = append(c.prints, Print{Text: name, Add: n})
		return
	}
	c.counts.Add(name, n, 1)
}

// begin starts the budget of a record.
func (c *caller) begin() {
	if c.begun++; c.begun%64 == 0 {
		c.env.Moves.Add(1)
	}
	c.start = c.thread.Steps
	c.thread.SetMaxExecutionSteps(c.start + quantum)
}

// check runs every quantum of steps; it stops the thread or lets it run on.
func (c *caller) check() {
	c.env.Moves.Add(1)
	depth := c.env.MaxDepth
	if depth == 0 {
		depth = defaultMaxDepth
	}
	used := c.thread.Steps - c.start
	next := c.thread.Steps + quantum
	switch {
	case c.trap != nil:
		if c.trap.calls == nil {
			c.trap.calls = c.thread.CallStack()
		}
		c.thread.Cancel("trapped")
	case c.env.Interrupt.Load() != nil:
		c.thread.Cancel("interrupted")
	case c.thread.CallStackDepth() > depth:
		c.stop(fmt.Sprintf("functions call each other more than %d deep", depth))
	case used >= c.env.MaxSteps:
		c.stop(fmt.Sprintf("the record took more than %d steps (--max-steps)", c.env.MaxSteps))
	default:
		next = min(next, c.start+c.env.MaxSteps)
	}
	c.thread.SetMaxExecutionSteps(next)
}

func (c *caller) stop(limit string) {
	c.limit = limit
	c.thread.Cancel(limit)
}

// call calls a function; args is not retained.
func (c *caller) call(fn starlark.Callable, args starlark.Tuple) (starlark.Value, error) {
	if c.guard {
		return c.guarded(fn, args)
	}
	return starlark.Call(c.thread, fn, args, nil)
}

// fail turns what a call returned into a ScriptError, or into the interrupt that stopped the call. at is the
// position to name if no script code ran.
func (c *caller) fail(name, at string, op int, err error) error {
	if stop := c.env.Interrupt.Load(); stop != nil {
		c.thread.Uncancel()
		if errors.Is(*stop, ErrLimit) {
			return c.limited(name, at, op, *stop, err)
		}
		return *stop
	}
	e := (&ScriptError{Op: op, Name: name}).describe(err)
	if c.limit != "" {
		e.Message, e.Err = c.limit, fmt.Errorf("%w: %w", ErrLimit, err)
		e.Backtrace = shorten(e.Backtrace)
		c.limit = ""
		c.thread.Uncancel()
	}
	if e.Position == "" {
		e.Position = at
	}
	return e
}

// limited is the error of the record that ran when a limit of the whole job was met.
func (c *caller) limited(name, at string, op int, limit, err error) error {
	e := (&ScriptError{Op: op, Name: name}).describe(err)
	e.Message, e.Err, e.Backtrace = limit.Error(), limit, shorten(e.Backtrace)
	if e.Position == "" {
		e.Position = at
	}
	c.env.stopping.blamed.Store(e)
	return e
}

// shorten cuts the middle out of a deep backtrace.
func shorten(trace string) string {
	const ends = 8
	lines := strings.Split(strings.TrimRight(trace, "\n"), "\n")
	if len(lines) <= 2*ends+1 {
		return trace
	}
	middle := fmt.Sprintf("  ... %d more calls ...", len(lines)-2*ends)
	return strings.Join(append(append(lines[:ends:ends], middle), lines[len(lines)-ends:]...), "\n")
}

// arguments is a reused argument tuple. A callee that could keep it gets a fresh one.
type arguments struct {
	fn    *Func
	tuple starlark.Tuple
	reuse bool
}

func newArguments(fn *Func) arguments {
	if fn == nil {
		return arguments{}
	}
	n := fn.Own + max(fn.Spread, 1)
	if fn.Using {
		n++
	}
	f, ok := fn.Callable.(*starlark.Function)
	return arguments{fn: fn, tuple: make(starlark.Tuple, n), reuse: ok && !f.HasVarargs()}
}

func (a *arguments) next() starlark.Tuple {
	if a.reuse {
		return a.tuple
	}
	return make(starlark.Tuple, len(a.tuple))
}

// record puts the record, spread if the function asks for it, into args from position own on.
func (a *arguments) record(args starlark.Tuple, v starlark.Value) error {
	if a.fn.Spread == 0 {
		args[a.fn.Own] = v
		return nil
	}
	t, ok := v.(starlark.Tuple)
	if !ok || len(t) != a.fn.Spread {
		return a.fn.width(v)
	}
	copy(args[a.fn.Own:], t)
	return nil
}

// width is the error of a record that cannot be spread over the function's parameters.
func (f *Func) width(v starlark.Value) error {
	var names []string
	if fn, ok := f.Callable.(*starlark.Function); ok {
		for i := range f.Spread {
			name, _ := fn.Param(f.Own + i)
			names = append(names, name)
		}
	}
	has := value.Article(v.Type())
	if t, ok := v.(starlark.Tuple); ok {
		has = fmt.Sprintf("a tuple of %d", len(t))
	}
	return fmt.Errorf("%s takes %d fields (%s); this record is %s: %s",
		f.Op, f.Spread, strings.Join(names, ", "), has, value.Cut(v, 60))
}
