package engine

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/connector"
	"github.com/flowsh/flowsh/engine/kernel"
	"github.com/flowsh/flowsh/engine/operator"
	"go.starlark.net/starlark"
)

// buckets is how many parts keyed state has.
const buckets = operator.Buckets

// A settler is an end that works on after deliver; settle waits for it and returns its error.
type settler interface{ settle() error }

// combines says that the states of an op can be made in any order and merged: it needs no order of its records.
func combines(op *Op) bool {
	switch op.Kind {
	case OpCount, OpSum, OpMin, OpMax, OpMean, OpUniq, OpTakeSort, OpSummarize:
		return true
	case OpReduce:
		return op.Funcs["merge"] != ""
	}
	return false
}

// groupEnd brings records into state by key. Where the op combines, every worker folds into a table of its own,
// which flows into the shared buckets; otherwise records are routed to the buckets' folders in order.
type groupEnd struct {
	stage    *stageRun
	op       *Op
	groups   *operator.Groups
	lanes    int  // of a partitioned reduce: the lane is the key
	perLane  bool // of another partitioned op: lane and key are the key
	workers  []groupWorker
	keys     orderKeys               // take_sort
	folders  *foldQueue              // nil if the op combines
	pool     sync.Pool               // of *routed
	failures []error                 // one per bucket
	broken   atomic.Bool             // there is one, and what comes behind it is not wanted
	divided  bool                    // records come from other places, by ranges of the keys
	parts    []operator.SummaryPart  // summarize
	done     *kernel.Folder          // departition's done; nil: there is none
	delta    *kernel.Delta           // a reduce that only adds ints to its state; nil: another
	combined bool                    // workers fold into tables of their own
	reducer  *kernel.Reducer         // of delta
	laneOf   func(key []byte) uint32 // the lane of a record by its key; nil: its own
	prints   printLog
	state    starlark.Value // what an unkeyed op emits for no records at all; nil: nothing
	seen     bool
	ledger   groupLedger
	windows  *windower // nil: there is one window, the flow
	sessions *sessions // of session windows
	releaser *releaser // of a reduce
}

type groupWorker struct {
	keyed   operator.Keyed
	partial *operator.Partial // of an op that combines in any order
	order   chunk.Column
	times   *chunk.Column // of the records, where windows go by them
}

// routed is a unit's records by bucket; it is used again when all buckets are through with it.
type routed struct {
	operator.Routed
	bytes   int64 // of the input that it is a view of
	failed  error // of the first record that has no key
	pending int   // buckets that are not; of its foldQueue
}

// printLog keeps what reducers print until the stage is done, as far as the stage can show it; they run in several
// goroutines.
type printLog struct {
	mu    sync.Mutex
	lines []printedAt
	bytes int64 // of them, as they count against kernel.MostPrinted

	counts kernel.Counts
}

type printedAt struct {
	kernel.Print
	at chunk.Ordinal
}

func (p *printLog) add(at chunk.Ordinal, line kernel.Print) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if line.Add != 0 {
		p.counts.Add(line.Text, line.Add, 1)
		return
	}
	p.lines = append(p.lines, printedAt{line, at})
	if p.bytes += line.Size(); p.bytes > 2*kernel.MostPrinted {
		p.inOrder()
	}
}

// inOrder is what was printed so far, in the order of the records. What is left out stands together, in the place of the
// first such line: whatever is behind that is left out too.
func (p *printLog) inOrder() []printedAt {
	slices.SortStableFunc(p.lines, func(a, b printedAt) int { return a.at.Compare(b.at) })
	var bound kernel.PrintBound
	kept, left := p.lines[:0], -1
	p.bytes = 0
	for _, l := range p.lines {
		l.Print = bound.Take(l.Print)
		if l.Lines != 0 {
			if left >= 0 {
				kept[left].Join(l.Print)
				continue
			}
			left = len(kept)
		}
		p.bytes += l.Size()
		kept = append(kept, l)
	}
	clear(p.lines[len(kept):])
	p.lines = kept
	return kept
}

// all is what was printed, in the order of the records, and then what was counted, which has no place among them.
func (p *printLog) all() []printedAt {
	lines := slices.Clone(p.inOrder())
	for _, count := range p.counts.Prints() {
		lines = append(lines, printedAt{Print: count})
	}
	return lines
}

// take is all, without the places.
func (p *printLog) take() (lines []kernel.Print) {
	for _, line := range p.all() {
		lines = append(lines, line.Print)
	}
	return lines
}

