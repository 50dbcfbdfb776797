package cluster

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"

	"github.com/flowsh/flowsh/engine/transport"
)

// A Master is the agent that workers and clients dial. It runs each job that is submitted in an executor of its own,
// the job's head, and brings the head together with the workers. It never runs a script itself.
type Master struct {
	Agent

	dir      string // of its state
	parallel int    // jobs that run at a time
	word     func(error) End
	webhooks Webhooks
	journal  Journal
	running  sync.WaitGroup // jobs
	tally    tally

	mu      sync.Mutex
	ctx     context.Context // of Serve; nil before
	workers map[string]*member
	heads   map[string]*head // by job
	led     int              // heads so far
	queue   queue
	entries map[string]*entry // of the jobs in the queue
	life    string            // of this master, random: what one began another does not confuse with its own
}

// A MasterConfig is what a master needs beside what all agents do.
type MasterConfig struct {
	Agent
	Dir      string          // folder of the queue, of what jobs put out and of what they keep; it must exist
	Parallel int             // jobs that run at a time; 0: one
	End      func(error) End // words the end of a job for a reason that is the cluster's
	Webhooks Webhooks        // that jobs may have; nil: none
}

// A member is a worker that is connected.
type member struct {
	name    string
	slots   int
	session *transport.Session
	leaves  bool // it gets no more tasks
	lost    bool
	gone    chan struct{} // closed when it is a member no more
}

// A head is a job that runs.
type head struct {
	run     string     // its name for workers
	orders  sync.Mutex // one order is written at a time
	control io.Writer
}

// NewMaster makes a master without workers. Jobs that an earlier one has left in the folder go on: what nobody waits for
// at once, the others when their clients come back.
func NewMaster(c MasterConfig) (*Master, error) {
	var life [6]byte
	c.Host.Random(life[:])
	m := &Master{
		Agent: c.Agent, dir: c.Dir, parallel: max(c.Parallel, 1), word: c.End, webhooks: cmp.Or[Webhooks](c.Webhooks, noWebhooks{}),
		workers: map[string]*member{}, heads: map[string]*head{}, entries: map[string]*entry{}, life: hex.EncodeToString(life[:]),
	}
	return m, m.restore()
}

// Serve serves workers and clients until ctx is done. Jobs that still run are stopped; they go on when a master is made
// with the same folder. It may be called once.
func (m *Master) Serve(ctx context.Context, l net.Listener) error {
	if err := transport.Guard(l.Addr().String(), m.Credentials); err != nil {
		return err
	}
	defer func() { _ = m.journal.Close() }() // every record was synced
	defer m.running.Wait()
	m.begin(ctx)
	return accept(ctx, l, func(conn net.Conn) {
		s, role, err := transport.Serve(ctx, conn, m.Credentials, transport.Worker, transport.User)
		if err != nil {
			m.Log.Warn("connection refused", "from", conn.RemoteAddr().String(), "reason", err.Error())
			return
		}
		defer s.Close()
		stop := context.AfterFunc(ctx, func() { _ = s.Close() })
		defer stop()
		m.session(ctx, s, role)
	})
}

// session serves whoever has dialled.
func (m *Master) session(ctx context.Context, s *transport.Session, role transport.Role) {
	h, err := m.welcome(ctx, s, role)
	switch {
	case err != nil:
		m.exit(s, h.Name) // it was a member if it did not hear so
		m.Log.Warn("refused", "name", h.Name, "reason", err.Error())
	case h.Role == string(transport.Worker):
		m.worker(s, h)
	default:
		_ = s.Serve(ctx, func(ctx context.Context, stream transport.Stream) { m.client(ctx, s, stream) }) // until the client has gone
	}
}

// welcome checks who has dialled.
func (m *Master) welcome(ctx context.Context, s *transport.Session, role transport.Role) (h hello, err error) {
	stream, err := s.Accept(ctx)
	if err != nil {
		return h, err
	}
	defer stream.Close()
	if err := transport.ReadMessage(stream, &h); err != nil {
		return h, err
	}
	switch {
	case h.Protocol != Protocol || h.Version != m.Version:
		err = fmt.Errorf("it is flowsh %s (protocol %d), the master is flowsh %s (protocol %d): all nodes need the same", h.Version, h.Protocol, m.Version, Protocol)
	case h.Role != string(transport.Worker) && h.Role != string(transport.User):
		err = fmt.Errorf("%q is no role", h.Role)
	case role != "" && h.Role != string(role):
		err = fmt.Errorf("it wants to be a %s with a certificate of a %s", h.Role, role)
	case h.Role == string(transport.Worker):
		err = m.enter(s, h)
	}
	var answer welcome
	if err != nil {
		answer.Error = err.Error()
	}
	if sent := transport.WriteMessage(stream, answer); err == nil {
		err = sent
	}
	return h, err
}

