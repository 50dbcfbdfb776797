package builtins_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/host"
)

// TestCounters counts in functions of every kind, on every executor: each record counts once.
func TestCounters(t *testing.T) {
	var text strings.Builder
	for i := range 200 {
		fmt.Fprintln(&text, i)
	}
	script := `
def parse(line):
    counter("lines")
    if line.endswith("7"):
        counter("failed", 10)
        fail("seven")
    return int(line)

def fold(acc, n):
    counter("folded", n)
    return acc + n

job = lines("in.txt").map(parse, on_error = "drop").reduce(0, fold, by = lambda n: n % 3)
`
	const want = "failed 200, folded 17860, lines 200"
	for name, o := range executors {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, map[string]string{"in.txt": text.String()}, "")
			summary, err := w.run(script, o)
			if err != nil {
				t.Fatal(err)
			}
			if audit := summary.Audit(); !strings.Contains(audit, "counted "+want) {
				t.Errorf("it says %s", audit)
			}
		})
	}
}

func TestCountersBehindATake(t *testing.T) {
	for name, o := range executors {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, map[string]string{"in.txt": strings.Repeat("x\n", 500)}, "")
			summary, err := w.run(`
def seen(line):
    counter("seen")
    return line
job = lines("in.txt").map(seen).take(20)`, o)
			if err != nil {
				t.Fatal(err)
			}
			if len(summary.Counted) != 1 || summary.Counted[0].Value != 20 {
				t.Errorf("counted %v", summary.Counted)
			}
		})
	}
}

// TestCountersAreBounded tests that of more names than a job has counters the same have one everywhere, also where
// functions of several stages count at the same time, and that this is said.
func TestCountersAreBounded(t *testing.T) {
	var text strings.Builder
	for i := range 300 {
		fmt.Fprintln(&text, i)
	}
	script := `
def f(line):
    for i in range(10):
        counter("c%d" % (1000 + (int(line) * 10 + i * 7) % 2000))
    return int(line)

def fold(acc, n):
    counter("d%d" % n)
    counter("a", 9007199254740991)
    counter("b")
    counter("b", -1)
    return acc + n

job = lines("in.txt").map(f).reduce(0, fold, by = lambda n: n % 3)
`
	var want []engine.Counter
	for name, o := range executors {
		w := newWorld(t, map[string]string{"in.txt": text.String()}, "")
		warned := 0
		w.Emit = func(e host.Event) {
			if text, ok := e.(engine.Warning); ok && strings.Contains(text.Text, "under more than 1000 names: ") {
				warned++
			}
		}
		summary, err := w.run(script, o)
		if err != nil {
			t.Fatal(err)
		}
		got := summary.Counted
		if want == nil {
			want = got
		}
		if len(got) != 1001 || got[0].Name != "(others)" || got[1] != (engine.Counter{Name: "a", Value: 300 * 9007199254740991}) || got[2].Name != "b" || !slices.Equal(got, want) {
			t.Errorf("%s: %d counters, %v, and elsewhere %v", name, len(got), got[:3], want[:3])
		}
		if warned != 1 {
			t.Errorf("%s: said %d times", name, warned)
		}
	}
}

func TestCountersThatAreWrong(t *testing.T) {
	for script, want := range map[string]string{
		`counter("a")`: "call it in a function that the job runs",
		`job = from_enumerable([1]).map(lambda n: counter("a", 1 << 60))`: "is not between -2**53 and 2**53",
		`job = from_enumerable([1]).map(lambda n: counter(""))`:           "a name has 1 to 200 bytes",
		`job = from_enumerable([1]).map(lambda n: counter("(others)"))`:   "is what counters without a name of their own add up to",
	} {
		if _, err := newWorld(t, nil, "").run(script, executors["one core"]); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", script, err)
		}
	}
}
