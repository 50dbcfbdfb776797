package engine

import (
	"fmt"
	"strings"
)

// opName is how messages call an op: "map parse", "source lines books/*.txt", "count by word".
func (r *jobRun) opName(op int) string { return r.graph.Ops[op].Name() }

// Name is how messages call the op.
func (o *Op) Name() string {
	switch o.Kind {
	case OpSource:
		name := o.Source.Format
		if len(o.Source.Paths) > 0 {
			name += " " + strings.Join(o.Source.Paths, " ")
		}
		return name
	case OpJobResult:
		return fmt.Sprintf("result(job = %q)", o.Result)
	case OpResult:
		return fmt.Sprintf("result(%q)", o.Result)
	case OpWrite:
		return "write " + o.Sink.Target
	}
	name := string(o.Kind)
	if how := o.option("how"); how != "" {
		name = how + " " + name
	}
	if f := o.Funcs["f"]; o.named(f) {
		name = f
	} else if f != "" {
		name += " " + f
	}
	if m := o.Funcs["merge"]; m != "" && o.Kind == OpDepartition {
		name += " " + m
	}
	if r := o.Funcs["route"]; r != "" {
		name += " route " + r
	}
	if k := o.Funcs["key"]; k != "" && !o.named(k) {
		name += " key " + k
	}
	if on := o.Funcs["on"]; on != "" {
		name += " on " + on
	}
	switch by := o.Funcs["by"]; {
	case strings.TrimRight(by, digits) == "by":
		name += " by()"
	case by != "":
		name += " by " + by
	}
	switch {
	case o.Kind == OpTake || o.Kind == OpTakeSort || o.Kind == OpSample && o.Fraction == nil:
		name += fmt.Sprintf(" %d", o.N)
	case o.Kind == OpBatch || o.Kind == OpMapBatch || o.Kind == OpThrough:
		name += fmt.Sprintf(" of %d", o.Size)
	}
	return name
}

const digits = "0123456789"

// named says that a function has the name of the operator, as in the definition form.
func (o *Op) named(function string) bool {
	return strings.TrimRight(function, digits) == string(o.Kind)
}

// stageName is how messages call a stage: by its number and its last op.
func (r *jobRun) stageName(s *Stage) string { return stageName(r.graph, s) }

func stageName(g *Graph, s *Stage) string {
	last := s.Op
	switch {
	case s.End == Write && g.Ops[s.Op].Kind != OpWrite:
		return fmt.Sprintf("stage %d (output)", s.ID)
	case last >= 0:
	case len(s.Chain) > 0:
		last = s.Chain[len(s.Chain)-1]
	case s.Source >= 0:
		last = s.Source
	default:
		return fmt.Sprintf("stage %d", s.ID)
	}
	return fmt.Sprintf("stage %d (%s)", s.ID, g.Ops[last].Name())
}
