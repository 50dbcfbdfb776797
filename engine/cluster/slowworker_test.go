package cluster

import (
	"slices"
	"testing"
	"time"
)

// TestSlowWorkerGetsLess gives two hundred tasks to two workers of which one takes ten times as long: where whoever has the
// least to do is given the next task, the slow one does less than a fifth, and where each has its turn it does half of them.
func TestSlowWorkerGetsLess(t *testing.T) {
	for way, share := range map[Distribution][2]int{LeastOpen: {1, 39}, RoundRobin: {98, 102}} {
		s := Scheduler{Distribute: way}
		type running struct {
			StartTask
			ends int
		}
		takes := map[string]int{"fast": 1, "slow": 10}
		done := map[string]int{}
		var run []running
		ticks := 0
		var step func(e Event)
		step = func(e Event) {
			for _, c := range s.Step(time.Unix(int64(ticks), 0), e) {
				switch c := c.(type) {
				case StartTask:
					run = append(run, running{c, ticks + takes[c.Worker]})
				case Accept:
					done[c.Worker]++
					defer step(Consumed{c.Task})
				case CancelTask:
					run = slices.DeleteFunc(run, func(r running) bool {
						return r.Worker == c.Worker && r.Task == c.Task && r.Attempt == c.Attempt
					})
				}
			}
		}
		step(WorkerJoined{"fast", 2})
		step(WorkerJoined{"slow", 2})
		step(TasksAdded{N: 200})
		for ; len(run) > 0; ticks++ {
			ended := slices.Clone(run)
			run = slices.DeleteFunc(run, func(r running) bool { return r.ends <= ticks })
			for _, r := range ended {
				if r.ends <= ticks {
					step(TaskDone{Task: r.Task, Attempt: r.Attempt})
				}
			}
		}
		if done["slow"] < share[0] || done["slow"] > share[1] || done["fast"]+done["slow"] != 200 {
			t.Errorf("%s: %v", way, done)
		}
	}
}
