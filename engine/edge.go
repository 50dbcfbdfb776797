package engine

import (
	"cmp"
	"context"
	"errors"
	"io"
	"math"
	"sync"

	"github.com/flowsh/flowsh/engine/chunk"
)

// errStopped tells a stage that nobody wants more of its records: the take behind it is full, or its output is
// closed. It is not a failure.
var errStopped = errors.New("stopped by the consumer")

// An edge carries batches from one stage to another, in order. A slow consumer makes push wait. Where a stage has
// several consumers, one of which may wait for another, push never waits: what is not read yet goes to the store.
type edge struct {
	mu       sync.Mutex
	changed  sync.Cond
	queue    []waiting
	bytes    int64     // of the queue
	taken    int64     // bytes of the batch that next gave last
	capacity int       // batches; 0: unbounded, overflow takes what exceeds its limit
	limit    int64     // bytes of the queue, if there are several batches; 0: any number
	overflow *overflow // nil for bounded edges
	closed   bool      // no more will be pushed
	stopped  bool      // no more will be read
	err      error     // why it was closed
	onStop   func()    // called when stopped is set
	marks    []mark    // in order

	accepted, consumed int64 // records
}

// waiting is a batch that was not read yet.
type waiting struct {
	batch *chunk.Batch
	bytes int64
}

func newEdge(capacity int, o *overflow) *edge {
	e := &edge{capacity: capacity, overflow: o}
	e.changed.L = &e.mu
	return e
}

// push hands on a batch, which must not change afterwards. It returns errStopped if nobody reads the edge.
func (e *edge) push(ctx context.Context, b *chunk.Batch) error {
	bytes := b.Bytes()
	e.mu.Lock()
	defer e.mu.Unlock()
	for e.full(bytes) && !e.stopped && ctx.Err() == nil {
		e.changed.Wait()
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case e.stopped:
		return errStopped
	}
	e.accepted += int64(b.N)
	e.changed.Broadcast()
	if e.overflow != nil && e.overflow.takes(e.bytes+bytes) {
		return e.overflow.push(b)
	}
	e.bytes += bytes
	e.queue = append(e.queue, waiting{b, bytes})
	return nil
}

// full says that a batch of so many bytes has to wait.
func (e *edge) full(bytes int64) bool {
	return e.capacity > 0 && (len(e.queue) >= e.capacity || len(e.queue) > 0 && e.limit > 0 && e.bytes+bytes > e.limit)
}

// mark sets a mark behind m.at more records than the edge has accepted. A later one of the same stage in the same
// place says more, and takes its place.
func (e *edge) mark(m mark) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stopped {
		return
	}
	m.at += e.accepted
	for i := len(e.marks) - 1; i >= 0 && e.marks[i].at == m.at; i-- {
		if e.marks[i].by == m.by {
			e.marks[i].n = max(e.marks[i].n, m.n)
			return
		}
	}
	e.marks = append(e.marks, m)
}

// passed removes the marks before a record, and says where they stand from record start on.
func (e *edge) passed(start, end int64) (marks []mark) {
	for len(e.marks) > 0 && e.marks[0].at < end {
		m := e.marks[0]
		m.at -= start
		marks = append(marks, m)
		e.marks = e.marks[1:]
	}
	return marks
}

// close says that no more batches come; err says why, nil: all were pushed.
func (e *edge) close(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.closed {
		e.closed, e.err = true, err
	}
	e.changed.Broadcast()
}

// stop says that no more will be read.
func (e *edge) stop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.stopped && e.onStop != nil {
		e.onStop()
	}
	e.stopped = true
	e.queue = nil
	e.changed.Broadcast()
}

// whenStopped calls f, which must not block, when no more will be read: now, if that is already so.
func (e *edge) whenStopped(f func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.onStop = f
	if e.stopped {
		f()
	}
}

// next is the next batch with the marks among its records, io.EOF at the end, or the error with which the edge was
// closed, with all marks behind the last batch.
func (e *edge) next(ctx context.Context) (*chunk.Batch, []mark, error) {
	defer context.AfterFunc(ctx, e.wake)()
	e.mu.Lock()
	defer e.mu.Unlock()
	for {
		if ctx.Err() != nil {
			return nil, nil, context.Cause(ctx)
		}
		b, err := e.take()
		if err != nil {
			return nil, nil, err
		}
		if b != nil {
			start := e.consumed
			e.consumed += int64(b.N)
			e.changed.Broadcast()
			return b, e.passed(start, e.consumed), nil
		}
		if e.closed {
			return nil, e.passed(e.consumed, math.MaxInt64), cmp.Or(e.err, io.EOF)
		}
		e.changed.Wait()
	}
}

// take is the first batch that waits, or nil.
func (e *edge) take() (*chunk.Batch, error) {
	if len(e.queue) > 0 {
		w := e.queue[0]
		e.queue[0] = waiting{}
		e.queue[0] = waiting{}
		e.queue = e.queue[1:]
		e.bytes -= w.bytes
		e.taken = w.bytes
		return w.batch, nil
	}
	if e.overflow == nil {
		return nil, nil
	}
	b, err := e.overflow.pop()
	if b != nil {
		e.taken = b.Bytes()
	}
	return b, err
}

// wake lets waiters look at their context again.
func (e *edge) wake() {
	e.mu.Lock()
	e.changed.Broadcast()
	e.mu.Unlock()
}

// balance is how many records were accepted, consumed, and left unread by a consumer that stopped.
func (e *edge) balance() (accepted, consumed, unread int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stopped {
		return e.accepted, e.consumed, e.accepted - e.consumed
	}
	return e.accepted, e.consumed, 0
}
