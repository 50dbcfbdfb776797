package builtins_test

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"path"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/flowsh/flowsh/builtins"
	"github.com/flowsh/flowsh/engine"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
)

// A rule is one thing that the language promises, as a script and what comes of it on every executor.
type rule struct {
	name, script string
	files        map[string]string
	stdin        string
	args         []string
	want         string            // on stdout
	wrote        map[string]string // files that it leaves, decompressed
	fails        string            // a regular expression for its error
	loads        bool              // it fails when it runs, not when it loads
	options      func(*engine.Options)
}

// startOfJob is what time.now() gives.
var startOfJob = time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)

func testRules(t *testing.T, rules []rule) {
	t.Helper()
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			for name, o := range executors {
				if o.Tasks != nil && len(r.files) == 0 {
					continue // what reads no file has no tasks
				}
				if !r.check(t, name, o) {
					return
				}
			}
		})
	}
}

// check runs the rule's script on one executor; false is an error that all executors share.
func (r *rule) check(t *testing.T, executor string, o engine.Options) bool {
	t.Helper()
	w := newWorld(t, r.files, r.stdin)
	job, err := builtins.Load("job.star", []byte(r.script), builtins.Options{Host: w.Host, Args: r.args, Now: startOfJob})
	if err != nil {
		if r.fails == "" || r.loads || !regexp.MustCompile(r.fails).MatchString(err.Error()) {
			t.Errorf("does not load: %v\nwant %s", err, r.fails)
		}
		return false
	}
	o.Host, o.OnError, o.Format = w.Host, job.Settings.OnError, job.Settings.Format
	if r.options != nil {
		r.options(&o)
	}
	summary, err := runOn(context.Background(), job.Program, o)
	switch {
	case r.fails != "" && (err == nil || !regexp.MustCompile(r.fails).MatchString(err.Error())):
		t.Errorf("%s: error %v\nwant %s\nstdout %q", executor, err, r.fails, w.stdout.String())
	case r.fails == "" && err != nil:
		t.Errorf("%s: %v", executor, err)
	case r.fails == "" && w.stdout.String() != r.want:
		t.Errorf("%s: got\n%s\nwant\n%s", executor, w.stdout.String(), r.want)
	case r.fails == "" && !strings.HasSuffix(summary.Audit(), "balances"):
		t.Errorf("%s: audit: %s", executor, summary.Audit())
	}
	for file, want := range r.wrote {
		if got := w.readPlain(t, file); got != want {
			t.Errorf("%s: %s holds\n%s\nwant\n%s", executor, file, got, want)
		}
	}
	return true
}

