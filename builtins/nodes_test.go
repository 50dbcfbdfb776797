package builtins_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/cluster"
	"github.com/flowsh/flowsh/engine/host"
	"github.com/flowsh/flowsh/engine/transport"
)

// node is a worker of a cluster, which ends with ctx.
func (c *restartable) node(ctx context.Context, name string, change func(*cluster.Agent)) {
	a := c.agent
	a.Name, a.Spawn = name, c.executor(true)
	if change != nil {
		change(&a)
	}
	w := &cluster.WorkerAgent{Agent: a, Slots: 1, Master: func(context.Context) (string, error) { return restartAddress, nil }}
	c.running.Go(func() { _ = w.Run(ctx) }) // it ends with ctx
}

// begin starts a master.
func (c *restartable) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.master()
}

// gives submits the job, whose output must be want, and gives what has become of it.
func (c *restartable) gives(want string, emit func(host.Event)) cluster.JobInfo {
	c.Helper()
	client, err := cluster.Connect(c.ctx, c.agent, restartAddress)
	if err != nil {
		c.Fatal(err)
	}
	defer client.Close()
	c.stdout.Reset()
	_, end, err := client.Submit(c.ctx, cluster.Submit{Name: "job.star"}, &c.stdout, emit)
	if err != nil || end.Status != 0 || c.stdout.String() != want {
		c.Errorf("%v, status %d, %q", err, end.Status, c.stdout.String())
	}
	jobs, err := client.Jobs()
	if err != nil || len(jobs) == 0 {
		c.Fatalf("%v, %v", jobs, err)
	}
	return jobs[len(jobs)-1]
}

func silent(host.Event) {}

// A fastClock goes fifty times as fast as others.
type fastClock struct{ began time.Time }

func (f fastClock) Now() time.Time                       { return f.began.Add(50 * time.Since(f.began)) }
func (fastClock) After(d time.Duration) <-chan time.Time { return time.After(d / 50) }

// onCluster runs a test on a cluster with a master and no workers, which has gone when it returns.
func onCluster(t *testing.T, script string, test func(c *restartable)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	c := newRestartable(ctx, t, script)
	defer c.running.Wait()
	defer cancel()
	test(c)
}

// TestAllWorkersAreLost loses every worker when some tasks are done: the job waits, says so, and goes on when there is
// another one.
func TestAllWorkersAreLost(t *testing.T) {
	want := restarted(t, streams, nil).stdout.String()
	onCluster(t, streams, func(c *restartable) {
		c.Clock = fastClock{time.Now()}
		c.begin()
		lost, lose := context.WithCancel(c.ctx)
		defer lose()
		c.die = func(where string) bool {
			if where == "read 4" {
				lose()
			}
			return false
		}
		c.node(lost, "first", nil)
		c.node(lost, "second", nil)
		var once sync.Once
		job := c.gives(want, func(e host.Event) {
			if w, ok := e.(cluster.WaitsForWorkers); ok && w.Tasks > 0 {
				once.Do(func() { c.node(c.ctx, "third", nil) })
			}
		})
		once.Do(func() { t.Error("the job does not say that it waits") })
		if job.State != cluster.CompleteWithRetries {
			t.Errorf("the job is %s", job.State)
		}
	})
}

// TestNoWorkersYet submits a job to a cluster without workers: it waits, and says so, until one joins; and one that joins
// while it runs gets tasks, too.
func TestNoWorkersYet(t *testing.T) {
	want := restarted(t, streams, nil).stdout.String()
	onCluster(t, streams, func(c *restartable) {
		c.Clock = fastClock{time.Now()}
		c.begin()
		var mu sync.Mutex
		said := 0
		c.die = func(where string) bool {
			if where == "read 2" {
				c.node(c.ctx, "second", nil)
			}
			return false
		}
		job := c.gives(want, func(e host.Event) {
			mu.Lock()
			defer mu.Unlock()
			if _, ok := e.(cluster.WaitsForWorkers); ok {
				if said++; said == 2 {
					c.node(c.ctx, "first", nil)
				}
			}
		})
		if said < 2 || job.State != cluster.Complete {
			t.Errorf("it said %d times that it waits; the job is %s", said, job.State)
		}
	})
}

// A skewedClock is wrong, and may be set meanwhile.
type skewedClock struct {
	hastyClock
	mu  sync.Mutex
	off time.Duration
}

