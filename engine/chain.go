package engine

import (
	"context"
	"fmt"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/kernel"
	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
)

// prepare waits for the side inputs and makes the chain and the end.
func (s *stageRun) prepare(ctx context.Context) error {
	for _, id := range s.Sides {
		s.phase.Store(waitingSide)
		if err := s.run.byID[id].gate.pass(ctx); err != nil {
			return err
		}
	}
	s.phase.Store(working)
	s.chain.Ints = s.run.graph.intMembers(s.Stage)
	for _, id := range s.Chain {
		step, err := s.stepOf(&s.run.graph.Ops[id])
		if err != nil {
			return err
		}
		s.chain.Steps = append(s.chain.Steps, step)
	}
	if s.task != nil {
		return s.task.make(ctx)
	}
	return s.makeEnd(ctx)
}

var stepKinds = map[OpKind]kernel.StepKind{
	OpMap: kernel.Map, OpFlatMap: kernel.FlatMap, OpFilter: kernel.Filter, OpReject: kernel.Reject,
	OpJoin: kernel.Map, OpMapValues: kernel.MapValues, OpMapBatch: kernel.FlatMap, OpThrough: kernel.FlatMap, OpPartition: kernel.Lane, OpSample: kernel.Sample,
}

// stepKindOf is what an op does in a chain, and the parameter of its function.
func stepKindOf(op *Op) (kind kernel.StepKind, param string) {
	switch {
	case op.Kind != OpPartition:
		return stepKinds[op.Kind], "f"
	case op.Funcs["route"] != "":
		return kernel.Route, "route"
	}
	return kernel.Lane, "key"
}

func (s *stageRun) stepOf(op *Op) (kernel.Step, error) {
	kind, param := stepKindOf(op)
	step := kernel.Step{
		Kind: kind, Op: op.ID, Name: string(op.Kind), At: op.At, Lanes: op.Lanes, Seed: op.Seed, Catch: s.rules(op.ID) != nil,
	}
	if op.Kind == OpSample {
		step.Fraction = *op.Fraction
		return step, nil
	}
	if step.Fn = s.run.function(op, param); step.Fn == nil {
		return step, fmt.Errorf("%s: %s has no function", op.At, op.Kind)
	}
	var err error
	if op.Using != nil {
		step.Using, err = s.run.using(op)
	}
	return step, err
}

// function is the function or selector of an op's parameter; nil if the script gave none.
func (r *stepRun) function(op *Op, param string) *kernel.Func {
	return r.program.Funcs[Ref{op.ID, param}]
}

// column adds the results of an op's function to what the chain puts out; without a function, whole says that
// the records themselves are meant.
func (s *stageRun) column(op *Op, param string, whole bool) {
	fn := s.run.function(op, param)
	if fn == nil {
		if !whole {
			return
		}
		fn = kernel.Whole()
	}
	s.chain.Columns = append(s.chain.Columns, kernel.Step{Kind: kernel.Map, Op: op.ID, Name: s.columnName(op, param), At: op.At, Fn: fn})
}

// columnName is what messages call an op's function of records: the op, and what the function is to it where several
// may be meant.
func (s *stageRun) columnName(op *Op, param string) string {
	name := string(op.Kind)
	if side := s.joinSideName(); side != "" {
		name += ": " + side
	}
	switch {
	case param == "window.time":
		name += ": time"
	case s.End == Build && param == "on":
		name += ", by on, as there is no other_on"
	}
	return name
}

// joinSideName is the side of a join that the stage ends in; "" if it ends in none.
func (s *stageRun) joinSideName() string {
	switch s.End {
	case Build:
		return "right side"
	case Join:
		return "left side"
	}
	return ""
}

// makeEnd makes the end, after the columns that it needs.
func (s *stageRun) makeEnd(ctx context.Context) error {
	var op *Op
	if s.Op >= 0 {
		op = &s.run.graph.Ops[s.Op]
	}
	if s.run.options.DryRun && s.End == Write {
		s.end = &sampleEnd{stage: s}
		return nil
	}
	switch s.End {
	case Pass:
		s.end = &passEnd{stage: s, ctx: ctx}
	case Collect:
		s.end = s.side
	case Build:
		s.end = newBuildEnd(s, op)
	case Join:
		s.end = newJoinEnd(s, op, ctx)
	case Keep:
		kept := s.run.overflow("result")
		s.run.kept[s.run.step.Name] = kept
		s.end = &keepEnd{kept: kept}
	case Write:
		if op.Kind == OpWrite {
			s.column(op, "by", false)
		}
	case Sort:
		switch op.Kind {
		case OpSort, OpTakeSort:
			s.column(op, "key", false)
		}
		s.end = newSortEnd(s, op)
	case InOrder:
		s.column(op, "by", false)
		s.column(op, "weight", false)
		sequential, err := newSequential(s, op)
		if err != nil {
			return err
		}
		s.end = &inOrderEnd{stage: s, ctx: ctx, op: sequential}
	case Group:
		end, err := newGroupEnd(s, op)
		if err != nil {
			return err
		}
		s.end = end
	}
	return nil
}

