package kernel

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
)

// stateTypes is the types of states with what they start as.
var stateTypes = map[string][]string{
	"int": {"0", "1", "9223372036854775800", "None"}, "float": {"0.0", "0", "-0.0"}, "str": {"''", "None"}, "bool": {"False"},
	"tuple": {"(0, '')", "(0, None)", "(1, 'a')"}, "list": {"[]", "[1]"}, "words": {"[]"}, "dict": {"{}", "{'a': 1}"},
	"pairs": {"[]"}, "set": {"set([])"}, "maybe": {"None"}, "row": {"{}"}, "nest": {"{}", "{'a': [1, 2]}"},
	"both": {"(0, [])", "([], {})", "(0, [], 1.5, {})"},
}

var stateNames = []string{"int", "int", "float", "str", "bool", "tuple", "tuple", "list", "words", "dict", "dict", "pairs", "set", "maybe", "row", "nest", "nest", "both"}

// reducer writes a function that folds records into a state, for a scan one that gives records beside it.
func (g *generator) reducer(state string, params, types []string, scans bool) string {
	g.out.Reset()
	g.helper()
	g.vars, g.names = map[string]string{}, nil
	g.declare("acc", state)
	for i, p := range params {
		g.declare(p, types[i])
	}
	g.line("def f(acc, %s):", strings.Join(params, ", "))
	g.indent++
	g.budget = 3 + g.IntN(10)
	for range 1 + g.IntN(4) {
		if g.IntN(2) == 0 {
			g.block(2)
		}
		g.changeState(state)
	}
	next := "acc"
	if g.IntN(3) == 0 && state != "nest" && state != "both" {
		next = g.expr(state, 3)
	}
	if scans {
		next = fmt.Sprintf("(%s, %s)", g.handedOn(state), next)
	}
	g.line("return %s", next)
	g.indent--
	return g.out.String()
}

// handedOn is the records that a scan hands on.
func (g *generator) handedOn(state string) string {
	switch g.IntN(7) {
	case 0:
		return "[]"
	case 1:
		return "[acc]"
	case 2:
		return fmt.Sprintf("[%s] if %s else []", g.expr("str", 2), g.expr("bool", 2))
	case 3:
		g.line("out = []")
		g.line("if %s:", g.expr("bool", 2))
		g.line("    out.append((acc, %s))", g.expr("int", 2))
		return "out"
	case 4:
		return g.expr(g.pick([]string{"list", "words", "pairs"}), 2)
	case 5:
		return fmt.Sprintf("[a for _ in range(%s %% 3)]", g.expr("int", 1))
	}
	return "[a, (acc, a)] if acc else []"
}

// changeState changes acc, and keeps what it changes under other names too.
func (g *generator) changeState(state string) {
	e := func(t string) string { return g.expr(t, 2) }
	var forms []string
	switch state {
	case "list":
		forms = []string{"acc.append(" + e("int") + ")", "acc += " + e("list"), "acc.pop()", "acc.insert(0, " + e("int") + ")", "acc = sorted(acc + [" + e("int") + "])[:5]", "acc.clear()", "acc.remove(" + e("int") + ")", "acc[-1] += " + e("int"), "acc.extend(acc[:2])", "acc = acc[-3:]"}
	case "words":
		forms = []string{"acc.append(" + e("str") + ")", "acc += " + e("words"), "acc.extend(" + e("words") + ")", "acc = acc + [" + e("str") + "]", "acc = " + e("words"), "l = " + e("words") + "; acc += l; l.append('x')"}
	case "dict":
		forms = []string{"acc[" + e("str") + "] = " + e("int"), "k = " + e("str") + "; acc[k] = acc.get(k, 0) + " + e("int"), "acc.setdefault(" + e("str") + ", " + e("int") + ")", "acc.update(" + e("dict") + ")", "acc.pop(" + e("str") + ", 0)", "acc |= " + e("dict"), "k = " + e("str") + "; acc[k] = max(acc.get(k, 0), " + e("int") + ")", "acc.clear()", "acc.popitem() if acc else 0", "acc = acc | " + e("dict")}
	case "nest":
		forms = []string{"acc.setdefault(" + e("str") + ", []).append(" + e("int") + ")", "l = acc.get('a', []); l.append(" + e("int") + "); acc[" + e("str") + "] = l", "acc['b'] = acc['a']", "acc['w'] = " + e("words"), "w = " + e("words") + "; acc['v'] = w; acc['w'] = w", "acc['w'] += ['z']", "acc[" + e("str") + "] = [" + e("tuple") + ", " + e("list") + "]", "acc.pop('b', None)", "acc['a'][0] += " + e("int"), "acc['r'] = " + e("row"), "l = sorted(" + e("list") + "); acc['s'] = l; acc['t'] = l; l.append(3)"}
	case "set":
		forms = []string{"acc.add(" + e("str") + ")", "acc.add(" + e("int") + ")", "acc.discard(" + e("int") + ")", "acc = acc | set([" + e("str") + "])", "acc.pop() if acc else 0", "acc.remove(" + e("int") + ")"}
	case "both":
		forms = []string{"acc[1].append(" + e("int") + ") if type(acc[1]) == 'list' else acc[0].append(" + e("str") + ")", "acc = (len(acc[1]),) + acc[1:]", "x, y = acc[0], acc[1]; acc = (x, y) + acc[2:]", "acc[-1]['k'] = " + e("int")}
	case "pairs":
		forms = []string{"acc.append((" + e("str") + ", " + e("int") + "))", "acc += " + e("pairs"), "acc = sorted(acc + " + e("pairs") + ", key = lambda p: p[1])[-3:]"}
	case "tuple":
		forms = []string{"acc = (acc[0] + " + e("int") + ", " + e("str") + ")", "n, w = acc; acc = (max(n, " + e("int") + "), w or " + e("str") + ")", "acc = (acc[0] + 1, min(acc[1], " + e("str") + "))"}
	case "maybe":
		forms = []string{"acc = " + e("int") + " if acc == None else max(acc, " + e("int") + ")", "acc = min(acc, " + e("int") + ") if acc != None else " + e("int")}
	case "row":
		forms = []string{"acc = " + e("row"), "acc['a'] = " + e("int"), "acc['l'] = acc.get('l', []) + " + e("list"), "acc = acc | {'b': " + e("str") + "}"}
	default:
		forms = []string{"acc += " + e(state), "acc = acc + " + e(state), "acc = max(acc, " + e(state) + ")", "acc = " + e(state)}
	}
	for _, stmt := range strings.Split(g.pick(forms), "; ") {
		g.line("%s", stmt)
	}
}

