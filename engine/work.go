package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/connector"
	"github.com/flowsh/flowsh/engine/kernel"
)

// A unit is one block or batch on its way through a stage.
type unit struct {
	number  int64
	held    int64 // bytes of input, as the sequence counts them; of a batch its feed says so
	block   *connector.Block
	batch   *chunk.Batch
	piece   []byte // what a task gave elsewhere
	chunk   string // the name of that task; "": it was done here
	attempt int    // of it
	out     *kernel.Output
	task    int                      // the number of the split it comes from
	bytes   int64                    // of input
	read    int64                    // records that came out of the block or batch
	counts  []kernel.Count           // per step of the chain
	emitted int64                    // records that left the chain
	divided int                      // of them, those that are handed on by key
	dead    []kernel.Dead            // in order
	prints  []kernel.Print           // in order
	places  []kernel.Place           // of dead and prints
	marks   []mark                   // that came with the batch
	bad     []*connector.RecordError // that the source could not decode and the job does not want to fail for
	err     error                    // what stopped the unit; it is reported when its turn comes
	partial bool                     // what came before the record that err is about goes on
	ready   any                      // what the end prepared for its turn
	keep    bool                     // the end needs out when the unit's turn comes
}

// An ending is the end of a stage at run time. Its methods are called in this order: work on any worker, in any
// order; deliver for one unit at a time, in order; finish once, after the last delivery, unless the stage failed;
// close always.
type ending interface {
	// work does with a unit's output what can be done on all cores. The output is used again for
	// the next unit unless the end sets unit.keep.
	work(worker int, u *unit) error
	// deliver takes the unit when its turn has come. errStopped ends the stage early and well.
	deliver(u *unit) error
	// finish hands on what was held back until all records were seen.
	finish(ctx context.Context) error
	close()
}

// A stageRun runs one stage: every worker takes the next unit of the feed, takes it through the chain and gives
// it to the end.
type stageRun struct {
	*Stage
	run      *stepRun
	name     string
	feed     feed
	source   connector.Source // nil if the stage reads other stages
	splits   []connector.Split
	chain    kernel.Chain
	end      ending
	side     *collectEnd // of a stage that collects
	gate     *gate       // of a stage that others wait for
	task     *taskEnd    // of a stage whose task is done for another run
	outs     []*edge
	seq      *sequence
	reducers []*kernel.Reducer // that the stage folds with
	demand   *Demand           // nil: the engine's own

	atHand  bool       // units of the feed can be had without waiting for others
	intake  sync.Mutex // guards feed, issued
	issued  int64
	halt    func()       // ends the reading: the end has failed behind its deliver, and settle says why
	records atomic.Int64 // that the stage read
	bytes   atomic.Int64 // input bytes as they stand on disk
	total   int64        // of the input, 0 if not known
	emitted atomic.Int64 // records handed on
	cuts    bool         // it ends with a take that stops it
	cut     bool         // whoever reads it may stop it
	effects heldEffects  // of a stage that is cut
	pending []moment     // of the unit that is delivered
	printed kernel.PrintBound
	leftOut struct{ lines, bytes atomic.Int64 } // of what was printed
	ahead   int                                 // records of it that wait to be handed on
	phase   atomic.Int32                        // how far the stage has come, for the stall report
	reading atomic.Bool                         // it waits for input
	writing atomic.Bool                         // it waits for whoever takes its records
	paced   atomic.Bool                         // it waits because of the rate
	ledger  stageLedger
	measure measure
	samples []string // of a dry run
}

// The phases of a stage.
const (
	working int32 = iota
	waitingSide
	atTheEnd // all input was read
	finished
)

// work runs the stage to its end. The error is that of the lowest ordinal.
func (s *stageRun) work(ctx context.Context) error {
	err := s.prepare(ctx)
	if err == nil {
		err = s.units(ctx)
	}
	if closed := s.feed.close(); err == nil {
		err = closed
	}
	if err == nil {
		err = s.trail()
	}
	if err == nil {
		s.phase.Store(atTheEnd)
		watch, span := s.measure.watch(), s.span(0)
		err = s.end.finish(ctx)
		watch.lap(atEnd)
		span.end("finish", 0)
		s.measure.stop(watch, nil)
	}
	if s.end != nil {
		s.end.close()
	}
	if s.gate != nil {
		s.gate.leave()
	}
	if errors.Is(err, errStopped) {
		err = nil
	}
	err = s.placed(ctx, err, nil)
	for _, e := range s.outs {
		e.close(err)
	}
	s.phase.Store(finished)
	if err == nil {
		s.run.host.Send(StageDone{Stage: s.ID, Name: s.name, Records: s.emitted.Load()})
	}
	return err
}

