// Package transport carries messages and bytes between the processes of a cluster: sessions of many streams over one
// connection, frames on a stream, and the certificates that say who is who.
package transport

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/yamux"
)

// ErrClosed is what a session's methods return when the other side is gone, or the session was closed here.
var ErrClosed = errors.New("the connection is closed")

// A Session carries many streams over one connection. Both sides may open streams; a stream that is not read holds up
// nothing but itself. It is safe for concurrent use.
type Session struct{ mux *yamux.Session }

// A Stream is one of a session's streams. Close ends what this side writes; what the other side has written can still
// be read.
type Stream = net.Conn

// Sessions are watched: a side that does not answer for about so long is gone.
const (
	keepAlive    = 5 * time.Second
	writeTimeout = 8 * time.Second
	openTimeout  = 30 * time.Second
)

func config() *yamux.Config {
	c := yamux.DefaultConfig()
	c.KeepAliveInterval, c.ConnectionWriteTimeout, c.StreamOpenTimeout = keepAlive, writeTimeout, openTimeout
	c.LogOutput = io.Discard // what matters comes back as errors
	return c
}

// Client begins a session on a connection that this side has dialled.
func Client(conn io.ReadWriteCloser) (*Session, error) {
	mux, err := yamux.Client(conn, config())
	return &Session{mux}, err
}

// Server begins a session on a connection that this side has accepted.
func Server(conn io.ReadWriteCloser) (*Session, error) {
	mux, err := yamux.Server(conn, config())
	return &Session{mux}, err
}

// Open opens a stream. The error is ErrClosed if the other side is gone.
func (s *Session) Open() (Stream, error) {
	stream, err := s.mux.OpenStream()
	if err != nil {
		return nil, errors.Join(ErrClosed, err)
	}
	return stream, nil
}

// Accept waits for a stream that the other side opens.
func (s *Session) Accept(ctx context.Context) (Stream, error) {
	stream, err := s.mux.AcceptStreamWithContext(ctx)
	if err != nil {
		return nil, errors.Join(ErrClosed, err)
	}
	return stream, nil
}

// Ask writes a request to one of the session's streams and reads the answer. The other side may have answered and gone
// before this one knows that the request was sent: then the answer is what counts.
func (s *Session) Ask(stream Stream, request, answer any) error {
	unsent := WriteMessage(stream, request)
	if unsent != nil {
		select {
		case <-s.Done(): // no read waits any more
		default:
			return unsent
		}
	}
	if err := ReadMessage(stream, answer); err != nil {
		return cmp.Or(unsent, err)
	}
	return nil
}

// Call asks on a stream of its own.
func (s *Session) Call(request, answer any) error {
	stream, err := s.Open()
	if err != nil {
		return err
	}
	defer stream.Close()
	return s.Ask(stream, request, answer)
}

// Serve calls handle, in a goroutine of its own, with every stream that the other side opens, and closes the stream
// behind it. It returns when the session or ctx has ended and all calls have returned; ctx is done for them then.
func (s *Session) Serve(ctx context.Context, handle func(ctx context.Context, stream Stream)) error {
	var streams sync.WaitGroup
	defer streams.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for {
		stream, err := s.Accept(ctx)
		if err != nil {
			return err
		}
		streams.Go(func() {
			defer stream.Close()
			handle(ctx, stream)
		})
	}
}

// Ping waits until the other side answers. It fails if that takes longer than a side may be silent.
func (s *Session) Ping() error {
	_, err := s.mux.Ping()
	return err
}

// Peer is the host at the other end of the connection, "" if that is none of a network.
func (s *Session) Peer() string {
	address := s.mux.RemoteAddr()
	if address == nil {
		return ""
	}
	host, _, err := net.SplitHostPort(address.String())
	if err != nil {
		return ""
	}
	return host
}

// Done is closed when the session has ended.
func (s *Session) Done() <-chan struct{} { return s.mux.CloseChan() }

// Close ends the session and its connection.
func (s *Session) Close() error { return s.mux.Close() }
