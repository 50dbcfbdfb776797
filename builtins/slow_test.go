package builtins_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flowsh/flowsh/builtins"
	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/host"
)

// runUnder is run with a context.
func (w *world) runUnder(ctx context.Context, script string, o engine.Options) error {
	job, err := builtins.Load("job.star", []byte(script), builtins.Options{Host: w.Host})
	if err != nil {
		return err
	}
	o.Host, o.OnError = w.Host, job.Settings.OnError
	_, err = runOn(ctx, job.Program, o)
	return err
}

// A closedGate is a writer that takes nothing before it is opened.
type closedGate struct {
	open chan struct{}
	text strings.Builder
}

func (g *closedGate) Write(p []byte) (int, error) {
	<-g.open
	return g.text.Write(p)
}

// A stallWatch notes how many records each stage has read, and what is said when nothing moves.
type stallWatch struct {
	mu      sync.Mutex
	records map[int]int64
	stalled []string
}

func (s *stallWatch) emit(e host.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch e := e.(type) {
	case engine.Progress:
		s.records[e.Stage] = e.Records
	case engine.Stalled:
		s.stalled = append(s.stalled, e.Text)
	}
}

// says moves the clock until a report of a stall holds a text.
func (s *stallWatch) says(t *testing.T, clock *host.ManualClock, text string) {
	t.Helper()
	for {
		clock.Advance(200 * time.Millisecond)
		runtime.Gosched()
		s.mu.Lock()
		for _, said := range s.stalled {
			if strings.Contains(said, text) {
				s.mu.Unlock()
				return
			}
		}
		s.stalled = nil
		s.mu.Unlock()
		if t.Context().Err() != nil {
			t.Fatal("nothing was said to stall")
		}
	}
}

// A sink that takes nothing stops the source after a few blocks; once it takes, nothing is missing.
func TestSlowSinkStopsTheSource(t *testing.T) {
	const line, lines = "a line of thirty-two characters\n", 20000
	const cores, block = 2, 1 << 10
	// Of each stage: the units in its window, and the batches on the edge before it.
	const most = int64(2 * 4 * cores * block / len(line))
	for _, c := range []struct {
		script, waits string
		stages        int64
	}{
		{`job = lines("in.txt")`, "stage 0 (output) waits for its output to take its records", 1},
		{`job = lines("in.txt").map(lambda l: l).with_index().map(lambda i, l: l)`, "waits for its output to take its records", 2},
		{
			`job = lines("in.txt").scan(0, lambda n, l: ([l], n + 1)).with_index().map(lambda i, l: l)`,
			"stage 0 (scan lambda n, l: ([l], n + 1)) waits for stage 1 (with_index) to take its records", 3,
		},
	} {
		w := newWorld(t, map[string]string{"in.txt": strings.Repeat(line, lines)}, "")
		gate := &closedGate{open: make(chan struct{})}
		watch := &stallWatch{records: map[int]int64{}}
		clock := host.NewManualClock(time.Unix(0, 0))
		w.Stdout, w.Clock, w.Emit = gate, clock, watch.emit
		done := make(chan error)
		go func() {
			done <- w.runUnder(t.Context(), c.script, engine.Options{Cores: cores, BlockSize: block})
		}()
		watch.says(t, clock, c.waits)
		watch.mu.Lock()
		if n := watch.records[0]; n == 0 || n > c.stages*most {
			t.Errorf("%s: %d records were read, want at most %d", c.script, n, c.stages*most)
		}
		watch.mu.Unlock()
		close(gate.open)
		if err := <-done; err != nil {
			t.Error(err)
		}
		if gate.text.String() != strings.Repeat(line, lines) {
			t.Errorf("%s: %d bytes came out", c.script, gate.text.Len())
		}
	}
}

