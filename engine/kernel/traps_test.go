package kernel

import (
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/scan"
	"go.starlark.net/starlark"
)

// traps is where Starlark is not what one expects, or where running a batch of records is not what running them one
// by one is: functions with what they give, and a check of what one function does not show. Both tiers must agree on
// values, errors and positions.
var traps = []struct {
	name  string
	cases []exactCase
	check func(t *testing.T)
}{
	{"strip of nothing", []exactCase{
		{"strip of no characters strips white space", "def f(s): return s.strip('')", "[' a ']", `"a"`, false},
	}, nil},
	{"white space", []exactCase{
		{"white space is Unicode's", "def f(s): return s.split()", `['a\x1cb', 'a\u00a0b\u0085c']`, `["a\x1cb"] ["a", "b", "c"]`, false},
	}, nil},
	{"splits of and by nothing", []exactCase{
		{"splitting nothing", "def f(s): return (s.split(), s.split(','))", "['']", `([], [""])`, false},
		{"splitting by nothing", "def f(s): return s.split('')", "['a']", "!empty separator", false},
	}, nil},
	{"bytes of text", []exactCase{
		{"lengths and indexes are of bytes", "def f(s): return (len(s), s[0] + s[1] == s, s[0])", `['\u00e9']`, `(2, True, "\xc3")`, false},
		{"invalid text", "def f(s): return (s[:1], s[1:], s.upper(), s.split(), len(s), s[:1] + s[1:] == s, repr(s[:1]), list(s[:1].elems()))", "['\\u00e9x']", `("\xc3", "\xa9x", "ÉX", ["éx"], 3, True, "\"\\xc3\"", ["\xc3"])`, false},
		{"code points of invalid text", "def f(s): return (list(s[:1].codepoints()), [len(c) for c in s[:2].codepoints()])", "['\\u00e9']", `(["�"], [2])`, false},
		{"JSON of half a character", "def f(s): return json.encode(s[:1])", "['\\u00e9']", `"\"\\ufffd\""`, false},
	}, nil},
	{"carriage returns", []exactCase{
		{"splitlines keeps carriage returns", "def f(s): return s.splitlines()", `['a\r\nb\n', '\n', '']`, `["a\r", "b"] [""] []`, false},
	}, nil},
	{"division of negatives", []exactCase{
		{"division rounds down", "def f(a, b): return (a // b, a % b)", "[(-7, 2), (7, -3), (-7, 3), (-7.5, 2), (7, -1)]", "(-4, 1) (-3, -2) (-3, 2) (-4.0, 0.5) (-7, 0)", false},
	}, nil},
	{"beyond 64 bits", []exactCase{
		{"ints have no bound", "def f(a, b): return (a + b, a * b)", "[(9223372036854775807, 1), (-9223372036854775807 - 1, -1), (3, 4)]", "(9223372036854775808, 9223372036854775807) (-9223372036854775809, 9223372036854775808) (7, 12)", false},
		{"the smallest int by -1", "def f(a, b): return a // b", "[(-9223372036854775807 - 1, -1)]", "9223372036854775808", false},
		{"abs of the smallest int", "def f(a): return abs(a)", "[-9223372036854775807 - 1, -1]", "9223372036854775808 1", false},
	}, nil},
	{"indexes beyond 32 bits", []exactCase{
		{"slices beyond 32 bits are errors", "def f(n): return 'abc'[:n]", "[2147483648]", "!invalid end index", false},
		{"indexes beyond 32 bits are errors", "def f(n): return [1][n]", "[2147483648]", "!", false},
	}, nil},
	{"shifts and repeats", []exactCase{
		{"shifts", "def f(n): return (1 << n, -5 >> n)", "[3, 62, 63]", "(8, -1) (4611686018427387904, -1) (9223372036854775808, -1)", false},
		{"shifts by too much", "def f(n): return 1 << n", "[512]", "!shift count too large", false},
		{"repeating beyond 30 bits is an error", "def f(n): return 'ab' * n", "[1 << 29, 1 << 40]", "!", false},
		{"the widest shift", "def f(n): return (1 << n) >> (n - 3)", "[511]", "8", false},
	}, nil},
	{"ints, floats and bools", []exactCase{
		{"1 is 1.0 but not True", "def f(a, b): return (a == b, a == True, {1: 'a'}[b])", "[(1, 1.0)]", `(True, False, "a")`, false},
		{"True is no number", "def f(a): return a + 1", "[True]", "!unknown binary op", false},
		{"equal keys of a literal", "def f(a, b): return {a: 1, b: 2}", "[(1, 1.0)]", "!duplicate key", false},
		{"an int is found as a float", "def f(x): return {1: 'a'}[x]", "[1, 1.0]", `"a" "a"`, false},
		{"a bool is not", "def f(x): return {1: 'a'}[x]", "[1, True]", "!not in dict", false},
	}, nil},
	{"ints beside floats", []exactCase{
		{"ints compare with floats exactly", "def f(a, b): return (a == b, a < b, a > b)", "[(9007199254740993, 9007199254740992.0), (9223372036854775807, 9223372036854775808.0)]", "(False, False, True) (False, True, False)", false},
	}, nil},
	{"nan", []exactCase{
		{"nan equals itself and is greatest", "def f(a): return (a == a, a > 1, max(a, 1), max(1, a), sorted([a, 1.0, float('inf')]), a != a, a in [a])", "[float('nan')]", "(True, True, nan, nan, [1.0, +inf, nan], False, True)", false},
	}, nil},
	{"negative zero", []exactCase{
		{"-0.0 equals 0.0 and keeps its text", "def f(a): return (a, str(a), a == 0, {0.0: 1}.get(a), bool(a))", "[-0.0]", `(-0.0, "-0.0", True, 1, False)`, false},
		{"a dict keeps the first of equal keys", "def f(a, b): return (dict([(a, 1), (b, 2)]), {a: 1}.get(b))", "[(0.0, -0.0), (-0.0, 0.0), (1, 1.0), (1, True)]", "({0.0: 2}, 1) ({-0.0: 2}, 1) ({1: 2}, 1) ({1: 1, True: 2}, None)", false},
	}, foldOf("def f(acc, x):\n    acc[x] = acc.get(x, 0) + 1\n    return acc\ninitial = {}", "[-0.0, 0.0, 0, 1, 1.0]", "{-0.0: 3, 1: 2}")},
	{"texts of numbers", []exactCase{
		{"texts of floats", "def f(a): return (str(a), '%d' % a)", "[1e16, 1.0, 3.7]", `("1e+16", "10000000000000000") ("1.0", "1") ("3.7", "3")`, false},
		{"JSON keeps floats floats and sorts keys", "def f(x): return (json.encode({'b': x, 'a': 1}), json.encode([x, 1e16, -0.0, 0.5]))", "[1.0]", `("{\"a\":1,\"b\":1.0}", "[1.0,1e+16,-0.0,0.5]")`, false},
	}, nil},
	{"numbers of texts", []exactCase{
		{"texts of ints are decimal", "def f(s): return int(s)", "['010', '+1', '-0', '00012345678901234567']", "10 1 0 12345678901234567", false},
		{"ints have no blanks", "def f(s): return int(s)", "[' 1']", "!invalid literal", false},
		{"ints have no underscores", "def f(s): return int(s)", "['1_0']", "!invalid literal", false},
		{"ints have no prefix", "def f(s): return int(s)", "['0x10']", "!invalid literal", false},
		{"floats are Go's literals", "def f(s): return float(s)", "['1_0', '0x1p3', '+.5', '1e2', '1.']", `10.0 8.0 0.5 100.0 1.0`, false},
		{"floats have no blanks", "def f(s): return float(s)", "[' 1']", "!invalid float literal", false},
	}, nil},
	{"what cannot be a key", []exactCase{
		{"a list in a dict is no error", "def f(x): return [x] in {'a': 1}", "[1]", "False", false},
		{"a list as a key is one", "def f(x): return {x: 1}", "[[1]]", "!unhashable", false},
		{"an int in a text is an error", "def f(x): return x in 'a'", "[1]", "!", false},
	}, nil},
	{"decoding JSON", []exactCase{
		{"JSON with a key twice", "def f(s): return json.decode(s)", "['{\"a\":1,\"b\":2,\"a\":3}']", `{"a": 3, "b": 2}`, false},
		{"numbers of JSON", "def f(s): return json.decode(s)", "['1e2', '-0', '-0.0', '123456789012345678901', '9007199254740993']", "100.0 0 -0.0 123456789012345678901 9007199254740993", false},
		{"texts of JSON", "def f(s): return json.decode(s)", `['"a\tb"', '"\\ud800"', '"\\ud83d\\ude00"']`, `"a\tb" "�" "😀"`, false},
		{"a number of JSON that is too large", "def f(s): return json.decode(s)", "['1E400']", "!invalid number", false},
		{"a number of JSON that begins with 0", "def f(s): return json.decode(s)", "['01']", "!", false},
		{"text behind JSON", "def f(s): return json.decode(s)['a']", "['{\"a\": 1} x']", "!unexpected character", false},
	}, nil},
	{"missing members", []exactCase{
		{"a member of JSON that is missing", "def f(s): return json.decode(s)['b']", "['{\"a\": 1}']", "!not in dict", false},
		{"a member of JSON that may be missing", "def f(s): return json.decode(s).get('b')", "['{\"a\": 1}', '{\"b\": 2}']", "None 2", false},
	}, nil},
	{"order of keys", []exactCase{
		{"dicts keep the place of a key", "def f(x):\n    d = {'a': 1, 'b': 2}\n    d['a'] = x\n    e = {'a': 1, 'b': 2}\n    e.pop('a')\n    e['a'] = x\n    return (d, e)", "[3]", `({"a": 3, "b": 2}, {"b": 2, "a": 3})`, false},
	}, nil},
	{"changed under a loop", []exactCase{
		{"a dict may not change under a loop", "def f(x):\n    d = {'a': 1}\n    for k in d:\n        d[k] = x\n    return d", "[3]", "!during iteration", false},
		{"a list may not change under a loop", "def f(x):\n    l = [1, 2]\n    for k in l:\n        l.append(x)\n    return l", "[3]", "!during iteration", false},
		{"nor in a call inside the loop", "def g(l): l.append(1)\ndef f(x):\n    l = [x]\n    for k in l:\n        g(l)\n    return l", "[3]", "!during iteration", false},
	}, nil},
	{"frozen defaults", []exactCase{
		{"default arguments are frozen", "def g(x, acc = []):\n    acc.append(x)\n    return acc\ndef f(x): return g(x)", "[1]", "!frozen", false},
	}, nil},
	{"adding in place", []exactCase{
		{"+= changes the list that others see", "def f(x):\n    a = [x]\n    b = a\n    b += [2]\n    c = (1,)\n    d = c\n    d += (2,)\n    return (a, b, c, d)", "[1]", "([1, 2], [1, 2], (1,), (1, 2))", false},
		{"lists are extended by anything iterable", "def f(x):\n    a = [x]\n    a += (2,)\n    a += {'k': 1}\n    a += range(2)\n    return a", "[1]", `[1, 2, "k", 0, 1]`, false},
	}, nil},
	{"empty loops", []exactCase{
		{"a loop may leave its variable unassigned", "def f(n):\n    for i in range(n):\n        pass\n    return i", "[0]", "!referenced before assignment", true},
		{"a loop that runs assigns it", "def f(n):\n    for i in range(n):\n        pass\n    return i", "[3, 1]", "2 0", true},
	}, nil},
	{"loop variables", []exactCase{
		{"a loop goes on whatever its variable becomes", "def f(n):\n    last = 0\n    for i in range(n):\n        i += 10\n        last = i\n    return last", "[5]", "14", false},
	}, nil},
	{"shared cells", []exactCase{
		{"functions in a loop share the variable", "def f(n): return [g() for g in [lambda: i for i in range(n)]]", "[3]", "[2, 2, 2]", true},
	}, nil},
	{"recursion", []exactCase{
		{"a function in a function is one call", "def g(x): return x + 1\ndef f(x): return g(g(g(x)))", "[1]", "4", false},
		{"functions that call themselves", "def f(n): return 1 if n < 2 else n * f(n - 1)", "[5, 25]", "120 15511210043330985984000000", true},
		{"functions that call themselves through sorted", "def g(x): return f(x - 1)[0] if x > 1 else x\ndef f(x): return sorted([x, 0], key = g)", "[1, 2]", `[0, 1] [2, 0]`, true},
		{"functions that call each other for ever", "def g(x): return f(x)\ndef f(x): return g(x)", "[1]", "!deep", true},
	}, nil},
	{"order of evaluation", []exactCase{
		{"the right side is evaluated first", "def f(x):\n    l = [1, 2]\n    i = 0\n    i, l[i] = 1, x\n    l[-1] += len(l)\n    return l", "[9]", "[1, 11]", false},
		{"value, then key", "def t(log, v):\n    log.append(v)\n    return v\ndef f(x):\n    log = []\n    d = {}\n    d[t(log, 'k')] = t(log, 'v')\n    e = {t(log, 'a'): t(log, 'b'), t(log, 'c'): t(log, x)}\n    return (log, d, e)", "['z']", `(["v", "k", "a", "b", "c", "z"], {"k": "v"}, {"a": "b", "c": "z"})`, false},
		{"place, then addend", "def t(log, v):\n    log.append(v)\n    return v\ndef f(x):\n    log = []\n    l = [10]\n    l[t(log, 0)] += t(log, x)\n    return (log, l)", "[5]", "([0, 5], [15])", false},
		{"an assignment goes from left to right", "def f(x):\n    l = [0, 0]\n    i = 0\n    i, l[i] = 1, x\n    l[i], i = 7, 0\n    return (i, l)", "[9]", "(0, [0, 7])", false},
	}, nil},
	{"and, or", []exactCase{
		{"and and or give operands", "def f(x): return (0 and fail(), None or x, x or 1, '' or None, x and 'b')", "[0, 5]", `(0, 0, 1, None, 0) (0, 5, 5, None, "b")`, false},
	}, nil},
	{"empty needles", []exactCase{
		{"counting nothing", "def f(s): return (s.count(''), ''.count(''))", `['abc', '\u00e9']`, "(4, 1) (2, 1)", false},
		{"replacing nothing", "def f(s): return s.replace('', '-')", "['a']", `"-a-"`, false},
		{"partition by nothing", "def f(s): return s.partition('')", "['a']", "!empty separator", false},
		{"joining what is no text", "def f(s): return s.join([1])", "['a']", "!want string", false},
	}, nil},
	{"letters", []exactCase{
		{"letters are Go's", "def f(s): return (s.upper(), s.lower(), s.isdigit())", `['\u00df', '\u0130', '\u0663']`, `("ß", "ß", False) ("İ", "i", False) ("٣", "٣", True)`, false},
	}, nil},
	{"order of texts", []exactCase{
		{"texts compare by bytes", "def f(a, b): return (a < b, sorted([b, a]), max(a, b))", `[('Z', 'a'), ('\u00e9', 'z'), ('a', 'ab')]`, `(True, ["Z", "a"], "a") (False, ["z", "é"], "é") (True, ["a", "ab"], "ab")`, false},
		{"beyond the first plane", "def f(a, b): return (a < b, sorted([b, a]))", `[('\ufffd', '\U00010000')]`, `(True, ["�", "𐀀"])`, false},
	}, nil},
	{"hashes", []exactCase{
		{"hashes of texts", "def f(s): return hash(s)", "['abc', '', '\\u00e9', 'a longer text of more bytes']", `96354 0 233 668702318`, false},
	}, checkHashes},
	{"builtins that panic", nil, checkPanicOfBuiltin},
	{"giving one record up", nil, checkGivingUp},
	{"errors in a batch", nil, checkErrorInTheMiddle},
	{"sums that grow", nil, checkSums},
	{"values between steps", []exactCase{
		{"records are frozen", "def f(x):\n    x.append(1)\n    return x", "[[1]]", "!frozen", false},
		{"a record's list is not the next step's", "def f(x):\n    l = [x]\n    m = [l, l]\n    l.append(2)\n    return m", "[1]", "[[1, 2], [1, 2]]", false},
	}, checkFrozenBetweenSteps},
	{"released input", nil, checkReleasedInput},
	{"drifting types", []exactCase{
		{"records of another type", "def f(x): return x * 2", "[1, 'a', 1.5]", `2 "aa" 3.0`, false},
	}, checkManyTypes},
	{"typed dicts", []exactCase{
		{"what a dict looks like", "def f(s):\n    d = {}\n    for w in s.split():\n        d[w] = d.get(w, 0) + 1\n    return (d, str(d), sorted(d), list(d), d.keys(), d.values(), d.items(), d == {'a': 2, 'b': 1}, len(d))", "['b a a', '']", `({"b": 1, "a": 2}, "{\"b\": 1, \"a\": 2}", ["a", "b"], ["b", "a"], ["b", "a"], [1, 2], [("b", 1), ("a", 2)], True, 2) ({}, "{}", [], [], [], [], [], False, 0)`, false},
	}, foldOf("def f(acc, x):\n    acc[x] = acc.get(x, 0) + 1\n    return (acc if x != 'end' else {'s': str(acc), 'j': json.encode(acc), 'k': sorted(acc)})\ninitial = {}", "['b', 'a', 'b', 'end']", `{"s": "{\"b\": 2, \"a\": 1, \"end\": 1}", "j": "{\"a\":1,\"b\":2,\"end\":1}", "k": ["a", "b", "end"]}`)},
	{"concurrent runs", nil, checkConcurrentRunners},
	{"cut blocks", nil, checkCutBlocks},
}

