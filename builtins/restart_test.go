package builtins_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flowsh/flowsh/builtins"
	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/cluster"
	"github.com/flowsh/flowsh/engine/host"
	"github.com/flowsh/flowsh/engine/transport"
	"github.com/flowsh/flowsh/spill"
)

// A hastyClock waits for a part of the time only. (In a synctest bubble yamux cannot run twice: its timers are global.)
type hastyClock struct{}

func (hastyClock) Now() time.Time { return time.Now() }

func (hastyClock) After(d time.Duration) <-chan time.Time {
	if d >= 30*time.Second { // a limit for others, which the machine may be busy with
		return time.After(d / 10)
	}
	return time.After(d / 50)
}

// A restartable is a cluster in memory whose master can be killed at any place, with the heads of its jobs, and started
// again on what it has left.
type restartable struct {
	*testing.T
	*world
	script  string
	network *transport.Memory
	agent   cluster.Agent
	running sync.WaitGroup
	ctx     context.Context

	mu    sync.Mutex
	die   func(where string) bool // says whether the master dies there; nil: it does not
	stop  func()                  // kills the master
	gone  chan struct{}           // closed when the master is gone
	kept  map[string]spill.Store  // by folder: survives
	whole []string                // tasks that are kept
	old   []string                // of them those that were when the master died
	folds bool                    // workers fold
	reads int                     // of input files by workers
	again int                     // of them those of old tasks
	kills int
}

const (
	restartAddress = "127.0.0.1:7420"
	restartInputs  = 10
)

var errKilled = errors.New("killed")

// at is called wherever the master may die. It does not return before the master is gone, if it dies.
func (c *restartable) at(where string) error {
	c.mu.Lock()
	if c.die == nil || !c.die(where) {
		c.mu.Unlock()
		return nil
	}
	c.die = nil
	c.kills++
	stop, gone := c.stop, c.gone
	c.mu.Unlock()
	stop()
	<-gone
	c.mu.Lock()
	defer c.mu.Unlock()
	c.old = slices.Clone(c.whole)
	c.master()
	return errKilled
}

// readingFS counts how often each input is opened, and lets the master die then.
type readingFS struct {
	host.FS
	c *restartable
}

func (f readingFS) Open(name string) (host.File, error) {
	if number, ok := strings.CutPrefix(path.Base(name), "input"); ok {
		f.c.mu.Lock()
		f.c.reads++
		n := f.c.reads
		if slices.Contains(f.c.old, strings.TrimSuffix(number, ".txt")) {
			f.c.again++
		}
		f.c.mu.Unlock()
		_ = f.c.at(fmt.Sprint("read ", n)) // a worker lives on
	}
	return f.FS.Open(name)
}

// A keptMem survives its Close, as what is on a disk does, and notes which tasks it has.
type keptMem struct {
	spill.Store
	c *restartable
}

func (keptMem) Close() error { return nil }

func (k keptMem) Put(id string, data []byte) error {
	if task, ok := strings.CutPrefix(id, "task/"); ok {
		k.c.mu.Lock()
		k.c.whole = append(k.c.whole, path.Base(task))
		n := len(k.c.whole)
		k.c.mu.Unlock()
		if err := k.Store.Put(id, data); err != nil {
			return err
		}
		_ = k.c.at(fmt.Sprint("kept ", n)) // whoever is dead does not see that it is kept
		return nil
	}
	return k.Store.Put(id, data)
}

func newRestartable(ctx context.Context, t *testing.T, script string) *restartable {
	files := map[string]string{}
	for i := range restartInputs {
		files[fmt.Sprintf("input%d.txt", i)] = strings.Repeat(fmt.Sprintf("line %d\n", i), 3)
	}
	c := &restartable{
		T: t, world: newWorld(t, files, ""), script: script, network: transport.NewMemory(), ctx: ctx,
		kept: map[string]spill.Store{},
	}
	c.Clock = hastyClock{}
	own := *c.Host
	own.FS = host.NewMemFS()
	own.Inject = func(p host.Point) error { return nil }
	c.agent = cluster.Agent{Name: "master", Version: "1", Host: &own, Network: c.network, Log: slog.New(slog.DiscardHandler)}
	return c
}

