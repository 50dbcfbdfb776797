package kernel

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
)

// An interpreter runs a chain on the Starlark interpreter, record by record and depth first, so that no batch
// stands between two steps. It is the reference for every other runner.
type interpreter struct {
	*caller
	chain   *Chain
	args    []arguments // of the steps, then of the columns
	sibling []uint32    // per step: how many records the current source record has brought it
	direct  bool        // projections and identities are taken without a call

	lanes bool // records have lanes when they leave
	fresh int  // up to this step records are as the source gave them

	in  *chunk.Batch
	out *Output
	row int // of in

	lane     uint32 // of the current record
	counting Place  // where counters grew last

	values  []starlark.Value     // of the parts of a state
	entered *Step                // whose function was called last
	inside  atomic.Pointer[Step] // the same, for others to see; nil between batches
}

// NewInterpreter makes a runner for one goroutine. Without direct it calls even the functions that only return
// an argument.
func NewInterpreter(c *Chain, env *Env, direct bool) Runner {
	it := &interpreter{caller: newCaller(env), chain: c, direct: direct, sibling: make([]uint32, len(c.Steps))}
	if it.fresh = c.changes(); it.fresh < 0 {
		it.fresh = len(c.Steps) + len(c.Columns)
	}
	for _, s := range slices.Concat(c.Steps, c.Columns) {
		it.args = append(it.args, newArguments(s.Fn))
	}
	if c.Delta != nil {
		it.args = append(it.args, newArguments(c.Delta.Fn))
	}
	it.say = func(p Print) {
		it.settle()
		if p = it.bound.Take(p); !it.joins(p) {
			it.prints = append(it.prints, p)
			it.place(true)
		}
	}
	it.count = func(name string, n int64) {
		if here := it.here(true); here != it.counting {
			it.note()
			it.counting, it.from = here, len(it.prints)
		}
		before := len(it.prints)
		if it.counted(name, n); len(it.prints) > before {
			it.place(true)
		}
	}
	env.observe(&it.inside, it.caller)
	return it
}

// Run has one recover for the whole batch. If a builtin panics, the batch is run again with a guard around each
// call, and the panic becomes the error of its record. Functions are pure, so running them again is harmless.
func (it *interpreter) Run(in *chunk.Batch, out *Output) error {
	defer it.leaveFunctions()
	err, panicked := it.run(in, out)
	if panicked {
		it.guard = true
		err, _ = it.run(in, out)
		it.guard = false
	}
	it.finish(out)
	return err
}

// finish hands over what was printed and counted.
func (it *interpreter) finish(out *Output) {
	it.note()
	out.Prints = it.prints
}

// note gives what was counted a place among what was printed.
func (it *interpreter) note() {
	it.counts.take(func(p Print) {
		it.prints = append(it.prints, p)
		it.out.Places = append(it.out.Places, it.counting)
	})
}

// settle notes what was counted in another place than this.
func (it *interpreter) settle() {
	if !it.counts.Empty() && it.counting != it.here(true) {
		it.note()
	}
}

func (it *interpreter) run(in *chunk.Batch, out *Output) (err error, panicked bool) {
	out.reset(in, it.chain)
	it.open(in, out)
	defer func() {
		if it.guard {
			return
		}
		if recover() != nil {
			panicked = true
		}
	}()
	for it.row = range in.N {
		if err := it.record(); err != nil {
			return err, false
		}
	}
	return nil, false
}

// open begins a batch.
func (it *interpreter) open(in *chunk.Batch, out *Output) {
	it.in, it.out, it.prints, it.bound = in, out, nil, PrintBound{}
	it.counts, it.counting, it.from = Counts{}, Place{}, 0
	it.lanes = len(in.Lanes) > 0 || it.chain.laned()
}

// one runs a single record of the batch that was opened.
func (it *interpreter) one(row int) error {
	it.row, it.guard = row, true
	defer func() { it.guard = false }()
	return it.record()
}

func (it *interpreter) record() error {
	if stop := it.env.Interrupt.Load(); stop != nil {
		return *stop
	}
	it.begin()
	clear(it.sibling)
	if len(it.in.Lanes) > 0 {
		it.lane = it.in.Lanes[it.row]
	}
	it.random.position = it.in.Base + uint64(it.in.RelativeAt(it.row))
	if it.env.Watch.skips(it.random.position) {
		return nil
	}
	return it.push(0, it.in.At(it.row))
}

