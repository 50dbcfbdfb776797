package kernel

import (
	"sync"
	"sync/atomic"

	"go.starlark.net/starlark"
)

// Threads are Starlark threads that can be stopped together. The zero value holds none. All methods may be
// called concurrently.
type Threads struct {
	mu      sync.Mutex
	all     []*starlark.Thread
	stopped bool
}

// Add adds a thread, which stops at once if the others were stopped already.
func (t *Threads) Add(thread *starlark.Thread) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all = append(t.all, thread)
	if t.stopped {
		thread.Cancel("stopped")
	}
}

// Stop makes every thread fail at its next step.
func (t *Threads) Stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stopped = true
	for _, thread := range t.all {
		thread.Cancel("stopped")
	}
}

// stopping is how an Env stops its runners.
type stopping struct {
	threads Threads
	// blamed is the record that stopped last for a limit: what takes most takes longest to end.
	blamed atomic.Pointer[ScriptError]
	mu     sync.Mutex
	inside []insider
}

// Stop makes every runner fail with cause at the next step of the script. Only the first cause counts. If
// ErrLimit is in its chain, the errors are ScriptErrors that wrap it and say where the script was.
func (e *Env) Stop(cause error) {
	if e.Interrupt.CompareAndSwap(nil, &cause) {
		e.stopping.threads.Stop()
	}
}

// Blamed is the error of the record that was the last to stop for the limit that Stop was called with, nil if
// there is none. Runners must have ended.
func (e *Env) Blamed() *ScriptError { return e.stopping.blamed.Load() }

// An insider is an interpreter, of whatever kind.
type insider struct {
	step   *atomic.Pointer[Step] // whose function it calls; nil: none
	caller *caller
}

// An Inside is a step whose function is running.
type Inside struct {
	*Step
	caller *caller
}

// Spot is the call that is running. It means something only where that has been the same for long.
func (i Inside) Spot() Spot { return i.caller.spot(i.Op) }

// Inside is the steps whose functions are running.
func (e *Env) Inside() (steps []Inside) {
	e.stopping.mu.Lock()
	defer e.stopping.mu.Unlock()
	for _, p := range e.stopping.inside {
		if s := p.step.Load(); s != nil {
			steps = append(steps, Inside{s, p.caller})
		}
	}
	return steps
}

func (e *Env) observe(p *atomic.Pointer[Step], c *caller) {
	e.stopping.mu.Lock()
	defer e.stopping.mu.Unlock()
	e.stopping.inside = append(e.stopping.inside, insider{p, c})
}
