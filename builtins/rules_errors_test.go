package builtins_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/builtins"
	"github.com/flowsh/flowsh/engine"
)

func TestRulesOfFunctionsInJobs(t *testing.T) {
	testRules(t, []rule{
		{name: "rule 10: time.now is the start of the job", script: `job = from_enumerable([1, 2]).map(lambda x: time.now()).uniq()`, want: "2026-01-02T03:04:05.678Z\n"},
		{name: "rule 10: UTC", script: `job = from_enumerable([0]).map(time.from_timestamp)`, want: "1970-01-01T00:00:00Z\n"},
		{
			name: "rule 10: time.floor", script: `
t = time.parse_time("2024-03-31T01:30:00Z")
job = from_enumerable(["15m", "1h", "day", "week", "month", "year"]).map(lambda u: time.floor(t, u)).concat(from_enumerable([1]).map(lambda x: time.floor(t, "day", location = "Europe/Berlin")))`,
			want: "2024-03-31T01:30:00Z\n2024-03-31T01:00:00Z\n2024-03-31T00:00:00Z\n2024-03-25T00:00:00Z\n2024-03-01T00:00:00Z\n2024-01-01T00:00:00Z\n2024-03-31T00:00:00+01:00\n",
		},
		{name: "rule 10: C's layouts", script: `job = from_enumerable(["2024-01-02"]).map(lambda s: time.parse_time(s, format = "%Y-%m-%d"))`, fails: `2006-01-02`, loads: true},
		{name: "rule 10: C's layouts of a time", script: `job = from_enumerable([0]).map(time.from_timestamp).map(lambda t: t.format("%H:%M"))`, fails: `job\.star:1:\d+: map: time\.format: .*write "15:04", not "%H:%M"`, loads: true},
		{name: "rule 10: C's layouts that are a global", script: "FORMAT = '%H' + ':%M'\njob = from_enumerable([0]).map(time.from_timestamp).map(lambda t: t.format(FORMAT))", fails: `job\.star:2:\d+: map: time\.format: .*write "15:04", not "%H:%M"`, loads: true},
		{name: "rule 10: C's layouts that are a default", script: "def day(t, layout = '%d'):\n    return t.format(layout)\njob = from_enumerable([0]).map(time.from_timestamp).map(day)", fails: `job\.star:2:\d+: map: time\.format: .*write "02", not "%d"`, loads: true},
		{name: "rule 10: Go's layouts that are a global", script: "FORMAT = '15h04 100%'\njob = from_enumerable([0]).map(time.from_timestamp).map(lambda t: t.format(FORMAT))", want: "00h00 100%\n"},
		{name: "rule 10: a str's format takes any global", script: "TEXT = '<{}>'\nC = '%Y'\njob = from_enumerable([0]).map(lambda _: TEXT.format(C))", want: "<%Y>\n"},
		{name: "rule 10: a str's format takes any text", script: `job = from_enumerable(["<{}>"]).map(lambda s: s.format("%Y") + "{}".format("%d"))`, want: "<%Y>%d\n"},
		{name: "rule 3: a name that a function hides", script: "def f(x):\n    sum = sum([x])\n    return sum\njob = from_enumerable([1]).map(f)", fails: `use another name`, loads: true},
		{name: "rule 10: in a record", script: `job = from_enumerable([{"t": time.from_timestamp(1), "d": 90 * time.second}])`, want: "{\"t\":\"1970-01-01T00:00:01Z\",\"d\":\"1m30s\"}\n"},
		{name: "rule 13: recursion", script: "def depth(x): return 1 + max([0] + [depth(y) for y in x]) if type(x) == 'list' else 0\njob = jsonl().map(depth)", stdin: "[[[1], []], 2]\n", want: "3\n"},
		{name: "rule 13: while", script: "def f(x):\n    while x: x -= 1\n    return x\njob = lines().map(f)", fails: `(?s)while is not part.*for _ in range`},
		{name: "rule 13: depth", script: "def f(x): return f(x)\njob = lines().map(f)", stdin: "a\n", fails: `1000 deep`, loads: true},
		{name: "rule 13: steps", script: "def f(x): return [0 for _ in range(1 << 40)]\njob = lines().map(f)", stdin: "a\n", fails: `steps`, loads: true, options: func(o *engine.Options) { o.MaxSteps = 100_000 }},
		{name: "rule 14: sprintf", script: `job = from_enumerable([("é", 42, 3.14159)]).map(lambda s, n, x: sprintf("%-4s|%4s|%5d|%05.1f|%x|%c|%%|%r", s, s, n, x, n, 65, s))`, want: "é   |   é|   42|003.1|2a|A|%|\"é\"\n"},
		{
			name: "rule 14: sprintf with decimals", script: `
some = from_enumerable([0.0, -0.0, 2.675, 1e15, 1e300, 5e-324, 9007199254740993, 1 << 60, -(1 << 53), -7, 1 << 70, float("inf"), float("-inf"), float("nan")])
floats = from_enumerable([0.5, 1.5, -2.5])
job = some.map(lambda x: sprintf("%.2f", x)[:20]).concat(some.map(lambda x: sprintf("%.0f", x)[-20:])).concat(floats.map(lambda x: sprintf("%f|%.0f|%.3f%%", x, x, x))).concat(from_enumerable([3, 4]).map(lambda n: sprintf("%d:%.1f", n, n)))`,
			want: "0.00\n-0.00\n2.67\n1000000000000000.00\n10000000000000000525\n0.00\n9007199254740993.00\n1152921504606846976.\n-9007199254740992.00\n-7.00\n11805916207174113034\ninf\n-inf\nnan\n" +
				"0\n-0\n3\n1000000000000000\n96386865459400540160\n0\n9007199254740993\n1152921504606846976\n-9007199254740992\n-7\n80591620717411303424\ninf\n-inf\nnan\n" +
				"0.500000|0|0.500%\n1.500000|2|1.500%\n-2.500000|-2|-2.500%\n3:3.0\n4:4.0\n",
		},
		{name: "rule 14: sprintf with decimals of a text", script: `job = from_enumerable([1, "2"]).map(lambda x: sprintf("%.2f", x))`, fails: `sprintf: %\.2f: argument 1: want a number, not a string`, loads: true},
		{name: "rule 14: sprintf with too few", script: `job = from_enumerable([1]).map(lambda x: sprintf("%d %d", x))`, fails: `sprintf.*%d`, loads: true},
		{name: "rule 14: round", script: `job = from_enumerable([0.5, 1.5, 2.5, -0.5, 1e20]).map(round).concat(from_enumerable([2.675, 1.005]).map(lambda x: round(x, 2)))`, want: "0\n2\n2\n0\n100000000000000000000\n2.67\n1.0\n"},
		{name: "rule 14: decimal", script: `job = from_enumerable(["-0.50", "19.99", "1"]).map(lambda s: decimal.parse(s, 2)).map(lambda n: (n, decimal.format(n, 2)))`, want: "-50\t-0.50\n1999\t19.99\n100\t1.00\n"},
		{name: "rule 15: attempt", script: `job = from_enumerable(["1", "x"]).map(lambda s: attempt(int, s, default = -1)).concat(from_enumerable(["ff"]).map(lambda s: attempt(int, s, 16)))`, want: "1\n-1\n255\n"},
		{name: "rule 15: attempt of a script's function", script: "def f(s): return 1 // int(s)\njob = from_enumerable(['0', '1', 'x']).map(lambda s: attempt(f, s, default = 'none'))", want: "none\n1\nnone\n"},
		{name: "rule 15: attempt does not catch limits", script: "def f(s): return f(s)\njob = from_enumerable([1]).map(lambda s: attempt(f, s))", fails: `1000 deep`, loads: true},
		{name: "rule 16: re", script: `
def f(s): return (re.test(r"\d", s), re.find(r"\d+", s), re.groups(r"(\w)=(\d+)", s), str(re.find_all(r"\d", s)), str(re.split(r"\D+", s)), re.replace(r"(\w)=(\d)", s, r"\2=\1"))
job = from_enumerable(["a=12 b=3", "x"]).map(f)`, want: "true\t12\ta\t12\t[\"1\", \"2\", \"3\"]\t[\"\", \"12\", \"3\"]\t1=a2 3=b\nfalse\t\t\t[]\t[\"\", \"\"]\tx\n"},
		{name: "rule 16: named groups", script: `job = lines().map(lambda l: re.groups(r"(?P<k>\w+)=(?P<v>\w+)", l))`, stdin: "a=1\n-\n", want: "{\"k\":\"a\",\"v\":\"1\"}\n\n"},
		{name: "rule 16: a pattern without groups", script: `job = lines().map(lambda l: re.groups(r"\w", l))`, fails: `job\.star:1:\d+: re\.groups: pattern "\\\\w" has no groups`},
		{name: "rule 16: a wrong pattern", script: `job = lines().map(lambda l: re.test("(", l))`, fails: `job\.star:1:\d+: re\.test: pattern "\(": missing closing`},
		{name: "rule 16: a wrong pattern that is a global", script: "PAT = r'(?=x)'\ndef f(l): return re.find(PAT, l)\njob = lines().map(f)", fails: `job\.star:2:\d+: re\.find: .*no lookahead`},
		{name: "rule 16: a wrong pattern by name", script: "job = lines().map(lambda l: re.find(s = l, pattern = '['))", fails: `re\.find: pattern "\["`},
		{name: "rule 16: a module re of the script's own", script: "re = struct(match = lambda p, s: p + s)\njob = lines().map(lambda l: re.match('(', l))", stdin: "a\n", want: "(a\n"},
		{name: "rule 16: a pattern that is made at run time", script: "job = lines().map(lambda l: re.test(l, 'a'))", stdin: "(\n", fails: `missing closing`, loads: true},
		{name: "rule 16: re.match", script: `job = lines().map(lambda l: re.match("a", l))`, fails: `(?s)there is no re\.match.*re\.test`},
		{name: "a name of another system", script: `job = lines().summarize(a = agg.avg("x"), by = windows.tumbling("1h"))`, fails: `(?s)job\.star:1:\d+: there is no agg\.avg\s+did you mean agg\.mean\?.*there is no windows\.tumbling\s+did you mean windows\.fixed\?`},
		{name: "a name of another system in a function", script: "def f(l): return json.loads(l)\njob = lines().map(f)", fails: `job\.star:1:\d+: there is no json\.loads\s+did you mean json\.decode\?`},
		{name: "such a name in a module of the script's own", script: "agg = struct(avg = lambda a, b: a + b)\njob = lines().map(lambda l: agg.avg(l, 'b'))", stdin: "a\n", want: "ab\n"},
		{name: "an operator of another system", script: `job = from_enumerable([1]).avg()`, fails: `flows have no operator avg\s+write mean\(of\)`},
		{name: "rule 14: sum", script: `job = from_enumerable([[0.1] * 10, [1, 2], [1 << 70, 1]]).map(sum)`, want: "1.0\n3\n1180591620717411303425\n"},
		{name: "rule 21: exact sums on any cut", script: `
x = from_enumerable([1e100, 1.0, -1e100, 0.1, 0.2, 0.3] * 50)
job = x.sum().concat(x.mean(), x.sum(by = lambda v: 0), x.count())`, want: "80.0\n0.26666666666666666\n0\t80.0\n300\n"},
		{name: "rule 21: sums of ints and floats", script: `job = from_enumerable([1, 2.0]).sum().concat(from_enumerable([1, 2]).sum(), from_enumerable([1 << 64, 0.5]).sum(), from_enumerable([1, 2]).mean(), from_enumerable([float("inf"), 1]).sum())`, want: "3.0\n3\n1.8446744073709552e+19\n1.5\n+inf\n"},
		{name: "rule 21: a bool is no number", script: `job = from_enumerable([True]).sum()`, fails: `job\.star:1:\d+: sum: want int or float, got bool`, loads: true},
		{name: "rule 27: xxhash", script: `job = from_enumerable(["word", 1, None, ("a", 1)]).map(xxhash)`, want: "13976603303623720153\n3249660085180907677\n9962287286179718960\n2598648865181290783\n"},
		{name: "rule 27: xxhash of a list", script: `job = from_enumerable([[1]]).map(xxhash)`, fails: `use a tuple`, loads: true},
		{name: "rule 8: json in functions", script: `job = lines().map(json.decode).map(json.encode).concat(from_enumerable([{"b": 1, "a": 2}]).map(json.encode))`, stdin: "{\"b\":1.0,\"a\":\"\\u00e9\"}\n", want: "{\"a\":\"é\",\"b\":1.0}\n{\"a\":2,\"b\":1}\n"},
		{name: "helpers from a folder", script: "load('lib/h.star', 'clean', n = 'SIZE')\njob = lines().map(clean).map(lambda l: l[:n])", files: map[string]string{"lib/h.star": "SIZE = 2\ndef clean(l): return _up(l)\ndef _up(l): return l.upper()"}, stdin: "abc\n", want: "AB\n"},
		{name: "a helper that is missing", script: "load('h.star', 'x')", fails: `h\.star`},
		{name: "a private name of a helper", script: "load('h.star', '_x')\njob = lines()", files: map[string]string{"h.star": "_x = 1"}, fails: `_x`},
	})
}

