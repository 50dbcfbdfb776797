package cluster

import (
	"context"
	"errors"
	"io"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/host"
	"github.com/flowsh/flowsh/spill"
)

// A lostError is ErrLost of a worker of which it is known how it ended.
type lostError struct{ Death }

func (e *lostError) Error() string { return ErrLost.Error() + ": " + e.Reason }
func (e *lostError) Unwrap() error { return ErrLost }

// deathIn is how the worker ended that an error says is lost.
func deathIn(err error) Death {
	if lost := (*lostError)(nil); errors.As(err, &lost) {
		return lost.Death
	}
	return Death{Cause: Lost, Reason: err.Error()}
}

// ErrLost is what a worker's methods return when the worker is gone. Its tasks are done again elsewhere.
var ErrLost = errors.New("the worker is lost")

// A Job does the tasks of one run on workers, which may come and go. It implements engine.Tasks and is safe for
// concurrent use.
type Job struct {
	host  *host.Host
	store spill.Store // of what was fetched and not yet consumed
	kept  *Kept       // what was fetched, for a head that runs the job again; nil: nothing is kept
	ctx   context.Context
	stop  context.CancelFunc
	done  sync.WaitGroup

	gathers  int   // workers for which tasks are made larger; 0: they are not
	foldOver int64 // bytes of state by key of a stage that are folded here; what gives more is folded by workers

	mu        sync.Mutex
	changed   sync.Cond
	scheduler Scheduler
	workers   map[string]*jobWorker
	draining  map[string]chan struct{}
	groups    []*taskGroup
	quiet     time.Time // when there were workers last, or it was said that there are none
}

type jobWorker struct {
	Worker
	running map[Attempt]context.CancelFunc
}

// NewJob makes a job without workers. What tasks give goes through store. If kept is not nil it goes there instead and
// stays, and what is there already is not asked of workers again. Both are the caller's to close, after Close.
func NewJob(h *host.Host, store spill.Store, kept *Kept) *Job {
	j := &Job{host: h, store: store, kept: kept, foldOver: math.MaxInt64, workers: map[string]*jobWorker{}, draining: map[string]chan struct{}{}, quiet: h.Clock.Now()}
	j.changed.L = &j.mu
	j.ctx, j.stop = context.WithCancel(context.Background())
	j.done.Go(j.tick)
	return j
}

// Distribute says which worker gets a task. It is called before the job runs.
func (j *Job) Distribute(d Distribution) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.scheduler.Distribute = d
}

// FoldOver has workers fold the state by key of stages whose tasks give more than so many bytes of it; else the run does.
// By default it always does. It is called before the job runs.
func (j *Job) FoldOver(bytes int64) { j.foldOver = bytes }

// Close stops everything and waits for it.
func (j *Job) Close() {
	j.stop()
	j.mu.Lock()
	j.changed.Broadcast()
	j.mu.Unlock()
	j.done.Wait()
}

// WaitsForWorkers is the event that says, every five seconds, that a job has tasks and no worker for them.
type WaitsForWorkers struct{ Tasks int }

// Event implements host.Event.
func (WaitsForWorkers) Event() string { return "waits" }

// NodeJoined is the event that says that a job has one more worker.
type NodeJoined struct{ Name string }

// NodeLeft is the event that says that a job has lost a worker, and why.
type NodeLeft struct{ Name, Reason string }

// Masked implements host.Maskable.
func (e NodeLeft) Masked(mask func(string) string) host.Event {
	e.Reason = mask(e.Reason)
	return e
}

// Event implements host.Event.
func (NodeJoined) Event() string { return "node_joined" }

// Event implements host.Event.
func (NodeLeft) Event() string { return "node_left" }

const tickEvery = time.Second

// SayWaiting is how often WaitsForWorkers is said, and how long there were no workers when it is said first.
const SayWaiting = 5 * time.Second

// tick tells the scheduler the time.
func (j *Job) tick() {
	for {
		select {
		case <-j.ctx.Done():
			return
		case <-j.host.Clock.After(tickEvery):
		}
		j.mu.Lock()
		j.step(Tick{})
		now := j.host.Clock.Now()
		if len(j.workers) > 0 {
			j.quiet = now
		}
		waiting := 0
		if now.Sub(j.quiet) >= SayWaiting {
			waiting, j.quiet = j.scheduler.Waiting(), now
		}
		j.mu.Unlock()
		if waiting > 0 {
			j.host.Send(WaitsForWorkers{Tasks: waiting})
		}
	}
}

