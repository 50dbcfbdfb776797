package engine

import "github.com/flowsh/flowsh/engine/kernel"

// joinMembers tells the chain of a side of a join, 0 for the left one, which functions read its records, and gives the
// members that they read; nil if they need all, or there is no reading the rest again.
func (s *stageRun) joinMembers(op *Op, side int) []string {
	s.chain.Readers = s.run.readersOf(op, side)
	keys, ok := kernel.Members(s.chain.Readers)
	if _, projected := s.projection(); !ok || !projected || !s.chain.Passes() {
		return nil
	}
	return append([]string{}, keys...) // not nil
}

// readersOf are the functions that read the records of a side of a join, 0 for the left one, if nothing else does
// anything with them; nil if that is not known.
func (r *stepRun) readersOf(op *Op, side int) []kernel.Reader {
	if how := op.how(); how == semiJoin || how == antiJoin || r.rules(op.ID) != nil {
		return nil
	}
	read := func(fn *kernel.Func) kernel.Reader { return kernel.Reader{Fn: fn, Parameter: side} }
	if fn := r.function(op, "f"); fn != nil {
		return []kernel.Reader{read(fn)}
	}
	next := r.behind(op)
	if next == nil {
		return nil
	}
	var readers []kernel.Reader
	for _, id := range next.Chain {
		o := &r.graph.Ops[id]
		if r.rules(id) != nil {
			return nil
		}
		switch o.Kind {
		case OpFilter, OpReject:
			readers = append(readers, read(r.function(o, "f")))
		case OpMap, OpFlatMap:
			return append(readers, read(r.function(o, "f")))
		default:
			return nil
		}
	}
	for _, param := range r.readAtEnd(next) {
		fn := r.function(&r.graph.Ops[next.Op], param)
		if fn == nil {
			return nil
		}
		readers = append(readers, read(fn))
	}
	if next.End != Group {
		return nil
	}
	return readers
}

// behind is the stage that alone reads what a join hands on, nil if there is none.
func (r *stepRun) behind(op *Op) *Stage {
	for _, s := range r.plan.Stages {
		if s.End != Join || s.Op != op.ID || len(s.Outputs) != 1 {
			continue
		}
		for _, next := range r.plan.Stages {
			if next.ID == s.Outputs[0] && len(next.Inputs) == 1 {
				return next
			}
		}
	}
	return nil
}

// readAtEnd are the parameters whose functions are all that the end of a stage needs of its records; "" stands for the
// records themselves.
func (r *stepRun) readAtEnd(s *Stage) (params []string) {
	if s.End != Group {
		return nil
	}
	op := &r.graph.Ops[s.Op]
	if op.Window != nil {
		return []string{""}
	}
	if op.Funcs["by"] != "" {
		params = append(params, "by")
	}
	switch op.Kind {
	case OpCount:
	case OpSum, OpMin, OpMax, OpMean:
		params = append(params, "of")
	case OpSummarize:
		for _, a := range op.Aggregates {
			if a.Kind != "count" {
				params = append(params, "of."+a.Name)
			}
		}
	default:
		return []string{""}
	}
	return params
}