// executor is one at a node: a worker's reads are counted, and a head dies with its master.
func (c *restartable) executor(worker bool, change ...func(*cluster.Executor)) cluster.Spawner {
	h := *c.Host
	h.Stdout, h.Emit = io.Discard, nil
	if worker {
		h.FS = readingFS{c.FS, c}
	} else {
		h.Inject = func(p host.Point) error { return c.at(string(p)) }
	}
	x := &cluster.Executor{
		Host: &h,
		Load: func([]byte, io.Writer) (*engine.Program, engine.Options, error) {
			job, err := builtins.Load("job.star", []byte(c.script), builtins.Options{Host: &h})
			if err != nil {
				return nil, engine.Options{}, err
			}
			return job.Program, engine.Options{Cores: 1, Host: &h}, nil
		},
		Keep: func(dir string) (spill.Store, error) {
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.kept[dir] == nil {
				c.kept[dir] = keptMem{spill.NewMem(), c}
			}
			return c.kept[dir], nil
		},
		End: func(_ *engine.Summary, err error) cluster.End {
			if err != nil {
				return cluster.End{Status: 1, Messages: []json.RawMessage{json.RawMessage(strconv.Quote(err.Error()))}}
			}
			return cluster.End{}
		},
	}
	for _, change := range change {
		change(x)
	}
	if c.folds {
		x.FoldOver, x.Network = -1, c.network
		x.Listen = func() (net.Listener, error) { return c.network.Listen("127.0.0.1:0") }
	}
	return func(context.Context) (io.ReadWriteCloser, error) {
		near, far := net.Pipe()
		c.running.Go(func() { _ = x.Run(c.ctx, far) }) // it ends with its connection
		return near, nil
	}
}

// master starts a master. The lock is held.
func (c *restartable) master() {
	l, err := c.network.Listen(restartAddress)
	if err != nil {
		c.Error(err)
		return
	}
	a := c.agent
	a.Spawn = c.executor(false)
	m, err := cluster.NewMaster(cluster.MasterConfig{Agent: a, End: func(error) cluster.End { return cluster.End{Status: 3} }})
	if err != nil {
		c.Error(err)
		return
	}
	ctx, stop := context.WithCancel(c.ctx)
	gone := make(chan struct{})
	c.stop, c.gone = stop, gone
	c.running.Go(func() {
		defer close(gone)
		_ = m.Serve(ctx, l) // it ends with ctx
	})
}

// start starts a master and workers.
func (c *restartable) start(workers int) {
	c.mu.Lock()
	c.master()
	c.mu.Unlock()
	for i := range workers {
		a := c.agent
		a.Name, a.Spawn = fmt.Sprint("worker ", i), c.executor(true)
		w := &cluster.WorkerAgent{Agent: a, Slots: 1, Master: func(context.Context) (string, error) { return restartAddress, nil }}
		c.running.Go(func() { _ = w.Run(c.ctx) }) // it ends with ctx
	}
}

// run runs the script on a master that dies where die says, and two workers.
func (c *restartable) run(die func(where string) bool) (job cluster.JobInfo, end cluster.End) {
	c.mu.Lock()
	c.die = die
	c.mu.Unlock()
	c.start(2)
	client, err := cluster.Connect(c.ctx, c.agent, restartAddress)
	if err != nil {
		c.Fatal(err)
	}
	defer client.Close()
	if _, end, err = client.Submit(c.ctx, cluster.Submit{Name: "job.star"}, &c.stdout, func(host.Event) {}); err != nil {
		c.Fatal(err)
	}
	jobs, err := client.Jobs()
	if err != nil || len(jobs) != 1 {
		c.Fatalf("%v, %v", jobs, err)
	}
	return jobs[0], end
}

