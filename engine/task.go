package engine

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/connector"
	"github.com/flowsh/flowsh/engine/kernel"
	"github.com/flowsh/flowsh/engine/operator"
)

// A Task is a piece of a job that can be done anywhere: the functions of a stage over one split of its source, or
// some that follow each other, with the records combined by key where the stage's end can do so. It has the number of
// its first split.
type Task struct {
	TaskID
	Step   int               `json:"step"`
	Splits []connector.Split `json:"splits"`
	Care   *Care             `json:"care,omitempty"` // nil: it has never ended a process
	// Ranges is how many parts the state by key is divided into that the task gives, apart from all else; 0: it is not
	// divided.
	Ranges int   `json:"ranges,omitempty"`
	Fold   *Fold `json:"fold,omitempty"` // nil: it has splits
	// Shape and Code are hashes of the operators that do the task, and of the functions of the script that they call.
	Shape string `json:"shape"`
	Code  string `json:"code"`
}

// A Fold says what a task brings together that has no splits: what all others of the stage gave of a range of the keys.
type Fold struct {
	Range int    `json:"range"`
	Of    string `json:"of"` // hash of those tasks
}

// FoldTasks are the tasks that bring together what the tasks of a stage give, one for each range of the keys. Their numbers
// follow those of the stage's splits.
func FoldTasks(tasks []Task) ([]Task, error) {
	text, err := json.Marshal(tasks)
	if err != nil {
		return nil, err
	}
	of := fmt.Sprintf("%x", sha256.Sum256(text))
	last := tasks[len(tasks)-1].Splits
	folds := make([]Task, tasks[0].Ranges)
	for r := range folds {
		folds[r] = tasks[0]
		folds[r].Task, folds[r].Splits, folds[r].Ranges, folds[r].Fold = last[len(last)-1].Index+1+r, nil, 0, &Fold{r, of}
	}
	return folds, nil
}

// Inputs gives what a Fold brings together: the pieces of the range that the tasks gave, task after task in their order,
// and io.EOF behind the last. A piece belongs to who asked for it.
type Inputs func(ctx context.Context) ([]byte, error)

// An Executor does tasks of a program, one at a time, each on all cores that Options grant. What a task gives
// depends on the program and its input alone.
type Executor struct{ *jobRun }

// NewExecutor makes an executor. It fails as MakePlan does.
func NewExecutor(p *Program, o Options) (*Executor, error) {
	plan, err := MakePlan(p.Graph)
	if err != nil {
		return nil, err
	}
	return &Executor{newJobRun(p, plan, o.withDefaults())}, nil
}

// Close removes what was spilled.
func (e *Executor) Close() { e.close() }

// Run does a task and hands on its pieces, in order, for the run that asked for the task; put does not keep what it
// gets. What is of part 0 is for the run itself. Part r+1 is the state of range r of the keys, if the task has ranges:
// it is for the run, behind part 0 of all tasks of the stage, or for the task that folds the range. in is nil for tasks
// with splits. A record that fails is part of what a task gives: the pieces end with it, and Run returns nil. Any other
// error, that of put or ctx too, is the machine's: the pieces so far are worth nothing, and the task can be done
// again, here or elsewhere. Run is called by one goroutine at a time.
func (e *Executor) Run(ctx context.Context, t Task, in Inputs, put func(part int, piece []byte) error) (TaskCounts, error) {
	e.env = e.newEnv() // that of an earlier task may have been stopped
	if t.Care != nil {
		defer e.careful(t.Care)()
	}
	s, err := e.stage(t)
	if err != nil {
		return TaskCounts{}, err
	}
	if t.Fold != nil {
		s.feed = &inputFeed{in}
	} else if err := s.openTask(t); err != nil {
		return TaskCounts{}, err
	}
	s.task = &taskEnd{stage: s, of: &t, put: put, compression: s.run.options.Compression}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	env := s.run.env
	defer context.AfterFunc(ctx, func() {
		env.Stop(errInterrupted)
		s.wake()
	})()
	var why error
	done := make(chan struct{})
	go func() {
		defer close(done)
		why = s.work(ctx)
	}()
	if err := s.run.wait(ctx, cancel, done); err != nil {
		return TaskCounts{}, &StuckError{err}
	}
	if why = s.run.blamed(why); errors.Is(why, kernel.ErrLimit) {
		why = s.task.last(s.task.added(), why)
	}
	if why == nil {
		why = s.task.flush()
	}
	return s.task.counts, why
}