func newGroupEnd(s *stageRun, op *Op) (*groupEnd, error) {
	g := &groupEnd{stage: s, op: op, workers: make([]groupWorker, s.run.cores), divided: s.divided(), keys: newOrderKeys(op)}
	if err := g.columns(); err != nil {
		return nil, err
	}
	g.combined = combines(op)
	if g.delta != nil {
		g.combined = !g.delta.Ordered
	}
	aggregate, err := g.aggregate()
	if err != nil {
		return nil, err
	}
	g.cut()
	ordered := !g.combined || op.Kind == OpReduce && g.delta == nil
	depth := 0
	if g.folds() {
		depth = 1 // its keys are all of one range
	}
	g.groups = operator.NewGroups(operator.GroupsConfig{New: aggregate, Ordered: ordered, Lane: g.laneOf, Depth: depth, Cores: s.run.cores, NoOrdinals: g.windows == nil && !g.gathersWindows(), Memory: g.memory("group")})
	if g.sessions != nil {
		return g, nil
	}
	if !g.combined || g.windows.inOrder() {
		g.startFolding()
		return g, nil
	}
	for i := range g.workers {
		if !ordered {
			g.workers[i].partial = g.groups.NewPartial()
		}
	}
	return g, nil
}

// columns asks the chain for what the op needs: first the key, if there is one, then the value.
func (g *groupEnd) columns() error {
	s, op := g.stage, g.op
	switch op.Kind {
	case OpDepartition, OpAggregate:
		if g.gathersWindows() {
			return nil
		}
		s.chain.Into = s.run.function(op, map[OpKind]string{OpDepartition: "merge", OpAggregate: "f"}[op.Kind])
		return nil
	case OpReduce:
		s.chain.Into = s.run.function(op, "f")
		s.column(op, "by", false)
		if err := g.decompose(); err != nil {
			return err
		}
		if keyed := g.addsToKeys(); len(s.chain.Columns) == 0 && s.Laned {
			if g.perLane = keyed && !g.laneByKey(); !keyed {
				g.lanes = lanesOf(s.run.graph, op.ID)
			}
		}
		return nil
	case OpTake:
		s.column(op, "by", false)
		return nil
	case OpUniq:
		s.column(op, "key", true)
		g.perLane = s.Laned
		return nil
	case OpGroupBy:
		s.column(op, "key", true)
		s.column(op, "value", true)
		g.perLane = s.Laned
	case OpTakeSort:
		s.column(op, "by", false)
		s.column(op, "key", true)
		return nil
	case OpCount:
		s.column(op, "by", false)
	case OpSummarize:
		s.column(op, "by", false)
		g.parts = s.summaryParts(op)
	default:
		s.column(op, "by", false)
		s.column(op, "of", true)
	}
	s.chain.Discard = true
	return nil
}

func (g *groupEnd) aggregate() (func() (operator.Aggregate, error), error) {
	switch g.op.Kind {
	case OpCount:
		g.state = starlark.MakeInt(0)
		return func() (operator.Aggregate, error) { return operator.NewCount(), nil }, nil
	case OpSum:
		g.state = starlark.MakeInt(0)
		return func() (operator.Aggregate, error) { return operator.NewSum(), nil }, nil
	case OpMean:
		g.state = starlark.None
		return func() (operator.Aggregate, error) { return operator.NewMean(), nil }, nil
	case OpMin, OpMax:
		g.state = starlark.None
		return func() (operator.Aggregate, error) { return operator.NewMinMax(g.op.Kind == OpMax), nil }, nil
	case OpGroupBy:
		if g.op.NewestFirst {
			return func() (operator.Aggregate, error) { return operator.NewReverseList(), nil }, nil
		}
		return func() (operator.Aggregate, error) { return operator.NewList(), nil }, nil
	case OpUniq:
		return func() (operator.Aggregate, error) { return operator.NewFirst(), nil }, nil
	case OpSummarize:
		g.state = summaryOfNothing(g.op, g.parts)
		return func() (operator.Aggregate, error) { return operator.NewSummary(g.parts), nil }, nil
	case OpTake:
		return func() (operator.Aggregate, error) { return operator.NewTake(g.op.N), nil }, nil
	case OpTakeSort:
		g.state = operator.ResultOfNothing(operator.NewTop(g.op.N, g.op.Reverse))
		return func() (operator.Aggregate, error) {
			return operator.NewTop(g.op.N, g.op.Reverse), nil
		}, nil
	}
	if g.delta != nil {
		return g.additions(), nil
	}
	return g.reduce()
}