// enter makes a worker a member. One that was cut off may be back before the master has noticed: it takes the place of
// its old self, once that does not answer.
func (m *Master) enter(s *transport.Session, h hello) error {
	if h.Name == "" || h.Slots < 1 {
		return fmt.Errorf("a worker needs a name and at least one core")
	}
	for {
		m.mu.Lock()
		old := m.workers[h.Name]
		if old == nil {
			m.workers[h.Name] = &member{name: h.Name, slots: h.Slots, session: s, gone: make(chan struct{})}
			m.mu.Unlock()
			return nil
		}
		m.mu.Unlock()
		if old.session.Ping() == nil {
			return fmt.Errorf("there is a worker with the name %s already", h.Name)
		}
		_ = old.session.Close() // nobody is there
		<-old.gone
	}
}

// exit ends the membership that a worker has through a session, if any. A member of that name does not come back before
// the heads have heard.
func (m *Master) exit(s *transport.Session, name string) {
	m.mu.Lock()
	w := m.workers[name]
	if w == nil || w.session != s {
		m.mu.Unlock()
		return
	}
	w.lost = true
	m.mu.Unlock()
	m.tell(order{Op: "lose", Name: name})
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.workers, name)
	close(w.gone)
}

// worker keeps a member until its session ends.
func (m *Master) worker(s *transport.Session, h hello) {
	m.Log.Info("worker joined", "name", h.Name, "cores", h.Slots)
	m.tell(order{Op: "join", Name: h.Name, Slots: h.Slots, Host: s.Peer()})
	_ = s.Serve(context.Background(), func(_ context.Context, stream transport.Stream) { m.workerRequest(h.Name, stream) }) // until it has gone
	m.Log.Info("worker lost", "name", h.Name)
	m.exit(s, h.Name)
}

// drain has a worker finish what it has, and leave.
func (m *Master) drain(name string) error {
	m.mu.Lock()
	w := m.workers[name]
	if w != nil {
		w.leaves = true
	}
	m.mu.Unlock()
	if w == nil {
		return fmt.Errorf("no worker has the name %s", name)
	}
	m.Log.Info("worker drains", "name", name)
	m.tell(order{Op: "drain", Name: name})
	stream, err := w.session.Open()
	if err != nil {
		return err
	}
	defer stream.Close()
	err = transport.WriteMessage(stream, request{Op: "drain"})
	select {
	case <-w.session.Done(): // it has heard, and gone at once
		return nil
	default:
		return err
	}
}

// tell gives an order to the heads of all jobs.
func (m *Master) tell(o order) {
	m.mu.Lock()
	all := slices.Collect(maps.Values(m.heads))
	m.mu.Unlock()
	for _, h := range all {
		h.tell(o)
	}
}

// tell gives an order. A head that cannot hear it has ended.
func (h *head) tell(o order) {
	h.orders.Lock()
	defer h.orders.Unlock()
	_ = transport.WriteMessage(h.control, o)
}

// members are the workers in the order of their names.
func (m *Master) members() []*member {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []*member
	for _, w := range m.workers {
		if !w.lost {
			all = append(all, w)
		}
	}
	slices.SortFunc(all, func(a, b *member) int { return strings.Compare(a.name, b.name) })
	return all
}

// A Node is a member of the cluster, for people.
type Node struct {
	Name  string `json:"name"`
	Role  string `json:"role"`
	Cores int    `json:"cores"`
	// Drains says that it finishes what it has, and leaves.
	Drains bool `json:"drains,omitempty"`
}

// client does what a client asks for.
func (m *Master) client(ctx context.Context, s *transport.Session, stream transport.Stream) {
	if err := m.request(ctx, s, stream); err != nil {
		m.Log.Warn("request failed", "reason", err.Error())
	}
}

func (m *Master) request(ctx context.Context, s *transport.Session, stream transport.Stream) error {
	var r request
	if err := transport.ReadMessage(stream, &r); err != nil {
		return err
	}
	switch {
	case r.Op == "nodes":
		nodes := []Node{{Name: m.Name, Role: string(transport.Master)}}
		for _, w := range m.members() {
			nodes = append(nodes, Node{w.name, string(transport.Worker), w.slots, w.leaves})
		}
		return transport.WriteMessage(stream, nodes)
	case r.Op == "drain":
		var answer welcome
		if err := m.drain(r.Worker); err != nil {
			answer.Error = err.Error()
		}
		return transport.WriteMessage(stream, answer)
	case r.Op == "submit" && r.Submit != nil:
		return m.submit(s, stream, r.Submit)
	}
	return m.jobRequest(ctx, s, stream, r)
}

// connect brings the head of a job together with an executor of a worker that it asks for.
func (m *Master) connect(_ context.Context, head transport.Stream) {
	var r request
	if transport.ReadMessage(head, &r) != nil {
		return
	}
	m.mu.Lock()
	w := m.workers[r.Worker]
	m.mu.Unlock()
	if w == nil {
		return
	}
	worker, err := w.session.Open()
	if err != nil || transport.WriteMessage(worker, request{Op: r.Op, Job: r.Job, Part: r.Part}) != nil {
		return
	}
	pump(head, worker)
}
