package cluster

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/host"
	"github.com/flowsh/flowsh/engine/transport"
	"github.com/flowsh/flowsh/spill"
)

// A Loader makes a program of a bundle: a script with all that decides what it does. out takes what Options.Receive gets
// to whoever submitted the job.
type Loader func(bundle []byte, out io.Writer) (*engine.Program, engine.Options, error)

// An End is how a job ended: the exit status of whoever submitted it, and what it says on stderr.
type End struct {
	Status   int               `json:"status"`
	Messages []json.RawMessage `json:"messages,omitempty"`
	// Counted is what functions of the script have counted.
	Counted []engine.Counter `json:"counted,omitempty"`
}

// cause is the first line of the error that the job ended with.
func (e End) cause() string {
	for _, text := range e.Messages {
		var m struct{ Event, Text string }
		if json.Unmarshal(text, &m) == nil && m.Event == "error" {
			cause, _, _ := strings.Cut(m.Text, "\n")
			return cause
		}
	}
	return ""
}

// An Executor is the process that runs scripts: the head of a job, or a worker that does its tasks. It talks to its
// agent through one connection and has no other. The agent ends it by closing that.
type Executor struct {
	Host *host.Host // its Emit hears, too, what the head of a job says
	Load Loader
	// Keep opens the store in which what tasks gave outlives the head of a job; nil: nothing does.
	Keep func(dir string) (spill.Store, error)
	// Retain opens the store in which what the tasks of a job give outlives an executor that does them, for the next one of
	// that job at the node; nil: that ends with it.
	Retain func(job string) (Retained, error)
	// Open opens a file of the master for reading, whatever the job may read; nil: what other jobs have put out is not read.
	Open func(path string) (host.File, error)
	// Begin is called before the head of a job runs it, with the job's name and with what takes events to whoever
	// submitted it; nil: nobody wants to know.
	Begin func(job string, emit func(host.Event))
	// Mask hides secrets of the script in a text that leaves the process; nil: there are none.
	Mask func(text string) string
	// Die ends the process, because a function of the script cannot be stopped.
	Die func(reason error)
	// Network has the data links between heads and those who do their tasks, and Listen makes this end of one; nil: there
	// are none, and what tasks give comes through the agents.
	Network transport.Network
	Listen  func() (net.Listener, error)
	// FoldOver is how many bytes of a stage's state by key the head of a job folds itself; of more its workers do. 0: a
	// sixteenth of the job's memory.
	FoldOver int64
	// End words the end of a job.
	End func(*engine.Summary, error) End
}

// Run serves the agent at the other end of conn until that closes it. The agent may take its time: nothing is sent before
// it has said something.
func (x *Executor) Run(ctx context.Context, conn io.ReadWriteCloser) error {
	input := bufio.NewReader(conn)
	if _, err := input.Peek(1); err != nil {
		if errors.Is(err, io.EOF) { // it was not needed
			err = nil
		}
		return err
	}
	session, err := transport.Server(&peeked{conn, input})
	if err != nil {
		return err
	}
	defer session.Close()
	control, err := session.Accept(ctx)
	if err != nil {
		return err
	}
	var a assignment
	if err := transport.ReadMessage(control, &a); err != nil {
		return err
	}
	out := &frames{w: control}
	program, options, err := x.load(a, out)
	if err != nil && a.Head {
		return x.refuse(control, err)
	}
	graph, err := x.graph(a, program, err)
	answer := assigned{Graph: graph}
	var kept *retained
	switch {
	case err != nil:
		answer.Error = err.Error()
	case a.Retain:
		if kept = x.retain(a.Job); kept != nil {
			defer func() { _ = kept.Close() }() // it survives the end of this process anyhow
			answer.Offers = kept.offers
		}
	}
	var data net.Listener
	if err == nil && a.Data != nil {
		if data = x.listen(); data != nil {
			defer data.Close()
			_, answer.Data, _ = net.SplitHostPort(data.Addr().String()) // it has a port
		}
	}
	if err := errors.Join(transport.WriteMessage(control, answer), err); err != nil {
		return err
	}
	if a.Head {
		return x.head(ctx, session, control, out, a, program, options, graph)
	}
	return x.work(ctx, session, dataListener{data, a.Data, a.Job}, kept, program, options)
}

