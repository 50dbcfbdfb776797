package builtins_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/flowsh/flowsh/builtins"
	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/host"
)

func TestRulesOfTriggers(t *testing.T) {
	const seven = `seven = from_enumerable(range(1, 8))` + "\n"
	testRules(t, []rule{
		{name: "on_trigger may begin anew", script: seven + `job = seven.trigger(every = 3).reduce(0, lambda a, n: a + n).on_trigger(lambda s: ([s], 0))`, want: "6\n15\n7\n"},
		{name: "or go on", script: seven + `job = seven.trigger(every = 3).reduce(0, lambda a, n: a + n, on_trigger = lambda s: ([s], s))`, want: "6\n21\n28\n"},
		{name: "without on_trigger the state comes out", script: seven + `job = seven.trigger(every = 3).reduce(0, lambda a, n: a + n)`, want: "6\n21\n28\n"},
		{name: "the end comes also if nothing new came", script: `job = from_enumerable(range(1, 7)).trigger(every = 3).reduce(0, lambda a, n: a + n)`, want: "6\n21\n21\n"},
		{name: "more than the input", script: `job = from_enumerable([1, 2, 3]).trigger(every = 10).reduce(0, lambda a, n: a + n)`, want: "6\n"},
		{name: "no records", script: `job = from_enumerable([]).trigger(every = 10).reduce(5, lambda a, n: a + n)`, want: "5\n"},
		{name: "no records by key", script: `job = from_enumerable([]).trigger(every = 10).reduce(5, lambda a, n: a + n, by = lambda n: n)`, want: ""},
		{name: "names", script: `job = from_enumerable([1, 1, 1]).trigger(every = 2).reduce(0, lambda a, n: a + n, on_trigger = lambda s, lane, w: ([(w, lane, s)], s))`, want: "global\t\tevery\t2\t0\t1\t2\nglobal\t\tdone\t0\t1\t3\n"},
		{name: "by key", script: `job = from_enumerable("abaab".elems()).trigger(every = 2).reduce("", lambda s, c: s + c, by = lambda c: c)`, want: "a\taa\nb\tbb\na\taaa\nb\tbb\n"},
		{name: "by key, on_trigger gets the key", script: `job = from_enumerable("abaab".elems()).trigger(every = 2).reduce("", lambda s, c: s + c, by = lambda c: c).on_trigger(lambda s, key: ([key + s], ""))`, want: "aaa\nbbb\naa\nb\n"},
		{name: "in windows", script: `job = from_enumerable([0, 1, 1000, 2, 1001]).window(windows.fixed("1s", time = lambda t: t)).trigger(every = 2).reduce(0, lambda n, t: n + 1, by = lambda t: "k")`, want: "0\tk\t2\n1000\tk\t2\n0\tk\t3\n1000\tk\t2\n"},
		{name: "trigger before window", script: `job = from_enumerable([0, 1]).trigger(every = 1).window(windows.count(1)).reduce(0, lambda n, t: n + 1)`, want: "1\n1\n1\n1\n"},
		{name: "in lanes, lane by lane", script: `job = from_enumerable(range(8)).trigger(every = 2).partition(lambda n: n % 2, lanes = 3).reduce([], lambda a, n: a + [n]).on_trigger(lambda s, lane: ([(lane[0], s)], []))`, want: "[1,[1,3]]\n[1,[5,7]]\n[1,[]]\n[2,[0,2]]\n[2,[4,6]]\n[2,[]]\n"},
		{
			name: "what comes out is a copy", script: `
def add(state, n):
    state["all"].append(n)
    return state
job = from_enumerable([1, 2, 3]).trigger(every = 1).reduce(lambda: {"all": []}, add, on_trigger = lambda s: ([s["all"], s], s)).concat(
    from_enumerable([1, 2]).trigger(every = 1).reduce(lambda: {"all": []}, add, emit = "state"))`,
			want: "[1]\n{\"all\":[1]}\n[1,2]\n{\"all\":[1,2]}\n[1,2,3]\n{\"all\":[1,2,3]}\n[1,2,3]\n{\"all\":[1,2,3]}\n" + "{\"all\":[1]}\n{\"all\":[1,2]}\n{\"all\":[1,2]}\n",
		},
		{name: "its own function", script: `
def pairs(seen, x):
    seen = (seen or 0) + 1
    return ("pair" if seen >= 2 else None), seen
job = from_enumerable("pqrs".elems()).trigger(f = pairs).reduce([], lambda s, c: s + [c], on_trigger = lambda s, lane, w: ([(w[2], s)], s[-1:]))`, want: "[\"pair\",[\"p\",\"q\"]]\n[\"pair\",[\"q\",\"r\"]]\n[\"pair\",[\"r\",\"s\"]]\n[\"done\",[\"s\"]]\n"},
		{name: "its own function takes fields", script: `job = from_enumerable([("a", 1), ("b", 9)]).trigger(f = lambda s, k, n: ("big" if n > 5 else None, s)).reduce(0, lambda a, k, n: a + n).on_trigger(lambda s, l, w: ([(w[2], s)], s))`, want: "big\t10\ndone\t10\n"},
		{name: "two that fire at once", script: `job = from_enumerable([1, 2]).trigger(every = 2, f = lambda s, n: ("two" if n == 2 else None, s)).reduce(0, lambda a, n: a + n).on_trigger(lambda s, l, w: ([(w[2], s)], 0))`, want: "two\t3\nevery\t2\t0\ndone\t0\n"},
		{name: "a scan emits before its trigger", script: `job = from_enumerable([1, 2, 3]).trigger(every = 2).scan(0, lambda s, n: ([n], s + n), on_trigger = lambda s, l, w: ([("sum", s)], 0))`, want: "1\n2\nsum\t3\n3\nsum\t3\n"},
		{name: "a scan with on_trigger alone", script: `job = from_enumerable([1, 2]).scan(0, lambda s, n: ([n], s + n)).on_trigger(lambda s: ([-s], s))`, want: "1\n2\n-3\n"},
		{name: "a scan that emits its state", script: `job = from_enumerable([1, 2]).scan(0, lambda s, n: ([n], s + n)).emit("state")`, want: "1\n2\n3\n"},
		{name: "on_trigger of a reduce by key", script: `job = from_enumerable([("a", 1), ("b", 2), ("a", 3)]).reduce(0, lambda s, k, n: s + n, by = 0).on_trigger(lambda s, key: ([key] * s, None))`, want: "a\na\na\na\nb\nb\n"},
		{name: "on_trigger of lanes", script: `job = from_enumerable([1, 2, 3]).partition(lambda n: 0, lanes = 3).reduce(0, lambda s, n: s + n).on_trigger(lambda s, lane, w: ([(lane, w, s)], s))`, want: "0\t3\tglobal\t\tdone\t0\n1\t3\tglobal\t\tdone\t0\n2\t3\tglobal\t\tdone\t6\n"},
		{name: "on_trigger of no records", script: `job = from_enumerable([]).reduce(7, lambda s, n: s + n).on_trigger(lambda s: ([s, s], s))`, want: "7\n7\n"},
		{name: "on_trigger may change the state", script: `
def last(s):
    s.append(0)
    return [s], s
job = from_enumerable([1, 2]).reduce([], lambda s, n: s + [n], on_trigger = last)`, want: "[1,2,0]\n"},
		{name: "take stops it", script: `job = from_enumerable(range(1000000)).trigger(every = 2).reduce(0, lambda s, n: s + 1).take(2)`, want: "2\n4\n"},
	})
}