// Join adds a worker that does so many tasks at a time. What it offers counts again if it has counted before, and has not
// been done again or read since.
func (j *Job) Join(name string, slots int, w Worker, offers ...Offer) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.workers[name] != nil {
		j.lose(name, Death{Cause: Lost, Reason: ErrLost.Error()})
	}
	j.workers[name] = &jobWorker{Worker: w, running: map[Attempt]context.CancelFunc{}}
	j.host.Send(NodeJoined{name})
	holds := j.holds(w, offers)
	j.step(WorkerReturned{name, slots, holds})
	for _, a := range holds {
		delete(j.groups[a.Task.Group].outputs, a) // it was done again
	}
}

// Lose takes out a worker that is gone, and says how.
func (j *Job) Lose(name string, d Death) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lose(name, d)
}

// left takes out a worker that is gone, unless another has its name by now.
func (j *Job) left(name string, w Worker, d Death) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if now := j.workers[name]; now != nil && now.Worker == w {
		j.lose(name, d)
	}
}

func (j *Job) lose(name string, d Death) {
	w := j.workers[name]
	if w == nil {
		return
	}
	for _, cancel := range w.running {
		cancel()
	}
	delete(j.workers, name)
	for _, g := range j.groups {
		for i := range g.accepted {
			if a := g.accepted[i]; a != nil && a.worker == name {
				g.accepted[i], g.lost[i] = nil, a
			}
		}
	}
	j.host.Send(NodeLeft{name, d.Reason})
	j.step(WorkerLost{name, d})
}

// step tells the scheduler an event and does what it commands. The lock is held.
func (j *Job) step(e Event) {
	for _, c := range j.scheduler.Step(j.host.Clock.Now(), e) {
		switch c := c.(type) {
		case StartTask:
			what := ReceiptSent
			if c.Attempt > 1 {
				what = ReceiptRetried
			}
			j.note(Receipt{Kind: what, Task: c.Task, Attempt: c.Attempt, Node: c.Worker, Reason: c.Suspect.Reason})
			j.start(c)
		case CancelTask:
			if w := j.workers[c.Worker]; w != nil {
				if cancel := w.running[Attempt{c.Task, c.Attempt}]; cancel != nil {
					cancel()
				}
			}
		case Accept:
			g := j.groups[c.Task.Group]
			g.accepted[c.Task.Index] = &acceptedAttempt{worker: c.Worker, number: c.Attempt, output: g.outputs[Attempt{c.Task, c.Attempt}]}
			delete(g.outputs, Attempt{c.Task, c.Attempt})
			j.noteOutput(ReceiptReturned, c.Task, g.accepted[c.Task.Index])
		case Release:
			if w := j.workers[c.Worker]; w != nil {
				w.Release(Attempt{c.Task, c.Attempt})
			}
		case Fail:
			j.note(Receipt{Kind: ReceiptDead, Task: c.Task, Reason: c.Err})
			g := j.groups[c.Task.Group]
			g.err, g.failed = &DeathError{c.Err, c.Cause}, &g.tasks[c.Task.Index]
		}
	}
	for name, done := range j.draining {
		if !j.scheduler.Needs(name) {
			delete(j.draining, name)
			close(done)
		}
	}
	j.changed.Broadcast()
}

// Drain gives a worker no more tasks. The channel is closed when nothing is needed of it any more.
func (j *Job) Drain(name string) <-chan struct{} {
	j.mu.Lock()
	defer j.mu.Unlock()
	done := j.draining[name]
	if done == nil {
		done = make(chan struct{})
		j.draining[name] = done
		j.step(WorkerDrained{name})
	}
	return done
}

// start has a worker do a task.
func (j *Job) start(c StartTask) {
	w, a := j.workers[c.Worker], Attempt{c.Task, c.Attempt}
	t, in := j.groups[c.Task.Group].tasks[c.Task.Index], j.groups[c.Task.Group].inputs(c.Task.Index)
	ctx, cancel := context.WithCancel(j.ctx)
	w.running[a] = cancel
	j.done.Go(func() {
		out, err := do(ctx, w.Worker, a, t, in, c.Suspect)
		cancel()
		var fatal *fatalError
		var input *InputError
		j.mu.Lock()
		defer j.mu.Unlock()
		delete(w.running, a)
		switch {
		case j.workers[c.Worker] != w || j.ctx.Err() != nil:
		case err == nil:
			g := j.groups[c.Task.Group]
			g.outputs[a] = out
			j.noteOutput(ReceiptProcessed, c.Task, &acceptedAttempt{c.Worker, c.Attempt, out})
			j.step(TaskDone{c.Task, c.Attempt})
			if _, unwanted := g.outputs[a]; unwanted {
				delete(g.outputs, a)
				j.note(Receipt{Kind: ReceiptDuplicate, Task: c.Task, Attempt: c.Attempt, Node: c.Worker})
			}
		case errors.Is(err, ErrLost):
			j.lose(c.Worker, deathIn(err))
		case errors.As(err, &fatal):
			j.step(TaskFatal{c.Task, c.Attempt, fatal.Death})
		case errors.As(err, &input):
			j.inputLost(c, input)
		default:
			j.note(Receipt{Kind: ReceiptFailed, Task: c.Task, Attempt: c.Attempt, Node: c.Worker, Reason: err.Error()})
			j.step(TaskFailed{c.Task, c.Attempt, err.Error()})
		}
	})
}