func TestTraps(t *testing.T) {
	for _, trap := range traps {
		t.Run(strings.ReplaceAll(trap.name, " ", "_"), func(t *testing.T) {
			if trap.check != nil {
				trap.check(t)
			}
			for _, c := range trap.cases {
				t.Run(c.name, c.check)
			}
		})
	}
}

// foldOf checks the state that a reducer makes of records on both tiers.
func foldOf(src, in, want string) func(t *testing.T) {
	return func(t *testing.T) {
		for _, kernels := range []string{"on", "off", "verify"} {
			r := reducerOf(t, src)
			r.Kernels = kernels
			if state, err := foldAll(r, records(t, in)); err != nil || state.String() != want {
				t.Errorf("kernels %s: got %v, %v, want %s", kernels, state, err, want)
			}
			if report := r.Reports()[r.Fn]; kernels == "on" && (!report.Compiled || report.Bugs > 0) {
				t.Errorf("%+v", report)
			}
		}
	}
}

// checkGivingUp gives one record up after 200 that compiled code took: what came before it and behind it comes out
// once.
func checkGivingUp(t *testing.T) {
	g, source := script(t, "def f(n): return [n, n + 1, -n]\ndef g(n): return (n, n * 2)")
	chain := &Chain{Steps: []Step{sourced(t, FlatMap, g["f"], source), sourced(t, Map, g["g"], source)}}
	out, report, err := both(t, chain, records(t, "list(range(200)) + [9223372036854775807] + list(range(100))"))
	if err != nil || out.N != 3*301 || report.Records != 300 || len(report.Deopts) != 1 || report.Deopts[0].Count != 1 {
		t.Fatalf("%v, %d records, %+v", err, out.N, report)
	}
	if v := out.Column.At(601).String(); v != "(9223372036854775808, 18446744073709551616)" {
		t.Errorf("got %s", v)
	}
}

