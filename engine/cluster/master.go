package cluster

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/kernel"
	"github.com/flowsh/flowsh/engine/transport"
)

// A Master is the agent that workers and clients dial. It runs each job that is submitted in an executor of its own,
// the job's head, and brings the head together with the workers. It never runs a script itself.
type Master struct {
	Agent

	mu      sync.Mutex
	workers map[string]*member
	heads   map[int]*head
	jobs    int    // so far
	life    string // of this master, random: two masters never name a job the same
}

// A member is a worker that is connected.
type member struct {
	name    string
	slots   int
	session *transport.Session
	leaves  bool // it gets no more tasks
}

// A head is a job that runs.
type head struct {
	orders  sync.Mutex // one order is written at a time
	control io.Writer
}

// NewMaster makes a master without workers.
func NewMaster(a Agent) *Master {
	var life [6]byte
	a.Host.Random(life[:])
	return &Master{Agent: a, workers: map[string]*member{}, heads: map[int]*head{}, life: hex.EncodeToString(life[:])}
}

// Serve serves workers and clients until ctx is done; jobs that still run are ended.
func (m *Master) Serve(ctx context.Context, l net.Listener) error {
	if err := transport.Guard(l.Addr().String(), m.Credentials); err != nil {
		return err
	}
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
		m.Log.Warn("refused", "name", h.Name, "reason", err.Error())
	case h.Role == string(transport.Worker):
		m.worker(s, h)
	default:
		_ = s.Serve(ctx, m.client) // until the client has gone
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

// enter makes a worker a member.
func (m *Master) enter(s *transport.Session, h hello) error {
	if h.Name == "" || h.Slots < 1 {
		return fmt.Errorf("a worker needs a name and at least one core")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.workers[h.Name] != nil {
		return fmt.Errorf("there is a worker with the name %s already", h.Name)
	}
	m.workers[h.Name] = &member{name: h.Name, slots: h.Slots, session: s}
	return nil
}

// worker keeps a member until its session ends.
func (m *Master) worker(s *transport.Session, h hello) {
	m.Log.Info("worker joined", "name", h.Name, "cores", h.Slots)
	m.tell(order{Op: "join", Name: h.Name, Slots: h.Slots})
	_ = s.Serve(context.Background(), func(_ context.Context, _ transport.Stream) { _ = m.drain(h.Name) }) // all that it can ask for
	m.mu.Lock()
	delete(m.workers, h.Name)
	m.mu.Unlock()
	m.Log.Info("worker lost", "name", h.Name)
	m.tell(order{Op: "lose", Name: h.Name})
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
	var all []*head
	for _, h := range m.heads {
		all = append(all, h)
	}
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
		all = append(all, w)
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
func (m *Master) client(ctx context.Context, stream transport.Stream) {
	if err := m.request(ctx, stream); err != nil {
		m.Log.Warn("request failed", "reason", err.Error())
	}
}

func (m *Master) request(ctx context.Context, stream transport.Stream) error {
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
		return m.run(ctx, stream, r.Submit)
	}
	return fmt.Errorf("%q is no request", r.Op)
}

// run runs a job in a head of its own until it is done, or the client has gone.
func (m *Master) run(ctx context.Context, client transport.Stream, submit *Submit) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // a client says nothing more; its end is the job's
		_, _ = io.Copy(io.Discard, client)
		cancel()
	}()
	number := m.number()
	job := fmt.Sprintf("%s-%d", m.life, number)
	release, err := m.Leases.Take(ctx, job, func() {
		(&frames{w: client}).event(engine.Warning{Text: "the job waits: the master has no memory and cores left until another one has ended"})
	})
	if err != nil {
		return err
	}
	defer release()
	conn, err := m.Spawn(ctx)
	if err != nil {
		return m.sorry(client, err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	s, err := transport.Client(conn)
	if err != nil {
		return m.sorry(client, err)
	}
	defer s.Close()
	control, err := s.Open()
	if err != nil {
		return m.sorry(client, err)
	}
	a := assignment{Job: job, Head: true, Bundle: submit.Bundle}
	if err := transport.WriteMessage(control, a); err != nil {
		return m.sorry(client, err)
	}
	var answer assigned
	if err := transport.ReadMessage(control, &answer); err != nil {
		return m.sorry(client, headDied("while it loaded the script", deathOf(conn)))
	}
	m.begin(number, &head{control: control})
	defer m.end(number)
	go func() { _ = s.Serve(ctx, m.connect) }() // until the head has gone
	return m.forward(client, control, conn)
}

// begin adds the head of a job, and tells it the workers that it can have. It is told of one that joins meanwhile
// twice.
func (m *Master) begin(number int, h *head) {
	m.mu.Lock()
	m.heads[number] = h
	m.mu.Unlock()
	for _, w := range m.members() {
		if w.leaves {
			continue
		}
		h.tell(order{Op: "join", Name: w.name, Slots: w.slots})
	}
}

// number is that of a new job.
func (m *Master) number() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.jobs++
	return m.jobs
}

func (m *Master) end(number int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.heads, number)
}

// forward sends what a head says to the client, up to its last frame.
func (m *Master) forward(client io.Writer, control io.Reader, conn io.Closer) error {
	var buf []byte
	for {
		var err error
		if buf, err = transport.ReadFrame(control, buf); err != nil || len(buf) == 0 {
			return m.sorry(client, headDied("", deathOf(conn)))
		}
		if err := transport.WriteFrame(client, buf); err != nil {
			return err
		}
		if buf[0] == frameEnd {
			return nil
		}
	}
}

// headDied says that the head of a job has died, and when.
func headDied(when string, d Death) error {
	return &DeathError{strings.TrimSpace("the head of the job has died "+when) + ": " + d.Reason, d.Cause}
}

// sorry ends a job for a reason that is the cluster's, or that killed its head.
func (m *Master) sorry(client io.Writer, err error) error {
	status := statusMachine
	if errors.Is(err, kernel.ErrLimit) {
		status = statusLimit
	}
	text, _ := json.Marshal(map[string]any{"event": "error", "text": "flowsh: " + err.Error(), "status": status}) // strings
	_ = (&frames{w: client}).json(frameEnd, End{Status: status, Messages: []json.RawMessage{text}})               // the client may be gone
	return err
}

// Exit statuses of jobs that end without a word of their own.
const (
	statusMachine = 3
	statusLimit   = 4
)

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