func TestRulesOfErrors(t *testing.T) {
	numbers := map[string]string{"n.txt": "1\n0\nx\n4\n"}
	letter := func(offset int, record, stage string) string {
		return fmt.Sprintf(`"record":%s,"source":"n.txt","offset":%d,"stage":%q`, record, offset, stage)
	}
	for _, c := range []struct {
		name, script, want string
		letters            []string
	}{
		{"map", `job = lines("n.txt").map(lambda s: 6 // int(s), on_error = "bad.jsonl")`, "6\n1\n", []string{letter(2, `"0"`, "map lambda s: 6 // int(s)"), letter(4, `"x"`, "map lambda s: 6 // int(s)")}},
		{"flat_map", `job = lines("n.txt").flat_map(lambda s: [6 // int(s)], on_error = "bad.jsonl")`, "6\n1\n", []string{letter(2, `"0"`, "flat_map lambda s: [6 // int(s)]"), letter(4, `"x"`, "flat_map lambda s: [6 // int(s)]")}},
		{"flat_map that returns no list", `job = lines("n.txt").flat_map(lambda s: [s] if s != "x" else s, on_error = "bad.jsonl")`, "1\n0\n4\n", []string{letter(4, `"x"`, "flat_map")}},
		{"filter", `job = lines("n.txt").filter(lambda s: 6 // int(s), on_error = "bad.jsonl")`, "1\n4\n", []string{letter(2, `"0"`, "filter"), letter(4, `"x"`, "filter")}},
		{"reject", `job = lines("n.txt").reject(lambda s: 3 // int(s), on_error = "bad.jsonl")`, "4\n", []string{letter(2, `"0"`, "reject"), letter(4, `"x"`, "reject")}},
		{"scan", `job = lines("n.txt").scan(0, lambda a, s: ([a], a + int(s)), on_error = "bad.jsonl")`, "0\n1\n1\n", []string{letter(4, `"x"`, "scan")}},
		{"scan by key, and its flush", `job = lines("n.txt").scan(0, lambda a, s: ([], a + int(s)), by = lambda s: s.isdigit(), flush = lambda a: [a], on_error = "bad.jsonl")`, "5\n0\n", []string{letter(4, `"x"`, "scan")}},
		{"all operators", "options(on_error = 'bad.jsonl')\njob = lines('n.txt').map(int).filter(lambda n: 6 // n)", "1\n4\n", []string{letter(4, `"x"`, "map int"), letter(2, `0`, "filter")}},
		{"an operator that says otherwise", "options(on_error = 'other.jsonl')\njob = lines('n.txt').map(int, on_error = 'bad.jsonl')", "1\n0\n4\n", []string{letter(4, `"x"`, "map int")}},
		{"a key that is no record error", `job = lines("n.txt").map(int, on_error = "bad.jsonl").count(by = lambda n: n % 2)`, "1\t1\n0\t2\n", []string{letter(4, `"x"`, "map int")}},
		{"wrong width", `job = lines("n.txt").map(lambda s: (s, s) if s != "x" else s).map(lambda a, b: a, on_error = "bad.jsonl")`, "1\n0\n4\n", []string{letter(4, `"x"`, "map lambda a, b: a")}},
		{"csv", `job = csv("n.csv", types = {"a": int}, on_error = "bad.jsonl")`, "{\"a\":1}\n", []string{`"source":"n.csv","offset":4,"stage":"csv`}},
		{"jsonl", `job = jsonl("n.jsonl", on_error = "bad.jsonl")`, "1\n3\n", []string{`"source":"n.jsonl","offset":2,"stage":"jsonl`}},
	} {
		t.Run("rule 15: "+c.name, func(t *testing.T) {
			var first string
			for executor, o := range executors {
				w := newWorld(t, numbers, "")
				w.write(t, "n.csv", "a\n1\nx\n")
				w.write(t, "n.jsonl", "1\n{\n3\n")
				summary, err := w.run(c.script, o)
				if err != nil {
					t.Fatalf("%s: %v", executor, err)
				}
				if got := w.stdout.String(); got != c.want || summary.Dead != int64(len(c.letters)) {
					t.Errorf("%s: got\n%s\nwant\n%s, %d dead", executor, got, c.want, summary.Dead)
				}
				got := w.read(t, "bad.jsonl")
				if first == "" {
					first = got
					checkLetters(t, got, c.letters)
				}
				if got != first {
					t.Errorf("%s: dead letters\n%s\nelsewhere\n%s", executor, got, first)
				}
			}
		})
	}
}