// What has read all of its input says so, and how much it has handed on, and not that it is done: also where it merges what was
// spilled.
func TestProgressOfAMerge(t *testing.T) {
	var text strings.Builder
	const records = 20000
	for i := range records {
		fmt.Fprintln(&text, (i*7919)%records)
	}
	for name, script := range map[string]string{
		"sort": `job = lines("in.txt").sort().with_index().map(lambda i, l: l)`,
		"join": `job = lines("in.txt").join(lines("in.txt"), on = lambda l: l).with_index().map(lambda i, p: p[0])`,
	} {
		w := newWorld(t, map[string]string{"in.txt": text.String()}, "")
		gate := &closedGate{open: make(chan struct{})}
		clock := host.NewManualClock(time.Unix(0, 0))
		ending := make(chan engine.Progress, 1)
		w.Stdout, w.Clock, w.Emit = gate, clock, func(e host.Event) {
			if p, ok := e.(engine.Progress); ok && p.Ending && p.Emitted > 0 && p.Total > 0 {
				select {
				case ending <- p:
				default:
				}
			}
		}
		done := make(chan error)
		go func() {
			done <- w.runUnder(t.Context(), script, engine.Options{Cores: 2, Memory: 256 << 10, BlockSize: 4 << 10})
		}()
		for waits := true; waits; runtime.Gosched() {
			clock.Advance(200 * time.Millisecond)
			select {
			case p := <-ending:
				if waits = false; p.Records != records || p.Bytes != p.Total || p.Emitted >= records {
					t.Errorf("%s: %+v", name, p)
				}
			case err := <-done:
				t.Fatalf("%s: it has ended: %v", name, err)
			default:
			}
		}
		close(gate.open)
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// interrupted are jobs with every kind of stage.
var interrupted = map[string]string{
	"map":       `job = words.map(len).write("out.txt")`,
	"count":     `job = words.count(by = lambda w: w).write("out.txt")`,
	"reduce":    `job = words.reduce(0, lambda n, w: n + 1, by = lambda w: w).write("out.txt")`,
	"merge":     `job = words.reduce(0, lambda n, w: n + 1, by = lambda w: w, merge = lambda a, b: a + b).write("parts/")`,
	"sort":      `job = words.sort().write("out.txt")`,
	"scan":      `job = words.scan(0, lambda n, w: ([w], n + 1)).write("out.txt")`,
	"batch":     `job = words.batch(3).write("out.txt")`,
	"lanes":     `job = words.partition(lambda w: w).reduce([], lambda acc, w: acc + [w]).write("out.txt")`,
	"lanes 2":   `job = words.partition(lambda w: w).batch(3).write("out.txt")`,
	"using":     `job = from_enumerable([1]).map(lambda x, all: len(all), using = words).write("out.txt")`,
	"concat":    `job = words.concat(words.map(len), words.count()).write("by-{}.txt", by = lambda w: 1)`,
	"several":   `job = [words.write("out.txt"), words.count(by = len).write("parts/"), words.uniq()]`,
	"steps":     "step(\"a\", words)\nstep(\"b\", result(\"a\").write(\"out.txt\"))",
	"dead":      `job = words.map(int, on_error = "dead.jsonl").write("out.txt")`,
	"take sort": `job = words.take_sort(100).write("out.txt")`,
}

var errInterrupt = errors.New("interrupted by the test")

// TestInterrupt interrupts every kind of stage while it reads, while it spills and while it writes.
func TestInterrupt(t *testing.T) {
	files := map[string]string{"in.txt": manyWords()}
	for name, script := range interrupted {
		for reads := 2; reads <= 6; reads += 2 {
			t.Run(fmt.Sprintf("%s, read %d", name, reads), func(t *testing.T) {
				w := newWorld(t, files, "")
				ctx, cancel := context.WithCancelCause(t.Context())
				w.FS = &changingFS{FS: w.FS, reads: reads, change: func() { cancel(errInterrupt) }}
				w.stops(ctx, t, script)
			})
		}
		for _, p := range []host.Point{"operator.spill", "sink.write", "spill.write"} {
			t.Run(name+", "+string(p), func(t *testing.T) {
				w := newWorld(t, files, "")
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				var passed atomic.Bool
				w.Inject = func(at host.Point) error {
					if at == p {
						passed.Store(true)
						cancel(errInterrupt)
					}
					return nil
				}
				if err := w.runUnder(ctx, "words = lines(\"in.txt\").flat_map(lambda l: l.split())\n"+script, scarce); err == nil {
					return // it was done, or does not pass here
				} else if !passed.Load() || !errors.Is(err, errInterrupt) {
					t.Errorf("got %v", err)
				}
				w.leavesNothing(t)
			})
		}
	}
}

// stops runs a script that is interrupted while it reads.
func (w *world) stops(ctx context.Context, t *testing.T, script string) {
	t.Helper()
	o := engine.Options{Cores: 2, BlockSize: 256}
	if err := w.runUnder(ctx, "words = lines(\"in.txt\").flat_map(lambda l: l.split())\n"+script, o); !errors.Is(err, errInterrupt) {
		t.Errorf("got %v", err)
	}
	w.leavesNothing(t)
}

// A reducer's failure is said while the input is still open: the next record may never come.
func TestFailureBeforeTheInputEnds(t *testing.T) {
	for script, want := range map[string]string{
		`job = jsonl().reduce(0, lambda n, r: n + r["a"], by = "c")`:                                                       `key "a" not in dict`,
		`job = jsonl().window(windows.fixed("1s", time = "c")).reduce([], lambda all, r: all + [r["a"]]).map(lambda a: a)`: `key "a" not in dict`,
		`job = jsonl().window(windows.count(2)).sum("a")`:                                                                  `record has no field "a"`,
	} {
		r, in := io.Pipe()
		w := newWorld(t, nil, "")
		w.Stdin = r
		go func() { _, _ = io.WriteString(in, "{\"a\": 1, \"c\": 2}\n{\"c\": 1}\n") }()
		if err := w.runUnder(t.Context(), script, engine.Options{Cores: 2}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %s", script, err, want)
		}
		in.Close()
	}
}
