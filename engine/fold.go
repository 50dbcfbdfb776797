package engine

import (
	"math"
	"sync"

	"github.com/flowsh/flowsh/engine/operator"
)

// A foldQueue hands routed units to the goroutines that fold them, in order bucket by bucket: each takes a bucket
// that has records and that nobody is at. dispatch is called by one goroutine.
//
// A unit waits until all of its buckets were folded, and few of them wait: then dispatch does too. But where one has
// nothing to do although others have records still to come, the units wait for a slow lane alone. It must not stop the
// others: what waits for it goes to disk.
type foldQueue struct {
	groups *operator.Groups
	fold   func(bucket int, n int64, add func() error)
	free   func(*routed) // takes back a unit that was folded
	sheds  bool          // what waits for a slow lane may go to disk
	most   int           // units that wait
	limit  int64         // bytes of input that they take at most, if there are several

	mu      sync.Mutex
	changed sync.Cond
	buckets [operator.Buckets]foldBucket
	ready   []int // buckets with records that nobody is at
	units   int   // that wait, or are folded
	bytes   int64 // of their input
	idle    int   // goroutines without work
	ended   bool  // no more units come
	dropped bool  // what waits is not wanted any more
	err     error // of putting records on disk
	folding sync.WaitGroup
}

// A foldBucket is what waits for a bucket: units in memory, and what came behind them on disk.
type foldBucket struct {
	waiting []*routed
	backlog *operator.Backlog // nil: nothing
	taken   bool              // a goroutine is at it, or it is among those that are ready
}

func newFoldQueue(g *groupEnd, cores int) *foldQueue {
	const unitsPerCore = 2
	q := &foldQueue{
		groups: g.groups, fold: g.fold, free: g.free,
		sheds: g.lanes > 0 || g.perLane, most: unitsPerCore * cores, limit: math.MaxInt64,
	}
	q.changed.L = &q.mu
	for range cores {
		q.folding.Go(q.work)
	}
	return q
}

// full says that a unit of so much input cannot be taken yet: there are too many, or too much that they are views of.
func (q *foldQueue) full(bytes int64) bool {
	return q.units >= q.most || q.units > 0 && q.bytes+bytes > q.limit
}

// dispatch takes a unit over.
func (q *foldQueue) dispatch(r *routed) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.full(r.bytes) && q.err == nil {
		if q.sheds && q.idle > 0 && len(q.ready) == 0 && q.others(r) {
			before := q.units
			if q.err = q.shed(); q.err != nil || q.units < before {
				continue
			}
		}
		q.changed.Wait()
	}
	for b := range q.buckets {
		if n := r.Len(b); n > 0 && q.err == nil {
			q.err = q.give(b, r)
		}
	}
	if r.pending == 0 {
		q.free(r)
	} else {
		q.units++
		q.bytes += r.bytes
	}
	q.changed.Broadcast()
	return q.err
}

// give adds a unit's records to what waits for a bucket.
func (q *foldQueue) give(bucket int, r *routed) error {
	b := &q.buckets[bucket]
	if b.backlog != nil {
		return b.backlog.Put(bucket, &r.Routed)
	}
	b.waiting = append(b.waiting, r)
	r.pending++
	if !b.taken {
		b.taken = true
		q.ready = append(q.ready, bucket)
	}
	return nil
}

// others says that a unit has records for a bucket that is free.
func (q *foldQueue) others(r *routed) bool {
	for b := range q.buckets {
		if r.Len(b) > 0 && !q.buckets[b].taken {
			return true
		}
	}
	return false
}

// shed puts on disk what waits in memory, which waits for buckets that are being folded.
func (q *foldQueue) shed() error {
	for i := range q.buckets {
		b := &q.buckets[i]
		if len(b.waiting) == 0 {
			continue
		}
		if b.backlog == nil {
			b.backlog = q.groups.NewBacklog()
		}
		for _, r := range b.waiting {
			if err := b.backlog.Put(i, &r.Routed); err != nil {
				return err
			}
			q.done(r)
		}
		b.waiting = nil
	}
	return nil
}

// done says that a bucket does not need a unit any more.
func (q *foldQueue) done(r *routed) {
	if r.pending--; r.pending == 0 {
		q.units--
		q.bytes -= r.bytes
		q.free(r)
		q.changed.Broadcast()
	}
}

// work folds what is ready until there is no more.
func (q *foldQueue) work() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		if len(q.ready) == 0 && !q.ended {
			q.idle++
			q.changed.Broadcast() // to dispatch, which may wait for a slow lane; once, for it wakes the others too
			for len(q.ready) == 0 && !q.ended {
				q.changed.Wait()
			}
			q.idle--
		}
		if len(q.ready) == 0 {
			return // what else there is waits for those who are at its bucket
		}
		bucket := q.ready[0]
		q.ready = q.ready[1:]
		q.step(bucket)
	}
}

// step folds what came first of what waits for a bucket. q.mu is held before and after.
func (q *foldQueue) step(bucket int) {
	b := &q.buckets[bucket]
	if len(b.waiting) > 0 {
		r := b.waiting[0]
		b.waiting[0] = nil // it may be a view of much input
		b.waiting = b.waiting[1:]
		q.aside(bucket, int64(r.Len(bucket)), func() error { return q.groups.Add(bucket, &r.Routed) })
		q.done(r)
	} else {
		l := b.backlog
		b.backlog = nil
		q.aside(bucket, l.Len(), l.Add)
	}
	b.taken = len(b.waiting) > 0 || b.backlog != nil
	if b.taken {
		q.ready = append(q.ready, bucket)
	}
	q.changed.Broadcast()
}

// aside folds without holding q.mu.
func (q *foldQueue) aside(bucket int, n int64, add func() error) {
	if q.dropped {
		return
	}
	q.mu.Unlock()
	defer q.mu.Lock()
	q.fold(bucket, n, add)
}

// end waits until all is folded; without what waits, if it is not wanted any more. q may be nil.
func (q *foldQueue) end(wanted bool) {
	if q == nil {
		return
	}
	q.mu.Lock()
	q.ended, q.dropped = true, q.dropped || !wanted
	q.changed.Broadcast()
	q.mu.Unlock()
	q.folding.Wait()
}
