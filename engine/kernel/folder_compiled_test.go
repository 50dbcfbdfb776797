package kernel

import (
	"runtime"
	"strings"
	"sync"
	"testing"
	"weak"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/host"
	"go.starlark.net/starlark"
)

// TestCompiledFolds folds records with compiled reducers and compares states and errors with the interpreter's.
func TestCompiledFolds(t *testing.T) {
	for name, c := range map[string]struct {
		src, records string
		want         string // the last state, or what the error says
		given        int64  // records that compiled code gives up
	}{
		"ints":              {"def f(acc, x): return max(acc, x)\ninitial = 0", "[3, 7, 5]", "7", 0},
		"a tuple":           {"def f(acc, k, n):\n    c, s, m = acc\n    return (c + 1, s + n, max(m, n))\ninitial = (0, 0, 0)", "[('a', 3), ('b', 4)]", "(2, 7, 4)", 0},
		"None first":        {"def f(acc, x): return x if acc == None else min(acc, x)\ninitial = None", "[3, 1, 2]", "1", 0},
		"a float after int": {"def f(acc, x): return acc + x\ninitial = 0", "[0.5, 0.25]", "0.75", 0},
		"an overflow":       {"def f(acc, x): return acc + x\ninitial = 9223372036854775806", "[1, 1, 1]", "9223372036854775809", 1},
		"a list":            {"def f(acc, x):\n    acc.append(x)\n    return acc\ninitial = []", "[1, 2]", "[1, 2]", 0},
		"the top":           {"def f(acc, x): return sorted(acc + [x], reverse = True)[:2]\ninitial = []", "[1, 5, 3, 4]", "[5, 4]", 0},
		"lists by key":      {"def f(acc, k, v):\n    acc.setdefault(k, []).append(v)\n    return acc\ninitial = {}", "[('a', 1), ('b', 2), ('a', 3)]", `{"a": [1, 3], "b": [2]}`, 0},
		"several keys":      {"def f(acc, l):\n    for w in l.split():\n        acc[w] = acc.get(w, 0) + 1\n    acc['lines'] = acc.get('lines', 0) + 1\n    return acc\ninitial = {}", "['a b', 'a']", `{"a": 2, "b": 1, "lines": 2}`, 0},
		"a set":             {"def f(acc, x):\n    acc.add(x)\n    return acc\ninitial = set()", "['a', 'b', 'a']", `set(["a", "b"])`, 0},
		"undone": {
			"def f(acc, k, n):\n    acc.append(k)\n    acc[0] = k\n    return acc + [100 // n] if n else acc\ninitial = ['-']",
			"[('a', 5), ('b', 0), ('c', 9223372036854775808)]", `["c", "a", 20, "b", "c", 0]`, 0,
		},
		"undone deep": {
			"def f(acc, n):\n    acc['x'].append(n)\n    acc['n'] = n\n    acc.pop('gone', None)\n    acc['x'].insert(0, -n)\n    acc['x'].pop(1)\n    acc['big'] = n << 60\n    return acc\ninitial = {'x': [1, 2], 'gone': 3, 'last': 4}",
			"[1, 2, 1 << 40]", "", 1,
		},
		"one list under two names": {
			"def f(acc, l):\n    w = l.split()\n    acc['a'] = w\n    acc['b'] = w\n    acc['a'].append('!')\n    return acc\ninitial = {}", "['x', 'y z']", `{"a": ["y", "z", "!"], "b": ["y", "z", "!"]}`, 0,
		},
		"an alias of the state": {"def f(acc, x):\n    b = acc\n    b += [x]\n    return acc\ninitial = []", "[1, 2]", "[1, 2]", 0},
		"a dict in place":       {"def f(acc, x):\n    b = acc\n    b |= {x: 1}\n    return acc\ninitial = {}", "['p', 'q']", `{"p": 1, "q": 1}`, 0},
		"None at last":          {"def f(acc, x):\n    if x < 3:\n        return acc + x\ninitial = 0", "[1, 3]", "did you forget", 1},
		"a key that is missing": {"def f(acc, x):\n    acc['n'] += x\n    return acc\ninitial = {}", "[1]", "key \"n\" not in dict", 1},
		"a frozen record":       {"def f(acc, r):\n    r['a'] = 1\n    return acc\ninitial = 0", "[{'a': 2}]", "frozen", 1},
		"changed while looped over": {
			"def f(acc, x):\n    for k in acc:\n        acc[k + 'x'] = 1\n    acc[x] = 1\n    return acc\ninitial = {}", "['a', 'b']", "during iteration", 1,
		},
		"what a state looks like": {
			"def f(acc, x):\n    acc[x] = acc.get(x, 0) + 1\n    return {'s': str(acc), 'j': json.encode(acc), 'k': sorted(acc), 't': type(acc)} if x == 'end' else acc\ninitial = {}",
			"['b', 'a', 'b', 'end']", `{"s": "{\"b\": 2, \"a\": 1, \"end\": 1}", "j": "{\"a\":1,\"b\":2,\"end\":1}", "k": ["a", "b", "end"], "t": "dict"}`, 0,
		},
		"equal keys":        {"def f(acc, x):\n    acc[x] = acc.get(x, 0) + 1\n    return acc\ninitial = {}", "[-0.0, 0.0, 0, 1, 1.0, True, float('nan'), float('nan')]", "{-0.0: 3, 1: 2, True: 1, nan: 2}", 0},
		"floats in order":   {"def f(acc, x): return acc + x\ninitial = 0.0", "[1e300, 1.0, -1e300, 0.1]", "0.1", 0},
		"types by turns":    {"def f(acc, x):\n    acc.append(x * 2)\n    return acc\ninitial = []", "[1, 'a', 1.5, None or 2]", `[2, "aa", 3.0, 4]`, 0},
		"a state by turns":  {"def f(acc, x): return x\ninitial = None", "[1, 'a', 1.5, (1, 2), [3]]", "[3]", 0},
		"steps":             {"def f(acc, x):\n    for i in range(x):\n        acc += i\n    return acc\ninitial = 0", "[10, 1000000]", "took more than 1000000 steps", 1},
		"steps in one go":   {"def f(acc, x):\n    acc += acc\n    return acc if x < 2 else len(acc)\ninitial = [0] * 600000", "[1, 2]", "2400000", 2},
		"a state of bignum": {"def f(acc, x): return acc * x\ninitial = 1", "[1 << 40] * 4 + [-1]", "-1461501637330902918203684832716283019655932542976", 1},
	} {
		t.Run(name, func(t *testing.T) {
			in := records(t, c.records)
			fast := reducerOf(t, c.src)
			state, err := foldAll(fast, in)
			want, wantErr := folded(t, reducerOf(t, c.src), in)
			report := fast.Reports()[fast.Fn]
			switch {
			case text(err) != text(wantErr):
				t.Fatalf("compiled: %v\ninterpreted: %v", err, wantErr)
			case err != nil:
				if !strings.Contains(err.Error(), c.want) {
					t.Errorf("got the error %v", err)
				}
			case !identical(state, want):
				t.Errorf("compiled: %s\ninterpreted: %s", state, want)
			case c.want != "" && state.String() != c.want:
				t.Errorf("got %s, want %s", state, c.want)
			}
			given := int64(0)
			for _, d := range report.Deopts {
				given += d.Count
			}
			if !report.Compiled || given != c.given || report.Bugs > 0 {
				t.Errorf("%+v", report)
			}
			verify := reducerOf(t, c.src)
			verify.Kernels = "verify"
			if v, err := foldAll(verify, in); text(err) != text(wantErr) || err == nil && !identical(v, want) {
				t.Errorf("verify: %v, %v", v, err)
			}
		})
	}
}

