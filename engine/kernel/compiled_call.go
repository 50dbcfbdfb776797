package kernel

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
)

// A library holds the calls of one function of a reducer, for all folders of the reducer.
type library struct {
	fn    *Func
	using starlark.Value
	env   *Env
	role  role

	mu    sync.Mutex
	calls []*call
	off   atomic.Bool // for good: the function was refused, or failed too many guards

	reports []*Report // of the folders
	refusal *Refusal
	bug     *Report // of the compiler
}

// maxCalls is how many types of arguments a function is compiled for.
const maxCalls = 8

// find is the call for own arguments and for records as in a column, which is nil for a function that takes none. It
// is nil if the function runs on the interpreter.
func (l *library) find(own []starlark.Value, records *chunk.Column, f *frame) *call {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.calls {
		if p.accepts(records) && p.enter(f, own) {
			return p
		}
	}
	if l.off.Load() {
		return nil
	}
	if len(l.calls) == maxCalls {
		l.off.Store(true)
		return nil
	}
	types := make([]*Type, len(own))
	for i, v := range own {
		types[i] = typeOfValue(v)
	}
	var input *Type
	if records != nil {
		input = typeOf(records, nil, false)
	}
	p, err := compileCall(l.fn, l.using, l.env, types, input, l.role)
	if err != nil {
		l.off.Store(true)
		l.refusal = err.(*Refusal)
		if l.refusal.bug {
			l.bug = &Report{Bugs: 1, Bug: l.refusal.What}
		}
		return nil
	}
	l.calls = append(l.calls, p)
	if !p.enter(f, own) {
		return nil
	}
	return p
}

// report is how all folders have run the function so far. None may be running.
func (l *library) report() (r Report) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, one := range l.reports {
		r.Add(*one)
	}
	if l.bug != nil {
		r.Add(*l.bug)
	}
	r.Compiled, r.Refusal = len(l.calls) > 0, l.refusal
	return r
}

// A callee runs one function of a reducer for one folder, compiled where it can be.
type callee struct {
	*library
	frame   *frame
	last    *call
	window  storm
	report  *Report
	batch   chunk.Batch
	records *chunk.Column
	opening uint64 // of the folder, when the records were opened
	turns   uint32
}

func (l *library) callee(f *frame) *callee {
	c := &callee{library: l, frame: f, report: new(Report)}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reports = append(l.reports, c.report)
	return c
}

// open begins with the records of a column. Until close its values must not change.
func (c *callee) open(records *chunk.Column) {
	c.records, c.batch.Column = records, *records
	c.frame.opened = nil
	if c.last != nil && !c.last.accepts(records) {
		c.last = nil
	}
}

// close drops all views of the records.
func (c *callee) close() {
	c.records, c.batch = nil, chunk.Batch{}
	c.frame.drop()
}

// call finds the compiled call for own arguments, which it puts into their slots; nil: there is none.
func (c *callee) call(own []starlark.Value) *call {
	if c.off.Load() {
		return nil
	}
	p := c.last
	if p == nil || !p.enter(c.frame, own) {
		if p = c.find(own, c.records, c.frame); p == nil {
			return nil
		}
		c.last = p
	}
	if f := c.frame; p != f.opened && c.records != nil {
		f.in = &c.batch
		f.openColumns(p.columns)
		f.opened = p
	}
	return p
}

// fold takes the records from row on, up to end, into the state that is own. It gives the state before row next,
// where it stopped, and what the record there panicked with. What a scan returned for its record stands for the state.
func (c *callee) fold(own []starlark.Value, row, end int) (state starlark.Value, next int, cause any) {
	state, result, next, cause := c.scan(own, row, end, false)
	if result != nil {
		state = result
	}
	return state, next, cause
}

// scan is fold for a function that need not give the state alone: it stops behind a record for which it gives something
// else, which is the result. Where quiet, a scan's function gives something else only if there are records in it.
func (c *callee) scan(own []starlark.Value, row, end int, quiet bool) (state, result starlark.Value, next int, cause any) {
	p := c.call(own)
	if p == nil {
		return own[0], nil, row, nil
	}
	f := c.frame
	f.row = row
	state, result, cause = c.dash(p, own[0], end, quiet)
	next = f.row
	c.report.Records += int64(next - row)
	if cause == nil {
		c.window.passed(next - row)
	} else {
		c.gaveUp(cause, next-row)
	}
	return state, result, next, cause
}

