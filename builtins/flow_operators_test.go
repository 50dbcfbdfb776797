package builtins_test

import "testing"

const visits = `
visits = from_enumerable([{"u": u, "n": n} for u, n in [("b", 2), ("a", 1), ("b", 3), ("c", 1.5), ("a", 1)]])
`

func TestSummarize(t *testing.T) {
	for _, c := range []struct{ name, script, want string }{
		{
			"every aggregate", visits + `job = visits.summarize(by = "u", count = agg.count(), sum = agg.sum("n"), mean = agg.mean("n"),
    min = agg.min("n"), max = agg.max("n"), first = agg.first("n"), last = agg.last("n"), var = agg.var("n"), stddev = agg.stddev("n"),
    list = agg.list("n"), set = agg.set("n"), quantile = agg.quantile("n", 0.5), approx = agg.approx_distinct("n"), top = agg.top(1, "n"))`,
			`{"u":"b","count":2,"sum":5,"mean":2.5,"min":2,"max":3,"first":2,"last":3,"var":0.5,"stddev":0.7071067811865476,"list":[2,3],"set":[2,3],"quantile":2.0,"approx":2,"top":[3]}
{"u":"a","count":2,"sum":2,"mean":1.0,"min":1,"max":1,"first":1,"last":1,"var":0.0,"stddev":0.0,"list":[1,1],"set":[1],"quantile":1.0,"approx":1,"top":[1]}
{"u":"c","count":1,"sum":1.5,"mean":1.5,"min":1.5,"max":1.5,"first":1.5,"last":1.5,"var":null,"stddev":null,"list":[1.5],"set":[1.5],"quantile":1.5,"approx":1,"top":[1.5]}
`,
		},
		{
			"nothing at all", `job = from_enumerable([]).summarize(count = agg.count(), sum = agg.sum(), mean = agg.mean(), min = agg.min(), first = agg.first(),
    last = agg.last(), var = agg.var(), list = agg.list(), set = agg.set(), quantile = agg.quantile(0, 1), approx = agg.approx_distinct(), top = agg.top(1))`,
			`{"count":0,"sum":0,"mean":null,"min":null,"first":null,"last":null,"var":null,"list":[],"set":[],"quantile":null,"approx":0,"top":[]}` + "\n",
		},
		{"nothing by key", `job = from_enumerable([]).summarize(by = 0, count = agg.count())`, ""},
		{"several selectors", visits + `job = visits.summarize(by = ("u", "n"), k = agg.count()).take(2)`, "{\"u\":\"b\",\"n\":2,\"k\":1}\n{\"u\":\"a\",\"n\":1,\"k\":2}\n"},
		{"indexes", `job = from_enumerable([("a", 1), ("a", 2)]).summarize(by = [0], n = agg.sum(1)).concat(from_enumerable([("a", 1)]).summarize(by = 1, n = agg.first(0)))`, "{\"0\":\"a\",\"n\":3}\n{\"1\":1,\"n\":\"a\"}\n"},
		{"a function", visits + `job = visits.summarize(by = lambda r: r["n"] > 1, users = agg.list("u"))`, "{\"key\":true,\"users\":[\"b\",\"b\",\"c\"]}\n{\"key\":false,\"users\":[\"a\",\"a\"]}\n"},
		{"a function that returns a tuple", visits + `job = visits.summarize(by = lambda r: (r["u"], 1), n = agg.count()).map("key").take(1)`, "b\t1\n"},
		{"only counts", visits + `job = visits.summarize(n = agg.count(), m = agg.count())`, "{\"n\":5,\"m\":5}\n"},
		{"spread over a function", `job = from_enumerable([(1, 2), (3, 4)]).summarize(x = agg.sum(lambda a, b: a * b))`, "{\"x\":14}\n"},
		{"whole records", `job = from_enumerable([3, 1, 3]).summarize(first = agg.first(), all = agg.list(), set = agg.set(), top = agg.top(2))`, "{\"first\":3,\"all\":[3,1,3],\"set\":[3,1],\"top\":[3,3]}\n"},
		{"then a new stage", visits + `job = visits.summarize(by = "u", n = agg.sum("n")).sort("n", reverse = True).map(lambda r: (r["u"], r["n"])).take(1)`, "b\t5\n"},
		{"None among the values", `
n = from_enumerable([("a", None), ("b", None), ("a", 2), ("b", 3), ("c", ())])
job = n.summarize(by = 0, f = agg.first(1), l = agg.last(1), s = agg.set(1), all = agg.list(1), d = agg.approx_distinct(1))`, `{"0":"a","f":null,"l":2,"s":[null,2],"all":[null,2],"d":2}
{"0":"b","f":null,"l":3,"s":[null,3],"all":[null,3],"d":2}
{"0":"c","f":[],"l":[],"s":[[]],"all":[[]],"d":1}
`},
		{"frozen results", visits + `job = visits.summarize(l = agg.list("n")).map(lambda r: attempt(r["l"].append, 1, default = "frozen"))`, "frozen\n"},
		{"equal elements of a set", `job = from_enumerable([1.0, 1, True, 0.0, -0.0]).summarize(s = agg.set(), n = agg.approx_distinct())`, "{\"s\":[1.0,true,0.0],\"n\":3}\n"},
		{"a root that is rounded once", `job = from_enumerable([0, 0, 5]).summarize(d = agg.stddev())`, "{\"d\":2.8867513459481287}\n"},
		{"many members", `
n = from_enumerable(range(100))
job = n.summarize(by = lambda x: x % 2, **{"m%d" % i: agg.stddev(lambda x: x) for i in range(80)}).map(lambda r: (r["key"], r["m0"] == r["m79"], len(r)))`, "0\ttrue\t81\n1\ttrue\t81\n"},
		{"long lists", `
n = from_enumerable(range(1000))
job = n.summarize(by = lambda x: x % 20, l = agg.list(), s = agg.set(lambda x: x % 400), n = agg.count()).map(lambda r: (r["l"] == list(range(r["key"], 1000, 20)), len(r["s"]), r["n"])).uniq()`, "true\t20\t50\n"},
	} {
		t.Run(c.name, func(t *testing.T) { everywhere(t, c.script, nil, "", c.want, "") })
	}
}

