package kernel

import (
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"go.starlark.net/lib/json"
	"go.starlark.net/lib/math"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// script runs a script and returns its frozen globals and the trees of its functions.
func script(t testing.TB, src string) (starlark.StringDict, Source) {
	t.Helper()
	g, source, err := tryScript(src)
	if err != nil {
		t.Fatalf("%v in\n%s", err, src)
	}
	return g, source
}

// modules is Starlark's own modules, whose functions compiled code knows.
var modules = starlark.StringDict{"json": json.Module, "math": math.Module}

func tryScript(src string) (starlark.StringDict, Source, error) {
	opts := &syntax.FileOptions{Recursion: true, Set: true}
	tree, err := opts.Parse("job.star", src, 0)
	if err != nil {
		return nil, nil, err
	}
	program, err := starlark.FileProgram(tree, modules.Has)
	if err != nil {
		return nil, nil, err
	}
	g, err := program.Init(&starlark.Thread{}, modules)
	if err != nil {
		return nil, nil, err
	}
	g.Freeze()
	trees := map[syntax.Position]syntax.Node{}
	syntax.Walk(tree, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.DefStmt:
			trees[n.Def] = n
		case *syntax.LambdaExpr:
			trees[n.Lambda] = n
		}
		return true
	})
	return g, func(fn *starlark.Function) syntax.Node { return trees[fn.Position()] }, nil
}

// sourced is step with the function's tree.
func sourced(t testing.TB, kind StepKind, v starlark.Value, source Source) Step {
	t.Helper()
	s := step(t, kind, v)
	s.Fn.Recognise(source)
	return s
}

// both runs a chain compiled and interpreted, compares, and returns what came out and how.
func both(t testing.TB, chain *Chain, in *chunk.Batch) (out *Output, report Report, err error) {
	t.Helper()
	fast := newCompiled(chain, env(), NewInterpreter(chain, env(), true), true)
	v := &verifier{chain: chain, fast: fast, reference: NewInterpreter(chain, env(), false)}
	out = new(Output)
	err = v.Run(in, out)
	for k := range out.Counts {
		if out.Counts[k] != v.second.Counts[k] {
			t.Errorf("counts of step %d: %+v, the interpreter's are %+v", k, out.Counts[k], v.second.Counts[k])
		}
	}
	return out, fast.report, err
}

