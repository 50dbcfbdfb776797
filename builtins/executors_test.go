package builtins_test

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/builtins"
	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/host"
)

// executors are the ways in which a job can run; every one must give the same bytes for every job. A way that is
// not here is not supported.
var executors = map[string]engine.Options{
	"one core":        {Cores: 1},
	"four cores":      {Cores: 4},
	"tiny pieces":     {Cores: 3, BlockSize: 7, SplitSize: 40},
	"spilling":        {Cores: 2, Memory: 64 << 10, BlockSize: 64, Compression: chunk.Zstd},
	"interpreter":     {Cores: 2, Kernels: "off"},
	"poisoned":        {Cores: 2, BlockSize: 30, Poison: true},
	"three workers":   {Cores: 2, BlockSize: 20, SplitSize: 50, Tasks: &inMemory{workers: 3}, Poison: true},
	"a cluster":       {Cores: 2, BlockSize: 20, SplitSize: 50, Tasks: &inMemory{workers: 3, dies: 3000, agents: true}},
	"one worker lost": {Cores: 2, BlockSize: 20, SplitSize: 50, Tasks: &inMemory{workers: 3, dies: 2}, Compression: chunk.None, Poison: true},
	"workers fold":    {Cores: 2, BlockSize: 20, SplitSize: 50, Tasks: &inMemory{workers: 3, folds: true}},
	"folds, one lost": {Cores: 2, BlockSize: 20, SplitSize: 50, Tasks: &inMemory{workers: 3, folds: true, dies: 5}},
	"both, compare":   {Cores: 2, Kernels: "verify", BlockSize: 100},
}

// A world is the files of a test, in memory, and what came out.
type world struct {
	*host.Host
	stdout, stderr bytes.Buffer
	printed        []string
}

func newWorld(t testing.TB, files map[string]string, stdin string) *world {
	t.Helper()
	w := &world{Host: host.NewMemory()}
	for name, text := range files {
		w.write(t, name, text)
	}
	w.Stdin, w.Stdout, w.Stderr = strings.NewReader(stdin), &w.stdout, &w.stderr
	w.Emit = func(e host.Event) {
		if p, ok := e.(engine.Printed); ok {
			w.printed = append(w.printed, p.Text)
		}
	}
	return w
}

