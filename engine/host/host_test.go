package host

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"
)

func TestManualClockFiresInOrder(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	c := NewManualClock(start)
	late, soon, now := c.After(2*time.Second), c.After(time.Second), c.After(0)
	if got := <-now; !got.Equal(start) {
		t.Errorf("After(0) fired at %v", got)
	}
	if c.Advance(time.Second - 1); c.Waiting() != 2 {
		t.Errorf("%d wait, want 2", c.Waiting())
	}
	c.Advance(1)
	if got := <-soon; !got.Equal(start.Add(time.Second)) || c.Waiting() != 1 {
		t.Errorf("fired at %v, %d wait", got, c.Waiting())
	}
	c.Set(start.Add(time.Hour))
	if got := <-late; !got.Equal(c.Now()) {
		t.Errorf("fired at %v", got)
	}
}

func TestMemoryHostRepeatsItself(t *testing.T) {
	random := func() []byte {
		p := make([]byte, 16)
		NewMemory().Random(p)
		return p
	}
	if first := random(); !bytes.Equal(first, random()) || bytes.Equal(first, make([]byte, 16)) {
		t.Errorf("random bytes: %x", first)
	}
	var a, b [16]byte
	New().Random(a[:])
	New().Random(b[:])
	if a == b {
		t.Error("the real host repeats itself")
	}
}

func TestFaultPoints(t *testing.T) {
	defer func(saved []Point) { points = saved }(slices.Clone(points))
	b, a := NewPoint("test.b"), NewPoint("test.a")
	if got := Points(); !slices.IsSorted(got) || !slices.Contains(got, a) || !slices.Contains(got, b) {
		t.Errorf("points: %q", got)
	}
	h := NewMemory()
	if err := h.Fault(a); err != nil {
		t.Errorf("a host without Inject failed: %v", err)
	}
	broken := errors.New("broken")
	h.Inject = func(p Point) error {
		if p == a {
			return broken
		}
		return nil
	}
	if h.Fault(a) != broken || h.Fault(b) != nil {
		t.Error("the wrong point failed")
	}
	defer func() {
		if recover() == nil {
			t.Error("a point was declared twice")
		}
	}()
	NewPoint("test.a")
}

type beat struct{}

func (beat) Event() string { return "beat" }

func TestSend(t *testing.T) {
	h := NewMemory()
	h.Send(beat{})
	var got []Event
	h.Emit = func(e Event) { got = append(got, e) }
	h.Send(beat{})
	if !slices.Equal(got, []Event{beat{}}) {
		t.Errorf("events: %v", got)
	}
}