// runner makes a worker's runner of a chain.
func (r *stepRun) runner(c *kernel.Chain) kernel.Runner {
	return kernel.NewRunner(c, r.env, r.kernels())
}

// reducer is what a reduce or a scan folds with.
func (s *stageRun) reducer(op *Op) (*kernel.Reducer, error) {
	r := s.run.program.reducer(op)
	r.Kernels = s.run.kernels()
	s.reducers = append(s.reducers, r)
	if s.Laned {
		r.Lanes = lanesOf(s.run.graph, op.ID)
	}
	var err error
	if op.Using != nil {
		r.Using, err = s.run.using(op)
	}
	return r, err
}

// reducer is what an op folds with, but for its lanes and its side input.
func (p *Program) reducer(op *Op) *kernel.Reducer {
	function := func(param string) *kernel.Func { return p.Funcs[Ref{op.ID, param}] }
	r := &kernel.Reducer{
		Op: op.ID, Name: string(op.Kind), At: op.At,
		Fn: function("f"), Merge: function("merge"), Flush: function("flush"), Initial: p.Values[Ref{op.ID, "initial"}],
	}
	switch op.Kind {
	case OpDepartition:
		r.Fn, r.Merge = r.Merge, nil
	case OpAggregate:
		r.First = r.Initial == nil
	default:
		r.Emits = op.Kind == OpScan
		if r.Initial == nil {
			r.Initial = starlark.NewDict(0)
		}
	}
	return r
}

// using is the side input of an op: the list of the collected records, or a dict of them.
func (r *stepRun) using(op *Op) (starlark.Value, error) {
	side := r.sideOf(op.Using.Op)
	if op.Using.Lookup {
		return r.lookup(op, side)
	}
	var all []starlark.Value
	for _, b := range side.batches {
		for i := range b.N {
			all = append(all, b.At(i))
		}
	}
	list := starlark.NewList(all)
	list.Freeze()
	return list, nil
}

func (r *stepRun) sideOf(op int) *collectEnd {
	for _, s := range r.stages {
		if s.End == Collect && s.Op == op {
			return s.side
		}
	}
	return nil
}

// lookup is the dict of the collected records by key.
func (r *stepRun) lookup(op *Op, side *collectEnd) (starlark.Value, error) {
	chain := kernel.Chain{Discard: true}
	for _, param := range []string{"using.key", "using.value"} {
		fn := r.function(op, param)
		if fn == nil {
			fn = kernel.Whole()
		}
		chain.Columns = append(chain.Columns, kernel.Step{Kind: kernel.Map, Op: op.ID, Name: "lookup", At: op.At, Fn: fn})
	}
	runner := r.runner(&chain)
	d := starlark.NewDict(0)
	for _, b := range side.batches {
		var out kernel.Output
		if err := runner.Run(b, &out); err != nil {
			return nil, err
		}
		for i := range out.Len {
			if err := r.put(d, op, out.Columns[0].At(i), out.Columns[1].At(i)); err != nil {
				return nil, err
			}
		}
	}
	d.Freeze()
	return d, nil
}

func (r *stepRun) put(d *starlark.Dict, op *Op, key, v starlark.Value) error {
	old, found, err := d.Get(key)
	if err != nil {
		return fmt.Errorf("%s: lookup: %w", op.At, err)
	}
	switch {
	case !op.Using.Many && found:
		return fmt.Errorf("%s: lookup: the key %s occurs twice: write many = True for lists of values", op.At, value.Cut(key, 60))
	case !op.Using.Many:
		return d.SetKey(key, v)
	case found:
		return old.(*starlark.List).Append(v)
	}
	return d.SetKey(key, starlark.NewList([]starlark.Value{v}))
}

// complain is a ScriptError about what a function of an op returned.
func (s *stageRun) complain(op *Op, out *kernel.Output, i int, message string) error {
	e := &kernel.ScriptError{Op: op.ID, Name: string(op.Kind), Position: op.At, Message: message}
	if out != nil {
		e.Record = value.Cut(out.At(i), 1024)
	}
	if out == nil {
		return e
	}
	return s.locate(e, out, i)
}

// sampleEnd takes the place of a sink in a dry run: nothing is written.
type sampleEnd struct{ stage *stageRun }

func (e *sampleEnd) work(_ int, u *unit) error {
	u.keep = true
	return nil
}

func (e *sampleEnd) deliver(u *unit) error {
	e.stage.sample(&u.out.Column)
	return nil
}

func (e *sampleEnd) finish(context.Context) error { return nil }
func (e *sampleEnd) close()                       {}

const sampleSize = 5

// sample keeps the texts of the first records that a stage hands on, in a dry run.
func (s *stageRun) sample(c *chunk.Column) {
	for i := 0; i < c.N && len(s.samples) < sampleSize; i++ {
		s.samples = append(s.samples, value.Cut(c.At(i), 200))
	}
}
