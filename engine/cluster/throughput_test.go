package cluster

import (
	"fmt"
	"testing"
	"time"
)

// mostTasks is how many tasks a stage has at most.
const mostTasks = 4096

// BenchmarkScheduler schedules a stage of many tasks on eight workers with two cores each.
func BenchmarkScheduler(b *testing.B) {
	for b.Loop() {
		scheduleAll(b, mostTasks, 8)
	}
	b.ReportMetric(float64(b.N)*mostTasks/b.Elapsed().Seconds(), "tasks/s")
}

// scheduleAll takes a stage through a scheduler: the attempt that began first ends first.
func scheduleAll(tb testing.TB, tasks, workers int) {
	var s Scheduler
	now := time.Unix(0, 0)
	var running []StartTask
	done, consumed := make([]bool, tasks), 0
	step := func(e Event) {
		now = now.Add(time.Millisecond)
		for _, c := range s.Step(now, e) {
			switch c := c.(type) {
			case StartTask:
				running = append(running, c)
			case Accept:
				done[c.Task.Index] = true
			}
		}
	}
	step(TasksAdded{Group: 0, N: tasks})
	for i := range workers {
		step(WorkerJoined{fmt.Sprint(i), 2})
	}
	for consumed < tasks {
		if len(running) == 0 {
			tb.Fatalf("nothing runs, and %d of %d tasks were consumed", consumed, tasks)
		}
		next := running[0]
		running = running[1:]
		step(TaskDone{next.Task, next.Attempt})
		for consumed < tasks && done[consumed] {
			step(Consumed{TaskKey{0, consumed}})
			consumed++
		}
	}
}
