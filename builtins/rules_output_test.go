package builtins_test

import (
	"context"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/builtins"
	"github.com/flowsh/flowsh/engine"
)

func TestRulesOfSources(t *testing.T) {
	table := map[string]string{"t.csv": "id,name,n\n007,\"Smith, \"\"Bob\"\"\",1.5\nNO,\"two\nlines\",\n"}
	testRules(t, []rule{
		{
			name: "rule 18: fields are text, never guessed", script: `job = csv("t.csv")`, files: table,
			want: "{\"id\":\"007\",\"name\":\"Smith, \\\"Bob\\\"\",\"n\":\"1.5\"}\n{\"id\":\"NO\",\"name\":\"two\\nlines\",\"n\":\"\"}\n",
		},
		{name: "rule 18: types", script: `job = csv("t.csv", types = {"n": float}).map("n").map(repr)`, files: table, want: "1.5\nNone\n"},
		{
			name: "rule 18: all types", script: `job = csv(types = {"i": int, "b": "bool", "s": str, "f": float})`, stdin: "i,b,s,f\n-7,true,x,1e3\n,,,\n",
			want: "{\"i\":-7,\"b\":true,\"s\":\"x\",\"f\":1000.0}\n{\"i\":null,\"b\":null,\"s\":null,\"f\":null}\n",
		},
		{name: "rule 18: a wrong type", script: `job = csv("t.csv", types = {"id": int})`, files: table, fails: `t\.csv:3, field id.*NO`, loads: true},
		{name: "rule 18: types of a column that is not there", script: `job = csv("t.csv", types = {"amount": int})`, files: table, fails: `amount`, loads: true},
		{name: "rule 18: columns", script: `job = csv("t.csv", columns = ["n", "id"])`, files: table, want: "{\"n\":\"1.5\",\"id\":\"007\"}\n{\"n\":\"\",\"id\":\"NO\"}\n"},
		{name: "rule 8: no header gives tuples", script: `job = csv(header = False).map(lambda a, b: b + a)`, stdin: "a,b\nc,d\n", want: "ba\ndc\n"},
		{name: "rule 18: no header but columns gives dicts", script: `job = csv(header = False, columns = ["x", "y"]).map("y")`, stdin: "a,b\nc,d\n", want: "b\nd\n"},
		{name: "rule 18: another delimiter", script: `job = csv(delimiter = ";").map("b")`, stdin: "a;b\n1;x,y\n", want: "x,y\n"},
		{name: "rule 18: ragged rows are an error", script: `job = csv()`, stdin: "a,b\n1\n", fails: `stdin:2.*1 .*2|stdin.*2`, loads: true},
		{name: "rule 18: ragged rows padded", script: `job = csv(ragged = "pad")`, stdin: "a,b\n1\n1,2\n", want: "{\"a\":\"1\",\"b\":null}\n{\"a\":\"1\",\"b\":\"2\"}\n"},
		{name: "rule 18: padding drops no field", script: `job = csv(ragged = "pad")`, stdin: "a,b\n1,2,3\n", fails: `stdin:2: the record has 3 fields, not 2`, loads: true},
		{name: "rule 18: ragged rows left out", script: `job = csv(ragged = "skip")`, stdin: "a,b\n1\n1,2\n", want: "{\"a\":\"1\",\"b\":\"2\"}\n"},
		{name: "rule 18: a quote that never closes", script: `job = csv()`, stdin: "a\n\"x\n", fails: `quote`, loads: true},
		{name: "rule 18: a header and no rows", script: `job = csv()`, stdin: "a,b\n", want: ""},
		{name: "rule 18: nothing at all", script: `job = csv()`, stdin: "", want: ""},
		{name: "rule 18: tsv escapes", script: `job = tsv().map("a")`, stdin: "a\tb\nx\\ty\\n\\\\\t\"q\n", want: "x\ty\n\\\n"},
		{name: "rule 18: tsv without a header", script: `job = tsv(header = False).map(lambda w, n: (w, int(n) + 1))`, stdin: "a\t1\nb\t2\n", want: "a\t2\nb\t3\n"},
		{name: "rule 18: files with other columns", script: `job = csv(["a.csv", "b.csv"])`, files: map[string]string{"a.csv": "x\n1\n", "b.csv": "y\n1\n"}, fails: `b\.csv`, loads: true},
		{
			name: "rule 8: jsonl is lines and json.decode", script: `job = jsonl("j").map(repr).concat(lines("j").map(json.decode).map(repr))`,
			files: map[string]string{"j": "{\"b\":1,\"a\":[1.0,null,true,\"\\u00e9\"]}\n12345678901234567890\n{\"a\":1,\"a\":2}\n"},
			want:  strings.Repeat("{\"b\": 1, \"a\": [1.0, None, True, \"é\"]}\n12345678901234567890\n{\"a\": 2}\n", 2),
		},
		{name: "rule 8: a bad line", script: `job = jsonl()`, stdin: "{}\n{\"a\":}\n", fails: `stdin:2: json\.decode: .*'}'`, loads: true},
		{name: "rule 8: an empty line is no JSON", script: `job = jsonl()`, stdin: "1\n\n2\n", fails: `stdin`, loads: true},
		{name: "rule 19: text", script: `job = text(["a", "b"]).map(lambda file, content: (file, len(content)))`, files: map[string]string{"a": "x\ny\n", "b": ""}, want: "a\t4\nb\t0\n"},
		{name: "rule 19: origin of rows", script: `job = csv("t.csv", origin = True).map(lambda at, r: (at.file, at.line, at.offset, r["id"]))`, files: table, want: "t.csv\t2\t10\t007\nt.csv\t3\t35\tNO\n"},
		{
			name: "rule 19: origin of JSON over files", script: `job = jsonl("*.jsonl", origin = True).flat_map(lambda at, r: [(at.file, at.line, at.offset, r)])`,
			files: map[string]string{"b.jsonl": "1\n22\n", "a.jsonl": "333\n4"}, want: "a.jsonl\t1\t0\t333\na.jsonl\t2\t4\t4\nb.jsonl\t1\t0\t1\nb.jsonl\t2\t2\t22\n",
		},
		{name: "rule 19: origin after a filter and a shuffle", script: `job = lines("a", origin = True).filter(lambda at, l: l != "x").shuffle().map(lambda at, l: (l, at.line)).sort()`, files: map[string]string{"a": "x\ny\nx\nz\n"}, want: "y\t2\nz\t4\n"},
		{name: "lines of many kinds", script: `job = lines().map(repr)`, stdin: "\xef\xbb\xbfa\r\nb\r\r\n\n\x00\xff\nlast", want: "\"a\"\n\"b\\r\"\n\"\"\n\"\\x00\\xff\"\n\"last\"\n"},
		{name: "files of a glob come sorted", script: `job = lines("d/**/{b,a}.txt")`, files: map[string]string{"d/b.txt": "3\n", "d/a.txt": "1\n", "d/c/a.txt": "2\n", "d/x.txt": "no\n"}, want: "1\n3\n2\n", fails: ""},
		{name: "a glob without a match", script: `job = lines("*.log")`, fails: `\*\.log`, loads: true},
		{name: "rule 31: len counts bytes", script: `job = lines().map(lambda s: (len(s), len(list(s.codepoints())), len(list(s.elems()))))`, stdin: "é\n", want: "2\t1\t2\n"},
		{name: "rule 31: split by nothing", script: `job = lines().map(lambda s: s.split(""))`, stdin: "a\n", fails: `split: empty separator`, loads: true},
	})
}