// readPlain is a file's text without the compression that its name says.
func (w *world) readPlain(t testing.TB, name string) string {
	t.Helper()
	var packed io.Reader = strings.NewReader(w.read(t, name))
	var err error
	switch path.Ext(name) {
	case ".gz":
		packed, err = gzip.NewReader(packed)
	case ".zst":
		var d *zstd.Decoder
		d, err = zstd.NewReader(packed)
		defer d.Close()
		packed = d
	case ".xz":
		packed, err = xz.NewReader(packed)
	case ".lz4":
		packed = lz4.NewReader(packed)
	}
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(packed)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// exists says that there is a file or folder of that name.
func (w *world) exists(name string) bool {
	f, err := w.FS.Open(name)
	if err != nil {
		return false
	}
	return f.Close() == nil
}

func TestRulesOfForms(t *testing.T) {
	testRules(t, []rule{
		{name: "rule 1: a misspelt stage", script: "def flatmap(line): return line.split()", fails: `(?s)flatmap is no stage|no job: flatmap.*flat_map`},
		{name: "rule 1: a misspelt stage beside another", script: "def map(l): return l\ndef flatmap(line): return line.split()", fails: `(?s)flatmap is no stage, and nothing uses it.*did you mean flat_map`},
		{name: "rule 1: a stage without return", script: "def map(l):\n    l.upper()", fails: `map returns nothing, but map needs its result(?s).*return <value>`},
		{name: "rule 1: a helper, a hook, a test and a private function", script: "def shout(l): return l.upper()\ndef on_start(): pass\ndef test_x(): pass\ndef _idle(): pass\ndef map(l): return shout(l)", stdin: "a\n", want: "A\n"},
		{name: "rule 1: loaded names are exempt", script: "load('h.star', 'helper')\ndef map(l): return l", files: map[string]string{"h.star": "def helper(x): return x\ndef other(x): return x"}, stdin: "a\n", want: "a\n"},
		{name: "rule 1: reduce that forgets to return", script: "def reduce(acc, l):\n    if l == 'x': return acc\n    acc[l] = 1", stdin: "x\ny\n", fails: "did you forget `return acc`", loads: true},
		{name: "rule 2: by= in the definition form", script: "def by(w): return w\ninitial = 0\ndef reduce(n, w): return n + 1", stdin: "a\nb\na\n", want: "a\t2\nb\t1\n"},
		{name: "rule 2: by and partition", script: "job = lines().partition().count(by = len)", fails: `by=, and the flow is partitioned before it`},
		{name: "rule 2: by and partition in the definition form", script: "def partition(l): return l\ndef by(w): return w\ninitial = 0\ndef reduce(n, w): return n + 1", fails: `partition`},
		{name: "rule 2: by does not spread the state", script: `job = from_enumerable([("a", 1), ("a", 2)]).reduce(list, lambda acc, k, v: acc + [v], by = 0)`, want: "[\"a\",[1,2]]\n"},
		{name: "rule 2: a name of another system", script: `job = lines().reduce_by_key(len)`, fails: `write reduce\(initial, f, by = `},
		{name: "rule 3: from_enumerable takes a flow", script: `job = from_enumerable(lines()).map(len)`, stdin: "abc\n", want: "3\n"},
		{name: "rule 3: sum as in Python", script: `job = from_enumerable([sum([1, 2]), sum([0.1] * 10), sum(range(4), 10)])`, want: "3\n1.0\n16\n"},
		{name: "rule 3: max stays Starlark's", script: `job = from_enumerable([max("amount".elems()), max([1, 3, 2])])`, want: "u\n3\n"},
		{name: "rule 3: a local window", script: "window = windows.fixed('1h', time = 't')\njob = from_enumerable([1])", want: "1\n"},
		{name: "rule 3: a flow is no number", script: `job = lines() + lines()`, fails: `a\.concat\(b\)`},
		{name: "rule 3: merge of flows", script: `job = lines().merge(lines())`, fails: `concat`},
		{name: "rule 5: two maps", script: "def map(l): return l\ndef map(l): return l", fails: `map2`},
		{name: "rule 5: digits order nothing, the text does", script: "def map2(l): return l + '2'\ndef map(l): return l + '1'\ndef filter10(l): return l != 'x21'", stdin: "x\ny\n", want: "y21\n"},
		{name: "rule 5: map = json.decode", script: "map = json.decode\ndef map2(r): return r['a']", stdin: "{\"a\": [1]}\n{\"a\": 2}\n", want: "[1]\n2\n"},
		{name: "rule 5: a selector as a stage has its place", script: "def from_enumerable(): return [('a', 1)]\nmap2 = 1\ninitial = 0\ndef reduce(n, k, v): return n + v", fails: `reduce takes 2 fields \(k, v\); this record is`, loads: true},
		{name: "rule 5: a selector as by, sort and map", script: "def from_enumerable(): return [('b', 1), ('a', 2), ('b', 3)]\nby = 0\ninitial = 0\ndef reduce(n, k, v): return n + v\nsort = 0\nmap = (1, 0)", want: "2\ta\n4\tb\n"},
		{name: "rule 5: modifiers by digits, anywhere", script: "initial2 = 100\ndef by(n): return n % 2\ndef from_enumerable(): return range(5)\ninitial = lambda: 0\ndef reduce(acc, n): return acc + n\ndef reduce2(acc, k, n): return acc + n\nemit2 = 'state'", want: "110\n"},
		{name: "rule 5: merge and emit", script: "def from_enumerable(): return range(5)\ninitial = list\ndef reduce(acc, n): return acc + [n]\ndef merge(a, b): return a + b\nemit = 'state'", want: "[0,1,2,3,4]\n"},
		{name: "rule 5: flush", script: "def from_enumerable(): return [1, 1, 2]\ninitial = None\ndef scan(last, n): return ([], n) if last == None or last == n else ([last], n)\ndef flush(last): return [last]", want: "1\n2\n"},
		{name: "rule 5: every stage", script: `
def from_enumerable(): return ["b a", "a", "x"]
def flat_map(l): return l.split()
def reject(w): return w == "x"
def uniq(w): return w
def map(w): return (w, 1)
def map_values(n): return n + 1
def map_batch(list): return reversed(list)
def sort(w, n): return w
def scan(acc, w, n): return ([(w, acc + n)], acc + n)
initial = 0
def filter(w, n): return n`, want: "a\t2\nb\t4\n"},
		{name: "rule 5: on_error and format", script: "on_error = 'bad.jsonl'\nformat = 'jsonl'\nmap = int", stdin: "1\nx\n3\n", want: "1\n3\n"},
		{name: "rule 5: awk", script: `def filter(line): return "503" in line`, stdin: "503\n200\n", want: "503\n"},
		{name: "rule 5: both forms", script: "def from_enumerable(): return [1]\njob = lines()", fails: `from_enumerable is a stage of the definition form`},
		{name: "rule 5: stage names are free in the pipeline form", script: "def map(x): return x * 2\ndef merge(a, b): return a\njob = from_enumerable([1]).map(map)", want: "2\n"},
		{name: "rule 5: no job", script: "x = 1", fails: `no job(?s).*define map`},
		{name: "rule 28: a job file as a helper", script: "load('other.star', 'double')\njob = from_enumerable([double(2)])", files: map[string]string{"other.star": "n = arg('n', default = 3)\ndef double(x): return x * n\njob = lines('absent')"}, want: "6\n"},
		{name: "rule 28: a job file with steps as a helper", script: "load('other.star', 'double')\njob = from_enumerable([double(2)])", files: map[string]string{"other.star": "def double(x): return x * 2\nstep('a', lines('absent'))"}, want: "4\n"},
		{name: "rule 28: helpers of helpers", script: "load('lib/a.star', 'f')\njob = from_enumerable([1]).map(f)", files: map[string]string{"lib/a.star": "load('b.star', 'g')\ndef f(x): return g(x) + 1", "lib/b.star": "def g(x): return x * 10"}, want: "11\n"},
		{name: "rule 28: a process", script: "def handle_call(ctx, msg, state): return state", fails: `handle_call makes this a process`},
		{name: "rule 29: connectors", script: `load("@nats", "nats")`, fails: `nats(?s).*no connectors`},
	})
}

// Both forms of one job are the same job.
func TestRulesBothFormsAgree(t *testing.T) {
	for _, c := range []struct{ name, pipeline, definition string }{
		{
			"count", "job = lines().flat_map(lambda l: l.split()).reduce(0, lambda n, w: n + 1, by = lambda w: w)",
			"def flat_map(l): return l.split()\ndef by(w): return w\ninitial = 0\ndef reduce(n, w): return n + 1",
		},
		{
			"partition", "def f(acc, l): return acc | {l: acc.get(l, 0) + 1}\njob = lines().partition(lambda l: len(l)).reduce({}, f)",
			"def partition(l): return len(l)\ndef reduce(acc, l): return acc | {l: acc.get(l, 0) + 1}",
		},
		{
			"partition without a key", "job = lines().partition().reduce({}, lambda acc, l: acc | {l: 1})",
			"def partition(l): return l\ndef reduce(acc, l): return acc | {l: 1}",
		},
		{
			"sort and uniq", "job = lines().uniq(len).sort(lambda l: l).map_batch(reversed)",
			"uniq = len\ndef sort(l): return l\nmap_batch = reversed",
		},
		{
			"random", "job = lines().map(lambda l: random.randint(0, 1000000))",
			"def map(l): return random.randint(0, 1000000)",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			var want string
			for executor, o := range executors {
				for _, script := range []string{c.pipeline, c.definition} {
					w := newWorld(t, nil, poem+"\n"+poem)
					if _, err := w.run(script, o); err != nil {
						t.Fatalf("%s: %v", executor, err)
					}
					if want == "" {
						want = w.stdout.String()
					}
					if got := w.stdout.String(); got != want || got == "" {
						t.Errorf("%s: got\n%s\nwant\n%s", executor, got, want)
					}
				}
			}
		})
	}
}

