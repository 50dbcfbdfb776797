package builtins_test

import "testing"

// pairs begins a script by a flow of pairs, rows by one of dicts.
const (
	pairs = `pairs = from_enumerable([("b", 2), ("a", 1), ("b", 3), ("c", 1)])` + "\n"
	rows  = `rows = from_enumerable([{"u": "b", "n": 2}, {"u": "a", "n": 1}, {"u": "b", "n": 3}])` + "\n"
)

func TestRulesOfSpreading(t *testing.T) {
	testRules(t, []rule{
		{name: "rule 4: a lambda cannot take a pair apart", script: "job = lines().map(lambda (k, v): v)", fails: `a pair is spread over both`},
		{name: "rule 4: map", script: pairs + `job = pairs.map(lambda k, v: k * v)`, want: "bb\na\nbbb\nc\n"},
		{name: "rule 4: flat_map", script: pairs + `job = pairs.flat_map(lambda k, v: [k] * v)`, want: "b\nb\na\nb\nb\nb\nc\n"},
		{name: "rule 4: filter and reject", script: pairs + `job = pairs.filter(lambda k, n: n > 1).reject(lambda k, n: n > 2)`, want: "b\t2\n"},
		{name: "rule 4: map_values of pairs in pairs", script: `job = from_enumerable([("a", (1, 2))]).map_values(lambda x, y: x + y)`, want: "a\t3\n"},
		{name: "rule 4: reduce", script: pairs + `job = pairs.reduce("", lambda acc, k, v: acc + k * v)`, want: "bbabbbc\n"},
		{name: "rule 4: reduce by", script: pairs + `job = pairs.reduce(0, lambda acc, k, v: acc + v, by = lambda k, v: k)`, want: "b\t5\na\t1\nc\t1\n"},
		{name: "rule 4: scan", script: pairs + `job = pairs.scan(0, lambda acc, k, v: ([acc], acc + v))`, want: "0\n2\n3\n6\n"},
		{name: "rule 4: scan by", script: pairs + `job = pairs.scan(0, lambda acc, k, v: ([(k, acc)], acc + v), by = lambda k, v: k)`, want: "b\t0\na\t0\nb\t2\nc\t0\n"},
		{name: "rule 4: using comes last in map", script: pairs + `job = pairs.map(lambda k, v, all: (k, v, len(all)), using = pairs).take(1)`, want: "b\t2\t4\n"},
		{name: "rule 4: using comes last in flat_map, filter, reject", script: pairs + `
n = from_enumerable([2])
job = pairs.flat_map(lambda k, v, n: [(k, v * n[0])], using = n).filter(lambda k, v, n: v > n[0], using = n).reject(lambda k, v, n: v == 6, using = n)`, want: "b\t4\n"},
		{name: "rule 4: using comes last in reduce and scan", script: pairs + `
n = from_enumerable([10])
job = pairs.reduce(0, lambda acc, k, v, n: acc + v * n[0], using = n).concat(pairs.scan(0, lambda acc, k, v, n: ([acc], acc + n[0]), using = n))`, want: "70\n0\n10\n20\n30\n"},
		{name: "rule 4: one parameter and using", script: pairs + `job = pairs.map(lambda p, all: p[1] + len(all), using = pairs)`, want: "6\n5\n7\n5\n"},
		{name: "rule 4: sort and take_sort", script: pairs + `job = pairs.sort(lambda k, v: (v, k)).take_sort(3, lambda k, v: (-v, k))`, want: "b\t3\nb\t2\na\t1\n"},
		{name: "rule 4: take_sort by", script: pairs + `job = pairs.take_sort(1, lambda k, v: -v, by = lambda k, v: k)`, want: "b\t3\na\t1\nc\t1\n"},
		{
			name: "rule 4: uniq, group_by, count, sum", script: pairs + `
job = pairs.uniq(lambda k, v: v).concat(pairs.group_by(lambda k, v: k, value = lambda k, v: v), pairs.count(by = lambda k, v: v), pairs.sum(lambda k, v: v * v, by = lambda k, v: k))`,
			want: "b\t2\na\t1\nb\t3\n" + "[\"b\",[2,3]]\n[\"a\",[1]]\n[\"c\",[1]]\n" + "2\t1\n1\t2\n3\t1\n" + "b\t13\na\t1\nc\t1\n",
		},
		{name: "rule 4: min, max, mean", script: pairs + `job = pairs.min(lambda k, v: v).concat(pairs.max(lambda k, v: k), pairs.mean(lambda k, v: v))`, want: "1\nc\n1.75\n"},
		{name: "rule 4: partition", script: pairs + `job = pairs.partition(lambda k, v: k, lanes = 1).reduce(0, lambda acc, k, v: acc + v)`, want: "7\n"},
		{
			name: "rule 4: take by and write by", script: pairs + `job = [pairs.take(1, by = lambda k, v: v), pairs.write("{}.txt", by = lambda k, v: v)]`,
			want: "b\t2\na\t1\nb\t3\n", wrote: map[string]string{"1.txt": "a\t1\nc\t1\n", "2.txt": "b\t2\n"},
		},
		{name: "rule 4: the wrong width", script: pairs + `job = pairs.map(lambda a, b, c: a)`, fails: `map takes 3 fields \(a, b, c\); this record is`, loads: true},
		{name: "rule 4: no tuple", script: `job = from_enumerable([[1, 2]]).map(lambda a, b: a)`, fails: `map takes 2 fields \(a, b\); this record is`, loads: true},
		{name: "rule 4: the wrong width in reduce", script: pairs + `job = pairs.reduce(0, lambda acc, a, b, c: a)`, fails: `reduce takes 3 fields \(a, b, c\); this record is`, loads: true},
		{name: "rule 4: the wrong width in a key", script: pairs + `job = pairs.sort(lambda a, b, c: a)`, fails: `sort takes 3 fields \(a, b, c\); this record is`, loads: true},
		{name: "rule 4: one level only", script: `job = from_enumerable([("a", (1, 2))]).map(lambda k, v: v)`, want: "1\t2\n"},
		{name: "rule 4: defaults and *args take the whole record", script: pairs + `
def one(r, factor = 2): return r[1] * factor
def many(*r): return len(r)
job = pairs.map(one).concat(pairs.map(many)).concat(pairs.map(len))`, want: "4\n2\n6\n2\n1\n1\n1\n1\n2\n2\n2\n2\n"},
		{name: "rule 4: after operators that make pairs", script: `job = lines().with_index().map(lambda i, l: l * i)`, stdin: "a\nb\nc\n", want: "\nb\ncc\n"},
	})
}

