package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/connector"
	"github.com/flowsh/flowsh/engine/host"
	"github.com/flowsh/flowsh/engine/kernel"
	"github.com/flowsh/flowsh/engine/operator"
	"github.com/flowsh/flowsh/spill"
	"go.starlark.net/starlark"
)

// ErrTimeout is the cause of a run that took longer than Options.Timeout.
var ErrTimeout = errors.New("the job took longer than --timeout")

// Run runs a job on this machine: step after step, each committed when all of its outputs are complete. It
// blocks until the job is done, has failed, or ctx is cancelled; nothing of it is left then, except what was
// committed. The bytes that come out depend on the program and its input alone.
//
// Errors: *kernel.ScriptError and *MaxErrorsError for a script that fails on its data; *connector.RecordError
// and *connector.ReadError for input; *operator.LimitError, kernel.ErrLimit and ErrTimeout for limits;
// connector.ErrClosedOutput when the reader of stdout has gone and all else was done; *NotYetError; anything else
// is the machine's. Nothing is retried.
func Run(ctx context.Context, p *Program, o Options) (*Summary, error) {
	o = o.withDefaults()
	plan, err := MakePlan(p.Graph)
	if err != nil {
		return nil, err
	}
	if o.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, o.Timeout, ErrTimeout)
		defer cancel()
	}
	r := newJobRun(p, plan, o)
	defer r.close()
	defer LimitMemory(o.Memory)()
	defer r.count()
	for i := range plan.Steps {
		if err := r.step(ctx, i); err != nil {
			return &r.summary, err
		}
	}
	if r.closedOutput.Load() {
		return &r.summary, connector.ErrClosedOutput
	}
	return &r.summary, nil
}

// A jobRun is one run of a job.
type jobRun struct {
	program *Program
	graph   *Graph
	plan    *Plan
	options Options
	host    *host.Host
	cores   int
	env     *kernel.Env
	store   spill.Store
	kept    map[string]*overflow // results by step
	letters map[string][]letters // failed records by the file they go to, of all steps so far
	summary Summary
	// counters are those of functions of the script.
	counters counters
	// closedOutput says that the reader of stdout has gone.
	closedOutput atomic.Bool
}

func newJobRun(p *Program, plan *Plan, o Options) *jobRun {
	r := &jobRun{
		program: p, graph: p.Graph, plan: plan, options: o, host: o.Host, cores: o.Cores,
		kept: map[string]*overflow{}, letters: map[string][]letters{},
	}
	r.store = NewStore(o)
	r.env = r.newEnv()
	return r
}

// newEnv is what the runners of functions share until they are stopped.
func (r *jobRun) newEnv() *kernel.Env {
	return &kernel.Env{Seed: r.graph.Seed, MaxSteps: r.options.MaxSteps, Prepare: r.program.Prepare}
}

// close removes what was spilled. What cannot be removed is scratch, and no reason to fail: but it takes up space.
func (r *jobRun) close() {
	if r.store.Close() == nil {
		return
	}
	if err := r.store.Close(); err != nil {
		r.host.Send(Warning{Text: err.Error()})
	}
}

// A stepRun is one run of one step.
type stepRun struct {
	*jobRun
	plan   StepPlan
	number int
	step   *Step
	last   bool
	share  int64 // of the memory budget, for each stage that holds state
	// edgeShare is what each edge that may not hold up its producer keeps in memory.
	edgeShare int64
	stages    []*stageRun
	byID      map[int]*stageRun
	sinks     []*stepSink
	targets   []string // of the outputs, as they were written

	deadMu sync.Mutex
	dead   map[boxKey]*deadLetterBox
}

type stepSink struct {
	name string
	connector.Sink
}