// An inputFeed reads what a Fold brings together.
type inputFeed struct{ in Inputs }

func (f *inputFeed) next(ctx context.Context, u *unit) (err error) {
	u.piece, err = f.in(ctx)
	return err
}

func (f *inputFeed) close() error { return nil }

// TaskCounts are how many records a task has read, and how many of them have failed: dead letters, and the one that ended it.
type TaskCounts struct {
	Read, Failed int64
	// Ended says that a record has ended the task, and with it the stage.
	Ended bool
}

// A StuckError says that a function of the script goes on although it was told to stop. The process that runs it must
// end.
type StuckError struct{ Err error }

func (e *StuckError) Error() string { return e.Err.Error() }
func (e *StuckError) Unwrap() error { return e.Err }

// Size is how many bytes of input the task has on disk, 0 if that is not known.
func (t *Task) Size() (size int64) {
	for i := range t.Splits {
		if t.Splits[i].Size <= 0 {
			return 0
		}
		size += t.Splits[i].Size
	}
	return size
}

func (e *Executor) stage(t Task) (*stageRun, error) {
	if t.Step < 0 || t.Step >= len(e.plan.Steps) {
		return nil, fmt.Errorf("the job has no step %d", t.Step)
	}
	r := &stepRun{
		jobRun: e.jobRun, plan: e.plan.Steps[t.Step], step: &e.graph.Steps[t.Step],
		byID: map[int]*stageRun{}, dead: map[boxKey]*deadLetterBox{},
		share: e.options.Memory / stateShare, edgeShare: e.options.Memory / edgesShare,
	}
	i := slices.IndexFunc(r.plan.Stages, func(s *Stage) bool { return s.ID == t.Stage })
	if i < 0 || !movable(e.graph, r.plan.Stages[i]) || (t.Ranges != 0 || t.Fold != nil) && !divides(e.graph, r.plan.Stages[i]) {
		return nil, fmt.Errorf("stage %d has no such tasks", t.Stage)
	}
	p := r.plan.Stages[i]
	s := &stageRun{Stage: p, run: r, seq: newSequence(2*r.cores, r.options.Memory/inputShare), name: r.stageName(p)}
	r.stages, r.byID[p.ID] = []*stageRun{s}, s
	return s, nil
}

// movable says that a stage's records come from files or a list, and its functions need nothing but them: its tasks can be
// done elsewhere. Line numbers need the whole file.
func movable(g *Graph, s *Stage) bool {
	if s.Source < 0 || len(s.Sides) > 0 {
		return false
	}
	op := &g.Ops[s.Source]
	return op.Kind == OpSource && !op.Source.Origin
}

// divides says that the state by key of a stage can be divided by ranges of the keys, to be folded in several places: it is
// not looked at in another order than that of the records of each key.
func divides(g *Graph, s *Stage) bool {
	if s.End != Group || s.Laned || !movable(g, s) {
		return false
	}
	op := &g.Ops[s.Op]
	if op.Window != nil {
		return false
	}
	switch op.Kind {
	case OpUniq, OpGroupBy:
		return true
	case OpReduce, OpCount, OpSum, OpMin, OpMax, OpMean, OpSummarize, OpTakeSort:
		return op.Funcs["by"] != ""
	}
	return false
}

func (s *stageRun) openTask(t Task) error {
	if len(t.Splits) == 0 {
		return fmt.Errorf("task %d has no input", t.Task)
	}
	r := s.run
	op := &r.graph.Ops[s.Source]
	open := func() (connector.Source, error) { return r.openSourceIn(op, r.blockSize(t.Size())) }
	if op.Source.Format == "list" {
		open = func() (connector.Source, error) { return r.openList(op, nil) }
	}
	source, err := open()
	if err != nil {
		return err
	}
	s.source, s.splits = source, t.Splits
	s.feed = &sourceFeed{source: source, splits: s.splits}
	return nil
}

