// Package cluster runs a job on several machines: which worker does which task (Scheduler), how what they give comes
// back (Job), and how a worker does them (Runner).
package cluster

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zeebo/xxh3"
)

// A TaskKey names a task of a job: the order in which the job asked for the stage's tasks, and the task's place
// among them.
type TaskKey struct {
	Group int `json:"group"`
	Index int `json:"index"`
}

// An Event is something that happened to a job's tasks or workers, for Scheduler.Step.
type Event any

// What can happen.
type (
	// TasksAdded says that the job asks for the tasks 0 to N-1 of a group, and that what those that are Kept give is
	// there already.
	TasksAdded struct {
		Group, N int
		Kept     []bool // by task; nil: none
		// Held says that tasks of another group may read what these give: workers keep it, though it is consumed, until
		// the group is let go.
		Held bool
		// Reads is the group that is read by each of the tasks; nil: none is.
		Reads *int
	}
	// LetGo says that nobody reads what the tasks of a group give any more, but for what is not consumed yet.
	LetGo struct{ Group int }
	// Again says that more is to be fetched of what a task gave that was consumed, and is held.
	Again struct{ Task TaskKey }
	// InputLost says that an attempt could not read what another gave. It is no fault of its worker.
	InputLost struct {
		Task    TaskKey
		Attempt int
		Input   Attempt
	}
	// GroupClosed says that nobody wants the tasks of a group any more.
	GroupClosed struct{ Group int }
	// WorkerJoined says that a worker can do so many tasks at a time.
	WorkerJoined struct {
		Worker string
		Slots  int
	}
	// WorkerReturned says the same of one that has what attempts gave that were accepted and lost.
	WorkerReturned struct {
		Worker string
		Slots  int
		Holds  []Attempt
	}
	// WorkerDrained says that a worker is to get no more tasks.
	WorkerDrained struct{ Worker string }
	// WorkerLost says that a worker, with all that it has done, is gone, and how.
	WorkerLost struct {
		Worker string
		Death
	}
	// TaskDone says that an attempt is complete at its worker.
	TaskDone struct {
		Task    TaskKey
		Attempt int
	}
	// TaskFailed says that the machine failed at an attempt. What fails because of a record is done.
	TaskFailed struct {
		Task    TaskKey
		Attempt int
		Err     string
	}
	// TaskFatal says that the task ends whatever does it, and that nothing can be done about it.
	TaskFatal struct {
		Task    TaskKey
		Attempt int
		Death
	}
	// OutputLost says that what an accepted attempt gave cannot be fetched, or is corrupt.
	OutputLost struct {
		Task    TaskKey
		Attempt int
	}
	// Consumed says that all that a task gave was fetched.
	Consumed struct{ Task TaskKey }
	// Tick says that time has passed.
	Tick struct{}
)

// A Command is what has to be done next.
type Command any

// What can be commanded.
type (
	// StartTask asks a worker for an attempt of a task. Suspect says how the last executor ended that did it, if that
	// was its own doing.
	StartTask struct {
		Worker  string
		Task    TaskKey
		Attempt int
		Suspect Death
	}
	// CancelTask stops an attempt that nobody needs.
	CancelTask struct {
		Worker  string
		Task    TaskKey
		Attempt int
	}
	// Accept says that an attempt counts: it is to be fetched from the worker. No other attempt of the task counts,
	// unless this one is lost.
	Accept struct {
		Worker  string
		Task    TaskKey
		Attempt int
	}
	// Release lets a worker forget what an attempt gave.
	Release struct {
		Worker  string
		Task    TaskKey
		Attempt int
	}
	// Fail ends the group: one of its tasks cannot be done.
	Fail struct {
		Task  TaskKey
		Err   string
		Cause Cause // "" if no worker was lost
	}
)

// Bounds of trying.
const (
	mostLosses   = 5 // of one task in a row; workers that are lost one soon after the other, as a network breaks, are one loss
	lossesApart  = 15 * time.Second
	mostDeaths   = 2 // of workers that did it
	mostFailures = 4 // of one task
	// A straggler is a task that takes over stragglerFactor times the median and stragglerAfter, when so large a
	// part of its group is done, or when no other may start before it is consumed.
	stragglerShare  = 0.75
	stragglerFactor = 1.5
	stragglerAfter  = 2 * time.Second
	// So many tasks for each slot may be started and not yet consumed.
	tasksAhead = 3
)