func (s *skewedClock) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Add(s.off)
}

func (s *skewedClock) set(off time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.off = off
}

// TestClocksDiffer has workers whose clocks are a day off, and a master whose clock goes back an hour while a job runs.
func TestClocksDiffer(t *testing.T) {
	want := restarted(t, streams, nil).stdout.String()
	onCluster(t, streams, func(c *restartable) {
		clock := new(skewedClock)
		c.Clock, c.agent.Host.Clock = clock, clock
		c.die = func(where string) bool {
			if where == "read 5" {
				clock.set(-time.Hour)
			}
			return false
		}
		c.begin()
		for i, off := range []time.Duration{-24 * time.Hour, 24 * time.Hour} {
			c.node(c.ctx, fmt.Sprint("worker ", i), func(a *cluster.Agent) {
				h := *a.Host
				h.Clock = &skewedClock{off: off}
				a.Host = &h
			})
		}
		if job := c.gives(want, silent); job.State != cluster.Complete {
			t.Errorf("the job is %s", job.State)
		}
	})
}

// TestOtherVersions has a worker and a client of another flowsh, and one that talks otherwise: the master refuses them, says
// both versions, and goes on.
func TestOtherVersions(t *testing.T) {
	want := restarted(t, streams, nil).stdout.String()
	onCluster(t, streams, func(c *restartable) {
		c.begin()
		const both = "it is flowsh 2 (protocol 1), the master is flowsh 1 (protocol 1)"
		a := c.agent
		a.Name, a.Version = "other", "2"
		w := &cluster.WorkerAgent{Agent: a, Slots: 1, Master: func(context.Context) (string, error) { return restartAddress, nil }}
		if err := w.Run(c.ctx); err == nil || !strings.Contains(err.Error(), both) {
			t.Errorf("a worker: %v", err)
		}
		if _, err := cluster.Connect(c.ctx, a, restartAddress); err == nil || !strings.Contains(err.Error(), both) {
			t.Errorf("a client: %v", err)
		}
		if answer := c.says(t, `{"protocol": 9, "version": "1", "role": "client"}`); !strings.Contains(answer, "(protocol 9), the master is flowsh 1 (protocol 1)") {
			t.Errorf("another protocol: %q", answer)
		}
		c.node(c.ctx, "worker", nil)
		c.gives(want, silent)
	})
}

// says dials the master, says something on a stream, and gives the answer.
func (c *restartable) says(t *testing.T, words ...string) (answer string) {
	t.Helper()
	s, err := transport.Dial(c.ctx, c.network, restartAddress, nil, transport.Master)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, text := range words {
		stream, err := s.Open()
		if err != nil {
			return err.Error()
		}
		if err := transport.WriteFrame(stream, []byte(text)); err != nil {
			return err.Error()
		}
		frame, err := transport.ReadFrame(stream, nil)
		if answer = string(frame); err != nil {
			answer = err.Error()
		}
		_ = stream.Close()
	}
	return answer
}