// A taskGroup is the tasks of a stage, and what they give, fetched in their order.
type taskGroup struct {
	job      *Job
	number   int
	tasks    []engine.Task
	outputs  map[Attempt]Output       // of attempts that the scheduler has not judged yet
	accepted []*acceptedAttempt       // by task; nil: not yet, or lost
	lost     map[int]*acceptedAttempt // with their workers
	err      error
	failed   *engine.Task // that err is about; nil: it is about none, or no error
	reads    *taskGroup   // what the tasks read, and give in the place of; nil: they have splits
	unread   int          // times that a task could not read what a worker has that is there
	pushed   int          // tasks, from the first on

	fetched  []fetchedPiece // in order
	complete bool           // everything was fetched
	closed   bool
	cancel   context.CancelFunc
	fetcher  sync.WaitGroup
}

// A fetchedPiece is in the store, and waits to be consumed.
type fetchedPiece struct {
	id      string
	last    bool // of its task
	key     TaskKey
	task    *engine.Task
	attempt int // of the task
}

// A fetchedTask is what is in the store of a task.
type fetchedTask struct {
	attempt int
	earlier bool // it was done before this run of the job
	output  Output
	rest    []string   // names of its pieces
	ranges  [][]string // of those of each range
	whole   bool       // the ranges are there
}

type acceptedAttempt struct {
	worker string
	number int
	output Output
}

// mostFetched is how many pieces may wait to be consumed before more are fetched.
const mostFetched = 256

// Start implements engine.Tasks.
func (j *Job) Start(_ context.Context, tasks []engine.Task) (engine.Pieces, error) {
	tasks = gather(tasks, j.gathers)
	ctx, cancel := context.WithCancel(j.ctx)
	j.mu.Lock()
	defer j.mu.Unlock()
	g := j.group(tasks)
	g.cancel = cancel
	here := g.recall()
	j.step(TasksAdded{Group: g.number, N: len(tasks), Kept: g.begin(here), Held: g.held()})
	g.fetcher.Go(func() { g.fetch(ctx, here) })
	return g, nil
}

// group makes a group of tasks. The lock is held.
func (j *Job) group(tasks []engine.Task) *taskGroup {
	g := &taskGroup{
		job: j, number: len(j.groups), tasks: tasks,
		outputs: map[Attempt]Output{}, accepted: make([]*acceptedAttempt, len(tasks)), lost: map[int]*acceptedAttempt{},
	}
	j.groups = append(j.groups, g)
	return g
}

// begin notes which tasks are to be done, and which are kept. The lock is held.
func (g *taskGroup) begin(here []*fetchedTask) (kept []bool) {
	kept = make([]bool, len(g.tasks))
	n := 0
	for i := range g.tasks {
		what := ReceiptDistributed
		if kept[i] = here[i] != nil; kept[i] {
			what = ReceiptRecalled
			n++
		}
		g.job.note(Receipt{Kind: what, Task: TaskKey{g.number, i}})
	}
	if n > 0 {
		g.job.host.Send(TasksKept{Kept: n, Tasks: len(g.tasks), Of: g.job.kept.Of})
	}
	return kept
}

// TasksKept is an event: so many of the tasks of a stage are not done again, for what they gave is kept.
type TasksKept struct {
	Kept  int    `json:"kept"`
	Tasks int    `json:"tasks"`
	Of    string `json:"of,omitempty"` // the job that did them, for people; "": this one, before
}

// Event implements host.Event.
func (TasksKept) Event() string { return "tasks_kept" }

// Intercepted is an event that an interceptor of a job has to tell to people.
type Intercepted struct {
	Name string `json:"name"` // of the hook
	Text string `json:"text"`
}

// Event implements host.Event.
func (Intercepted) Event() string { return "intercepted" }

