package cluster

import (
	"context"
	"slices"
	"sync"
)

// Leases divide what a node has among the jobs that have executors there: each gets the same part, and those for which
// none is left wait in the order in which they came. The executors of one job share its lease. Leases are safe for
// concurrent use; nil ones are without end.
type Leases struct {
	mu      sync.Mutex
	free    int
	held    map[string]int // executors by job
	waiting []*leaseWait
}

type leaseWait struct {
	job   string
	ready chan struct{} // closed with the lease taken
}

// NewLeases is what so many jobs can have at a time.
func NewLeases(n int) *Leases { return &Leases{free: n, held: map[string]int{}} }

// Take takes a part of a job's lease, which it may have to wait for: wait is called before that. release gives it back.
func (l *Leases) Take(ctx context.Context, job string, wait func()) (release func(), err error) {
	if l == nil {
		return func() {}, nil
	}
	release = sync.OnceFunc(func() { l.release(job) })
	l.mu.Lock()
	if l.held[job] > 0 || l.free > 0 && len(l.waiting) == 0 {
		l.grant(job)
		l.mu.Unlock()
		return release, nil
	}
	w := &leaseWait{job, make(chan struct{})}
	l.waiting = append(l.waiting, w)
	l.mu.Unlock()
	wait()
	select {
	case <-w.ready:
		return release, nil
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.waiting, w); i >= 0 {
		l.waiting = slices.Delete(l.waiting, i, i+1)
		return nil, context.Cause(ctx)
	}
	return release, nil // it came at the last moment
}

// grant gives a job one more part of a lease that it has, or that is free. The lock is held.
func (l *Leases) grant(job string) {
	if l.held[job] == 0 {
		l.free--
	}
	l.held[job]++
}

func (l *Leases) release(job string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held[job]--; l.held[job] == 0 {
		delete(l.held, job)
		l.free++
	}
	for len(l.waiting) > 0 && (l.free > 0 || l.held[l.waiting[0].job] > 0) {
		l.grant(l.waiting[0].job)
		close(l.waiting[0].ready)
		l.waiting = l.waiting[1:]
	}
}