// load makes the program of a bundle, which must be the one that was submitted.
func (x *Executor) load(a assignment, out io.Writer) (*engine.Program, engine.Options, error) {
	if sum := bundleSum(a.Bundle); sum != a.Sum {
		return nil, engine.Options{}, &BundleError{sum, a.Sum}
	}
	return x.Load(a.Bundle, out)
}

// A BundleError says that what came to an executor is not the bundle of its job: it was changed where it was kept.
type BundleError struct{ Sum, Want string } // SHA-256

func (e *BundleError) Error() string {
	return fmt.Sprintf("the script's bundle (%.12s) is not the one that was submitted (%.12s)", e.Sum, e.Want)
}

// A peeked connection has been looked at.
type peeked struct {
	io.ReadWriteCloser
	input *bufio.Reader
}

func (p *peeked) Read(data []byte) (int, error) { return p.input.Read(data) }

// graph is the hash of the program's graph, which must be the one that the assignment names.
func (x *Executor) graph(a assignment, p *engine.Program, err error) (string, error) {
	if err != nil {
		return "", err
	}
	hash, err := GraphHash(p.Graph)
	if err == nil && a.Graph != "" && hash != a.Graph {
		err = fmt.Errorf("the script gives another graph here (%.12s) than at the head of the job (%.12s)", hash, a.Graph)
	}
	return hash, err
}

// refuse ends a job whose script does not load.
func (x *Executor) refuse(control io.Writer, err error) error {
	if err := transport.WriteMessage(control, assigned{}); err != nil {
		return err
	}
	return (&frames{w: control}).json(frameEnd, x.End(nil, err))
}

// work does tasks for the head at the other end of the session.
func (x *Executor) work(ctx context.Context, s *transport.Session, data dataListener, kept *retained, p *engine.Program, o engine.Options) error {
	o.Host, o.Tasks = x.Host, nil
	defer engine.LimitMemory(o.Memory)()
	engine.GrowHeap(o.Memory)
	executor, err := engine.NewExecutor(p, o)
	if err != nil {
		return err
	}
	defer executor.Close()
	store := engine.NewStore(o)
	defer func() { _ = store.Close() }() // the agent removes what is left
	var read Peers
	if peers := x.peers(data); peers != nil {
		defer peers.close()
		read = peers.read
	}
	runner := NewRunner(executor, store, x.Die, read)
	runner.retain(kept)
	defer data.serve(ctx, x.Host.Clock, runner)()
	if err := serveWorker(ctx, s, runner); !errors.Is(err, transport.ErrClosed) {
		return err
	}
	return nil // the head is done with it
}

// peers are the links to other executors of the job; nil: there are none.
func (x *Executor) peers(data dataListener) *peers {
	if x.Network == nil || data.keys == nil {
		return nil
	}
	credentials, err := data.keys.credentials(x.Host.Clock)
	if err != nil { // nobody would accept them
		return nil
	}
	return &peers{network: x.Network, credentials: credentials, job: data.job, sessions: map[string]*transport.Session{}}
}

// head runs a job; its tasks are done by workers that the agent names.
func (x *Executor) head(ctx context.Context, s *transport.Session, control transport.Stream, out *frames, a assignment, p *engine.Program, o engine.Options, graph string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	h := *x.Host
	emit := func(e host.Event) { out.event(host.Masked(e, x.Mask)) }
	h.Stdout, h.Emit = out, func(e host.Event) {
		emit(e)
		x.Host.Send(host.Masked(e, x.Mask))
	}
	o.Host = &h
	store := engine.NewStore(o)
	defer func() { _ = store.Close() }() // the agent removes what is left
	kept, err := x.keep(&a)
	if err != nil {
		return err
	}
	if kept != nil {
		defer func() { _ = kept.Store.Close() }() // it survives the end of this process anyhow
	}
	if x.Begin != nil {
		x.Begin(p.Graph.Name, emit)
	}
	job := NewJob(&h, store, kept)
	defer job.Close()
	job.Distribute(a.Distribute)
	if o.SplitSize == 0 && o.SplitRecords == 0 {
		if err := job.Gather(a.Workers); err != nil {
			return err
		}
	}
	job.FoldOver(cmp.Or(x.FoldOver, foldedBy(o.Memory)))
	o.Throttle = new(engine.Throttle)
	links, err := newLinks(x.Network, a.Job, &h)
	if err != nil {
		return err
	}
	crew := &crew{session: s, links: links, job: job, rate: o.Throttle, id: a.Job, bundle: a.Bundle, sum: a.Sum, graph: graph, clock: h.Clock, warn: func(text string) { h.Send(engine.Warning{Text: text}) }}
	go func() { cancel(crew.follow(ctx, control)) }()
	o.Tasks = job
	if a.Jobs != "" && x.Open != nil {
		o.Results = func(id string) (io.ReadCloser, error) { return openResult(x.Open, filepath.Join(a.Jobs, id)) }
	}
	summary, err := engine.Run(ctx, p, o)
	if err == nil || ctx.Err() == nil {
		job.Close()
		if kept != nil {
			_ = kept.Store.Close() // before who hears the last word moves it to another job
		}
		return out.json(frameEnd, x.End(summary, err))
	}
	return context.Cause(ctx)
}

