package transport

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"net"
	"sync"
	"sync/atomic"
)

// A secureConn is a TLS connection that has its records written and read many at a time. TLS has them of 16 KiB at most, and
// the session writes what stands in front of its frames by itself: a system call for each, and the other side woken by
// each, costs more than the encryption.
type secureConn struct {
	*tls.Conn
	below  *recordConn
	writes atomic.Int32 // that have not returned
	closed atomic.Bool
	inBody atomic.Bool // the session writes the body of a frame next
}

// The sizes of what is read and written at once.
const (
	readAtOnce  = 64 << 10
	writeAtOnce = 256 << 10
)

func secured(conn net.Conn, tls func(net.Conn) *tls.Conn) *secureConn {
	below := &recordConn{Conn: conn, in: bufio.NewReaderSize(conn, readAtOnce)}
	return &secureConn{Conn: tls(below), below: below}
}

// Write implements net.Conn. What is written is sent at once, but for a frame's head, which goes with its body.
func (c *secureConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	defer c.writes.Add(-1)
	if c.closed.Load() {
		return 0, net.ErrClosed
	}
	c.below.hold()
	n, err := c.Conn.Write(p)
	if follows := !c.inBody.Load() && bodyFollows(p); err == nil && follows {
		c.inBody.Store(true)
		return n, nil
	}
	c.inBody.Store(false)
	if failed := c.below.release(); err == nil && failed != nil {
		return 0, failed
	}
	return n, err
}

// Close implements net.Conn. It does not wait for a write that the other side does not take.
func (c *secureConn) Close() error {
	if c.closed.Store(true); c.writes.Load() > 0 {
		return c.below.Conn.Close()
	}
	return c.Conn.Close()
}

// bodyFollows says that the session writes the body of a frame next, if p is the head of one: it has data then.
func bodyFollows(p []byte) bool {
	const head, kind, data, length = 12, 1, 0, 8 // of yamux: version, kind, flags, stream and length
	return len(p) == head && p[0] == 0 && p[kind] == data && binary.BigEndian.Uint32(p[length:]) > 0
}

// A recordConn is what is below TLS: while it holds what is written, it keeps records to send them together.
type recordConn struct {
	net.Conn
	in *bufio.Reader

	mu    sync.Mutex
	holds bool
	out   []byte
}

// Read implements net.Conn.
func (c *recordConn) Read(p []byte) (int, error) { return c.in.Read(p) }

// Write implements net.Conn.
func (c *recordConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out = append(c.out, p...)
	if c.holds && len(c.out) < writeAtOnce {
		return len(p), nil
	}
	if err := c.flush(); err != nil {
		return 0, err
	}
	return len(p), nil
}

// hold keeps what is written until release.
func (c *recordConn) hold() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.holds = true
}

// release sends what was held.
func (c *recordConn) release() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.holds = false
	return c.flush()
}

// flush sends what there is. The lock is held.
func (c *recordConn) flush() error {
	if len(c.out) == 0 {
		return nil
	}
	_, err := c.Conn.Write(c.out)
	c.out = c.out[:0]
	return err
}