// compiledFunctions is what must be compiled, and give the interpreter's results, with how many deopts.
var compiledFunctions = []struct {
	name, src string
	kind      StepKind
	in        string
	deopts    int64
}{
	{"words", "def f(l): return l.split()", FlatMap, "['a b  c', '', ' x\\u00a0y\\u0085z ', 'a\\x1cb']", 0},
	{"words of a loop", "def f(l):\n    r = []\n    for w in l.split():\n        r.append(w.lower())\n    return r", FlatMap, "['A b', '']", 0},
	{"words of a comprehension", "def f(l): return [(w.strip('.,'), 1) for w in l.lower().split() if len(w) > 2]", FlatMap, "['Abc, de. fghi', 'x']", 0},
	{"fields of a log", `def f(line):
    q = line.split('"')
    path = q[1].split(" ")[1]
    rest = q[2].split(" ")
    seg = path[1:].split("?")[0].split("/")[0]
    b = rest[2]
    return (rest[1] + "\t/" + seg, 0 if b == "-" else int(b))`, Map, `['x "GET /a/b?c HTTP" 200 17', 'x "GET /a HTTP" 404 -', 'broken', 'x "GET /z HTTP" 1 99999999999999999999']`, 1},
	{"collatz", `def f(line):
    v = int(line)
    x = v
    for s in range(1 << 30):
        if x == 1:
            return (s, v)
        if x % 2 == 1:
            x = 3 * x + 1
        else:
            x = x // 2`, Map, "['27', '1', '7', '97']", 0},
	{"one of two ints", "def f(x):\n    a = 3 * x + 1 if x % 2 else x // 2\n    b = x - 7 if x == 5 else x & 3\n    c = 1 + (x & 1) * 5 if x != -4 else x\n    if x % 4 == 2:\n        d = x >> 1\n    else:\n        d = a + 1\n    if x < 0:\n        e = a\n    else:\n        e = b\n    return (a, b, c, d, e)", Map, "list(range(-20, 20))", 0},
	{"one of two ints that overflow", "def f(x):\n    y = 3 * x + 1 if x % 2 else x - 1\n    return y", Map, "[1, (1 << 62) + 1, (1 << 62), -(1 << 63), -(1 << 62) - 1, (1 << 63) - 1, 3074457345618258602, 3074457345618258603, -3074457345618258603]", 6},
	{"one of two, one of which is no int", "def f(x):\n    if x % 2:\n        y = x + 1\n    else:\n        y = None\n    return y", Map, "range(4)", 0},
	{"substring", "def f(l): return ' 503 ' in l", Filter, "['a 503 b', 'a503', '']", 0},
	{"reject", "def f(x): return x % 3 == 0", Reject, "range(-7, 8)", 0},
	{"floor division", "def f(x): return (x // 2, x % 2, x // -2, x % -3, x // 7, x % 7, x / 2)", Map, "range(-9, 9)", 0},
	{"bits of a variable", "def f(x):\n    y = x & 5\n    z = x >> 2\n    u = (x & 7) * 3 + 1\n    v = (x >> 1) & 3\n    w = x & 0\n    n = 0\n    if x & 1:\n        n += 1\n    if x & 6 == 2:\n        n += 10\n    if x & 3 > 1:\n        n += 100\n    return (y, z, u, v, w, n, x >> 0, x >> 62)", Map, "list(range(-20, 20)) + [(1 << 63) - 1, -(1 << 63)]", 0},
	{"floats", "def f(x): return (x * 2, x + 1, x - 0.5, x / 3, x // 2, x % 2, -x, x == 1, x < 2.5, x > float('nan'))", Map, "[0.0, -0.0, 1.5, -7.5, 1e300, float('nan')]", 0},
	{"int and float", "def f(a, b): return (a < b, a <= b, a == b, a > b, a + b, b - a)", Map, "[(1, 1.0), ((1 << 53) + 1, 9007199254740992.0), (3, float('nan')), (3, float('inf')), (-3, float('-inf')), (1, 1.5), (-1, -1.5)]", 0},
	{"tuples", "def f(a, b):\n    t = (a, b)\n    u, v = t\n    u, v = v, u\n    return (t, u, v, t[0], t[-1], t[:1], t + (u,), t == (a, b), a in (1, 'x'))", Map, "[(1, 'x'), (2, 'y')]", 0},
	{"helper", "def g(x, y = 3): return x + y\ndef f(x): return g(g(x), g(1)) + g(x)", Map, "range(3)", 0},
	{"closure", "def make(n):\n    return lambda x: x + n\nf = make(5)", Map, "range(3)", 0},
	{"constants", "STOP = ['a', 'b']\nN = 3\nT = (1, 'x')\ndef f(s): return (s not in STOP, N * len(s), T[1] + s, STOP[0], len(STOP), T)", Map, "['a', 'c']", 0},
	{"optional", "def f(s):\n    x = None\n    if s:\n        x = len(s)\n    if x == None:\n        return 'none'\n    return (x + 1, s or 'empty', x and 'yes')", Map, "['', 'abc']", 0},
	{"text", "def f(s): return (s.strip(), s.lstrip(), s.rstrip('x'), s.lower(), s.upper(), s.startswith('a'), s.endswith('x'), s.find('b'), s.rfind('b'), s.count('b'), s.count(''), s.replace('b', 'cc'))", Map, "[' ab x', 'abbx', '', '\\u00df\\u0130', 'b']", 0},
	{"more text", "def f(s): return (s.partition(','), s.rpartition(','), s.splitlines(), s.split(','), s.title(), s.isdigit(), s.removeprefix('a'), s.removesuffix(','), '-'.join(s.split()), s.strip(''), len(s))", Map, "['a,b c', '', '12', 'a\\r\\nb\\n', ' x ', '\\u0663']", 0},
	{"slices", "def f(s): return (s[1:], s[:2], s[-2:], s[1:-1], s[5:2], s[:2147483647], s[0], s[-1])", Map, "['abc', 'a', '\\u00e9\\u00e8']", 0},
	{"numbers in texts", "def f(s): return (int(s), float(s), str(int(s)))", Map, "['1', '-17', '+5', '010', '123456789012345678']", 0},
	{"conversions", "def f(x): return (str(x), int(x), float(x), bool(x), abs(int(x)), int(x > 1), str(float(x)), repr(x), type(x))", Map, "[0, 5, -3]", 0},
	{"formatting", "def f(s): return ('%s-%d' % (s, len(s)), '{}:{}'.format(s, 1), '%r' % s)", Map, "['a', '\\u00e9']", 0},
	{"loops", `def f(n):
    total = 0
    for i in range(n):
        if i == 3:
            continue
        if i > 7:
            break
        for j in range(i, 0, -2):
            total += j
            if j > 5:
                break
    for i, x in enumerate([n, 5, 7]):
        total += i * x
    for a, b in [(1, 2), (3, n)]:
        total += a * b
    return total`, Map, "range(12)", 0},
	{"any and all", "def f(s): return (any([c == 'a' for c in s.split()]), all([len(c) > 1 for c in s.split()]), any([]), all([]))", Map, "['a bb', 'cc dd', '']", 0},
	{"lists", "def f(s):\n    l = s.split(',')\n    l[0] = 'first'\n    l.append('last')\n    l += ['x', s]\n    return [l[0], l[-1], str(len(l)), l[1:][0]] + []", Map, "['a,b', 'c']", 0},
	{"a list's place", "def f(s):\n    l = [len(w) for w in s.split()]\n    l[0] += 2\n    return (l.index(l[0]), l, 3 in l, l == l)", Map, "['a bb ccc']", 0},
	{"selector", "f = 1", Map, "[(1, 'a'), (2, 'b')]", 0},
	{"lane", "def f(s): return s[:1]", Lane, "['ab', 'cd', '']", 0},
	{"lane by number", "def f(n): return n % 5", Lane, "range(9)", 0},
	{"pairs", "def f(v): return v * 2", MapValues, "[('a', 1), ('b', 2)]", 0},
	{"records", "def f(r): return (r['a'], r['b'] + 1, r['c']['d'])", Map, "[{'a': 'x', 'b': 1, 'c': {'d': None}}]", 0},
	{"records of any kind", "def f(r): return r['a'] if type(r) == 'dict' else r.upper()", Map, "[{'a': 1}, 'text']", 0},
	{"dicts passed on", "def f(r): return (r.get('x', 5), r.get('a'), 'a' in r, r.keys(), len(r))", Map, "[{'a': [1]}, {'x': 2}]", 0},
	{"bigger than 64 bits", "def f(x): return x * x", Map, "[1, 1 << 40, 2]", 1},
	{"overflow", "def f(x): return (x + 1, )", Map, "[(1 << 63) - 1, 5]", 1},
	{"negation", "def f(x): return -x", Map, "[-(1 << 63), 5]", 1},
	{"arguments of builtins by name", "def f(s): return (dict(a = s, b = [s]), int(s, base = 16), [p for p in enumerate(s.split('1'), start = 1)])", Map, "['f1', 'g', '']", 2},
	{"an argument of a builtin that it does not have", "def f(s): return int(s, radix = 16)", Map, "['f1']", 1},
	{"a sum of a loop that overflows", "def f(x):\n    for i in range(70):\n        x += x\n    return x", Map, "[0, 1]", 1},
}