// reduce makes the aggregate of the user's own reducer: every bucket folds on a thread of its own.
func (g *groupEnd) reduce() (func() (operator.Aggregate, error), error) {
	r, err := g.stage.reducer(g.op)
	if err != nil {
		return nil, err
	}
	r.Prints = g.prints.add
	if g.stage.run.function(g.op, "done") != nil {
		g.done = kernel.NewFolder(r, g.stage.run.env)
	}
	if len(g.stage.chain.Columns) == 0 && g.lanes == 0 && !g.gathersWindows() {
		if g.state, err = kernel.NewFolder(r, g.stage.run.env).Initial(0); err != nil {
			return nil, err
		}
	}
	return func() (operator.Aggregate, error) { return operator.NewFold(kernel.NewFolder(r, g.stage.run.env)), nil }, nil
}

// work folds a unit into the worker's table, or routes its records to the buckets.
func (g *groupEnd) work(n int, u *unit) error {
	w := &g.workers[n]
	if err := g.keyed(w, u); err != nil {
		return err
	}
	if g.windows != nil {
		return g.workInWindows(n, u)
	}
	if u.out.Len == 0 {
		g.ledger.folded.Add(u.emitted) // by a reducer that did nothing
		return nil
	}
	if g.combined {
		p := w.partial
		if p == nil {
			p = g.groups.NewPartial()
			u.ready = p
		}
		err := p.Add(&w.keyed)
		if err == nil {
			g.ledger.folded.Add(u.emitted)
		}
		return g.located(err)
	}
	g.ledger.folded.Add(u.emitted - int64(u.out.Len)) // rows are folded: a reducer may make more or fewer of a record
	u.ready = g.route(&w.keyed)
	return nil
}

// route divides records by bucket.
func (g *groupEnd) route(k *operator.Keyed) *routed {
	r := g.blank()
	r.failed = g.groups.Route(k, &r.Routed)
	return r
}

// blank is a routed to be filled.
func (g *groupEnd) blank() *routed {
	r, ok := g.pool.Get().(*routed)
	if !ok {
		return new(routed)
	}
	r.failed = nil
	return r
}

// free takes a unit's records back when they were folded.
func (g *groupEnd) free(r *routed) {
	if !g.stage.run.long(r.bytes) {
		g.pool.Put(r)
	}
}

// keyed brings a chain's output into the form that groups take. The columns are borrowed.
func (g *groupEnd) keyed(w *groupWorker, u *unit) error {
	k, out := &w.keyed, u.out
	k.Batch = &out.Batch
	k.Keys, k.Values = chunk.Column{}, out.Column
	columns, times := g.windows.split(out.Columns)
	w.times = times
	switch {
	case g.lanes > 0:
		k.Keys = laneColumn(out.Lanes)
	case g.gathersWindows():
		fields, err := fieldsOf(&out.Column, 2)
		if err != nil {
			return err
		}
		k.Keys, k.Values = fields[0], fields[1]
	case g.byKey():
		k.Keys, columns = columns[0], columns[1:]
	default:
		k.Keys = chunk.Column{Kind: chunk.Null, N: out.Len}
	}
	if g.perLane {
		k.Keys = chunk.Column{Kind: chunk.Tuple, N: out.Len, Fields: []chunk.Column{laneColumn(out.Lanes), k.Keys}}
	}
	switch {
	case g.op.Kind == OpTakeSort:
		w.order.Reset()
		if err := g.keys.encode(&columns[0], u, &w.order, new(keyArena)); err != nil {
			return err
		}
		k.Values = chunk.Column{Kind: chunk.Tuple, N: out.Len, Fields: []chunk.Column{w.order, out.Column}}
	case g.op.Kind == OpSummarize && len(columns) > 0, g.delta != nil && len(columns) > 1:
		k.Values = chunk.Column{Kind: chunk.Tuple, N: out.Len, Fields: columns}
	case len(columns) > 0:
		k.Values = columns[0]
	}
	return nil
}

