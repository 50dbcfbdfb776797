package builtins_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/host"
)

// A countingReader says how much of an endless text was read.
type countingReader struct{ read atomic.Int64 }

func (r *countingReader) Read(p []byte) (int, error) {
	n := copy(p, strings.Repeat("a line of text\n", 1+len(p)/15))
	r.read.Add(int64(n))
	return n, nil
}

// TestTakeStopsTheSource reads stdin that never ends.
func TestTakeStopsTheSource(t *testing.T) {
	const most = 4 << 20 // bytes
	for _, script := range []string{
		`job = lines().take(5)`,
		`job = lines(max_demand = 10).map(len).take(5)`,
		`job = lines().filter(lambda l: l).flat_map(lambda l: l.split()).take(5).count()`,
	} {
		for name, o := range executors {
			if o.Tasks != nil {
				continue // stdin is not read elsewhere
			}
			w := newWorld(t, nil, "")
			in := &countingReader{}
			w.Stdin = in
			if _, err := w.run(script, o); err != nil {
				t.Fatalf("%s: %s: %v", script, name, err)
			}
			if n := in.read.Load(); n > most {
				t.Errorf("%s: %s: %d bytes were read", script, name, n)
			}
		}
	}
}

// TestDemandChangesNothing runs jobs with all demands and without.
func TestDemandChangesNothing(t *testing.T) {
	everywhere(t, `
n = from_enumerable(range(1000), max_demand = 7, linger = "1ms")
job = n.map(lambda x: x + 1, max_demand = 10, min_demand = 9).partition(lambda x: x % 5, lanes = 4, max_demand = 1, min_demand = 0).map(lambda x: x % 10).reduce(
    {}, lambda acc, x: acc | {x: acc.get(x, 0) + 1}, max_demand = 3).sum(1, by = 0, max_demand = 2).sort(0, max_demand = 5).take(3, max_demand = 1)`,
		nil, "", "0\t100\n1\t100\n2\t100\n", "")
	everywhere(t, `job = lines("in.txt", max_demand = 2).summarize(n = agg.count(), max_demand = 2).write("-", format = "jsonl")`,
		map[string]string{"in.txt": strings.Repeat("x\n", 5000)}, "", "{\"n\":5000}\n", "")
}

// TestLingerOnSlowInput gives a job its lines from time to time. How long a block waits for more shows in when records
// come out, and in nothing else. It runs on one core: a second one would wait for the input at a mutex, for which the clock
// of synctest does not go on.
func TestLingerOnSlowInput(t *testing.T) {
	for linger, want := range map[string]string{"0s": "1 1 1 1", "30s": "2 2", "2m": "4"} {
		synctest.Test(t, func(t *testing.T) {
			r, in := io.Pipe()
			out := new(bursts)
			w := newWorld(t, nil, "")
			w.Stdin, w.Stdout, w.Clock = r, out, host.New().Clock
			go func() {
				for _, line := range []string{"a b\n", "b\n", "c a\n", "d\n"} {
					_, _ = io.WriteString(in, line)
					time.Sleep(20 * time.Second)
				}
				in.Close()
			}()
			if _, err := w.run(fmt.Sprintf(`job = lines(linger = %q).map(lambda l: l.upper())`, linger), engine.Options{Cores: 1}); err != nil {
				t.Fatal(err)
			}
			if got := out.text.String(); got != "A B\nB\nC A\nD\n" {
				t.Errorf("linger %s: got %q", linger, got)
			}
			if got := strings.Join(out.lines, " "); got != want {
				t.Errorf("linger %s: lines came out as %s, want %s", linger, got, want)
			}
		})
	}
}

// bursts notes how many lines each write had.
type bursts struct {
	text  strings.Builder
	lines []string
}

func (b *bursts) Write(p []byte) (int, error) {
	b.lines = append(b.lines, fmt.Sprint(bytes.Count(p, []byte("\n"))))
	return b.text.Write(p)
}

func TestDemandOfMany(t *testing.T) {
	w := newWorld(t, nil, "")
	if _, err := w.run(`job = from_enumerable(range(1000000), max_demand = 1).take(3)`, engine.Options{}); err != nil {
		t.Fatal(err)
	}
	if w.stdout.String() != "0\n1\n2\n" {
		t.Errorf("%s", w.stdout.String())
	}
}