func TestCompiledFunctions(t *testing.T) {
	for _, c := range compiledFunctions {
		t.Run(c.name, func(t *testing.T) {
			g, source := script(t, c.src)
			chain := &Chain{Steps: []Step{sourced(t, c.kind, g["f"], source)}}
			in := records(t, c.in)
			_, report, err := both(t, chain, in)
			if _, mismatch := err.(*MismatchError); mismatch {
				t.Fatal(err)
			}
			if !report.Compiled {
				t.Fatalf("not compiled: %v", report.Refusal)
			}
			deopts := int64(0)
			for _, d := range report.Deopts {
				deopts += d.Count
			}
			if err == nil && deopts != c.deopts || report.Bugs > 0 {
				t.Errorf("%d deopts, want %d: %+v", deopts, c.deopts, report)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct{ src, want string }{
		{"def f(x):\n    y = x\n    print(y)\n    return y", "uses print, line 3"},
		{"def f(x):\n    if x:\n        y = 1\n    return y", "may use y before it is assigned, line 4"},
		{"def f(x):\n    return f(x)", "calls functions too deep, or itself"},
		{"def f(x):\n    return (lambda: x)", "makes a function, line 2"},
		{"def f(x):\n    return len", "returns a function, line 2"},
	} {
		g, source := script(t, c.src)
		chain := &Chain{Steps: []Step{sourced(t, Map, g["f"], source)}}
		r := Foresee(chain, env(), &records(t, "[1]").Column).Refusal
		if r == nil || !strings.HasPrefix(r.Error(), c.want) {
			t.Errorf("%s\ngot %v, want %s", c.src, r, c.want)
		}
	}
}
