package builtins_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/flowsh/flowsh/builtins"
	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/cluster"
	"github.com/flowsh/flowsh/spill"
)

// A delayed worker takes a random time for each task, so that tasks end in another order each time.
type delayed struct {
	cluster.Worker
	seed uint64
}

func (d delayed) Do(ctx context.Context, a cluster.Attempt, t engine.Task, in []cluster.Input) (cluster.Output, error) {
	r := rand.New(rand.NewPCG(d.seed, uint64(a.Task.Index)))
	<-time.After(time.Duration(r.IntN(2000)) * time.Microsecond)
	return d.Worker.Do(ctx, a, t, in)
}

// TestAggregateInOrder gives parts to an aggregate for which their order matters, from workers that end in any order.
func TestAggregateInOrder(t *testing.T) {
	script := `
def part(acc, word):
    return acc + [word]

def join(acc, words):
    return (acc * 31 + len(words) * 7 + (len(words[0]) if words else 0)) % 1000003

job = lines("in.txt").partition(lambda line: line[-1:]).reduce([], part).aggregate(join, initial = 1)
`
	files := map[string]string{"in.txt": manyWords()}
	w := newWorld(t, files, "")
	if _, err := w.run(script, engine.Options{Cores: 1}); err != nil {
		t.Fatal(err)
	}
	want := w.stdout.String()
	if strings.TrimSpace(want) == "" {
		t.Fatal("nothing comes out")
	}
	for seed := range uint64(20) {
		w := newWorld(t, files, "")
		job, err := builtins.Load("job.star", []byte(script), builtins.Options{Host: w.Host})
		if err != nil {
			t.Fatal(err)
		}
		o := engine.Options{Cores: 1, SplitSize: 50, BlockSize: 20, Host: w.Host}
		store := spill.NewMem()
		tasks := cluster.NewJob(w.Host, store, nil)
		for i := range 3 {
			x, err := engine.NewExecutor(job.Program, o)
			if err != nil {
				t.Fatal(err)
			}
			defer x.Close()
			kept := spill.NewMem()
			defer kept.Close()
			tasks.Join(fmt.Sprint("worker ", i), 1, delayed{cluster.NewRunner(x, kept, nil, nil), seed*3 + uint64(i)})
		}
		o.Tasks = tasks
		_, err = engine.Run(t.Context(), job.Program, o)
		tasks.Close()
		_ = store.Close() // in memory
		if got := w.stdout.String(); err != nil || got != want {
			t.Errorf("seed %d: %q, %v, want %q", seed, got, err, want)
		}
	}
}
