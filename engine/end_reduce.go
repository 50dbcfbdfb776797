package engine

import (
	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/kernel"
	"github.com/flowsh/flowsh/engine/operator"
	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
)

// byKey says that the chain's first column is what records are grouped by, and that results are pairs.
func (g *groupEnd) byKey() bool {
	return g.op.Funcs["by"] != "" || g.op.Kind == OpUniq || g.op.Kind == OpGroupBy || g.addsToKeys()
}

// addsToKeys says that the op is a reduce whose state is a dict to whose keys ints are added.
func (g *groupEnd) addsToKeys() bool { return g.delta != nil && g.delta.Keyed }

// decompose finds out whether the reducer only adds ints to its state. Then the chain gives what each record adds,
// and that is combined in any order. With kernels off the reducer folds its records in order: that is the reference.
func (g *groupEnd) decompose() error {
	s := g.stage
	if s.run.options.Kernels == "off" {
		return nil
	}
	r, err := s.reducer(g.op)
	if err != nil {
		return err
	}
	r.Prints = func(chunk.Ordinal, kernel.Print) {}
	s.chain.In = foreknowledge{s.run.program, s.run.plan.Stages, s.run.env}.comesIn(s.Stage)
	if d, refusal := decompose(g.op, r, &s.chain, s.run.env); refusal == nil {
		g.delta, g.reducer, s.chain.Delta, s.chain.Discard = d, r, d, true
	}
	return nil
}

func decompose(op *Op, r *kernel.Reducer, chain *kernel.Chain, env *kernel.Env) (*kernel.Delta, error) {
	switch {
	case op.Window != nil || op.Trigger != nil:
		return nil, &kernel.Refusal{What: "has a window or a trigger"}
	case op.Funcs["on_trigger"] != "":
		return nil, &kernel.Refusal{What: "has on_trigger"}
	}
	by := op.Funcs["by"] != ""
	d, err := kernel.Decompose(r, by, chain, env)
	if err == nil && d.Keyed && op.Emit != "" && op.Emit != "auto" && op.Emit != "events" {
		return nil, &kernel.Refusal{What: "emits " + op.Emit}
	}
	return d, err
}

var integerKinds = map[kernel.PartKind]operator.IntegerKind{
	kernel.PartLeast: operator.LeastInt, kernel.PartMost: operator.MostInt,
}

// additions makes the aggregate of a reducer that only adds to its state.
func (g *groupEnd) additions() func() (operator.Aggregate, error) {
	d := g.delta
	if !d.Keyed && g.op.Funcs["by"] == "" && g.lanes == 0 {
		g.state = d.Initial()
	}
	var parts []operator.IntegerPart
	for _, p := range d.Parts {
		start, _ := p.Start.(starlark.Int)
		n, _ := start.Int64()
		parts = append(parts, operator.IntegerPart{Kind: integerKinds[p.Kind], Start: n})
	}
	var value func([]starlark.Value) starlark.Value
	if d.Shape != kernel.Scalar && len(parts) == 1 || d.Shape == kernel.ListOf {
		value = d.Value
	}
	if !d.Ordered {
		return func() (operator.Aggregate, error) { return operator.NewIntegers(parts, value), nil }
	}
	var starts []starlark.Value
	for _, p := range d.Parts {
		starts = append(starts, p.Start)
	}
	running := operator.Running{Starts: starts, Value: value, Fail: func(row starlark.Tuple, parts []starlark.Value) error {
		return d.Fail(g.reducer, g.stage.run.env, row, parts)
	}}
	return func() (operator.Aggregate, error) { return operator.NewRunningSums(running), nil }
}

// laneByKey says that records are partitioned by the key that they add to: then keys tell lanes, and the chain need
// not find out those of records.
func (g *groupEnd) laneByKey() bool {
	steps := g.stage.chain.Steps
	if len(steps) == 0 {
		return false
	}
	last := &steps[len(steps)-1]
	if last.Kind != kernel.Lane || !g.delta.ChangesKeyOf(last.Fn) {
		return false
	}
	last.Loose = true
	lanes := last.Lanes
	g.laneOf = func(key []byte) uint32 { return uint32(value.Lane(value.HashKey(key), lanes)) }
	return true
}

// intMembers is the names of the members that the types= of a stage's source makes ints.
func (g *Graph) intMembers(s *Stage) (names []string) {
	if s.Source < 0 || g.Ops[s.Source].Source == nil || g.Ops[s.Source].Source.Origin {
		return nil
	}
	for _, t := range g.Ops[s.Source].Source.Types {
		if t.Type == "int" {
			names = append(names, t.Column)
		}
	}
	return names
}
