package builtins_test

import "testing"

// events begins a script by a flow of (milliseconds, name), not in the order of time.
const events = `events = from_enumerable([(0, "a"), (999, "b"), (1000, "c"), (1999, "d"), (500, "a"), (2000, "e"), (-500, "z")])` + "\n"

func TestRulesOfWindows(t *testing.T) {
	testRules(t, []rule{
		{name: "fixed windows are half open", script: events + `job = events.window(windows.fixed("1s", time = 0)).group_by(lambda at, v: 1, value = 1).map(lambda w, k, vs: (w, "".join(vs)))`, want: "-1000\tz\n0\taba\n1000\tcd\n2000\te\n"},
		{name: "by key, in order of first occurrence", script: events + `job = events.window(windows.fixed("1s", time = 0)).count(by = 1)`, want: "-1000\tz\t1\n0\ta\t2\n0\tb\t1\n1000\tc\t1\n1000\td\t1\n2000\te\t1\n"},
		{name: "all aggregates", script: events + `
w = windows.fixed("2s", time = 0)
job = events.window(w).count().concat(events.window(w).sum(0), events.window(w).min(0), events.window(w).max(1), events.window(w).mean(0))`, want: "-2000\t1\n0\t5\n2000\t1\n" + "-2000\t-500\n0\t4498\n2000\t2000\n" + "-2000\t-500\n0\t0\n2000\t2000\n" + "-2000\tz\n0\td\n2000\te\n" + "-2000\t-500.0\n0\t899.6\n2000\t2000.0\n"},
		{name: "summarize names the window", script: events + `job = events.window(windows.fixed("2s", time = 0)).summarize(by = lambda at, v: v < "c", n = agg.count(), last = agg.last(1))`, want: `{"window":-2000,"key":false,"n":1,"last":"z"}
{"window":0,"key":true,"n":3,"last":"a"}
{"window":0,"key":false,"n":2,"last":"d"}
{"window":2000,"key":false,"n":1,"last":"e"}
`},
		{name: "summarize with a member window", script: events + `job = events.window(windows.fixed("2s", time = 0)).summarize(window = agg.count())`, fails: `two members window`},
		{name: "reduce without a key emits as ever", script: events + `job = events.window(windows.fixed("1s", time = 0)).reduce([], lambda acc, at, v: acc + [v])`, want: "z\na\nb\na\nc\nd\ne\n"},
		{name: "reduce by key", script: events + `job = events.window(windows.fixed("1s", time = 0)).reduce("", lambda acc, at, v: acc + v, by = lambda at, v: v in "ab")`, want: "-1000\tfalse\tz\n0\ttrue\taba\n1000\tfalse\tcd\n2000\tfalse\te\n"},
		{name: "reduce by key emits nothing or events", script: events + `
def add(acc, at, v): return acc + [v]
w = events.window(windows.fixed("2s", time = 0))
job = w.reduce([], add, by = lambda at, v: 0, emit = "events").concat(w.reduce([], add, by = lambda at, v: 0).emit("nothing"))`, want: "z\na\nb\nc\nd\na\ne\n"},
		{name: "reduce with merge", script: events + `job = events.window(windows.fixed("1s", time = 0)).reduce("", lambda acc, at, v: acc + v, by = lambda at, v: v in "ab", merge = lambda x, y: x + y)`, want: "-1000\tfalse\tz\n0\ttrue\taba\n1000\tfalse\tcd\n2000\tfalse\te\n"},
		{name: "uniq, take and take_sort keep their records", script: events + `
w = events.window(windows.fixed("1s", time = 0))
job = w.uniq(1).map(1).concat(w.take(1).map(1), w.take_sort(1, lambda at, v: -at).map(1), w.take(1, by = 1).map(1))`, want: "z\na\nb\nc\nd\ne\n" + "z\na\nc\ne\n" + "z\nb\nd\ne\n" + "z\na\nb\nc\nd\ne\n"},
		{name: "scan has a state for each window", script: events + `job = events.window(windows.fixed("1s", time = 0)).scan("", lambda acc, at, v: ([acc + v], acc + v), flush = lambda acc: [acc.upper()])`, want: "a\nab\nc\ncd\naba\ne\nz\nZ\nABA\nCD\nE\n"},
		{name: "sliding", script: events + `job = events.window(windows.sliding("1s", every = "500ms", time = 0)).count()`, want: "-1000\t1\n-500\t2\n0\t3\n500\t3\n1000\t2\n1500\t2\n2000\t1\n"},
		{name: "sliding folds in order", script: events + `job = events.window(windows.sliding("1500ms", every = "1s", time = 0)).reduce("", lambda acc, at, v: acc + v)`, want: "az\nabca\ncde\ne\n"},
		{name: "sessions by key", script: `job = from_enumerable([(70, "a"), (0, "a"), (5, "b"), (40, "a"), (45, "b"), (100, "a")]).window(windows.session("40ms", time = 0)).reduce([], lambda acc, t, k: acc + [t], by = 1)`, want: "[0,\"a\",[0]]\n[5,\"b\",[5]]\n[40,\"a\",[70,40,100]]\n[45,\"b\",[45]]\n"},
		{name: "sessions of the flow", script: events + `job = events.window(windows.session("600ms", time = 0)).count().concat(events.window(windows.session("500ms", time = 0)).take(1).map(1))`, want: "-500\t5\n1999\t2\n" + "z\na\nb\nd\n"},
		{name: "sessions by a key that is None", script: `job = from_enumerable([(0, None), (5, 1), (7, None)]).window(windows.session("1s", time = 0)).count(by = 1)`, want: "0\t\t2\n5\t1\t1\n"},
		{name: "windows by a key that is None", script: `job = from_enumerable([(0, None), (5, None)]).window(windows.fixed("1s", time = 0)).count(by = 1)`, want: "0\t\t2\n"},
		{name: "count", script: `job = from_enumerable(range(1, 8)).window(windows.count(3)).sum()`, want: "0\t6\n1\t15\n2\t7\n"},
		{name: "count leaves no empty tail", script: `job = from_enumerable(range(1, 7)).window(windows.count(3)).sum()`, want: "0\t6\n1\t15\n"},
		{name: "count by key", script: `job = from_enumerable(range(1, 8)).window(windows.count(2)).sum(by = lambda n: n % 2)`, want: "0\t1\t4\n0\t0\t6\n1\t1\t12\n1\t0\t6\n"},
		{name: "count by lane", script: `job = from_enumerable(range(8)).partition(lambda n: n % 2, lanes = 3).window(windows.count(3)).reduce([], lambda acc, n: acc + [n], on_trigger = lambda acc, lane, w: ([(w[1], acc)], None))`, want: "[0,[1,3,5]]\n[0,[0,2,4]]\n[1,[7]]\n[1,[6]]\n"},
		{name: "window before partition", script: `job = from_enumerable(range(8)).window(windows.count(3)).partition(lambda n: n % 2, lanes = 3).reduce([], lambda acc, n: acc + [n])`, want: "1\n3\n5\n0\n2\n4\n7\n6\n"},
		{name: "the windows of uniq are those of the flow", script: `
e = from_enumerable([(0, "a"), (5, "a"), (9, "b"), (20, "a"), (21, "a")])
job = e.window(windows.count(3)).uniq(1).map(0).concat(e.window(windows.session("10ms", time = 0)).uniq(1).map(0))`, want: "0\n9\n20\n" + "0\n9\n20\n"},
		{name: "or of its lane", script: `
e = from_enumerable([(0, 0), (5, 1), (9, 2), (11, 1), (20, 0), (21, 3)]).partition(lambda t, n: n % 2, lanes = 3)
job = e.window(windows.count(2)).uniq(1).map(0).concat(e.window(windows.session("10ms", time = 0)).uniq(1).map(0))`, want: "5\n0\n9\n21\n20\n" + "0\n9\n5\n20\n21\n"},
		{name: "nothing in, nothing out", script: `
e = from_enumerable([])
job = e.window(windows.fixed("1s", time = 0)).count().concat(e.window(windows.count(2)).reduce(0, lambda a, b: a), e.window(windows.session("1s", time = 0)).uniq(),
    e.window(windows.count(2)).trigger(every = 1).reduce(0, lambda a, b: a), e.window(windows.count(2)).scan(0, lambda a, b: ([], a), flush = lambda a: [a]))`, want: ""},
		{name: "a hundred thousand windows that are filled", script: `
filled = from_enumerable([0, 100000000]).window(windows.fixed("1s", time = lambda t: t, fill = True)).count()
job = filled.count().concat(filled.sum(0), filled.sum(1), filled.filter(lambda w, n: n))`, want: "100001\n5000050000000\n2\n0\t1\n100000000\t1\n"},
		{name: "idle changes nothing where inputs end", script: `job = from_enumerable([0, 5000, 10]).window(windows.fixed("1s", time = lambda t: t, idle = "1ms")).count()`, want: "0\t2\n5000\t1\n"},
		{name: "fill of lists", script: `job = from_enumerable([5, 1, 2001]).window(windows.fixed("1s", time = lambda t: t, fill = True)).take_sort(3, lambda t: -t, as_list = True)`, want: "[5,1]\n[]\n[2001]\n"},
		{name: "a million windows apart", script: `job = from_enumerable([0, 10000000000]).window(windows.fixed("1ms", time = lambda t: t)).count()`, want: "0\t1\n10000000000\t1\n"},
		{name: "fill", script: `
e = from_enumerable([(0, 5), (3500, 1)])
w = e.window(windows.fixed("1s", time = 0, fill = True))
job = w.count().concat(w.sum(1), w.mean(1), w.reduce([], lambda acc, t, n: acc + [n], on_trigger = lambda acc, lane, w: ([(w[1], acc)], acc)))`, want: "0\t1\n1000\t0\n2000\t0\n3000\t1\n" + "0\t5\n1000\t0\n2000\t0\n3000\t1\n" + "0\t5.0\n1000\t\n2000\t\n3000\t1.0\n" + "[0,[5]]\n[1000,[]]\n[2000,[]]\n[3000,[1]]\n"},
		{name: "fill of sliding windows", script: `job = from_enumerable([0, 40]).window(windows.sliding("20ms", every = "10ms", time = lambda t: t, fill = True)).count()`, want: "-10\t1\n0\t1\n10\t0\n20\t0\n30\t1\n40\t1\n"},
		{name: "times are RFC 3339", script: `job = from_enumerable(["2026-01-02T15:04:05Z", "2026-01-02T16:04:05.5+02:00"]).window(windows.fixed("1h", time = lambda x: x)).count()`, want: "2026-01-02T14:00:00Z\t1\n2026-01-02T15:00:00Z\t1\n"},
		{name: "times are values of time", script: `job = from_enumerable([0, 3600]).map(lambda s: time.from_timestamp(s)).window(windows.session("2h", time = lambda x: x)).count()`, want: "1970-01-01T00:00:00Z\t2\n"},
		{name: "windows come out as the first time is", script: `job = from_enumerable([0, "1970-01-01T00:00:01Z"]).window(windows.fixed("1s", time = lambda x: x)).count()`, want: "0\t1\n1000\t1\n"},
		{name: "the definition form", script: `
window = windows.fixed("1s", time = lambda l: int(l.split()[0]))
initial = 0
trigger = 2
def by(line): return line.split()[1]
def reduce(n, line): return n + 1
def on_trigger(n, key, window): return [(window, key, n)], n
`, stdin: "1 a\n2 b\n3 a\n1500 a\n", want: "fixed\t0\tevery\t2\ta\t2\n" + "fixed\t0\tdone\ta\t2\nfixed\t0\tdone\tb\t1\nfixed\t1000\tdone\ta\t1\n"},
		{name: "a flow read twice, with and without a window", script: events + `
later = events.map(lambda at, v: (at + 1000, v))
job = later.window(windows.fixed("1s", time = 0)).count().concat(later.count())`, want: "0\t1\n1000\t3\n2000\t2\n3000\t1\n7\n"},
	})
}