func TestRulesOfText(t *testing.T) {
	testRules(t, []rule{
		{
			name: "rule 17: by record", script: `
job = from_enumerable(["a\tb", 7, -1 << 70, 1.0, 1e100, float("nan"), float("-inf"), True, None, b"\xff", time.from_timestamp(0, 5), time.parse_duration("90m"), ("a\tb\n\r\\", (1, None), 2.5, True),
    {"b": 1, "a": [(1, 2)]}, [1, "x"], set([1]), (1, [2]), struct(b = 1, a = 2), (), ("",)])`,
			want: "a\tb\n7\n-1180591620717411303424\n1.0\n1e+100\nnan\n-inf\ntrue\n\n\xff\n1970-01-01T00:00:00.000000005Z\n1h30m0s\na\\tb\\n\\r\\\\\t1\t\t2.5\ttrue\n" +
				"{\"b\":1,\"a\":[[1,2]]}\n[1,\"x\"]\n[1]\n[1,[2]]\n{\"a\":2,\"b\":1}\n\n\n",
		},
		{name: "rule 17: count by a tuple", script: `job = from_enumerable([{"s": 200, "p": "/a"}] * 7).count(by = ("s", "p"))`, want: "200\t/a\t7\n"},
		{name: "rule 17: JSON holds no nan", script: `job = from_enumerable([{"x": float("nan")}])`, fails: `x.*nan|nan.*x`, loads: true},
		{name: "rule 17: JSON holds no bytes", script: `job = from_enumerable([{"x": b"a"}])`, fails: `bytes`, loads: true},
		{name: "rule 17: JSON keys are text", script: `job = from_enumerable([{1: 2}])`, fails: `(?i)key`, loads: true},
		{name: "rule 17: JSON is UTF-8", script: `job = lines().map(lambda l: {"l": l})`, stdin: "\xff\n", fails: `UTF-8`, loads: true},
		{name: "rule 17: format jsonl", script: "options(format = 'jsonl')\njob = from_enumerable([\"a\", 1, None, (1, \"b\"), time.from_timestamp(0)])", want: "\"a\"\n1\nnull\n[1,\"b\"]\n\"1970-01-01T00:00:00Z\"\n"},
		{name: "rule 17: json is another word", script: "options(format = 'json')\njob = from_enumerable([None])", want: "null\n"},
		{name: "rule 17: format csv", script: "options(format = 'csv')\njob = from_enumerable([{\"a\": 'x,\"y\"', \"b\": None}, {\"b\": [1], \"a\": \"\\n\"}])", want: "a,b\n\"x,\"\"y\"\"\",\n\"\n\",[1]\n"},
		{name: "rule 17: format tsv of tuples", script: "options(format = 'tsv')\njob = from_enumerable([(1, \"a\\tb\"), (2, None)])", want: "1\ta\\tb\n2\t\n"},
		{name: "rule 17: no such format", script: "options(format = 'xml')\njob = lines()", fails: `writes text, tsv, csv, jsonl, table`},
		{name: "rule 18: other keys in a later record", script: `job = from_enumerable([{"a": 1}, {"b": 1}]).write("x.csv")`, fails: `columns`, loads: true},
		{name: "rule 18: columns fix the set", script: `job = from_enumerable([{"a": 1}, {"b": 1, "c": 2}]).write("x.csv", columns = ["b", "a"])`, wrote: map[string]string{"x.csv": "b,a\n,1\n1,\n"}},
		{name: "rule 18: tuples write no header", script: `job = from_enumerable([(1, 2)]).write("x.csv")`, wrote: map[string]string{"x.csv": "1,2\n"}},
		{name: "rule 18: tuples with columns do", script: `job = from_enumerable([(1, 2)]).write("x.tsv", columns = ["p", "q"])`, wrote: map[string]string{"x.tsv": "p\tq\n1\t2\n"}},
		{name: "rule 23: no header", script: `job = from_enumerable([{"a": 1}]).write("x.csv", header = False)`, wrote: map[string]string{"x.csv": "1\n"}},
		{name: "rule 18: what csv writes csv reads", script: `
rows = from_enumerable([{"a": "x,y", "b": "\"", "c": "l1\nl2", "d": " ", "e": ""}])
step("out", [rows, rows.write("x.csv"), rows.write("x.tsv")])
step("in", csv("x.csv").concat(tsv("x.tsv"), result("out")).uniq(lambda r: str(r)).count())`, want: "1\n"},
	})
}

