package builtins_test

import (
	"fmt"
	"strings"
	"testing"
)

func TestRulesOfKeys(t *testing.T) {
	keys := `keys = from_enumerable([1, 1.0, True, "1", None, 0.0, -0.0, float("nan"), float("nan"), (1, 2), (1.0, 2), 1 << 70, float(1 << 70), (1 << 70) + 1, b"1", "a string of over twelve bytes", "a string of over twelve byteZ", "a string of over twelve bytes"])` + "\n"
	testRules(t, []rule{
		{name: "keys: uniq", script: keys + `job = keys.uniq().map(repr)`, want: "1\nTrue\n\"1\"\nNone\n0.0\nnan\n(1, 2)\n1180591620717411303424\n1180591620717411303425\nb\"1\"\n\"a string of over twelve bytes\"\n\"a string of over twelve byteZ\"\n"},
		{name: "keys: count", script: keys + `job = keys.count(by = lambda x: x).map(lambda k, n: n)`, want: "2\n1\n1\n1\n2\n2\n2\n2\n1\n1\n2\n1\n"},
		{name: "keys: reduce", script: keys + `job = keys.reduce(0, lambda acc, x: acc + 1, by = lambda x: x).map(1)`, want: "2\n1\n1\n1\n2\n2\n2\n2\n1\n1\n2\n1\n"},
		{name: "keys: group_by", script: keys + `job = keys.group_by(lambda x: x).map(lambda k, l: len(l))`, want: "2\n1\n1\n1\n2\n2\n2\n2\n1\n1\n2\n1\n"},
		{name: "keys: scan, take and take_sort", script: keys + `job = keys.scan(0, lambda acc, x: ([acc], acc + 1), by = lambda x: x).sum().concat(keys.take(1, by = lambda x: x).count(), keys.take_sort(1, key = lambda x: 0, by = lambda x: x).count())`, want: "6\n12\n12\n"},
		{name: "keys: write by", script: `job = from_enumerable([1, 1.0, "1/../2", "é"]).write("out/{}", by = lambda x: x)`, wrote: map[string]string{"out/1": "1\n", "out/1.0": "1.0\n", "out/1%2F.%2E%2F2": "1/../2\n", "out/é": "é\n"}},
		{name: "keys: a list", script: `job = from_enumerable([[1]]).group_by(lambda x: x)`, fails: `list cannot be a key: use a tuple`, loads: true},
		{name: "keys: a dict", script: `job = from_enumerable([{}]).uniq()`, fails: `dict cannot be a key`, loads: true},
		{name: "keys: a list in a tuple", script: `job = from_enumerable([([],)]).count(by = lambda x: x)`, fails: `list cannot be a key: use a tuple|list`, loads: true},
		{name: "keys: times of two zones", script: `
t = time.parse_time("2024-01-01T00:00:00Z")
job = from_enumerable([t, t.in_location("Asia/Tokyo"), time.parse_duration("1s"), time.parse_duration("1000ms")]).uniq()`, want: "2024-01-01T00:00:00Z\n1s\n"},
		{name: "keys: structs", script: `job = from_enumerable([struct(a = 1), struct(a = 1.0), struct(b = 1)]).uniq().count()`, want: "2\n"},
		{name: "keys: of a lookup", script: `job = from_enumerable([1.0, True, (1, 2.0)]).map(lambda k, d: d.get(k), using = lookup(from_enumerable([(1, "int"), (True, "bool"), ((1, 2), "pair")]), 0, value = 1))`, want: "int\nbool\npair\n"},
		{name: "rule 27: xxhash of equal keys", script: `job = from_enumerable([xxhash(1) == xxhash(1.0), xxhash(0.0) == xxhash(-0.0), xxhash(True) == xxhash(1), xxhash((1, "a")) == xxhash((1.0, "a"))])`, want: "true\ntrue\nfalse\ntrue\n"},
		{name: "rule 27: hash is for text", script: `job = from_enumerable([1]).map(hash)`, fails: `hash: (got|for|want).*`, loads: true},
		{name: "rule 27: hash of text", script: `job = from_enumerable(["a"]).map(hash)`, want: "97\n"},
	})
}