// step runs a step's stages, all at the same time, and commits its outputs.
func (r *jobRun) step(ctx context.Context, i int) error {
	s := &stepRun{
		jobRun: r, plan: r.plan.Steps[i], number: i, step: &r.graph.Steps[i], last: i == len(r.plan.Steps)-1,
		byID: map[int]*stageRun{}, dead: map[boxKey]*deadLetterBox{},
	}
	defer s.abort()
	defer s.measured()
	defer s.reportLeftOut()
	if err := s.build(ctx); err != nil {
		return err
	}
	if err := s.runStages(ctx); err != nil {
		return err
	}
	if err := s.balance(); err != nil {
		return err
	}
	if err := s.writeDeadLetters(ctx); err != nil {
		return err
	}
	if err := s.commit(); err != nil {
		return err
	}
	s.summarize()
	return nil
}

// build makes the stages, opens what they read and write, and connects them. What cannot be opened fails here,
// before anything runs.
func (r *stepRun) build(ctx context.Context) error {
	stateful, unbounded := 0, 0
	for _, p := range r.plan.Stages {
		s := &stageRun{Stage: p, run: r, name: r.stageName(p), demand: demandOf(r.graph, p)}
		s.seq = newSequence(s.demand.window(r.cores), r.options.Memory/inputShare)
		s.measure.on = r.options.Analyze
		r.stages = append(r.stages, s)
		r.byID[p.ID] = s
		switch p.End {
		case Collect:
			s.side, s.gate = &collectEnd{stage: s}, newGate()
		case Build:
			s.gate = newGate()
		}
		if p.holdsState() {
			stateful++
		}
		if len(p.Outputs) > 1 {
			unbounded += len(p.Outputs)
		}
	}
	holdEffects(r.stages, r.byID, r.graph.Ops)
	if err := r.checkShares(); err != nil {
		return err
	}
	r.share = r.options.Memory / stateShare / int64(max(stateful, 1))
	r.edgeShare = r.options.Memory / edgesShare / int64(max(unbounded, 1))
	for _, s := range r.stages {
		if err := s.openInput(ctx); err != nil {
			return err
		}
	}
	for _, s := range r.stages {
		if s.End == Write {
			if err := r.openSink(s); err != nil {
				return err
			}
		}
	}
	return r.checkDeadLetters()
}

// runStages runs all stages. One that fails hands its error on behind its records, as the end of its flow; the
// step fails when the error of any comes to the end of a flow.
func (r *stepRun) runStages(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(ctx, func() { r.env.Stop(errInterrupted) })
	defer stop()
	watch := r.watch(ctx)
	defer watch()
	input := int64(0)
	for _, s := range r.stages {
		input += s.total
	}
	if input >= muchInput {
		GrowHeap(r.options.Memory)
	}

	v := newVerdict(r.stages, cancel)
	defer v.close()
	contexts := make([]context.Context, len(r.stages))
	for i := range r.stages {
		contexts[i] = v.context(ctx, i)
	}
	var all sync.WaitGroup
	for i, s := range r.stages {
		all.Go(func() {
			defer context.AfterFunc(contexts[i], s.wake)()
			v.end(i, s.work(contexts[i]))
		})
	}
	done := make(chan struct{})
	go func() {
		all.Wait()
		close(done)
	}()
	if err := r.wait(ctx, cancel, done); err != nil {
		return err
	}
	if !v.failed() {
		return nil
	}
	return r.blamed(context.Cause(ctx))
}

// errInterrupted is what functions of the script end with when the step has failed elsewhere. It is not the
// failure itself, which they would take for their own record's.
var errInterrupted = errors.New("interrupted")

// wake lets everybody go who waits in the stage or for its readers.
func (s *stageRun) wake() {
	s.seq.stop()
	for _, e := range s.outs {
		e.wake()
	}
}