func TestRulesOfOutputs(t *testing.T) {
	testRules(t, []rule{
		{name: "rule 6: several outputs, one flow", script: `
n = from_enumerable(range(4)).map(lambda x: (x % 2, x))
job = [n.write("all.txt"), n.filter(lambda k, x: k).write("odd.jsonl"), n.sum(1)]`, want: "6\n", wrote: map[string]string{"all.txt": "0\t0\n1\t1\n0\t2\n1\t3\n", "odd.jsonl": "[1,1]\n[1,3]\n"}},
		{name: "rule 6: the same flow to two files", script: `
n = lines()
job = [n.write("a"), n.write("b.csv"), n]`, stdin: "x\ny\n", want: "x\ny\n", wrote: map[string]string{"a": "x\ny\n", "b.csv": "x\ny\n"}},
		{name: "rule 6: two for stdout", script: `job = [lines(), lines().count()]`, fails: `two flows for stdout`},
		{name: "rule 6: stdout by name counts", script: `job = [lines(), lines().write("-")]`, fails: `two flows for stdout`},
		{name: "rule 6: no flow", script: `job = [1]`, fails: `list of flows, but holds int`},
		{name: "rule 6: an empty list", script: `job = []`, fails: `nothing to do`},
		{name: "rule 6: write ends a flow", script: `job = lines().write("x").map(len)`, fails: `write ends a flow`},
		{name: "rule 6: two writes to one file", script: `job = [from_enumerable([1]).write("x"), from_enumerable([2]).write("x")]`, fails: `two flows are written to x`},
		{
			name: "rule 23: compressions", script: `
n = lines()
job = [n.write("x.txt.gz"), n.write("x.txt.zst"), n.write("x.txt.xz"), n.write("x.txt.lz4")]`, stdin: numbers(200),
			wrote: map[string]string{"x.txt.gz": numbers(200), "x.txt.zst": numbers(200), "x.txt.xz": numbers(200), "x.txt.lz4": numbers(200)},
		},
		{name: "rule 23: what is written is read back", script: `
n = lines().map(int)
step("out", [n.write("o/x.jsonl.gz"), n.write("o/x.txt.zst"), n.write("o/x.txt.lz4"), n.write("o/x.txt.xz")])
step("in", lines("o/*").count(by = int).map(1).uniq())
step("rest", jsonl("o/x.jsonl.gz").sum().concat(result("in")))`, stdin: numbers(100), want: "4950\n4\n"},
		{name: "rule 6: stdin is read once", script: `job = lines().concat(lines())`, fails: `(?s)stdin can be read once.*use one flow twice`},
		{name: "rule 23: by key", script: `job = csv().write("out/{}.csv.gz", by = "k")`, stdin: "k,v\na,1\nb/../c,2\na,3\n", wrote: map[string]string{"out/a.csv.gz": "k,v\na,1\na,3\n", "out/b%2F.%2E%2Fc.csv.gz": "k,v\nb/../c,2\n"}},
		{name: "rule 23: by key without a place", script: `job = lines().write("out.csv", by = len)`, fails: `has no \{\} for the key`},
		{name: "rule 23: a place without a key", script: `job = lines().write("{}.csv")`, fails: `no by= to fill it`},
		{name: "rule 23: too many keys", script: `job = from_enumerable(range(5)).write("{}.txt", by = lambda x: x, max_files = 4)`, fails: `max_files`, loads: true},
		{name: "rule 23: parts", script: `job = from_enumerable(range(3)).write("out/")`, want: ""},
		{name: "rule 23: an input", script: `job = lines("a").write("./a")`, files: map[string]string{"a": ""}, fails: `both input and output`, loads: true},
		{name: "rule 23: another suffix", script: `job = lines().write("x.avro")`, fails: `avro cannot be written`, loads: true},
		{name: "rule 23: nothing makes an empty file", script: `job = from_enumerable([]).write("x.txt")`, wrote: map[string]string{"x.txt": ""}},
		{name: "rule 12: a result used twice", script: `
step("n", from_enumerable(range(3)))
step("sum", result("n").concat(result("n")).sum())`, want: "6\n"},
		{name: "rule 12: only the last step prints", script: `
step("a", from_enumerable(["a"]))
step("b", from_enumerable(["b"]))`, want: "b\n"},
		{name: "rule 12: a result beside what is written", script: `
n = from_enumerable(range(3))
step("a", [n.write("a.txt"), n.count()])
step("b", result("a").map(lambda c: c * 10), after = "a")`, want: "30\n", wrote: map[string]string{"a.txt": "0\n1\n2\n"}},
		{name: "rule 12: after reads what was written", script: `
step("a", from_enumerable(range(3)).write("a.txt"))
step("b", lines("a.txt").count(), after = ["a"])`, want: "3\n"},
		{name: "rule 12: results as a side input", script: `
step("a", from_enumerable([("x", 1)]))
step("b", from_enumerable(["x"]).map(lambda k, d: d[k], using = lookup(result("a"), 0, value = 1)))`, want: "1\n"},
		{name: "rule 12: results keep every type", script: `
step("a", from_enumerable([None, True, 1 << 80, 1.5, "s", b"b", (1, (2,)), [1], {"k": [None]}, set([1]), struct(a = 1), time.from_timestamp(1), time.second]))
step("b", result("a").map(lambda x: (type(x), str(x))))`, want: "NoneType\tNone\nbool\tTrue\nint\t1208925819614629174706176\nfloat\t1.5\nstring\ts\nbytes\tb\ntuple\t(1, (2,))\nlist\t[1]\ndict\t{\"k\": [None]}\nset\tset([1])\nstruct\tstruct(a = 1)\ntime.time\t1970-01-01 00:00:01 +0000 UTC\ntime.duration\t1s\n"},
		{name: "rule 12: a step twice", script: "step('a', lines())\nstep('a', lines())", fails: `there is a step "a" already`},
		{name: "rule 12: a result of no step", script: "step('one', lines())\nstep('b', result('onee'))", fails: `(?s)no step "onee".*did you mean one`},
		{name: "rule 12: a result of a later step", script: "step('b', result('a'))\nstep('a', lines())", fails: `no step "a" is defined above`},
		{name: "rule 12: after a later step", script: "step('b', lines(), after = 'a')\nstep('a', lines())", fails: `no step "a" is defined above`},
		{name: "rule 12: a result of what is written", script: "step('a', lines().write('x'))\nstep('b', result('a'))", fails: `all its flows are written`},
		{name: "rule 12: step and job", script: "step('a', lines())\njob = lines()", fails: `there are steps and a job`},
	})
}