func TestSummarizeErrors(t *testing.T) {
	files := map[string]string{"n.txt": "1\n2\nx\n4\ny\n"}
	for _, c := range []struct{ name, script, want string }{
		{"a function that fails", `job = lines("n.txt").summarize(total = agg.sum(int))`, `summarize: int: invalid literal.*\n  record: "x"\n  from:   n.txt, byte 4`},
		{"a value of the wrong type", `job = lines("n.txt").summarize(n = agg.count(), total = agg.sum())`, `job.star:1:\d+: summarize: total: want int or float, got string\n  record: "1"\n  from:   n.txt, byte 0`},
		{"the first of two parts", `job = from_enumerable([1, [2], "x"]).summarize(total = agg.mean(), all = agg.set(lambda x: x))`, `summarize: total: want int or float, got list`},
		{"a list in a set", `job = from_enumerable([1, [2]]).summarize(all = agg.set())`, `summarize: all: .*tuple`},
		{"values that do not compare", `job = from_enumerable([1, 2, "x"]).summarize(best = agg.top(1))`, `summarize: best: string does not compare with number`},
		{"nan in a quantile", `job = from_enumerable([1, float("nan")]).summarize(m = agg.quantile(lambda x: x, 0.5))`, `summarize: m: want a finite number, got nan`},
		{"a list as a key", `job = lines("n.txt").summarize(by = lambda l: [l], n = agg.count())`, `tuple`},
	} {
		t.Run(c.name, func(t *testing.T) { everywhere(t, c.script, files, "", "", c.want) })
	}
}

