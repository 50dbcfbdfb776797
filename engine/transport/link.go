package transport

import (
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"time"
)

// Trouble is what happens to the bytes on a connection in memory, decided by Seed, the number of the connection and that
// of the write. A connection is a stream, as one over TCP: what is lost is sent again, what comes twice or out of order
// is put right, and all that shows above is time - except where the connection breaks, or lies.
type Trouble struct {
	Seed  uint64
	Delay time.Duration // of a write, at most
	// Loss is how likely a write is lost each time that it is sent: it is sent again after a time that begins at 200 ms
	// and doubles, and what follows waits for it.
	Loss float64
	Cut  float64 // how likely the connection breaks at a write
	Flip float64 // how likely a write has a wrong bit
}

// firstResend is when a write is sent again that was lost.
const firstResend = 200 * time.Millisecond

// mostInFlight is how many bytes a side may have written that the other has not read.
const mostInFlight = 256 << 10

// memoryPipe is both ends of a connection.
func memoryPipe(t Trouble, number uint64, address net.Addr) (near, far *memoryConn) {
	there, back := newLink(t, 2*number), newLink(t, 2*number+1)
	return &memoryConn{in: back, out: there, address: address}, &memoryConn{in: there, out: back, address: address}
}

// A memoryConn is one end of a connection. It is safe for concurrent use.
type memoryConn struct {
	in, out *link
	address net.Addr
}

func (c *memoryConn) Read(p []byte) (int, error)  { return c.in.read(p) }
func (c *memoryConn) Write(p []byte) (int, error) { return c.out.write(p) }

// Close implements net.Conn. The other side reads what was written before, and then io.EOF.
func (c *memoryConn) Close() error {
	c.in.abandon()
	c.out.finish()
	return nil
}

func (c *memoryConn) LocalAddr() net.Addr  { return c.address }
func (c *memoryConn) RemoteAddr() net.Addr { return c.address }

// SetDeadline implements net.Conn.
func (c *memoryConn) SetDeadline(t time.Time) error {
	c.in.readUntil(t)
	return nil
}

// SetReadDeadline implements net.Conn.
func (c *memoryConn) SetReadDeadline(t time.Time) error { return c.SetDeadline(t) }

// SetWriteDeadline implements net.Conn. Writes wait as long as it takes.
func (c *memoryConn) SetWriteDeadline(time.Time) error { return nil }

// A link carries bytes one way.
type link struct {
	trouble Trouble
	rand    *rand.Rand

	mu       sync.Mutex
	changed  sync.Cond
	flight   []segment
	bytes    int       // in flight
	arrives  time.Time // the last segment
	finished bool      // the writer has closed it
	gone     bool      // the reader has, or the connection is broken
	silent   bool
	deadline time.Time
}

// A segment is what was written at one time, which goes together.
type segment struct {
	data     []byte
	sent, at time.Time // when it arrives
}

func newLink(t Trouble, number uint64) *link {
	l := &link{trouble: t, rand: rand.New(rand.NewPCG(t.Seed, number))}
	l.changed.L = &l.mu
	return l
}

func (l *link) write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.bytes >= mostInFlight && !l.finished && !l.gone && !l.silent {
		l.changed.Wait()
	}
	switch {
	case l.finished:
		return 0, net.ErrClosed
	case l.silent || len(p) == 0:
		return len(p), nil
	case l.gone:
		return 0, io.ErrClosedPipe
	case l.rand.Float64() < l.trouble.Cut:
		l.gone = true
		l.changed.Broadcast()
		return 0, io.ErrClosedPipe
	}
	l.send(append([]byte(nil), p...))
	return len(p), nil
}

// send puts a segment on its way. The lock is held.
func (l *link) send(data []byte) {
	if l.rand.Float64() < l.trouble.Flip {
		data[l.rand.IntN(len(data))] ^= 1 << l.rand.IntN(8)
	}
	now := time.Now()
	l.bytes += len(data)
	if n := len(l.flight); n > 0 && l.flight[n-1].sent.Equal(now) {
		l.flight[n-1].data = append(l.flight[n-1].data, data...)
		l.changed.Broadcast()
		return
	}
	at := now
	if l.trouble.Delay > 0 {
		at = at.Add(time.Duration(l.rand.Int64N(int64(l.trouble.Delay))))
	}
	for resend := firstResend; l.rand.Float64() < l.trouble.Loss; resend *= 2 {
		at = at.Add(resend)
	}
	if at.Before(l.arrives) { // it waits for those before it
		at = l.arrives
	}
	l.arrives = at
	l.flight = append(l.flight, segment{data, now, at})
	l.changed.Broadcast()
}

func (l *link) read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		now := time.Now()
		switch {
		case l.gone:
			return 0, io.ErrClosedPipe
		case len(l.flight) > 0 && !l.flight[0].at.After(now):
			return l.take(p), nil
		case len(l.flight) == 0 && l.finished && !l.silent:
			return 0, io.EOF
		case !l.deadline.IsZero() && !now.Before(l.deadline):
			return 0, os.ErrDeadlineExceeded
		}
		l.sleep(now)
	}
}

// take gives bytes of the first segment. The lock is held.
func (l *link) take(p []byte) int {
	first := &l.flight[0]
	n := copy(p, first.data)
	if first.data = first.data[n:]; len(first.data) == 0 {
		l.flight = l.flight[1:]
	}
	l.bytes -= n
	l.changed.Broadcast()
	return n
}

// sleep waits until something changes, or time has come. The lock is held.
func (l *link) sleep(now time.Time) {
	next := l.deadline
	if len(l.flight) > 0 && (next.IsZero() || l.flight[0].at.Before(next)) {
		next = l.flight[0].at
	}
	if !next.IsZero() {
		timer := time.AfterFunc(next.Sub(now), func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.changed.Broadcast()
		})
		defer timer.Stop()
	}
	l.changed.Wait()
}

// change does something to the link that whoever waits has to see.
func (l *link) change(do func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	do()
	l.changed.Broadcast()
}

func (l *link) finish()               { l.change(func() { l.finished = true }) }
func (l *link) abandon()              { l.change(func() { l.gone = true }) }
func (l *link) readUntil(t time.Time) { l.change(func() { l.deadline = t }) }

// silence loses what is on its way and all that follows.
func (l *link) silence() { l.change(func() { l.silent, l.flight, l.bytes = true, nil, 0 }) }