// push takes a record through the steps from k on.
func (it *interpreter) push(k int, v starlark.Value) error {
	for ; k < len(it.chain.Steps); k++ {
		s := &it.chain.Steps[k]
		count := &it.out.Counts[k]
		count.In++
		if s.Kind == Sample {
			if !it.sampled(k, s) {
				count.Filtered++
				return nil
			}
			count.Out++
			continue
		}
		r, err := it.apply(k, s, v)
		if err == nil && s.Kind == MapValues {
			r, err = replaceValue(v, r)
		}
		var elements func(func(starlark.Value) bool)
		if err == nil && s.Kind == FlatMap {
			if _, list := r.(*starlark.List); !list {
				elements, err = spread(s, r)
			}
		}
		if err != nil {
			return it.caught(k, s, v, err)
		}
		switch s.Kind {
		case Map, MapValues:
			v = r
			v.Freeze()
		case Filter, Reject:
			if bool(r.Truth()) == (s.Kind == Reject) {
				count.Filtered++
				return nil
			}
		case Lane:
			if it.lane, err = laneOf(r, s.Lanes); err != nil {
				return it.caught(k, s, v, err)
			}
		case Route:
			if r == starlark.None {
				count.Filtered++
				return nil
			}
			if it.lane, err = routeTo(r, s.Lanes); err != nil {
				return it.caught(k, s, v, err)
			}
		case FlatMap:
			return it.emit(k, r, elements)
		}
		count.Out++
	}
	return it.leave(v)
}

// sampled decides by the record's ordinal alone.
func (it *interpreter) sampled(k int, s *Step) bool {
	o := chunk.Ordinal{Position: it.random.position, Sibling: it.sibling[k]}
	it.sibling[k]++
	return float64(o.Hash(s.Seed)>>11)/(1<<53) < s.Fraction
}

// emit pushes the elements of what a flat_map returned: a list, or what spread made of it.
func (it *interpreter) emit(k int, r starlark.Value, elements func(func(starlark.Value) bool)) error {
	count := &it.out.Counts[k]
	if list, ok := r.(*starlark.List); ok {
		for i := range list.Len() {
			count.Out++
			v := list.Index(i)
			v.Freeze()
			if err := it.push(k+1, v); err != nil {
				return err
			}
		}
		return nil
	}
	var err error
	elements(func(v starlark.Value) bool {
		count.Out++
		v.Freeze()
		err = it.push(k+1, v)
		return err == nil
	})
	return err
}

func spread(s *Step, r starlark.Value) (func(func(starlark.Value) bool), error) {
	if elements, ok := value.Spread(r); ok {
		return elements, nil
	}
	return nil, fmt.Errorf("%s must return a list of records ([] for none), not %s: %s", s.Name, r.Type(), value.Cut(r, 60))
}

func replaceValue(pair, v starlark.Value) (starlark.Value, error) {
	t, ok := pair.(starlark.Tuple)
	if !ok || len(t) != 2 {
		return nil, fmt.Errorf("map_values wants pairs (key, value); this record is %s", value.Cut(pair, 60))
	}
	return starlark.Tuple{t[0], v}, nil
}

func laneOf(key starlark.Value, lanes int) (uint32, error) {
	b, _, err := value.AppendKey(make([]byte, 0, 64), key)
	if err != nil {
		return 0, err
	}
	return uint32(value.Lane(value.HashKey(b), lanes)), nil
}

// routeTo is the lane that a route gave.
func routeTo(lane starlark.Value, lanes int) (uint32, error) {
	i, ok := lane.(starlark.Int)
	if !ok {
		return 0, fmt.Errorf("route must return the index of a lane, or None for a record that goes nowhere, not %s: %s", lane.Type(), value.Cut(lane, 60))
	}
	n, ok := i.Int64()
	if !ok || n < 0 || n >= int64(lanes) {
		return 0, fmt.Errorf("route returned lane %s, but there are the lanes 0 to %d: give partition more lanes=, or return i %% %d", i, lanes-1, lanes)
	}
	return uint32(n), nil
}

// leave appends a record that came through all steps, and its columns.
func (it *interpreter) leave(v starlark.Value) error {
	for i := range it.chain.Columns {
		s, k := &it.chain.Columns[i], len(it.chain.Steps)+i
		r, err := it.apply(k, s, v)
		if err != nil {
			return it.blame(s, it.shown(k, v), err)
		}
		r.Freeze()
		it.out.Columns[i].Append(r)
	}
	if it.chain.Delta != nil {
		return it.contribute(it.chain.Delta, v)
	}
	if !it.chain.Discard {
		it.out.Append(v)
		if _, function := v.(starlark.Callable); function && it.out.Kind == chunk.Any {
			return it.blame(it.last(), v, errFunction)
		}
	}
	it.complete()
	return nil
}

// complete ends a row of the output.
func (it *interpreter) complete() {
	it.out.Len++
	it.out.Relative = append(it.out.Relative, it.in.RelativeAt(it.row))
	if it.lanes {
		it.out.Lanes = append(it.out.Lanes, it.lane)
	}
}