func TestRoute(t *testing.T) {
	for _, c := range []struct{ name, script, want, fails string }{
		{"lanes come in order", `job = from_enumerable(range(6)).partition(route = lambda x: (x + 1) % 3, lanes = 3).reduce([], lambda acc, x: acc + [x], emit = "state")`, "[2,5]\n[0,3]\n[1,4]\n", ""},
		{"None goes nowhere", `job = from_enumerable(range(6)).partition(route = lambda x: None if x % 2 else 0, stages = 1).reduce([], lambda acc, x: acc + [x], emit = "state")`, "[0,2,4]\n", ""},
		{"a selector", `job = from_enumerable([(1, "a"), (0, "b"), (1, "c")]).partition(route = 0, lanes = 2).batch(9)`, "[[0,\"b\"]]\n[[1,\"a\"],[1,\"c\"]]\n", ""},
		{"many records", `job = from_enumerable(range(3000)).partition(route = lambda x: x % 7 if x % 11 else None, lanes = 7).map(lambda x: 1).reduce(0, lambda acc, x: acc + x).sum()`, "2727\n", ""},
		{"beyond the lanes", `job = from_enumerable([1]).partition(route = lambda x: 7, lanes = 2).count()`, "", `job.star:1:\d+: partition: route returned lane 7, but there are the lanes 0 to 1`},
		{"below them", `job = from_enumerable([1]).partition(route = lambda x: -1).count()`, "", `route returned lane -1, but there are the lanes 0 to 63`},
		{"no int", `job = from_enumerable([1]).partition(route = lambda x: 1.0).count()`, "", `route must return the index of a lane, or None for a record that goes nowhere, not float: 1.0`},
		{"with an error", `job = lines("n.txt").partition(route = lambda x: int(x) % 2).count()`, "", `partition: int: invalid literal.*\n  record: "x"\n  from:   n.txt, byte 4`},
	} {
		t.Run(c.name, func(t *testing.T) {
			everywhere(t, c.script, map[string]string{"n.txt": "1\n2\nx\n4\ny\n"}, "", c.want, c.fails)
		})
	}
}

