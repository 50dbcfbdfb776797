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
		{"frozen results", visits + `job = visits.summarize(l = agg.list("n")).map(lambda r: attempt(r["l"].append, 1, default = "frozen"))`, "frozen\n"},
		{"equal elements of a set", `job = from_enumerable([1.0, 1, True, 0.0, -0.0]).summarize(s = agg.set(), n = agg.approx_distinct())`, "{\"s\":[1.0,true,0.0],\"n\":3}\n"},
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
		{"a value of the wrong type", `job = lines("n.txt").summarize(n = agg.count(), total = agg.sum())`, `job.star:1:\d+: summarize: total: want int or float, got string\n  from:   n.txt, byte 0`},
		{"the first of two parts", `job = from_enumerable([1, [2], "x"]).summarize(total = agg.mean(), all = agg.set(lambda x: x))`, `summarize: total: want int or float, got list`},
		{"a list in a set", `job = from_enumerable([1, [2]]).summarize(all = agg.set())`, `summarize: all: .*tuple`},
		{"values that do not compare", `job = from_enumerable([1, 2, "x"]).summarize(best = agg.top(1))`, `summarize: best: string does not compare with number`},
		{"nan in a quantile", `job = from_enumerable([1, float("nan")]).summarize(m = agg.quantile(lambda x: x, 0.5))`, `summarize: m: want a finite number, got nan`},
		{"a list as a key", `job = lines("n.txt").summarize(by = lambda l: [l], n = agg.count())`, `tuple`},
	} {
		t.Run(c.name, func(t *testing.T) { everywhere(t, c.script, files, "", "", c.want) })
	}
}