// restarted runs a script on a cluster whose master dies where die says.
func restarted(t *testing.T, script string, die func(where string) bool) *restartable {
	t.Helper()
	c := restartedWith(t, script, false, die)
	if c.again > 0 {
		t.Errorf("%d tasks were done again that were kept", c.again)
	}
	return c
}

// restartedFolding does so, and the workers fold all state by key: what only they have is lost with the head.
func restartedFolding(t *testing.T, script string, die func(where string) bool) *restartable {
	t.Helper()
	return restartedWith(t, script, true, die)
}

func restartedWith(t *testing.T, script string, folds bool, die func(where string) bool) *restartable {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	c := newRestartable(ctx, t, script)
	c.folds = folds
	defer c.running.Wait()
	defer cancel()
	job, end := c.run(die)
	if end.Status != 0 || !job.State.Over() {
		t.Errorf("status %d, %+v", end.Status, job)
	}
	if c.kills > 0 && job.State != cluster.CompleteWithRetries {
		t.Errorf("the job is %s", job.State)
	}
	return c
}

const streams = `job = lines("input*.txt").map(lambda line: line.upper())`

// TestMasterKilledMidJob kills the master, and the head with it, when the workers have read so many inputs: the job goes
// on, its client gets each byte once, and no task of which the output is kept is done again.
func TestMasterKilledMidJob(t *testing.T) {
	want := restarted(t, streams, nil).stdout.String()
	if strings.Count(want, "\n") != 3*restartInputs {
		t.Fatalf("%q", want)
	}
	for n := range restartInputs {
		t.Run(fmt.Sprint(n+1), func(t *testing.T) {
			c := restarted(t, streams, func(where string) bool { return where == fmt.Sprint("read ", n+1) })
			if c.kills != 1 || c.stdout.String() != want {
				t.Errorf("%d kills, %q", c.kills, c.stdout.String())
			}
		})
	}
}

// TestMasterKilledMidSort kills the master, and the head with it, when so much is kept of what workers have sorted: the job
// goes on with that.
func TestMasterKilledMidSort(t *testing.T) {
	script := `job = lines("input*.txt").sort(lambda line: int(line[-1]) * 7 % 10)`
	want := restarted(t, script, nil).stdout.String()
	for _, n := range []int{1, restartInputs / 2, restartInputs} {
		c := restarted(t, script, func(where string) bool { return where == fmt.Sprint("kept ", n) })
		if c.kills != 1 || c.again > 0 || c.stdout.String() != want {
			t.Errorf("%d kept: %d kills, %d tasks done again, %q instead of %q", n, c.kills, c.again, c.stdout.String(), want)
		}
	}
}

// TestMasterKilledAtEveryPoint kills the master at each step of a commit and of a spill that a head comes to: the output
// is there, whole, and nothing beside it.
func TestMasterKilledAtEveryPoint(t *testing.T) {
	for _, end := range []string{`count(by = lambda line: line)`, `sort(lambda line: line[::-1], reverse = True)`} {
		t.Run(end, func(t *testing.T) { killedAtEveryPoint(t, `job = lines("input*.txt").`+end+`.write("out.tsv")`) })
	}
}

func killedAtEveryPoint(t *testing.T, script string) {
	t.Helper()
	var points []string
	calm := restarted(t, script, func(where string) bool {
		points = append(points, where)
		return false
	})
	want := calm.read(t, "out.tsv")
	points = slices.DeleteFunc(slices.Compact(slices.Sorted(slices.Values(points))), func(p string) bool { return strings.HasPrefix(p, "read ") })
	if len(points) == 0 {
		t.Fatal("a head comes to no fault points")
	}
	for _, point := range points {
		t.Run(point, func(t *testing.T) {
			c := restarted(t, script, func(where string) bool { return where == point })
			if got := c.read(t, "out.tsv"); got != want || c.kills != 1 {
				t.Errorf("%d kills, %q", c.kills, got)
			}
			left, err := c.FS.ReadDir("/")
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range left {
				if name := f.Name(); name != "tmp" && name != "out.tsv" && !strings.HasPrefix(name, "input") {
					t.Errorf("%s is left", name)
				}
			}
		})
	}
	t.Logf("killed at %q", points)
}