// viewed lets the texts of a column be views of memory that spoil overwrites.
func viewed(c *chunk.Column) (spoil func()) {
	var all [][]byte
	view := func(s string) string {
		b := append(make([]byte, 0, len(s)+1), s...)
		all = append(all, b)
		return unsafe.String(unsafe.SliceData(b), len(b))
	}
	var walk func(c *chunk.Column)
	walk = func(c *chunk.Column) {
		for i, s := range c.Strings {
			c.Strings[i] = view(s)
		}
		for i, v := range c.Values {
			if s, ok := v.(starlark.String); ok {
				c.Values[i] = starlark.String(view(string(s)))
			}
		}
		for i := range c.Fields {
			walk(&c.Fields[i])
		}
	}
	walk(c)
	return func() {
		for _, b := range all {
			for i := range b {
				b[i] = '#'
			}
		}
	}
}

// tryRandomFold writes a reducer from a seed and folds the same records with it on both tiers, which see them in batches.
func tryRandomFold(t testing.TB, seed uint64) (compiled bool, deopts int64) {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 2))}
	state := g.pick(stateNames)
	params, types := []string{"a"}, []string{g.pick([]string{"int", "str", "str", "float", "row", "list", "maybe", "tuple"})}
	if g.IntN(2) == 0 {
		params, types = append(params, "b"), append(types, g.pick([]string{"int", "str", "float", "bool", "row", "words"}))
	}
	scans := g.IntN(3) == 0
	src := g.reducer(state, params, types, scans)
	initial := g.pick(stateTypes[state])
	src += "initial = " + initial + "\n"
	if strings.Count(src, "\n") > 200 {
		return false, 0
	}
	globals, source, err := tryScript(src)
	if err != nil {
		if strings.Contains(err.Error(), "got newline") || strings.Contains(err.Error(), "syntax") {
			t.Fatalf("seed %d: %v in\n%s", seed, err, src)
		}
		return false, 0
	}
	limits := &Env{MaxSteps: 100_000}
	defer stopAtMemory(limits)()
	reducer := func(kernels string) *Reducer {
		fn, err := Bind(globals["f"], Signature{Op: "reduce", Param: "f", Own: 1})
		if err != nil {
			t.Fatal(err)
		}
		fn.Recognise(source)
		return &Reducer{Name: "reduce", Fn: fn, Initial: globals["initial"], Kernels: kernels, Emits: scans, Prints: func(chunk.Ordinal, Print) {}}
	}
	fast, slow := reducer("on"), reducer("off")
	folders := []*Folder{NewFolder(fast, limits), NewFolder(slow, limits)}
	states, outputs := make([]starlark.Value, 2), make([]starlark.Tuple, 2)
	for i, f := range folders {
		if states[i], err = f.Initial(0); err != nil {
			t.Fatal(err)
		}
	}
	step := 1 + g.IntN(3)*g.IntN(8)
	for range 3 {
		in := randomRecords(t, g, types, 8)
		if g.IntN(8) == 0 {
			in = long(in, 100)
		}
		spoil := viewed(&in.Column)
		shown := texts(&in.Column)
		for from := 0; from < in.N; from += step {
			var errs [2]error
			var stopped [2]int
			for i, f := range folders {
				f.Open(&in.Column, func(i int) chunk.Ordinal { return chunk.Ordinal{Position: uint64(i)} })
				if end := min(from+step, in.N); scans {
					states[i], stopped[i], errs[i] = scanAll(f, states[i], from, end, &outputs[i])
				} else {
					states[i], stopped[i], errs[i] = f.Fold(states[i], from, end)
				}
				f.Close()
			}
			if limits.Interrupt.Load() != nil {
				return false, 0
			}
			switch {
			case text(errs[0]) != text(errs[1]) || stopped[0] != stopped[1]:
				t.Errorf("seed %d: compiled code fails at %d with %v, the interpreter at %d with %v\nin\n%s\nof %s", seed, stopped[0], errs[0], stopped[1], errs[1], src, shown)
			case errs[0] == nil && !identical(states[0], states[1]):
				t.Errorf("seed %d: at %d compiled code makes the state %s, the interpreter %s\nin\n%s\nof %s", seed, from, value.Cut(states[0], 300), value.Cut(states[1], 300), src, shown)
			}
			if len(outputs[0]) != len(outputs[1]) {
				t.Errorf("seed %d: compiled code hands on %s, the interpreter %s\nin\n%s\nof %s", seed, outputs[0], outputs[1], src, shown)
			}
			if t.Failed() || errs[0] != nil {
				return fast.Reports()[fast.Fn].Compiled, 1
			}
			if value.Size(states[1]) > 1<<16 {
				return true, 0 // it doubles with each record
			}
		}
		spoil()
		if !identical(outputs[0], outputs[1]) {
			t.Errorf("seed %d: compiled code hands on %s, the interpreter %s\nin\n%s\nof %s", seed, value.Cut(outputs[0], 300), value.Cut(outputs[1], 300), src, shown)
			return true, 0
		}
		if !identical(states[0], states[1]) {
			t.Errorf("seed %d: with its block the state became %s, not %s\nin\n%s\nof %s", seed, value.Cut(states[0], 300), value.Cut(states[1], 300), src, shown)
			return true, 0
		}
	}
	report := fast.Reports()[fast.Fn]
	for _, d := range report.Deopts {
		deopts += d.Count
	}
	if report.Bugs > 0 {
		t.Errorf("seed %d: compiled code panicked: %s\nin\n%s", seed, report.Bug, src)
	}
	return report.Compiled, deopts
}

