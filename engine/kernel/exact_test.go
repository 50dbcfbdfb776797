package kernel

import (
	"strings"
	"sync"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
)

// exactCase is a function, its records and what it makes of them: the records that come out, or a part of the error
// after an exclamation mark.
type exactCase struct {
	name, src, in, want string
	interpreted         bool // the function is refused
}

// exactCases is where typed code would easily differ from the interpreter, beside the traps.
var exactCases = []exactCase{
	{"floats of words", "def f(s): return float(s)", "['inf', '1.5e3', '.5', '-Infinity', 'nan']", "+inf 1500.0 0.5 -inf nan", false},
	{"floats may be too large", "def f(s): return float(s)", "['1e400']", "!too large", false},
	{"a key twice is an error", "def f(x): return {x: 1, 'a': 2}", "['a']", "!duplicate key", false},
	{"a list in two places is one list", "def f(x):\n    a = []\n    b = [a, a]\n    b[0].append(x)\n    return b", "[1]", "[[1], [1]]", false},
	{"lists extend themselves", "def f(x):\n    a = [x, 2]\n    a += a\n    a.extend(a)\n    return a", "[1]", "[1, 2, 1, 2, 1, 2, 1, 2]", false},
	{"globals are frozen", "L = [1]\ndef f(x):\n    L.append(x)\n    return L", "[1]", "!frozen", false},
	{"sorting is stable, backwards too", "def f(x): return (sorted(['bb', 'a', 'cc', 'd'], key = len), sorted(['bb', 'a', 'cc', 'd'], key = len, reverse = True), max(['a', 'bb', 'cc'], key = len), min('b', 'a'))", "[1]", `(["a", "d", "bb", "cc"], ["bb", "cc", "a", "d"], "bb", "a")`, false},
	{"sorting what does not compare", "def f(x): return sorted([x, 'a'])", "[1]", "!not implemented", false},
	{"a comprehension is evaluated to its end", "def f(x): return any([1 // i == 1 for i in [1, x]])", "[0]", "!division by zero", false},
	{"and so is what a loop leaves", "def f(x):\n    for y in [1 // i for i in [1, x]]:\n        return y", "[0]", "!division by zero", false},
	{"comparing tuples", "def f(a, b): return ((a, b) < (a, b + 1), (a, 'x') == (a, 'x'), (1, 2) < (1,), (a,) == a)", "[(1, 2)]", "(True, True, False, False)", false},
	{"a value of two types", "def f(x):\n    y = 1\n    if x:\n        y = 'a'\n    return (y, y * 2)", "[0, 1]", `(1, 2) ("a", "aa")`, false},
	{"division by zero", "def f(x): return (1 / x, 5 % x)", "[0]", "!division by zero", false},
	{"division by zero of floats", "def f(x): return 1 // x", "[0.0]", "!division by zero", false},
	{"arguments by name", "def g(a, b = 2, c = 3): return (a, b, c)\ndef f(x): return (g(x, c = 5), g(b = x, a = 1), g(c = 1, a = x, b = 0))", "[7]", "((7, 2, 5), (1, 7, 3), (7, 0, 1))", false},
	{"an argument that is missing", "def g(a, b): return a\ndef f(x): return g(b = x)", "[7]", "!missing 1 argument", false},
	{"an argument twice", "def g(a, b): return a\ndef f(x): return g(x, a = x)", "[7]", "!multiple values", false},
	{"an argument without a parameter", "def g(a): return a\ndef f(x): return g(x, z = x)", "[7]", "!unexpected keyword", false},
	{"missing key", "def f(x): return {'a': 1}[x]", "['b']", "!not in dict", false},
	{"steps", "def f(x):\n    for i in range(1000000):\n        x += 1\n    return x", "[1]", "!took more than 1000000 steps", false},
	{"a list and a tuple do not add", "def f(x): return [x] + (2,)", "[1]", "!unknown binary op", false},
	{"chains of comparisons are for Python", "def f(a, b): return (a < b) == (b < a)", "[(1, 2)]", "False", false},
	{"a hash of a number", "def f(x): return hash(x)", "[1]", "!", false},
	{"dicts compare without order", "def f(x): return ({'a': x, 'b': 2} == {'b': 2, 'a': x}, {'a': x} == {'a': x + 0.0})", "[1]", "(True, True)", false},
	{"bytes", "def f(s): return (s[0:1], len(s), list(s.elems()), bytes(str(s)) == s)", "[b'abc', b'\\xff']", `(b"a", 3, [97, 98, 99], True) (b"\xff", 1, [255], False)`, false},
	{"formats", "def f(x): return ('%d %s %r %x %o %c %%' % (x, x, x, x, x, x + 60), '{0} {0!r} {a}'.format(x, a = 'b'))", "[5, 60]", `("5 5 5 5 5 A %", "5 5 b") ("60 60 60 3c 74 x %", "60 60 b")`, true},
	{"formats of what does not fit", "def f(x): return '%d' % x", "['a']", "!", false},
	{"too few values for a format", "def f(x): return '%d %d' % x", "[1]", "!not enough arguments", false},
	{"too many values for a format", "def f(x): return '%d' % (x, x)", "[1]", "!too many arguments", false},
	{"min of nothing", "def f(x): return min(x)", "[[]]", "!", false},
	{"unpacking the wrong number", "def f(x):\n    a, b = x.split(',')\n    return (b, a)", "['a,b', 'a,b,c']", "!too many values to unpack", false},
	{"unpacking too few", "def f(x):\n    a, b = x.split(',')\n    return (b, a)", "['a,b', 'a']", "!too few values to unpack", false},
	{"unpacking what is no sequence", "def f(x):\n    a, b = x\n    return (b, a)", "[1]", "!", false},
	{"steps of slices", "def f(s): return (s[::-1], s[4:1:-2], s[-1:0:-1], [1, 2, 3][::2], (1, 2, 3)[::-1])", "['abcdef', '']", `("fedcba", "ec", "fedcb", [1, 3], (3, 2, 1)) ("", "", "", [1, 3], (3, 2, 1))`, false},
	{"a slice's step is not 0", "def f(s): return s[::len(s)]", "['ab', '']", "!zero is not a valid slice step", false},
	{"ranges", "def f(n): return (len(range(n)), list(range(n, 0, -2)), n in range(0, 10, 3), range(n)[-1:], range(3) == range(0, 3, 1))", "[6, 0]", `(6, [6, 4, 2], True, range(5, 6), True) (0, [], True, range(0), True)`, false},
	{"dict methods", "def f(x):\n    d = {'a': 1}\n    d.update([('b', x)], c = 3)\n    p = d.popitem()\n    s = d.setdefault('z', [])\n    s.append(x)\n    return (d, p, d.pop('q', None), d.pop('b'))", "[2]", `({"c": 3, "z": [2]}, ("a", 1), None, 2)`, true},
	{"a union of dicts", "def f(x):\n    d = {'a': x} | {'b': 1, 'a': 2}\n    e = {'a': 1}\n    e |= {'c': x}\n    return (d, e)", "[7]", `({"a": 2, "b": 1}, {"a": 1, "c": 7})`, false},
	{"sets", "def f(x):\n    s = set([x, 2, 1.0])\n    return (sorted(list(s)), 2 in s, len(s), s | set([9]), s & set([2]), s == set([2, x]))", "[1]", `([1, 2], True, 2, set([1, 2, 9]), set([2]), True)`, false},
	{"a loop goes through what its display was", "def f(a):\n    r, w = [], ''\n    for w in [a, 'x', a]:\n        a = w + '!'\n        r.append(a)\n    for a in ('y', a):\n        r.append(a)\n    t = (a, 'z')\n    for w in t:\n        t = w\n        r.append(w)\n    for a, w in [(w, a), (a, w)]:\n        r.append(a + w)\n    return r", "['b']", `["b!", "x!", "b!", "y", "b!", "b!", "z", "zb!", "b!z"]`, false},
	{"fail", "def f(x):\n    if x > 1:\n        fail('too much', x)\n    return x", "[1, 2]", "!too much 2", false},
}

