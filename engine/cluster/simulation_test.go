package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/connector"
	"github.com/flowsh/flowsh/engine/host"
	"github.com/flowsh/flowsh/spill"
	"github.com/zeebo/xxh3"
)

// A world is a cluster in one goroutine: a master with its queue and journal, the heads of its jobs with their schedulers
// and what they keep, and workers. A seed draws what happens next, faults too. A job's tasks are as many as its name
// says, and each gives one piece. If the number is odd, tasks of a second group read what they give.
type world struct {
	*testing.T
	r       *rand.Rand
	now     time.Time
	host    *host.Host
	calm    bool // no more faults
	journal *FileJournal
	queue   *queue
	lives   int // of the master
	heads   []*simulatedHead
	workers []string // that are there
	inbox   []letter

	kept    map[string]*keptStore // by job: survives everything
	asked   []string              // jobs of which the client knows that they were taken
	excused map[string]bool       // jobs that may fail
	results map[string]string     // what was committed
	trace   *xxh3.Hasher
	kills   int
	held    int // outputs that came back with their workers
}

// A letter is on its way to the head of a job.
type letter struct {
	to    *simulatedHead
	event Event
}

// A simulatedHead runs a job.
type simulatedHead struct {
	job       string
	scheduler Scheduler
	groups    []*simulatedGroup
	running   []simulatedAttempt
	done      map[Attempt]string // by which worker
	lost      map[Attempt]string // that were accepted, by worker
	dead      bool
}

// A simulatedGroup is fetched task by task.
type simulatedGroup struct {
	*taskGroup
	next int // task to be fetched
}

func (g *simulatedGroup) fetchedAll() bool { return g.next == len(g.tasks) }

// A simulatedAttempt reads what was there when it began.
type simulatedAttempt struct {
	StartTask
	inputs []Attempt
}

// folds says that tasks of a second group read what those of the first give.
func (h *simulatedHead) folds() bool { return len(h.groups[0].tasks)%2 == 1 }

// reads reports whether what the tasks of a group give is needed by others.
func (h *simulatedHead) reads(group int) bool {
	return group == 0 && len(h.groups) == 2 && !h.groups[1].fetchedAll()
}

// mayBeRead reports whether it is, or may be once the second group begins.
func (h *simulatedHead) mayBeRead(group int) bool {
	return group == 0 && h.folds() && (len(h.groups) < 2 || h.reads(0))
}

// A keptStore counts which tasks it has whole.
type keptStore struct {
	spill.Store
	whole  [2]int // tasks of each group, from the first on
	pieces []string
}

func (s *keptStore) Put(id string, data []byte) error {
	if strings.HasPrefix(id, "piece/") && !slices.Contains(s.pieces, id) {
		s.pieces = append(s.pieces, id)
	}
	return s.Store.Put(id, data)
}

const (
	simulatedJobs     = 6
	simulatedParallel = 2
	simulatedFolds    = 5
	simulatedSteps    = 500
	mostCalmSteps     = 50000
)

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{
		T: t, r: rand.New(rand.NewPCG(seed, 7)), now: time.Unix(0, 0), host: host.NewMemory(),
		kept: map[string]*keptStore{}, excused: map[string]bool{}, results: map[string]string{}, trace: xxh3.New(),
	}
	w.host.Inject = func(p host.Point) error {
		if w.calm || w.r.IntN(60) > 0 {
			return nil
		}
		w.log("fault at %s", p)
		return errors.New("injected")
	}
	return w
}

func (w *world) log(format string, args ...any) { fmt.Fprintf(w.trace, format+"\n", args...) }

func (w *world) chance(percent int) bool { return !w.calm && w.r.IntN(100) < percent }