// gaveUp counts a record that compiled code gave up.
func (c *callee) gaveUp(cause any, before int) {
	if d, guard := cause.(*deopt); guard {
		c.report.count(Deopts{reasonText[d.why], d.line, 1})
	}
	if c.window.broke(before) {
		c.report.Storms++
		c.off.Store(true)
	}
}

// dash runs records from f.row on until one panics, or gives a result that the next cannot go on with.
func (c *callee) dash(p *call, before starlark.Value, end int, quiet bool) (state, result starlark.Value, cause any) {
	f := c.frame
	start := f.row
	state = before
	defer func() {
		if cause = recover(); cause != nil {
			f.journal.undo()
			if f.row > start {
				state = p.first(f, p.state(f))
			}
		}
		clear(f.slots[:p.used])
	}()
	for f.row < end {
		c.record(p)
		if !p.closed {
			v := p.boxed(f)
			if v == starlark.None && before != starlark.None {
				f.bail(otherType, 0)
			}
			f.journal.forget()
			f.row++
			return before, v, nil
		}
		now, out := p.state(f), int(p.out)
		if p.emits {
			if !quiet || f.slots[out].list().n > 0 {
				state, result = p.first(f, now), p.boxed(f)
				f.journal.forget()
				f.row++
				return state, result, nil
			}
			out++
		}
		next := f.slots[out : out+p.width]
		if !p.emits && lost(p.own[0], now, next) {
			f.bail(otherType, 0)
		}
		copy(now, next)
		f.journal.forget()
		f.row++
	}
	return p.first(f, p.state(f)), nil, nil
}

// boxed is the result, which is no view of records.
func (p *call) boxed(f *frame) starlark.Value {
	v := p.result(f, f.slots[p.out:])
	if p.views {
		v = value.Detach(v)
	}
	return v
}

// record runs the call on record f.row, with budgets of its own.
func (c *callee) record(p *call) {
	f := c.frame
	if c.turns++; c.turns&63 == 0 {
		f.env.Moves.Add(1)
		if f.env.Interrupt.Load() != nil {
			f.bail(interrupted, 0)
		}
	}
	budget := int64(min(f.env.MaxSteps, mostFuel)) - p.cost
	if budget < 0 {
		f.bail(outOfFuel, 0)
	}
	f.fuel = min(budget, fuelQuantum)
	f.reserve = budget - f.fuel
	f.memory.forget()
	if p.load != nil {
		p.load(f)
	}
	p.run(f)
}

// state is the cells of the first argument.
func (p *call) state(f *frame) []cell {
	at := int(p.at[0])
	return f.slots[at : at+p.width]
}

// lost says that a state became None, which an error tells the user of.
func lost(t *Type, before, after []cell) bool {
	switch t.kind {
	case optional:
		return after[0].n == 0 && before[0].n != 0
	case boxedAny:
		return after[0].value() == starlark.None && before[0].value() != starlark.None
	}
	return false
}

// value calls the function with own arguments, and with record row of the opened ones if it takes one. ok is false
// if it gave up, or is not compiled.
func (c *callee) value(own []starlark.Value, row int) (v starlark.Value, cause any, ok bool) {
	p := c.call(own)
	if p == nil {
		return nil, nil, false
	}
	f := c.frame
	f.row = row
	defer func() {
		if cause = recover(); cause != nil {
			f.journal.undo()
			c.gaveUp(cause, 0)
			v, ok = nil, false
		} else {
			c.window.passed(1)
			c.report.Records++
		}
		clear(f.slots[:p.used])
	}()
	c.record(p)
	v = p.result(f, f.slots[p.out:])
	f.journal.forget()
	return v, nil, true
}

// libraries are those of a reducer's functions.
type libraries struct {
	mu  sync.Mutex
	all []*library
}

func (l *libraries) of(fn *Func, using starlark.Value, env *Env, role role) *library {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.IndexFunc(l.all, func(one *library) bool { return one.fn == fn }); i >= 0 {
		return l.all[i]
	}
	one := &library{fn: fn, using: using, env: env, role: role}
	l.all = append(l.all, one)
	return one
}
