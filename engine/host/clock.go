package host

import (
	"slices"
	"sync"
	"time"
)

// A ManualClock stands still until it is moved. It is safe for concurrent use.
type ManualClock struct {
	mu     sync.Mutex
	now    time.Time
	timers []manualTimer
}

type manualTimer struct {
	at   time.Time
	fire chan time.Time
}

var _ Clock = (*ManualClock)(nil)

// NewManualClock is a clock that shows t.
func NewManualClock(t time.Time) *ManualClock { return &ManualClock{now: t} }

// Now is the time the clock was last set to.
func (c *ManualClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// After is a channel that gets the time once the clock was moved d forward, at once if d is not positive.
func (c *ManualClock) After(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	timer := manualTimer{at: c.now.Add(d), fire: make(chan time.Time, 1)}
	if d <= 0 {
		timer.fire <- c.now
	} else {
		c.timers = append(c.timers, timer)
	}
	return timer.fire
}

// Advance moves the clock forward and fires what is due, in order of time.
func (c *ManualClock) Advance(d time.Duration) { c.Set(c.Now().Add(d)) }

// Set moves the clock to t and fires what is due, in order of time.
func (c *ManualClock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t
	slices.SortStableFunc(c.timers, func(a, b manualTimer) int { return a.at.Compare(b.at) })
	due := 0
	for due < len(c.timers) && !c.timers[due].at.After(t) {
		c.timers[due].fire <- t
		due++
	}
	c.timers = slices.Delete(c.timers, 0, due)
}

// Waiting is the number of channels from After that have not fired.
func (c *ManualClock) Waiting() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.timers)
}
