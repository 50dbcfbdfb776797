package engine

import (
	"slices"

	"github.com/flowsh/flowsh/engine/kernel"
)

// A foreknowledge is what is known of a step's records before any is read, from the functions that make them. That of the
// records of one stage tells which reducers of the next only add ints.
type foreknowledge struct {
	program *Program
	stages  []*Stage
	env     *kernel.Env
}

// comesIn is what is known of the records that a stage reads from others.
func (f foreknowledge) comesIn(s *Stage) kernel.Known {
	if s.Source >= 0 || len(s.Inputs) != 1 {
		return kernel.Known{}
	}
	i := slices.IndexFunc(f.stages, func(from *Stage) bool { return from.ID == s.Inputs[0] })
	return f.goesOut(f.stages[i])
}

// goesOut is what is known of the records that a stage hands on.
func (f foreknowledge) goesOut(s *Stage) kernel.Known {
	chain := f.chain(s)
	switch s.End {
	case Pass, Sort, Keep:
		return chain.Known()
	case Group, InOrder:
	default:
		return kernel.Known{}
	}
	op := &f.program.Graph.Ops[s.Op]
	if op.WithWindow || op.Window != nil || op.Trigger != nil || op.AsList || s.Laned {
		return kernel.Known{}
	}
	var state kernel.Known
	switch op.Kind {
	case OpUniq, OpTake, OpTakeSort:
		return chain.Known()
	case OpCount:
		state = kernel.KnownInt()
	case OpReduce:
		if op.Using != nil || op.Emit != "" && op.Emit != "auto" {
			return kernel.Known{}
		}
		d, refusal := decompose(op, f.program.reducer(op), chain, f.env)
		if refusal != nil {
			return kernel.Known{}
		}
		state = d.Known()
	}
	if op.Funcs["by"] != "" {
		return kernel.KnownPair(state)
	}
	return state
}

// chain is as much of a stage's chain as tells what is known of its records.
func (f foreknowledge) chain(s *Stage) *kernel.Chain {
	c := &kernel.Chain{In: f.comesIn(s), Ints: f.program.Graph.intMembers(s)}
	for _, id := range s.Chain {
		op := &f.program.Graph.Ops[id]
		kind, param := stepKindOf(op)
		c.Steps = append(c.Steps, kernel.Step{Kind: kind, Fn: f.program.Funcs[Ref{id, param}]})
	}
	return c
}
