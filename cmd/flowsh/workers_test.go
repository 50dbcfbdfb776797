package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/flowsh/flowsh/engine/cluster"
)

// TestWorkersComeAndGo kills, drains, interrupts and adds workers of a cluster of real processes under a job.
func TestWorkersComeAndGo(t *testing.T) {
	c := startCluster(t, 3, "-m256MiB", "-j1")
	args, want := c.work(24, 1000, 400)
	for _, name := range []string{"worker-1", "worker-2", "worker-3"} {
		c.until(name, true)
	}

	job := c.submit(args...)
	c.signal(2, syscall.SIGKILL)
	c.flowsh("drain", "worker-1")
	job.gives(t, want)
	c.until("worker-1", false)
	c.until("worker-2", false)
	c.fails(2, "no worker is called worker-1", "drain", "worker-1")
	c.fails(2, "flowsh drain NAME", "drain")
	c.fails(3, "the master refuses: there is a worker with the name worker-3 already", "worker", "--join", c.state.Gossip, "--name", "worker-3")
	c.submit(args...).gives(t, want)

	job = c.submit(args...)
	c.signal(3, syscall.SIGINT)
	job2 := c.submit(args...)
	added := c.worker("worker-9")
	job.gives(t, want)
	job2.gives(t, want)
	c.until("worker-3", false)

	if err := added.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := added.Wait(); err != nil {
		t.Errorf("a worker that was told to leave ends with %v", err)
	}
}

// TestChaosStoppedWorker stops a worker in the middle of a task, as a machine that hangs does, and lets it go on when others have
// done its task: what it gives then does not count.
func TestChaosStoppedWorker(t *testing.T) {
	if os.Getenv("FLOWSH_CHAOS") == "" {
		t.Skip("make chaos runs it: it waits until the worker counts as lost")
	}
	c := startCluster(t, 2, "-m256MiB", "-j1")
	args, want := c.work(16, 1000, 300)
	job := c.submit(args...)
	for c.jobs() == 0 || c.job().Done < 2 {
		time.Sleep(time.Millisecond)
	}
	c.signal(1, syscall.SIGSTOP)
	job.gives(t, want)
	c.signal(1, syscall.SIGCONT)
	c.until("worker-1", true)
	aggregated := map[string]int{}
	for line := range strings.Lines(c.flowsh("receipts", "--json", c.job().ID)) {
		var r cluster.Receipt
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		if r.Kind == cluster.ReceiptAggregated {
			aggregated[r.Chunk]++
		}
	}
	for chunk, n := range aggregated {
		if n != 1 {
			t.Errorf("chunk %s counts %d times", chunk, n)
		}
	}
	if state := c.job().State; len(aggregated) != 16 || state != cluster.CompleteWithRetries {
		t.Errorf("%d chunks count, the job is %s", len(aggregated), state)
	}
	c.submit(args...).gives(t, want)
}

// TestKilledWorkers kills a random one of three workers with kill -9 again and again while a job runs, under one seed.
func TestKilledWorkers(t *testing.T) {
	killWorkers(t, killing{workers: 3, tasks: 40, records: 1000, loops: 1500, pause: 300 * time.Millisecond})
}

// TestChaos kills a random worker with kill -9 every 3 s while jobs run on 3 to 5 of them, under 20 seeds.
func TestChaos(t *testing.T) {
	if os.Getenv("FLOWSH_CHAOS") == "" {
		t.Skip("make chaos runs it: it takes an hour")
	}
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			workers := 3 + rand.New(rand.NewPCG(seed, 0)).IntN(3)
			killWorkers(t, killing{seed: seed, workers: workers, tasks: 300, records: 4000, loops: 1500, pause: 3 * time.Second})
		})
	}
}

// A killing says how workers are killed, and under which job.
type killing struct {
	seed                           uint64
	workers, tasks, records, loops int
	pause                          time.Duration // between two kills
}

// killWorkers tests that a job gives the bytes of a run here while its workers are killed and come back.
func killWorkers(t *testing.T, k killing) {
	r := rand.New(rand.NewPCG(k.seed, 1))
	c := startCluster(t, 1, "-m256MiB", "-j1")
	workers := map[string]*exec.Cmd{}
	for i := range k.workers {
		name := fmt.Sprintf("chaos-%d", i)
		workers[name] = c.worker(name)
	}
	c.until("worker-1", true)
	c.flowsh("drain", "worker-1")
	args, want := c.work(k.tasks, k.records, k.loops)
	for name := range workers {
		c.until(name, true)
	}
	began := time.Now()
	c.submit(args...).gives(t, want)
	undisturbed := time.Since(began)

	ended := make(chan struct{})
	began = time.Now()
	job := c.submit(args...)
	go func() {
		defer close(ended)
		_ = job.Wait() // the state says how
	}()
	for kills := 0; ; kills++ {
		select {
		case <-ended:
			if !job.ProcessState.Success() || job.stdout.String() != want {
				t.Fatalf("the job: %v, %d bytes instead of %d: %s", job.ProcessState, job.stdout.Len(), len(want), job.stderr.String())
			}
			t.Logf("seed %d: %d workers, %d kills, %v undisturbed, %v with kills", k.seed, k.workers, kills, undisturbed, time.Since(began))
			return
		case <-time.After(k.pause):
		}
		victim := fmt.Sprintf("chaos-%d", r.IntN(k.workers))
		_ = workers[victim].Process.Kill() // it has not ended by itself
		_ = workers[victim].Wait()
		workers[victim] = c.worker(victim)
	}
}