// TestScansStopWhereRecordsAre folds as many records at once as give none.
func TestScansStopWhereRecordsAre(t *testing.T) {
	for name, src := range map[string]string{
		"a conditional":     "def f(n, x): return ([x] if x > 6 else [], n + x)\ninitial = 0",
		"a list that grows": "def f(n, x):\n    out = []\n    if x > 6:\n        out.append(x)\n    return out, n + x\ninitial = 0",
		"None first":        "def f(n, x): return ([x] if x > 6 else [], (n or 0) + x)\ninitial = None",
	} {
		r := reducerOf(t, src)
		r.Emits = true
		in := records(t, "[1, 2, 3, 7, 4, 8, 5, 6]")
		f := NewFolder(r, env())
		f.Open(&in.Column, func(i int) chunk.Ordinal { return chunk.Ordinal{Position: uint64(i)} })
		state, err := f.Initial(0)
		if err != nil {
			t.Fatal(err)
		}
		at := 0
		for _, want := range []struct {
			next   int
			result string // "": there is none
			state  string
		}{{4, "([7], 13)", "13"}, {6, "([8], 25)", "25"}, {8, "", "36"}} {
			before, result, next, err := f.Scan(state, at, in.N)
			if err != nil || next != want.next || (result == nil) != (want.result == "") || result != nil && result.String() != want.result {
				t.Fatalf("%s: from %d to %d: %v, %v, want %+v", name, at, next, result, err, want)
			}
			if state, at = before, next; result != nil {
				state = result.(starlark.Tuple)[1]
			}
			if state.String() != want.state {
				t.Fatalf("%s: the state is %s, want %s", name, state, want.state)
			}
		}
		f.Close()
	}
}

