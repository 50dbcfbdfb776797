package engine

import (
	"context"
	"errors"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flowsh/flowsh/engine/host"
	"github.com/flowsh/flowsh/engine/kernel"
)

func TestWatchdogGivesUp(t *testing.T) {
	why := errors.New("why")
	for name, tt := range map[string]struct {
		busy bool
		want error
	}{
		"script code that does not stop": {true, why},
		"nothing of the script":          {false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				done := make(chan struct{})
				time.AfterFunc(time.Second, func() { cancel(why) })
				time.AfterFunc(10*time.Second, func() { close(done) })
				w := Watchdog{Clock: host.New().Clock, Budget: 1 << 50, Busy: func() bool { return tt.busy }}
				if err := w.Wait(ctx, done); err != tt.want {
					t.Errorf("got %v, want %v", err, tt.want)
				}
				<-done
			})
		})
	}
}

func TestWatchdogStopsOverBudget(t *testing.T) {
	runtime.GC() // before the first collection nothing counts as alive
	done := make(chan struct{})
	var cause error
	w := Watchdog{Clock: host.New().Clock, Budget: 1, Busy: func() bool { return true }, Stop: func(err error) {
		cause = err
		close(done)
	}}
	if err := w.Wait(t.Context(), done); err != nil {
		t.Error(err)
	}
	var e *MemoryError
	if !errors.As(cause, &e) || e.Budget != 1 || e.Used <= 1 || !errors.Is(cause, kernel.ErrLimit) {
		t.Errorf("stopped by %v", cause)
	}
}

// TestHeapGrowsOnceItIsNeeded leaves the heaps of small jobs alone.
func TestHeapGrowsOnceItIsNeeded(t *testing.T) {
	forget := func() {
		untouched.once = sync.Once{}
		untouched.grown.Store(false)
		untouched.size.Store(0)
	}
	forget()
	defer forget()
	defer LimitMemory(1 << 30)()
	if untouched.grown.Load() {
		t.Error("the heap grows before it is used")
	}
	used := make([]byte, leastGrown+1)
	done := make(chan struct{})
	w := Watchdog{Clock: host.New().Clock, Budget: 1 << 30, Busy: func() bool {
		select {
		case <-done:
		default:
			close(done)
		}
		return false
	}}
	if err := w.Wait(t.Context(), done); err != nil || !untouched.grown.Load() {
		t.Errorf("the heap does not grow, %v", err)
	}
	runtime.KeepAlive(used)
}

func TestWatchdogExceeded(t *testing.T) {
	w := Watchdog{Budget: 1 << 30}
	for name, tt := range map[string]struct {
		live, held int64
		idle       bool
		looks      int // after which it is exceeded; 0: never
	}{
		"within":                      {900 << 20, 1200 << 20, false, 0},
		"alive":                       {1000 << 20, 1000 << 20, false, liveLooks},
		"alive, but not for a script": {1000 << 20, 1000 << 20, true, 0},
		"not collected yet":           {100 << 20, 1300 << 20, true, overLooks},
		"far too much":                {100 << 20, 3 << 30, true, 1},
	} {
		var looks overlooks
		exceeded := 0
		for n := 1; n <= 100 && exceeded == 0; n++ {
			if w.exceeded(&looks, tt.live, tt.held, !tt.idle) {
				exceeded = n
			}
		}
		if exceeded != tt.looks {
			t.Errorf("%s: exceeded at look %d, want %d", name, exceeded, tt.looks)
		}
	}
}

// TestMemoryOutsideOfTheHeap has the limit of the heap be what is left beside memory outside of it, as long as a job runs.
func TestMemoryOutsideOfTheHeap(t *testing.T) {
	var pieces host.Pieces[[1 << 20]byte]
	owner := new([64]byte)
	host.PieceFor(&pieces, owner)
	outside := host.Outside()
	if outside == 0 {
		t.Skip("there is no such memory here")
	}
	old := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(old)
	for name, limit := range map[string]int64{"more": 1 << 40, "less": outside} {
		least := max(limit-outside, limit/leftShare)
		debug.SetMemoryLimit(limit)
		for range 3 { // jobs, or tasks of one
			var o outsideMemory
			for range 2 {
				if o.follow(1 << 20); debug.SetMemoryLimit(-1) != least {
					t.Errorf("%s: the limit is %d, want %d", name, debug.SetMemoryLimit(-1), least)
				}
			}
			o.leave()
		}
		if got := debug.SetMemoryLimit(-1); got != limit {
			t.Errorf("%s: the limit is %d afterwards, want %d", name, got, limit)
		}
	}
	runtime.KeepAlive(owner)
}

func TestCollectAt(t *testing.T) {
	for _, tt := range []struct {
		live, outside int64
		want          int
	}{
		{100 << 20, 0, gcPercent},
		{100 << 20, 16 << 20, gcPercent + 1},
		{40 << 20, 640 << 20, gcPercent + 100},
		{0, 16 * leastGrown, gcPercent + 100},
	} {
		if got := collectAt(tt.live, tt.outside); got != tt.want {
			t.Errorf("%d MiB alive and %d MiB outside: the heap may grow by %d %%, want %d", tt.live>>20, tt.outside>>20, got, tt.want)
		}
	}
}