// A step that fails leaves the steps before it, and nothing of its own.
func TestRulesOfFailedSteps(t *testing.T) {
	script := `
step("good", from_enumerable([1]).write("good.txt"))
step("bad", [from_enumerable([1, 0]).map(lambda x: 1 // x).write("bad.txt"), from_enumerable([7]).write("other.txt")])
step("never", from_enumerable([1]).write("never.txt"))`
	for name, o := range executors {
		w := newWorld(t, nil, "")
		if _, err := w.run(script, o); err == nil || !strings.Contains(err.Error(), "division by zero") {
			t.Errorf("%s: %v", name, err)
		}
		if got := w.read(t, "good.txt"); got != "1\n" {
			t.Errorf("%s: good.txt holds %q", name, got)
		}
		for _, file := range []string{"bad.txt", "other.txt", "never.txt"} {
			if w.exists(file) {
				t.Errorf("%s: %s is left", name, file)
			}
		}
	}
}

// Parts put together in the order of their names are the flow.
func TestRulesOfParts(t *testing.T) {
	for name, o := range executors {
		w := newWorld(t, nil, numbers(500))
		if _, err := w.run(`job = lines().write("out/parts/")`, o); err != nil {
			t.Fatal(err)
		}
		entries, err := w.FS.ReadDir("out/parts")
		if err != nil {
			t.Fatal(err)
		}
		var all strings.Builder
		for _, e := range entries {
			all.WriteString(w.readPlain(t, "out/parts/"+e.Name()))
		}
		if all.String() != numbers(500) {
			t.Errorf("%s: %d parts hold\n%s", name, len(entries), all.String())
		}
	}
}

// A job without a line break at the end of its input, or with all formats, prints the same with -f.
func TestRulesOfTheCommandLineFormat(t *testing.T) {
	for format, want := range map[string]string{
		"text": "1\tx y\n22\t\n", "tsv": "1\tx y\n22\t\n", "csv": "1,x y\n22,\n", "jsonl": "[1,\"x y\"]\n[22,null]\n",
	} {
		w := newWorld(t, nil, "")
		job, err := builtins.Load("job.star", []byte(`job = from_enumerable([(1, "x y"), (22, None)])`), builtins.Options{Host: w.Host})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := engine.Run(context.Background(), job.Program, engine.Options{Host: w.Host, Format: format}); err != nil {
			t.Fatal(err)
		}
		if got := w.stdout.String(); got != want {
			t.Errorf("%s: %q, want %q", format, got, want)
		}
	}
}