// start starts a master on what the last one has left.
func (w *world) start() {
	w.lives++
	q := new(queue)
	j, err := OpenJournal(w.host, "journal", func(data []byte) error {
		var r jobRecord
		if err := json.Unmarshal(data, &r); err != nil {
			return err
		}
		return q.apply(r)
	})
	if damage := (*DamageError)(nil); errors.As(err, &damage) {
		w.Fatal(err)
	}
	if err != nil {
		w.log("the master does not start: %v", err)
		return
	}
	for _, job := range q.jobs {
		if job.State == Running {
			job.State = Queued
		}
	}
	records, err := q.snapshot()
	if err == nil {
		err = j.Rewrite(records)
	}
	if err != nil {
		w.log("the master does not start: %v", err)
		return
	}
	w.log("master %d with %d jobs", w.lives, len(q.jobs))
	w.queue, w.journal = q, j
	for _, id := range w.asked {
		if q.find(id) == nil {
			w.Fatalf("%s was taken, and is lost", id)
		}
	}
}

// kill kills the master, and with it the heads and their sessions.
func (w *world) kill() {
	w.log("kill")
	w.kills++
	for _, h := range w.heads {
		h.dead = true
	}
	w.heads, w.inbox, w.queue = nil, nil, nil
	_ = w.journal.Close() // as the system does
	for _, id := range w.jobs() {
		w.rot(w.kept[id])
	}
}

