package engine

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/flowsh/flowsh/engine/host"
	"github.com/flowsh/flowsh/engine/kernel"
)

const (
	lookEvery = 10 * time.Millisecond
	liveLimit = 0.9      // of the budget: what the collector finds alive may be above it for a moment only
	liveLooks = 20       // which is so many looks in a row
	leastOver = 96 << 20 // a heap so far over the budget is not the collector's delay
	overShare = 4        // or 1/4 of the budget, if that is more
	overLooks = 3        // in a row
	shortWait = 100 * time.Millisecond
	longWait  = 5 * time.Second
	noPercent = -1 // no collection but where the memory limit asks for it
	// See GrowHeap.
	mostUntouched  = 28 << 20
	untouchedShare = 64
	mostRoom       = 1 << 30
	roomShare      = 16
	leastGrown     = 8 << 20  // of the heap
	muchInput      = 16 << 20 // that is known before
	gcPercent      = 50
	outsideShare   = 16       // the heap may grow by 1/16 of the memory outside of it, too
	leftShare      = 4        // 1/4 of the limit is left for the heap in any case
	leastCollected = 64 << 20 // a limit below what any process takes would keep the collector busy and help nobody
	maxStack       = 16 << 30 // of a goroutine: deep values are to meet the memory budget, not the end of the stack
)

// A MemoryError says that the process holds more than its budget. kernel.ErrLimit is in its chain.
type MemoryError struct {
	Used, Budget int64 // bytes
}

func (e *MemoryError) Error() string {
	return fmt.Sprintf("the job holds %s, more than its memory budget of %s: make its records, and what its functions build, smaller, or raise --mem",
		mebibytes(e.Used), mebibytes(e.Budget))
}

func (e *MemoryError) Unwrap() error { return kernel.ErrLimit }

func mebibytes(n int64) string { return fmt.Sprintf("%.0f MiB", float64(n)/(1<<20)) }

// A Watchdog watches over script code: it stops it when the process takes more than Budget bytes of memory, and
// does not wait for ever for code that was told to stop. Starlark can be stopped between two steps only, and one
// step can take minutes and gigabytes.
type Watchdog struct {
	Clock  host.Clock
	Budget int64
	Stop   func(cause error) // tells all that runs to stop; called at most once
	Busy   func() bool       // whether script code is running
	// StepTime is how long a single step may take; 0: for ever. Moves changes with every step, or nearly.
	StepTime time.Duration
	Moves    func() int64
}

// A StepTimeError says that a single step of the script took too long. kernel.ErrLimit is in its chain.
type StepTimeError struct{ Limit time.Duration }

func (e *StepTimeError) Error() string {
	return fmt.Sprintf("a single step took longer than %v: the script computes too much at once, with integers or values that are very large", e.Limit)
}

func (e *StepTimeError) Unwrap() error { return kernel.ErrLimit }

// Wait waits until done is closed, and then returns nil. When the code was told to stop, by Stop or by the end
// of ctx, but goes on, Wait gives up and returns why it was told to; it is then the caller who has to end the
// process, after putting in order what the code left behind. The wait is 5 s long, and short where memory runs
// out. Wait does not give up while no script code is running, and at once where a step takes longer than StepTime.
func (w *Watchdog) Wait(ctx context.Context, done <-chan struct{}) error {
	var (
		usage   = newMemoryUsage()
		told    time.Time
		limit   error
		looks   overlooks
		outside outsideMemory
		leaving = ctx.Done()
		step    = stillness{since: w.Clock.Now()}
	)
	defer outside.leave()
	for {
		select {
		case <-done:
			return nil
		case <-leaving:
			leaving, told = nil, w.Clock.Now()
		case <-w.Clock.After(lookEvery):
		}
		live, held := usage.read()
		if held > leastGrown {
			GrowHeap(w.Budget)
		}
		if held += host.Outside(); limit == nil {
			outside.follow(live)
		}
		if limit == nil {
			if w.exceeded(&looks, live, held, w.Busy()) {
				limit = &MemoryError{Used: max(live, held), Budget: w.Budget}
				debug.SetMemoryLimit(math.MaxInt64) // or all that is left to do waits for the collector
				w.Stop(limit)
				told = w.Clock.Now()
			}
		}
		if w.StepTime > 0 && step.look(w) > w.StepTime {
			err := &StepTimeError{w.StepTime}
			w.Stop(err)
			return err
		}
		if told.IsZero() || !w.Busy() {
			continue
		}
		waited := w.Clock.Now().Sub(told)
		if waited < longWait && (limit == nil || waited < shortWait || held < 2*w.most()) {
			continue
		}
		if limit != nil {
			return limit
		}
		return context.Cause(ctx)
	}
}

// An outsideMemory is how much memory outside of the heap the heap leaves room for. While there is much of it, the heap may
// grow by a part of that too before it is collected: it is state like that of the heap, and garbage takes little beside it.
type outsideMemory struct {
	lowered int64 // by so much is the runtime's limit lower
	percent int   // of the collector, where it was changed; 0: it was not
}