// checkLetters wants a line for each part, in order, with the fields of a dead letter.
func checkLetters(t *testing.T, text string, parts []string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) != len(parts) {
		t.Fatalf("dead letters\n%s\nwant %d", text, len(parts))
	}
	for i, line := range lines {
		part := strings.TrimSuffix(parts[i], `"`) // a stage may go on
		if !strings.Contains(line, part) {
			t.Errorf("dead letter\n%s\nwant %s", line, part)
		}
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Error(err)
		}
		for _, name := range []string{"record", "source", "offset", "stage", "error", "backtrace"} {
			if _, ok := fields[name]; !ok || len(fields) != 6 {
				t.Errorf("dead letter\n%s\nwant the field %s, and 6 of them", line, name)
			}
		}
	}
}

func TestRulesOfLimitsOnErrors(t *testing.T) {
	bad := map[string]string{"n.txt": "1\nx\n3\ny\nz\n6\n7\n8\n9\n10\n"}
	testRules(t, []rule{
		{name: "rule 15: fewer than max_errors", script: "options(on_error = 'drop', max_errors = 3)\njob = lines('n.txt').map(int).count()", files: bad, want: "7\n"},
		{name: "rule 15: more than max_errors", script: "options(on_error = 'drop', max_errors = 2)\njob = lines('n.txt').map(int).count()", files: bad, fails: `3 records failed, more than max_errors = 2`, loads: true},
		{name: "rule 15: a share", script: "options(on_error = 'drop', max_errors = '30%')\njob = lines('n.txt').map(int).count()", files: bad, want: "7\n"},
		{name: "rule 15: more than a share", script: "options(on_error = 'drop', max_errors = '29%')\njob = lines('n.txt').map(int).count()", files: bad, fails: `max_errors = 29%`, loads: true},
		{name: "rule 15: exactly a share that binary fractions miss", script: "options(on_error = 'drop', max_errors = '29%')\njob = lines().map(lambda s: 1 // (int(s) // 29)).count()", stdin: numbers(100), want: "71\n"},
		{name: "rule 15: a share of what the operator got", script: "options(max_errors = '50%')\njob = lines('n.txt').filter(lambda s: not s.isdigit()).map(int, on_error = 'drop')", files: bad, fails: `max_errors = 50%`, loads: true},
		{name: "rule 15: a number for one operator", script: "options(max_errors = 2)\njob = lines('n.txt').map(int, on_error = 'drop')", files: bad, fails: `max_errors = 2`, loads: true},
		{name: "rule 15: no such rule", script: "job = lines().map(int, on_error = 'skip')", fails: `want "fail", "drop" or a file`},
		{name: "rule 15: reduce has none", script: "job = lines().reduce(0, lambda a, x: a, on_error = 'drop')", fails: `reduce has no parameter on_error`},
		{name: "rule 15: reduce fails whatever options say", script: "options(on_error = 'drop')\njob = lines('n.txt').reduce(0, lambda a, s: a + int(s))", files: bad, fails: `reduce: int: invalid literal`, loads: true},
		{name: "rule 15: limits are never dropped", script: "def f(s): return f(s)\njob = lines('n.txt').map(f, on_error = 'drop')", files: bad, fails: `1000 deep`, loads: true},
		{name: "rule 15: fail for one operator", script: "options(on_error = 'drop')\njob = lines('n.txt').map(int, on_error = 'fail')", files: bad, fails: `map: int: invalid literal`, loads: true},
		{name: "errors: the first record's, whatever the blocks", script: `job = lines().map(lambda s: 1 // (int(s) % 97 - 96))`, stdin: numbers(400), fails: `record: "96"\n  from:   stdin, byte 278`, loads: true},
		{name: "errors: the first record's, by key", script: `job = lines().reduce(0, lambda a, s: 1 // (int(s) % 97 - 96), by = lambda s: s)`, stdin: numbers(400), fails: `record: "96"\n  from:   stdin, byte 278`, loads: true},
		{name: "errors: what takes no more does not fail", script: `job = lines().map(int).take(3)`, stdin: numbers(3) + strings.Repeat("9\n", 100), want: "0\n1\n2\n"},
		{name: "errors: fail() says what the script says", script: "def f(l): fail('no', l)\n\ndef g(l): return f(l)\njob = lines().map(g)", stdin: "a\n", fails: `job\.star:1:\d+: map: fail: no a\n  record: "a"(?s).*in g.*in f`, loads: true},
	})
}