func TestRulesOfOrder(t *testing.T) {
	testRules(t, []rule{
		{
			name: "rule 25: numbers by their exact value, nan last", script: `job = from_enumerable([float("nan"), 1 << 53, float(1 << 53), (1 << 53) + 1, float("inf"), -1.5, float("-inf"), 0]).sort()`,
			want: "-inf\n-1.5\n0\n9007199254740992\n9.007199254740992e+15\n9007199254740993\n+inf\nnan\n",
		},
		{name: "rule 25: stable", script: pairs + `job = pairs.sort(1)`, want: "a\t1\nc\t1\nb\t2\nb\t3\n"},
		{name: "rule 25: stable in reverse", script: pairs + `job = pairs.sort(1, reverse = True)`, want: "b\t3\nb\t2\na\t1\nc\t1\n"},
		{name: "rule 25: nulls first", script: `job = from_enumerable([2, None, 1, None]).sort(nulls = "first").map(repr)`, want: "None\nNone\n1\n2\n"},
		{name: "rule 25: nulls stay where they are said to be in reverse", script: `job = from_enumerable([2, None, 1]).sort(nulls = "last", reverse = True).map(repr).concat(from_enumerable([2, None, 1]).sort(nulls = "first", reverse = True).map(repr))`, want: "2\n1\nNone\nNone\n2\n1\n"},
		{name: "rule 25: only nulls", script: `job = from_enumerable([None, None]).sort(nulls = "last").count()`, want: "2\n"},
		{name: "rule 25: nulls are an error", script: `job = from_enumerable([2, None]).sort()`, fails: `sort: .*(None|NoneType).*nulls`, loads: true},
		{name: "rule 25: one null is an error", script: `job = from_enumerable([None]).sort()`, fails: `nulls`, loads: true},
		{name: "rule 25: a wrong word for nulls", script: `job = lines().sort(nulls = "frist")`, fails: `did you mean first`},
		{name: "rule 25: types that do not compare", script: `job = from_enumerable([("x", 1), ("y", "a")]).sort(1)`, fails: `(?s)sort: keys do not compare: .* number, this one is string; the first record is \("x", 1\)\n  record: \("y", "a"\)\n  from:   item 1 of the list`, loads: true},
		{name: "rule 25: types that do not compare in take_sort", script: `job = from_enumerable([1, "a"]).take_sort(1)`, fails: `take_sort: .*do not compare`, loads: true},
		{name: "rule 25: types that do not compare in min", script: `job = from_enumerable([1, "a"]).min()`, fails: `job\.star:1:\d+: min: string does not compare with number`, loads: true},
		{name: "rule 25: bool is no number", script: `job = from_enumerable([True, 1]).sort()`, fails: `do not compare`, loads: true},
		{name: "rule 25: tuples element by element", script: `job = from_enumerable([(2, "a"), (1, "b"), (1, "a")]).sort().concat(from_enumerable([(2, 1), (1, 2), (1,), (1, 1, 0), ()]).sort())`, want: "1\ta\n1\tb\n2\ta\n\n1\n1\t1\t0\n1\t2\n2\t1\n"},
		{name: "rule 25: text by bytes", script: `job = from_enumerable(["é", "z", "Z", "", "za"]).sort()`, want: "\nZ\nz\nza\né\n"},
		{name: "rule 25: False before True, bytes, times, durations", script: `
t = time.from_timestamp(1)
job = from_enumerable([True, False]).sort().concat(from_enumerable([b"b", b"a"]).sort(), from_enumerable([t, time.from_timestamp(0)]).sort(), from_enumerable([2 * time.hour, time.minute]).sort())`, want: "false\ntrue\na\nb\n1970-01-01T00:00:00Z\n1970-01-01T00:00:01Z\n1m0s\n2h0m0s\n"},
		{name: "rule 25: take_sort", script: `job = from_enumerable([3, 1, 2]).take_sort(2).concat(from_enumerable([3, 1, 2]).take_sort(2, reverse = True), from_enumerable([1]).take_sort(0), from_enumerable([2, None]).take_sort(5, nulls = "first").map(repr), from_enumerable([2, None, 3]).take_sort(2, nulls = "last", reverse = True))`, want: "1\n2\n3\n2\nNone\n2\n3\n2\n"},
		{name: "rule 25: none of many", script: pairs + `
job = pairs.take_sort(0).concat(pairs.take_sort(0, 1, by = 0), pairs.sort(1).take(0), pairs.take(0), pairs.take(0, by = 0), pairs.sample(n = 0), pairs.sample(0), pairs.sample(0.0))`, want: ""},
		{name: "rule 25: take_sort is stable", script: pairs + `job = pairs.take_sort(2, 1).concat(pairs.take_sort(4, 1, reverse = True))`, want: "a\t1\nc\t1\nb\t3\nb\t2\na\t1\nc\t1\n"},
		{name: "rule 25: take_sort by keeps keys in order", script: `job = from_enumerable([("b", 1), ("a", 5), ("b", 0), ("a", 4), ("b", 2)]).take_sort(2, 1, by = 0)`, want: "b\t0\nb\t1\na\t4\na\t5\n"},
		{name: "rule 25: sort and take", script: `job = from_enumerable(range(1000)).sort(lambda x: -x).take(2)`, want: "999\n998\n"},
		{name: "rule 25: take by, in the order of the flow", script: `job = from_enumerable(["b1", "a1", "b2", "a2", "b3", "c1"]).take(2, by = lambda x: x[0])`, want: "b1\na1\nb2\na2\nc1\n"},
		{name: "rule 25: group_by by first occurrence", script: `job = from_enumerable(["bb", "a", "cc", "d", "eee"]).group_by(len)`, want: "[2,[\"bb\",\"cc\"]]\n[1,[\"a\",\"d\"]]\n[3,[\"eee\"]]\n"},
		{name: "rule 25: min and max keep the first of equals", script: pairs + `job = pairs.min(1).concat(from_enumerable([1.0, 1, 0]).max(), from_enumerable([1, 1.0]).min(by = lambda x: "k"), from_enumerable([float("nan"), 1]).max(), from_enumerable([float("nan"), 1]).min())`, want: "1\n1.0\nk\t1\nnan\n1\n"},
		{name: "with_index over blocks", script: `job = lines().with_index().filter(lambda i, l: int(l) != i).count()`, stdin: numbers(300), want: "0\n"},
		{name: "with_index after a filter", script: `job = lines().filter(lambda l: int(l) % 100 == 0).with_index()`, stdin: numbers(300), want: "0\t0\n1\t100\n2\t200\n"},
		{name: "batch over blocks", script: `job = lines().batch(7).map(lambda b: (len(b), b[0], b[-1])).sort(lambda n, a, b: -int(a)).take(2)`, stdin: numbers(100), want: "2\t98\t99\n7\t91\t97\n"},
		{name: "map_batch over blocks", script: `job = lines().map_batch(lambda b: [len(b)], size = 64)`, stdin: numbers(150), want: "64\n64\n22\n"},
		{name: "map_batch by default", script: `job = from_enumerable(range(1001)).map_batch(lambda b: [len(b)])`, want: "1000\n1\n"},
		{name: "map_batch keeps the order", script: `job = lines().map_batch(lambda b: b, size = 3).with_index().filter(lambda i, l: int(l) != i).count()`, stdin: numbers(100), want: "0\n"},
		{name: "map_batch that returns no list", script: `job = from_enumerable([1]).map_batch(len)`, fails: `map_batch must return a list`, loads: true},
		{name: "batch of nothing", script: `job = lines().batch(0)`, fails: `0 is out of range: at least 1`},
		{
			name: "concat in order", script: `
a = lines("a").map(lambda l: "a" + l)
job = a.concat(lines("b"), a.filter(lambda l: l == "a7"), from_enumerable(["end"])).with_index().filter(lambda i, l: i in (0, 49, 50, 99, 100, 101))`,
			files: map[string]string{"a": numbers(50), "b": numbers(50)}, want: "0\ta0\n49\ta49\n50\t0\n99\t49\n100\ta7\n101\tend\n",
		},
		{name: "rule 3: from_enumerables", script: `job = from_enumerables([[1], lines(), {"k": 2}])`, stdin: "l\n", want: "1\nl\nk\t2\n"},
		{name: "rule 27: a sample is the same in every run", script: `job = from_enumerable(range(20)).sample(0.3).concat(from_enumerable(range(20)).sample(n = 4), from_enumerable(range(20)).sample(n = 4, seed = 1))`, want: sampled},
		{name: "rule 27: a shuffle is the same in every run", script: `job = from_enumerable(range(8)).shuffle().batch(8).concat(from_enumerable(range(8)).shuffle(seed = 1).batch(8))`, want: shuffled},
		{name: "rule 27: a sample after a filter", script: `job = lines().filter(lambda l: int(l) % 2).sample(n = 3)`, stdin: numbers(50), want: sampledOdd},
		{name: "rule 27: a sample of a share or a number", script: `job = lines().sample()`, fails: `either a fraction or n`},
		{name: "rule 27: random numbers are the same in every run", script: `job = from_enumerable(range(3)).map(lambda x: (random.randint(1, 100), random.randint(1, 100)))`, want: drawn},
		{name: "rule 27: another seed gives others", script: "options(seed = 7)\njob = from_enumerable(range(3)).map(lambda x: random.randint(1, 100))", want: drawnWithSeed},
		{name: "rule 27: random numbers per operator", script: `
r = lambda x: random.randint(0, 1 << 60)
job = from_enumerable([1]).map(lambda x: (r(x), x)).map(lambda a, x: a != r(x))`, want: "true\n"},
		{name: "rule 27: not while loading", script: `x = random.random()`, fails: `random`},
	})
}