// fetch fetches what the tasks give, one task after another, each from one attempt, but for those whose pieces are here.
func (g *taskGroup) fetch(ctx context.Context, here []*fetchedTask) {
	if g.fetchAll(ctx, here) {
		g.job.mu.Lock()
		defer g.job.mu.Unlock()
		g.complete = true
		g.job.changed.Broadcast()
	}
}

// fetchAll reports whether everything was fetched.
func (g *taskGroup) fetchAll(ctx context.Context, here []*fetchedTask) bool {
	if g.divided() {
		return g.fetchDivided(ctx, here)
	}
	return g.fetchRest(ctx, here)
}

// fetchRest fetches what has no ranges.
func (g *taskGroup) fetchRest(ctx context.Context, here []*fetchedTask) bool {
	for i := range g.tasks {
		if here[i] == nil {
			here[i] = g.bring(ctx, i, nil, func(*Output) bool { return false })
		}
		if here[i] == nil || !g.push(i, here[i].attempt, here[i].rest, true) {
			return false
		}
	}
	return true
}

// bring fetches a task, of which some may be here, from an attempt that is accepted, and its ranges if they are wanted;
// nil: nobody wants it any more.
func (g *taskGroup) bring(ctx context.Context, i int, some *fetchedTask, ranges func(*Output) bool) *fetchedTask {
	for {
		a, w, ok := g.wait(i)
		if !ok {
			return nil
		}
		t, err := g.fetchTask(ctx, i, a, w, some, ranges(&a.output))
		if g.took(i, a, err) {
			return t
		}
	}
}

// wait waits until an attempt of a task is accepted, and there is room for what it gave.
func (g *taskGroup) wait(i int) (a *acceptedAttempt, w *jobWorker, ok bool) {
	j := g.job
	j.mu.Lock()
	defer j.mu.Unlock()
	for !g.over() && (g.accepted[i] == nil || len(g.into().fetched) > mostFetched) {
		j.changed.Wait()
	}
	if g.over() {
		return nil, nil, false
	}
	return g.accepted[i], j.workers[g.accepted[i].worker], true
}

// push lets pieces of a task that are here be consumed, as soon as there is room; it reports false if nobody wants them.
func (g *taskGroup) push(i, attempt int, ids []string, last bool) bool {
	j := g.job
	j.mu.Lock()
	defer j.mu.Unlock()
	for !g.over() && len(g.into().fetched) > mostFetched {
		j.changed.Wait()
	}
	if g.over() {
		return false
	}
	g.add(i, attempt, ids, last)
	g.pushed++
	j.changed.Broadcast()
	return true
}

// into is the group that the run reads.
func (g *taskGroup) into() *taskGroup {
	if g.reads != nil {
		return g.reads
	}
	return g
}

func (g *taskGroup) over() bool {
	return g.closed || g.err != nil || g.job.ctx.Err() != nil || g.unread >= mostUnread || g.reads != nil && g.reads.over()
}

// fetchTask brings the pieces of an attempt into the store that are not there yet: the rest, and the ranges if they are
// wanted.
func (g *taskGroup) fetchTask(ctx context.Context, i int, a *acceptedAttempt, w *jobWorker, some *fetchedTask, ranges bool) (*fetchedTask, error) {
	t := &fetchedTask{attempt: a.number, output: a.output, whole: ranges || len(a.output.Ranges) == 0}
	from := Attempt{TaskKey{g.number, i}, a.number}
	var parts []Part
	if some != nil {
		t.rest, t.attempt, t.earlier = some.rest, some.attempt, some.earlier
	} else {
		parts = append(parts, a.output.rest())
	}
	if ranges {
		parts = append(parts, a.output.Ranges...)
		t.ranges = make([][]string, len(a.output.Ranges))
	}
	var fresh []string
	err := g.fetchParts(ctx, i, from, w, parts, func(part int, id string) {
		fresh = append(fresh, id)
		if part == 0 {
			t.rest = append(t.rest, id)
		} else {
			t.ranges[part-1] = append(t.ranges[part-1], id)
		}
	})
	if err == nil {
		err = g.keep(i, t.attempt, a.output, t.whole)
	}
	if err != nil {
		for _, id := range fresh {
			_ = g.store().Delete(id) // what is left over goes with the store
		}
	}
	return t, err
}