func TestRulesOfSelectors(t *testing.T) {
	testRules(t, []rule{
		{name: "rule 8: a field everywhere", script: rows + `
job = rows.map("u").concat(rows.filter("n").map("n"), rows.sort("n").map("n"), rows.take_sort(1, "n", by = "u").map("n"), rows.uniq("u").map("n"),
    rows.sum("n"), rows.min("n"), rows.max("n"), rows.mean("n"))`, want: "b\na\nb\n2\n1\n3\n1\n2\n3\n2\n1\n2\n1\n6\n1\n3\n2.0\n"},
		{
			name: "rule 8: by a field", script: rows + `
job = rows.count(by = "u").concat(rows.sum("n", by = "u"), rows.min("n", by = "u"), rows.max("n", by = "u"), rows.mean("n", by = "u"), rows.group_by("u", value = "n"),
    rows.reduce(0, lambda acc, r: acc + r["n"], by = "u"), rows.take(1, by = "u").map("n"), rows.scan(0, lambda acc, r: ([acc], acc + 1), by = "u"))`,
			want: "b\t2\na\t1\n" + "b\t5\na\t1\n" + "b\t2\na\t1\n" + "b\t3\na\t1\n" + "b\t2.5\na\t1.0\n" + "[\"b\",[2,3]]\n[\"a\",[1]]\n" + "b\t5\na\t1\n" + "2\n1\n" + "0\n0\n1\n",
		},
		{name: "rule 8: an index, also from the end", script: pairs + `job = pairs.map(-1).concat(pairs.map(-2), pairs.sum(-1), pairs.sum(-1, by = -2))`, want: "2\n1\n3\n1\nb\na\nb\nc\n7\nb\t5\na\t1\nc\t1\n"},
		{name: "rule 8: an index of a list", script: `job = from_enumerable([[1, 2], [3, 4]]).map(-1)`, want: "2\n4\n"},
		{name: "rule 8: a tuple of selectors", script: rows + `job = rows.map(("n", "u")).concat(rows.count(by = ("u", "n")).take(2), rows.sort(("u", "n")).map("n"))`, want: "2\tb\n1\ta\n3\tb\nb\t2\t1\na\t1\t1\n1\n2\n3\n"},
		{name: "rule 31: a list of selectors", script: rows + `job = rows.count(by = ["u", "n"])`, want: "b\t2\t1\na\t1\t1\nb\t3\t1\n"},
		{name: "rule 8: selectors in tuples in tuples", script: pairs + `job = pairs.map((-1, (0, 1))).map(1).take(1)`, want: "b\t2\n"},
		{name: "rule 8: a function in a tuple of selectors", script: pairs + `job = pairs.map((0, lambda k, v: v))`, fails: `holds field names and indexes, no functions`},
		{name: "rule 8: a tuple of one selector", script: rows + `job = rows.map(("n",)).map(type)`, want: "tuple\ntuple\ntuple\n"},
		{name: "rule 8: a field of a struct", script: `job = from_enumerable([struct(a = 1)]).map("a")`, want: "1\n"},
		{name: "rule 8: a dotted name is one key", script: `job = from_enumerable([{"a.b": 1, "a": {"b": 2}}]).map("a.b")`, want: "1\n"},
		{name: "rule 8: a missing field", script: rows + `job = rows.map("x")`, fails: `map: .*"x"`, loads: true},
		{name: "rule 8: a missing field of a key", script: rows + `job = rows.sum("x", by = "u")`, fails: `sum: .*"x"`, loads: true},
		{name: "rule 8: an index too far", script: pairs + `job = pairs.map(2)`, fails: `map: .*(2|range)`, loads: true},
		{name: "rule 8: a negative index too far", script: pairs + `job = pairs.map(-3)`, fails: `map: .*-3`, loads: true},
		{name: "rule 8: a field of text", script: `job = lines().sort("x")`, stdin: "a\n", fails: `sort: .*"x"`, loads: true},
		{name: "rule 8: in write by", script: rows + `job = rows.write("{}.jsonl", by = "u")`, wrote: map[string]string{"a.jsonl": "{\"u\":\"a\",\"n\":1}\n", "b.jsonl": "{\"u\":\"b\",\"n\":2}\n{\"u\":\"b\",\"n\":3}\n"}},
		{name: "rule 8: in lookup", script: rows + `job = from_enumerable(["a", "b"]).map(lambda k, d: d[k], using = lookup(rows, "u", value = "n", many = True))`, want: "[1]\n[2,3]\n"},
		{name: "rule 11: lookup of whole records", script: rows + `job = from_enumerable([1]).map(lambda k, d: d[k]["u"], using = lookup(rows, "n"))`, want: "a\n"},
		{name: "rule 11: a list is no side input", script: `job = lines().map(lambda l, x: l, using = [1])`, fails: `name it in the function`},
		{name: "rule 11: a side input is frozen", script: pairs + `job = pairs.map(lambda k, v, all: all.append(1), using = pairs)`, fails: `frozen`, loads: true},
		{name: "rule 11: a side input of another flow's side input", script: `
a = from_enumerable([1, 2])
b = a.map(lambda x, all: x + len(all), using = a)
job = a.map(lambda x, all: (x, all), using = b)`, want: "[1,[3,4]]\n[2,[3,4]]\n"},
		{name: "rule 11: loops are Python loops in a def", script: `
def double(flow, n):
    for _ in range(n): flow = flow.map(lambda x: x * 2)
    return flow
job = double(from_enumerable([1]), 10)`, want: "1024\n"},
		{name: "rule 11: a loop at the top level", script: "x = lines()\nx = x.map(len)\njob = x", fails: `put the loop into a def`},
	})
}

