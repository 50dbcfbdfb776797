package builtins_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine"
)

// around is 200 times a good line, a bad one, and 300 good ones: the functions are compiled and warm when it comes.
func around(good, bad string) string {
	return strings.Repeat(good+"\n", 200) + bad + "\n" + strings.Repeat(good+"\n", 300)
}

// badInput is jobs on input of which something is wrong or strange. What comes out, is printed, fails and is left
// behind must be what the interpreter gives on one core.
var badInput = []struct {
	name, script string
	input        string
	fails        string // a part of the error; "": it works
	want         string // a line of the output
}{
	{"an int that overflows", `job = lines("in").map(lambda l: int(l) * int(l) * 3).uniq()`, around("7", "3037000500"), "", "27670116111000750000"},
	{"a sum that overflows in the middle", `job = lines("in").map(int).sum()`, around("5", "9223372036854775807"), "", "9223372036854778307"},
	{"a reduce that overflows in the middle", `job = lines("in").reduce(0, lambda n, l: n + int(l), by = lambda l: len(l) > 20)`, around("5", "9223372036854775807"), "", "false\t9223372036854778307"},
	{"a field that is missing", `job = jsonl("in").map(lambda r: (r["a"], r["b"])).count(by = 0)`, around(`{"a": 1, "b": 2}`, `{"a": 1}`), `job.star:1:43: map: key "b" not in dict\n  record: {"a": 1}\n  from:   in, byte 3400\n`, ""},
	{"a field that may be missing", `job = jsonl("in").map(lambda r: (r["a"], r.get("b", "none"))).count(by = 1)`, around(`{"a": 1, "b": 2}`, `{"a": 1}`), "", "none\t1"},
	{"a field that is not selected", `job = jsonl("in").count(by = "b")`, around(`{"a": 1, "b": 2}`, `{"a": 1}`), `record has no field "b" \(it has a\)`, ""},
	{"a field of another type", `job = jsonl("in").map(lambda r: r["a"] + 1).sum()`, around(`{"a": 1}`, `{"a": "1"}`), `job.star:1:40: map: unknown binary op: string \+ int\n  record: {"a": "1"}`, ""},
	{"a field of another type that fits", `job = jsonl("in").map(lambda r: r["a"] * 2).uniq()`, around(`{"a": 1}`, `{"a": "x"}`), "", "xx"},
	{"a field of no type", `job = jsonl("in").map(lambda r: -r["a"]).sum()`, around(`{"a": 1}`, `{"a": null}`), `unknown unary op: - NoneType`, ""},
	{"a function that fails", `job = lines("in").map(lambda l: 100 // int(l)).sum()`, around("7", "0"), `job.star:1:37: map: floored division by zero\n  record: "0"\n  from:   in, byte 400\n`, ""},
	{"a function that fails and is caught", `job = lines("in").map(lambda l: 100 // int(l), on_error = "dead.jsonl").sum()`, around("7", "0"), "", "7000"},
	{"a function that fails by its own word", "def f(l):\n    if len(l) > 3:\n        fail('line of', len(l))\n    return l\njob = lines('in').map(f).count()", around("7", "long"), `job.star:3:13: map: fail: line of 4`, ""},
	{"a record that fails after others of its line", "def f(l): return [100 // int(w) for w in l.split()]\njob = lines('in').flat_map(f).sum()", around("1 2 3", "1 0 3"), `job.star:1:23: flat_map: floored division by zero\n  record: "1 0 3"`, ""},
	{"a record that fails behind others of its line", "job = lines('in').flat_map(lambda l: l.split()).map(lambda w: 100 // int(w), on_error = 'dead.jsonl').write('out.txt')", around("1 2 3", "1 0 3"), "", ""},
	{"prints before a failure", "def f(l):\n    print(l)\n    return 10 // int(l)\njob = lines('in').map(f).sum()", around("7", "0"), `job.star:3:15: map: floored division by zero`, ""},
	{"prints between compiled functions", "def f(n):\n    if n % 50 == 0:\n        print(n)\n    return n\njob = lines('in').map(int).with_index().map(lambda i, n: i).map(f).map(lambda n: n + 1).sum()", around("7", "0"), "", "125751"},
	{"a key that fails", `job = lines("in").count(by = lambda l: int(l))`, around("7", "x"), `job.star:1:43: count: int: invalid literal with base 10: x\n  record: "x"\n  from:   in, byte 400\n`, ""},
	{"a key that is a list", `job = lines("in").count(by = lambda l: l.split() if len(l) > 3 else l)`, around("7", "long"), `count: .*use a tuple`, ""},
	{"a sort key of another type", `job = lines("in").sort(lambda l: int(l) if l != "x" else l).take(1)`, around("7", "x"), `keys do not compare`, ""},
	{"a reducer that fails", `job = lines("in").reduce(0, lambda n, l: n + 100 // int(l))`, around("7", "0"), `job.star:1:\d+: reduce: floored division by zero\n  record: "0"\n  from:   in, byte 400\n`, ""},
	{"a reducer that fails with half of its changes made", "def f(acc, l):\n    acc.append(l)\n    acc[0] = 100 // int(l)\n    return acc\njob = lines('in').reduce([], f)", around("7", "0"), `job.star:3:18: reduce: floored division by zero\n  record: "0"\n  from:   in, byte 400\n`, ""},
	{"a reducer of other types in the middle", "def f(acc, l):\n    acc['seen'] = acc.get('seen', 0) + 1\n    acc.setdefault(l, []).append(int(l) << 61)\n    return acc\njob = lines('in').reduce({}, f).map(lambda k, v: v if k == 'seen' else (k, len(v), v[-1]))", around("1", "70"), "", "70\t1\t161409010644958576640"},
	{"a scan of other types in the middle", "def f(acc, l):\n    acc = acc + (float(l) if '.' in l else int(l))\n    return ([acc] if '.' in l else [], acc)\njob = lines('in').scan(0, f, flush = lambda acc: [acc])", around("7", "1.5"), "", "3501.5"},
	{"a merge that fails", "job = lines('in').map(int).reduce(0, lambda n, x: n + x if x != 5 else None, merge = lambda a, b: a + b)", around("7", "5"), "did you forget `return n`", ""},
	{"a trigger that fails", "job = lines('in').trigger(every = 100).reduce([], lambda acc, l: acc + [int(l)], on_trigger = lambda acc: ([100 // acc[-1]], []))", around("7", "x"), `int: invalid literal with base 10: x\n  record: "x"\n  from:   in, byte 400\n`, ""},
	{"a width that changes", `job = lines("in").map(lambda l: tuple(l.split(","))).map(lambda a, b: b + a).uniq()`, around("a,b", "a,b,c"), `map takes 2 fields \(a, b\); this record is a tuple of 3: \("a", "b", "c"\)`, ""},
	{"columns that are missing", `job = csv("in", columns = ["a", "b"], header = False).map(lambda r: r["b"]).uniq()`, around("a,b", "a"), `in.*201`, ""},
	{"lines that are no UTF-8", `job = lines("in").map(lambda l: (l.upper(), len(l), l[:1], l.split("é"), l == l[:1] + l[1:])).map(repr).uniq().count()`, around("aé", "\xff\xfeé\xc3"), "", "2"},
	{"keys that are no UTF-8", `job = lines("in").flat_map(lambda l: l.split(",")).count(by = lambda w: w)`, around("a,\xff", "\xc3,\xff,a\xffb"), "", "\xff\t501"},
	{"JSON that is no UTF-8", `job = jsonl("in", on_error = "dead.jsonl").map(lambda r: (r["k"], len(r["k"]))).uniq()`, around(`{"k": "a"}`, "{\"k\": \"\xff\"}"), "", "a\t1"},
	{"text behind JSON", `job = jsonl("in").map(lambda r: r["a"]).sum()`, around(`{"a": 1}`, `{"a": 1} x`), `in:201: json.decode: at offset 9, unexpected character 'x' after value`, ""},
	{"text behind JSON, decoded by a function", `job = lines("in").map(json.decode).map(lambda r: r["a"]).sum()`, around(`{"a": 1}`, `{"a": 1} x`), `map: json.decode: .*\n  record: "{\\"a\\": 1} x"\n  from:   in, byte 1800`, ""},
	{"a time that is missing", `job = jsonl("in").window(windows.fixed("1s", time = "t")).count()`, around(`{"t": 1}`, `{"u": 1}`), `job.star:1:\d+: count: time: record has no field "t" \(it has u\).*\n  record: {"u": ?1}\n  from:   in, byte 1800`, ""},
	{"a time that is null", `job = jsonl("in").window(windows.sliding("2s", every = "1s", time = "t")).sum("t")`, around(`{"t": 1}`, `{"t": null}`), `the time of a record must be an int .*, not NoneType: None\n  record: {"t": None}\n  from:   in, byte 1800`, ""},
	{"a time of the wrong type", `job = jsonl("in").window(windows.session("1s", time = "t")).count()`, around(`{"t": 1}`, `{"t": 1.5}`), `the time of a record must be an int .*, not float: 1\.5\n  record: {"t": ?1.5}\n  from:   in, byte 1800`, ""},
	{"a time that is no time", `job = lines("in").window(windows.fixed("1h", time = lambda l: l)).count()`, around("2026-01-02T03:04:05Z", "yesterday"), `the time "yesterday" is not RFC 3339.*\n  record: "yesterday"\n  from:   in, byte 4200`, ""},
	{"a time that is out of range", `job = lines("in").window(windows.fixed("1s", time = int)).count()`, around("5", "1700000000000000000"), `the time 1700000000000000000 is out of range: an int is milliseconds.*\n  record: "1700000000000000000"\n  from:   in, byte 400`, ""},
	{"a year that is out of range", `job = lines("in").window(windows.session("1h", time = lambda l: l)).count()`, around("2026-01-02T03:04:05Z", "9999-01-01T00:00:00Z"), `the time 9999-01-01T00:00:00Z is out of range: years from 1700 to 2249`, ""},
	{"times that decrease", `job = lines("in").window(windows.fixed("1s", time = int)).count()`, around("5000", "-1"), "", "-1000\t1"},
	{"times that decrease by more than lateness", `job = lines("in").window(windows.fixed("1s", time = int, lateness = "1s", late = "late.jsonl")).count()`, around("5000", "-1"), "", "5000\t500"},
	{"a key of a window that fails", `job = lines("in").window(windows.session("1s", time = int)).count(by = lambda l: 10 // int(l))`, around("7", "0"), `job.star:1:\d+: count: floored division by zero\n  record: "0"\n  from:   in, byte 400`, ""},
	{"a key of a window that is a list", `job = lines("in").window(windows.fixed("1s", time = int)).sum(int, by = lambda l: [l] if len(l) > 1 else l)`, around("7", "10"), `sum: .*use a tuple`, ""},
	{"a key of a join that is missing on the left", `job = jsonl("in").join(from_enumerable([{"a": 1}]), on = "a").count()`, around(`{"a": 1}`, `{"b": 1}`), `job.star:1:\d+: join: left side: record has no field "a" \(it has b\).*\n  record: {"b": ?1}\n  from:   in, byte 1800`, ""},
	{"a key of a join that is missing on the right", `job = from_enumerable([{"a": 1}]).join(jsonl("in"), on = "a").count()`, around(`{"a": 1}`, `{"b": 1}`), `job.star:1:\d+: join: right side, by on, as there is no other_on: record has no field "a" \(it has b\).*\n  record: {"b": ?1}\n  from:   in, byte 1800`, ""},
	{"a key of a join that fails", `job = lines("in").join(from_enumerable([1]), on = lambda l: 7 // int(l), other_on = lambda x: x).count()`, around("7", "0"), `job.star:1:\d+: join: left side: floored division by zero\n  record: "0"\n  from:   in, byte 400`, ""},
	{"a trigger that returns no pair", `job = lines("in").trigger(f = lambda s, l: (None, s) if l == "7" else l).reduce(0, lambda n, l: n + 1)`, around("7", "x"), `the trigger must return .*\n  record: "x"\n  from:   in, byte 400`, ""},
	{"a trigger whose name is no text", `job = lines("in").trigger(f = lambda s, l: (None if l == "7" else 3, s)).scan(0, lambda n, l: ([], n + 1))`, around("7", "x"), `the trigger must return .*\n  record: "x"\n  from:   in, byte 400`, ""},
	{"an on_trigger that returns no pair", `job = lines("in").trigger(every = 50).reduce(0, lambda n, l: n + len(l), on_trigger = lambda n: n if n > 210 else ([], n))`, around("7", "a long line of text"), `on_trigger must return `, ""},
	{"an on_trigger that returns no list", `job = lines("in").trigger(every = 50).reduce(0, lambda n, l: n + len(l), on_trigger = lambda n: (n if n > 210 else [], n))`, around("7", "a long line of text"), `on_trigger must return `, ""},
	{"types by turns", `job = jsonl("in").map(lambda r: (type(r), str(r), r * 1 if type(r) != "dict" and r != None else r)).map(repr).uniq()`, strings.Repeat("1\n\"a\"\n1.5\nnull\n[1, 2]\n{\"a\": 1}\n{\"b\": 1}\ntrue\n", 40), "unknown binary op: bool", ""},
	{"names by turns", `job = jsonl("in").map(lambda r: [r.get(k, 0) for k in ["a", "b", "c", "d"]]).map(lambda l: tuple(l)).sum(lambda a, b, c, d: a + 10 * b + 100 * c + 1000 * d)`, strings.Repeat("{\"a\": 1}\n{\"b\": 1}\n{\"c\": 1, \"a\": 2}\n{\"d\": 1, \"c\": 3}\n{\"a\": 1, \"d\": 1}\n{\"b\": 5, \"a\": 1}\n", 50), "", "123250"},
	{"names that change late", `job = jsonl("in").map(lambda r: r.get("a", r.get("b"))).map(lambda v: type(v)).count(by = lambda t: t)`, strings.Repeat("{\"a\": 1}\n", 3000) + strings.Repeat("{\"b\": \"x\"}\n", 500) + strings.Repeat("{\"a\": null, \"b\": 2.5}\n", 500), "", "string\t500"},
}

