package engine

import (
	"fmt"
	"slices"
)

// A Plan says in which stages the steps of a graph run. It is a pure function of the graph.
type Plan struct {
	Graph *Graph
	Steps []StepPlan
}

// A StepPlan is the stages of one step; a stage's inputs come before it.
type StepPlan struct {
	Name   string
	Stages []*Stage
}

// A Stage is a run of operators that need no more than one record at a time, applied to batches on all cores,
// and an end where its records meet.
type Stage struct {
	ID     int // in the plan
	Source int // the op that reads: source or result; -1 if the stage reads other stages
	Inputs []int
	Chain  []int // ops fused into one pass over each batch
	End    End
	Op     int   // the op of the end; -1 for Pass
	Sides  []int // stages that must have ended: their records are taken by functions of this one, or matched by it
	// First is how many records a sort hands on; nil: all.
	First *int64
	// Laned says that the records have lanes when they reach the end.
	Laned bool
	// Outputs are the stages that read this one; filled in when the plan is complete.
	Outputs []int
}

// An End is how a stage hands on its records.
type End string

// The ends of stages.
const (
	Pass    End = "pass"    // in order, as they are
	InOrder End = "inorder" // in order, through an operator that counts or keeps state
	Group   End = "group"   // into state by key
	Sort    End = "sort"    // into a sort
	Collect End = "collect" // into memory, for functions with using=
	Build   End = "build"   // into the right side of a join
	Join    End = "join"    // matched with the right side of a join
	Keep    End = "keep"    // into the store, for later steps
	Write   End = "write"   // into a sink
)

// holdsState says that the stage has a share of the memory for state.
func (s *Stage) holdsState() bool {
	switch s.End {
	case Group, Sort, Collect, InOrder, Build, Join:
		return true
	}
	return false
}

// NotYetError says that a graph needs an operator that this version does not run.
type NotYetError struct {
	Op   OpKind
	At   string
	What string
}

func (e *NotYetError) Error() string {
	return fmt.Sprintf("%s: %s is not supported by this version of flowsh%s", e.At, e.Op, e.What)
}

// MakePlan fuses operators into stages. It fails with *NotYetError for operators that cannot run.
func MakePlan(g *Graph) (*Plan, error) {
	p := &Plan{Graph: g}
	id := 0
	for i, step := range g.Steps {
		b := &planner{graph: g, next: &id, closed: map[int]*Stage{}, collected: map[int]*Stage{}}
		if err := b.step(step, i == len(g.Steps)-1); err != nil {
			return nil, err
		}
		p.Steps = append(p.Steps, StepPlan{Name: step.Name, Stages: b.stages})
	}
	return p, nil
}

type planner struct {
	graph     *Graph
	next      *int
	stages    []*Stage
	readers   []int          // per op: how many ops and outputs read it
	closed    map[int]*Stage // by op: the stage that ends with it
	collected map[int]*Stage // by op: the stage that collects it for using=
}

func (b *planner) step(s Step, last bool) error {
	b.readers = make([]int, len(b.graph.Ops))
	seen := make([]bool, len(b.graph.Ops))
	for _, out := range s.Outputs {
		b.count(out, seen)
	}
	for _, out := range s.Outputs {
		if err := b.output(out, last); err != nil {
			return err
		}
	}
	for _, s := range b.stages {
		for _, in := range s.Inputs {
			from := b.stages[in-b.stages[0].ID]
			from.Outputs = append(from.Outputs, s.ID)
		}
	}
	return nil
}

// count counts the readers of an op and of everything before it.
func (b *planner) count(op int, seen []bool) {
	b.readers[op]++
	if seen[op] {
		return
	}
	seen[op] = true
	for _, in := range b.graph.Ops[op].In {
		b.count(in, seen)
	}
	if u := b.graph.Ops[op].Using; u != nil {
		b.count(u.Op, seen)
	}
}

// output plans what a step puts out: a written flow, the result that is printed, or one kept for later steps.
func (b *planner) output(op int, last bool) error {
	o := &b.graph.Ops[op]
	end := Write
	if o.Kind == OpWrite {
		op = o.In[0]
	} else if !last {
		end = Keep
	}
	s, err := b.open(op)
	if err != nil {
		return err
	}
	b.close(b.inLaneOrder(s), end, o.ID)
	return nil
}

// open returns a stage that more ops can be added to, whose records are those of op.
func (b *planner) open(op int) (*Stage, error) {
	o := &b.graph.Ops[op]
	if s := b.closed[op]; s != nil {
		return b.after(s), nil
	}
	s, err := b.build(o)
	if err != nil {
		return nil, err
	}
	if b.readers[op] == 1 {
		return s, nil
	}
	if fresh := s.Source < 0 && len(s.Inputs) == 1 && len(s.Chain) == 0; fresh {
		b.closed[op] = b.stage(s.Inputs[0])
		return s, nil
	}
	b.closed[op] = b.close(b.inLaneOrder(s), Pass, -1)
	return b.after(b.closed[op]), nil
}