// scanAll folds records with the function of a scan, and appends what it hands on.
func scanAll(f *Folder, state starlark.Value, from, end int, out *starlark.Tuple) (next starlark.Value, stopped int, err error) {
	for from < end {
		before, result, i, err := f.Scan(state, from, end)
		if err != nil {
			return before, i, err
		}
		if state, from = before, i; result == nil {
			continue
		}
		pair, ok := result.(starlark.Tuple)
		if !ok || len(pair) != 2 {
			return before, i, fmt.Errorf("%s is no pair", result)
		}
		if state = pair[1]; starlark.Len(pair[0]) > 0 {
			*out = append(*out, starlark.MakeInt(i), pair[0])
		}
	}
	return state, end, nil
}

// TestRandomFolds compares compiled reducers with interpreted ones. FLOWSH_RANDOM and FLOWSH_SEED are as for
// TestRandomPrograms.
func TestRandomFolds(t *testing.T) { randomly(t, tryRandomFold) }

// randomly tries seed after seed, from the same one in every run, from another with FLOWSH_SEED=random.
func randomly(t *testing.T, try func(testing.TB, uint64) (compiled bool, deopts int64)) {
	seed := uint64(1)
	switch text := os.Getenv("FLOWSH_SEED"); text {
	case "":
	case "random":
		seed = rand.Uint64()
		t.Logf("the first seed is %d", seed)
	default:
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		try(t, seed)
		return
	}
	budget := 4 * time.Second
	if testing.Short() {
		budget = time.Second
	}
	if text := os.Getenv("FLOWSH_RANDOM"); text != "" {
		var err error
		if budget, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	end := time.Now().Add(budget)
	programs, compiled, deopts := 0, 0, int64(0)
	for ; time.Now().Before(end) && !t.Failed(); seed++ {
		ok, n := try(t, seed)
		if programs++; ok {
			compiled++
			deopts += n
		}
	}
	if compiled < programs/4 {
		t.Errorf("only %d of %d programs were compiled", compiled, programs)
	}
	t.Logf("%d programs, %d compiled, %d records given up", programs, compiled, deopts)
}

func FuzzFolds(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { tryRandomFold(t, seed) })
}