func TestGathering(t *testing.T) {
	for _, c := range []struct{ name, script, want, fails string }{
		{"departition of sums", `job = from_enumerable(range(1, 7)).partition(route = lambda x: x % 2, lanes = 2).reduce(0, lambda acc, x: acc + x).departition(list, lambda acc, s: acc + [s], lambda acc: sorted(acc))`, "[9,12]\n", ""},
		{"departition of dicts", `
def tally(acc, w):
    acc[w] = acc.get(w, 0) + 1
    return acc
job = from_enumerable(["a", "b", "a"]).partition().reduce({}, tally).departition({}, lambda acc, part: acc | part, lambda acc: sorted(acc.items()))`, "[[\"a\",2],[\"b\",1]]\n", ""},
		{"departition of what the lanes emit", `
def tally(acc, w):
    acc[w] = acc.get(w, 0) + 1
    return acc
job = from_enumerable(["a", "b", "a"]).partition().reduce({}, tally, emit = "events").departition(0, lambda acc, word, n: acc + n)`, "3\n", ""},
		{"departition without a reduce", `job = from_enumerable(range(6)).partition(route = lambda x: x % 2, lanes = 2).departition([], lambda acc, x: acc + [x])`, "[0,2,4,1,3,5]\n", ""},
		{"departition in windows", `
at = from_enumerable([0, 1500, 200, 1600, 2500]).partition(route = lambda t: t % 1000 // 500, lanes = 2).window(windows.fixed("1s", time = lambda t: t))
lists = at.reduce([], lambda acc, t: acc + [t])
job = lists.departition([], lambda acc, part: acc + [part], lambda acc, window: [window, acc])`, "[[\"fixed\",0,\"done\"],[[0,200]]]\n[[\"fixed\",1000,\"done\"],[[1500,1600]]]\n[[\"fixed\",2000,\"done\"],[[2500]]]\n", ""},
		{"departition in windows of times", `
at = from_enumerable(["2026-01-02T15:04:05Z", "2026-01-02T15:01:00Z", "2026-01-02T14:59:00Z"]).window(windows.fixed("1h", time = lambda t: t))
job = at.reduce(0, lambda acc, t: acc + 1).departition(0, lambda acc, n: acc + n, lambda acc, window: (str(window[1]), acc))`, "2026-01-02 14:00:00 +0000 UTC\t1\n2026-01-02 15:00:00 +0000 UTC\t2\n", ""},
		{"departition of what triggers give in windows", `
at = from_enumerable([0, 1, 1000, 2, 1001, 3]).window(windows.fixed("1s", time = lambda t: t)).trigger(every = 2)
job = at.reduce([], lambda acc, t: acc + [t], emit = "state").departition([], lambda acc, part: acc + [part])`, "[[0,1],[0,1,2,3],[0,1,2,3]]\n[[1000,1001],[1000,1001]]\n", ""},
		{"departition of sums by key in windows", `
at = from_enumerable([0, 1001, 2, 1003, 4]).window(windows.fixed("1s", time = lambda t: t)).count(by = lambda t: t % 2)
job = at.departition({}, lambda acc, window, key, n: acc | {key: (window, n)}, lambda acc: acc.items())`, "[[0,[0,3]]]\n[[1,[1000,2]]]\n", ""},
		{"departition of uniq records in windows", `
at = from_enumerable([0, 0, 1001, 2, 1001]).window(windows.fixed("1s", time = lambda t: t)).uniq()
job = at.departition([], lambda acc, t: acc + [t])`, "[0,2]\n[1001]\n", ""},
		{"departition of a scan in windows", `
at = from_enumerable([0, 1001, 2, 1003]).window(windows.fixed("1s", time = lambda t: t)).scan(0, lambda acc, t: ([(acc, t)], acc + 1))
job = at.departition([], lambda acc, n, t: acc + [(n, t)])`, "[[0,0],[1,2]]\n[[0,1001],[1,1003]]\n", ""},
		{"departition in windows behind a map", `
at = from_enumerable([0, 1001, 2]).window(windows.fixed("1s", time = lambda t: t)).reduce(0, lambda acc, t: acc + t)
job = at.map(lambda n: n).departition([], lambda acc, n: acc + [n])`, "[2,1001]\n", ""},
		{"departition of empty windows", `
at = from_enumerable([0, 2001]).window(windows.fixed("1s", time = lambda t: t, fill = True)).reduce(0, lambda acc, t: acc + 1)
job = at.departition(7, lambda acc, n: acc + n)`, "8\n7\n8\n", ""},
		{"departition of no windows", `
at = from_enumerable([]).window(windows.fixed("1s", time = lambda t: t)).reduce(0, lambda acc, t: acc + 1)
job = at.departition(7, lambda acc, n: acc + n)`, "", ""},
		{"departition in windows whose merge fails", `
at = from_enumerable([1, 1001]).window(windows.fixed("1s", time = lambda t: t)).reduce(0, lambda acc, t: acc + t)
job = at.departition(0, lambda acc, n: acc // (n - 1001))`, "", `departition: floored division by zero.*\n  record: 1001\n`},
		{"departition of nothing", `job = from_enumerable([]).departition(7, lambda acc, x: x, lambda acc: [acc])`, "[7]\n", ""},
		{"departition whose done fails", `job = from_enumerable([1]).departition(0, lambda acc, x: x, lambda acc: 1 // 0)`, "", `departition: done: floored division by zero`},
		{"departition whose merge fails", `job = lines("n.txt").departition(0, lambda acc, x: acc + int(x))`, "", `departition: int: invalid literal.*\n  record: "x"\n  from:   n.txt, byte 4`},
		{"departition, and on", `job = from_enumerable([3, 1]).departition([], lambda acc, x: acc + [x]).flat_map(sorted)`, "1\n3\n", ""},
		{"aggregate of states", `
def tally(acc, w):
    acc[w] = acc.get(w, 0) + 1
    return acc
def join(acc, part):
    for k, n in part.items():
        acc[k] = n
    return acc
job = from_enumerable(["a", "b", "a"]).partition(len, lanes = 4).reduce({}, tally).aggregate(join)`, "a\t2\nb\t1\n", ""},
		{"aggregate of records", `job = from_enumerable([3, 1, 2]).aggregate(max)`, "3\n", ""},
		{"aggregate of keyed states", `job = from_enumerable(["a", "bb", "c"]).reduce(0, lambda n, w: n + 1, by = len).aggregate(lambda acc, length, n: (length, n) if n > acc[1] else acc)`, "1\t2\n", ""},
		{"aggregate by type", `job = from_enumerable([{"n": 1, "d": {"x": [1]}}, {"d": {"x": [2], "y": "z"}, "n": 2.5}]).aggregate().map(repr)`, "(\"n\", 3.5)\n(\"d\", {\"x\": [1, 2], \"y\": \"z\"})\n", ""},
		{"aggregate of texts", `job = from_enumerable(["a", "b"]).aggregate(initial = "> ")`, "> ab\n", ""},
		{"aggregate of tuples", `job = from_enumerable([(1,), (2, 3)]).aggregate().map(repr)`, "(1, 2, 3)\n", ""},
		{"aggregate of sets", `job = from_enumerable([set([1]), set([2, 1])]).aggregate()`, "1\n2\n", ""},
		{"aggregate of counts", `job = from_enumerable(["a", "b", "a"]).partition(lambda w: w, lanes = 4).reduce({}, lambda d, w: d | {w: d.get(w, 0) + 1}).aggregate().sort()`, "a\t2\nb\t1\n", ""},
		{"aggregate of nothing from a state", `job = from_enumerable([]).aggregate(initial = 7)`, "7\n", ""},
		{"aggregate of different types", `job = from_enumerable([{"a": {"b": 1}}, {"a": {"b": "x"}}]).aggregate()`, "", `key "a": key "b": parts of types int and string cannot be joined; give aggregate a function`},
		{"aggregate of nothing", `job = from_enumerable([]).aggregate(max)`, "", ""},
		{"aggregate in the definition form", `
def from_enumerable(): return range(10)
def partition(x): return x % 3
initial = 0
def reduce(acc, x): return acc + x
def aggregate(acc, part): return acc + part`, "45\n", ""},
		{"aggregate of None joins by type", `job = from_enumerable([1, 2]).aggregate(None)`, "3\n", ""},
		{"aggregate of one list", `job = from_enumerable([[3, 1]]).aggregate()`, "3\n1\n", ""},
		{"aggregate of one dict", `job = from_enumerable([{"a": 1}]).aggregate()`, "a\t1\n", ""},
		{"aggregate of one int", `job = from_enumerable([7]).aggregate()`, "7\n", ""},
		{"aggregate of no parts by type", `job = from_enumerable([]).aggregate()`, "", ""},
		{"aggregate of no parts, but a list", `job = from_enumerable([]).aggregate(initial = ["none"])`, "none\n", ""},
		{"aggregate in the definition form that only observes", `
def from_enumerable(): return range(10)
def map(x): return x + 1
aggregate = None`, "", ""},
		{"set-up of every lane", `job = from_enumerable([1]).partition(lanes = 3).reduce(lambda lane, lanes: [lane, lanes], lambda acc, x: acc, emit = "state")`, "[0,3]\n[1,3]\n[2,3]\n", ""},
		{"set-up of lanes with records", `job = from_enumerable(range(4)).partition(route = lambda x: x % 2 + 1, lanes = 4).scan(lambda lane, lanes: 10 * lane, lambda acc, x: ([acc + x], acc))`, "10\n12\n21\n23\n", ""},
		{"set-up of lanes without lanes", `job = from_enumerable([1]).reduce(lambda lane, lanes: 0, lambda acc, x: acc)`, "", `is called without arguments`},
	} {
		t.Run(c.name, func(t *testing.T) {
			everywhere(t, c.script, map[string]string{"n.txt": "1\n2\nx\n4\ny\n"}, "", c.want, c.fails)
		})
	}
}