// TestMergesAreCompiled calls merge, and a function of states that gives up.
func TestMergesAreCompiled(t *testing.T) {
	r := reducerOf(t, "def f(a, b): return (a[0] + b[0], a[1] + b[1])\ninitial = (0, 0)")
	r.Merge = r.Fn
	f := NewFolder(r, env())
	pair := func(a, b int64) starlark.Value { return starlark.Tuple{starlark.MakeInt64(a), starlark.MakeInt64(b)} }
	for _, c := range []struct {
		a, b starlark.Value
		want string
	}{
		{pair(1, 2), pair(3, 4), "(4, 6)"},
		{pair(1<<62, 2), pair(1<<62, 4), "(9223372036854775808, 6)"},
		{pair(5, 6), pair(7, 8), "(12, 14)"},
	} {
		if v, err := f.Merge(c.a, c.b); err != nil || v.String() != c.want {
			t.Errorf("got %v, %v, want %s", v, err, c.want)
		}
	}
	if report := r.Reports()[r.Merge]; report.Records != 2 || len(report.Deopts) != 1 {
		t.Errorf("%+v", report)
	}
}

// TestFoldersKeepNoState lets go of a state, and what was folded, once a folder is closed: it may be spilled then.
func TestFoldersKeepNoState(t *testing.T) {
	for _, kernels := range []string{"on", "off"} {
		r := reducerOf(t, "def f(a, b): return a + b\ninitial = []")
		r.Kernels, r.Merge = kernels, r.Fn
		f := NewFolder(r, env())
		var in chunk.Batch
		in.Append(starlark.NewList([]starlark.Value{starlark.MakeInt(1)}))
		state := starlark.NewList([]starlark.Value{starlark.MakeInt(0)})
		left := weak.Make(state)
		f.Open(&in.Column, func(i int) chunk.Ordinal { return chunk.Ordinal{Position: uint64(i)} })
		if next, _, err := f.Fold(state, 0, 1); err != nil || next.String() != "[0, 1]" {
			t.Errorf("got %v, %v", next, err)
		}
		f.Close()
		state = starlark.NewList(nil)
		merged := weak.Make(state)
		if _, err := f.Merge(state, state); err != nil {
			t.Error(err)
		}
		runtime.GC()
		if left.Value() != nil || merged.Value() != nil {
			t.Errorf("kernels %s: a state is kept", kernels)
		}
		runtime.KeepAlive(f)
	}
}

