package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/host"
	"github.com/flowsh/flowsh/spill"
	"github.com/zeebo/xxh3"
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

// An echo is a worker whose tasks give one small piece at once.
type echo struct{}

var echoed = []byte("a piece")

func (echo) Do(context.Context, Attempt, engine.Task, []Input) (Output, error) {
	return Output{Pieces: 1, Bytes: int64(len(echoed)), Hash: xxh3.Hash(echoed)}, nil
}

func (echo) Fetch(_ context.Context, _ Attempt, _ []Part, get Taker) error {
	return get(0, echoed)
}

func (echo) Release(Attempt) {}

// BenchmarkJob has workers do tasks that take no time: what is left is the control of a job.
func BenchmarkJob(b *testing.B) {
	for b.Loop() {
		doAll(b, mostTasks, 8)
	}
	b.ReportMetric(float64(b.N)*mostTasks/b.Elapsed().Seconds(), "tasks/s")
}

func doAll(tb testing.TB, tasks, workers int) {
	store := spill.NewMem()
	defer store.Close()
	job := NewJob(host.NewMemory(), store, nil)
	defer job.Close()
	for i := range workers {
		job.Join(fmt.Sprint(i), 2, echo{})
	}
	pieces, err := job.Start(context.Background(), make([]engine.Task, tasks))
	if err != nil {
		tb.Fatal(err)
	}
	defer pieces.Close()
	for n := 0; ; n++ {
		buf := make([]byte, 0, len(echoed))
		switch piece, err := pieces.Next(context.Background(), buf); {
		case errors.Is(err, io.EOF) && n == tasks:
			return
		case err != nil:
			tb.Fatalf("after %d pieces: %v", n, err)
		case string(piece.Data) != string(echoed) || &piece.Data[0] != &buf[:1][0]:
			tb.Fatalf("piece %d is %q, in other memory: %t", n, piece.Data, &piece.Data[0] != &buf[:1][0])
		}
	}
}

// TestAllPiecesCome has the pieces of all tasks come, in the memory that is there for them.
func TestAllPiecesCome(t *testing.T) { doAll(t, 20, 3) }