// checkSums adds up to more than 64 bits, in both directions, and merges what was added in both directions. Floats
// are added from the first to the last.
func checkSums(t *testing.T) {
	const add = "def f(a, b): return a + b\ninitial = "
	foldOf(add+"0", "[9223372036854775806, 1, 1, 5, -7]", "9223372036854775806")(t)
	foldOf(add+"0", "[-7, 5, 1, 1, 9223372036854775806]", "9223372036854775806")(t)
	foldOf(add+"0", "[9223372036854775806, 1, 1, 5]", "9223372036854775813")(t)
	foldOf(add+"0.0", "[1e300, 1.0, -1e300, 0.1]", "0.1")(t)
	foldOf(add+"0.0", "[0.1, -1e300, 1.0, 1e300]", "0.0")(t)
	foldOf("def f(acc, k, n):\n    acc[k] = acc.get(k, 0) + n\n    return acc\ninitial = {}",
		"[('a', 9223372036854775807), ('b', 1), ('a', 2), ('b', 3), ('a', -1)]", `{"a": 9223372036854775808, "b": 4}`)(t)
	r := reducerOf(t, add+"0")
	r.Merge = r.Fn
	f := NewFolder(r, env())
	large, small := starlark.MakeInt64(1<<63-1), starlark.MakeInt64(3)
	for _, pair := range [][2]starlark.Value{{large, small}, {small, large}} {
		if v, err := f.Merge(pair[0], pair[1]); err != nil || v.String() != "9223372036854775810" {
			t.Errorf("merged %v: %v, %v", pair, v, err)
		}
	}
}

