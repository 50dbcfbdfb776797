package cluster

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// A simulation drives a Scheduler with everything that can happen to a cluster, under a seed.
type simulation struct {
	*testing.T
	r        *rand.Rand
	s        Scheduler
	now      time.Time
	slots    map[string]int
	attempts map[StartTask]bool // that run
	accepted []*Accept          // by task, until consumed
	next     int                // task to be consumed
	trace    []string
	failed   bool
}

func (sim *simulation) step(e Event) {
	sim.now = sim.now.Add(time.Duration(sim.r.IntN(300)) * time.Millisecond)
	commands := sim.s.Step(sim.now, e)
	sim.trace = append(sim.trace, fmt.Sprintf("%#v", e), fmt.Sprintf("%#v", commands))
	for _, c := range commands {
		switch c := c.(type) {
		case StartTask:
			busy := 0
			for a := range sim.attempts {
				if a.Worker == c.Worker {
					busy++
				}
			}
			if busy >= sim.slots[c.Worker] {
				sim.Fatalf("%+v on a worker that is busy", c)
			}
			sim.attempts[c] = true
		case CancelTask:
			delete(sim.attempts, StartTask{Worker: c.Worker, Task: c.Task, Attempt: c.Attempt})
		case Accept:
			if sim.accepted[c.Task.Index] != nil || c.Task.Index < sim.next {
				sim.Fatalf("%+v is accepted twice", c)
			}
			sim.accepted[c.Task.Index] = &c
		case Fail:
			sim.failed = true
		}
	}
}

// running picks an attempt by the seed alone.
func (sim *simulation) running() (a StartTask, ok bool) {
	if len(sim.attempts) == 0 {
		return a, false
	}
	all := slices.SortedFunc(maps.Keys(sim.attempts), func(a, b StartTask) int {
		return cmp.Or(cmp.Compare(a.Task.Index, b.Task.Index), cmp.Compare(a.Attempt, b.Attempt))
	})
	return all[sim.r.IntN(len(all))], true
}

var workerNames = []string{"a", "b", "c", "d", "e"}

func (sim *simulation) lose(name string) {
	delete(sim.slots, name)
	for a := range sim.attempts {
		if a.Worker == name {
			delete(sim.attempts, a)
		}
	}
	for i, a := range sim.accepted {
		if a != nil && a.Worker == name {
			sim.accepted[i] = nil
		}
	}
	sim.step(WorkerLost{Worker: name})
}

func (sim *simulation) happen(trouble int) {
	name := workerNames[sim.r.IntN(len(workerNames))]
	switch n := sim.r.IntN(100); {
	case n < trouble:
		if sim.slots[name] > 0 {
			sim.lose(name)
		}
	case n < trouble+10:
		if sim.slots[name] == 0 {
			sim.slots[name] = 1 + sim.r.IntN(2)
			sim.step(WorkerJoined{name, sim.slots[name]})
		}
	case n < trouble+12:
		if a := sim.accepted[sim.next]; a != nil {
			sim.accepted[sim.next] = nil
			sim.step(OutputLost{a.Task, a.Attempt})
		}
	case n < 50:
		if a := sim.accepted[sim.next]; a != nil {
			sim.next++
			sim.accepted[a.Task.Index] = nil
			sim.step(Consumed{a.Task})
		}
	case n < 60:
		sim.step(Tick{})
	default:
		if a, ok := sim.running(); ok {
			delete(sim.attempts, a)
			sim.step(TaskDone{a.Task, a.Attempt})
		}
	}
}

func simulate(t *testing.T, seed uint64, tasks int) *simulation {
	sim := &simulation{
		T: t, r: rand.New(rand.NewPCG(seed, 1)), now: time.Unix(0, 0), slots: map[string]int{},
		attempts: map[StartTask]bool{}, accepted: make([]*Accept, tasks+1),
	}
	sim.s.Distribute = []Distribution{LeastOpen, RoundRobin, Hash}[sim.r.IntN(3)]
	sim.step(TasksAdded{N: tasks})
	for range 300 {
		if sim.happen(4); sim.next == tasks || sim.failed {
			return sim
		}
	}
	sim.slots["z"] = 1 // after the last fault the job must end
	sim.step(WorkerJoined{"z", 1})
	workers := workerNames
	workerNames = append(workers[:len(workers):len(workers)], "z")
	defer func() { workerNames = workers }()
	for range 2000 {
		if sim.happen(0); sim.next == tasks || sim.failed {
			return sim
		}
	}
	t.Fatalf("seed %d: the job does not end: task %d of %d", seed, sim.next, tasks)
	return nil
}