// A taskEnd is the end of a stage whose task is done for another run. The units go there as they are, to the stage's
// real end, unless that combines records by key: then the states go there, or where they are divided the records by key.
// Of a sort the records go there in a sorted run.
type taskEnd struct {
	stage  *stageRun
	of     *Task
	sort   *sortEnd      // not nil: it sorts
	groups *groupEnd     // not nil: it combines, or folds
	cut    *operator.Cut // not nil: it routes
	put    func(part int, piece []byte) error
	buf    []byte
	quiet  *piece // of units that have nothing to show but numbers; nil: there are none that were not handed on
	counts TaskCounts
	// printed bounds what the task prints: the run that asked for it shows no more of it.
	printed kernel.PrintBound

	compression chunk.Compression
}

// make puts the task's end in the place of the stage's, which asks the chain for its columns first.
func (e *taskEnd) make(ctx context.Context) error {
	s := e.stage
	if s.End == Pass || s.End == Collect || s.End == Keep {
		s.end = e
		return nil
	}
	if err := s.makeEnd(ctx); err != nil {
		return err
	}
	e.sort, _ = s.end.(*sortEnd)
	if g, ok := s.end.(*groupEnd); ok && (e.of.Fold != nil || e.of.Ranges > 0 || g.combinesElsewhere()) {
		e.groups = g
		if e.of.Ranges > 0 && !g.combined {
			e.cut = g.groups.NewCut(func(part int, data []byte) error {
				p := e.added()
				p.head.Records, p.chunks = true, [][]byte{data}
				return e.sendTo(1+part, p)
			})
		}
	} else if s.end != nil && e.sort == nil {
		s.end.close()
	}
	s.end = e
	return nil
}

// combinesElsewhere says that an op's states can be made in one place and merged in another. What windows come out as is
// compared with the first record of all.
func (g *groupEnd) combinesElsewhere() bool { return g.combined && g.op.Window == nil }

func (e *taskEnd) work(n int, u *unit) error {
	switch {
	case e.groups != nil:
		return e.groups.work(n, u)
	case e.sort != nil:
		return e.sort.work(n, u)
	}
	u.keep = true
	return nil
}

// deliver hands a unit on. A record that fails while it is combined is that of the unit.
func (e *taskEnd) deliver(u *unit) error {
	if e.of.Fold != nil {
		return e.fold(u)
	}
	fits := e.sift(u)
	if e.groups != nil && fits && (u.err == nil || u.partial) {
		deliver := e.groups.deliver
		if e.cut != nil {
			deliver = e.divide
		}
		if err := deliver(u); err != nil {
			u.err = err
		}
	}
	if e.groups != nil || e.sort != nil {
		u.out = nil
	}
	if u.err != nil && !ofRecord(u.err) {
		return u.err
	}
	if err := e.unit(u); err != nil {
		return err
	}
	switch {
	case u.err != nil:
		return errStopped
	case !fits:
		e.counts.Failed++
		e.counts.Ended = true
		return errStopped
	}
	return nil
}

// sift leaves of the classes of a unit's sort keys those that the run has to know of. It reports false if a key does not
// compare with those before it in the task: the run will fail for that record, or for an earlier one.
func (e *taskEnd) sift(u *unit) bool {
	switch {
	case e.sort != nil:
		return e.sort.keys.sift(u)
	case e.groups != nil:
		return e.groups.keys.sift(u)
	}
	return true
}

// divide hands on a unit's records by key.
func (e *taskEnd) divide(u *unit) error {
	r, ok := u.ready.(*routed)
	if !ok { // there are none
		return nil
	}
	u.divided = r.Records()
	failed := r.failed
	err := e.cut.Put(&r.Routed)
	e.groups.pool.Put(r)
	if err != nil {
		return err
	}
	return e.groups.located(failed)
}

