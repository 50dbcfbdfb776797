package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/transport"
)

// A remoteWorker is a worker at the other end of a session.
type remoteWorker struct {
	session *transport.Session
	link    *link         // brings what tasks give; nil: the session does
	dead    chan struct{} // closed when the session has ended and death is known
	death   Death
	// isolate starts another executor at the same node, for a task that may end it; nil: it cannot.
	isolate func() (*remoteWorker, error)

	mu       sync.Mutex
	isolated map[Attempt]*remoteWorker // what keeps the outputs of such tasks
}

// call opens a stream of a session with a request. ctx ends it.
func (w *remoteWorker) call(ctx context.Context, s *transport.Session, r taskRequest) (transport.Stream, func(), error) {
	stream, err := s.Open()
	if err != nil {
		return nil, nil, w.failed(ctx, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = stream.Close() })
	if err := transport.WriteMessage(stream, r); err != nil {
		stop()
		_ = stream.Close() // it is broken
		return nil, nil, w.failed(ctx, err)
	}
	return stream, func() {
		stop()
		_ = stream.Close() // all was read
	}, nil
}

// failed says why a stream broke.
func (w *remoteWorker) failed(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case w.session.Ping() != nil:
		return w.lost(ctx)
	}
	return err
}

// lost waits until it is known how the worker ended.
func (w *remoteWorker) lost(ctx context.Context) error {
	select {
	case <-w.dead:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return &lostError{w.death}
}

// Do implements Worker.
func (w *remoteWorker) Do(ctx context.Context, a Attempt, t engine.Task, in []Input) (Output, error) {
	stream, end, err := w.call(ctx, w.session, taskRequest{Op: "do", Attempt: a, Task: &t, Inputs: in})
	if err != nil {
		return Output{}, err
	}
	defer end()
	var r taskReply
	if err := transport.ReadMessage(stream, &r); err != nil {
		return Output{}, w.failed(ctx, err)
	}
	if r.Lost != nil {
		return Output{}, &InputError{*r.Lost, r.Error}
	}
	if r.Error != "" {
		return Output{}, errors.New(r.Error)
	}
	return r.Output, nil
}

// Fetch implements Worker.
func (w *remoteWorker) Fetch(ctx context.Context, a Attempt, parts []Part, get Taker) error {
	if x := w.isolation(a, false); x != nil {
		w = x
	}
	stream, end, err := w.call(ctx, w.link.or(ctx, w.session), taskRequest{Op: "fetch", Attempt: a, Parts: parts})
	if err != nil {
		return err
	}
	defer end()
	return readPieces(stream, parts, get, func(err error) error { return w.failed(ctx, err) })
}

// readPieces reads what comes of parts; failed says of an error of the stream what it means.
func readPieces(stream io.Reader, parts []Part, get Taker, failed func(error) error) error {
	var buf []byte
	for _, p := range parts {
		for range p.Pieces {
			var err error
			if buf, err = transport.ReadFrame(stream, buf); err != nil {
				return failed(err)
			}
			if err := get(p.Number, buf); err != nil {
				return err
			}
		}
	}
	return nil
}

// Address is where the other workers of the job reach what keeps an attempt's output; "": nobody does.
func (w *remoteWorker) Address(a Attempt) string {
	if x := w.isolation(a, false); x != nil {
		w = x
	}
	return w.link.reached()
}

// Release implements Worker.
func (w *remoteWorker) Release(a Attempt) {
	go func() {
		if x := w.isolation(a, true); x != nil {
			_ = x.session.Close() // its executor ends with it
			return
		}
		stream, err := w.session.Open()
		if err != nil {
			return // a worker that is gone holds nothing
		}
		_ = transport.WriteMessage(stream, taskRequest{Op: "release", Attempt: a})
		_ = stream.Close()
	}()
}

// serveWorker lets the other side of a session use a worker until the session ends, or ctx does.
func serveWorker(ctx context.Context, s *transport.Session, w Worker) error {
	return s.Serve(ctx, func(ctx context.Context, stream transport.Stream) {
		_ = serveTask(ctx, stream, w) // the other side sees the stream end
	})
}

func serveTask(ctx context.Context, stream transport.Stream, w Worker) error {
	var r taskRequest
	if err := transport.ReadMessage(stream, &r); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // nothing more comes: the stream ends when the other side has what it wanted, or wants it no more
		_, _ = io.Copy(io.Discard, stream)
		cancel()
	}()
	switch {
	case r.Op == "do" && r.Task != nil:
		var reply taskReply
		out, err := w.Do(ctx, r.Attempt, *r.Task, r.Inputs)
		reply.Output = out
		if err != nil {
			reply.Error = err.Error()
		}
		if lost := (*InputError)(nil); errors.As(err, &lost) {
			reply.Error, reply.Lost = lost.Reason, &lost.Input
		}
		return transport.WriteMessage(stream, reply)
	case r.Op == "fetch":
		return w.Fetch(ctx, r.Attempt, r.Parts, func(_ int, piece []byte) error { return transport.WriteFrame(stream, piece) })
	case r.Op == "release":
		w.Release(r.Attempt)
		return nil
	}
	return fmt.Errorf("%q is no request of a task", r.Op)
}