// foldedBy is how many bytes of a stage's state by key a head with so much memory folds itself: what takes no more than half
// of it, though state takes several times the memory that it takes on its way. To bring state together twice, once in ranges
// and then all of it, costs more than that where it fits into one place.
func foldedBy(memory int64) int64 {
	const share = 16
	return cmp.Or(memory/share, defaultFolded)
}

// defaultFolded is that of a job whose memory is not told.
const defaultFolded = 64 << 20

// keep opens the store of a job that may have had a head before, which may still be ending.
func (x *Executor) keep(a *assignment) (*Kept, error) {
	if a.Keep == "" || x.Keep == nil {
		return nil, nil
	}
	for n := 0; ; n++ {
		store, err := x.Keep(a.Keep)
		if err == nil {
			return &Kept{Store: store, Job: a.ID, Of: a.Of, DeadOnly: a.DeadOnly}, nil
		}
		if n == mostReopens || !errors.Is(err, spill.ErrInUse) {
			return nil, err
		}
		<-x.Host.Clock.After(reopenAfter)
	}
}

const (
	mostReopens = 50
	reopenAfter = 200 * time.Millisecond
)

// frames writes what a head has to say. It is safe for concurrent use.
type frames struct {
	mu  sync.Mutex
	w   io.Writer
	buf []byte
}

// mostOutput is how much output a frame carries.
const mostOutput = 256 << 10

// Write sends output.
func (f *frames) Write(data []byte) (n int, err error) {
	for n < len(data) {
		part := data[n:min(len(data), n+mostOutput)]
		if err := f.send(frameOutput, part); err != nil {
			return n, err
		}
		n += len(part)
	}
	return n, nil
}

func (f *frames) send(kind byte, data []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.buf = append(append(f.buf[:0], kind), data...)
	return transport.WriteFrame(f.w, f.buf)
}

// forward sends a frame as it is.
func (f *frames) forward(frame []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return transport.WriteFrame(f.w, frame)
}

func (f *frames) json(kind byte, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return f.send(kind, data)
}

// event sends an event. Nothing can be done if nobody hears it: the job ends by itself then.
func (f *frames) event(e host.Event) {
	if r, ok := e.(Receipt); ok {
		_ = f.json(frameReceipt, r)
		return
	}
	if data, err := json.Marshal(e); err == nil {
		_ = f.json(frameEvent, wireEvent{Name: e.Event(), Data: data})
	}
}

// A crew brings the workers that an agent names to a job.
type crew struct {
	session *transport.Session // to the agent
	job     *Job
	links   *links
	rate    *engine.Throttle
	id      string // of the job
	bundle  []byte
	sum     string // of the bundle
	graph   string
	clock   host.Clock
	warn    func(text string)
	parts   atomic.Int64 // so many executors were started for tasks that had ended one
}

// errCancelled is why a job ends that nobody wants any more.
var errCancelled = errors.New("the job was cancelled")

