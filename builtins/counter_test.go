package builtins_test

import (
	"fmt"
	"strings"
	"testing"
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

func TestCountersAreBounded(t *testing.T) {
	w := newWorld(t, nil, "")
	summary, err := w.run(`
def f(n):
    counter("c%d" % (n % 2000), 9007199254740991)
    return n
job = from_enumerable(range(2500)).map(f).count()`, executors["one core"])
	if err != nil {
		t.Fatal(err)
	}
	if n := len(summary.Counted); n != 1001 {
		t.Errorf("%d counters", n)
	}
	for script, want := range map[string]string{
		`counter("a")`: "call it in a function that the job runs",
		`job = from_enumerable([1]).map(lambda n: counter("a", 1 << 60))`: "is not between -2**53 and 2**53",
		`job = from_enumerable([1]).map(lambda n: counter(""))`:           "a name has 1 to 200 bytes",
	} {
		if _, err := newWorld(t, nil, "").run(script, executors["one core"]); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", script, err)
		}
	}
}