// A Scheduler decides which worker does which task of a job, and which attempt counts. It is a state machine:
// everything that happens comes in through Step, everything to be done comes out, and the same events give the same
// commands. Tasks start in their order. A task whose worker is lost, or whose output is, starts again elsewhere; one
// that takes much longer than the others gets a second attempt beside the first. It is used by one goroutine at a time.
type Scheduler struct {
	// Distribute says which worker gets a task, of those that have a slot; "" is LeastOpen.
	Distribute Distribution

	last    string // worker that got a task last
	groups  []*group
	workers []*worker // in the order of their names
	out     []Command
	now     time.Time
}

type group struct {
	tasks  []task
	done   []time.Duration
	full   bool // no more tasks may start before others are consumed
	closed bool
	held   bool // what tasks give stays where it is when it is consumed
	reads  int  // another group; noGroup: none
}

const noGroup = -1

type task struct {
	state    taskState
	fetched  bool // of a group that is held: it is consumed, as far as that goes
	attempts int  // so far
	running  []attempt
	accepted attempt
	losses   int       // in a row
	lost     time.Time // the last of them that was a worker's
	deaths   int
	suspect  Death // the last of them
	failures []failure
}

// A failure is of a worker's machine.
type failure struct{ worker, reason string }

// failedAt reports whether a worker's machine has failed at a task.
func (t *task) failedAt(worker string) bool {
	return slices.ContainsFunc(t.failures, func(f failure) bool { return f.worker == worker })
}

type taskState uint8

const (
	waiting taskState = iota // also while attempts run
	accepted
	consumed
)

type attempt struct {
	number  int
	worker  string
	started time.Time
}

type worker struct {
	name  string
	slots int
	busy  int
}

// Step takes an event and gives the commands that follow from it. An event about what is over, or was never begun,
// changes nothing.
func (s *Scheduler) Step(now time.Time, e Event) []Command {
	s.now, s.out = now, nil
	switch e := e.(type) {
	case TasksAdded:
		s.add(e)
	case GroupClosed:
		s.close(e.Group)
	case WorkerJoined:
		s.join(e)
	case WorkerReturned:
		s.join(WorkerJoined{e.Worker, e.Slots})
		for _, a := range e.Holds {
			s.hold(e.Worker, a)
		}
	case WorkerDrained:
		if w := s.worker(e.Worker); w != nil {
			w.slots = 0
		}
	case WorkerLost:
		s.lose(e)
	case TaskDone:
		s.accept(e)
	case TaskFailed:
		s.failed(e)
	case TaskFatal:
		if _, _, ok := s.end(e.Task, e.Attempt); ok {
			s.fail(e.Task, e.Reason, e.Cause)
		}
	case OutputLost:
		s.outputLost(e)
	case InputLost:
		s.end(e.Task, e.Attempt)
		s.outputLost(OutputLost{e.Input.Task, e.Input.Number})
	case Consumed:
		s.consume(e.Task)
	case Again:
		if t := s.task(e.Task); t != nil {
			t.fetched = false
		}
	case LetGo:
		s.letGo(e.Group)
	}
	s.start()
	return s.out
}

// Waiting is how many tasks nobody does though they could be started, if there were a worker.
func (s *Scheduler) Waiting() (n int) {
	for number, g := range s.groups {
		if g.closed {
			continue
		}
		read := s.isRead(number)
		for i := range g.tasks {
			if t := &g.tasks[i]; t.state == waiting && len(t.running) == 0 && (!t.fetched || read) {
				n++
			}
		}
	}
	return n
}

// isRead reports whether a task that is not consumed yet reads what those of a group give.
func (s *Scheduler) isRead(n int) bool {
	return slices.ContainsFunc(s.groups, func(g *group) bool {
		return !g.closed && g.reads == n && slices.ContainsFunc(g.tasks, func(t task) bool { return t.state != consumed })
	})
}