func TestRulesOfWindowErrors(t *testing.T) {
	at := `at = from_enumerable([5, 1, 4])` + "\n"
	testRules(t, []rule{
		{name: "a window without computation", script: at + `job = at.window(windows.count(2))`, fails: `:2:16: window is set, but nothing is computed in it`},
		{name: "a window before a map", script: at + `job = at.window(windows.count(2)).map(str)`, fails: `:2:16: window is set, but nothing is computed in it`},
		{name: "a window before a partition alone", script: at + `job = at.window(windows.count(2)).partition()`, fails: `window is set, but nothing is computed in it`},
		{name: "a trigger before a write", script: at + `job = at.trigger(every = 2).write("x")`, fails: `trigger is set, but nothing is computed in it`},
		{name: "a window in concat", script: at + `job = at.concat(at.window(windows.count(2)))`, fails: `window is set, but nothing is computed in it`},
		{name: "a window as a side input", script: at + `job = at.map(lambda x, y: x, using = at.window(windows.count(2)))`, fails: `window is set, but nothing is computed in it`},
		{name: "a window of a sort", script: at + `job = at.window(windows.count(2)).sort()`, fails: `window is set, but nothing is computed in it`},
		{name: "two windows", script: at + `job = at.window(windows.count(2)).window(windows.count(2)).count()`, fails: `there is a window already, at job\.star:2:16`},
		{name: "two triggers", script: at + `job = at.trigger(every = 2).trigger(every = 2).reduce(0, lambda a, b: a)`, fails: `there is a trigger already, at job\.star:2:17`},
		{name: "a trigger of nothing", script: at + `job = at.trigger().reduce(0, lambda a, b: a)`, fails: `trigger needs every = n`},
		{name: "a trigger of 0", script: at + `job = at.trigger(every = 0).reduce(0, lambda a, b: a)`, fails: `every: 0 is out of range: at least 1`},
		{name: "a trigger of a negative period", script: at + `job = at.trigger(period = "-5s").reduce(0, lambda a, b: a)`, fails: `period must be over 0, not -5s`},
		{name: "a trigger of an unknown unit", script: at + `job = at.trigger(period = "5 days").reduce(0, lambda a, b: a)`, fails: `is no duration: units are`},
		{name: "a trigger by the clock", script: at + `job = at.trigger(period = "5s").reduce(0, lambda a, b: a)`, fails: `go by the machine's clock(.|\n)*nondeterministic = True`},
		{name: "a trigger of count", script: at + `job = at.trigger(every = 2).count()`, fails: `triggers fire for reduce and scan, not for count`},
		{name: "a trigger in sessions", script: at + `job = at.window(windows.session("1s", time = lambda t: t)).trigger(every = 2).reduce(0, lambda a, b: a)`, fails: `a trigger cannot go along with it`},
		{name: "a scan in sessions", script: at + `job = at.window(windows.session("1s", time = lambda t: t)).scan(0, lambda a, b: ([], a))`, fails: `scan cannot go along with it`},
		{name: "windows by the clock", script: at + `job = at.window(windows.periodic("5s")).count()`, fails: `go by the machine's clock(.|\n)*nondeterministic = True`},
		{name: "no window", script: at + `job = at.window("1h").count()`, fails: `want a window, not string`},
		{name: "fill with keys", script: at + `job = at.window(windows.fixed("1s", time = lambda t: t, fill = True)).count(by = lambda t: t)`, fails: `fill = True is for one state in each window`},
		{name: "a function of time without return", script: at + "def when(t):\n    t + 1\n" + `job = at.window(windows.fixed("1s", time = when)).count()`, fails: `when returns nothing`},
		{name: "a function of time of no parameter", script: at + `job = at.window(windows.fixed("1s", time = lambda: 1)).count()`, fails: `takes 0 parameters`},
		{name: "emit twice", script: at + `job = at.reduce(0, lambda a, b: a).emit("state").emit("state")`, fails: `has emit or on_trigger already`},
		{name: "emit and on_trigger", script: at + `job = at.reduce(0, lambda a, b: a, emit = "state", on_trigger = lambda s: ([], s))`, fails: `nothing for emit to say`},
		{name: "on_trigger without reduce", script: at + `job = at.map(str).on_trigger(lambda s: ([], s))`, fails: `on_trigger must stand directly after reduce or scan`},
		{name: "on_trigger of four", script: at + `job = at.reduce(0, lambda a, b: a).on_trigger(lambda a, b, c, d: ([], a))`, fails: `must take 1 to 3 parameters`},
		{name: "on_trigger returns no pair", script: at + `job = at.reduce(0, lambda a, b: a).on_trigger(lambda s: [s])`, fails: `on_trigger must return \(list of records, next state\), not \[0\]`, loads: true},
		{name: "on_trigger returns no list", script: at + `job = at.trigger(every = 1).reduce(0, lambda a, b: a).on_trigger(lambda s: (5, s))`, fails: `on_trigger must return \(list of records, next state\): want a list.* not int: 5`, loads: true},
		{name: "on_trigger fails", script: at + `job = at.reduce(0, lambda a, b: a).on_trigger(lambda s: s.x)`, fails: `job\.star:2:\d+: reduce: on_trigger: int has no .x field`, loads: true},
		{name: "a trigger returns no pair", script: at + `job = at.trigger(f = lambda s, r: "now").reduce(0, lambda a, b: a)`, fails: `the trigger must return \(name or None, next state\), not "now"`, loads: true},
		{name: "a trigger returns no name", script: at + `job = at.trigger(f = lambda s, r: (True, s)).reduce(0, lambda a, b: a)`, fails: `the name is bool: True`, loads: true},
		{name: "a trigger fails", script: at + `job = at.trigger(f = lambda s, r: r.x).reduce(0, lambda a, b: a)`, fails: `reduce: trigger: int has no .x field(.|\n)*5`, loads: true},
		{name: "a time of the wrong type", script: `job = from_enumerable([1, 2, 1.5]).window(windows.fixed("1s", time = lambda t: t)).count()`, fails: `the time of a record must be an int .* not float: 1\.5`, loads: true},
		{name: "a time that is None", script: `job = from_enumerable([1, None]).window(windows.sliding("1s", every = "1s", time = lambda t: t)).count()`, fails: `the time of a record must be an int .* not NoneType: None`, loads: true},
		{name: "a time that is no RFC 3339", script: `job = from_enumerable(["yesterday"]).window(windows.session("1s", time = lambda t: t)).count()`, fails: `the time "yesterday" is not RFC 3339`, loads: true},
		{name: "a time out of range", script: `job = from_enumerable([1700000000000000000]).window(windows.fixed("1s", time = lambda t: t)).scan(0, lambda s, r: ([], s))`, fails: `the time 1700000000000000000 is out of range: an int is milliseconds`, loads: true},
		{name: "a time far out of range", script: `job = from_enumerable([1 << 80]).window(windows.fixed("1s", time = lambda t: t)).count()`, fails: `the time 1208925819614629174706176 is out of range: an int is milliseconds`, loads: true},
		{name: "windows to be filled without end", script: `job = from_enumerable([0, 8000000000000]).window(windows.fixed("1ms", time = lambda t: t, fill = True)).count()`, fails: `count: fill = True would make 7999999999999 windows without records, more than 134217728`, loads: true},
		{name: "late records that are to be lost", script: at + `job = at.window(windows.fixed("1s", time = lambda t: t, lateness = "1s", late = "drop")).count()`, fails: `late="drop": late records are never lost: write late="include", or a file`},
		{name: "a year out of range", script: `job = from_enumerable(["9999-01-01T00:00:00Z"]).window(windows.fixed("1s", time = lambda t: t)).count()`, fails: `the time 9999-01-01T00:00:00Z is out of range`, loads: true},
		{name: "a time that is missing", script: `job = from_enumerable([{"t": 1}, {}]).window(windows.fixed("1s", time = "t")).count()`, fails: `"t"`, loads: true},
		{name: "the first of two errors: the time", script: `job = from_enumerable([(1, 1), (None, 1), (1, "x")]).window(windows.fixed("1s", time = 0)).sum(1)`, fails: `the time of a record must be`, loads: true},
		{name: "the first of two errors: the sum", script: `job = from_enumerable([(1, 1), (1, "x"), (None, 1)]).window(windows.fixed("1s", time = 0)).sum(1)`, fails: `sum: .*string`, loads: true},
		{name: "the first of two errors: the fold", script: `job = from_enumerable([(1, 1), (1, "x"), (None, 1)]).window(windows.fixed("1s", time = 0)).reduce(0, lambda s, t, n: s + n)`, fails: `unknown binary op: int \+ string`, loads: true},
		{name: "the first of two errors in order", script: `job = from_enumerable([(1, 1), (1, "x"), (None, 1)]).window(windows.fixed("1s", time = 0, lateness = "0s", late = "l.jsonl")).reduce(0, lambda s, t, n: s + n)`, fails: `unknown binary op: int \+ string`, loads: true},
		{name: "a key that is a list", script: `job = from_enumerable([(1, [1])]).window(windows.fixed("1s", time = 0)).count(by = 1)`, fails: `tuple`, loads: true},
		{name: "a key that is a list in counted windows", script: `job = from_enumerable([(1, [1])]).window(windows.count(2)).count(by = 1)`, fails: `tuple`, loads: true},
		{name: "a key that is a list in sessions", script: `job = from_enumerable([(1, [1])]).window(windows.session("1s", time = 0)).count(by = 1)`, fails: `tuple`, loads: true},
	})
}

