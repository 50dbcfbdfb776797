package cluster

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/host"
	"github.com/flowsh/flowsh/engine/transport"
)

// Data links bring what tasks give from the executors that did them to the head of their job, and to other executors that
// do tasks which read it, past the agents. Each
// job has an authority of its own, which its head makes and keeps for itself: it gives every executor that it starts a
// certificate, through the agents, and none of another job is accepted at either end. So no executor has a key of a
// node, and the key of the cluster's authority need not be on any.

// dataKeys are the texts of the credentials that an executor has for its data link.
type dataKeys struct {
	Authority   []byte `json:"authority"`
	Certificate []byte `json:"certificate"`
	Key         []byte `json:"key"`
}

func (k *dataKeys) credentials(clock host.Clock) (*transport.Credentials, error) {
	return transport.NewCredentials(k.Authority, k.Certificate, k.Key, clock.Now)
}

// links makes the head's ends of data links; nil makes none. It is safe for concurrent use.
type links struct {
	network     transport.Network
	authority   *transport.Authority
	credentials *transport.Credentials
	job         string
	host        *host.Host
}

func newLinks(n transport.Network, job string, h *host.Host) (*links, error) {
	if n == nil {
		return nil, nil
	}
	authority, err := transport.NewJobAuthority(job, h.Clock.Now())
	if err != nil {
		return nil, err
	}
	l := &links{network: n, authority: authority, job: job, host: h}
	keys, err := l.issue()
	if err != nil {
		return nil, err
	}
	l.credentials, err = keys.credentials(h.Clock)
	return l, err
}

// issue makes the keys of an executor.
func (l *links) issue() (*dataKeys, error) {
	if l == nil {
		return nil, nil
	}
	certificate, key, err := l.authority.Issue(transport.JobRole(l.job), l.host.Clock.Now())
	return &dataKeys{l.authority.PEM(), certificate, key}, err
}

// to is the link to an executor, which control is another session with.
func (l *links) to(control *transport.Session, at, port string) *link {
	if l == nil || at == "" || port == "" {
		return nil
	}
	return &link{links: l, control: control, address: net.JoinHostPort(at, port)}
}

// A link is the head's end of a data link, which is dialled when it is needed. It is safe for concurrent use.
type link struct {
	*links
	control *transport.Session
	address string

	mu      sync.Mutex
	session *transport.Session
	given   bool // up: nobody is reached there
}

// reached is where executors of the job reach the one that the link is to; "": nobody does.
func (l *link) reached() string {
	if l == nil {
		return ""
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.given {
		return ""
	}
	return l.address
}

// dialTime is how long an executor may take to answer; one that a firewall hides never does.
const dialTime = 3 * time.Second

// or is the session of the link, or another if there is no link.
func (l *link) or(ctx context.Context, other *transport.Session) *transport.Session {
	if l == nil {
		return other
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.session != nil {
		select {
		case <-l.session.Done():
			l.session = nil
		default:
			return l.session
		}
	}
	if l.given {
		return other
	}
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	s, err := transport.Dial(ctx, l.network, l.address, l.credentials, transport.JobRole(l.job))
	if err != nil {
		select {
		case <-l.control.Done(): // it has ended
		default:
			l.given = true
			l.host.Send(engine.Warning{Text: "no data link, what tasks give comes through the agents: " + err.Error()})
		}
		return other
	}
	l.session = s
	go func() { // the link ends with the executor
		select {
		case <-l.control.Done():
			_ = s.Close()
		case <-s.Done():
		}
	}()
	return s
}

// listen begins to listen for the head; nil if that cannot be: there are other ways to it.
func (x *Executor) listen() net.Listener {
	if x.Listen == nil {
		return nil
	}
	l, err := x.Listen()
	if err != nil {
		return nil
	}
	return l
}

// A dataListener is where an executor is dialled by the head of its job, and by others that do its tasks.
type dataListener struct {
	net.Listener
	keys *dataKeys
	job  string
}

// serve lets the head and the job's other executors use a worker until end is called. Whoever has no certificate of the job is refused.
func (d dataListener) serve(ctx context.Context, clock host.Clock, w Worker) (end func()) {
	if d.Listener == nil {
		return func() {}
	}
	credentials, err := d.keys.credentials(clock)
	if err != nil { // nobody can be accepted
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var served sync.WaitGroup
	served.Go(func() {
		_ = accept(ctx, d.Listener, func(conn net.Conn) { // until it is closed
			s, _, err := transport.Serve(ctx, conn, credentials, transport.JobRole(d.job))
			if err != nil {
				return // the other side hears why
			}
			defer s.Close()
			defer context.AfterFunc(ctx, func() { _ = s.Close() })()
			_ = serveWorker(ctx, s, w) // until the head has gone
		})
	})
	return func() {
		cancel()
		served.Wait()
	}
}
