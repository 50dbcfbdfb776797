package engine

import (
	"strings"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/kernel"
	"go.starlark.net/starlark"
)

// A foresight finds out, stage after stage, how the functions of a job will run, and the types of what they give.
type foresight struct {
	program *Program
	env     *kernel.Env
	off     bool                  // the job runs on the interpreter alone
	how     map[Ref]string        // "compiled", "a column", or "interpreted: " and why
	adds    map[int]*kernel.Delta // by op: what reducers add to their states that do nothing else
	inOrder map[int]string        // by op: why reducers do more than that
	chains  map[int]refsOf        // by stage
	records map[int]chunk.Column  // by stage: what it hands on, without values
}

// A refsOf is a stage's chain with the functions of its steps and columns.
type refsOf struct {
	chain *kernel.Chain
	refs  []Ref
}

// calledByState is the parameters whose functions get states.
var calledByState = []string{"merge", "flush", "done", "trigger.f", "on_trigger"}

// columnParams is the parameters whose functions give a column beside the records.
var columnParams = []string{"key", "route", "by", "of", "value", "weight", "window.time"}

// paramsOf is the parameters of an op that may be functions of records or states, in the order of their mention.
func paramsOf(op *Op) (columns, called []string) {
	columns = columnParams
	for _, a := range op.Aggregates {
		columns = append(columns[:len(columns):len(columns)], "of."+a.Name)
	}
	return columns, calledByState
}

func newForesight(p *Program, o Options) *foresight {
	return &foresight{
		program: p, off: o.Kernels == "off", how: map[Ref]string{}, adds: map[int]*kernel.Delta{}, inOrder: map[int]string{}, chains: map[int]refsOf{}, records: map[int]chunk.Column{},
		env: &kernel.Env{Seed: p.Graph.Seed, MaxSteps: o.MaxSteps, Prepare: p.Prepare},
	}
}

// stage foresees the functions of the chain of a stage, one of a step, and of its end.
func (f *foresight) stage(s *Stage, of []*Stage) {
	in := f.input(s)
	chain := &kernel.Chain{In: foreknowledge{f.program, of, f.env}.comesIn(s), Ints: f.program.Graph.intMembers(s)}
	var refs []Ref
	for _, id := range s.Chain {
		op := &f.program.Graph.Ops[id]
		kind, param := stepKindOf(op)
		refs = append(refs, Ref{id, param})
		chain.Steps = append(chain.Steps, f.step(op, kind, param))
	}
	if s.End == Build || s.End == Join {
		op := &f.program.Graph.Ops[s.Op]
		for _, param := range []string{joinKey(s.End, op), "window.time"} {
			if ref := (Ref{op.ID, param}); f.program.Funcs[ref] != nil {
				refs = append(refs, ref)
				chain.Columns = append(chain.Columns, f.step(op, kernel.Map, param))
			}
		}
	}
	var folds []string
	if op := f.ending(s); op != nil {
		columns, called := paramsOf(op)
		for _, param := range columns {
			if ref := (Ref{op.ID, param}); f.program.Funcs[ref] != nil {
				refs = append(refs, ref)
				chain.Columns = append(chain.Columns, f.step(op, kernel.Map, param))
			}
		}
		folds = called
		if op.Kind == OpReduce {
			refs = f.reducer(s, op, chain, refs)
		}
	}
	cast := kernel.Foresee(chain, f.env, &in)
	f.chains[s.ID] = refsOf{chain, refs}
	f.judge(f.chains[s.ID], cast.Refusal)
	if folds != nil {
		f.folds(&f.program.Graph.Ops[s.Op], cast.Record, folds)
	}
	f.records[s.ID] = f.result(s, cast)
}

