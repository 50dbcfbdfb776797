package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/flowsh/flowsh/engine/transport"
)

// A WorkerAgent is the agent of a worker: it dials the master and starts executors for jobs.
type WorkerAgent struct {
	Agent
	Slots int // cores
	// Master finds the address of the master's listener; it is asked before each attempt to dial.
	Master func(ctx context.Context) (string, error)

	tally      tally
	mu         sync.Mutex
	executions map[executionKey]*execution // the last of each
	session    *transport.Session          // to the master; nil: none
	joined     int                         // times
	running    int                         // executors, and those that wait for a lease
	leaves     bool                        // no more are started
}

// An executionKey names an executor at a worker.
type executionKey struct{ job, part string }

// An execution is the life of an executor.
type execution struct {
	done  chan struct{} // closed when it has ended, and death is known
	death Death
}

// A worker that has no master tries again after redialFirst, and then after twice as long each time up to redialAfter.
const (
	redialFirst = 50 * time.Millisecond
	redialAfter = time.Second
)

// ErrDrained is what Run returns when the worker has left the cluster as it was told to.
var ErrDrained = errors.New("the worker was drained")

// Run serves the master until ctx is done; it dials again whenever the connection is lost. The error is a
// *RefusedError if the master does not want this worker, and ErrDrained when it has left.
func (w *WorkerAgent) Run(ctx context.Context) error {
	wait := redialFirst
	for {
		before := w.sessions()
		err := w.serve(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if w.left() {
			return ErrDrained
		}
		if errors.As(err, new(*RefusedError)) {
			return err
		}
		w.Log.Warn("no master", "reason", err.Error())
		if w.sessions() != before {
			wait = redialFirst
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-w.Host.Clock.After(wait):
		}
		wait = min(2*wait, redialAfter)
	}
}

// serve is one connection to the master.
func (w *WorkerAgent) serve(ctx context.Context) error {
	address, err := w.Master(ctx)
	if err != nil {
		return err
	}
	s, err := transport.Dial(ctx, w.Network, address, w.Credentials, transport.Master)
	if err != nil {
		return err
	}
	defer s.Close()
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	defer stop()
	if err := w.greet(s, transport.Worker, w.Slots); err != nil {
		return err
	}
	w.Log.Info("joined", "master", address)
	w.mu.Lock()
	w.session = s
	w.joined++
	w.mu.Unlock()
	go w.sweep(s) // it ends with the session
	return s.Serve(ctx, w.request)
}

// Drain asks the master for no more tasks; Run ends when what the worker has is done. It fails where there is no master.
func (w *WorkerAgent) Drain() error {
	w.mu.Lock()
	s := w.session
	w.mu.Unlock()
	if s == nil {
		return errors.New("no master")
	}
	stream, err := s.Open()
	if err == nil {
		defer stream.Close()
		err = transport.WriteMessage(stream, request{Op: "drain"})
	}
	if w.told() { // the master has heard, and this worker was gone at once
		return nil
	}
	return err
}

// told says that the master wants this worker to leave.
func (w *WorkerAgent) told() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.leaves
}

// leave ends the connection to the master as soon as nothing runs any more.
func (w *WorkerAgent) leave() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.leaves = true
	w.leaveIfIdle()
}

func (w *WorkerAgent) leaveIfIdle() {
	if w.leaves && w.running == 0 && w.session != nil {
		_ = w.session.Close() // Run sees that it has ended
	}
}

// sessions is how often the worker has joined.
func (w *WorkerAgent) sessions() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.joined
}

func (w *WorkerAgent) left() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.leaves && w.running == 0
}

// enter counts an executor; it reports false if no more are started.
func (w *WorkerAgent) enter(key executionKey, x *execution) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.leaves {
		return false
	}
	if w.executions == nil {
		w.executions = map[executionKey]*execution{}
	}
	w.executions[key] = x
	w.running++
	return true
}

func (w *WorkerAgent) exit() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running--
	w.leaveIfIdle()
}

// request does what the head of a job asks for.
func (w *WorkerAgent) request(ctx context.Context, head transport.Stream) {
	var r request
	if transport.ReadMessage(head, &r) != nil {
		return
	}
	switch r.Op {
	case "execute":
		key := executionKey{r.Job, r.Part}
		w.tidy(ctx, key, w.execute(ctx, head, key))
	case "drain":
		w.leave()
	case "death":
		w.tellDeath(head, executionKey{r.Job, r.Part})
	}
}

// execute starts an executor and connects it to the head of its job. It ends when either has gone, and the
// executor as it says.
func (w *WorkerAgent) execute(ctx context.Context, head transport.Stream, key executionKey) Death {
	x := &execution{done: make(chan struct{})}
	defer close(x.done)
	if !w.enter(key, x) {
		return Death{Cause: Lost}
	}
	defer w.exit()
	release, err := w.Leases.Take(ctx, key.job, func() { w.Log.Info("a job waits for memory and cores", "job", key.job) })
	if err != nil {
		return Death{Cause: Lost}
	}
	defer release()
	conn, err := w.Spawn(ctx)
	if err != nil {
		x.death = Death{Cause: Lost, Reason: "its executor does not start: " + err.Error()}
		w.Log.Error("an executor does not start", "reason", err.Error())
		return x.death
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	w.tally.add("flowsh_executors_total", 1)
	pump(head, conn)
	x.death = deathOf(conn)
	w.tally.add(fmt.Sprintf("flowsh_executor_ends_total{cause=%q}", cmp.Or(x.death.Cause, "ended")), 1)
	if x.death.Cause == Ended { // the head was done with it
		w.mu.Lock()
		delete(w.executions, key)
		w.mu.Unlock()
	}
	return x.death
}

// deathWithin is how long an executor takes to end at most, once its connection has.
const deathWithin = 2 * time.Second

// tellDeath says how the last executor of a job has ended, once, and forgets it.
func (w *WorkerAgent) tellDeath(head io.Writer, key executionKey) {
	w.mu.Lock()
	x := w.executions[key]
	delete(w.executions, key)
	w.mu.Unlock()
	var answer Death
	if x != nil {
		select {
		case <-x.done:
			answer = x.death
		case <-w.Host.Clock.After(deathWithin):
		}
	}
	_ = transport.WriteMessage(head, answer) // the head may be gone
}
