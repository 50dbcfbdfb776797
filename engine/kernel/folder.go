package kernel

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
)

// A Reducer is what a reduce, a scan or an aggregator folds with.
type Reducer struct {
	Op      int
	Name    string
	At      string                          // file:line:col of the operator in the script
	Fn      *Func                           // f(state, record...[, side input])
	Using   starlark.Value                  // the side input, if Fn.Using
	Initial starlark.Value                  // a callable, or a value of which every state starts as a copy
	First   bool                            // instead of Initial: a state starts as a copy of its first record
	Lanes   int                             // of the flow, 0 if it has none: a callable Initial with two parameters takes lane and Lanes
	Merge   *Func                           // merge(earlier, later), or nil
	Flush   *Func                           // flush(state) of a scan, or nil
	Emits   bool                            // Fn gives (records, next state) instead of the next state
	Kernels string                          // as for NewRunner
	Prints  func(at chunk.Ordinal, p Print) // takes what the functions print at a record

	compiled libraries
}

// A Folder folds records into states, as compiled code where it can and on the interpreter where it cannot. It is used
// by one goroutine at a time.
//
// States are Starlark values whoever changes them; what compiled code has changed when it gives a record up is undone.
// A state holds no views of blocks: Fold copies what a state could keep.
type Folder struct {
	*caller
	r    *Reducer
	args arguments
	pair starlark.Tuple
	one  starlark.Tuple

	frame   *frame    // of compiled code; nil until it is needed
	folding *callee   // of r.Fn
	callees []*callee // of the other functions
	own     [1]starlark.Value
	records *chunk.Column
	opening uint64 // how often Open was called
	ordinal func(i int) chunk.Ordinal
	skipped int64 // bytes that are still to be folded unverified

	at     chunk.Ordinal
	step   *Step                // the reducer, for Env.Inside
	inside atomic.Pointer[Step] // step, while a function runs or records are open
}

// NewFolder makes a folder for one goroutine.
func NewFolder(r *Reducer, env *Env) *Folder {
	f := &Folder{caller: newCaller(env), r: r, pair: make(starlark.Tuple, 2), one: make(starlark.Tuple, 1)}
	f.args = newArguments(r.Fn)
	f.step = &Step{Op: r.Op, Name: r.Name, At: r.At}
	env.observe(&f.inside, f.caller)
	return f
}

// Initial is a new state of a lane, nil if it starts as its first record.
func (f *Folder) Initial(lane uint32) (starlark.Value, error) {
	if f.r.First {
		return nil, nil
	}
	c, ok := f.r.Initial.(starlark.Callable)
	if !ok {
		return value.Copy(f.r.Initial), nil
	}
	var args starlark.Tuple
	if fn, ok := c.(*starlark.Function); ok && TakesLane(fn) {
		args = starlark.Tuple{starlark.MakeUint64(uint64(lane)), starlark.MakeInt(f.r.Lanes)}
	}
	v, err := f.invoke(c, args)
	if err != nil {
		return nil, f.fail(f.r.Name+": initial", f.r.At, f.r.Op, err)
	}
	return v, nil
}

// TakesLane says that a function makes the initial state of a lane: it has two parameters without defaults, the
// lane and the number of lanes.
func TakesLane(fn *starlark.Function) bool {
	required := 0
	for i := range positional(fn) {
		if fn.ParamDefault(i) == nil {
			required++
		}
	}
	return required == 2
}

// Open begins with the records of a column, which must not change until Close. ordinal says which each of them is.
func (f *Folder) Open(records *chunk.Column, ordinal func(i int) chunk.Ordinal) {
	f.records, f.ordinal = records, ordinal
	f.opening++
	if c := f.calleeOf(&f.folding, f.r.Fn); c != nil && c.frame != nil {
		c.open(records)
	}
	f.inside.Store(f.step)
}

// Close drops what Open began.
func (f *Folder) Close() {
	f.records, f.ordinal = nil, nil
	f.own[0] = nil // the state is with whoever folds: it may be spilled before more records come
	clear(f.args.tuple)
	f.inside.Store(nil)
	for _, c := range f.callees {
		if c.records != nil {
			c.close()
		}
	}
	if c := f.folding; c != nil && c.frame != nil {
		c.close()
	}
}

// Fold folds the records from number i up to end into the state and returns the next state. Of an error, stopped is the
// record that it is about. What a scan's function returns stands for the next state, of one record at a time.
func (f *Folder) Fold(state starlark.Value, i, end int) (next starlark.Value, stopped int, err error) {
	for i < end {
		c := f.folding
		if c == nil || state == nil || c.off.Load() {
			return f.interpretAll(state, i, end)
		}
		if f.r.Kernels == "verify" {
			if state, err = f.verified(state, i); err != nil {
				return nil, i, err
			}
			i++
			continue
		}
		var cause any
		if state, i, cause = c.fold(f.hold(state), i, end); i == end {
			break
		}
		if cause == nil {
			c.report.Interpreted++
		}
		f.At(f.ordinal(i))
		if state, err = f.interpret(state, i); err != nil {
			return nil, i, err
		}
		c.bug(cause)
		i++
	}
	return state, i, nil
}