// jobs are those that keep something, in order.
func (w *world) jobs() (ids []string) {
	for id := range w.kept {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// rot flips a bit of something that is kept, sometimes.
func (w *world) rot(s *keptStore) {
	if !w.chance(20) || len(s.pieces) == 0 {
		return
	}
	id := s.pieces[w.r.IntN(len(s.pieces))]
	data, err := s.Get(id, nil)
	if err != nil || len(data) == 0 {
		return
	}
	data[w.r.IntN(len(data))] ^= 1
	must(w.T, s.Store.Put(id, data))
	s.whole = [2]int{} // nobody knows where
	w.log("%s rots", id)
}

// record writes down what happens. A journal that fails leaves a part of the record behind and ends the master.
func (w *world) record(r jobRecord) bool {
	data, err := json.Marshal(r)
	must(w.T, err)
	if err := w.journal.Append(data); err != nil {
		w.log("%v", err)
		w.kill()
		w.tear(data)
		return false
	}
	must(w.T, w.queue.apply(r))
	w.log("%s %s %s", r.Op, r.ID, r.State)
	return true
}

// tear leaves a part of a record at the end of the journal, sometimes.
func (w *world) tear(record []byte) {
	f, err := w.host.FS.Append("journal")
	must(w.T, err)
	defer f.Close()
	info, err := f.Stat()
	must(w.T, err)
	frame := appendRecord(nil, info.Size(), record)
	_, err = f.Write(frame[:w.r.IntN(len(frame))])
	must(w.T, err)
}

// submit submits a job.
func (w *world) submit() {
	number := w.queue.number + 1
	job := &JobInfo{ID: fmt.Sprint("job-", number), Name: strconv.Itoa(1 + w.r.IntN(20)), State: Queued, Detached: true}
	if n := len(w.queue.jobs); n > 0 && w.r.IntN(3) == 0 {
		job.After = []string{w.queue.jobs[w.r.IntN(n)].ID}
		job.Anyway = w.r.IntN(2) == 0
	}
	if w.record(jobRecord{Op: "submitted", Job: job, Number: number}) {
		w.asked = append(w.asked, job.ID)
	}
}

// schedule begins the jobs whose turn has come.
func (w *world) schedule() {
	for w.queue != nil {
		if j, failed := w.queue.doomed(); j != nil {
			if !w.excused[failed.ID] {
				w.Fatalf("%s is given up for %s", j.ID, failed.ID)
			}
			w.excused[j.ID] = true
			w.record(jobRecord{Op: "ended", ID: j.ID, State: Cancelled, Status: 1})
			continue
		}
		j := w.queue.next(simulatedParallel)
		if j == nil {
			return
		}
		if w.record(jobRecord{Op: "began", ID: j.ID}) {
			w.begin(j)
		}
	}
}

// begin gives a job a head.
func (w *world) begin(j *JobInfo) {
	tasks, err := strconv.Atoi(j.Name)
	must(w.T, err)
	kept := w.kept[j.ID]
	if kept == nil {
		kept = &keptStore{Store: spill.NewMem()}
		w.kept[j.ID] = kept
	}
	h := &simulatedHead{job: j.ID, done: map[Attempt]string{}, lost: map[Attempt]string{}}
	w.heads = append(w.heads, h)
	if len(w.heads) > simulatedParallel {
		w.Fatalf("%d jobs run", len(w.heads))
	}
	sources := make([]engine.Task, tasks)
	for i := range sources {
		sources[i].Task, sources[i].Ranges, sources[i].Splits = i, simulatedFolds, []connector.Split{{Index: i}}
	}
	w.group(h, sources)
	for _, name := range w.workers {
		w.step(h, WorkerJoined{name, 2})
	}
	w.finish(h)
}

// group begins a group of a job's tasks with what is kept of them.
func (w *world) group(h *simulatedHead, tasks []engine.Task) {
	kept, number := w.kept[h.job], len(h.groups)
	g := &simulatedGroup{taskGroup: &taskGroup{job: &Job{kept: &Kept{Store: kept}}, number: number, tasks: tasks, accepted: make([]*acceptedAttempt, len(tasks))}}
	h.groups = append(h.groups, g)
	for here := g.recall(); !g.fetchedAll() && here[g.next] != nil; g.next++ {
		g.add(g.next, 0, here[g.next].rest, false)
	}
	if g.next < kept.whole[number] {
		w.Fatalf("%s: %d tasks of group %d were kept, and %d are found", h.job, kept.whole[number], number, g.next)
	}
	w.log("%s begins group %d at task %d of %d", h.job, number, g.next, len(tasks))
	e := TasksAdded{Group: number, N: len(tasks), Kept: slices.Repeat([]bool{true}, g.next), Held: number == 0 && h.folds()}
	if number == 1 {
		e.Reads = new(int)
	}
	w.step(h, e)
}

// step tells a scheduler what has happened, and does what it says.
func (w *world) step(h *simulatedHead, e Event) {
	if h.dead {
		return
	}
	w.now = w.now.Add(time.Duration(w.r.IntN(200)) * time.Millisecond)
	if lost, ok := e.(InputLost); ok {
		sources := h.groups[0].accepted
		if a := sources[lost.Input.Task.Index]; a != nil && a.number == lost.Input.Number {
			sources[lost.Input.Task.Index] = nil
		}
	}
	commands := h.scheduler.Step(w.now, e)
	fails := slices.ContainsFunc(commands, func(c Command) bool { _, ok := c.(Fail); return ok })
	for _, c := range commands {
		w.log("%s %+v", h.job, c)
		switch c := c.(type) {
		case StartTask:
			if c.Task.Index < h.groups[c.Task.Group].next && !h.reads(c.Task.Group) {
				w.Fatalf("%s: task %v is done again", h.job, c.Task)
			}
			h.running = append(h.running, simulatedAttempt{c, w.inputs(h, c.Task)})
		case Accept:
			g := h.groups[c.Task.Group]
			back := h.lost[Attempt{c.Task, c.Attempt}] != "" && h.mayBeRead(c.Task.Group)
			if g.accepted[c.Task.Index] != nil || c.Task.Index < g.next && !h.reads(c.Task.Group) && !back {
				w.Fatalf("%s: task %v is accepted twice", h.job, c.Task)
			}
			if h.done[Attempt{c.Task, c.Attempt}] != c.Worker {
				w.Fatalf("%s: attempt %d of task %v is accepted from %s, which has not done it", h.job, c.Attempt, c.Task, c.Worker)
			}
			if a := (Attempt{c.Task, c.Attempt}); h.lost[a] != "" {
				delete(h.lost, a)
				w.held++
			}
			piece := w.piece(h.job, c.Task)
			g.accepted[c.Task.Index] = &acceptedAttempt{c.Worker, c.Attempt, Output{Pieces: 1, Bytes: int64(len(piece)), Hash: xxh3.Hash(piece)}}
		case Release:
			a := h.groups[c.Task.Group].accepted[c.Task.Index]
			counts := a != nil && a.number == c.Attempt && a.worker == c.Worker
			if counts && !fails && h.mayBeRead(c.Task.Group) {
				w.Fatalf("%s: what task %v gave is released, and others read it", h.job, c.Task)
			}
		case Fail:
			w.excused[h.job] = true
			w.end(h, Failed, 3)
		}
	}
}

// inputs is what a task reads, all of which must be there.
func (w *world) inputs(h *simulatedHead, k TaskKey) (inputs []Attempt) {
	if k.Group == 0 {
		return nil
	}
	for i, a := range h.groups[0].accepted {
		if a == nil {
			w.Fatalf("%s: task %v begins, and task %d that it reads has not given anything", h.job, k, i)
		}
		inputs = append(inputs, Attempt{TaskKey{0, i}, a.number})
	}
	return inputs
}

// lostInput finds what an attempt cannot read: what is not where it was when the attempt began, or something at random.
func (w *world) lostInput(h *simulatedHead, a *simulatedAttempt) (lost Attempt, ok bool) {
	for _, in := range a.inputs {
		if now := h.groups[0].accepted[in.Task.Index]; now == nil || now.number != in.Number {
			return in, true
		}
	}
	if len(a.inputs) > 0 && w.chance(4) {
		return a.inputs[w.r.IntN(len(a.inputs))], true
	}
	return lost, false
}

// piece is what a task gives.
func (w *world) piece(job string, k TaskKey) []byte {
	return fmt.Appendf(nil, "%s/%d/%d;", job, k.Group, k.Index)
}

// A simulatedWorker gives out what tasks gave, not always right.
type simulatedWorker struct {
	echo
	w     *world
	piece []byte
}

func (s simulatedWorker) Fetch(_ context.Context, _ Attempt, _ []Part, get Taker) error {
	if s.w.chance(5) {
		return ErrLost
	}
	piece := slices.Clone(s.piece)
	switch {
	case s.w.chance(5):
		piece[s.w.r.IntN(len(piece))] ^= 1
	case s.w.chance(5):
		piece = piece[:len(piece)-1]
	case s.w.chance(3):
		return nil
	}
	return get(0, piece)
}

// fetch fetches the next task of a head, if it is there.
func (w *world) fetch(h *simulatedHead) {
	g := h.groups[len(h.groups)-1]
	if g.fetchedAll() || g.accepted[g.next] == nil {
		return
	}
	a, key := g.accepted[g.next], TaskKey{g.number, g.next}
	from := &jobWorker{Worker: simulatedWorker{echo{}, w, w.piece(h.job, key)}}
	fetched, err := g.fetchTask(context.Background(), g.next, a, from, nil, false)
	switch {
	case errors.Is(err, ErrLost):
		w.lose(a.worker, Death{Cause: Lost, Reason: "lost"})
	case err != nil:
		g.accepted[g.next] = nil
		w.step(h, OutputLost{key, a.number})
	default:
		g.add(g.next, 0, fetched.rest, false)
		if kept := w.kept[h.job]; kept.whole[g.number] == g.next {
			kept.whole[g.number]++
		}
		g.next++
		w.step(h, Consumed{key})
		w.finish(h)
	}
}

// finish begins the second group of a job of whose first group all was fetched, and commits one of which everything was, and
// ends it. The master may die between the two.
func (w *world) finish(h *simulatedHead) {
	if h.dead || !h.groups[len(h.groups)-1].fetchedAll() {
		return
	}
	if h.folds() && len(h.groups) == 1 {
		folds, err := engine.FoldTasks(h.groups[0].tasks)
		must(w.T, err)
		w.group(h, folds)
		w.finish(h)
		return
	}
	if h.folds() {
		w.step(h, LetGo{0})
	}
	var all, want []byte
	for _, g := range h.groups {
		for i, piece := range g.fetched {
			data, err := w.kept[h.job].Get(piece.id, nil)
			must(w.T, err)
			all, want = append(all, data...), append(want, w.piece(h.job, TaskKey{g.number, i})...)
		}
		if len(g.fetched) != len(g.tasks) {
			w.Fatalf("%s: %d tasks of %d", h.job, len(g.fetched), len(g.tasks))
		}
	}
	if string(all) != string(want) {
		w.Fatalf("%s gives %q", h.job, all)
	}
	if before, ok := w.results[h.job]; ok && before != string(all) {
		w.Fatalf("%s is committed twice, with other bytes", h.job)
	}
	w.results[h.job] = string(all)
	if w.chance(10) {
		w.kill()
		return
	}
	w.end(h, outcome(w.queue.find(h.job), 0, false), 0)
}

// end ends a job.
func (w *world) end(h *simulatedHead, state JobState, status int) {
	h.dead = true
	w.heads = slices.DeleteFunc(w.heads, func(other *simulatedHead) bool { return other == h })
	w.record(jobRecord{Op: "ended", ID: h.job, State: state, Status: status})
}

// lose takes a worker out.
func (w *world) lose(name string, d Death) {
	w.log("lose %s", name)
	w.workers = slices.DeleteFunc(w.workers, func(other string) bool { return other == name })
	for _, h := range slices.Clone(w.heads) {
		h.running = slices.DeleteFunc(h.running, func(c simulatedAttempt) bool { return c.Worker == name })
		for number, g := range h.groups {
			for i, a := range g.accepted {
				if a != nil && a.worker == name {
					g.accepted[i] = nil
					h.lost[Attempt{TaskKey{number, i}, a.number}] = name
				}
			}
		}
		w.step(h, WorkerLost{name, d})
	}
}

func (w *world) join(name string) {
	if slices.Contains(w.workers, name) {
		return
	}
	w.log("join %s", name)
	w.workers = append(w.workers, name)
	for _, h := range slices.Clone(w.heads) {
		w.step(h, WorkerReturned{name, 2, w.holds(h, name)})
	}
}

// holds are the outputs that a worker has kept, of those that were lost with it: some have rotted, or others have been done
// meanwhile.
func (w *world) holds(h *simulatedHead, name string) (holds []Attempt) {
	for number, g := range h.groups {
		for i := range g.tasks {
			for n := range mostFailures + mostLosses {
				if a := (Attempt{TaskKey{number, i}, n + 1}); h.lost[a] == name && !w.chance(20) {
					holds = append(holds, a)
				}
			}
		}
	}
	return holds
}

// happen lets one thing happen.
func (w *world) happen() {
	if w.queue == nil {
		w.start()
		return
	}
	name := workerNames[w.r.IntN(len(workerNames))]
	switch n := w.r.IntN(100); {
	case n < 1 && !w.calm:
		w.kill()
	case n < 3 && !w.calm:
		w.lose(name, Death{Cause: Lost, Reason: "lost"})
	case n < 4 && w.chance(20):
		w.lose(name, Death{Cause: Died, Reason: "died"})
	case n < 12:
		w.join(name)
	case n < 15:
		if len(w.queue.jobs) < simulatedJobs {
			w.submit()
		}
	case n < 25:
		w.schedule()
	case n < 30:
		for _, h := range slices.Clone(w.heads) {
			w.step(h, Tick{})
		}
	case n < 55:
		w.finishTask()
	case n < 80:
		w.deliver()
	default:
		if len(w.heads) > 0 {
			w.fetch(w.heads[w.r.IntN(len(w.heads))])
		}
	}
}

// finishTask lets a worker end an attempt: its word is on its way from then on.
func (w *world) finishTask() {
	if len(w.heads) == 0 {
		return
	}
	h := w.heads[w.r.IntN(len(w.heads))]
	if len(h.running) == 0 {
		return
	}
	i := w.r.IntN(len(h.running))
	c := h.running[i]
	h.running = slices.Delete(h.running, i, i+1)
	var e Event = TaskDone{c.Task, c.Attempt}
	if in, lost := w.lostInput(h, &c); lost {
		e = InputLost{c.Task, c.Attempt, in}
	} else if w.chance(3) {
		e = TaskFailed{c.Task, c.Attempt, "injected"}
	} else {
		h.done[Attempt{c.Task, c.Attempt}] = c.Worker
	}
	w.inbox = append(w.inbox, letter{h, e})
}

// deliver delivers any of the letters, sometimes twice.
func (w *world) deliver() {
	if len(w.inbox) == 0 {
		return
	}
	i := w.r.IntN(len(w.inbox))
	l := w.inbox[i]
	if !w.chance(10) {
		w.inbox = slices.Delete(w.inbox, i, i+1)
	}
	w.step(l.to, l.event)
}

// over reports whether all jobs have ended.
func (w *world) over() bool {
	return w.queue != nil && len(w.queue.jobs) == simulatedJobs &&
		!slices.ContainsFunc(w.queue.jobs, func(j *JobInfo) bool { return !j.State.Over() })
}

// live lets things happen until all jobs have ended, without faults towards the end.
func (w *world) live() {
	for range simulatedSteps {
		w.happen()
	}
	w.calm = true
	w.log("calm")
	for range mostCalmSteps {
		if w.over() {
			return
		}
		w.happen()
	}
	w.Fatalf("it never ends: %d jobs run", len(w.heads))
}

// judge tests what has become of the jobs.
func (w *world) judge() (complete int) {
	for _, j := range w.queue.jobs {
		_, committed := w.results[j.ID]
		switch {
		case j.State.good() && committed:
			complete++
		case j.State.good() || !w.excused[j.ID]:
			w.Errorf("%s is %s, its output there: %t", j.ID, j.State, committed)
		case j.State == Complete && j.Attempts > 1:
			w.Errorf("%s was begun %d times, and does not say so", j.ID, j.Attempts)
		}
	}
	return complete
}

// TestClusterUnderSeeds lives through kills of the master at any place, in the commit and in the journal too, lost
// workers, some of which come back with what they have, corrupt and short outputs, kept pieces that rot, and messages that come late, twice and out of order: no job
// that was taken is lost, each gives its bytes, and no task whose output is kept is done again.
func TestClusterUnderSeeds(t *testing.T) {
	complete, kills, held := 0, 0, 0
	for seed := range uint64(300) {
		if !t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			w := newWorld(t, seed)
			w.live()
			complete, kills, held = complete+w.judge(), kills+w.kills, held+w.held
		}) {
			return
		}
	}
	t.Logf("%d jobs complete, %d masters killed, %d outputs back", complete, kills, held)
	if complete < 300 || kills < 300 || held < 300 {
		t.Errorf("%d jobs complete, %d masters killed, %d outputs back: the simulation shows too little", complete, kills, held)
	}
}

// TestSameSeedSameTrace lives through the same seeds twice.
func TestSameSeedSameTrace(t *testing.T) {
	for seed := range uint64(20) {
		var sums [2]uint64
		for i := range sums {
			w := newWorld(t, seed)
			w.live()
			sums[i] = w.trace.Sum64()
		}
		if sums[0] != sums[1] {
			t.Fatalf("seed %d: two traces", seed)
		}
	}
}