// folds foresees the functions of an op that get its state.
func (f *foresight) folds(op *Op, records chunk.Column, called []string) {
	r := f.program.reducer(op)
	r.Prints = func(chunk.Ordinal, kernel.Print) {}
	if op.Using != nil {
		r.Using = noSide(op.Using)
	}
	function := func(param string) *kernel.Func { return f.program.Funcs[Ref{op.ID, param}] }
	if r.Fn == nil {
		return
	}
	refusals := kernel.ForeseeFold(r, function("trigger.f"), function("on_trigger"), f.env, &records)
	for _, param := range append([]string{"f"}, called...) {
		fn, ref := function(param), Ref{op.ID, param}
		if fn == nil || f.adds[op.ID] != nil && (param == "f" || param == "merge") {
			continue
		}
		how := "compiled"
		switch refusal := refusals[fn]; {
		case f.off:
			how = "interpreted: --kernels=off"
		case refusal != nil:
			how = "interpreted: " + refusal.Error()
		}
		if why := f.inOrder[op.ID]; why != "" && param == "f" && !combines(op) {
			how += ", in order because it " + why
		}
		f.how[ref] = how
	}
}

// reducer finds out whether a reducer only adds to its state: then its additions are the last function of the chain,
// and its states are combined.
func (f *foresight) reducer(s *Stage, op *Op, chain *kernel.Chain, refs []Ref) []Ref {
	ref := Ref{op.ID, "f"}
	if f.off {
		f.how[ref] = "interpreted: --kernels=off"
		return refs
	}
	r := f.program.reducer(op)
	r.Prints = func(chunk.Ordinal, kernel.Print) {}
	if op.Using != nil {
		r.Using = noSide(op.Using)
	}
	if s.Laned {
		r.Lanes = lanesOf(f.program.Graph, op.ID)
	}
	d, err := decompose(op, r, chain, f.env)
	if err != nil {
		f.inOrder[op.ID] = err.Error()
		return refs
	}
	chain.Delta = d
	f.adds[op.ID] = d
	f.how[Ref{op.ID, "merge"}] = "not called"
	return append(refs, ref)
}

// ending is the op of a stage's end, nil if it has none whose functions its chain has not called already.
func (f *foresight) ending(s *Stage) *Op {
	if s.Op < 0 {
		return nil
	}
	op := &f.program.Graph.Ops[s.Op]
	switch s.End {
	case Group, InOrder:
		return op
	case Sort:
		if op.Kind != OpPartition {
			return op
		}
	case Write:
		if op.Kind == OpWrite {
			return op
		}
	}
	return nil
}

func (f *foresight) step(op *Op, kind kernel.StepKind, param string) kernel.Step {
	s := kernel.Step{
		Kind: kind, Op: op.ID, Name: string(op.Kind), At: op.At, Lanes: max(op.Lanes, 1), Seed: op.Seed,
		Fn: f.program.Funcs[Ref{op.ID, param}],
	}
	if op.Fraction != nil {
		s.Fraction = *op.Fraction
	}
	if op.Using != nil {
		s.Using = noSide(op.Using)
	}
	return s
}

// noSide stands in for a side input that is not known before the job runs.
func noSide(u *Using) starlark.Value {
	var v starlark.Value = starlark.NewList(nil)
	if u.Lookup {
		v = starlark.NewDict(0)
	}
	v.Freeze()
	return v
}

// judge says how each function of a chain runs. A chain is compiled as a whole or not at all.
func (f *foresight) judge(c refsOf, refusal *kernel.Refusal) {
	chain, refs := c.chain, c.refs
	for i, ref := range refs {
		fn := f.program.Funcs[ref]
		switch {
		case fn == nil:
		case len(chain.Steps) == 0 && (fn.Selector != nil || fn.Returns >= 0):
			f.how[ref] = "a column"
		case f.off:
			f.how[ref] = "interpreted: --kernels=off"
		case refusal == nil:
			f.how[ref] = "compiled"
		case i == refusal.Step:
			f.how[ref] = "interpreted: " + refusal.Error()
		default:
			f.how[ref] = "interpreted, as " + f.program.Graph.Ops[refs[refusal.Step].Op].Name() + " is"
		}
	}
}

