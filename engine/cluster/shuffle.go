package cluster

import (
	"context"
	"math"
	"slices"

	"github.com/flowsh/flowsh/engine"
)

// State by key is divided: a task of a stage that folds gives it in ranges of the keys. If it fits easily into the head's
// memory, the head fetches all ranges, and the run folds them. If there is more, the ranges stay where they are, and tasks
// of another group fold them, one range each: they read it from whoever has it, task after task, and what they give is in
// order. Which of the two is done shows in no byte of what comes out.
//
// How much there is is known when all tasks are done. Until then the head fetches ranges as long as they may all be
// wanted, and workers keep what they have given: the group is held.

// divided says that the tasks give ranges.
func (g *taskGroup) divided() bool { return len(g.tasks) > 0 && g.tasks[0].Ranges > 0 }

// mostUnread is how many times a worker may not be able to read what another has that is there. Then the head folds what is
// left to be folded: perhaps they cannot reach each other, and it can.
const mostUnread = 3

// held says that ranges may be asked for when all else of a task is here.
func (g *taskGroup) held() bool { return g.divided() && g.job.foldOver < math.MaxInt64 }

// fetchDivided fetches what tasks give that has ranges: what only the head reads of all of them, and then the ranges, or
// what has become of them. What ended a task comes behind the ranges up to it, for an earlier record may fail when it is
// folded.
func (g *taskGroup) fetchDivided(ctx context.Context, here []*fetchedTask) bool {
	bytes := int64(0)
	for i := range g.tasks {
		if here[i] == nil {
			here[i] = g.bring(ctx, i, nil, func(o *Output) bool { return bytes+o.divided() <= g.job.foldOver })
		}
		t := here[i]
		if t == nil {
			return false
		}
		bytes += t.output.divided()
		if t.output.Ended {
			return g.fetchRanges(ctx, here[:i+1], 0) && g.push(i, t.attempt, t.rest, true)
		}
		if !g.push(i, t.attempt, t.rest, false) {
			return false
		}
	}
	if bytes > g.job.foldOver && g.reachable() {
		return g.fold(ctx, here)
	}
	return g.fetchRanges(ctx, here, 0)
}

// fetchRanges lets the ranges of tasks from one on be consumed, and fetches those that are not here.
func (g *taskGroup) fetchRanges(ctx context.Context, here []*fetchedTask, from int) bool {
	for i, t := range here {
		if !t.whole {
			g.tell(Again{TaskKey{g.number, i}})
			if t = g.bring(ctx, i, t, func(*Output) bool { return true }); t == nil {
				return false
			}
		}
		if !g.push(i, t.attempt, slices.Concat(t.ranges[from:]...), !t.output.Ended) {
			return false
		}
	}
	g.tell(LetGo{g.number})
	return true
}

// tell tells the scheduler an event.
func (g *taskGroup) tell(e Event) {
	g.job.mu.Lock()
	defer g.job.mu.Unlock()
	g.job.step(e)
}

// reachable reports whether workers can read what others have given.
func (g *taskGroup) reachable() bool {
	g.job.mu.Lock()
	defer g.job.mu.Unlock()
	for i, a := range g.accepted {
		if a == nil { // it is done again
			continue
		}
		if _, ok := addressOf(g.job.workers[a.worker].Worker, Attempt{TaskKey{g.number, i}, a.number}); !ok {
			return false
		}
	}
	return true
}

// addressOf is where other workers read what an attempt gave; ok is false if they cannot. A worker that has no address is
// known by its name.
func addressOf(w Worker, a Attempt) (address string, ok bool) {
	x, has := w.(interface{ Address(a Attempt) string })
	if !has {
		return "", true
	}
	address = x.Address(a)
	return address, address != ""
}

