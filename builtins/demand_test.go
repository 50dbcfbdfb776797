package builtins_test

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/flowsh/flowsh/engine"
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

func TestDemandOfMany(t *testing.T) {
	w := newWorld(t, nil, "")
	if _, err := w.run(`job = from_enumerable(range(1000000), max_demand = 1).take(3)`, engine.Options{}); err != nil {
		t.Fatal(err)
	}
	if w.stdout.String() != "0\n1\n2\n" {
		t.Errorf("%s", w.stdout.String())
	}
}