// credentials gives each role keys.
func credentials(t *testing.T) map[transport.Role]*transport.Credentials {
	t.Helper()
	now := time.Now()
	authority, err := transport.NewAuthority("test", now)
	if err != nil {
		t.Fatal(err)
	}
	all := map[transport.Role]*transport.Credentials{}
	for _, role := range []transport.Role{transport.Master, transport.Worker, transport.User} {
		certificate, key, err := authority.Issue(role, now)
		if err != nil {
			t.Fatal(err)
		}
		if all[role], err = transport.NewCredentials(authority.PEM(), certificate, key, time.Now); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// asks gives a client to f, and another one until f does not fail: the network may do anything to it.
func (c *restartable) asks(what string, f func(*cluster.Client) error) {
	c.Helper()
	var err error
	for range 500 {
		var client *cluster.Client
		if client, err = cluster.Connect(c.ctx, c.agent, restartAddress); err == nil {
			err = f(client)
			_ = client.Close() // it may be broken
		}
		if err == nil {
			return
		}
		<-c.Clock.After(100 * time.Millisecond)
	}
	c.Fatalf("%s: %v", what, err)
}

// TestNetworkFaults runs a job over connections that are slow, break, and have wrong bits, and cuts the master off from
// everybody twice, under seeds: the bytes are those of a good network.
func TestNetworkFaults(t *testing.T) {
	want := restarted(t, streams, nil).stdout.String()
	keys := credentials(t)
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			c := newRestartable(ctx, t, streams)
			defer c.running.Wait()
			defer cancel()
			r := rand.New(rand.NewPCG(seed, 0))
			cuts := map[string]bool{fmt.Sprint("read ", 1+r.IntN(4)): true, fmt.Sprint("read ", 5+r.IntN(5)): true}
			c.die = func(where string) bool {
				if cuts[where] {
					delete(cuts, where)
					c.network.Cut(restartAddress)
					c.running.Go(func() {
						<-time.After(20 * time.Millisecond)
						c.network.Heal(restartAddress)
					})
				}
				return false
			}
			c.agent.Credentials = keys[transport.Master]
			c.mu.Lock()
			c.master()
			c.mu.Unlock()
			c.network.Trouble(transport.Trouble{
				Seed: seed, Delay: time.Millisecond, Cut: 0.001 * float64(seed%3), Flip: 0.001 * float64(seed%2),
			})
			for i := range 3 {
				a := c.agent
				a.Name, a.Spawn, a.Credentials = fmt.Sprint("worker ", i), c.executor(true), keys[transport.Worker]
				w := &cluster.WorkerAgent{Agent: a, Slots: 1, Master: func(context.Context) (string, error) { return restartAddress, nil }}
				c.running.Go(func() {
					if err := w.Run(ctx); ctx.Err() == nil {
						t.Errorf("worker %d has left: %v", i, err)
					}
				})
			}
			c.agent.Credentials = keys[transport.User]
			var id string
			c.asks("submit", func(client *cluster.Client) error {
				job, _, err := client.Submit(ctx, cluster.Submit{Name: "job.star", Detached: true}, io.Discard, func(host.Event) {})
				id = job.ID
				return err
			})
			c.asks("result", func(client *cluster.Client) error {
				c.stdout.Reset()
				end, err := client.Attach(ctx, id, &c.stdout, func(host.Event) {})
				if err == nil && end.Status != 0 {
					t.Errorf("status %d: %s", end.Status, end.Messages)
				}
				return err
			})
			if c.stdout.String() != want {
				t.Errorf("%q", c.stdout.String())
			}
		})
	}
}
