package engine

import (
	"context"
	"sync"
	"time"

	"github.com/flowsh/flowsh/engine/host"
)

// A Throttle bounds how many records the stages of a run take from their sources in a second, all together. They come in
// batches: after each of them the sources wait for as long as its records may take. The zero Throttle bounds nothing. It is
// safe for concurrent use, and may be changed while a run goes on.
type Throttle struct {
	mu      sync.Mutex
	rate    int64         // records in a second; 0: any number
	next    time.Time     // when the records that were taken so far have had their time
	changed chan struct{} // closed by Set
}

// Set changes the rate; 0 is any.
func (t *Throttle) Set(perSecond int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rate, t.next = perSecond, time.Time{}
	if t.changed != nil {
		close(t.changed)
		t.changed = nil
	}
}

// hold waits for as long as so many more records may take, until the rate is changed, or ctx is done.
func (t *Throttle) hold(ctx context.Context, clock host.Clock, records int64) {
	changed, wait := t.take(clock.Now(), records)
	if wait <= 0 {
		return
	}
	select {
	case <-clock.After(wait):
	case <-changed:
	case <-ctx.Done():
	}
}

// take gives the time that records take, with that of those before them.
func (t *Throttle) take(now time.Time, records int64) (changed <-chan struct{}, wait time.Duration) {
	if t == nil {
		return nil, 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.rate <= 0 || records == 0 {
		return nil, 0
	}
	if t.next.Before(now) {
		t.next = now
	}
	t.next = t.next.Add(time.Duration(float64(records) / float64(t.rate) * float64(time.Second)))
	if t.changed == nil {
		t.changed = make(chan struct{})
	}
	return t.changed, t.next.Sub(now)
}
