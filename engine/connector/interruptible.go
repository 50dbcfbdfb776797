package connector

import (
	"context"
	"io"
)

// An interruptible reader reads from where a read may wait for ever: a terminal, or a pipe. Its Read gives up when
// ctx is done, with the cause. The read that waits then goes on by itself and what it reads is lost, so nothing
// else may be read from there afterwards.
type interruptible struct {
	ctx    context.Context
	from   io.Reader
	buffer []byte
	rest   []byte // of buffer, not handed out yet
	err    error  // behind rest
}

func newInterruptible(ctx context.Context, from io.Reader) *interruptible {
	return &interruptible{ctx: ctx, from: from, buffer: make([]byte, readBuffer)}
}

// Read implements io.Reader.
func (r *interruptible) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(r.rest) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		if err := r.wait(); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// wait fills the buffer. After an error r belongs to the read that is left behind.
func (r *interruptible) wait() error {
	if r.ctx.Err() != nil {
		return context.Cause(r.ctx)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		n, err := r.from.Read(r.buffer)
		r.rest, r.err = r.buffer[:n], err
	}()
	select {
	case <-done:
		return nil
	case <-r.ctx.Done():
		return context.Cause(r.ctx)
	}
}