func TestRulesOfEmission(t *testing.T) {
	testRules(t, []rule{
		{name: "rule 9: from_enumerable", script: `job = from_enumerable({"a": 1}).concat(from_enumerable((1, (2, 3))), from_enumerable(set([4, 5])), from_enumerable(range(6, 8)))`, want: "a\t1\n1\n2\t3\n4\n5\n6\n7\n"},
		{name: "rule 9: from_enumerable of text", script: `job = from_enumerable("abc")`, fails: `\[x\]|elems`},
		{name: "rule 9: flat_map", script: `job = from_enumerable([{"a": 1, "b": 2}, [(1, 2)], set([3]), range(2), [], {}]).flat_map(lambda x: x)`, want: "a\t1\nb\t2\n1\t2\n3\n0\n1\n"},
		{name: "rule 9: flat_map of a tuple", script: `job = from_enumerable([1]).flat_map(lambda x: (x, x))`, fails: `return a list|must return a list.*not tuple`, loads: true},
		{name: "rule 9: flat_map of a str", script: `job = from_enumerable([1]).flat_map(lambda x: "ab")`, fails: `must return a list.*not string`, loads: true},
		{name: "rule 9: flat_map of None", script: `job = from_enumerable([1]).flat_map(lambda x: None)`, fails: `must return a list.*not None`, loads: true},
		{name: "rule 9: flat_map of a number", script: `job = from_enumerable([1]).flat_map(lambda x: x)`, fails: `must return a list.*not int`, loads: true},
		{name: "rule 9: scan", script: `job = from_enumerable([1]).scan(0, lambda acc, x: ({"k": x}, acc)).concat(from_enumerable([1]).scan(0, lambda acc, x: (set([7]), acc)))`, want: "k\t1\n7\n"},
		{name: "rule 9: scan of a tuple", script: `job = from_enumerable([1]).scan(0, lambda acc, x: ((1, 2), acc))`, fails: `scan: .*(list|not tuple)`, loads: true},
		{name: "rule 9: scan without a pair", script: `job = from_enumerable([1]).scan(0, lambda acc, x: [x])`, fails: `scan`, loads: true},
		{name: "rule 9: the state of a reduce", script: `
one = from_enumerable([1])
job = one.reduce({}, lambda a, x: {"k": x}).concat(one.reduce([], lambda a, x: [x, 2]), one.reduce(None, lambda a, x: (x, 2)), one.reduce("", lambda a, x: "ab"), one.reduce(0, lambda a, x: set([5])))`, want: "k\t1\n1\n2\n1\t2\nab\n5\n"},
		{name: "rule 20: emit state", script: `
one = from_enumerable([1])
job = one.reduce({}, lambda a, x: {"k": x}, emit = "state").concat(one.reduce([], lambda a, x: [x, 2], emit = "state"))`, want: "{\"k\":1}\n[1,2]\n"},
		{name: "rule 20: emit events", script: `job = from_enumerable([1]).reduce([], lambda a, x: [x, 2], emit = "events")`, want: "1\n2\n"},
		{name: "rule 20: emit events of a number", script: `job = from_enumerable([1]).reduce(0, lambda a, x: x, emit = "events")`, fails: `emit="events" wants a list`, loads: true},
		{name: "rule 20: emit of a wrong word", script: `job = from_enumerable([1]).reduce(0, lambda a, x: x, emit = "event")`, fails: `did you mean events`},
		{name: "rule 20: emit as a method", script: `job = from_enumerable([1]).reduce({}, lambda a, x: {"k": x}).emit("state")`, want: "{\"k\":1}\n"},
		{name: "rule 20: emit as a method of anything else", script: `job = from_enumerable([1]).map(str).emit("state")`, fails: `reduce`},
		{name: "rule 9: None is a record", script: `job = from_enumerable([1, None, 2]).map(lambda x: None).concat(from_enumerable([None]).count(), from_enumerable([None, None]).uniq(), from_enumerable([None]).count(by = lambda x: x))`, want: "\n\n\n1\n\n\t1\n"},
		{name: "rule 9: any truth value", script: `job = from_enumerable([0, 1, "", "a", None, [], [0], {}, 0.0]).filter(lambda x: x)`, want: "1\na\n[0]\n"},
		{name: "rule 9: nothing at all", script: `
n = from_enumerable([])
job = n.count().concat(n.sum(), n.min(), n.max(), n.mean(), n.reduce([7, 8], lambda a, x: a), n.reduce({}, lambda a, x: a), n.map(str), n.flat_map(lambda x: x), n.filter(str), n.reject(str),
    n.map_values(str), n.map_batch(lambda b: [1]), n.batch(3), n.with_index(), n.sample(0.5), n.sample(n = 3), n.shuffle(), n.scan(0, lambda a, x: ([], a), flush = lambda a: ["end"]),
    n.group_by(0), n.uniq(), n.sort(), n.take(3), n.take_sort(3), n.concat(n))`, want: "0\n0\n\n\n\n7\n8\n"},
		{name: "rule 9: nothing by key", script: `
n = lines("empty")
job = n.count(by = len).concat(n.sum(by = len), n.min(by = len), n.max(by = len), n.mean(by = len), n.reduce(0, lambda a, x: a, by = len), n.scan(0, lambda a, x: ([], a), by = len, flush = lambda a: ["end"]),
    n.take(3, by = len), n.take_sort(3, by = len), n)`, files: map[string]string{"empty": ""}, want: ""},
		{name: "rule 9: nothing in lanes", script: `
n = from_enumerable([])
job = n.partition(lanes = 2).reduce(0, lambda a, x: a).concat(n.partition(lanes = 3).reduce({}, lambda a, x: a), n.partition().scan(0, lambda a, x: ([], a)), n.partition().batch(2), n.partition().uniq(), n.partition().group_by(0))`, want: "0\n0\n"},
	})
}