func TestSchedulerUnderFaults(t *testing.T) {
	failed := 0
	for seed := range uint64(300) {
		a, b := simulate(t, seed, 40), simulate(t, seed, 40)
		if !reflect.DeepEqual(a.trace, b.trace) {
			t.Fatalf("seed %d: the same events gave other commands", seed)
		}
		if a.failed {
			failed++
		}
	}
	if failed > 30 {
		t.Errorf("%d of 300 jobs gave up", failed)
	}
}

func TestOneTaskAtATime(t *testing.T) {
	var s Scheduler
	now := time.Unix(0, 0)
	s.Step(now, TasksAdded{N: 2})
	want := []Command{StartTask{"w", TaskKey{0, 0}, 1, Death{}}}
	if got := s.Step(now, WorkerJoined{"w", 1}); !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v", got)
	}
	want = []Command{Accept{"w", TaskKey{0, 0}, 1}, StartTask{"w", TaskKey{0, 1}, 1, Death{}}}
	if got := s.Step(now, TaskDone{TaskKey{0, 0}, 1}); !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v", got)
	}
	want = []Command{Release{"w", TaskKey{0, 0}, 1}}
	if got := s.Step(now, Consumed{TaskKey{0, 0}}); !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v", got)
	}
}

func TestStragglersGetASecondAttempt(t *testing.T) {
	var s Scheduler
	now := time.Unix(0, 0)
	s.Step(now, TasksAdded{N: 4})
	s.Step(now, WorkerJoined{"slow", 1})
	for i := 1; i < 4; i++ {
		if i == 1 {
			s.Step(now, WorkerJoined{"fast", 1})
		}
		now = now.Add(time.Second)
		s.Step(now, TaskDone{TaskKey{0, i}, 1})
	}
	if got := s.Step(now.Add(time.Millisecond), Tick{}); got != nil {
		t.Fatalf("too early: %+v", got)
	}
	now = now.Add(time.Second)
	want := []Command{StartTask{"fast", TaskKey{0, 0}, 2, Death{}}}
	if got := s.Step(now, Tick{}); !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v", got)
	}
	want = []Command{CancelTask{"slow", TaskKey{0, 0}, 1}, Accept{"fast", TaskKey{0, 0}, 2}}
	if got := s.Step(now, TaskDone{TaskKey{0, 0}, 2}); !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v", got)
	}
	if got := s.Step(now, TaskDone{TaskKey{0, 0}, 1}); got != nil {
		t.Fatalf("a second result counts: %+v", got)
	}
}