// follow does what the agent orders until that has gone, which ends the job.
func (c *crew) follow(ctx context.Context, orders io.Reader) error {
	stops := map[string]context.CancelFunc{} // by worker
	for {
		var o order
		if err := transport.ReadMessage(orders, &o); err != nil {
			return errCancelled
		}
		switch o.Op {
		case "join":
			if stops[o.Name] == nil {
				var member context.Context
				member, stops[o.Name] = context.WithCancel(ctx)
				go c.join(member, o)
			}
		case "rate":
			c.rate.Set(o.Rate)
		case "drain":
			if stop := stops[o.Name]; stop != nil {
				go c.drain(ctx, o.Name, stop)
			}
		case "lose":
			if stop := stops[o.Name]; stop != nil {
				stop()
				delete(stops, o.Name)
			}
			c.job.Lose(o.Name, Death{Cause: Lost, Reason: ErrLost.Error()})
		}
	}
}

// drain ends the executor of a worker when the job needs nothing of it any more.
func (c *crew) drain(ctx context.Context, name string, stop context.CancelFunc) {
	select {
	case <-c.job.Drain(name):
		stop()
	case <-ctx.Done():
	}
}

// rejoinAfter is how long a head waits before it asks for an executor again that has died.
const rejoinAfter = time.Second

// join has a worker's agent start an executor for the job, and gives it to the job; another one if it dies.
func (c *crew) join(ctx context.Context, o order) {
	for {
		s, link, offers, err := c.start(o, "")
		if err != nil {
			if ctx.Err() == nil {
				c.warn(fmt.Sprintf("%s does not work for this job: %v", o.Name, err))
			}
			return
		}
		w := &remoteWorker{session: s, link: link, dead: make(chan struct{}), isolate: func() (*remoteWorker, error) { return c.isolated(ctx, o) }}
		c.job.Join(o.Name, o.Slots, w, offers...)
		select {
		case <-s.Done():
			w.death = c.death(o.Name, "")
			close(w.dead)
			c.job.left(o.Name, w, w.death)
			w.forget()
		case <-ctx.Done():
			_ = s.Close() // the executor ends with it
			close(w.dead)
			return
		}
		select {
		case <-c.clock.After(rejoinAfter):
		case <-ctx.Done():
			return
		}
	}
}

// execute opens a stream to an executor that the agent of a worker starts.
func (c *crew) execute(name, part string) (transport.Stream, error) {
	stream, err := c.session.Open()
	if err != nil {
		return nil, err
	}
	if err := transport.WriteMessage(stream, request{Op: "execute", Worker: name, Job: c.id, Part: part}); err != nil {
		_ = stream.Close() // it is broken
		return nil, err
	}
	return stream, nil
}

// death is how an executor of a worker has ended, as far as its agent knows.
func (c *crew) death(name, part string) Death {
	d := Death{Cause: Lost, Reason: "its node was lost"}
	var answer Death
	if c.session.Call(request{Op: "death", Worker: name, Job: c.id, Part: part}, &answer) != nil { // the agent is gone too
		return d
	}
	if answer.Cause == Ended {
		return Death{Cause: Lost, Reason: ErrLost.Error()}
	}
	return answer
}

// start has a worker's agent start an executor; the link to it is nil if there is none. The one executor that does the
// worker's tasks offers what an earlier one has left.
func (c *crew) start(worker order, part string) (*transport.Session, *link, []Offer, error) {
	keys, err := c.links.issue()
	if err != nil {
		return nil, nil, nil, err
	}
	stream, err := c.execute(worker.Name, part)
	if err != nil {
		return nil, nil, nil, err
	}
	s, err := transport.Client(stream)
	if err != nil {
		return nil, nil, nil, err
	}
	answer, err := assign(s, assignment{Job: c.id, Bundle: c.bundle, Sum: c.sum, Graph: c.graph, Data: keys, Retain: part == ""})
	if err != nil {
		_ = s.Close() // the error says why
		return nil, nil, nil, err
	}
	return s, c.links.to(s, worker.Host, answer.Data), answer.Offers, nil
}

// assign tells an executor what to be.
func assign(s *transport.Session, a assignment) (answer assigned, err error) {
	control, err := s.Open()
	if err != nil {
		return answer, err
	}
	if err := s.Ask(control, a, &answer); err != nil {
		return answer, err
	}
	if answer.Error != "" {
		err = errors.New(answer.Error)
	}
	return answer, err
}