// checkReleasedInput overwrites the memory that records are views of once they were run or folded: what is kept of
// them must not change.
func checkReleasedInput(t *testing.T) {
	const lines = "['b a', 'a text longer than what is kept inline', 'b']"
	const want = `{"b": ["b a", "b"], "a": ["b a", "a text longer than what is kept inline"], "text": ["a text longer than what is kept inline"]}`
	for _, kernels := range []string{"on", "off"} {
		r := reducerOf(t, "def f(acc, l):\n    for w in l.split()[:2]:\n        acc.setdefault(w, []).append(l)\n    return acc\ninitial = {}")
		r.Kernels = kernels
		in := records(t, lines)
		spoil := viewed(&in.Column)
		folder := NewFolder(r, env())
		state, err := folder.Initial(0)
		if err != nil {
			t.Fatal(err)
		}
		folder.Open(&in.Column, func(i int) chunk.Ordinal { return chunk.Ordinal{Position: uint64(i)} })
		state, _, err = folder.Fold(state, 0, in.N)
		folder.Close()
		spoil()
		if err != nil || state.String() != want {
			t.Errorf("kernels %s: got %v, %v, want %s", kernels, state, err, want)
		}
	}
}

// checkCutBlocks runs a chain on a text at once and cut at every place where a block may end, which is behind a line
// and never inside of a line or a letter.
func checkCutBlocks(t *testing.T) {
	const text = "é,1\nß b,\r\n\n\u00a0,ü ö,3\nend"
	g, source := script(t, "def f(l): return [(l, w, len(w)) for w in l.split(',')]")
	chain := &Chain{Steps: []Step{sourced(t, FlatMap, g["f"], source)}}
	run := func(text string) string {
		out, report, err := both(t, chain, linesOf(text))
		if err != nil || !report.Compiled {
			t.Fatalf("%v, %+v", err, report)
		}
		return texts(&out.Column)
	}
	whole := run(text)
	for at := 1; at < len(text); at++ {
		cutter := scan.NewCutter()
		n := cutter.Last([]byte(text[:at]))
		if n == 0 {
			continue
		}
		if got := run(text[:n]) + " " + run(text[n:]); got != whole {
			t.Errorf("cut at %d: got %s, want %s", n, got, whole)
		}
	}
}