// fold folds what another task gave.
func (e *taskEnd) fold(u *unit) error {
	if u.err != nil {
		return u.err
	}
	return e.failed(e.groups.deliver(u)) // of states: records that fail are found at the end
}

// failed hands on an error of a record that was folded, which ends the task.
func (e *taskEnd) failed(err error) error {
	if err == nil || !errors.As(err, new(*operator.RecordError)) && !errors.As(err, new(*operator.LimitError)) {
		return err
	}
	e.counts.Failed++
	p := e.added()
	p.head.Run, p.head.Folding = 1+e.of.Fold.Range, failureOf(err)
	if err := e.send(p); err != nil {
		return err
	}
	return errStopped
}

// ofRecord says that an error is the script's, or its data's: it would come again.
func ofRecord(err error) bool {
	return errors.As(err, new(*kernel.ScriptError)) || errors.As(err, new(*connector.RecordError)) ||
		errors.As(err, new(*connector.ReadError))
}

// unit hands on what a unit did, and then its records, in as many pieces as their size asks for.
func (e *taskEnd) unit(u *unit) error {
	failed := u.err
	u.err = nil
	e.counts.Read += u.read
	for i := range u.prints {
		u.prints[i] = e.printed.Take(u.prints[i])
	}
	p := pieceOf(u)
	p.head.Len = u.divided
	if err := e.dead(p, u); err != nil {
		return err
	}
	u.err = failed
	if u.out == nil || failed != nil && !u.partial {
		return e.last(p, failed)
	}
	return e.records(p, u.out, 0, u.out.Len, failed)
}

// dead adds a unit's failed records.
func (e *taskEnd) dead(p *piece, u *unit) error {
	if len(u.dead) == 0 {
		return nil
	}
	e.counts.Failed += int64(len(u.dead))
	var records chunk.Column
	for _, d := range u.dead {
		records.Append(d.Record)
	}
	data, err := chunk.AppendFrame(nil, chunk.ID{}, []*chunk.Column{&records}, nil, e.compression)
	p.chunks = append(p.chunks, data)
	return err
}

// records hands on records lo to hi of a unit. The first piece says what the unit did, the last one what ended it.
func (e *taskEnd) records(p *piece, out *kernel.Output, lo, hi int, failed error) error {
	chunks, err := encodeOutput(out, lo, hi, e.compression)
	if errors.Is(err, chunk.ErrTooLarge) && hi-lo > 1 {
		middle := lo + (hi-lo)/2
		if err := e.records(p, out, lo, middle, nil); err != nil {
			return err
		}
		return e.records(e.more(p), out, middle, hi, failed)
	}
	if err != nil {
		return err
	}
	p.head.Len, p.head.Columns, p.head.Only = hi-lo, len(out.Columns), out.N != out.Len
	p.chunks = append(chunks, p.chunks...)
	return e.last(p, failed)
}

// more is a piece that follows another of the same unit.
func (e *taskEnd) more(p *piece) *piece {
	return &piece{head: pieceHead{Task: p.head.Task, Partial: p.head.Partial, Counts: make([]kernel.Count, len(p.head.Counts))}}
}

func (e *taskEnd) last(p *piece, failed error) error {
	if failed != nil {
		e.counts.Failed++
		e.counts.Ended = true
		if e.cut != nil { // one of the records before may fail when it is folded
			if err := e.cut.Finish(); err != nil {
				return err
			}
		}
	}
	p.head.Error = failureOf(failed)
	return e.send(p)
}

// send hands a piece on, behind all before it. Of units that have nothing to show but numbers one piece tells the sums.
func (e *taskEnd) send(p *piece) error {
	if e.quiet != nil && e.quiet.join(p) {
		return nil
	}
	if err := e.flush(); err != nil {
		return err
	}
	if p.isQuiet() {
		e.quiet = p
		return nil
	}
	return e.sendTo(0, p)
}

// flush hands on what send keeps.
func (e *taskEnd) flush() error {
	if e.quiet == nil {
		return nil
	}
	p := e.quiet
	e.quiet = nil
	return e.sendTo(0, p)
}

