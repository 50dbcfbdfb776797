package builtins_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flowsh/flowsh/engine/cluster"
	"github.com/flowsh/flowsh/engine/host"
	"github.com/flowsh/flowsh/engine/transport"
)

// A brittle network breaks the connections that were dialled over it, and stays broken if it is to.
type brittle struct {
	transport.Network
	mu    sync.Mutex
	conns []net.Conn
	dead  bool
	late  bool // the other side does not notice until it says something
}

func (b *brittle) Dial(ctx context.Context, address string) (net.Conn, error) {
	conn, err := b.Network.Dial(ctx, address)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil && b.dead {
		_ = conn.Close() // it says so to whoever listens
		err = errors.New("the cable is cut")
	}
	if err == nil && b.late {
		conn = &lateConn{Conn: conn}
	}
	b.conns = append(b.conns, conn)
	return conn, err
}

// A lateConn that is closed is still open to the other side, until that says something.
type lateConn struct {
	net.Conn
	reading sync.Mutex
	closed  atomic.Bool
}

func (c *lateConn) Read(p []byte) (int, error) {
	c.reading.Lock()
	defer c.reading.Unlock()
	if c.closed.Load() {
		return 0, net.ErrClosed
	}
	return c.Conn.Read(p)
}

func (c *lateConn) Write(p []byte) (int, error) {
	if c.closed.Load() {
		return 0, net.ErrClosed
	}
	return c.Conn.Write(p)
}

func (c *lateConn) Close() error {
	if c.closed.Swap(true) {
		return nil
	}
	_ = c.SetReadDeadline(time.Now()) // who reads here notices
	go func() {
		c.reading.Lock()
		defer c.reading.Unlock()
		_ = c.SetReadDeadline(time.Time{})
		_, _ = c.Conn.Read(make([]byte, 1))
		_ = c.Conn.Close()
	}()
	return nil
}

func (b *brittle) tear(forever bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dead = forever
	for _, conn := range b.conns {
		_ = conn.Close() // it may be closed
	}
	b.conns = nil
}

// A stoppedClock never comes to the time that somebody waits for.
type stoppedClock struct{ host.Clock }

func (stoppedClock) After(time.Duration) <-chan time.Time { return nil }

// waiting runs a script whose client does something when the workers have read so many inputs, and gives what Submit
// said and what has become of the job.
func (c *restartable) waiting(ctx context.Context, own *brittle, reads int, do func()) (job cluster.JobInfo, end cluster.End, err error) {
	c.Helper()
	c.die = func(where string) bool {
		if where == fmt.Sprint("read ", reads) {
			do()
		}
		return false
	}
	c.mu.Lock()
	c.master()
	c.mu.Unlock()
	for i := range 2 {
		a := c.agent
		a.Name, a.Spawn = fmt.Sprint("worker ", i), c.executor(true)
		w := &cluster.WorkerAgent{Agent: a, Slots: 1, Master: func(context.Context) (string, error) { return restartAddress, nil }}
		c.running.Go(func() { _ = w.Run(c.ctx) }) // it ends with ctx
	}
	watcher := c.agent
	a := c.agent
	a.Network = own
	client, err := cluster.Connect(c.ctx, a, restartAddress)
	if err != nil {
		c.Fatal(err)
	}
	defer client.Close()
	_, end, err = client.Submit(ctx, cluster.Submit{Name: "job.star"}, &c.stdout, func(host.Event) {})
	other, dialled := cluster.Connect(c.ctx, watcher, restartAddress)
	if dialled != nil {
		c.Fatal(dialled)
	}
	defer other.Close()
	for late := time.After(20 * time.Second); ; {
		jobs, asked := other.Jobs()
		if asked != nil || len(jobs) != 1 {
			c.Fatalf("%v, %v", jobs, asked)
		}
		if job = jobs[0]; job.State.Over() {
			return job, end, err
		}
		select {
		case <-late:
			c.Fatalf("the job is %s", job.State)
		case <-time.After(time.Millisecond):
		}
	}
}

// TestClientComesBack breaks the connection of a client at any place of its job: it dials again, the job goes on, each
// byte comes once, and no task that is kept is done again.
func TestClientComesBack(t *testing.T) {
	want := restarted(t, streams, nil).stdout.String()
	for n := range restartInputs {
		t.Run(fmt.Sprint(n+1), func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			c := newRestartable(ctx, t, streams)
			defer c.running.Wait()
			defer cancel()
			own := &brittle{Network: c.network}
			job, end, err := c.waiting(ctx, own, n+1, func() { own.tear(false) })
			if err != nil || end.Status != 0 || !strings.HasPrefix(string(job.State), string(cluster.Complete)) || c.stdout.String() != want {
				t.Errorf("%v, status %d, %s, %s, %q", err, end.Status, job.State, job.Reason, c.stdout.String())
			}
		})
	}
}

// TestClientIsBackFirst breaks the connection of a client, which is back before the master has noticed.
func TestClientIsBackFirst(t *testing.T) {
	want := restarted(t, streams, nil).stdout.String()
	for _, reads := range []int{1, 3, 8} {
		t.Run(fmt.Sprint(reads), func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			c := newRestartable(ctx, t, streams)
			defer c.running.Wait()
			defer cancel()
			own := &brittle{Network: c.network, late: true}
			job, end, err := c.waiting(ctx, own, reads, func() { own.tear(false) })
			if err != nil || end.Status != 0 || !strings.HasPrefix(string(job.State), string(cluster.Complete)) || c.stdout.String() != want {
				t.Errorf("%v, status %d, %s, %q", err, end.Status, job.State, c.stdout.String())
			}
		})
	}
}

// TestClientStaysAway gives the job up of a client that is away too long.
func TestClientStaysAway(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := newRestartable(ctx, t, streams)
	defer c.running.Wait()
	defer cancel()
	own := &brittle{Network: c.network}
	clientCtx, giveUp := context.WithCancel(ctx) // the master does not hear it
	defer giveUp()
	if job, _, err := c.waiting(clientCtx, own, 3, func() { own.tear(true); giveUp() }); err == nil || job.State != cluster.Cancelled || !strings.Contains(job.Reason, "has gone") {
		t.Errorf("%v, the job is %s: %s", err, job.State, job.Reason)
	}
}

// TestClientLeaves ends the job of a client that says so at once: no time has to pass.
func TestClientLeaves(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := newRestartable(ctx, t, streams)
	defer c.running.Wait()
	defer cancel()
	c.agent.Host.Clock = stoppedClock{c.agent.Host.Clock}
	own, interrupt := context.WithCancel(ctx)
	defer interrupt()
	if job, _, err := c.waiting(own, &brittle{Network: c.network}, 3, interrupt); err == nil || job.State != cluster.Cancelled {
		t.Errorf("%v, the job is %s", err, job.State)
	}
}
