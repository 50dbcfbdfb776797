package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flowsh/flowsh/engine/host"
)

// Calls are made beside a job, one after another: how long they take and whether they fail changes nothing in it. Those
// for which the queue has no room are counted, and not made. It is safe for concurrent use, except for end and what comes
// after it.
type calls struct {
	clock  host.Clock
	began  time.Time
	queue  chan queuedCall
	bytes  atomic.Int64 // of what is queued
	cancel context.CancelFunc
	done   chan struct{}

	mu     sync.RWMutex // closing against sending
	closed bool

	dropped  atomic.Int64
	failures int64
	first    error
}

// A queuedCall holds so many bytes until it was made.
type queuedCall struct {
	size int
	make func(context.Context) error
}

const (
	mostQueued      = 4096
	mostQueuedBytes = 8 << 20
	// Calls may take a tenth of the job's time when that has ended, but not less and not more than this.
	leastCalls = 250 * time.Millisecond
	mostCalls  = time.Second
)

// newCalls begins to make calls for a job that begins now.
func newCalls(clock host.Clock) *calls {
	ctx, cancel := context.WithCancel(context.Background())
	c := &calls{clock: clock, began: clock.Now(), queue: make(chan queuedCall, mostQueued), cancel: cancel, done: make(chan struct{})}
	go c.run(ctx)
	return c
}

func (c *calls) run(ctx context.Context) {
	defer close(c.done)
	for call := range c.queue {
		if ctx.Err() != nil {
			c.dropped.Add(1)
			continue
		}
		c.failed(call.make(ctx))
		c.bytes.Add(-int64(call.size))
	}
}

// failed counts an error, if it is one.
func (c *calls) failed(err error) {
	if err == nil {
		return
	}
	if c.failures++; c.first == nil {
		c.first = err
	}
}

// add queues a call that holds so many bytes. It does not block.
func (c *calls) add(size int, call func(context.Context) error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.closed {
		return
	}
	if c.bytes.Add(int64(size)) <= mostQueuedBytes {
		select {
		case c.queue <- queuedCall{size, call}:
			return
		default:
		}
	}
	c.bytes.Add(-int64(size))
	c.dropped.Add(1)
}

// end waits for the calls that are queued, for a tenth of the time that the job took. It is called once.
func (c *calls) end() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	close(c.queue)
	defer c.cancel()
	select {
	case <-c.done:
	case <-c.clock.After(min(max(c.clock.Now().Sub(c.began)/10, leastCalls), mostCalls)):
		c.cancel()
		<-c.done
	}
}

// warnings say how the calls went.
func (c *calls) warnings() (warnings []string) {
	if c.failures > 0 {
		warnings = append(warnings, fmt.Sprintf("interceptors failed %s, which changes nothing in the job; the first: %v", times(c.failures), c.first))
	}
	if n := c.dropped.Load(); n > 0 {
		warnings = append(warnings, fmt.Sprintf("interceptors were too slow for the job: %s they were not called", times(n)))
	}
	return warnings
}

func times(n int64) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprint(n, " times")
}