// fetchParts brings the pieces of parts of an attempt into the store, and names those that are there.
func (g *taskGroup) fetchParts(ctx context.Context, i int, from Attempt, w *jobWorker, parts []Part, here func(part int, id string)) error {
	if !slices.ContainsFunc(parts, func(p Part) bool { return p.Pieces > 0 }) {
		return nil
	}
	n := map[int]int{} // pieces, by part
	fetch := func(get Taker) error { return w.Fetch(ctx, from, parts, get) }
	return testParts(parts, fetch, func(part int, piece []byte) error {
		id := g.pieceID(i, from, part, n[part])
		if err := g.store().Put(id, piece); err != nil {
			return &storeError{err}
		}
		n[part]++
		here(part, id)
		return nil
	})
}

// A storeError is of this machine's own store: fetching again would not help.
type storeError struct{ error }

// took notes that a task was fetched, or that it could not be; it reports whether the next one is to be fetched.
func (g *taskGroup) took(i int, a *acceptedAttempt, err error) bool {
	j := g.job
	j.mu.Lock()
	defer j.mu.Unlock()
	if g.over() {
		return true
	}
	var own *storeError
	switch {
	case err == nil:
		j.noteOutput(ReceiptReceived, TaskKey{g.number, i}, a)
		j.step(Consumed{TaskKey{g.number, i}})
	case errors.As(err, &own):
		g.err = own.error
		j.changed.Broadcast()
	case g.accepted[i] == a:
		g.accepted[i] = nil
		j.note(Receipt{Kind: ReceiptLost, Task: TaskKey{g.number, i}, Attempt: a.number, Node: a.worker, Reason: err.Error()})
		if errors.Is(err, ErrLost) {
			j.lose(a.worker, deathIn(err))
		} else {
			j.step(OutputLost{TaskKey{g.number, i}, a.number})
		}
	}
	return err == nil
}

// Next implements engine.Pieces.
func (g *taskGroup) Next(ctx context.Context, buf []byte) (engine.Piece, error) {
	j := g.job
	stop := context.AfterFunc(ctx, func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.changed.Broadcast()
	})
	defer stop()
	fetched, err := g.pop(ctx)
	if err != nil {
		return g.failure(), err
	}
	piece := engine.Piece{Chunk: chunkName(fetched.task), Attempt: fetched.attempt}
	if j.kept != nil {
		piece.Data, err = j.kept.Store.Get(fetched.id, buf)
		return piece, err
	}
	piece.Data, err = j.store.Get(fetched.id, buf)
	return piece, errors.Join(err, j.store.Delete(fetched.id))
}

// failure names the task that has ended the group, if one has.
func (g *taskGroup) failure() (p engine.Piece) {
	g.job.mu.Lock()
	defer g.job.mu.Unlock()
	if g.failed != nil {
		p.Chunk = chunkName(g.failed)
	}
	return p
}

// add lets pieces of a task be consumed, which may be its last. The lock is held.
func (g *taskGroup) add(i, attempt int, ids []string, last bool) {
	to, key := g.into(), TaskKey{g.number, i}
	for n, id := range ids {
		to.fetched = append(to.fetched, fetchedPiece{id, last && n == len(ids)-1, key, &g.tasks[i], attempt})
	}
	if last && len(ids) == 0 {
		g.job.note(Receipt{Kind: ReceiptAggregated, Task: key})
	}
}

// pop waits for the next piece that was fetched.
func (g *taskGroup) pop(ctx context.Context) (piece fetchedPiece, err error) {
	j := g.job
	j.mu.Lock()
	defer j.mu.Unlock()
	for len(g.fetched) == 0 && !g.complete && !g.over() && ctx.Err() == nil {
		j.changed.Wait()
	}
	switch {
	case ctx.Err() != nil:
		return piece, context.Cause(ctx)
	case g.err != nil:
		return piece, g.err
	case len(g.fetched) > 0:
		piece = g.fetched[0]
		g.fetched = g.fetched[1:]
		if piece.last {
			j.note(Receipt{Kind: ReceiptAggregated, Task: piece.key})
		}
		j.changed.Broadcast()
		return piece, nil
	case g.complete:
		return piece, io.EOF
	}
	return piece, context.Canceled
}

// Close implements engine.Pieces.
func (g *taskGroup) Close() error {
	j := g.job
	j.mu.Lock()
	g.closed = true
	for _, other := range j.groups {
		if other.reads == g {
			j.step(GroupClosed{other.number})
		}
	}
	j.step(GroupClosed{g.number})
	fetched := g.fetched
	g.fetched = nil
	j.mu.Unlock()
	g.cancel()
	g.fetcher.Wait()
	if j.kept != nil {
		return nil
	}
	for _, piece := range fetched {
		if err := j.store.Delete(piece.id); err != nil {
			return err
		}
	}
	return nil
}
