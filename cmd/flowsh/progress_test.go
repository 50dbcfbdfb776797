package main

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/cluster"
	"github.com/flowsh/flowsh/engine/host"
)

// A steppedClock stands still until the test moves it.
type steppedClock struct {
	timers  chan steppedTimer
	pending *steppedTimer

	mu  sync.Mutex
	now time.Time
}

type steppedTimer struct {
	wait time.Duration
	c    chan time.Time
}

func newSteppedClock() *steppedClock {
	return &steppedClock{now: time.Unix(0, 0), timers: make(chan steppedTimer)}
}

func (c *steppedClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *steppedClock) After(d time.Duration) <-chan time.Time {
	timer := steppedTimer{d, make(chan time.Time, 1)}
	c.timers <- timer
	return timer.c
}

// fire lets the next timer end, waits until there is another, and returns how long the first one was.
func (c *steppedClock) fire() time.Duration {
	timer := c.next()
	c.mu.Lock()
	c.now = c.now.Add(timer.wait)
	now := c.now
	c.mu.Unlock()
	timer.c <- now
	next := <-c.timers
	c.pending = &next
	return timer.wait
}

func (c *steppedClock) next() steppedTimer {
	if c.pending != nil {
		return *c.pending
	}
	return <-c.timers
}

func testConsole(flags messageFlags) (*console, *strings.Builder) {
	out := new(strings.Builder)
	h := &host.Host{Stderr: out, LookupEnv: func(string) (string, bool) { return "", false }}
	return newConsole(h, flags), out
}

func TestProgressLines(t *testing.T) {
	c, out := testConsole(messageFlags{})
	clock := newSteppedClock()
	p := startProgress(c, clock)
	p.event(engine.Progress{Stage: 0, Name: "read", Records: 1, Bytes: 100e6, Total: 400e6})
	if wait := clock.fire(); wait != 5*time.Second {
		t.Errorf("the first line comes after %v", wait)
	}
	p.event(engine.Progress{Stage: 0, Name: "read", Records: 2_000_000, Bytes: 200e6, Total: 400e6})
	p.event(engine.Progress{Stage: 1, Name: "count", Records: 7})
	clock.fire()
	p.event(engine.Progress{Stage: 0, Name: "read", Records: 4_000_000, Bytes: 400e6, Total: 400e6, Ending: true, Emitted: 1_000_000})
	clock.fire()
	p.event(engine.StageDone{Stage: 0})
	clock.fire()
	p.finish()
	want := `flowsh: read: 1 records, 0 records/s, 20.0 MB/s, 25%, 15s left
flowsh: read: 2,000,000 records, 200,000 records/s, 20.0 MB/s, 50%, 10s left
flowsh: read: 4,000,000 records read, all there are; 1,000,000 handed on
flowsh: count: 7 records, 0 records/s
`
	if out.String() != want {
		t.Errorf("it shows\n%s\nwant\n%s", out, want)
	}
}

func TestProgressQuiet(t *testing.T) {
	c, out := testConsole(messageFlags{Quiet: true})
	p := startProgress(c, newSteppedClock())
	p.event(engine.Progress{Records: 1})
	p.event(engine.Printed{Text: "hello"})
	p.finish()
	c.summary("done")
	if out.String() != "hello\n" {
		t.Errorf("it shows %q", out)
	}
}

func TestProgressOnTerminal(t *testing.T) {
	c, out := testConsole(messageFlags{})
	c.terminal = true
	clock := newSteppedClock()
	p := startProgress(c, clock)
	p.event(engine.Progress{Name: "read", Records: 5})
	if wait := clock.fire(); wait != time.Second {
		t.Errorf("the first line comes after %v", wait)
	}
	if wait := clock.fire(); wait != 200*time.Millisecond {
		t.Errorf("the second line comes after %v", wait)
	}
	p.event(engine.Printed{Text: "hello"})
	p.finish()
	want := eraseLine + "flowsh: read: 5 records, 5 records/s" + eraseLine + "flowsh: read: 5 records, 4 records/s" + eraseLine + "hello\n"
	if out.String() != want {
		t.Errorf("it shows %q, want %q", out, want)
	}
}

func TestQuietProgress(t *testing.T) {
	c, out := testConsole(messageFlags{Quiet: true})
	p := &progress{console: c, clock: newSteppedClock()}
	p.event(engine.Stalled{For: 5 * time.Second, Text: "sort waits for read"})
	p.event(engine.StageDone{Stage: 3, Name: "sort", Records: 1234})
	p.event(engine.Printed{Text: "a line"})
	if got := out.String(); got != "a line\n" {
		t.Errorf("it says %q", got)
	}
}

func TestMessagesAsJSON(t *testing.T) {
	c, out := testConsole(messageFlags{JSON: true, Verbose: true})
	p := &progress{console: c, clock: newSteppedClock()}
	p.event(engine.Printed{Text: "a\nb"})
	p.event(engine.Warning{Text: "careful"})
	p.event(engine.Stalled{For: 5 * time.Second, Text: "sort waits for read"})
	p.event(engine.StageDone{Stage: 3, Name: "sort", Records: 1234})
	c.summary("all is well")
	if status := c.exit(usagef("no")); status != 2 {
		t.Errorf("status %d", status)
	}
	var events []string
	for line := range strings.Lines(out.String()) {
		var m message
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		events = append(events, m.Event)
	}
	if got := strings.Join(events, " "); got != "print warning stalled stage summary error" {
		t.Errorf("events %s", got)
	}
}

func TestColor(t *testing.T) {
	c, out := testConsole(messageFlags{Color: "always"})
	c.warn("careful")
	if !strings.HasPrefix(out.String(), yellow) {
		t.Errorf("%q", out)
	}
	c, out = testConsole(messageFlags{Color: "auto"})
	c.warn("careful")
	if strings.Contains(out.String(), "\x1b") {
		t.Errorf("%q", out)
	}
}

func TestSecretsAreMasked(t *testing.T) {
	c, out := testConsole(messageFlags{})
	c.mask([]string{"", "hunter2"})
	c.printed(engine.Printed{Text: "the password is hunter2"})
	if out.String() != "the password is ***\n" {
		t.Errorf("%q", out)
	}
}

func TestGrouped(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 12: "12", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := grouped(n); got != want {
			t.Errorf("%d is %s", n, got)
		}
	}
}

func TestVisible(t *testing.T) {
	for text, want := range map[string]string{
		"a\tb\né \u2028":        "a\tb\né \u2028",
		"\x1b[31m\r\x00\u009b1": `\x1b[31m\r\x00\u009b1`,
		"\x9b\xff\x7f":          `\x9b\xff\x7f`,
	} {
		if got := visible(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestTroubleOfChunks(t *testing.T) {
	lost := cluster.Receipt{Kind: cluster.ReceiptLost, Chunk: "0.2.7", Attempt: 3, Node: "worker-1", Reason: "it is gone"}
	for _, c := range []struct {
		flags messageFlags
		want  string
	}{
		{messageFlags{}, "flowsh: chunk 0.2.7 lost, attempt 3, worker-1: it is gone\n"},
		{messageFlags{JSON: true}, `{"event":"lost","text":"flowsh: chunk 0.2.7 lost, attempt 3, worker-1: it is gone","job":"job-3","stage":2,"chunk":"0.2.7","attempt":3,"node":"worker-1"}` + "\n"},
	} {
		console, out := testConsole(c.flags)
		console.job = "job-3"
		(&progress{console: console}).clusterEvent(lost)
		if out.String() != c.want {
			t.Errorf("got  %swant %s", out, c.want)
		}
	}
}