func (w *world) write(t testing.TB, name, text string) {
	t.Helper()
	if i := strings.LastIndexByte(name, '/'); i > 0 {
		if err := w.FS.MkdirAll(name[:i]); err != nil {
			t.Fatal(err)
		}
	}
	f, err := w.FS.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func (w *world) read(t testing.TB, name string) string {
	t.Helper()
	f, err := w.FS.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(f); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// run loads and runs a script.
func (w *world) run(script string, o engine.Options, args ...string) (*engine.Summary, error) {
	job, err := builtins.Load("job.star", []byte(script), builtins.Options{Host: w.Host, Args: args})
	if err != nil {
		return nil, err
	}
	o.Host, o.OnError = w.Host, job.Settings.OnError
	return runOn(context.Background(), job.Program, o)
}

// everywhere runs a script on every executor and wants the same output, or an error that matches.
func everywhere(t *testing.T, script string, files map[string]string, stdin, want, wantErr string) {
	t.Helper()
	for name, o := range executors {
		if o.Tasks != nil && len(files) == 0 {
			continue // what reads no file has no tasks
		}
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, files, stdin)
			summary, err := w.run(script, o)
			if wantErr != "" {
				if err == nil || !regexp.MustCompile(wantErr).MatchString(err.Error()) {
					t.Fatalf("error %v\nwant %s", err, wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := w.stdout.String(); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			if !strings.HasSuffix(summary.Audit(), "balances") {
				t.Errorf("audit: %s", summary.Audit())
			}
		})
	}
}

const poem = `the sun and the moon
and the stars

one sun  one sky
the end`

func TestOperators(t *testing.T) {
	poems := map[string]string{"poem.txt": poem}
	for _, c := range []struct{ name, script, want string }{
		{"lines", `job = lines("poem.txt")`, poem + "\n"},
		{"map", `job = lines("poem.txt").map(len)`, "20\n13\n0\n16\n7\n"},
		{"sample first", `job = lines("poem.txt").sample(1.0).map(len)`, "20\n13\n0\n16\n7\n"},
		{"flat_map", `job = lines("poem.txt").flat_map(lambda l: l.split()).take(3)`, "the\nsun\nand\n"},
		{"filter", `job = lines("poem.txt").filter(lambda l: "sun" in l)`, "the sun and the moon\none sun  one sky\n"},
		{"reject", `job = lines("poem.txt").reject(lambda l: l)`, "\n"},
		{"map_values", `job = from_enumerable([("a", 1), ("b", 2)]).map_values(lambda v: v * 10)`, "a\t10\nb\t20\n"},
		{"list", `job = from_enumerable({"a": 1, "b": 2})`, "a\t1\nb\t2\n"},
		{
			"count by", `job = lines("poem.txt").flat_map(lambda l: l.split()).count(by = lambda w: w)`,
			"the\t4\nsun\t2\nand\t2\nmoon\t1\nstars\t1\none\t2\nsky\t1\nend\t1\n",
		},
		{"count", `job = lines("poem.txt").count()`, "5\n"},
		{"count of nothing", `job = lines("poem.txt").filter(lambda l: False).count()`, "0\n"},
		{"count by of nothing", `job = from_enumerable([]).count(by = lambda x: x)`, ""},
		{"stdin to stdout", `job = lines().filter(lambda l: l)`, ""},
		{"sum of nothing", `job = from_enumerable([]).sum()`, "0\n"},
		{"mean of nothing", `job = from_enumerable([]).mean()`, "\n"},
		{"sum is exact", `job = from_enumerable([1e16, 1.0, -1e16, 0.5]).sum()`, "1.5\n"},
		{"sum overflows into a big int", `job = from_enumerable([(1 << 62)] * 4).sum()`, "18446744073709551616\n"},
		{"sum by", `job = from_enumerable([("a", 1), ("b", 2), ("a", 3)]).sum(1, by = 0)`, "a\t4\nb\t2\n"},
		{"min, max, mean", `
n = from_enumerable([3, 1, 2])
job = n.min().concat(n.max(), n.mean())`, "1\n3\n2.0\n"},
		{"min keeps the first of equals", `job = from_enumerable([1.0, 1, 2]).min()`, "1.0\n"},
		{"max by", `job = from_enumerable([("a", 1), ("b", 5), ("a", 7)]).max(1, by = 0)`, "a\t7\nb\t5\n"},
		{"reduce", `job = from_enumerable(range(10)).reduce(0, lambda acc, x: acc + x)`, "45\n"},
		{"reduce of nothing", `job = from_enumerable([]).reduce(7, lambda acc, x: acc + x)`, "7\n"},
		{"reduce emits a dict's pairs", `
def f(acc, w):
    acc[w] = acc.get(w, 0) + 1
    return acc
job = lines("poem.txt").flat_map(lambda l: l.split()).reduce({}, f).take(3)`, "the\t4\nsun\t2\nand\t2\n"},
		{"reduce with emit", `
def f(acc, x): return acc + [x]
job = from_enumerable([1, 2]).reduce([], f, emit = "state")`, "[1,2]\n"},
		{"reduce that emits nothing", `job = from_enumerable([1, 2]).reduce(0, lambda acc, x: x, emit = "nothing")`, ""},
		{"reduce by", `job = from_enumerable([("a", 1), ("b", 2), ("a", 3)]).reduce(0, lambda acc, k, v: acc * 10 + v, by = 0)`, "a\t13\nb\t2\n"},
		{"reduce by with merge", `job = from_enumerable([("a", 1), ("b", 2), ("a", 3)]).reduce(0, lambda acc, k, v: acc + v, by = 0, merge = lambda a, b: a + b)`, "a\t4\nb\t2\n"},
		{"reduce with strings of the input", `
def f(acc, l):
    acc.append(l)
    return acc
job = lines("poem.txt").reduce([], f, by = len)`, "[20,[\"the sun and the moon\"]]\n[13,[\"and the stars\"]]\n[0,[\"\"]]\n[16,[\"one sun  one sky\"]]\n[7,[\"the end\"]]\n"},
		{"scan", `job = from_enumerable([1, 2, 3]).scan(0, lambda acc, x: ([acc + x], acc + x))`, "1\n3\n6\n"},
		{"scan by, with flush", `
job = from_enumerable([("a", 1), ("b", 2), ("a", 3)]).scan(0, lambda acc, k, v: ([], acc + v), by = 0, flush = lambda acc: [acc])`, "4\n2\n"},
		{"group_by", `job = from_enumerable([("a", 1), ("b", 2), ("a", 3)]).group_by(0, value = 1)`, "[\"a\",[1,3]]\n[\"b\",[2]]\n"},
		{"uniq", `job = lines("poem.txt").flat_map(lambda l: l.split()).uniq().take(4)`, "the\nsun\nand\nmoon\n"},
		{"uniq by key keeps the first", `job = from_enumerable(["ab", "c", "de", "f"]).uniq(len)`, "ab\nc\n"},
		{"equal keys", `job = from_enumerable([1.0, 1, True, 0.0, -0.0]).count(by = lambda x: x)`, "1.0\t2\ntrue\t1\n0.0\t2\n"},
		{"sort", `job = from_enumerable([3, 1.5, 2, -0.0, 1 << 70]).sort()`, "-0.0\n1.5\n2\n3\n1180591620717411303424\n"},
		{"sort is stable, also reversed", `job = from_enumerable(["bb", "a", "cc", "d"]).sort(len, reverse = True)`, "bb\ncc\na\nd\n"},
		{"sort by two keys", `job = lines("poem.txt").flat_map(lambda l: l.split()).count(by = lambda w: w).sort(lambda w, n: (-n, w)).take(3)`, "the\t4\nand\t2\none\t2\n"},
		{"sort with nulls", `job = from_enumerable([2, None, 1]).sort(nulls = "last")`, "1\n2\n\n"},
		{"take_sort by with nulls", `job = from_enumerable([2, None, 1]).take_sort(2, by = lambda x: 0, nulls = "last")`, "1\n2\n"},
		{"take_sort by with nulls, reversed", `job = from_enumerable([2, None, 1]).take_sort(2, by = lambda x: 0, nulls = "first", reverse = True)`, "\n2\n"},
		{"take_sort", `job = from_enumerable([3, 1, 2, 5, 4]).take_sort(2, reverse = True)`, "5\n4\n"},
		{"take_sort by", `job = from_enumerable([("a", 3), ("b", 1), ("a", 1), ("b", 2), ("a", 2)]).take_sort(1, key = 1, by = 0)`, "a\t1\nb\t1\n"},
		{"take", `job = from_enumerable(range(100)).take(3)`, "0\n1\n2\n"},
		{"take none", `job = from_enumerable(range(100)).take(0)`, ""},
		{"take by", `job = from_enumerable(range(10)).take(1, by = lambda x: x % 3)`, "0\n1\n2\n"},
		{"with_index", `job = lines("poem.txt").with_index().filter(lambda i, l: i % 2 == 0)`, "0\tthe sun and the moon\n2\t\n4\tthe end\n"},
		{"batch", `job = from_enumerable(range(5)).batch(2)`, "[0,1]\n[2,3]\n[4]\n"},
		{"map_batch", `job = from_enumerable(range(5)).map_batch(lambda b: [sum(b)], size = 2)`, "1\n5\n4\n"},
		{"concat", `job = from_enumerable([1]).concat(from_enumerable([2]), from_enumerable([3]))`, "1\n2\n3\n"},
		{"concat of one flow with itself", `
a = from_enumerable([1, 2]).map(lambda x: x + 1)
job = a.concat(a)`, "2\n3\n2\n3\n"},
		{"a flow used twice runs once", `
def f(x):
    print(x)
    return x
a = from_enumerable([1]).map(f)
job = a.concat(a.map(lambda x: -x))`, "1\n-1\n"},
		{"using", `
total = from_enumerable([1, 2, 3]).sum()
job = from_enumerable([10, 20]).map(lambda x, t: x + t[0], using = total)`, "16\n26\n"},
		{"lookup", `
names = lookup(from_enumerable([("a", "Ann"), ("b", "Bob")]), 0, value = 1)
job = from_enumerable(["b", "a"]).map(lambda k, d: d[k], using = names)`, "Bob\nAnn\n"},
		{"shuffle is a permutation", `job = from_enumerable(range(6)).shuffle().sort()`, "0\n1\n2\n3\n4\n5\n"},
		{"sample of all", `job = from_enumerable(range(4)).sample(1.0)`, "0\n1\n2\n3\n"},
		{"sample of n keeps the order", `job = from_enumerable(range(4)).sample(n = 10)`, "0\n1\n2\n3\n"},
		{
			"partition and reduce", `
def f(acc, w):
    acc[w] = acc.get(w, 0) + 1
    return acc
job = lines("poem.txt").flat_map(lambda l: l.split()).partition(lambda w: w).reduce({}, f).sort()`,
			"and\t2\nend\t1\nmoon\t1\none\t2\nsky\t1\nstars\t1\nsun\t2\nthe\t4\n",
		},
		{"partition into lanes and batch", `job = from_enumerable(range(6)).partition(lambda x: x % 2, lanes = 1).batch(4)`, "[0,1,2,3]\n[4,5]\n"},
		{"every lane reduces", `job = from_enumerable([1]).partition(lambda x: x, lanes = 3).reduce(0, lambda acc, x: acc + x).sum()`, "1\n"},
		{"steps", `
step("count", lines("poem.txt").flat_map(lambda l: l.split()).count(by = lambda w: w))
step("top", result("count").take_sort(2, key = lambda w, n: (-n, w)))`, "the\t4\nand\t2\n"},
		{"definition form", `
def from_enumerable(): return lines("poem.txt")
def flat_map(line): return line.split()
def by(word): return word
initial = 0
def reduce(n, word): return n + 1
def filter(word, n): return n > 2`, "the\t4\n"},
		{
			"origin", `job = lines("poem.txt", origin = True).map(lambda at, l: (at.file, at.line, at.offset, len(l)))`,
			"poem.txt\t1\t0\t20\npoem.txt\t2\t21\t13\npoem.txt\t3\t35\t0\npoem.txt\t4\t36\t16\npoem.txt\t5\t53\t7\n",
		},
		{"random is the same everywhere", `job = from_enumerable(range(3)).map(lambda x: random.randint(0, 0))`, "0\n0\n0\n"},
	} {
		t.Run(c.name, func(t *testing.T) { everywhere(t, c.script, poems, "", c.want, "") })
	}
}

func TestErrors(t *testing.T) {
	files := map[string]string{"n.txt": "1\n2\nx\n4\ny\n"}
	for _, c := range []struct{ name, script, want string }{
		{"of two the first", `job = lines("n.txt").map(int)`, `job.star|map: int: invalid literal[^\n]*\n  record: "x"\n  from:   n.txt, byte 4`},
		{"in a key", `job = lines("n.txt").count(by = lambda l: int(l))`, `job.star:1:\d+: count: int: invalid literal.*\n  record: "x"\n  from:   n.txt, byte 4`},
		{"in a reducer", `job = lines("n.txt").reduce(0, lambda acc, l: acc + int(l))`, `reduce: int: invalid literal.*\n  record: "x"\n  from:   n.txt, byte 4`},
		{"in a reducer by key", `job = lines("n.txt").reduce(0, lambda acc, l: acc + int(l), by = lambda l: l)`, `reduce: int: invalid literal.*\n  record: "x"\n  from:   n.txt, byte 4`},
		{"reduce without return", "def f(acc, x):\n    if x == \"x\":\n        return acc\njob = lines(\"n.txt\").reduce({}, f)", "did you forget `return acc`"},
		{"sum of text", `job = lines("n.txt").sum()`, `sum: want int or float, got string`},
		{"sort of mixed keys", `job = from_enumerable([1, "a"]).sort()`, `keys do not compare`},
		{"sort of nulls", `job = from_enumerable([1, None]).sort()`, `nulls`},
		{"a list as a key", `job = lines("n.txt").count(by = lambda l: [l])`, `tuple`},
		{"missing file", `job = lines("absent.txt")`, `absent.txt`},
		{"lookup with a key twice", `job = lines("n.txt").map(lambda l, d: l, using = lookup(from_enumerable([(1, 2), (1, 3)]), 0))`, `the key 1 occurs twice`},
		{"output over input", `job = lines("n.txt").write("n.txt")`, `n.txt is both input and output`},
	} {
		t.Run(c.name, func(t *testing.T) { everywhere(t, c.script, files, "", "", c.want) })
	}
}

func TestPrintsComeInOrder(t *testing.T) {
	const functions = `
def f(x):
    print(x)
    return x
def add(acc, x):
    print(x)
    return acc + x
`
	for _, flow := range []string{
		"map(f).count()",
		"scan(0, lambda acc, x: ([f(x)], acc))",
		"reduce(0, add)",
		"reduce(0, add, by = lambda x: x % 7)",
		"reduce(0, add, by = lambda x: x % 7, merge = lambda a, b: a + b)",
	} {
		for name, o := range executors {
			w := newWorld(t, nil, "")
			if _, err := w.run(functions+"job = from_enumerable(range(50))."+flow, o); err != nil {
				t.Fatal(err)
			}
			for i := range 50 {
				if w.printed[i] != fmt.Sprint(i) {
					t.Fatalf("%s: %s: line %d is %s", flow, name, i, w.printed[i])
				}
			}
		}
	}
}

func TestDeadLetters(t *testing.T) {
	files := map[string]string{"n.txt": "1\nx\n3\ny\n"}
	script := `job = lines("n.txt").map(int, on_error = "bad.jsonl").sum()`
	var first string
	for name, o := range executors {
		w := newWorld(t, files, "")
		summary, err := w.run(script, o)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if w.stdout.String() != "4\n" || summary.Dead != 2 {
			t.Errorf("%s: sum %s, %d dead", name, w.stdout.String(), summary.Dead)
		}
		letters := w.read(t, "bad.jsonl")
		if first == "" {
			first = letters
		}
		if letters != first || !strings.Contains(letters, `{"record":"x","source":"n.txt","offset":2,`) || strings.Count(letters, "\n") != 2 {
			t.Errorf("%s: dead letters\n%s", name, letters)
		}
	}
}

func TestMaxErrors(t *testing.T) {
	files := map[string]string{"n.txt": "1\nx\n3\ny\n"}
	everywhere(t, `job = lines("n.txt").map(int, on_error = "drop")
options(max_errors = 1)`, files, "", "", `2 records failed, more than max_errors = 1`)
	everywhere(t, `options(on_error = "drop", max_errors = "10%")
job = lines("n.txt").map(int)`, files, "", "", `max_errors = 10%`)
}

// TestTakeDoesNotTell reads files of which a take wants a part: nothing that is said tells how much was read.
func TestTakeDoesNotTell(t *testing.T) {
	files := map[string]string{"n.txt": strings.Repeat("1\nx\n", 3000), "few.txt": "1\nx\n3\n"}
	for script, want := range map[string]string{
		`job = lines("n.txt").map(int, on_error = "drop").take(3)`:                                             "read what take wanted, wrote 3 to stdout, 2 failed",
		`job = lines("n.txt").map(int, on_error = "drop").with_index().map(lambda i, n: n).take(3)`:            "read what take wanted, wrote 3 to stdout, 2 failed",
		`job = lines("few.txt").map(int, on_error = "drop").take(3)`:                                           "read 3 records (6 bytes), wrote 2 to stdout, 1 failed",
		`job = lines("few.txt").map(int, on_error = "drop").take(2)`:                                           "read what take wanted, wrote 2 to stdout, 1 failed",
		`job = lines("n.txt").map(int, on_error = "drop").uniq().concat(lines("few.txt")).take(2)`:             "read 6000 records (12000 bytes), and what take wanted, wrote 2 to stdout, 3000 failed",
		`job = lines("few.txt").sort().take(1)`:                                                                "read 3 records (6 bytes), wrote 1 to stdout",
		`job = [lines("n.txt").take(1), lines("few.txt").take(9).write("out.txt")]`:                            "read 3 records (6 bytes), and what take wanted, wrote 1 to stdout, wrote 3 to out.txt",
		`f = lines("n.txt").map(int, on_error = "drop")` + "\n" + `job = [f.take(1), f.write("out.txt")]`:      "read 6000 records (12000 bytes), wrote 1 to stdout, wrote 3000 to out.txt, 3000 failed",
		`job = lines("n.txt").join(lines("few.txt"), on = lambda l: l).map(lambda l, r: l).take(2).write("x")`: "read 3 records (6 bytes), and what take wanted, wrote 2 to x",
	} {
		for name, o := range executors {
			w := newWorld(t, files, "")
			summary, err := w.run(script, o)
			if err != nil {
				t.Fatalf("%s: %s: %v", name, script, err)
			}
			if got := summary.Audit(); got != want+"; every edge balances" {
				t.Errorf("%s: %s\nsays  %s\nwant  %s", name, script, got, want)
			}
		}
	}
	everywhere(t, `options(on_error = "drop", max_errors = "10%")
job = lines("few.txt").map(int).with_index().take(1)`, files, "", "", `job.star:2:\d+: source: max_errors = 10% is a share of all records, but a take behind it does not let all be read: write a number`)
	everywhere(t, `job = lines("few.txt").map(int, on_error = "drop").sort().map(lambda n: n).take(1)
options(max_errors = "50%")`, files, "", "1\n", "")
}

func TestOutputsCommitTogether(t *testing.T) {
	files := map[string]string{"n.txt": "1\n2\n3\n"}
	script := `
n = lines("n.txt").map(int)
job = [n.write("all.txt"), n.filter(lambda x: x > 1).write("some.txt"), n.count()]`
	for name, o := range executors {
		w := newWorld(t, files, "")
		if _, err := w.run(script, o); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := w.stdout.String() + w.read(t, "all.txt") + w.read(t, "some.txt"); got != "3\n1\n2\n3\n2\n3\n" {
			t.Errorf("%s: %q", name, got)
		}
		w = newWorld(t, files, "")
		if _, err := w.run(strings.Replace(script, "x > 1", "1 // (x - 3)", 1), o); err == nil {
			t.Fatalf("%s: no error", name)
		}
		entries, err := w.FS.ReadDir(".")
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if !e.IsDir() && e.Name() != "n.txt" {
				t.Errorf("%s: left behind: %s", name, e.Name())
			}
		}
	}
}