// input is the records that a stage gets, without values.
func (f *foresight) input(s *Stage) chunk.Column {
	unknown := chunk.Column{Kind: chunk.Any}
	if s.Source < 0 {
		if len(s.Inputs) > 1 {
			return unknown
		}
		return f.records[s.Inputs[0]]
	}
	op := &f.program.Graph.Ops[s.Source]
	if op.Kind != OpSource {
		return unknown
	}
	record := unknown
	text := chunk.Column{Kind: chunk.String}
	switch op.Source.Format {
	case "lines":
		record = text
	case "text":
		record = pairOf(text, text)
	}
	if op.Source.Origin {
		return pairOf(unknown, record)
	}
	return record
}

func pairOf(a, b chunk.Column) chunk.Column {
	return chunk.Column{Kind: chunk.Tuple, Fields: []chunk.Column{a, b}}
}

// result is the records that a stage hands on, without values.
func (f *foresight) result(s *Stage, cast kernel.Forecast) chunk.Column {
	unknown := chunk.Column{Kind: chunk.Any}
	switch s.End {
	case Pass, Sort, Collect, Keep, Build:
		return cast.Record
	case Join:
		return f.joined(s, cast.Record)
	case Group, InOrder:
	default:
		return unknown
	}
	op := &f.program.Graph.Ops[s.Op]
	if op.WithWindow {
		return unknown
	}
	switch op.Kind {
	case OpUniq, OpTake, OpTakeSort, OpMapBatch:
		if op.AsList || op.Kind == OpMapBatch {
			return unknown
		}
		return cast.Record
	case OpWithIndex:
		return pairOf(chunk.Column{Kind: chunk.Int}, cast.Record)
	case OpCount, OpSum, OpMin, OpMax, OpMean, OpReduce, OpGroupBy:
		state := unknown
		if op.Kind == OpCount {
			state = chunk.Column{Kind: chunk.Int}
		}
		switch by := f.program.Funcs[Ref{op.ID, "by"}]; {
		case op.Window != nil:
			return unknown
		case op.Kind == OpGroupBy || by != nil && len(cast.Columns) == 0:
			return pairOf(unknown, state)
		case by != nil:
			return pairOf(cast.Columns[0], state)
		}
		return state
	}
	return unknown
}

// joined is the records that a join hands on.
func (f *foresight) joined(s *Stage, left chunk.Column) chunk.Column {
	right := f.records[s.Sides[len(s.Sides)-1]]
	switch c := joinConfig(&f.program.Graph.Ops[s.Op]); {
	case !c.Pairs:
		return left
	case c.LoneLeft && c.Typed && right.Kind != chunk.Empty && right.Kind != chunk.Null && right.Kind != chunk.Any:
		return pairOf(left, chunk.Column{Kind: chunk.Maybe, Fields: []chunk.Column{right}})
	case c.LoneLeft:
		return pairOf(left, chunk.Column{Kind: chunk.Any})
	default:
		return pairOf(left, right)
	}
}

// functions says how each function of an op runs.
func (e *Explanation) functions(op *Op, params ...string) string {
	var parts []string
	for _, param := range params {
		if e.Program.Funcs[Ref{op.ID, param}] == nil {
			continue
		}
		how := e.how[Ref{op.ID, param}]
		if how == "" {
			how = "interpreted"
		}
		if param != "f" || len(params) > 1 {
			how = param + " " + how
		}
		parts = append(parts, how)
	}
	switch len(parts) {
	case 0:
		return ""
	case 1:
		return " (" + strings.TrimPrefix(parts[0], "f ") + ")"
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// ofChain says how an op's function runs on every record of a stage.
func (e *Explanation) ofChain(op *Op) string {
	_, param := stepKindOf(op)
	return e.functions(op, param)
}

// ofEnd says how the functions of a stage's last op run.
func (e *Explanation) ofEnd(op *Op) string {
	columns, called := paramsOf(op)
	params := append(append([]string{"f"}, columns...), called...)
	if op.Kind == OpMapBatch || op.Kind == OpThrough {
		params = params[1:] // called in the pass that follows
	}
	return e.functions(op, params...)
}