// ready reports whether all is there that the tasks of a group read.
func (s *Scheduler) ready(g *group) bool {
	return g.reads == noGroup || !slices.ContainsFunc(s.groups[g.reads].tasks, func(t task) bool { return t.state == waiting })
}

// Needs reports whether a worker does a task, or has done one whose output is still to be fetched.
func (s *Scheduler) Needs(worker string) bool {
	if w := s.worker(worker); w == nil {
		return false
	} else if w.busy > 0 {
		return true
	}
	return slices.ContainsFunc(s.groups, func(g *group) bool {
		return !g.closed && slices.ContainsFunc(g.tasks, func(t task) bool { return t.state == accepted && t.accepted.worker == worker })
	})
}

func (s *Scheduler) add(e TasksAdded) {
	for len(s.groups) <= e.Group {
		s.groups = append(s.groups, &group{closed: true, reads: noGroup})
	}
	g := &group{tasks: make([]task, e.N), held: e.Held, reads: noGroup}
	if e.Reads != nil {
		g.reads = *e.Reads
	}
	for i, kept := range e.Kept {
		switch {
		case kept && e.Held: // no worker has it
			g.tasks[i].fetched = true
		case kept:
			g.tasks[i].state = consumed
		}
	}
	s.groups[e.Group] = g
}

func (s *Scheduler) task(k TaskKey) *task {
	if k.Group < 0 || k.Group >= len(s.groups) || k.Index < 0 || k.Index >= len(s.groups[k.Group].tasks) || s.groups[k.Group].closed {
		return nil
	}
	return &s.groups[k.Group].tasks[k.Index]
}

func (s *Scheduler) worker(name string) *worker {
	if i, ok := s.find(name); ok {
		return s.workers[i]
	}
	return nil
}

func (s *Scheduler) find(name string) (int, bool) {
	return slices.BinarySearchFunc(s.workers, name, func(w *worker, name string) int { return strings.Compare(w.name, name) })
}

func (s *Scheduler) join(e WorkerJoined) {
	if w := s.worker(e.Worker); w != nil {
		w.slots = e.Slots
		return
	}
	i, _ := s.find(e.Worker)
	s.workers = slices.Insert(s.workers, i, &worker{name: e.Worker, slots: e.Slots})
}

// hold accepts an attempt once more that was lost, unless another was accepted meanwhile.
func (s *Scheduler) hold(worker string, a Attempt) {
	t := s.task(a.Task)
	if t == nil || t.state != waiting || a.Number < 1 || a.Number > t.attempts ||
		slices.ContainsFunc(t.running, func(r attempt) bool { return r.number == a.Number }) {
		s.out = append(s.out, Release{worker, a.Task, a.Number})
		return
	}
	for _, other := range t.running {
		s.cancel(a.Task, other)
	}
	t.running, t.state, t.accepted = nil, accepted, attempt{number: a.Number, worker: worker}
	t.losses = max(0, t.losses-1)
	s.out = append(s.out, Accept{worker, a.Task, a.Number})
}

// close forgets a group.
func (s *Scheduler) close(n int) {
	if n < 0 || n >= len(s.groups) || s.groups[n].closed {
		return
	}
	for i := range s.groups[n].tasks {
		k := TaskKey{n, i}
		t := s.task(k)
		for _, a := range t.running {
			s.cancel(k, a)
		}
		if t.state == accepted {
			s.out = append(s.out, Release{t.accepted.worker, k, t.accepted.number})
		}
	}
	s.groups[n].closed = true
}

func (s *Scheduler) cancel(k TaskKey, a attempt) {
	if w := s.worker(a.worker); w != nil {
		w.busy--
		s.out = append(s.out, CancelTask{a.worker, k, a.number})
	}
}