// openInput makes the stage's feed.
func (s *stageRun) openInput(ctx context.Context) error {
	if s.Source < 0 {
		f := &edgeFeed{laned: s.Laned}
		for _, id := range s.Inputs {
			f.edges = append(f.edges, s.run.byID[id].connect(s))
		}
		s.feed = s.demanded(f)
		return nil
	}
	op := &s.run.graph.Ops[s.Source]
	if op.Kind == OpResult {
		kept, ok := s.run.kept[op.Result]
		if !ok {
			return fmt.Errorf("%s: result(%q): no such step has run", op.At, op.Result)
		}
		s.feed = s.demanded(&keptFeed{kept: kept})
		return nil
	}
	if op.Kind == OpJobResult {
		kept, err := s.run.jobResult(op)
		s.feed = s.demanded(&keptFeed{kept: kept})
		return err
	}
	source, err := s.run.openSource(op, s.demand)
	if err != nil {
		return err
	}
	splits, err := source.Splits(ctx)
	if err != nil {
		return err
	}
	for _, split := range splits {
		s.total += split.Size
	}
	if op.Source.Format != "list" {
		if source, err = s.run.openSourceIn(op, s.blockSize()); err != nil {
			return err
		}
	}
	s.source, s.splits = source, splits
	waits := func(split connector.Split) bool { return split.End < 0 }
	if s.atHand = s.demand == nil && !slices.ContainsFunc(splits, waits); s.atHand {
		s.seq.widen(unitsAtOnce)
	}
	if !s.elsewhere(splits) {
		s.feed = &sourceFeed{source: source, splits: splits, first: s.run.options.DryRun}
	}
	return nil
}

// demanded cuts what a feed gives as the stage's demand asks.
func (s *stageRun) demanded(f feed) feed {
	if s.demand == nil {
		return f
	}
	return &demandFeed{feed: f, unit: int(s.demand.unit())}
}

func (r *stepRun) openSource(op *Op, demand *Demand) (connector.Source, error) {
	if op.Source.Format == "list" {
		return r.openList(op, demand)
	}
	return r.openSourceIn(op, r.options.BlockSize)
}

func (r *stepRun) openList(op *Op, demand *Demand) (connector.Source, error) {
	list, ok := r.program.Values[Ref{op.ID, "list"}].(starlark.Iterable)
	if !ok {
		return nil, fmt.Errorf("%s: from_enumerable: no list", op.At)
	}
	run := 0
	if demand != nil {
		run = int(demand.unit())
	}
	return connector.NewList(list, run, r.options.SplitRecords, r.host)
}

// blockSize is the size of the stage's input blocks: the least where a demand asks for few records.
func (s *stageRun) blockSize() int64 {
	if s.demand != nil && s.run.options.BlockSize == 0 {
		return leastBlock
	}
	return s.run.blockSize(s.total)
}

const leastBlock = 16 << 10

// blockSize is the size of input blocks: smaller than usual where the budget is small, because every
// stage has some for each core in flight and records take several times their text, and where the input would not give every core
// several of them.
func (r *stepRun) blockSize(total int64) int64 {
	const usual, perCore = 256 << 10, 8
	if r.options.BlockSize > 0 {
		return r.options.BlockSize
	}
	size := min(usual, r.options.Memory/blocksShare/int64(r.cores*len(r.stages)))
	if total > 0 {
		size = min(size, total/(perCore*int64(r.cores)))
	}
	return max(leastBlock, size)
}

func (r *stepRun) openSourceIn(op *Op, blockSize int64) (connector.Source, error) {
	spec := *op.Source
	spec.SplitSize, spec.SplitRecords, spec.BlockSize = r.options.SplitSize, r.options.SplitRecords, blockSize
	spec.Linger = cmp.Or(spec.Linger, r.options.Linger)
	if spec.MaxRecord == 0 {
		spec.MaxRecord = r.options.MaxRecord
	}
	spec.MostHeld = mostHeld(r.options.Memory) / recordCopies
	return connector.NewSource(spec, r.host)
}

// connect makes the edge to a stage that reads this one. Where there are several, none may hold up the others.
func (s *stageRun) connect(to *stageRun) *edge {
	var e *edge
	if len(s.Outputs) > 1 {
		e = newEdge(0, s.run.overflow(fmt.Sprintf("edge/%d/%d", s.ID, to.ID)))
	} else {
		e = newEdge(2*s.run.cores, nil)
		e.limit = s.run.options.Memory / edgesShare
	}
	s.outs = append(s.outs, e)
	return e
}