func TestBatches(t *testing.T) {
	for _, c := range []struct{ name, script, want, fails string }{
		{"by weight", `job = from_enumerable(["aa", "b", "cccc", "d", "e"]).batch(3, weight = len)`, "[\"aa\",\"b\"]\n[\"cccc\"]\n[\"d\",\"e\"]\n", ""},
		{"by a field, as a float", `job = from_enumerable([{"w": 0.5}, {"w": 0.5}, {"w": 0}, {"w": 2}]).batch(1, weight = "w").map(len)`, "2\n2\n", ""},
		{"by weight in lanes", `job = from_enumerable(range(6)).partition(route = lambda x: x % 2, lanes = 2).batch(5, weight = lambda x: x)`, "[0,2,4]\n[1,3,5]\n", ""},
		{"by a weight that is none", `job = from_enumerable([1]).batch(1, weight = lambda x: "w")`, "", `batch: weight must return a number that is not negative, not "w"`},
		{"by a negative weight", `job = from_enumerable([1]).batch(1, weight = lambda x: -1)`, "", `batch: weight must return a number that is not negative, not -1\n  record: 1`},
		{"through", `job = from_enumerable(range(5)).through(lambda rs: rs[::-1], size = 3)`, "2\n1\n0\n4\n3\n", ""},
		{"through, and on", `job = from_enumerable(range(2500)).map(lambda x: x + 1).through(lambda rs: [len(rs)]).map(lambda n: -n)`, "-1000\n-1000\n-500\n", ""},
		{"through in lanes", `job = from_enumerable(range(6)).partition(route = lambda x: x % 2, lanes = 2).through(lambda rs: [rs])`, "[0,2,4]\n[1,3,5]\n", ""},
		{"through that gives no list", `job = from_enumerable(range(5)).through(len)`, "", `through must return a list of records \(\[\] for none\), not int: 5`},
		{"through that drops its failures", `job = from_enumerable(range(5)).through(lambda rs: [1 // (rs[0] - 2)], size = 2, on_error = "drop")`, "-1\n0\n", ""},
		{"map_batch behind a reduce", `job = from_enumerable(range(5)).reduce([], lambda acc, x: acc + [x]).map_batch(lambda b: [sum(b)], size = 2)`, "1\n5\n4\n", ""},
		{"newest first", `job = from_enumerable(["aa", "b", "cc", "d", "eee"]).group_by(len, newest_first = True)`, "[2,[\"cc\",\"aa\"]]\n[1,[\"d\",\"b\"]]\n[3,[\"eee\"]]\n", ""},
		{"take_sort as a list", `job = from_enumerable([3, 1, 2]).take_sort(2, as_list = True)`, "[1,2]\n", ""},
		{"take_sort as a list, of nothing", `job = from_enumerable([]).take_sort(2, as_list = True)`, "[]\n", ""},
		{"take_sort as a list, by key", `job = from_enumerable([("a", 3), ("b", 1), ("a", 1)]).take_sort(1, key = 1, by = 0, as_list = True)`, "[[\"a\",1]]\n[[\"b\",1]]\n", ""},
		{"take_sort as a list, after a partition", `job = from_enumerable([3, 1, 2]).partition().take_sort(2, reverse = True, as_list = True)`, "[3,2]\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) { everywhere(t, c.script, nil, "", c.want, c.fails) })
	}
}