// lose takes a worker out: its attempts, and what it gave that was not fetched yet, are lost.
func (s *Scheduler) lose(e WorkerLost) {
	name := e.Worker
	s.workers = slices.DeleteFunc(s.workers, func(w *worker) bool { return w.name == name })
	for g := range s.groups {
		read := s.isRead(g)
		for i := range s.groups[g].tasks {
			k := TaskKey{g, i}
			t := s.task(k)
			if t == nil {
				break
			}
			if t.fetched && !read && t.state == accepted && t.accepted.worker == name { // nobody may ever want it
				t.state, t.accepted = waiting, attempt{}
			}
			before := len(t.running)
			t.running = slices.DeleteFunc(t.running, func(a attempt) bool { return a.worker == name })
			if len(t.running) < before && e.Cause.itself() {
				if t.deaths++; t.deaths >= mostDeaths {
					s.fail(k, fmt.Sprintf("task %d ended its executor %d times; the last time: %s", k.Index, t.deaths, e.Reason), e.Cause)
					break
				}
				t.suspect = e.Death
				for _, other := range t.running { // it would go the same way
					s.cancel(k, other)
				}
				t.running = nil
			}
			if len(t.running) < before || t.state == accepted && t.accepted.worker == name {
				if apart := t.losses == 0 || s.now.Sub(t.lost) >= lossesApart; apart || e.Cause.itself() {
					t.lost = s.now
					t.losses++
				}
				s.lost(k, t, e.Reason)
			}
		}
	}
}

// lost has a task that was lost wait again, if no attempt runs and it was not lost too often.
func (s *Scheduler) lost(k TaskKey, t *task, reason string) {
	if t.state == accepted {
		t.state, t.accepted = waiting, attempt{}
	}
	if t.losses >= mostLosses {
		s.fail(k, fmt.Sprintf("task %d was lost %d times in a row; the last time: %s", k.Index, t.losses, reason), Lost)
	}
}

func (s *Scheduler) fail(k TaskKey, err string, c Cause) {
	s.close(k.Group)
	s.out = append(s.out, Fail{k, err, c})
}

// end takes an attempt off the running ones; it reports false if it is not one.
func (s *Scheduler) end(k TaskKey, number int) (t *task, a attempt, ok bool) {
	if t = s.task(k); t == nil {
		return nil, a, false
	}
	i := slices.IndexFunc(t.running, func(a attempt) bool { return a.number == number })
	if i < 0 {
		return nil, a, false
	}
	a = t.running[i]
	t.running = slices.Delete(t.running, i, i+1)
	if w := s.worker(a.worker); w != nil {
		w.busy--
	}
	return t, a, true
}

// accept takes the first attempt that is complete.
func (s *Scheduler) accept(e TaskDone) {
	t, a, ok := s.end(e.Task, e.Attempt)
	if !ok {
		return
	}
	for _, other := range t.running {
		s.cancel(e.Task, other)
	}
	t.running, t.state, t.accepted = nil, accepted, a
	g := s.groups[e.Task.Group]
	g.done = append(g.done, s.now.Sub(a.started))
	s.out = append(s.out, Accept{a.worker, e.Task, a.number})
}

func (s *Scheduler) failed(e TaskFailed) {
	t, a, ok := s.end(e.Task, e.Attempt)
	if !ok {
		return
	}
	if t.failures = append(t.failures, failure{a.worker, e.Err}); len(t.failures) < mostFailures {
		return
	}
	tries := make([]string, len(t.failures))
	for i, f := range t.failures {
		tries[i] = fmt.Sprintf("on %s: %s", f.worker, f.reason)
	}
	s.fail(e.Task, fmt.Sprintf("task %d failed %d times: %s", e.Task.Index, len(tries), strings.Join(tries, "; ")), "")
}

func (s *Scheduler) outputLost(e OutputLost) {
	if t := s.task(e.Task); t != nil && t.state == accepted && t.accepted.number == e.Attempt {
		t.losses++
		s.lost(e.Task, t, "what it gave could not be fetched")
	}
}

func (s *Scheduler) consume(k TaskKey) {
	t := s.task(k)
	if t == nil || t.state == consumed {
		return
	}
	for _, a := range t.running { // what was fetched seemed to be lost at the last moment
		s.cancel(k, a)
	}
	t.running = nil
	if s.groups[k.Group].held {
		t.fetched = true
		return
	}
	if t.state == accepted {
		s.out = append(s.out, Release{t.accepted.worker, k, t.accepted.number})
	}
	t.state = consumed
}