func TestRulesOfLateness(t *testing.T) {
	late := func(record, offset, by string) string {
		return `{"record":` + record + `,"source":"","offset":` + offset + `,"stage":"count","error":"late by ` + by + ` more than lateness allows","backtrace":""}` + "\n"
	}
	testRules(t, []rule{
		{name: "nothing is late without lateness", script: `job = from_enumerable([5000, 0, 1]).window(windows.fixed("1s", time = lambda t: t)).count()`, want: "0\t2\n5000\t1\n"},
		{name: "late records are included", script: `job = from_enumerable([5000, 0, 1]).window(windows.fixed("1s", time = lambda t: t, lateness = "1s", late = "include")).count()`, want: "0\t2\n5000\t1\n"},
		{
			name: "late records are written", script: `job = from_enumerable([100, 1200, 300, 1400, 199]).window(windows.fixed("1s", time = lambda t: t, lateness = "1s", late = "late.jsonl")).count()`,
			want: "0\t2\n1000\t2\n", wrote: map[string]string{"late.jsonl": late("199", "4", "201ms")},
		},
		{
			name: "not even a little late", script: `job = from_enumerable([100, 100, 99]).window(windows.session("1s", time = lambda t: t, lateness = "0s", late = "late.jsonl")).count()`,
			want: "100\t2\n", wrote: map[string]string{"late.jsonl": late("99", "2", "1ms")},
		},
		{
			name: "a unit of late records alone", script: `job = lines("in.txt").map(int).window(windows.session("1s", time = lambda t: t, lateness = "0s", late = "late.jsonl")).count().map(str)`,
			files: map[string]string{"in.txt": "3000000\n1000000\n1000000\n1000000\n1000000\n1000000\n1000000\n1000000\n"}, want: "(3000000, 1)\n",
		},
		{
			name: "late records of lines have their place, and none is lost", script: `
job = lines("in.txt").window(windows.sliding("2s", every = "1s", time = lambda l: int(l), lateness = "0s", late = "late.jsonl")).count()`,
			files: map[string]string{"in.txt": "3000\n1000\n4000\n"}, want: "2000\t1\n3000\t2\n4000\t1\n",
			wrote: map[string]string{"late.jsonl": `{"record":"1000","source":"in.txt","offset":5,"stage":"count","error":"late by 2s more than lateness allows","backtrace":""}` + "\n"},
		},
		{
			name: "late records of a scan", script: `job = from_enumerable([3000, 1000]).window(windows.fixed("1s", time = lambda t: t, lateness = "0s", late = "late.jsonl")).scan(0, lambda n, t: ([t], n))`,
			want: "3000\n", wrote: map[string]string{"late.jsonl": `{"record":1000,"source":"","offset":1,"stage":"scan lambda n, t: ([t], n)","error":"late by 2s more than lateness allows","backtrace":""}` + "\n"},
		},
		{
			name: "whole records are late", script: `job = jsonl("in.jsonl").window(windows.fixed("1s", time = "t", lateness = "0s", late = "late.jsonl")).sum("n", by = "k")`,
			files: map[string]string{"in.jsonl": `{"t": 2000, "k": "a", "n": 1, "more": [1]}` + "\n" + `{"t": 1000, "k": "a", "n": 1, "more": [2]}` + "\n"}, want: "2000\ta\t1\n",
			wrote: map[string]string{"late.jsonl": `{"record":{"t":1000,"k":"a","n":1,"more":[2]},"source":"in.jsonl","offset":43,"stage":"sum by \"k\"","error":"late by 1s more than lateness allows","backtrace":""}` + "\n"},
		},
		{name: "the file of late records is no output", script: `
f = from_enumerable([1]).window(windows.fixed("1s", time = lambda t: t, lateness = "0s", late = "x.jsonl")).count()
job = [f.write("x.jsonl")]`, fails: `x\.jsonl`, loads: true},
	})
}