// Scan folds the records from number i on, up to end, until the function of a scan gives records for one. before is the
// state before that one, result what the function returned for it, and next the record behind it; a result of nil says
// that there are no records of any, and before is the state behind them. Of an error, next is the record that it is
// about, and before the state before it.
func (f *Folder) Scan(state starlark.Value, i, end int) (before, result starlark.Value, next int, err error) {
	c := f.folding
	if c == nil || c.off.Load() || f.r.Kernels == "verify" {
		result, _, err = f.Fold(state, i, i+1)
	} else {
		var cause any
		if before, result, next, cause = c.scan(f.hold(state), i, end, true); result != nil || next == end {
			return before, result, next, nil
		}
		if cause == nil {
			c.report.Interpreted++
		}
		state, i = before, next
		f.At(f.ordinal(i))
		if result, err = f.interpret(state, i); err == nil {
			c.bug(cause)
		}
	}
	if err != nil {
		return state, nil, i, err
	}
	return state, result, i + 1, nil
}

// interpretAll folds records on the interpreter.
func (f *Folder) interpretAll(state starlark.Value, i, end int) (next starlark.Value, stopped int, err error) {
	if f.folding != nil {
		f.folding.report.Interpreted += int64(end - i)
	}
	for ; i < end; i++ {
		f.At(f.ordinal(i))
		if state, err = f.interpret(state, i); err != nil {
			return nil, i, err
		}
	}
	return state, i, nil
}

func (f *Folder) hold(state starlark.Value) []starlark.Value {
	f.own[0] = state
	return f.own[:]
}

// interpret folds record i on the interpreter.
func (f *Folder) interpret(state starlark.Value, i int) (starlark.Value, error) {
	records := f.records
	if state == nil {
		return value.Copy(records.At(i)), nil
	}
	args := f.args.next()
	args[0] = state
	if err := f.load(args, records, i, mutable(state)); err != nil {
		return nil, f.blame(err, records, i)
	}
	next, err := f.invoke(f.r.Fn.Callable, args)
	if err != nil {
		return nil, f.blame(err, records, i)
	}
	if next == starlark.None && state != starlark.None {
		return nil, f.blame(fmt.Errorf("%s returned None: did you forget `return %s`?", f.r.Name, f.stateName()), records, i)
	}
	if !mutable(state) {
		next = value.Detach(next)
	}
	return next, nil
}

// load fills in the record, spread from the columns without a tuple where it can be, and the side input. own
// says that the state could keep a string of the record.
func (f *Folder) load(args starlark.Tuple, records *chunk.Column, i int, own bool) error {
	fn := f.r.Fn
	if fn.Using {
		args[len(args)-1] = f.r.Using
	}
	if fn.Spread > 0 && records.Kind == chunk.Tuple && len(records.Fields) == fn.Spread {
		for k := range records.Fields {
			args[1+k] = detached(records.Fields[k].At(i), own)
		}
		return nil
	}
	return f.args.record(args, detached(records.At(i), own))
}

func detached(v starlark.Value, own bool) starlark.Value {
	if own {
		return frozen(value.Detach(v))
	}
	return v
}

func frozen(v starlark.Value) starlark.Value {
	v.Freeze()
	return v
}

// mutable says that a state is a container, which can keep the arguments of a call.
func mutable(state starlark.Value) bool {
	switch s := state.(type) {
	case starlark.NoneType, starlark.Bool, starlark.Int, starlark.Float, starlark.String, starlark.Bytes:
		return false
	case starlark.Tuple:
		for _, e := range s {
			if mutable(e) {
				return true
			}
		}
		return false
	}
	return true
}

// Merge folds the state of later records into that of earlier ones.
func (f *Folder) Merge(earlier, later starlark.Value) (starlark.Value, error) {
	f.pair[0], f.pair[1] = earlier, later
	v, err := f.call(f.r.Merge, f.pair)
	clear(f.pair)
	if err == nil && v == starlark.None && earlier != starlark.None {
		err = errors.New("merge returned None: did you forget a `return`?")
	}
	if err != nil {
		return nil, f.fail(f.r.Name+": merge", f.r.At, f.r.Op, err)
	}
	return v, nil
}

// Flush is what scan's flush gives for a final state.
func (f *Folder) Flush(state starlark.Value) (starlark.Value, error) {
	f.one[0] = state
	v, err := f.call(f.r.Flush, f.one)
	if err != nil {
		return nil, f.fail(f.r.Name+": "+f.r.Flush.Param, f.r.At, f.r.Op, err)
	}
	return v, nil
}

// At sets the record that the calls that follow are about: random numbers depend on it, and the order of prints.
func (f *Folder) At(o chunk.Ordinal) {
	f.at = o
	f.random.op, f.random.position, f.random.sibling = f.r.Op, o.Position, o.Sibling
}

func (f *Folder) invoke(fn starlark.Callable, args starlark.Tuple) (v starlark.Value, err error) {
	if stop := f.env.Interrupt.Load(); stop != nil {
		return nil, *stop
	}
	f.begin()
	f.random.drawn = 0
	if f.records == nil {
		f.inside.Store(f.step)
		defer f.inside.Store(nil)
	}
	if err = f.watched(f.r.Op); err == nil {
		v, err = f.guarded(fn, args)
	}
	f.counts.take(func(p Print) { f.r.Prints(f.at, p) })
	if len(f.prints) > 0 {
		for _, p := range f.prints {
			f.r.Prints(f.at, p)
		}
		clear(f.prints)
		f.prints, f.bound = f.prints[:0], PrintBound{}
	}
	return v, err
}

func (f *Folder) stateName() string {
	if fn, ok := f.r.Fn.Callable.(*starlark.Function); ok && fn.NumParams() > 0 {
		name, _ := fn.Param(0)
		return name
	}
	return "acc"
}

func (f *Folder) blame(err error, records *chunk.Column, i int) error {
	err = f.fail(f.r.Name, f.r.At, f.r.Op, err)
	if e, ok := err.(*ScriptError); ok {
		e.Show(records.At(i))
	}
	return err
}