// deliver passes routed records on to the folding goroutines, or merges a unit's combined states, in order.
func (g *groupEnd) deliver(u *unit) error {
	g.seen = g.seen || u.emitted > 0
	switch ready := u.ready.(type) {
	case combined:
		return g.load(ready)
	case *foldedRun:
		return g.take(ready)
	case *windowedUnit:
		return g.deliverInWindows(u, ready)
	case *keyClasses:
		return g.keys.check(u)
	case *operator.Partial:
		if err := ready.Flush(); err != nil {
			return g.located(g.groups.FirstError(err))
		}
		ready.Leave()
	case *routed:
		return g.dispatch(ready, u.held)
	}
	return nil
}

// take takes what another place has folded. A record that failed there is looked at when all are here: another may come
// before it.
func (g *groupEnd) take(r *foldedRun) error {
	g.ledger.folded.Add(r.records)
	if r.failed != nil {
		g.failures = append(g.failures, r.failed)
	}
	for _, line := range r.prints {
		g.prints.add(line.at, line.Print)
	}
	for _, data := range r.chunks {
		if err := g.groups.LoadRun(r.number, data); err != nil {
			return err
		}
	}
	return nil
}

// dispatch passes routed records, which are views of so many bytes of input, on to the folding goroutines.
func (g *groupEnd) dispatch(r *routed, bytes int64) error {
	r.bytes = bytes
	failed := r.failed // it is used again once the folders are through with it
	if err := g.folders.dispatch(r); err != nil {
		return err
	}
	if failed == nil && !g.broken.Load() {
		return nil
	}
	g.stopFolding()
	g.failures = append(g.failures, failed)
	return g.settle()
}

// settle waits for the folding goroutines and returns the error with the lowest ordinal.
func (g *groupEnd) settle() error {
	g.stopFolding()
	if err := g.lowest(); err != nil {
		return g.located(g.groups.FirstError(err))
	}
	return nil
}

// startFolding starts the goroutines that fold, one per core.
func (g *groupEnd) startFolding() {
	g.failures = make([]error, operator.Buckets)
	g.folders = newFoldQueue(g, g.stage.run.cores)
	g.folders.limit = g.stage.run.options.Memory / inputShare
}

// fold adds n records to a bucket that has not failed. A failure in another may be about a later record.
func (g *groupEnd) fold(b int, n int64, add func() error) {
	if g.failures[b] != nil {
		return
	}
	if g.failures[b] = add(); g.failures[b] != nil {
		if !g.divided { // else an earlier record may be still to come
			g.broken.Store(true)
			g.stage.halt() // the next record may be long in coming
		}
		return
	}
	g.ledger.folded.Add(n)
}

// finish emits the results in order of the first occurrence of their keys.
func (g *groupEnd) finish(ctx context.Context) error {
	if err := g.foldSessions(ctx); err != nil {
		return err
	}
	if err := g.settle(); err != nil {
		return err
	}
	if err := g.flush(); err != nil {
		return g.located(err)
	}
	g.ledger.settled = true
	for _, line := range g.prints.take() {
		g.stage.print(line)
	}
	if g.windows != nil {
		err := g.emitWindows(ctx)
		g.ledger.emitted = err == nil
		return g.located(err)
	}
	if g.gathersWindows() {
		err := g.emitGathered(ctx)
		g.ledger.emitted = err == nil
		return g.located(err)
	}
	if g.lanes > 0 {
		return g.emitLanes(ctx)
	}
	if !g.seen && g.state != nil && g.op.Funcs["by"] == "" {
		return g.emitEmpty(ctx)
	}
	err := g.groups.Emit(ctx, func(k *operator.Keyed) error { return g.emit(ctx, k) })
	g.ledger.emitted = err == nil
	return g.located(err)
}

// flush brings what the workers have combined into the groups.
func (g *groupEnd) flush() error {
	for i := range g.workers {
		if p := g.workers[i].partial; p != nil {
			if err := p.Flush(); err != nil {
				return err
			}
			if g.stage.task != nil {
				p.Recycle() // the next task needs it
			} else {
				p.Release() // the next one needs memory to be flushed into
			}
			g.workers[i].partial = nil
		}
	}
	return nil
}

// flushRest does so except for the last worker, of which it gives what it has combined: nil, if it combines in order.
func (g *groupEnd) flushRest() (*operator.Partial, error) {
	last := &g.workers[len(g.workers)-1].partial
	rest := *last
	*last = nil
	return rest, g.flush()
}

