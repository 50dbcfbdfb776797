package engine

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/flowsh/flowsh/engine/kernel"
	"github.com/flowsh/flowsh/engine/operator"
)

// standardInput is the path of what the job reads from its standard input.
const standardInput = "-"

// An Explanation is a plan with what is known before it runs: splits, bytes, where records combine, which
// functions are compiled, which are columns already, and which are interpreted and why.
type Explanation struct {
	Program *Program
	Plan    *Plan
	splits  map[int]string // by stage
	how     map[Ref]string
	adds    map[int]*kernel.Delta
	cast    *foresight
	totals  map[int]*StageTotal // by stage; nil until Analyzed
}

// Explain plans a job and looks at its inputs without reading records. Inputs that are missing are part of the
// explanation, not an error.
func Explain(p *Program, o Options) (*Explanation, error) {
	o = o.withDefaults()
	plan, err := MakePlan(p.Graph)
	if err != nil {
		return nil, err
	}
	f := newForesight(p, o)
	e := &Explanation{Program: p, Plan: plan, splits: map[int]string{}, how: f.how, adds: f.adds, cast: f}
	r := &stepRun{jobRun: &jobRun{program: p, graph: p.Graph, options: o, host: o.Host}}
	for _, step := range plan.Steps {
		for _, s := range step.Stages {
			f.stage(s, step.Stages)
			if s.Source >= 0 && p.Graph.Ops[s.Source].Kind == OpSource {
				e.splits[s.ID] = r.describeInput(&p.Graph.Ops[s.Source])
			}
		}
	}
	return e, nil
}

func (r *stepRun) describeInput(op *Op) string {
	source, err := r.openSource(op, nil)
	if err != nil {
		return err.Error()
	}
	splits, err := source.Splits(context.Background())
	if err != nil {
		return err.Error()
	}
	if op.Source.Format == "list" {
		return "a list in the script"
	}
	if len(splits) == 1 && splits[0].File == standardInput {
		return "size unknown"
	}
	inputs, bytes := 0, int64(0)
	for i, s := range splits {
		if i == 0 || s.Input != splits[i-1].Input {
			inputs++
		}
		bytes += s.Size
	}
	return fmt.Sprintf("%s, %s, %d bytes", count(inputs, "file"), count(len(splits), "split"), bytes)
}

func count(n int, what string) string { return count64(int64(n), what) }

// Text is the explanation for people; it is stable for golden files.
func (e *Explanation) Text() string {
	var b strings.Builder
	for _, step := range e.Plan.Steps {
		if step.Name != "" {
			fmt.Fprintf(&b, "step %s\n", step.Name)
		}
		for _, s := range step.Stages {
			e.stage(&b, s)
		}
	}
	return b.String()
}

func (e *Explanation) stage(w io.Writer, s *Stage) {
	g := e.Plan.Graph
	fmt.Fprintf(w, "stage %d", s.ID)
	switch {
	case s.Source >= 0:
		fmt.Fprintf(w, " reads %s", strings.Replace(g.Ops[s.Source].Name(), " "+standardInput, " of stdin", 1))
		if text := e.splits[s.ID]; text != "" {
			fmt.Fprintf(w, " (%s)", text)
		}
	default:
		fmt.Fprintf(w, " reads %s", stages(s.Inputs))
	}
	if len(s.Sides) > 0 {
		fmt.Fprintf(w, ", using %s", stages(s.Sides))
	}
	fmt.Fprintln(w)
	total := e.totals[s.ID]
	total.begin(w)
	for i, op := range s.Chain {
		fmt.Fprintf(w, "  %s%s%s\n", g.Ops[op].Name(), e.ofChain(&g.Ops[op]), total.through(i))
	}
	fmt.Fprintf(w, "  -> %s\n", e.end(s))
	total.finish(w, s.End)
}

func stages(ids []int) string {
	var names []string
	for _, id := range ids {
		names = append(names, fmt.Sprintf("stage %d", id))
	}
	return strings.Join(names, ", ")
}

func (e *Explanation) end(s *Stage) string {
	g := e.Plan.Graph
	if s.Op < 0 {
		return "in order to " + stages(s.Outputs)
	}
	op := &g.Ops[s.Op]
	functions := op.cuts() + e.ofEnd(op)
	switch s.End {
	case Group:
		return op.Name() + functions + ", " + e.grouping(s, op)
	case Sort:
		return e.sorting(s, op, functions)
	case InOrder:
		return op.Name() + functions + ", in order"
	case Build:
		return "the right side of " + op.Name() + op.cuts() + e.functions(op, joinKey(s.End, op), "window.time")
	case Join:
		how := joinInMemory + " or " + joinSorted
		if t := e.totals[s.ID]; t != nil && t.Chosen != "" {
			how = t.Chosen
		}
		return op.Name() + op.cuts() + e.functions(op, joinKey(s.End, op), "window.time") + ", " + how
	case Collect:
		return "collected for using="
	case Keep:
		return "kept for later steps"
	}
	if op.Kind == OpWrite {
		return op.Name() + functions
	}
	return "output"
}

func (e *Explanation) sorting(s *Stage, op *Op, functions string) string {
	how, elsewhere := op.Name()+functions, ", on the workers of a cluster too"
	switch {
	case op.Kind == OpPartition:
		how = fmt.Sprintf("in the order of %d lanes", op.Lanes)
	case op.Kind == OpSort && s.First != nil:
		how += fmt.Sprintf(", the first %d kept", *s.First)
	default:
		how, elsewhere = how+", sorted runs merged", ", which the workers of a cluster make"
	}
	if movable(e.Plan.Graph, s) {
		return how + elsewhere
	}
	return how
}

func (e *Explanation) grouping(s *Stage, op *Op) string {
	where := "one state"
	switch {
	case op.Kind == OpReduce && s.Laned:
		where = fmt.Sprintf("one state for each of %d lanes", e.lanes(s))
	case op.Funcs["by"] != "" || op.Funcs["key"] != "" || op.Kind == OpUniq:
		where = fmt.Sprintf("by key in %d buckets", buckets)
		if divides(e.Plan.Graph, s) {
			where += fmt.Sprintf(", which the workers of a cluster have in %d ranges", operator.Ranges)
		}
	}
	if op.Window != nil {
		where += ", for each window"
	}
	if d := e.adds[op.ID]; d != nil && d.Keyed {
		where = fmt.Sprintf("by the key that it changes, in %d buckets", buckets)
	}
	if d := e.adds[op.ID]; d != nil && d.Ordered {
		return where + ", added in order, because not all numbers are known to be ints"
	}
	if e.adds[op.ID] != nil || combines(op) && (op.Window == nil || op.Window.combines()) {
		return where + ", combined before the shuffle"
	}
	return where + ", folded in order"
}

// lanes is the number of lanes of the partition that a stage's records came through.
func (e *Explanation) lanes(s *Stage) int { return lanesOf(e.Plan.Graph, s.Op) }

// lanesOf finds the partition before an op.
func lanesOf(g *Graph, op int) int {
	for {
		o := &g.Ops[op]
		if o.Kind == OpPartition {
			return o.Lanes
		}
		if len(o.In) == 0 {
			return 0
		}
		op = o.In[0]
	}
}
