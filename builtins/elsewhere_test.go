package builtins_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/cluster"
	"github.com/flowsh/flowsh/engine/host"
	"github.com/flowsh/flowsh/engine/transport"
	"github.com/flowsh/flowsh/spill"
)

// inMemory asks runOn for workers in this process, each with an executor of its own.
type inMemory struct {
	engine.Tasks
	workers int
	dies    int                                               // after so many tasks the first worker is lost, with what it has done; 0: never
	agents  bool                                              // a master and workers with their own connections, in memory
	folds   bool                                              // workers fold all state by key that is divided
	apart   bool                                              // no worker reaches another
	wrap    func(number int, w cluster.Worker) cluster.Worker // what the job has instead of a worker; nil: the worker
}

// runOn runs a program by one of the executors.
func runOn(ctx context.Context, p *engine.Program, o engine.Options) (*engine.Summary, error) {
	workers, ok := o.Tasks.(*inMemory)
	if !ok {
		return engine.Run(ctx, p, o)
	}
	own := o
	own.Tasks, own.Cores = nil, 1
	if workers.agents {
		return submitTo(ctx, workers, p, own)
	}
	crew := &crew{}
	read := crew.read
	if workers.apart {
		read = nil
	}
	for i := range workers.workers {
		x, err := engine.NewExecutor(p, own)
		if err != nil {
			return nil, err
		}
		defer x.Close()
		kept := spill.NewMem()
		defer kept.Close()
		crew.add(workers, i, cluster.NewRunner(x, kept, nil, read))
	}
	store := spill.NewMem()
	defer store.Close()
	job := cluster.NewJob(o.Host, store, nil)
	defer job.Close()
	if workers.folds {
		job.FoldOver(-1)
	}
	for i, w := range *crew {
		job.Join(fmt.Sprintf("worker %d", i), 1, w)
	}
	o.Tasks = job
	return engine.Run(ctx, p, o)
}

// A crew is workers that read what the others have given.
type crew []cluster.Worker

// add adds a worker, as the job is to have it.
func (c *crew) add(m *inMemory, number int, w cluster.Worker) {
	if number == 0 && m.dies > 0 {
		dying := &mortal{Worker: w}
		dying.lives.Store(int32(m.dies))
		w = dying
	}
	if m.wrap != nil {
		w = m.wrap(number, w)
	}
	*c = append(*c, w)
}

// read is cluster.Peers.
func (c *crew) read(ctx context.Context, in cluster.Input, get cluster.Taker) error {
	var number int
	if _, err := fmt.Sscanf(in.Worker, "worker %d", &number); err != nil {
		return err
	}
	return (*c)[number].Fetch(ctx, in.Attempt, []cluster.Part{in.Part}, get)
}

// A mortal worker is lost after some tasks.
type mortal struct {
	cluster.Worker
	lives atomic.Int32
}

func (m *mortal) Do(ctx context.Context, a cluster.Attempt, t engine.Task, in []cluster.Input) (cluster.Output, error) {
	if m.lives.Add(-1) < 0 {
		return cluster.Output{}, cluster.ErrLost
	}
	return m.Worker.Do(ctx, a, t, in)
}

func (m *mortal) Fetch(ctx context.Context, a cluster.Attempt, parts []cluster.Part, get cluster.Taker) error {
	if m.lives.Load() <= 0 {
		return cluster.ErrLost
	}
	return m.Worker.Fetch(ctx, a, parts, get)
}

// submitTo runs a program on a cluster in memory: agents, sessions and executors are those of a real one.
func submitTo(ctx context.Context, c *inMemory, p *engine.Program, o engine.Options) (summary *engine.Summary, failed error) {
	ctx, cancel := context.WithCancel(ctx)
	network := transport.NewMemory()
	listener, err := network.Listen("127.0.0.1:0")
	if err != nil {
		cancel()
		return nil, err
	}
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	h := *o.Host
	h.Stdout, h.Emit = io.Discard, nil
	executor := &cluster.Executor{
		Host: &h, Network: network,
		Listen: func() (net.Listener, error) { return network.Listen("127.0.0.1:0") },
		Load:   func([]byte, io.Writer) (*engine.Program, engine.Options, error) { return p, o, nil },
		End: func(s *engine.Summary, err error) cluster.End {
			summary, failed = s, err
			return cluster.End{}
		},
	}
	if c.folds {
		executor.FoldOver = -1
	}
	spawn := func(lives int64) cluster.Spawner {
		return func(ctx context.Context) (io.ReadWriteCloser, error) {
			near, far := net.Pipe()
			running.Go(func() { _ = executor.Run(ctx, far) }) // it ends with its connection
			if lives > 0 {
				return &mortalConn{Conn: near, lives: lives}, nil
			}
			return near, nil
		}
	}
	own := *o.Host
	own.FS = host.NewMemFS()
	agent := cluster.Agent{Name: "master", Version: "1", Host: &own, Network: network, Spawn: spawn(0), Log: slog.New(slog.DiscardHandler)}
	master, err := cluster.NewMaster(cluster.MasterConfig{Agent: agent, End: func(err error) cluster.End { failed = err; return cluster.End{} }})
	if err != nil {
		cancel()
		return nil, err
	}
	running.Go(func() { _ = master.Serve(ctx, listener) }) // it ends with ctx
	address := listener.Addr().String()
	for i := range c.workers {
		own := agent
		own.Name = fmt.Sprintf("worker %d", i)
		if i == 0 && c.dies > 0 {
			own.Spawn = spawn(int64(c.dies))
		}
		w := &cluster.WorkerAgent{Agent: own, Slots: 1, Master: func(context.Context) (string, error) { return address, nil }}
		running.Go(func() { _ = w.Run(ctx) }) // it ends with ctx
	}
	client, err := cluster.Connect(ctx, agent, address)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	if _, _, err := client.Submit(ctx, cluster.Submit{}, o.Host.Stdout, o.Host.Send); err != nil {
		return nil, err
	}
	return summary, failed
}

// A mortalConn breaks after so many bytes that were read.
type mortalConn struct {
	net.Conn
	lives int64
}

func (c *mortalConn) Read(p []byte) (int, error) {
	if c.lives <= 0 {
		_ = c.Close()
		return 0, io.ErrUnexpectedEOF
	}
	n, err := c.Conn.Read(p)
	c.lives -= int64(n)
	return n, err
}
