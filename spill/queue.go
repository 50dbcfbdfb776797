package spill

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"sync"
)

// A Queue passes chunks from one producer to one consumer in order, through a Store: the producer never waits,
// and what the consumer has not taken yet costs what the Store makes of it. An edge with several consumers has a
// Queue for each.
//
// The producer calls Push and Close, the consumer Pop and Discard, each side from one goroutine at a time.
type Queue struct {
	store  Store
	prefix string

	mu        sync.Mutex
	head      uint64 // of the next chunk to pop
	tail      uint64 // of the next chunk to push
	closed    bool
	discarded bool

	// more holds a token when the consumer should look again. One place is enough: it looks at everything.
	more chan struct{}
}

// NewQueue returns an empty queue that keeps its chunks in s under ids that begin with id and a slash. The id
// belongs to this queue alone.
func NewQueue(s Store, id string) *Queue {
	return &Queue{store: s, prefix: id + "/", more: make(chan struct{}, 1)}
}

// Push appends a chunk; data is not retained. It never waits for the consumer. After Discard it does nothing,
// after Close it returns ErrClosed; other errors are the Store's, and the chunk was not appended.
func (q *Queue) Push(data []byte) error {
	q.mu.Lock()
	tail, closed, discarded := q.tail, q.closed, q.discarded
	q.mu.Unlock()
	switch {
	case closed:
		return ErrClosed
	case discarded:
		return nil
	}
	if err := q.store.Put(q.key(tail), data); err != nil {
		return err
	}
	return q.appended(tail)
}

func (q *Queue) appended(tail uint64) error {
	q.mu.Lock()
	discarded := q.discarded
	if !discarded {
		q.tail++
	}
	q.mu.Unlock()
	if discarded { // while the chunk was being stored
		return q.store.Delete(q.key(tail))
	}
	q.signal()
	return nil
}

// Close says that nothing more will be pushed. The consumer still gets what was.
func (q *Queue) Close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.signal()
}

// Pop waits for the next chunk, removes it from the Store and returns it; the caller owns it. It returns io.EOF
// when the queue is closed and empty or was discarded, and the context's cause when ctx ends. A chunk that the
// Store has lost is an error that wraps ErrNotFound.
func (q *Queue) Pop(ctx context.Context) ([]byte, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		head, ready, ended := q.next()
		if ready {
			return q.take(head)
		}
		if ended {
			return nil, io.EOF
		}
		select {
		case <-q.more:
		case <-ctx.Done():
		}
	}
}

func (q *Queue) next() (head uint64, ready, ended bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.head, q.head < q.tail, q.closed || q.discarded
}

func (q *Queue) take(head uint64) ([]byte, error) {
	key := q.key(head)
	data, err := q.store.Get(key, nil)
	if err != nil {
		return nil, fmt.Errorf("read queued chunk: %w", err)
	}
	if err := q.store.Delete(key); err != nil {
		return nil, fmt.Errorf("remove queued chunk: %w", err)
	}
	q.mu.Lock()
	q.head++
	q.mu.Unlock()
	return data, nil
}

// Discard removes the chunks that were not popped, and all that are pushed from now on. A consumer that has
// enough calls it, or one that failed.
func (q *Queue) Discard() error {
	q.mu.Lock()
	head, tail := q.head, q.tail
	q.head, q.discarded = tail, true
	q.mu.Unlock()
	for ; head < tail; head++ {
		if err := q.store.Delete(q.key(head)); err != nil {
			return fmt.Errorf("remove queued chunk: %w", err)
		}
	}
	return nil
}

// Len is the number of chunks that were pushed and not popped.
func (q *Queue) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return int(q.tail - q.head)
}

func (q *Queue) signal() {
	select {
	case q.more <- struct{}{}:
	default:
	}
}

func (q *Queue) key(n uint64) string { return q.prefix + strconv.FormatUint(n, 10) }
