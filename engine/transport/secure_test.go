package transport

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

// A counted network counts what is written at once by whoever dials.
type counted struct {
	Network
	writes atomic.Int64
}

func (c *counted) Dial(ctx context.Context, address string) (net.Conn, error) {
	conn, err := c.Network.Dial(ctx, address)
	return &countedConn{conn, &c.writes}, err
}

type countedConn struct {
	net.Conn
	writes *atomic.Int64
}

func (c *countedConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

// secureSessions is both ends of a session over TLS; the near one has dialled.
func secureSessions(t *testing.T, n Network) (near, far *Session) {
	t.Helper()
	now := time.Now()
	own, err := NewAuthority("own", now)
	if err != nil {
		t.Fatal(err)
	}
	l, err := n.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	served := make(chan *Session)
	go func() {
		defer close(served)
		conn, err := l.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		s, _, err := Serve(context.Background(), conn, keys(t, own, Master, now), User)
		if err != nil {
			t.Error(err)
		}
		served <- s
	}()
	if near, err = Dial(t.Context(), n, l.Addr().String(), keys(t, own, User, now), Master); err != nil {
		t.Fatal(err)
	}
	far = <-served
	t.Cleanup(func() { _, _ = near.Close(), far.Close() })
	return near, far
}

// A frame goes over TLS in one write, with what the session and TLS put in front of it and of its parts.
func TestFramesAreWrittenAtOnce(t *testing.T) {
	n := &counted{Network: NewMemory()}
	near, far := secureSessions(t, n)
	const frames, size = 50, 100_000
	if err := echo(near, far, make([]byte, size)); err != nil { // the session has begun
		t.Fatal(err)
	}
	go func() {
		if stream, err := far.Accept(context.Background()); err == nil {
			for {
				if _, err := ReadFrame(stream, nil); err != nil {
					break
				}
			}
			_ = stream.Close()
		}
	}()
	stream, err := near.Open()
	if err != nil {
		t.Fatal(err)
	}
	before := n.writes.Load()
	for range frames {
		if err := WriteFrame(stream, make([]byte, size)); err != nil {
			t.Fatal(err)
		}
	}
	_ = stream.Close()
	// A window that is not as long as what is left of a frame cuts it, and the other side's messages are answered.
	if got := n.writes.Load() - before; got > 3*frames {
		t.Errorf("%d frames took %d writes", frames, got)
	}
}

// A short frame is not taken for the head of another, after which it would wait for more.
func TestShortFramesAreSentAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		near, far := secureSessions(t, NewMemory())
		began := time.Now()
		for n := range 3 * frameHead {
			if err := echo(near, far, bytes.Repeat([]byte{1}, n)); err != nil || time.Since(began) > 0 {
				t.Fatalf("%d bytes: %v, after %v", n, err, time.Since(began))
			}
		}
	})
}

// A side that closes does not wait for one that does not read.
func TestCloseWaitsForNoReader(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a, b := pair(t, NewMemory())
		now := time.Now()
		own, err := NewAuthority("own", now)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		far := secured(b, func(conn net.Conn) *tls.Conn { return tls.Server(conn, keys(t, own, Master, now).config([]Role{User})) })
		go func() { done <- handshake(t.Context(), far) }()
		near := secured(a, func(conn net.Conn) *tls.Conn { return tls.Client(conn, keys(t, own, User, now).config([]Role{Master})) })
		if err := errors.Join(handshake(t.Context(), near), <-done); err != nil {
			t.Fatal(err)
		}
		go func() {
			for {
				if _, err := near.Write(make([]byte, 1<<20)); err != nil {
					done <- err
					return
				}
			}
		}()
		time.Sleep(time.Second) // of the bubble: it waits for the other side
		began := time.Now()
		_ = near.Close()
		if err := <-done; err == nil || time.Since(began) > 0 {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		if _, err := near.Write([]byte("more")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("written when it was closed: %v", err)
		}
		_ = b.Close()
	})
}

func TestBodyFollows(t *testing.T) {
	head := func(kind byte, length uint32) []byte {
		return binary.BigEndian.AppendUint32([]byte{0, kind, 0, 0, 0, 0, 0, 1}, length)
	}
	for name, tt := range map[string]struct {
		data []byte
		want bool
	}{
		"the head of data":        {head(0, 9), true},
		"the end of a stream":     {head(0, 0), false},
		"more credit":             {head(1, 9), false},
		"a ping":                  {head(2, 9), false},
		"12 bytes of another end": {[]byte("hello, world"), false},
		"longer":                  {append(head(0, 9), 0), false},
	} {
		if got := bodyFollows(tt.data); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