// units takes all units through the chain, on all cores. What still waits for input when the stage fails, or when
// nobody wants more of it, is called back.
func (s *stageRun) units(ctx context.Context) error {
	stop := context.AfterFunc(ctx, s.seq.stop)
	defer stop()
	reading, quit := context.WithCancelCause(ctx)
	defer quit(nil)
	s.halt = func() { quit(errHalted) }
	s.whenUnwanted(func() { quit(errStopped) })
	errs := make([]error, s.run.cores)
	var workers sync.WaitGroup
	for w := range s.run.cores {
		workers.Go(func() {
			if errs[w] = s.worker(reading, w); errs[w] != nil {
				quit(errs[w])
			}
		})
	}
	workers.Wait()
	if ctx.Err() == nil && context.Cause(reading) == errStopped {
		return errStopped
	}
	if err := errors.Join(errs...); err != nil {
		return firstOf(errs)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// errHalted is how the input of a stage ends whose end has failed; nobody sees it.
var errHalted = errors.New("the end of the stage has failed")

// whenUnwanted calls f once no stage reads this one any more. A stage that writes is always wanted.
func (s *stageRun) whenUnwanted(f func()) {
	var left atomic.Int32
	left.Store(int32(len(s.outs)))
	for _, e := range s.outs {
		e.whenStopped(func() {
			if left.Add(-1) == 0 {
				f()
			}
		})
	}
}

func firstOf(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *stageRun) worker(ctx context.Context, n int) error {
	w := &worker{stage: s, number: n, runner: s.run.runner(&s.chain)}
	if s.source != nil {
		w.decoder = s.decoder()
	}
	w.watch = s.measure.watch()
	defer func() { s.measure.stop(w.watch, w.runner) }()
	for {
		u := w.next(ctx)
		w.watch.lap(reading)
		if u == nil {
			return nil
		}
		began, span := s.run.host.Clock.Now(), s.span(n)
		if u.err == nil {
			u.err = w.process(u)
		}
		span = span.end(fmt.Sprintf("unit %d", u.number), u.read)
		err := s.seq.done(u, s.deliver)
		w.brisk = s.run.host.Clock.Now().Sub(began) < briskUnit
		w.watch.lap(atEnd)
		span.end("hand on", 0)
		if err != nil {
			return err
		}
		s.pace(ctx, u.read)
	}
}

// A worker takes several units at once, where the input is at hand, when the last was done so soon that it would wait for
// the other workers, and they for it, as long as it works.
const (
	unitsAtOnce = 4
	briskUnit   = 300 * time.Microsecond
)

// next is the worker's next unit, nil when there are no more.
func (w *worker) next(ctx context.Context) *unit {
	if len(w.taken) == 0 {
		most := 1
		if w.brisk && w.stage.atHand {
			most = unitsAtOnce
		}
		w.taken = w.stage.take(ctx, w.taken[:0], most)
	}
	if len(w.taken) == 0 {
		return nil
	}
	u := w.taken[0]
	w.taken = w.taken[1:]
	return u
}

// take appends the next units, at most so many: one that may wait until it may start, and others that need not.
func (s *stageRun) take(ctx context.Context, units []*unit, most int) []*unit {
	s.intake.Lock()
	defer s.intake.Unlock()
	for len(units) < most && (len(units) == 0 || s.seq.admits(s.issued)) {
		u := s.next(ctx)
		if u == nil {
			break
		}
		if units = append(units, u); u.err != nil {
			break
		}
	}
	return units
}

// pace waits after so many records of a source, if they are to come no faster than at a rate.
func (s *stageRun) pace(ctx context.Context, records int64) {
	if s.Source < 0 || s.run.options.Throttle == nil {
		return
	}
	s.paced.Store(true)
	s.run.options.Throttle.hold(ctx, s.run.host.Clock, records)
	s.paced.Store(false)
}

// next is the next unit, nil when there are no more. An error of the feed is a unit of its own, so that it is
// reported after what came before it. intake is held.
func (s *stageRun) next(ctx context.Context) *unit {
	if s.issued < 0 || !s.seq.admit(s.issued) {
		return nil
	}
	u := &unit{number: s.issued}
	s.reading.Store(true)
	err := s.feed.next(ctx, u)
	s.reading.Store(false)
	switch {
	case errors.Is(err, io.EOF):
		s.issued = -1
		return nil
	case err != nil:
		u.err = err
		s.issued = -1
	default:
		s.issued++
		s.seq.hold(u)
	}
	return u
}

// deliver takes a unit whose turn has come: what it read, its records and what happened between them, or its error.
func (s *stageRun) deliver(u *unit) error {
	if s.task != nil {
		return s.task.deliver(u)
	}
	if err := s.account(u); err != nil {
		return err
	}
	if err := s.handOn(u); err != nil || u.err == nil {
		return err
	}
	if e, ok := s.end.(settler); ok {
		if err := e.settle(); err != nil {
			return err
		}
	}
	return s.placed(context.Background(), u.err, u)
}

// emit hands a batch to the stages that read this one. It fails with errStopped when none wants more.
func (s *stageRun) emit(ctx context.Context, b *chunk.Batch) error {
	if b.N == 0 {
		return nil
	}
	s.writing.Store(true)
	defer s.writing.Store(false)
	s.emitted.Add(int64(b.N))
	if s.run.options.DryRun {
		s.sample(&b.Column)
	}
	wanted := len(s.outs) == 0
	for _, e := range s.outs {
		switch err := e.push(ctx, b); {
		case err == nil:
			wanted = true
		case !errors.Is(err, errStopped):
			return err
		}
	}
	if !wanted {
		return errStopped
	}
	return nil
}

// A worker is one goroutine's part of a stage.
type worker struct {
	stage   *stageRun
	number  int
	decoder connector.Decoder
	runner  kernel.Runner
	batch   chunk.Batch // decoded, used again for every block
	out     *kernel.Output
	watch   *stopwatch
	taken   []*unit // that it has not begun with
	brisk   bool    // the last unit was done soon
}

// process takes a unit through the chain and the parallel part of the end. The records before one that fails go
// on as if the unit ended there: how the input was cut decides neither what the error is nor whether a take has
// had enough before it.
func (w *worker) process(u *unit) error {
	if u.piece != nil {
		return w.adopt(u)
	}
	in, failed := w.input(u)
	w.watch.lap(reading)
	if failed != nil && in.N != len(in.Relative) {
		return failed
	}
	u.read = int64(in.N)
	w.stage.records.Add(u.read)
	defer w.release(u)
	err := w.through(in, u)
	w.watch.lap(inFunctions)
	if err != nil {
		var e *kernel.ScriptError
		if !errors.As(err, &e) {
			u.keep = true // who delivers the error looks at what came before it
			return err
		}
		failed = err
		trim(u.out)
	}
	if err := w.stage.end.work(w.number, u); err != nil {
		u.keep = true
		return err
	}
	u.partial = failed != nil
	return failed
}

// trim cuts off what a record left behind that failed on its way out.
func trim(out *kernel.Output) {
	for i := range out.Columns {
		out.Columns[i] = out.Columns[i].Slice(0, out.Len)
	}
	if out.N > out.Len {
		out.Column = out.Slice(0, out.Len)
	}
}

// release gives the output back to the worker, unless the end needs it when the unit's turn comes.
func (w *worker) release(u *unit) {
	if w.stage.run.long(u.held) {
		defer func() { w.batch, w.out = chunk.Batch{}, nil }()
	}
	if !u.keep && !u.partial {
		if w.stage.run.options.Poison {
			w.poison(u)
		}
		u.out = nil
		if u.block != nil && u.apart() {
			u.block.Release()
		}
		return
	}
	if w.out.Borrowed {
		w.batch = chunk.Batch{}
	}
	w.out = nil
}

// apart says that nothing that waits for the unit's turn can be a view of its block: classes of keys are rendered, and
// joined records that are not kept hold numbers alone.
func (u *unit) apart() bool {
	switch ready := u.ready.(type) {
	case nil, *keyClasses, *joined:
	case *connector.Encoded:
		if ready.Views() {
			return false
		}
	default:
		return false
	}
	return len(u.dead)+len(u.bad)+len(u.prints) == 0
}

func (w *worker) input(u *unit) (*chunk.Batch, error) {
	if u.block == nil {
		return u.batch, nil
	}
	w.stage.bytes.Add(u.block.Read)
	err := w.decoder.Decode(u.block, &w.batch, func(e *connector.RecordError) error {
		if w.stage.rules(w.stage.Source) == nil {
			return e
		}
		u.bad = append(u.bad, e)
		return nil
	})
	return &w.batch, err
}

// through runs the chain. The output is the worker's own, to be used again, until an end keeps it.
func (w *worker) through(in *chunk.Batch, u *unit) error {
	if w.out == nil {
		w.out = new(kernel.Output)
	}
	err := w.runner.Run(in, w.out)
	u.out = w.out
	u.emitted = int64(w.out.Records())
	u.counts, u.dead, u.prints = slices.Clone(w.out.Counts), w.out.Dead, w.out.Prints
	u.places = w.out.Places
	return err
}