// balance tests that no record was lost on its way into the groups.
func (g *groupEnd) balance(came int64) error {
	if g.windows != nil {
		came += g.ledger.copies.Load()
	}
	return g.ledger.check(g.stage.run.opName(g.op.ID), came, g.op.Kind == OpCount)
}

// lowest is the failure with the lowest ordinal.
func (g *groupEnd) lowest() error {
	var lowest error
	var at chunk.Ordinal
	for _, err := range g.failures {
		var r *operator.RecordError
		if err == nil {
			continue
		}
		if !errors.As(err, &r) {
			return err
		}
		o := r.Ordinal
		o.Lane = 0 // records come by position, not by lane
		if lowest == nil || o.Compare(at) < 0 {
			lowest, at = err, o
		}
	}
	return lowest
}

// emit hands on a run of results in the op's form.
func (g *groupEnd) emit(ctx context.Context, k *operator.Keyed) error {
	if g.perLane && k.Keys.Kind == chunk.Tuple {
		k.Keys = k.Keys.Fields[1]
	}
	g.ledger.count(&k.Values)
	b := new(chunk.Batch)
	switch {
	case g.op.Kind == OpUniq:
		b.Column = k.Values
	case g.op.Kind == OpSummarize:
		b.Column = summaryRecords(g.op, g.stage.run.function(g.op, "by"), k)
	case g.op.Kind == OpTakeSort && g.op.AsList:
		b.Column = k.Values
	case g.op.Kind == OpTakeSort || g.op.Kind == OpTake:
		for i := range k.Values.N {
			if err := emitState(b, k.Values.At(i), "events"); err != nil {
				return err
			}
		}
	case g.gathers():
		for i := range k.Values.N {
			if err := g.gathered(b, k.Values.At(i), starlark.None); err != nil {
				return err
			}
		}
	case g.op.Kind == OpReduce && g.releases() && !g.addsToKeys():
		for i := range k.Values.N {
			s := released{state: k.Values.At(i)}
			if g.op.Funcs["by"] != "" {
				s.key = k.Keys.At(i)
			}
			if err := g.release(b, s); err != nil {
				return err
			}
		}
	case !g.byKey():
		b.Column = k.Values
	default:
		b.Column = chunk.Column{Kind: chunk.Tuple, N: k.Keys.N, Fields: []chunk.Column{k.Keys, k.Values}}
	}
	return g.stage.emit(ctx, b)
}

// emitEmpty emits what an unkeyed op gives for no records.
func (g *groupEnd) emitEmpty(ctx context.Context) error {
	b := new(chunk.Batch)
	switch {
	case g.gathers():
		if err := g.gathered(b, g.state, starlark.None); err != nil {
			return err
		}
	case g.op.Kind != OpReduce:
		b.Append(g.state)
	default:
		if err := g.release(b, released{state: g.state}); err != nil {
			return err
		}
	}
	return g.stage.emit(ctx, b)
}

// folds says that the end folds a range of the keys for another run.
func (g *groupEnd) folds() bool { return g.stage.task != nil && g.stage.task.of.Fold != nil }

func (g *groupEnd) stopFolding() {
	g.folders.end(true)
	g.folders = nil
}

func (g *groupEnd) close() { g.folders.end(false) }

// located says of an error which record it struck and where that was read. That of a fold for another run, which does not
// know it, is as it was.
func (g *groupEnd) located(err error) error {
	var r *operator.RecordError
	if err == nil || g.folds() || !errors.As(err, &r) {
		return err
	}
	var e *kernel.ScriptError
	if !errors.As(err, &e) {
		e = &kernel.ScriptError{Op: g.op.ID, Name: string(g.op.Kind), Position: g.op.At, Message: r.Err.Error(), Err: r.Err}
	}
	if e.Origin == nil {
		e.Origin = g.stage.origin(r.Ordinal)
	}
	if e.Record != "" {
		g.stage.showWhole(e, r.Ordinal)
	} else {
		g.stage.showRecord(e, r.Ordinal)
	}
	return e
}

// origin is where the record with an ordinal was read, nil if the stage reads other stages.
func (s *stageRun) origin(o chunk.Ordinal) *chunk.Origin {
	input := int(o.Position >> chunk.PositionBits)
	i := slices.IndexFunc(s.splits, func(p connector.Split) bool { return p.Input >= input })
	if i < 0 {
		return nil
	}
	return &chunk.Origin{File: s.splits[i].Name(), Base: int64(o.Position & (1<<chunk.PositionBits - 1))}
}