var errFunction = errors.New("a record cannot be a function: call it, or use its name")

// last is the step that records leave.
func (it *interpreter) last() *Step {
	if n := len(it.chain.Steps); n > 0 {
		return &it.chain.Steps[n-1]
	}
	return &Step{Name: "source"}
}

// apply evaluates the function of step (or column) k on a record.
func (it *interpreter) apply(k int, s *Step, v starlark.Value) (starlark.Value, error) {
	f := s.Fn
	if f.Selector != nil {
		return it.selected(k, s, v)
	}
	if s.Kind == MapValues {
		v = pairValue(v)
	}
	if it.direct && f.Returns >= 0 {
		return f.project(v)
	}
	a := &it.args[k]
	args := a.next()
	if err := a.record(args, v); err != nil {
		return nil, err
	}
	if f.Using {
		args[len(args)-1] = s.Using
	}
	if it.entered != s {
		it.enter(s)
	}
	it.random.op, it.random.drawn = s.Op, 0
	if k < len(it.sibling) {
		it.random.sibling = it.sibling[k]
		it.sibling[k]++
	}
	if err := it.watched(s.Op); err != nil {
		return nil, err
	}
	return it.call(f.Callable, args)
}

func (it *interpreter) enter(s *Step) {
	it.entered = s
	it.inside.Store(s)
}

func (it *interpreter) leaveFunctions() {
	it.entered = nil
	it.inside.Store(nil)
}

func (it *interpreter) selected(k int, s *Step, v starlark.Value) (starlark.Value, error) {
	if s.Kind == MapValues {
		v = pairValue(v)
	}
	r, err := s.Fn.Selector.Select(v)
	if err != nil {
		return s.Fn.Selector.Select(it.shown(k, v)) // the message names the fields that there are
	}
	return r, nil
}

// shown is the record at step k with all of its members, for messages and dead letters.
func (it *interpreter) shown(k int, v starlark.Value) starlark.Value {
	if it.in.Whole != nil && k <= it.fresh {
		return it.in.Whole(it.row)
	}
	return v
}

// pairValue is the value of a pair; of anything else, the thing itself, which replaceValue refuses afterwards.
func pairValue(v starlark.Value) starlark.Value {
	if t, ok := v.(starlark.Tuple); ok && len(t) == 2 {
		return t[1]
	}
	return v
}

// project is what a function gives that only returns its argument number Returns.
func (f *Func) project(v starlark.Value) (starlark.Value, error) {
	if f.Spread == 0 {
		return v, nil
	}
	t, ok := v.(starlark.Tuple)
	if !ok || len(t) != f.Spread {
		return nil, f.width(v)
	}
	return t[f.Returns], nil
}

// caught makes a dead letter of a failed record where the step catches, and an error elsewhere.
func (it *interpreter) caught(k int, s *Step, v starlark.Value, err error) error {
	v = it.shown(k, v)
	err = it.blame(s, v, err)
	e, ok := err.(*ScriptError)
	if !ok || !s.Catch || errors.Is(e, ErrLimit) && !errors.As(e, new(*FatalError)) {
		return err
	}
	it.out.Counts[k].Dead++
	it.settle()
	it.out.Dead = append(it.out.Dead, Dead{Step: k, Record: v, Error: e})
	it.place(false)
	return nil
}

// place notes where a record failed or printed.
func (it *interpreter) place(print bool) { it.out.Places = append(it.out.Places, it.here(print)) }

func (it *interpreter) here(print bool) Place {
	return Place{Relative: it.in.RelativeAt(it.row), Before: it.out.Len, Print: print}
}

// joins adds lines that are left out to those that were left out in the same place just before.
func (it *interpreter) joins(p Print) bool {
	last, at := len(it.prints)-1, len(it.out.Places)-1
	return last >= 0 && at >= 0 && it.out.Places[at] == it.here(true) && it.prints[last].Join(p)
}

// blame adds to an error what record it struck.
func (it *interpreter) blame(s *Step, v starlark.Value, err error) error {
	err = it.fail(s.Name, s.At, s.Op, err)
	if e, ok := err.(*ScriptError); ok {
		it.locate(e).Show(v)
	}
	return err
}

// locate says where the current record came from.
func (it *interpreter) locate(e *ScriptError) *ScriptError {
	at := it.in.RelativeAt(it.row)
	e.Ordinal = chunk.Ordinal{Position: it.in.Base + uint64(at), Lane: it.lane}
	if o := it.in.Origin; o != nil {
		e.Origin = &chunk.Origin{File: o.File, Base: o.Base + int64(at)}
	}
	return e
}