// TestBadInput compares all ways of running a job on input of which something is wrong; under -short some of them, by turns.
func TestBadInput(t *testing.T) {
	for i, c := range badInput {
		t.Run(c.name, func(t *testing.T) {
			files := map[string]string{"in": c.input}
			want, prints := observed(t, c.script, files, engine.Options{Cores: 1, Kernels: "off"})
			if c.fails == "" && want.Error != "" || !regexp.MustCompile(c.fails).MatchString(want.Error) {
				t.Fatalf("error %s\nwant %s", want.Error, c.fails)
			}
			if c.want != "" && !slices.Contains(strings.Split(want.Files["-"], "\n"), c.want) {
				t.Fatalf("got\n%s\nwant %s", want.Files["-"], c.want)
			}
			for k, way := range slices.Sorted(maps.Keys(executors)) {
				if testing.Short() && (i+k)%4 > 0 {
					continue
				}
				got, printed := observed(t, c.script, files, executors[way])
				if d := want.difference(got); d != "" && !got.limited {
					t.Errorf("%s differs from the interpreter (-)\n%s", way, d)
				}
				if !slices.Equal(prints, printed) && !got.limited {
					t.Errorf("%s prints %d lines %q\nthe interpreter %d %q", way, len(printed), printed, len(prints), prints)
				}
			}
		})
	}
}