func TestRulesOfState(t *testing.T) {
	testRules(t, []rule{
		{name: "rule 20: initial is a value", script: pairs + `job = pairs.reduce([0], lambda acc, k, v: acc + [v], by = 0)`, want: "[\"b\",[0,2,3]]\n[\"a\",[0,1]]\n[\"c\",[0,1]]\n"},
		{name: "rule 20: a value is copied deep for each key", script: pairs + `
def f(acc, k, v):
    acc[0].append(v)
    return acc
job = pairs.reduce(([],), f, by = 0)`, want: "[\"b\",[[2,3]]]\n[\"a\",[[1]]]\n[\"c\",[[1]]]\n"},
		{name: "rule 20: a value is copied deep for each lane", script: `
def f(acc, x):
    acc["n"].append(x)
    return acc
job = from_enumerable(range(4)).partition(lambda x: x, lanes = 2).reduce({"n": []}, f, emit = "state").map(lambda s: len(s["n"])).sum()`, want: "4\n"},
		{name: "rule 20: initial is called", script: pairs + `
def f(acc, k, v):
    acc.append(v)
    return acc
job = pairs.reduce(list, f, by = 0).concat(pairs.reduce(lambda: [9], f, by = 0))`, want: "[\"b\",[2,3]]\n[\"a\",[1]]\n[\"c\",[1]]\n[\"b\",[9,2,3]]\n[\"a\",[9,1]]\n[\"c\",[9,1]]\n"},
		{name: "rule 20: None is a value", script: pairs + `job = pairs.reduce(None, lambda acc, k, v: v if acc == None else acc * 10 + v, by = 0)`, want: "b\t23\na\t1\nc\t1\n"},
		{name: "rule 20: no initial", script: `job = from_enumerable(["a"]).reduce(f = lambda acc, x: acc | {x: 1})`, want: "a\t1\n"},
		{name: "rule 20: no initial with by", script: `job = from_enumerable(["a"]).reduce(f = lambda acc, x: acc, by = 0)`, fails: `needs initial`},
		{name: "rule 20: initial and f in the wrong order", script: `job = from_enumerable(["a"]).reduce(lambda acc, x: acc, 0)`, fails: `initial state comes first`},
		{
			name: "rule 20: merge gives what folding gives", script: `
n = from_enumerable(range(1000))
f = lambda acc, x: acc + x
job = n.reduce(0, f, merge = lambda a, b: a + b).concat(n.reduce(0, f), n.reduce(0, f, by = lambda x: x % 3, merge = lambda a, b: a + b), n.reduce(0, f, by = lambda x: x % 3))`,
			want: "499500\n499500\n0\t166833\n1\t166167\n2\t166500\n0\t166833\n1\t166167\n2\t166500\n",
		},
		{name: "rule 20: merge joins in the order of the flow", script: `
def f(acc, x):
    acc.append(x)
    return acc
n = from_enumerable(range(300))
job = n.reduce(list, f, merge = lambda a, b: a + b, emit = "state").map(lambda l: l == list(range(300))).concat(n.reduce(list, f, by = lambda x: x % 2, merge = lambda a, b: a + b).map(lambda k, l: l == list(range(k, 300, 2))))`, want: "true\ntrue\ntrue\n"},
		{name: "rule 2: states that hold the input's strings", script: `
def last(acc, l):
    acc.append(l[:3])
    return acc[-2:]
job = lines().reduce([], last, by = lambda l: l[0])`, stdin: "a long line that is a view of its block\nb\nanother such line\na third of them\n", want: "[\"a\",[\"ano\",\"a t\"]]\n[\"b\",[\"b\"]]\n"},
		{
			name: "rule 2: states of an unkeyed reduce hold the input's strings", script: `job = lines().reduce([], lambda acc, l: acc + [l], emit = "state").map(len).concat(lines("p").reduce({}, lambda acc, l: acc | {l: len(l)}))`, stdin: "a\nb\nc\n",
			files: map[string]string{"p": "first line of the file\nsecond line of the file\n"}, want: "3\nfirst line of the file\t22\nsecond line of the file\t23\n",
		},
		{name: "rule 20: flush comes for keys in order", script: `job = from_enumerable(["b", "a", "c", "a", "b"]).scan(lambda: [], lambda acc, x: ([], acc + [x]), by = lambda x: x, flush = lambda acc: [(acc[0], len(acc))])`, want: "b\t2\na\t2\nc\t1\n"},
		{name: "rule 20: flush after the last record", script: `job = from_enumerable([1, 2, 3]).scan(0, lambda acc, x: ([x], acc + x), flush = lambda acc: ["sum", acc])`, want: "1\n2\n3\nsum\n6\n"},
		{name: "rule 20: the state of scan changes", script: `
def f(acc, x):
    acc.append(x)
    return [len(acc)], acc
job = from_enumerable("abab".elems()).scan(list, f).concat(from_enumerable("abab".elems()).scan(list, f, by = lambda x: x))`, want: "1\n2\n3\n4\n1\n1\n2\n2\n"},
		{name: "rule 20: what scan emits does not change with its state", script: `
def f(acc, x):
    acc.append(x)
    return [acc], acc
job = from_enumerable([1, 2, 3]).scan(list, f)`, want: "[1]\n[1,2]\n[1,2,3]\n"},
		{name: "promise: a global cannot collect", script: "seen = []\njob = from_enumerable([1]).map(lambda x: seen.append(x))", fails: `append: cannot append to frozen list`, loads: true},
		{name: "promise: what map returned is frozen", script: `
def change(r):
    r["y"] = 1
    return r
job = from_enumerable([1]).map(lambda x: {"x": x}).map(change)`, fails: `frozen`, loads: true},
		{name: "rule 8: the error says how to make a changed copy", script: `
def change(r):
    r["y"] = 1
    return r
job = jsonl().map(change)`, stdin: "{\"x\":1}\n", fails: `frozen(?s).*\| \{`, loads: true},
		{name: "promise: elements of what flat_map returned are frozen", script: `job = from_enumerable([1]).flat_map(lambda x: [[x]]).map(lambda l: l.append(2))`, fails: `frozen`, loads: true},
		{name: "promise: siblings do not share what can change", script: `
def twins(x):
    shared = [x]
    return [shared, shared]
def change(l):
    l.append(1)
    return l
job = from_enumerable([1]).flat_map(twins).map(lambda l: l + [2])`, want: "[1,2]\n[1,2]\n"},
		{name: "promise: two readers of one flow", script: `
a = from_enumerable([1]).map(lambda x: [x])
job = a.map(lambda l: l + [2]).concat(a.map(lambda l: l + [3]))`, want: "[1,2]\n[1,3]\n"},
		{name: "promise: the records of a list are frozen", script: `job = from_enumerable([[1]]).map(lambda l: l.append(2))`, fails: `frozen`, loads: true},
		{name: "promise: records are frozen in reduce", script: `job = from_enumerable([[1]]).reduce(0, lambda acc, l: l.append(2))`, fails: `frozen`, loads: true},
		{name: "promise: a state of the last reduce is frozen", script: `job = from_enumerable([1]).reduce([], lambda acc, x: acc + [[x]], emit = "state").map(lambda s: s[0].append(1))`, fails: `frozen`, loads: true},
		{name: "rule 8: a changed copy", script: `job = jsonl().map(lambda r: r | {"y": 2})`, stdin: "{\"x\":1}\n", want: "{\"x\":1,\"y\":2}\n"},
	})
}