// TestAStragglerThatOthersWaitFor gets a second attempt though most of its group is not done: no more tasks may start.
func TestAStragglerThatOthersWaitFor(t *testing.T) {
	var s Scheduler
	now := time.Unix(0, 0)
	s.Step(now, TasksAdded{N: 100})
	s.Step(now, WorkerJoined{"slow", 1})
	got := s.Step(now, WorkerJoined{"fast", 1})
	for len(got) > 0 {
		now = now.Add(100 * time.Millisecond)
		got = s.Step(now, TaskDone{got[0].(StartTask).Task, 1})[1:]
	}
	want := []Command{StartTask{"fast", TaskKey{0, 0}, 2, Death{}}}
	if got := s.Step(now.Add(4*time.Second), Tick{}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
}

func TestATaskThatIsLostTooOften(t *testing.T) {
	var s Scheduler
	now := time.Unix(0, 0)
	s.Step(now, TasksAdded{N: 1})
	var got []Command
	lose := func(name string) {
		s.Step(now, WorkerJoined{name, 1})
		got = s.Step(now, WorkerLost{name, Death{Cause: Lost, Reason: "it went"}})
	}
	for i := range mostLosses - 2 {
		lose(fmt.Sprint(i))
		now = now.Add(lossesApart)
	}
	for i := range 10 * mostLosses { // all workers are lost with the network
		if lose(fmt.Sprint(i)); len(got) > 0 {
			t.Fatalf("got %+v", got)
		}
	}
	now = now.Add(lossesApart)
	lose("last")
	if f, ok := got[len(got)-1].(Fail); !ok || f.Task != (TaskKey{0, 0}) || !strings.HasSuffix(f.Err, "it went") {
		t.Fatalf("got %+v", got)
	}
}

func TestATaskThatKills(t *testing.T) {
	var s Scheduler
	death := Death{Cause: OutOfMemory, Reason: "out of memory"}
	now := time.Unix(0, 0)
	s.Step(now, TasksAdded{N: 1})
	var got []Command
	for i := range mostDeaths {
		got = s.Step(now, WorkerJoined{fmt.Sprint(i), 1})
		if start := got[0].(StartTask); (start.Suspect == death) != (i > 0) {
			t.Fatalf("attempt %d: suspect %v", i, start.Suspect)
		}
		got = s.Step(now, WorkerLost{fmt.Sprint(i), death})
	}
	if f, ok := got[len(got)-1].(Fail); !ok || !strings.Contains(f.Err, "task 0 ended its executor 2 times") {
		t.Fatalf("got %+v", got)
	}
}

// TestDistribution gives six tasks to three workers with two slots each.
func TestDistribution(t *testing.T) {
	for way, want := range map[Distribution]string{
		LeastOpen:  "a b c a b c",
		RoundRobin: "a b c a b c",
		Hash:       "",
	} {
		var got []string
		for range 2 {
			s := Scheduler{Distribute: way}
			for _, name := range []string{"a", "b", "c"} {
				s.Step(time.Time{}, WorkerJoined{name, 2})
			}
			var names []string
			for _, c := range s.Step(time.Time{}, TasksAdded{N: 6}) {
				names = append(names, c.(StartTask).Worker)
			}
			got = append(got, strings.Join(names, " "))
		}
		if got[0] != got[1] || want != "" && got[0] != want || len(strings.Fields(got[0])) != 6 {
			t.Errorf("%s: %q, want %q", way, got, want)
		}
	}
	// In turn, whoever has more slots free.
	s := Scheduler{Distribute: RoundRobin}
	s.Step(time.Time{}, WorkerJoined{"a", 9})
	s.Step(time.Time{}, WorkerJoined{"b", 2})
	var names []string
	for _, c := range s.Step(time.Time{}, TasksAdded{N: 4}) {
		names = append(names, c.(StartTask).Worker)
	}
	if got := strings.Join(names, " "); got != "a b a b" {
		t.Errorf("round robin: %s", got)
	}
}

// TestATaskThatFails goes to the workers at which it has not failed, as long as there are any, and says at the end why it
// failed at each.
func TestATaskThatFails(t *testing.T) {
	var s Scheduler
	now := time.Unix(0, 0)
	for _, name := range []string{"a", "b", "c"} {
		s.Step(now, WorkerJoined{name, 2})
	}
	got := s.Step(now, TasksAdded{N: 1})
	for i, want := range []string{"a", "b", "c", "a"} {
		if start, ok := got[0].(StartTask); !ok || start.Worker != want {
			t.Fatalf("attempt %d: %+v", i+1, got)
		}
		got = s.Step(now, TaskFailed{TaskKey{0, 0}, i + 1, fmt.Sprint("disk ", i, " is full")})
	}
	if f, ok := got[0].(Fail); !ok || f.Err != "task 0 failed 4 times: on a: disk 0 is full; on b: disk 1 is full; on c: disk 2 is full; on a: disk 3 is full" {
		t.Errorf("%+v", got)
	}
}

// TestTasksThatReadOthers takes two groups through: one reads the other, which is held until all of that is consumed.
func TestTasksThatReadOthers(t *testing.T) {
	var s Scheduler
	var trace []string
	step := func(e Event) {
		for _, c := range s.Step(time.Unix(0, 0), e) {
			if start, ok := c.(StartTask); ok {
				c = fmt.Sprint("start ", start.Worker, start.Task, start.Attempt)
			}
			trace = append(trace, fmt.Sprint(c))
		}
	}
	expect := func(what string, want ...string) {
		t.Helper()
		if !slices.Equal(trace, want) {
			t.Errorf("%s: %q, want %q", what, trace, want)
		}
		trace = nil
	}
	first, second, fold := TaskKey{0, 0}, TaskKey{0, 1}, TaskKey{1, 0}
	step(WorkerJoined{"a", 1})
	step(WorkerJoined{"b", 1})
	step(TasksAdded{Group: 0, N: 2, Held: true})
	expect("it begins", "start a{0 0} 1", "start b{0 1} 1")
	step(TaskDone{first, 1})
	step(Consumed{first})
	step(TasksAdded{Group: 1, N: 1, Reads: new(int)})
	expect("the other input is not there", "{a {0 0} 1}")
	step(TaskDone{second, 1})
	step(Consumed{second})
	expect("all inputs are there", "{b {0 1} 1}", "start a{1 0} 1")
	step(WorkerDrained{"b"})
	if !s.Needs("b") {
		t.Error("a worker is let go, and others read what it has done")
	}
	step(InputLost{fold, 1, Attempt{second, 1}})
	expect("an input is lost", "start a{0 1} 2")
	step(InputLost{fold, 1, Attempt{second, 1}})
	expect("it is said again")
	if s.Waiting() != 1 {
		t.Errorf("%d tasks wait", s.Waiting())
	}
	step(TaskDone{second, 2})
	expect("it is there again", "{a {0 1} 2}", "start a{1 0} 2")
	step(TaskDone{fold, 2})
	step(Consumed{fold})
	expect("the second group is done", "{a {1 0} 2}", "{a {1 0} 2}")
	step(WorkerLost{"a", Death{Cause: Lost}})
	expect("nobody reads what is lost now")
	step(LetGo{0})
	expect("it is over")
	if s.Needs("b") || s.Waiting() != 0 {
		t.Error("something is still needed")
	}
}