// openSink opens the output of a stage: what the script says, or for the flow that it does not write, what the
// command line says.
func (r *stepRun) openSink(s *stageRun) error {
	spec := connector.SinkSpec{Target: r.options.Output, Format: r.options.Format}
	if op := &r.graph.Ops[s.Op]; op.Kind == OpWrite {
		spec = *op.Sink
	} else if spec.Target == "" {
		spec.Target = "-"
	}
	if err := r.claim(&spec); err != nil {
		return err
	}
	if r.options.DryRun {
		return nil
	}
	if r.options.Receive != nil {
		s.end = &receiveEnd{stage: s, output: spec.Target}
		return nil
	}
	sink, err := connector.NewSink(spec, r.host, r.host.Stdout)
	if err != nil {
		return err
	}
	name := spec.Target
	if name == "-" {
		name = "stdout"
	}
	r.sinks = append(r.sinks, &stepSink{name: name, Sink: sink})
	s.end = newWriteEnd(s, sink)
	return nil
}

// commit makes all outputs appear, after all of them are complete.
func (r *stepRun) commit() error {
	for _, s := range r.sinks {
		if err := s.Prepare(); err != nil && !r.closedBy(err) {
			return err
		}
	}
	for _, s := range r.sinks {
		if err := s.Commit(); err != nil && !r.closedBy(err) {
			return err
		}
	}
	for _, s := range r.sinks {
		records, bytes := s.Written()
		r.summary.Written += records
		r.summary.Outputs = append(r.summary.Outputs, Output{Name: s.name, Records: records, Bytes: bytes})
	}
	r.sinks = nil
	return nil
}

func (r *stepRun) closedBy(err error) bool {
	if !errors.Is(err, connector.ErrClosedOutput) {
		return false
	}
	r.closedOutput.Store(true)
	return true
}

// abort removes what was not committed.
func (r *stepRun) abort() {
	for _, s := range r.sinks {
		_ = s.Abort() // the step has failed already
	}
}

// balance completes the ledger of every stage and tests its laws.
func (r *stepRun) balance() error {
	for _, s := range r.stages {
		if err := s.ledger.accept(r.host); err != nil {
			return err
		}
		if err := s.check(); err != nil {
			return err
		}
	}
	return nil
}

func (r *stepRun) summarize() {
	for _, s := range r.stages {
		l := &s.ledger.total
		switch {
		case s.source == nil:
		case s.satisfied():
			r.summary.Stopped++
		default:
			r.summary.Read += l.Read + l.Bad
			r.summary.Bytes += l.Bytes
		}
		if s.End == Group || s.End == InOrder {
			if note := r.graph.Ops[s.Op].ClockNote(); note != "" {
				r.summary.Notes = append(r.summary.Notes, note)
			}
		}
		for i, c := range l.Counts {
			r.summary.Ops = append(r.summary.Ops, OpTotal{Op: s.Chain[i], Name: r.opName(s.Chain[i]), Count: c})
		}
		if s.samples != nil {
			r.summary.Samples = append(r.summary.Samples, Sample{Stage: s.name, Records: s.samples})
		}
	}
}

// overflow makes a place in the store.
func (r *stepRun) overflow(name string) *overflow {
	return &overflow{store: r.store, name: fmt.Sprintf("%s/%s", r.step.Name, name), limit: r.edgeShare, compression: r.options.Compression}
}

func (s *stageRun) memory(name string) operator.Memory {
	return operator.Memory{
		Share: s.run.share, Store: s.run.store, Host: s.run.host,
		ID: fmt.Sprintf("%s/%s/%d", s.run.step.Name, name, s.ID), Compression: s.run.options.Compression,
	}
}

// locate adds to an error where its record was read.
func (s *stageRun) locate(err error, out *kernel.Output, i int) error {
	var e *kernel.ScriptError
	if errors.As(err, &e) && e.Origin == nil && out.Origin != nil {
		e.Origin = &chunk.Origin{File: out.Origin.File, Base: out.Origin.Base + int64(out.RelativeAt(i))}
	}
	return err
}