// observed is all that can be seen of a run, and what it printed.
func observed(t *testing.T, script string, files map[string]string, o engine.Options) (outcome, []string) {
	t.Helper()
	p := &pipeline{script: script, files: files}
	return p.outcome(t, o), p.printed
}

// TestJSONValues compares a JSON source, which decodes only what is used, with json.decode.
func TestJSONValues(t *testing.T) {
	values := []string{
		`{"a": 1, "a": 2}`, `{"a": 1, "b": 2, "a": 3}`, `{"\u0061": 5}`, `{"a": "\ud800"}`, `{"a": "\ud83d\ude00"}`, `{"a": "\u0000"}`, `{"a": "\/\b\f\n\r\t\"\\"}`,
		`{"a": 123456789012345678901234567890}`, `{"a": -9223372036854775808}`, `{"a": 9223372036854775808}`, `{"a": 1e2}`, `{"a": 1E400}`, `{"a": -0}`, `{"a": -0.0}`, `{"a": 1e-400}`,
		`{"a": 01}`, `{"a": +1}`, `{"a": .5}`, `{"a": 1.}`, `{"a": 0x1}`, `{"a": NaN}`, `{"a": Infinity}`, `{"a": 1} `, `{"a": 1}}`, `{"a": 1} 2`, `{"a": 1},`, `{"a": 1`, `{"a" 1}`, `{a: 1}`, `{'a': 1}`,
		`{"a": [1, 2,]}`, `{"a": 1,}`, `{"a": tru}`, `{"a": nullx}`, "{\"a\": \"tab\there\"}", `{"a": "\x41"}`, `{"a": "\u12"}`, `{"b": {"a": [[[[1]]]]}, "a": {"x": {}}}`, `[{"a": 1}]`, `null`, `""`, `  {"a": 1}`,
		`{"a": ` + strings.Repeat("[", 500) + strings.Repeat("]", 500) + `}`, `{"": 1, "a": 2}`, "{\"a\": \"\xff\xc3\"}", `{"a": 1e1000000000000}`, `{"a": ` + strings.Repeat("9", 400) + `}`, "", " ",
	}
	in := strings.Join(values, "\n") + "\n"
	decoded, _ := observed(t, `job = lines("in").map(lambda l: attempt(json.decode, l, default = "invalid")).filter(lambda r: r != "invalid").map(repr)`, map[string]string{"in": in}, engine.Options{Cores: 1, Kernels: "off"})
	field, _ := observed(t, `job = lines("in").map(lambda l: attempt(json.decode, l)).filter(lambda r: type(r) == "dict").map(lambda r: repr(r["a"]))`, map[string]string{"in": in}, engine.Options{Cores: 1, Kernels: "off"})
	if decoded.Error+field.Error != "" || strings.Count(field.Files["-"], "\n") < 15 {
		t.Fatal(decoded.Error, field.Error, field.Files["-"])
	}
	for _, way := range slices.Sorted(maps.Keys(executors)) {
		got, _ := observed(t, `job = jsonl("in", on_error = "drop").map(repr)`, map[string]string{"in": in}, executors[way])
		if d := decoded.difference(got); d != "" {
			t.Errorf("%s: jsonl differs from json.decode (-)\n%s", way, d)
		}
		got, _ = observed(t, `job = jsonl("in", on_error = "drop").filter(lambda r: type(r) == "dict").map(lambda r: repr(r["a"]))`, map[string]string{"in": in}, executors[way])
		if d := field.difference(got); d != "" {
			t.Errorf("%s: a field of jsonl differs from json.decode (-)\n%s", way, d)
		}
		got, _ = observed(t, `job = jsonl("in", on_error = "drop").map(lambda r: repr(r["a"]), on_error = "drop")`, map[string]string{"in": in}, executors[way])
		if d := field.difference(got); d != "" {
			t.Errorf("%s: a projected field differs from json.decode (-)\n%s", way, d)
		}
	}
}