// fold has workers fold the ranges, and fetches what they give. If they cannot, the head has the ranges that are left.
func (g *taskGroup) fold(ctx context.Context, sources []*fetchedTask) bool {
	f, here := g.beginFold(sources)
	if f == nil || !f.fetchRest(ctx, here) {
		if from, gaveUp := g.unfolded(f); gaveUp {
			return g.fetchRanges(ctx, sources, from)
		}
		g.failWith(f)
		return false
	}
	j := g.job
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := range g.tasks {
		j.note(Receipt{Kind: ReceiptAggregated, Task: TaskKey{g.number, i}})
	}
	j.step(LetGo{g.number})
	return true
}

// beginFold asks for the tasks that fold the ranges.
func (g *taskGroup) beginFold(sources []*fetchedTask) (*taskGroup, []*fetchedTask) {
	j := g.job
	j.mu.Lock()
	defer j.mu.Unlock()
	tasks, err := engine.FoldTasks(g.tasks)
	if err != nil {
		g.err = err
		return nil, nil
	}
	f := j.group(tasks)
	f.reads = g
	g.drop(sources)
	here := f.recall(sources...)
	j.step(TasksAdded{Group: f.number, N: len(tasks), Kept: f.begin(here), Reads: &g.number})
	return f, here
}

// unfolded gives the first range that is not folded of a group that has ended because its tasks could not read what they fold;
// false: that is not what has ended it.
func (g *taskGroup) unfolded(f *taskGroup) (from int, gaveUp bool) {
	j := g.job
	j.mu.Lock()
	defer j.mu.Unlock()
	if g.over() || f == nil || f.err != nil {
		return 0, false
	}
	for i := f.pushed; i < len(f.tasks); i++ {
		j.note(Receipt{Kind: ReceiptAggregated, Task: TaskKey{f.number, i}})
	}
	j.host.Send(engine.Warning{Text: "workers cannot read what others have done, so the head of the job folds it"})
	return f.pushed, true
}

// drop deletes ranges that were fetched before it was known that they are folded elsewhere. What is kept stays: it may be of
// use to another head.
func (g *taskGroup) drop(sources []*fetchedTask) {
	if g.job.kept != nil {
		return
	}
	for _, t := range sources {
		for _, id := range slices.Concat(t.ranges...) {
			_ = g.store().Delete(id) // what is left over goes with the store
		}
		t.ranges, t.whole = nil, false
	}
}

// failWith ends the group with the error of another that has failed, if it has.
func (g *taskGroup) failWith(f *taskGroup) {
	g.job.mu.Lock()
	defer g.job.mu.Unlock()
	if f != nil && g.err == nil {
		g.err, g.failed = f.err, f.failed
	}
	g.job.changed.Broadcast()
}

// inputs is what a task reads, in order. The lock is held.
func (g *taskGroup) inputs(i int) []Input {
	if g.reads == nil {
		return nil
	}
	from := g.reads
	in := make([]Input, len(from.tasks))
	for n, a := range from.accepted { // the scheduler has seen to it that all are there
		attempt := Attempt{TaskKey{from.number, n}, a.number}
		address, _ := addressOf(from.job.workers[a.worker].Worker, attempt)
		in[n] = Input{Attempt: attempt, Part: a.output.Ranges[g.tasks[i].Fold.Range], Worker: a.worker, Address: address}
	}
	return in
}

// inputLost notes that an attempt could not read an input, which is done again if it still counts. The lock is held.
func (j *Job) inputLost(c StartTask, e *InputError) {
	g := j.groups[e.Input.Task.Group]
	if a := g.accepted[e.Input.Task.Index]; a != nil && a.number == e.Input.Number {
		g.accepted[e.Input.Task.Index] = nil
		if j.groups[c.Task.Group].unread++; j.groups[c.Task.Group].unread == mostUnread {
			j.step(GroupClosed{c.Task.Group}) // at once: others would try, and lose more
		}
		j.note(Receipt{Kind: ReceiptLost, Task: e.Input.Task, Attempt: a.number, Node: a.worker, Reason: e.Reason})
	}
	j.step(InputLost{c.Task, c.Attempt, e.Input})
}