func TestExact(t *testing.T) {
	for _, c := range exactCases {
		t.Run(c.name, c.check)
	}
}

// check runs the function on both tiers: records, error text, position and counts must agree.
func (c exactCase) check(t *testing.T) {
	g, source := script(t, c.src)
	chain := &Chain{Steps: []Step{sourced(t, Map, g["f"], source)}}
	out, report, err := both(t, chain, records(t, c.in))
	if _, mismatch := err.(*MismatchError); mismatch {
		t.Fatal(err)
	}
	if report.Compiled == c.interpreted {
		t.Errorf("compiled: %v, refused: %v", report.Compiled, report.Refusal)
	}
	switch message, isError := strings.CutPrefix(c.want, "!"); {
	case isError && (err == nil || !strings.Contains(err.Error(), message)):
		t.Errorf("got error %v, want %s", err, message)
	case !isError && err != nil:
		t.Error(err)
	case !isError && c.want != "" && texts(&out.Column) != c.want:
		t.Errorf("got %s, want %s", texts(&out.Column), c.want)
	}
}

// checkErrorInTheMiddle puts a record that fails in every place of a batch.
func checkErrorInTheMiddle(t *testing.T) {
	src := "def f(l): return [(w, 100 // int(w)) for w in l.split()]\ndef g(w, n): return n < 60\ndef h(w, n): return n\n"
	g, source := script(t, src)
	steps := func(caught bool) *Chain {
		c := &Chain{
			Steps:   []Step{sourced(t, FlatMap, g["f"], source), sourced(t, Filter, g["g"], source)},
			Columns: []Step{sourced(t, Map, g["h"], source)},
		}
		c.Steps[0].Catch = caught
		return c
	}
	for at := range 300 {
		in := new(chunk.Batch)
		for i := range 300 {
			if i == at {
				in.AppendString("5 1 0 7")
			} else {
				in.AppendString("1 2 3")
			}
		}
		out, _, err := both(t, steps(false), in)
		if _, ok := err.(*ScriptError); !ok || out.N != 2*at || len(out.Relative) != out.N {
			t.Fatalf("failing record %d: %v after %d records", at, err, out.N)
		}
		if out, _, err = both(t, steps(true), in); err != nil || out.N != 2*299 || len(out.Dead) != 1 {
			t.Fatalf("caught record %d: %v, %d records", at, err, out.N)
		}
	}
}