// letGo forgets what a group has held that is consumed.
func (s *Scheduler) letGo(n int) {
	if n < 0 || n >= len(s.groups) || s.groups[n].closed {
		return
	}
	s.groups[n].held = false
	for i := range s.groups[n].tasks {
		if k := (TaskKey{n, i}); s.task(k).fetched {
			s.consume(k)
		}
	}
}

// start gives tasks to workers that have a slot: the first that wait, and then those that take too long.
func (s *Scheduler) start() {
	slots := 0
	for _, w := range s.workers {
		slots += w.slots
	}
	for n, g := range s.groups {
		if g.closed || !s.ready(g) {
			continue
		}
		read := g.held && s.isRead(n)
		open := 0 // begun or to be begun, and not consumed
		g.full = false
		for i := range g.tasks {
			t := &g.tasks[i]
			if t.state == consumed || t.fetched && !read {
				continue
			}
			if !t.fetched {
				open++
			}
			if open > tasksAhead*max(slots, 1) {
				g.full = true
				break
			}
			if t.state == waiting && len(t.running) == 0 && !s.assign(TaskKey{n, i}, t) {
				return
			}
		}
	}
	for n, g := range s.groups {
		if !g.closed {
			s.duplicate(n, g)
		}
	}
}

// A Distribution is a way of giving tasks to workers.
type Distribution string

// The ways of giving tasks to workers.
const (
	LeastOpen  Distribution = "least_open"  // to the worker that has the most free slots
	RoundRobin Distribution = "round_robin" // to one after another, as many to each; a slow one holds up the others
	Hash       Distribution = "hash"        // to the same worker in every run, as long as it has a slot
)

// assign starts an attempt on a worker, of those at which it has not failed, if there are any; it reports false if none has
// a slot.
func (s *Scheduler) assign(k TaskKey, t *task) bool {
	elsewhere := slices.ContainsFunc(s.workers, func(w *worker) bool { return w.slots > 0 && !t.failedAt(w.name) })
	var best *worker
	for _, w := range s.candidates(k) {
		if w.slots == 0 || elsewhere && t.failedAt(w.name) || slices.ContainsFunc(t.running, func(a attempt) bool { return a.worker == w.name }) {
			continue
		}
		if w.busy >= w.slots {
			if s.Distribute == RoundRobin && best == nil && len(t.running) == 0 {
				return false // it is its turn
			}
			continue
		}
		if best == nil || s.Distribute != RoundRobin && s.Distribute != Hash && w.slots-w.busy > best.slots-best.busy {
			best = w
		}
	}
	if best == nil {
		return false
	}
	s.last = best.name
	best.busy++
	t.attempts++
	t.running = append(t.running, attempt{t.attempts, best.name, s.now})
	s.out = append(s.out, StartTask{best.name, k, t.attempts, t.suspect})
	return true
}

// candidates are the workers in the order in which a task asks them.
func (s *Scheduler) candidates(k TaskKey) []*worker {
	first := 0
	switch {
	case len(s.workers) == 0:
	case s.Distribute == RoundRobin:
		i, found := s.find(s.last)
		if found {
			i++
		}
		first = i % len(s.workers)
	case s.Distribute == Hash:
		var key [16]byte
		binary.BigEndian.PutUint64(key[:], uint64(k.Group))
		binary.BigEndian.PutUint64(key[8:], uint64(k.Index))
		first = int(xxh3.Hash(key[:]) % uint64(len(s.workers)))
	}
	return slices.Concat(s.workers[first:], s.workers[:first])
}

// duplicate starts second attempts of stragglers.
func (s *Scheduler) duplicate(n int, g *group) {
	if !g.full && float64(len(g.done)) < stragglerShare*float64(len(g.tasks)) || len(g.done) == 0 {
		return
	}
	times := slices.Sorted(slices.Values(g.done))
	limit := time.Duration(stragglerFactor*float64(times[len(times)/2])) + stragglerAfter
	for i := range g.tasks {
		if t := &g.tasks[i]; t.state == waiting && len(t.running) == 1 && s.now.Sub(t.running[0].started) > limit {
			s.assign(TaskKey{n, i}, t)
		}
	}
}
