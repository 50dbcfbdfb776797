package connector

import (
	"context"
	"io"
	"time"

	"github.com/flowsh/flowsh/engine/host"
)

// An interruptible reader reads from where a read may wait for ever: a terminal, or a pipe. Its Read gives up when
// ctx is done, with the cause. The read that waits then goes on by itself and what it reads is lost, so nothing
// else may be read from there afterwards.
//
// Read returns what there is, as soon as there is something; with a linger it waits so long after that for more.
type interruptible struct {
	ctx    context.Context
	from   io.Reader
	clock  host.Clock
	linger time.Duration
	buffer []byte
	under  chan reading // gives the read that is under way when it is done; nil: none is
	rest   []byte       // of buffer, not handed out yet
	err    error        // behind rest
}

// A reading is what a read gave.
type reading struct {
	n   int
	err error
}

func newInterruptible(ctx context.Context, from io.Reader, clock host.Clock, linger time.Duration) *interruptible {
	return &interruptible{ctx: ctx, from: from, clock: clock, linger: linger, buffer: make([]byte, readBuffer)}
}

// Read implements io.Reader.
func (r *interruptible) Read(p []byte) (n int, err error) {
	if len(p) == 0 {
		return 0, nil
	}
	if n, err = r.take(p, nil); err != nil || r.linger == 0 {
		return n, err
	}
	enough := r.clock.After(r.linger)
	for n < len(p) && r.err == nil {
		more, err := r.take(p[n:], enough)
		n += more
		if err != nil || more == 0 {
			break // an error of the input comes again; so does ctx's
		}
	}
	return n, nil
}

// take gives what was read, or waits for it: 0 if enough comes first.
func (r *interruptible) take(p []byte, enough <-chan time.Time) (int, error) {
	for len(r.rest) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		if r.ctx.Err() != nil {
			return 0, context.Cause(r.ctx)
		}
		if r.under == nil {
			r.under = r.read()
		}
		select {
		case got := <-r.under:
			r.under = nil
			r.rest, r.err = r.buffer[:got.n], got.err
		case <-enough:
			return 0, nil
		case <-r.ctx.Done():
			return 0, context.Cause(r.ctx)
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// read begins to fill the buffer, which is its own until it is done.
func (r *interruptible) read() chan reading {
	done := make(chan reading, 1)
	go func() {
		n, err := r.from.Read(r.buffer)
		done <- reading{n, err}
	}()
	return done
}
