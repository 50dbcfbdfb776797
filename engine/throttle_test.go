package engine

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flowsh/flowsh/engine/host"
)

// bubbleClock is the clock of a synctest bubble.
type bubbleClock struct{ host.Clock }

func (bubbleClock) Now() time.Time                         { return time.Now() }
func (bubbleClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

func TestThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var throttle Throttle
		began := time.Now()
		took := func(want time.Duration) {
			t.Helper()
			synctest.Wait()
			if got := time.Since(began); got != want {
				t.Errorf("%v, not %v", got, want)
			}
		}
		hold := func(records int64) { throttle.hold(t.Context(), bubbleClock{}, records) }
		(*Throttle)(nil).hold(t.Context(), bubbleClock{}, 1000)
		hold(1000)
		took(0)
		throttle.Set(100)
		hold(50)
		took(500 * time.Millisecond)
		time.Sleep(10 * time.Second) // what was not taken is not made up for
		hold(200)
		took(12500 * time.Millisecond)
		both := make(chan bool)
		for range 2 { // they share the rate
			go func() { hold(100); both <- true }()
		}
		<-both
		<-both
		took(14500 * time.Millisecond)
		go func() { hold(1 << 40); both <- true }()
		synctest.Wait()
		throttle.Set(0)
		<-both
		took(14500 * time.Millisecond)
		throttle.Set(1)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		throttle.hold(ctx, bubbleClock{}, 1<<40)
		took(14500 * time.Millisecond)
	})
}
