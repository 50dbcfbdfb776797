package cluster

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/host"
	"github.com/flowsh/flowsh/engine/transport"
)

// A pieceWorker gives the same piece for every task.
type pieceWorker struct{ piece string }

func (w pieceWorker) Do(context.Context, Attempt, engine.Task, []Input) (Output, error) {
	return Output{}, errors.New("it only gives")
}

func (w pieceWorker) Fetch(_ context.Context, _ Attempt, _ []Part, get Taker) error {
	return get(0, []byte(w.piece))
}

func (w pieceWorker) Release(Attempt) {}

// linked is the head of a job and one of its executors, whose data link listens.
type linked struct {
	*links
	port string
}

func newLinked(t *testing.T, network transport.Network, job string) *linked {
	t.Helper()
	h := host.NewMemory()
	h.Clock = host.New().Clock
	l, err := newLinks(network, job, h)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := l.issue()
	if err != nil {
		t.Fatal(err)
	}
	listener, err := network.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(dataListener{listener, keys, job}.serve(context.Background(), h.Clock, pieceWorker{job}))
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return &linked{l, port}
}

// control is a session through which nothing comes.
func control(t *testing.T) *transport.Session {
	t.Helper()
	near, far := net.Pipe()
	s, err := transport.Client(near)
	if err != nil {
		t.Fatal(err)
	}
	other, err := transport.Server(far)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(s.Close(), other.Close()) })
	return s
}

func TestDataLink(t *testing.T) {
	a := newLinked(t, transport.TCP{}, "job-a")
	s := control(t)
	w := &remoteWorker{session: s, link: a.to(s, "127.0.0.1", a.port)}
	for range 2 { // the second goes over the same connection
		var got string
		err := w.Fetch(context.Background(), Attempt{}, []Part{{Pieces: 1}}, func(_ int, piece []byte) error { got = string(piece); return nil })
		if err != nil || got != "job-a" {
			t.Fatalf("fetched %q, %v", got, err)
		}
	}
	if w.link.session == nil || w.link.given {
		t.Error("it did not come over the link")
	}
}

func TestDataLinkRefusesStrangers(t *testing.T) {
	a, b := newLinked(t, transport.TCP{}, "job-a"), newLinked(t, transport.TCP{}, "job-b")
	cluster, err := transport.NewAuthority("cluster", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		trusts *transport.Authority
		issuer *transport.Authority
		role   transport.Role
		at     time.Time // of the certificate
		takes  bool
	}{
		{"the job's head", b.authority, b.authority, transport.JobRole("job-b"), time.Now(), true},
		{"the head of another job", b.authority, a.authority, transport.JobRole("job-a"), time.Now(), false},
		{"another job's authority with this job's name", b.authority, a.authority, transport.JobRole("job-b"), time.Now(), false},
		{"this job's authority with another's name", b.authority, b.authority, transport.JobRole("job-a"), time.Now(), false},
		{"a certificate that has expired", b.authority, b.authority, transport.JobRole("job-b"), time.Now().AddDate(0, 0, -8), false},
		{"a worker of the cluster", b.authority, cluster, transport.Worker, time.Now(), false},
		{"a head that takes this one for its own", a.authority, a.authority, transport.JobRole("job-a"), time.Now(), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			certificate, key, err := c.issuer.Issue(c.role, c.at)
			if err != nil {
				t.Fatal(err)
			}
			credentials, err := transport.NewCredentials(c.trusts.PEM(), certificate, key, time.Now)
			if err != nil {
				t.Fatal(err)
			}
			piece, err := fetchFrom(t, "127.0.0.1:"+b.port, credentials)
			if took := err == nil && piece == "job-b"; took != c.takes {
				t.Errorf("fetched %q, %v", piece, err)
			}
		})
	}
}

// fetchFrom fetches a piece over a data link.
func fetchFrom(t *testing.T, address string, c *transport.Credentials) (piece string, err error) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	s, err := transport.Dial(ctx, transport.TCP{}, address, c, transport.JobRole("job-b"), transport.JobRole("job-a"))
	if err != nil {
		return "", err
	}
	defer s.Close()
	w := &remoteWorker{session: s, dead: make(chan struct{})}
	close(w.dead)
	err = w.Fetch(ctx, Attempt{}, []Part{{Pieces: 1}}, func(_ int, data []byte) error { piece = string(data); return nil })
	return piece, err
}

// Where nobody is reached, what tasks give comes through the agents.
func TestDataLinkThatIsClosed(t *testing.T) {
	a := newLinked(t, transport.NewMemory(), "job-a")
	s := control(t)
	l := a.to(s, "127.0.0.1", "1")
	if got := l.or(t.Context(), s); got != s || !l.given {
		t.Error("a link to nobody")
	}
	if a.to(s, "", a.port) != nil || a.to(s, "127.0.0.1", "") != nil {
		t.Error("a link without an address")
	}
}

// Executors read what others of their job have given, over one connection to each; where nobody answers, or somebody of
// another job, they say so.
func TestPeers(t *testing.T) {
	network := transport.NewMemory()
	a, b := newLinked(t, network, "job-a"), newLinked(t, network, "job-b")
	keys, err := a.issue()
	if err != nil {
		t.Fatal(err)
	}
	x := &Executor{Host: a.host, Network: network}
	p := x.peers(dataListener{keys: keys, job: "job-a"})
	defer p.close()
	fetch := func(port string) (got []string, err error) {
		in := Input{Part: Part{Pieces: 1}, Address: net.JoinHostPort("127.0.0.1", port)}
		err = p.read(t.Context(), in, func(_ int, piece []byte) error {
			got = append(got, string(piece))
			return nil
		})
		return got, err
	}
	for range 2 {
		if got, err := fetch(a.port); err != nil || len(got) != 1 || got[0] != "job-a" {
			t.Fatalf("read %q, %v", got, err)
		}
	}
	if len(p.sessions) != 1 {
		t.Errorf("%d sessions", len(p.sessions))
	}
	for _, port := range []string{b.port, "1"} {
		if got, err := fetch(port); err == nil {
			t.Errorf("port %s: read %q of somebody else", port, got)
		}
	}
	if x.peers(dataListener{job: "job-a"}) != nil {
		t.Error("peers of an executor without keys")
	}
}