func TestRulesOfArgumentsAtRunTime(t *testing.T) {
	typed := `
job = from_enumerable([
    arg("i", default = 1), arg("f", type = float, default = None), arg("b", default = False), arg("s"), arg("no_cache", default = True),
    ", ".join(arg("l", type = list, default = [])), arg("d", type = "duration", default = "1s"), arg("m", type = "bytes", default = 0),
    arg("c", default = "x", choices = ["x", "y"]), arg("e", env = "FLOWSH_TEST_UNSET", default = "unset"),
])`
	testRules(t, []rule{
		{
			name: "rule 22: every type", script: typed,
			args: []string{"--i=-7", "--f", "2", "--b", "--s", "text", "--no-no-cache", "--l", "p", "--l=q", "--d", "90s", "--m=2KiB", "--c=y"},
			want: "-7\n2.0\ntrue\ntext\nfalse\np, q\n1m30s\n2048\ny\nunset\n",
		},
		{name: "rule 22: defaults", script: typed, args: []string{"--s="}, want: "1\n\nfalse\n\ntrue\n\n1s\n0\nx\nunset\n"},
		{name: "rule 22: a required one", script: typed, fails: `--s is needed`},
		{name: "rule 22: a wrong int", script: typed, args: []string{"--s=", "--i", "x"}, fails: `--i: "x" is not an int`},
		{name: "rule 22: a wrong choice", script: typed, args: []string{"--s=", "--c", "z"}, fails: `--c`},
		{name: "rule 22: twice", script: `arg("a", default = 1)` + "\n" + `arg("a", default = 2)` + "\njob = lines()", fails: `--a|declared`},
		{name: "rule 22: from a record function", script: `job = from_enumerable([1]).map(lambda x: arg("a", default = 1))`, fails: `only while the script loads`, loads: true},
		{name: "rule 22: help cannot be declared", script: `arg("help", default = 1)` + "\njob = lines()", fails: `help`},
		{name: "rule 7: files behind the script", script: `job = lines()`, args: []string{"a", "b"}, files: map[string]string{"a": "1\n", "b": "2\n"}, want: "1\n2\n"},
		{name: "rule 7: everything behind -- is a file", script: `job = lines()`, args: []string{"--", "--a"}, files: map[string]string{"--a": "1\n"}, want: "1\n"},
		{name: "rule 7: the rest goes to an argument", script: `job = from_enumerable(arg("words", rest = True))`, args: []string{"x", "y"}, want: "x\ny\n"},
		{name: "rule 7: files that nothing reads", script: `job = from_enumerable([1])`, args: []string{"x"}, fails: `x`},
		{name: "rule 7: a switch takes no value", script: `arg("strict", default = False)` + "\njob = lines()", args: []string{"--strict", "a"}, files: map[string]string{"a": "1\n"}, want: "1\n"},
		{name: "rule 7: a flag of nobody", script: `arg("limit", default = 1)` + "\njob = lines()", args: []string{"--limt", "2"}, fails: `(?s)--limt.*--limit`},
	})
}

// A load error must be found before anything is read: the rules above count on it.
func TestLoadErrorsAreNotErrorsOfARun(t *testing.T) {
	_, err := newWorld(t, nil, "").run("job = lines().partition().count(by = 0)", engine.Options{})
	var e *builtins.LoadError
	if !errors.As(err, &e) {
		t.Errorf("%T %v", err, err)
	}
}