func (b *planner) build(o *Op) (*Stage, error) {
	switch o.Kind {
	case OpSource, OpResult, OpJobResult:
		return &Stage{Source: o.ID, Op: -1}, nil
	case OpConcat:
		return b.concat(o)
	case OpJoin:
		return b.join(o)
	}
	if err := supported(o); err != nil {
		return nil, err
	}
	s, err := b.open(o.In[0])
	if err != nil {
		return nil, err
	}
	if o.Using != nil {
		side, err := b.side(o.Using.Op)
		if err != nil {
			return nil, err
		}
		s.Sides = append(s.Sides, side.ID)
	}
	switch o.Kind {
	case OpMap, OpFlatMap, OpFilter, OpReject, OpMapValues:
		s.Chain = append(s.Chain, o.ID)
		return s, nil
	case OpPartition:
		s = b.inLaneOrder(s)
		s.Chain = append(s.Chain, o.ID)
		s.Laned = true
		return s, nil
	case OpSample:
		if o.Fraction != nil {
			s.Chain = append(s.Chain, o.ID)
			return s, nil
		}
		s = b.inLaneOrder(s)
	case OpTake:
		if b.takesSorted(o) {
			b.stage(s.Inputs[0]).First = &o.N
			return s, nil
		}
	}
	end := endOf(o)
	if end == InOrder || o.Kind == OpDepartition || o.Kind == OpAggregate {
		s = b.inLaneOrder(s)
	}
	closed := b.close(s, end, o.ID)
	if o.Kind == OpTakeSort || o.Kind == OpSample {
		closed.First = &o.N
	}
	s = b.after(closed)
	if o.Kind == OpMapBatch || o.Kind == OpThrough {
		s.Chain = append(s.Chain, o.ID)
	}
	return s, nil
}

// takesSorted says that a take is all that reads a sort, which then needs to keep no more than the take wants.
func (b *planner) takesSorted(take *Op) bool {
	in := take.In[0]
	return take.Funcs["by"] == "" && take.Window == nil && b.graph.Ops[in].Kind == OpSort && b.readers[in] == 1
}

// endOf says where the records of a stateful op meet.
func endOf(o *Op) End {
	switch o.Kind {
	case OpSort, OpShuffle, OpSample:
		return Sort
	case OpTakeSort:
		if o.Funcs["by"] == "" && o.Window == nil && !o.AsList {
			return Sort
		}
	case OpTake:
		if o.Window == nil {
			return InOrder
		}
	case OpReduce:
		if o.Trigger != nil {
			return InOrder
		}
	case OpWithIndex, OpScan, OpBatch, OpMapBatch, OpThrough:
		return InOrder
	}
	return Group
}

// supported refuses what has a place in the graph but no implementation.
func supported(o *Op) error {
	if o.Kind == OpJoin && o.Window != nil && o.Window.Kind != fixedWindows && o.Window.Kind != slidingWindows {
		return &NotYetError{Op: o.Kind, At: o.At, What: ": window = windows." + o.Window.Kind + "(...)"}
	}
	return nil
}

func (b *planner) concat(o *Op) (*Stage, error) {
	joined := &Stage{Source: -1, Op: -1}
	for _, in := range o.In {
		s, err := b.open(in)
		if err != nil {
			return nil, err
		}
		joined.Inputs = append(joined.Inputs, b.close(b.inLaneOrder(s), Pass, -1).ID)
	}
	return joined, nil
}

// join builds its right side, which is complete before the left side is read, and matches the left side with it. The
// function of the pairs runs in the stage behind.
func (b *planner) join(o *Op) (*Stage, error) {
	if err := supported(o); err != nil {
		return nil, err
	}
	right, err := b.open(o.In[1])
	if err != nil {
		return nil, err
	}
	built := b.close(b.inLaneOrder(right), Build, o.ID)
	left, err := b.open(o.In[0])
	if err != nil {
		return nil, err
	}
	left = b.inLaneOrder(left)
	left.Sides = append(left.Sides, built.ID)
	s := b.after(b.close(left, Join, o.ID))
	if o.Funcs["f"] != "" {
		s.Chain = append(s.Chain, o.ID)
	}
	return s, nil
}

// side is the stage that collects an op's records for using=.
func (b *planner) side(op int) (*Stage, error) {
	if s := b.collected[op]; s != nil {
		return s, nil
	}
	s, err := b.open(op)
	if err != nil {
		return nil, err
	}
	b.collected[op] = b.close(b.inLaneOrder(s), Collect, op)
	return b.collected[op], nil
}

// close ends a stage and gives it its number.
func (b *planner) close(s *Stage, end End, op int) *Stage {
	s.End, s.Op, s.ID = end, op, *b.next
	*b.next++
	b.stages = append(b.stages, s)
	return s
}

// after starts a stage that reads another. An op over the whole flow ends the lanes.
func (b *planner) after(s *Stage) *Stage {
	laned := s.Laned
	switch s.End {
	case Pass:
	case InOrder:
		kind := b.graph.Ops[s.Op].Kind
		laned = laned && kind != OpTake && kind != OpWithIndex
	default:
		laned = false
	}
	return &Stage{Source: -1, Inputs: []int{s.ID}, Op: -1, Laned: laned}
}

// inLaneOrder brings partitioned records into the order of their lanes where the next op depends on order.
func (b *planner) inLaneOrder(s *Stage) *Stage {
	if !s.Laned || !slices.ContainsFunc(s.Chain, func(op int) bool { return b.graph.Ops[op].Kind == OpPartition }) {
		return s
	}
	next := b.after(b.close(s, Sort, b.partitionOf(s)))
	next.Laned = true
	return next
}

func (b *planner) partitionOf(s *Stage) int {
	i := slices.IndexFunc(s.Chain, func(op int) bool { return b.graph.Ops[op].Kind == OpPartition })
	return s.Chain[i]
}

func (b *planner) stage(id int) *Stage {
	return b.stages[id-b.stages[0].ID]
}