// TestFoldStorm gives a reducer up that fails too many guards, for good.
func TestFoldStorm(t *testing.T) {
	r := reducerOf(t, "def f(acc, x): return max(acc, (x << 62) >> 62)\ninitial = 0")
	var in chunk.Batch
	for i := range 2000 {
		in.Append(starlark.MakeInt(i))
	}
	v, err := foldAll(r, &in)
	if err != nil || v.String() != "1999" {
		t.Errorf("got %v, %v", v, err)
	}
	if report := r.Reports()[r.Fn]; report.Storms != 1 || report.Records > 64 {
		t.Errorf("%+v", report)
	}
}

// TestFoldPanics replaces compiled code that panics by the interpreter, and fails under verify.
func TestFoldPanics(t *testing.T) {
	for _, kernels := range []string{"on", "verify"} {
		r := reducerOf(t, "def f(acc, x): return acc + x\ninitial = 0")
		r.Kernels = kernels
		in := records(t, "[1, 2, 3]")
		if _, err := foldAll(r, in); err != nil {
			t.Fatal(err)
		}
		l := r.compiled.all[0]
		l.calls[0].run = func(*frame) { panic("a bug") }
		v, err := foldAll(r, in)
		switch {
		case kernels == "verify":
			if err == nil || !strings.Contains(err.Error(), "a bug of flowsh") {
				t.Errorf("got %v", err)
			}
		case err != nil || v.String() != "6" || l.report().Bugs != 3 || l.report().Bug != "a bug":
			t.Errorf("got %v, %v, %+v", v, err, l.report())
		}
	}
}

// TestConcurrentFolders folds with one reducer in several goroutines.
func TestConcurrentFolders(t *testing.T) {
	r := reducerOf(t, "def f(acc, k, n):\n    acc.setdefault(k, []).append(n << 32)\n    return acc\ninitial = {}")
	in := records(t, "[('a', 1), ('b', 1 << 40), ('a', 2), ('c', 'x' if False else 4)]")
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 50 {
				v, err := foldAll(r, in)
				if err != nil || v.String() != `{"a": [4294967296, 8589934592], "b": [4722366482869645213696], "c": [17179869184]}` {
					t.Errorf("%v, %v", v, err)
				}
			}
		})
	}
	group.Wait()
	if report := r.Reports()[r.Fn]; report.Records != 600 || report.Bugs > 0 {
		t.Errorf("%+v", report)
	}
}

// BenchmarkFold compares compiled reducers with interpreted ones.
func BenchmarkFold(b *testing.B) {
	for _, c := range []struct{ name, src, record string }{
		{"tally", "def f(acc, k, n):\n    c, s, m = acc\n    return (c + 1, s + n[0], max(m, n[1]))\ninitial = (0, 0, 0)", "('key', (3, 4))"},
		{"lists", "def f(acc, k, n):\n    acc.setdefault(k, []).append(n)\n    return acc\ninitial = {}", "('key', 3)"},
		{"best", "def f(acc, k, n):\n    if k not in acc or acc[k] < n:\n        acc[k] = n\n    return acc\ninitial = {}", "('key', 3)"},
		{"top", "def f(acc, k, n): return sorted(acc + [n])[-3:]\ninitial = []", "('key', 3)"},
	} {
		for _, kernels := range []string{"off", "on"} {
			b.Run(c.name+"/"+kernels, func(b *testing.B) {
				r := reducerOf(b, c.src)
				r.Kernels = kernels
				in := long(records(b, "["+c.record+"]"), 1023)
				before := host.ProcessTime()
				for b.Loop() {
					if _, err := foldAll(r, in); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(host.ProcessTime()-before)/float64(b.N*in.N), "cpu-ns/record")
			})
		}
	}
}