// TestStorm checks that a chain most of whose records fail a guard is left to the interpreter.
func TestStorm(t *testing.T) {
	g, source := script(t, "def f(x): return x * x")
	chain := &Chain{Steps: []Step{sourced(t, Map, g["f"], source)}}
	_, report, err := both(t, chain, records(t, "[1 << 40] * 1000"))
	if err != nil || len(report.Deopts) != 1 || report.Deopts[0].Count != stormDeopts {
		t.Errorf("%v, %+v", err, report)
	}
}

// checkManyTypes gives batches of ever other types to one runner.
func checkManyTypes(t *testing.T) {
	g, source := script(t, "def f(x): return (x, [x], str(x))")
	chain := &Chain{Steps: []Step{sourced(t, Map, g["f"], source)}}
	v := &verifier{chain: chain, fast: newCompiled(chain, env(), NewInterpreter(chain, env(), true), true), reference: NewInterpreter(chain, env(), false)}
	for range 3 {
		for _, in := range []string{"[1]", "['a']", "[1.5]", "[None]", "[(1, 2)]", "[True]", "[{'a': 1}]", "[[1], 2]", "[('a', 2)]", "[]"} {
			if err := v.Run(records(t, in), new(Output)); err != nil {
				t.Errorf("%s: %v", in, err)
			}
		}
	}
}

// checkConcurrentRunners runs one chain on several goroutines.
func checkConcurrentRunners(t *testing.T) {
	g, source := script(t, "L = ['a', 'b']\ndef f(s): return [w.upper() for w in s.split() if w in L]")
	chain := &Chain{Steps: []Step{sourced(t, FlatMap, g["f"], source)}}
	in := records(t, "['a b c', 'b', 'x']")
	shared := env()
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			r := NewRunner(chain, shared, "verify")
			for range 50 {
				var out Output
				if err := r.Run(in, &out); err != nil || out.N != 3 {
					t.Errorf("%v, %d records", err, out.N)
				}
			}
		})
	}
	group.Wait()
}

// checkFrozenBetweenSteps checks that what a step returned cannot be changed by the next one, nor through it what a
// later record gets.
func checkFrozenBetweenSteps(t *testing.T) {
	src := "def f(x): return [[x], [x, x]]\ndef g(l):\n    l.append(0)\n    return l\ndef h(l):\n    m = l + [0]\n    m.append(1)\n    return m\n"
	g, source := script(t, src)
	for _, c := range []struct{ second, want string }{
		{"h", "[1, 0, 1] [1, 1, 0, 1] [2, 0, 1] [2, 2, 0, 1]"},
		{"g", "!frozen list"},
	} {
		chain := &Chain{Steps: []Step{sourced(t, FlatMap, g["f"], source), sourced(t, Map, g[c.second], source)}}
		out, _, err := both(t, chain, records(t, "[1, 2]"))
		switch message, isError := strings.CutPrefix(c.want, "!"); {
		case isError && (err == nil || !strings.Contains(err.Error(), message)):
			t.Errorf("got error %v, want %s", err, message)
		case !isError && (err != nil || texts(&out.Column) != c.want):
			t.Errorf("got %s, %v, want %s", texts(&out.Column), err, c.want)
		}
	}
}