func (e *taskEnd) sendTo(part int, p *piece) error {
	var err error
	if e.buf, err = p.append(e.buf[:0]); err != nil {
		return err
	}
	return e.put(part, e.buf)
}

// encodeOutput makes chunks of records lo to hi that left a chain, and of their columns.
func encodeOutput(out *kernel.Output, lo, hi int, c chunk.Compression) ([][]byte, error) {
	b := &chunk.Batch{Base: out.Base, Origin: out.Origin}
	switch {
	case out.N == out.Len:
		b.Column = out.Slice(lo, hi)
	case hi > lo:
		b.Column = chunk.Column{Kind: chunk.Null, N: hi - lo}
	}
	for i := lo; i < hi; i++ {
		b.Relative = append(b.Relative, out.RelativeAt(i))
	}
	if len(out.Lanes) > 0 {
		b.Lanes = out.Lanes[lo:hi]
	}
	records, err := chunk.Append(nil, chunk.ID{}, b, chunk.Options{Compression: c})
	if err != nil || len(out.Columns) == 0 {
		return [][]byte{records}, err
	}
	columns := make([]*chunk.Column, len(out.Columns))
	for i := range columns {
		c := out.Columns[i].Slice(lo, hi)
		columns[i] = &c
	}
	values, err := chunk.AppendFrame(nil, chunk.ID{}, columns, nil, c)
	return [][]byte{records, values}, err
}

// finish hands on the states of all keys, or the sorted records.
func (e *taskEnd) finish(ctx context.Context) error {
	switch {
	case e.sort != nil:
		return e.sort.relay(ctx, func(note operator.SortNote, data []byte) error {
			p := e.added()
			p.head.Sorted, p.chunks = &note, [][]byte{data}
			return e.send(p)
		})
	case e.groups == nil:
		return nil
	case e.of.Fold != nil:
		return e.failed(e.run(ctx))
	case e.cut != nil:
		return e.cut.Finish()
	}
	last, err := e.groups.flushRest()
	if err != nil {
		return e.late(err)
	}
	prints := e.added()
	for _, line := range e.groups.prints.take() {
		prints.print(e.printed.Take(line))
		prints.head.Places = append(prints.head.Places, kernel.Place{Print: true})
	}
	if err := e.send(prints); err != nil {
		return err
	}
	err = e.groups.groups.Drain(ctx, last, func(part int, data []byte) error {
		p := e.added()
		p.head.States, p.chunks = true, [][]byte{data}
		if e.of.Ranges == 0 {
			return e.send(p)
		}
		return e.sendTo(1+part, p)
	})
	return e.late(err)
}

// run hands on what was folded, in the order of the keys' first records, behind what the functions have printed.
func (e *taskEnd) run(ctx context.Context) error {
	g := e.groups
	if err := g.settle(); err != nil {
		return err
	}
	first := e.added()
	first.head.Run, first.head.Len = 1+e.of.Fold.Range, int(g.ledger.folded.Load())
	for _, line := range g.prints.all() {
		first.print(line.Print)
		first.head.Places = append(first.head.Places, kernel.Place{Print: true})
		first.head.Ordinals = append(first.head.Ordinals, line.at)
	}
	if err := e.send(first); err != nil {
		return err
	}
	return g.groups.Sorted(ctx, func(data []byte) error {
		p := e.added()
		p.head.Run, p.chunks = 1+e.of.Fold.Range, [][]byte{data}
		return e.send(p)
	})
}

// added is a piece behind those of all units.
func (e *taskEnd) added() *piece {
	last := 0
	if n := len(e.stage.splits); n > 0 {
		last = e.stage.splits[n-1].Index
	}
	return &piece{head: pieceHead{Task: last, Counts: make([]kernel.Count, len(e.stage.Chain))}}
}

// late hands on an error of combining that came up when all units had been handed on.
func (e *taskEnd) late(err error) error {
	if err = e.groups.located(err); err == nil || !ofRecord(err) {
		return err
	}
	return e.last(e.added(), err)
}

func (e *taskEnd) close() {
	if e.groups != nil {
		e.groups.close()
	}
	if e.sort != nil {
		e.sort.close()
	}
}
