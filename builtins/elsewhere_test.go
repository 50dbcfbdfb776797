package builtins_test

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/cluster"
	"github.com/flowsh/flowsh/spill"
)

// inMemory asks runOn for workers in this process, each with an executor of its own.
type inMemory struct {
	engine.Tasks
	workers int
	dies    int // after so many tasks the first worker is lost, with what it has done; 0: never
}

// runOn runs a program by one of the executors.
func runOn(ctx context.Context, p *engine.Program, o engine.Options) (*engine.Summary, error) {
	workers, ok := o.Tasks.(*inMemory)
	if !ok {
		return engine.Run(ctx, p, o)
	}
	own := o
	own.Tasks, own.Cores = nil, 1
	var runners []cluster.Worker
	for range workers.workers {
		x, err := engine.NewExecutor(p, own)
		if err != nil {
			return nil, err
		}
		defer x.Close()
		kept := spill.NewMem()
		defer kept.Close()
		runners = append(runners, cluster.NewRunner(x, kept))
	}
	store := spill.NewMem()
	defer store.Close()
	job := cluster.NewJob(o.Host, store)
	defer job.Close()
	for i, w := range runners {
		if i == 0 && workers.dies > 0 {
			m := &mortal{Worker: w}
			m.lives.Store(int32(workers.dies))
			w = m
		}
		job.Join(fmt.Sprintf("worker %d", i), 1, w)
	}
	o.Tasks = job
	return engine.Run(ctx, p, o)
}

// A mortal worker is lost after some tasks.
type mortal struct {
	cluster.Worker
	lives atomic.Int32
}

func (m *mortal) Do(ctx context.Context, a cluster.Attempt, t engine.Task) (cluster.Output, error) {
	if m.lives.Add(-1) < 0 {
		return cluster.Output{}, cluster.ErrLost
	}
	return m.Worker.Do(ctx, a, t)
}

func (m *mortal) Fetch(ctx context.Context, a cluster.Attempt, o cluster.Output, get func([]byte) error) error {
	if m.lives.Load() <= 0 {
		return cluster.ErrLost
	}
	return m.Worker.Fetch(ctx, a, o, get)
}