// The random choices are part of the language: they must not change.
const (
	sampled       = "2\n5\n15\n18\n2\n5\n15\n18\n3\n6\n13\n19\n"
	shuffled      = "[5,2,0,6,3,1,4,7]\n[6,3,0,7,2,1,5,4]\n"
	sampledOdd    = "9\n25\n27\n"
	drawn         = "3\t23\n9\t4\n54\t74\n"
	drawnWithSeed = "58\n39\n3\n"
)

func TestRulesOfLanes(t *testing.T) {
	testRules(t, []rule{
		{name: "rule 25: lanes come in their order", script: `job = from_enumerable(range(6)).partition(lanes = 4).reduce([], lambda acc, x: acc + [(xxhash(x) % 4, x)])`, want: "0\t4\n0\t5\n1\t0\n1\t1\n1\t3\n2\t2\n"},
		{name: "rule 25: stages is another word", script: `job = from_enumerable(range(6)).partition(stages = 2).reduce(0, lambda acc, x: acc + 1)`, want: "3\n3\n"},
		{name: "rule 25: lanes and stages", script: `job = lines().partition(lanes = 2, stages = 2)`, fails: `give one of them`},
		{name: "rule 25: 64 lanes", script: `job = from_enumerable([1]).partition().reduce(0, lambda acc, x: acc + x).count()`, want: "64\n"},
		{name: "rule 25: no lanes", script: `job = lines().partition(lanes = 0)`, fails: `at least 1`},
		{name: "lanes: scan keeps a state for each", script: `job = from_enumerable(range(6)).partition(lanes = 4).scan(0, lambda acc, x: ([(xxhash(x) % 4, acc, x)], acc + 1))`, want: "0\t0\t4\n0\t1\t5\n1\t0\t0\n1\t1\t1\n1\t2\t3\n2\t0\t2\n"},
		{name: "lanes: scan flushes each", script: `job = from_enumerable(range(6)).partition(lanes = 4).scan(list, lambda acc, x: ([], acc + [x]), flush = lambda acc: acc)`, want: "4\n5\n0\n1\n3\n2\n"},
		{name: "lanes: scan flushes each behind its records", script: `job = from_enumerable(range(6)).partition(lanes = 4).scan(0, lambda acc, x: ([x], acc + 1), flush = lambda acc: [("end", acc)])`, want: "4\n5\nend\t2\n0\n1\n3\nend\t3\n2\nend\t1\n"},
		{name: "lanes: uniq of each", script: `job = from_enumerable(["b", "a", "b", "c", "a"]).partition(lanes = 1).uniq()`, want: "b\na\nc\n"},
		{name: "lanes: uniq by another key than the lane's", script: `job = from_enumerable(range(6)).partition(lanes = 4).uniq(lambda x: 0)`, want: "4\n0\n2\n"},
		{name: "lanes: group_by", script: `job = from_enumerable(range(6)).partition(lanes = 4).group_by(lambda x: x % 2)`, want: "[0,[4]]\n[1,[5]]\n[0,[0]]\n[1,[1,3]]\n[0,[2]]\n"},
		{name: "lanes: batch", script: `job = from_enumerable(range(6)).partition(lanes = 4).batch(2)`, want: "[4,5]\n[0,1]\n[3]\n[2]\n"},
		{name: "lanes: batch after batch", script: `job = from_enumerable(range(6)).partition(lanes = 4).batch(2).batch(2)`, want: "[[4,5]]\n[[0,1],[3]]\n[[2]]\n"},
		{name: "lanes: batch after what flush gave", script: `job = from_enumerable(range(6)).partition(lanes = 4).scan(0, lambda acc, x: ([x], acc + 1), flush = lambda acc: [-acc]).batch(9)`, want: "[4,5,-2]\n[0,1,3,-3]\n[2,-1]\n"},
		{name: "lanes: map_batch", script: `job = from_enumerable(range(6)).partition(lanes = 4).map_batch(lambda b: [tuple(b)], size = 2)`, want: "4\t5\n0\t1\n3\n2\n"},
		{name: "lanes: map and filter between", script: `job = from_enumerable(range(6)).partition(lanes = 4).map(lambda x: x * 10).filter(lambda x: x != 10).batch(2)`, want: "[40,50]\n[0,30]\n[20]\n"},
		{name: "lanes: nothing but a map", script: `job = from_enumerable(range(6)).partition(lanes = 4).map(lambda x: x * 10)`, want: "40\n50\n0\n10\n30\n20\n"},
		{name: "lanes: count is of the whole flow", script: `job = from_enumerable(range(6)).partition(lanes = 4).count()`, want: "6\n"},
		{name: "lanes: sort, take and with_index are of the whole flow", script: `
p = from_enumerable(range(6)).partition(lanes = 4)
job = p.sort(lambda x: 0).batch(6).concat(p.take(2).batch(2), p.with_index().take(2).batch(2), p.take_sort(2).batch(2), p.max())`, want: "[4,5,0,1,3,2]\n[4,5]\n[[0,4],[1,5]]\n[0,1]\n5\n"},
		{name: "lanes: take and with_index end them", script: `
p = from_enumerable(range(6)).partition(lanes = 4)
job = p.take(5).batch(3).concat(p.with_index().batch(4).map(len), p.take(5).scan(0, lambda acc, x: ([], acc + x), flush = lambda acc: [acc]))`, want: "[4,5,0]\n[1,3]\n4\n2\n13\n"},
		{name: "lanes: keys after lanes", script: `job = from_enumerable(range(6)).partition(lanes = 4).scan(0, lambda acc, x: ([x], acc)).scan(0, lambda acc, x: ([acc], acc + 1), by = lambda x: 0, flush = lambda acc: [("end", acc)])`, want: "0\n1\n2\n3\n4\n5\nend\t6\n"},
		{name: "lanes: one partition after another", script: `job = from_enumerable(range(6)).partition(lanes = 4).partition(lambda x: 0, lanes = 1).batch(6)`, want: "[4,5,0,1,3,2]\n"},
		{name: "lanes: merge", script: `job = from_enumerable(range(6)).partition(lanes = 4).reduce(list, lambda acc, x: acc + [x], merge = lambda a, b: a + b, emit = "state")`, want: "[4,5]\n[0,1,3]\n[2]\n[]\n"},
		{name: "lanes: by a field", script: rows + `job = rows.partition("u", lanes = 1).reduce({}, lambda acc, r: acc | {r["u"]: acc.get(r["u"], 0) + r["n"]})`, want: "b\t5\na\t1\n"},
		{name: "lanes: route", script: `job = lines().partition(route = len, lanes = 2).with_index()`, stdin: "a\n\n", want: "0\t\n1\ta\n"},
		{name: "lanes: key and route", script: `job = lines().partition(len, route = len)`, fails: `partition takes key or route, not both`},
	})
}

func numbers(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintln(&b, i)
	}
	return b.String()
}