// TestTimeOfTheClock runs what goes by the clock, which each record that is folded moves on by a second.
func TestTimeOfTheClock(t *testing.T) {
	const fold = `
def add(n, x):
    print(x)
    return n + 1
`
	for _, c := range []struct{ name, script, want, note string }{
		{
			"period", `job = from_enumerable(range(7)).trigger(period = "3s", nondeterministic = True).reduce(0, add, on_trigger = lambda n, lane, w: ([(w[2], n)], n))`,
			"period\t3s\t4\nperiod\t3s\t7\ndone\t7\n", "trigger(period=3s) at job.star:6:40 goes by the clock",
		},
		{
			"after", `job = from_enumerable(range(7)).trigger(after = "2s", nondeterministic = True).reduce(0, add, by = lambda x: x % 2).on_trigger(lambda n, key, w: ([(w[2], key, n)], n))`,
			"after\t2s\t0\t2\nafter\t2s\t1\t2\ndone\t0\t4\ndone\t1\t3\n", "trigger(after=2s) at job.star:6:40 goes by the clock",
		},
		{
			"periodic", `job = from_enumerable(range(7)).window(windows.periodic("3s", nondeterministic = True)).scan(0, lambda n, x: ([], add(n, x)), flush = lambda n: [n])`,
			"3\n3\n1\n", "windows.periodic(3s) at job.star:6:39 is cut by the clock",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, nil, "")
			clock := host.NewManualClock(startOfJob)
			w.Host.Clock = clock
			w.Host.Emit = func(e host.Event) {
				if _, ok := e.(engine.Printed); ok {
					clock.Advance(time.Second)
				}
			}
			job, err := builtins.Load("job.star", []byte(fold+"\n"+c.script), builtins.Options{Host: w.Host, Now: startOfJob})
			if err != nil {
				t.Fatal(err)
			}
			summary, err := engine.Run(context.Background(), job.Program, engine.Options{Host: w.Host})
			if err != nil {
				t.Fatal(err)
			}
			if got := w.stdout.String(); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
			if !strings.Contains(summary.Audit(), c.note) {
				t.Errorf("the audit line says nothing of the clock: %s", summary.Audit())
			}
		})
	}
}