func (o *outsideMemory) follow(live int64) {
	now, limit := host.Outside(), debug.SetMemoryLimit(-1)+o.lowered
	now = min(now, limit-limit/leftShare) // there may be more where other jobs were in this process
	if now != o.lowered {
		raiseLimit(o.lowered - now)
		o.lowered = now
	}
	if !untouched.grown.Load() {
		return
	}
	old := max(gcPercent, o.percent)
	percent := collectAt(live+untouched.size.Load(), now)
	if difference := percent - old; 4*difference > old || 4*difference < -old { // each change stops the world
		debug.SetGCPercent(percent)
		o.percent = percent
	}
}

// collectAt is how much the heap may grow between collections, in percent of what is alive in it.
func collectAt(live, outside int64) int {
	return gcPercent + int(100*(outside/outsideShare)/max(live, leastGrown))
}

// leave undoes what follow did.
func (o *outsideMemory) leave() {
	raiseLimit(o.lowered)
	if o.percent != 0 {
		debug.SetGCPercent(gcPercent)
	}
}

var raising sync.Mutex

// raiseLimit has the runtime keep to so many bytes more.
func raiseLimit(bytes int64) {
	raising.Lock()
	defer raising.Unlock()
	debug.SetMemoryLimit(debug.SetMemoryLimit(-1) + bytes)
}

// A stillness is how long script code has been at the same step.
type stillness struct {
	moves int64
	since time.Time
}

func (s *stillness) look(w *Watchdog) time.Duration {
	now := w.Clock.Now()
	if moves := w.Moves(); moves != s.moves || !w.Busy() {
		s.moves, s.since = moves, now
	}
	return now.Sub(s.since)
}

// overlooks are the looks in a row that found more than there should be.
type overlooks struct{ live, held int }

// exceeded says that memory is over its limit for good. Far too much needs no second look. What is alive is held
// against script code only: state that the engine keeps is counted, and spilled, by those who keep it.
func (w *Watchdog) exceeded(looks *overlooks, live, held int64, busy bool) bool {
	looks.live = inARow(looks.live, busy && live > int64(liveLimit*float64(w.Budget)))
	looks.held = inARow(looks.held, held > w.most())
	return looks.live >= liveLooks || looks.held >= overLooks || held > 2*w.most()
}

func inARow(n int, again bool) int {
	if !again {
		return 0
	}
	return n + 1
}

// most is what a heap may hold that the collector has not gone through yet.
func (w *Watchdog) most() int64 { return mostHeld(w.Budget) }

func mostHeld(budget int64) int64 { return budget + max(leastOver, budget/overShare) }

// memoryUsage reads what the process holds.
type memoryUsage [3]metrics.Sample

func newMemoryUsage() *memoryUsage {
	return &memoryUsage{
		{Name: "/gc/heap/live:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/stacks:bytes"},
	}
}

// read gives the bytes that the last collection found alive, and those of all objects and stacks now, without what is
// never touched.
func (u *memoryUsage) read() (live, held int64) {
	metrics.Read(u[:])
	free := untouched.size.Load()
	return max(0, int64(u[0].Value.Uint64())-free), int64(u[1].Value.Uint64()+u[2].Value.Uint64()) - free
}

// untouched is memory that is allocated and never used, by all runs of the process together.
var untouched struct {
	bytes []byte
	size  atomic.Int64
	once  sync.Once
	grown atomic.Bool // see GrowHeap
}

// LimitMemory tells the runtime to keep to a budget. restore puts its settings back. Until GrowHeap is called, the collector
// runs where the budget is all used, and only there: a heap of a few megabytes is not worth it.
func LimitMemory(budget int64) (restore func()) {
	percent := noPercent
	if untouched.grown.Load() {
		percent = gcPercent
	}
	limit, stack := debug.SetMemoryLimit(max(budget, leastCollected)+untouched.size.Load()), debug.SetMaxStack(maxStack)
	percent = debug.SetGCPercent(percent)
	return func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
		debug.SetMaxStack(stack)
	}
}

// GrowHeap has the collector run as often as jobs with much data need it, once in a process, and has the heap grow by a part
// of the budget. It is for jobs with much input, and for heaps that have begun to grow: it takes a collection, and memory
// that is cleared as a whole.
//
// The collector runs whenever the heap has grown by half, so that garbage does not take as much as state, and memory that
// is new, which the system has to clear, is asked for less often; with a heap of a few megabytes that is all the time. Bytes
// that are allocated but never touched take no memory and make it wait until there is something to collect.
//
// The heap grows by huge pages, which it takes before any others once it needs them: the first touch of memory can cost more
// than all that is done with it.
func GrowHeap(budget int64) {
	untouched.once.Do(func() {
		untouched.bytes = make([]byte, min(mostUntouched, budget/untouchedShare))
		room := make([]byte, min(mostRoom, budget/roomShare))
		untouched.size.Add(int64(len(untouched.bytes) + len(room)))
		host.HugePages(unsafe.Pointer(unsafe.SliceData(room)), uintptr(len(room)))
		runtime.KeepAlive(room)
		raiseLimit(int64(len(untouched.bytes)))
		untouched.grown.Store(true)
		debug.SetGCPercent(gcPercent)
		runtime.GC()
		untouched.size.Add(-int64(len(room)))
	})
}