// TestBadPeers has all kinds of strangers dial the master while a job runs: it goes on, and the job has its bytes.
func TestBadPeers(t *testing.T) {
	want := restarted(t, streams, nil).stdout.String()
	const hello = `{"protocol": 1, "version": "1", "role": "client"}`
	random := make([]byte, 100_000)
	r := rand.NewChaCha8([32]byte{3})
	_, _ = r.Read(random) // it cannot fail
	raw := map[string][]byte{
		"plain HTTP":                []byte("GET / HTTP/1.1\r\nHost: master\r\n\r\n"),
		"random bytes":              random,
		"nothing":                   nil,
		"half a header":             {0, 1, 0},
		"a window that lies":        {0, 1, 0, 0, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff},
		"data on no stream":         {0, 0, 0, 0, 0, 0, 0, 9, 0x7f, 0xff, 0xff, 0xff},
		"a frame that lies":         {0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 12, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4, 5, 6, 7, 8},
		"another version of frames": {9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
	}
	spoken := map[string][]string{ // the answer's part, and what is said
		"no JSON":                {"EOF", "hello"},
		"a role that is none":    {"is no role", `{"protocol": 1, "version": "1", "role": "king"}`},
		"a worker without name":  {"needs a name", `{"protocol": 1, "version": "1", "role": "worker", "slots": 4}`},
		"a worker without cores": {"at least one core", `{"protocol": 1, "version": "1", "role": "worker", "name": "x", "slots": -4}`},
		"a name that is taken":   {"already", `{"protocol": 1, "version": "1", "role": "worker", "name": "worker 0", "slots": 1}`},
		"no request":             {"", hello, "{}"},
		"an unknown request":     {"", hello, `{"op": "burn"}`},
		"a submit of nothing":    {"", hello, `{"op": "submit"}`},
		"a bundle that is none":  {"status\":3", hello, `{"op": "submit", "submit": {"bundle": "AAAA", "after": ["job-99"]}}`},
		"an unknown job":         {"status\":3", hello, `{"op": "attach", "job": "job-99"}`},
		"a job with a path":      {"status\":3", hello, `{"op": "receipts", "job": "../../etc"}`},
		"an unknown worker":      {"no worker has the name nobody", hello, `{"op": "drain", "worker": "nobody"}`},
		"a head's request":       {"", hello, `{"op": "execute", "worker": "worker 0", "job": "job-1"}`},
	}
	onCluster(t, streams, func(c *restartable) {
		c.begin()
		for i := range 2 {
			c.node(c.ctx, fmt.Sprint("worker ", i), nil)
		}
		c.gives(want, silent) // both have joined, or one has
		for name, text := range raw {
			t.Run(name, func(t *testing.T) {
				conn, err := c.network.Dial(c.ctx, restartAddress)
				if err != nil {
					t.Fatal(err)
				}
				c.running.Go(func() { _, _ = conn.Write(text) }) // the other side may not take all
				c.running.Go(func() {
					<-c.ctx.Done() // it stays as long as it may
					_ = conn.Close()
				})
				c.T = t
				c.gives(want, silent)
			})
		}
		for name, words := range spoken {
			t.Run(name, func(t *testing.T) {
				c.T = t
				if answer := c.says(t, words[1:]...); !strings.Contains(answer, words[0]) {
					t.Errorf("the answer is %q, want %q", answer, words[0])
				}
				c.gives(want, silent)
			})
		}
		c.T = t
	})
}

// TestWorkerKilledAtAnyByte loses one of three workers after so many bytes of what its executor says: when it has got the
// job, in the middle of a task, of an output, before and after its commit.
func TestWorkerKilledAtAnyByte(t *testing.T) {
	script := `job = lines("in.txt").flat_map(lambda l: l.split()).count(by = lambda w: w)`
	w := newWorld(t, map[string]string{"in.txt": manyWords()}, "")
	if _, err := w.run(script, engine.Options{Cores: 1}); err != nil {
		t.Fatal(err)
	}
	want := w.stdout.String()
	thirds := 2
	if testing.Short() {
		thirds = 9
	}
	for dies := 1; dies < 20_000; dies += 1 + thirds*dies/3 {
		t.Run(fmt.Sprint(dies), func(t *testing.T) {
			w.stdout.Reset()
			if _, err := w.run(script, engine.Options{Cores: 1, SplitSize: 50, BlockSize: 20, Tasks: &inMemory{workers: 3, dies: dies, agents: true}}); err != nil || w.stdout.String() != want {
				t.Errorf("%v, %d bytes instead of %d", err, w.stdout.Len(), len(want))
			}
		})
	}
}

// TestNumberOfWorkers runs a job on other numbers of workers.
func TestNumberOfWorkers(t *testing.T) {
	script := `job = lines("in.txt").flat_map(lambda l: l.split()).count(by = lambda w: w).take_sort(5, key = lambda w, n: -n)`
	w := newWorld(t, map[string]string{"in.txt": manyWords()}, "")
	if _, err := w.run(script, engine.Options{Cores: 1}); err != nil {
		t.Fatal(err)
	}
	want := w.stdout.String()
	for workers := 1; workers <= 5; workers++ {
		for _, agents := range []bool{false, true} {
			w.stdout.Reset()
			if _, err := w.run(script, engine.Options{Cores: 1 + workers%2, SplitSize: 50, BlockSize: 20, Tasks: &inMemory{workers: workers, agents: agents}}); err != nil || w.stdout.String() != want {
				t.Errorf("%d workers: %v, %q", workers, err, w.stdout.String())
			}
		}
	}
}