// What functions print comes in the order of the records, on every executor.
func TestRulesOfPrinting(t *testing.T) {
	for _, c := range []struct{ name, script string }{
		{"map", "def f(l):\n    print(l)\n    return l\njob = lines().map(f).count()"},
		{"filter and flat_map", "def f(l):\n    print(l)\n    return [l]\njob = lines().filter(lambda l: l).flat_map(f).count()"},
		{"reduce", "def f(acc, l):\n    print(l)\n    return acc\njob = lines().reduce(0, f)"},
		{"scan by key", "def f(acc, l):\n    print(l)\n    return [], acc\njob = lines().scan(0, f, by = len)"},
		{"a key", "def f(l):\n    print(l)\n    return l\njob = lines().sort(f).count()"},
		{"map_batch", "def f(b):\n    print('\\n'.join(b))\n    return b\njob = lines().map_batch(f, size = 7).count()"},
	} {
		for name, o := range executors {
			if o.Kernels == "verify" {
				continue // runs functions twice
			}
			w := newWorld(t, nil, numbers(100))
			if _, err := w.run(c.script, o); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(w.printed, "\n") + "\n"; got != numbers(100) {
				t.Errorf("%s: %s: printed\n%s", c.name, name, got)
			}
		}
	}
}

// A flow that is used several times runs its functions once for each record.
func TestRulesOfSharedFlowsRunOnce(t *testing.T) {
	script := `
def f(l):
    print(l)
    return l
a = lines().map(f)
job = [a.write("a"), a.filter(lambda l: l == "1").write("b"), a.map(lambda l, all: len(all), using = a.take(3)).uniq()]`
	for name, o := range executors {
		if o.Kernels == "verify" {
			continue
		}
		w := newWorld(t, nil, numbers(20))
		if _, err := w.run(script, o); err != nil {
			t.Fatal(err)
		}
		slices.Sort(w.printed)
		if got := len(slices.Compact(w.printed)); got != 20 || len(w.printed) != 20 || w.stdout.String() != "3\n" {
			t.Errorf("%s: %d prints, stdout %q", name, len(w.printed), w.stdout.String())
		}
	}
}

// The options of the script are those of the run.
func TestRulesOfOptions(t *testing.T) {
	w := newWorld(t, nil, "")
	job, err := builtins.Load("job.star", []byte(`options(name = "n", on_error = "x.jsonl", max_errors = "5%", format = "json", seed = 3)`+"\njob = lines()"), builtins.Options{Host: w.Host})
	if err != nil {
		t.Fatal(err)
	}
	s := job.Settings
	if s.Name != "n" || s.OnError == nil || s.OnError.File != "x.jsonl" || s.OnError.MaxShare != 0.05 || s.Format != "jsonl" || s.Seed != 3 {
		t.Errorf("%+v", s)
	}
	if _, err := engine.Run(context.Background(), job.Program, engine.Options{Host: w.Host}); err != nil {
		t.Error(err)
	}
}