// TestLargeRecords runs functions on records of many bytes and of many fields.
func TestLargeRecords(t *testing.T) {
	const longest = 16 << 20
	many, most := 1<<20, longest
	if testing.Short() {
		many, most = many/16, most/16
	}
	fields := strings.Repeat("7,", many) + "x"
	long := strings.Repeat("y", most-2) + " z"
	files := map[string]string{"in": "a b\n" + long + "\nc\n" + fields + "\n\n"}
	for _, c := range []struct{ script, want string }{
		{
			`job = lines("in").map(lambda l: (len(l), len(l.split()), len(l.split(",")), l[-1:], l.find("x"), len(l.upper() + "!")))`,
			fmt.Sprintf("3\t2\t1\tb\t-1\t4\n%d\t2\t1\tz\t-1\t%d\n1\t1\t1\tc\t-1\t2\n%d\t1\t%d\tx\t%d\t%d\n0\t0\t1\t\t-1\t1\n", most, most+1, 2*many+1, many+1, 2*many, 2*many+2),
		},
		{`job = lines("in").flat_map(lambda l: l.split()).count(by = len).sort()`, fmt.Sprintf("1\t4\n%d\t1\n%d\t1\n", 2*many+1, most-2)},
		{`job = lines("in").reduce(("", 0, ""), lambda acc, l: (max(acc[0], l[-2:]), acc[1] + len(l), max(acc[2], l)[:3]))`, fmt.Sprintf("c\t%d\tyyy\n", most+2*many+1+4)},
		{`job = lines("in").map(lambda l: l.split(",")).map(lambda p: sum([int(x) for x in p[:-1]]))`, fmt.Sprintf("0\n0\n0\n%d\n0\n", 7*many)},
	} {
		for _, o := range []engine.Options{{Cores: 2}, {Cores: 2, Kernels: "verify"}, {Cores: 2, Poison: true, BlockSize: 1 << 16}} {
			w := newWorld(t, files, "")
			if _, err := w.run(c.script, o); err != nil || w.stdout.String() != c.want {
				t.Errorf("%s with %+v\ngives %.200s, %v\nwant %.200s", c.script, o, w.stdout.String(), err, c.want)
			}
		}
	}
	w := newWorld(t, map[string]string{"in": strings.Repeat("x", longest+1) + "\n"}, "")
	if _, err := w.run(`job = lines("in").map(len)`, engine.Options{}); err == nil || !strings.Contains(err.Error(), "in") {
		t.Errorf("a record that is too long: %v", err)
	}
}
