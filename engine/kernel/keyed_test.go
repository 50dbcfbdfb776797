package kernel

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"go.starlark.net/starlark"
)

// reducerOf is the reducer f of a script, which starts as its initial, or as {}.
func reducerOf(t testing.TB, src string) *Reducer {
	t.Helper()
	g, source := script(t, src)
	fn, err := Bind(g["f"], Signature{Op: "reduce", Param: "f", Own: 1})
	if err != nil {
		t.Fatal(err)
	}
	fn.Recognise(source)
	r := &Reducer{Name: "reduce", Fn: fn, Initial: g["initial"], Prints: func(chunk.Ordinal, Print) {}}
	if r.Initial == nil {
		r.Initial = starlark.NewDict(0)
	}
	return r
}

// adding is reducers that do nothing but add ints to their state, of records (word, number).
var adding = []struct{ name, src string }{
	{"get", "def f(acc, w, n):\n  acc[w] = acc.get(w, 0) + 1\n  return acc"},
	{"get, the other way round", "def f(acc, w, n):\n  acc[w] = 1 + acc.get(w, 0)\n  return acc"},
	{"get or 0", "def f(acc, w, n):\n  acc[w] = (acc.get(w) or 0) + len(w)\n  return acc"},
	{"less", "def f(acc, w, n):\n  acc[w] = acc.get(w, 0) - int(n)\n  return acc"},
	{"not in", "def f(acc, w, n):\n  if w not in acc:\n    acc[w] = 0\n  acc[w] += 1\n  return acc"},
	{"not in, made even if nothing is added", "def f(acc, w, n):\n  if not w in acc:\n    acc[w] = 0\n  if n > 2:\n    acc[w] += 1\n  return acc"},
	{"in, else", "def f(acc, w, n):\n  if w in acc:\n    acc[w] += 1\n  else:\n    acc[w] = 1\n  return acc"},
	{"not in, else", "def f(acc, w, n):\n  if w not in acc:\n    acc[w] = int(n)\n  else:\n    acc[w] = acc[w] + int(n)\n  return acc"},
	{"conditional expression", "def f(acc, w, n):\n  acc[w] = (acc[w] if w in acc else 0) + 1\n  return acc"},
	{"conditional sum", "def f(acc, w, n):\n  acc[w] = acc[w] + 1 if w in acc else 1\n  return acc"},
	{"setdefault", "def f(acc, w, n):\n  acc.setdefault(w, 0)\n  acc[w] += int(n)\n  return acc"},
	{"setdefault in the sum", "def f(acc, w, n):\n  acc[w] = acc.setdefault(w, 0) + 1\n  return acc"},
	{"a variable", "def f(acc, w, n):\n  k = w[:1]\n  c = acc.get(k, 0)\n  acc[k] = c + 1\n  return acc"},
	{"a condition", "def f(acc, w, n):\n  if n % 2:\n    return acc\n  acc[w] = acc.get(w, 0) + (2 if n > 5 else 1)\n  return acc"},
	{"many keys", "def f(acc, w, n):\n  for c in w.elems():\n    acc[c] = acc.get(c, 0) + 1\n  return acc"},
	{"many keys made", "def f(acc, w, n):\n  for c in w.elems():\n    if c not in acc:\n      acc[c] = 0\n    acc[c] += 1\n  return acc"},
	{"several keys", "def f(acc, w, n):\n  acc[w] = acc.get(w, 0) + 1\n  acc['all'] = acc.get('all', 0) + 1\n  return acc"},
	{"a tuple as key", "def f(acc, w, n):\n  acc[(w, n % 2)] = acc.get((w, n % 2), 0) + 1\n  return acc"},
	{"ints and floats as keys", "def f(acc, w, n):\n  acc[n / 2 if n % 2 else n // 2] = acc.get(n / 2 if n % 2 else n // 2, 0) + 1\n  return acc"},
	{"a helper", "def size(w):\n  n = len(w)\n  return n + 1\ndef f(acc, w, n):\n  acc[w] = acc.get(w, 0) + size(w)\n  return acc"},
	{"helpers that add", "def add(acc, k, by):\n  acc[k] = acc.get(k, 0) + by\ndef f(acc, w, n):\n  add(acc, w, 1)\n  add(acc, 'all', len(w))\n  return acc"},
	{"helpers that return the state", "def add(acc, k, by = 1):\n  if k not in acc:\n    acc[k] = 0\n  acc[k] += by\n  return acc\ndef f(acc, w, n):\n  for c in w.elems():\n    acc = add(acc, c)\n  return add(acc, w, 2)"},
	{"a helper that may end before", "def add(k, counts):\n  if not k:\n    return\n  counts[k] = counts.get(k, 0) + 1\n  return None\ndef f(acc, w, n):\n  add(w, acc)\n  acc[w] = acc.get(w, 0) + 1\n  return acc"},
	{"a helper of a helper", "def one(acc, k):\n  if k in acc:\n    acc[k][0] += 1\n  else:\n    acc[k] = [1]\ndef all(acc, keys):\n  for k in keys:\n    one(acc, k)\n  return acc\ndef f(acc, w, n): return all(acc, w.elems())"},
	{"a helper that fails", "def add(acc, k, n):\n  acc[k] = acc.get(k, 0) + int('x' if n > 7 else 1)\ndef f(acc, w, n):\n  acc[w] = acc.get(w, 0) + 1\n  add(acc, w, n)\n  return acc"},
	{"most", "def f(acc, w, n):\n  acc[w] = max(acc.get(w, 0), int(n))\n  return acc"},
	{"least, the first itself", "def f(acc, w, n):\n  acc[w] = min(acc.get(w, int(n)), int(n))\n  return acc"},
	{"most, else", "def f(acc, w, n):\n  if w in acc:\n    acc[w] = max(acc[w], int(n))\n  else:\n    acc[w] = int(n)\n  return acc"},
	{"a tuple", "def f(acc, w, n):\n  a, b, c = acc.get(w, (0, 0, 9))\n  acc[w] = (a + 1, b + int(n), min(c, int(n)))\n  return acc"},
	{"a tuple by index", "def f(acc, w, n):\n  old = acc.get(w, (0, 0))\n  acc[w] = (old[0] + 1, old[1] + int(n))\n  return acc"},
	{"a constant tuple", "NONE = (0, 0)\ndef f(acc, w, n):\n  a, b = acc.get(w, NONE)\n  acc[w] = (a + 1, b + int(n))\n  return acc"},
	{"a list", "def f(acc, w, n):\n  if w not in acc:\n    acc[w] = [0, 0]\n  acc[w][0] += 1\n  acc[w][1] += int(n)\n  return acc"},
	{"a list, else", "def f(acc, w, n):\n  if w in acc:\n    acc[w][0] += 1\n    acc[w][1] += int(n)\n  else:\n    acc[w] = [1, int(n)]\n  return acc"},
	{"a list by setdefault", "def f(acc, w, n):\n  c = acc.setdefault(w, [0, 0])\n  c[0] += 1\n  c[1] = max(c[1], int(n))\n  return acc"},
	{"a list anew", "def f(acc, w, n):\n  old = acc.get(w, [0, 0])\n  acc[w] = [old[0] + 1, old[1] + int(n)]\n  return acc"},
	{"over 64 bits", "def f(acc, w, n):\n  acc[w] = acc.get(w, 0) + (1 << 62) * int(n)\n  return acc"},
	{"a key that is no key", "def f(acc, w, n):\n  acc[w if n < 9 else [w]] = acc.get(w if n < 9 else [w], 0) + 1\n  return acc"},
	{"an addend that fails", "def f(acc, w, n):\n  acc[w] = acc.get(w, 0) + int('x' if n > 8 else 1)\n  return acc"},

	{"an int", "initial = 3\ndef f(acc, w, n): return acc + len(w)"},
	{"a lambda", "initial = 0\nf = lambda acc, w, n: acc + (1 if n > 3 else 0)"},
	{"a greatest int", "initial = -5\ndef f(acc, w, n): return max(acc, int(n) - 9)"},
	{"floats", "def f(acc, w, n):\n  acc[w] = acc.get(w, 0) + n / 3\n  return acc"},
	{"ints and floats", "def f(acc, w, n):\n  acc[w] = (acc[w] if w in acc else 0.0) + (n / 3 if n % 2 else n)\n  return acc"},
	{"floats in a list", "def f(acc, w, n):\n  if w not in acc:\n    acc[w] = [0, 0.0]\n  acc[w][0] += 1\n  acc[w][1] -= n / 7\n  return acc"},
	{"floats that are no numbers", "def f(acc, w, n):\n  acc[w] = acc.get(w, 0) + float('nan' if n == 3 else '-0.0')\n  return acc"},
	{"what is no number", "def f(acc, w, n):\n  acc[w] = acc.get(w, 0) + ('x' if n > 8 else 1)\n  return acc"},
	{"floats and an int", "initial = (0, 1.5)\ndef f(acc, w, n): return (acc[0] + 1, acc[1] + n * 0.1)"},
	{"floats that become one", "initial = 0\ndef f(acc, w, n): return acc + (n / 3 if n > 4 else n)"},
	{"an int, twice", "initial = 0\ndef f(acc, w, n):\n  if n > 4:\n    return acc\n  for c in w.elems():\n    acc += 1\n  return acc"},
	{"a tuple of ints", "initial = (0, 0, 1 << 40)\ndef f(acc, w, n):\n  a, b, c = acc\n  return (a + 1, b - int(n), min(c, int(n)))"},
	{"a tuple of ints, some kept", "initial = (7, 0)\ndef f(acc, w, n): return (acc[0], acc[1] + 1) if n > 3 else acc"},
	{"a list of ints", "initial = [0, 0]\ndef f(acc, w, n):\n  acc[0] += 1\n  if n > 3:\n    acc[1] += int(n)\n  return acc"},
	{"an int over 64 bits", "initial = (1 << 63) - 1\ndef f(acc, w, n): return acc + int(n)"},
}

func wordsAndNumbers() *chunk.Batch {
	b := &chunk.Batch{}
	for _, r := range []struct {
		word string
		n    int64
	}{{"ab", 1}, {"b", 2}, {"ab", 3}, {"", 4}, {"\u00e9", 5}, {"b", 6}, {"abc", 7}, {"ab", 8}, {"c", 2}, {"b", 2}} {
		b.Append(starlark.Tuple{starlark.String(r.word), starlark.MakeInt64(r.n)})
	}
	return b
}

// folded is what the interpreter makes of records, one after another, and its error.
func folded(t testing.TB, r *Reducer, in *chunk.Batch) (starlark.Value, error) {
	t.Helper()
	r.Kernels = "off"
	return foldAll(r, in)
}

// foldAll is what a folder makes of records, one after another, and its error.
func foldAll(r *Reducer, in *chunk.Batch) (starlark.Value, error) {
	folder := NewFolder(r, env())
	state, err := folder.Initial(0)
	if err != nil {
		return nil, err
	}
	folder.Open(&in.Column, func(i int) chunk.Ordinal { return chunk.Ordinal{Position: uint64(i)} })
	defer folder.Close()
	state, _, err = folder.Fold(state, 0, in.N)
	return state, err
}

// summed is what the records add, put together from the last to the first unless that must be done in order.
func summed(d *Delta, out *Output) starlark.Value {
	columns := out.Columns[len(out.Columns)-d.width():]
	if d.Keyed {
		columns = columns[1:]
	}
	states := map[string][]starlark.Value{}
	var order []starlark.Value
	for i := range out.Len {
		key := starlark.Value(starlark.None)
		if d.Keyed {
			key = out.Columns[len(out.Columns)-d.width()].At(i)
		}
		if states[key.String()] == nil {
			order = append(order, key)
			states[key.String()] = make([]starlark.Value, len(d.Parts))
		}
	}
	for n := range out.Len {
		i := out.Len - 1 - n
		if d.Ordered {
			i = n
		}
		key := starlark.Value(starlark.None)
		if d.Keyed {
			key = out.Columns[len(out.Columns)-d.width()].At(i)
		}
		parts := states[key.String()]
		for k := range parts {
			v := columns[k].At(i)
			switch {
			case parts[k] != nil:
				v = d.Parts[k].join(parts[k], v)
			case d.Ordered && !d.Keyed:
				v = d.Parts[k].join(d.Parts[k].Start, v)
			}
			parts[k] = v
		}
	}
	all := starlark.NewDict(0)
	for _, key := range order {
		parts := states[key.String()]
		for k, p := range d.Parts {
			if !d.Keyed && !d.Ordered && (p.Kind == PartSum || p.Kind == PartKept) {
				parts[k] = p.join(p.Start, parts[k])
			}
		}
		_ = all.SetKey(key, d.Value(parts)) // it was a key
	}
	if d.Keyed {
		return all
	}
	v, _, _ := all.Get(starlark.None)
	return v
}

func TestAddingReducersAreDecomposed(t *testing.T) {
	for _, c := range adding {
		t.Run(c.name, func(t *testing.T) {
			r := reducerOf(t, c.src)
			chain := &Chain{Discard: true}
			d, err := Decompose(r, false, chain, env())
			if err != nil {
				t.Fatalf("%v in\n%s", err, c.src)
			}
			chain.Delta = d
			in := wordsAndNumbers()
			for n := in.N; n >= 0; n-- { // up to the record that fails, if any does
				part := &chunk.Batch{Column: in.Slice(0, n)}
				want, wantErr := folded(t, r, part)
				out, _, err := both(t, chain, part)
				if err != nil || wantErr != nil {
					sameFailure(t, err, wantErr)
					continue
				}
				if n > 0 && !identical(summed(d, out), want) {
					t.Errorf("%d records make %v, on the interpreter %v, of\n%s", n, summed(d, out), want, c.src)
				}
			}
		})
	}
}

// sameFailure compares two errors of a record.
func sameFailure(t *testing.T, err, want error) {
	t.Helper()
	var x, y *ScriptError
	if !errors.As(err, &x) || !errors.As(want, &y) {
		t.Fatalf("the error is %v, the interpreter's %v", err, want)
	}
	if x.Message != y.Message || x.Position != y.Position || x.Backtrace != y.Backtrace || x.Record != y.Record {
		t.Errorf("the error is %+v, the interpreter's %+v", x, y)
	}
}

// TestCompiledDeltas is about what must not be left to the interpreter.
func TestCompiledDeltas(t *testing.T) {
	for _, c := range adding {
		if strings.Contains(c.name, "fails") || strings.Contains(c.name, "no key") || strings.Contains(c.name, "no number") || strings.Contains(c.name, "64 bits") || c.name == "a list by setdefault" {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			chain := &Chain{Discard: true}
			d, err := Decompose(reducerOf(t, c.src), false, chain, env())
			if err != nil {
				t.Fatal(err)
			}
			chain.Delta = d
			if _, report, _ := both(t, chain, wordsAndNumbers()); report.Refusal != nil || report.Deopts != nil {
				t.Errorf("refused: %v, given up: %v, in\n%s", report.Refusal, report.Deopts, c.src)
			}
		})
	}
}

// foldedInOrder is reducers that do more than to add ints, and why.
var foldedInOrder = []struct{ src, why string }{
	{"def f(acc, w, n):\n  for c in w.elems():\n    acc[c] = acc.get(c, 0) + n\n  return acc", "several times"},
	{"def f(acc, w, n):\n  acc[w] = acc.get(w, 0) + n\n  acc['all'] = acc.get('all', 0) + n\n  return acc", "several times"},
	{"def f(acc, w, n):\n  acc[w] = acc.get(w, 0) + n + n\n  return acc", "several times"},
	{"def f(acc, w, n):\n  if n > 2:\n    acc[w] = acc.get(w, 0) + n\n  else:\n    acc[w] = acc.get(w, 0) + 0.5\n  return acc", "more than to add one number"},
	{"def f(acc, w, n):\n  if w in acc:\n    acc[w] += n\n  else:\n    acc[w] = n\n  return acc", "another value"},
	{"def f(acc, w, n):\n  acc[w] = max(acc.get(w, 0), n)\n  return acc", "not known to be an int"},
	{"initial = (0.0, 0)\ndef f(acc, w, n): return (acc[0] + n, max(acc[1], 1))", "more than to add one number"},
	{"initial = -0.0\ndef f(acc, w, n): return acc + n", "starts with float"},
	{"initial = 0\ndef f(acc, w, n):\n  for c in w.elems():\n    acc += n\n  return acc", "several times"},
	{"def f(acc, w, n):\n  acc[w] = acc.get(w, '') + w\n  return acc", "not known to be ints"},
	{"def f(acc, w, n):\n  acc[w] = acc.get(w, 1) + 1\n  return acc", "what is not 0"},
	{"def f(acc, w, n):\n  acc[w] = acc.get(w, 0) * 2 + 1\n  return acc", "otherwise than by adding"},
	{"def f(acc, w, n):\n  acc[w] = 1 - acc.get(w, 0)\n  return acc", "otherwise than by adding"},
	{"def f(acc, w, n):\n  acc[w] = n\n  return acc", "replaces a key"},
	{"def f(acc, w, n):\n  acc[w] = acc.get(n, 0) + 1\n  return acc", "from one key"},
	{"def f(acc, w, n):\n  acc[w] = acc.get(w, 0) + 1\n  acc.pop('x', None)\n  return acc", "uses acc.pop"},
	{"def f(acc, w, n):\n  acc[w] = acc.get(w, 0) + len(acc)\n  return acc", "uses acc"},
	{"def f(acc, w, n):\n  for k in acc:\n    acc[k] += 1\n  return acc", "uses acc"},
	{"def f(acc, w, n):\n  acc[w] = acc[w] + 1\n  return acc", "may be missing"},
	{"def f(acc, w, n):\n  if w in acc:\n    acc[w] += 1\n  return acc", "new key"},
	{"def f(acc, w, n):\n  if w in acc:\n    acc[w] += 1\n  else:\n    acc[w] = 2\n  return acc", "another value"},
	{"def f(acc, w, n):\n  if w in acc:\n    x = 5\n    acc[w] += x\n  else:\n    acc[w] = 5\n  return acc", "does more for a key"},
	{"def f(acc, w, n):\n  if 'x' in acc and n > 2:\n    return acc\n  acc[w] = acc.get(w, 0) + 1\n  return acc", "asks which keys"},
	{"def f(acc, w, n):\n  if acc.get(w, 0) < 3:\n    acc[w] = acc.get(w, 0) + 1\n  return acc", "otherwise than by adding"},
	{"def f(acc, w, n):\n  c = acc.get(w, 0)\n  acc[w] = c + 1\n  acc[w] = c + 2\n  return acc", "before a change"},
	{"def f(acc, w, n):\n  k = w\n  c = acc.get(k, 0)\n  k = 'x'\n  acc[k] = c + 1\n  return acc", "before a change"},
	{"def f(acc, w, n):\n  c = acc.get(w, [0, 0])\n  c[0] += 1\n  if n > 3:\n    acc[w] = c\n  return acc", "changes an element"},
	{"def f(acc, w, n):\n  a, b = acc.get(w, (0, 0))\n  acc[w] = (b + 1, a + 1)\n  return acc", "moves a number"},
	{"def f(acc, w, n):\n  acc[w] = acc.get(w, 0) + 1\n  acc['m'] = max(acc.get('m', 0), 1)\n  return acc", "in two ways"},
	{"def f(acc, w, n):\n  acc[w] = acc.get(w, int(n))\n  return acc", "keeps the first"},
	{"def f(acc, w, n):\n  parts = [w, 'x']\n  acc[parts.pop()] = acc.get(parts.pop(), 0) + 1\n  return acc", "from one key"},
	{"def h(acc, w):\n  acc[w] = 1\ndef f(acc, w, n):\n  h(acc, w)\n  return acc", "replaces a key"},
	{"def h(acc, k):\n  acc[k] = acc.get(k, 0) + 1\n  return len(k)\ndef f(acc, w, n):\n  h(acc, w)\n  return acc", "returns something else"},
	{"def h(acc, k, n):\n  acc[k] = acc.get(k, 0) + n\ndef f(acc, w, n):\n  h(acc, w, n)\n  return acc", "several times"},
	{"def h(acc, k):\n  acc[k] = acc.get(k, 0) + 1\n  h(acc, k)\ndef f(acc, w, n):\n  h(acc, w)\n  return acc", "too deep"},
	{"def h(acc, k):\n  acc[k] = acc.get(k, 0) + 1\ndef f(acc, w, n):\n  acc = h(acc, w)\n  return acc", "does not return acc at its end"},
	{"def h(acc, k):\n  if k:\n    return\n  return acc\ndef f(acc, w, n): return h(acc, w)", "returns None"},
	{"def h(acc, k):\n  print(k)\n  acc[k] = acc.get(k, 0) + 1\ndef f(acc, w, n):\n  h(acc, w)\n  return acc", "uses print"},
	{"def h(a, b):\n  a['x'] = b.get('x', 0) + 1\ndef f(acc, w, n):\n  h(acc, acc)\n  return acc", "uses acc"},
	{"def h(acc, k):\n  acc[k] = acc.get(k, 0) + 1\ndef f(acc, w, n):\n  h(*[acc, w])\n  return acc", "another kind of state"},
	{"def f(acc, w, n):\n  acc[w] = acc.get(w, 0) + 1\n  return acc if 9 // n else acc", "returns something else"},
	{"def f(acc, w, n):\n  other = acc\n  other[w] = 1\n  return acc", "another name"},
	{"def f(acc, w, n):\n  acc = dict(acc)\n  return acc", "uses acc"},
	{"def f(acc, w, n):\n  print(w)\n  acc[w] = acc.get(w, 0) + 1\n  return acc", "uses print"},
	{"def h(w):\n  print(w)\n  return 1\ndef f(acc, w, n):\n  acc[w] = acc.get(w, 0) + h(w)\n  return acc", "uses print"},
	{"def f(acc, w, n):\n  acc[w] = acc.get(w, 0) + 1", "does not return acc at its end"},
	{"def f(acc, w, n):\n  acc[w] = acc.get(w, 0) + 1\n  return {}", "returns something else"},
	{"initial = {'a': 0}\ndef f(acc, w, n):\n  acc[w] = acc.get(w, 0) + 1\n  return acc", "dict that is not empty"},
	{"initial = 0\ndef f(acc, w, n): return n", "returns something else"},
	{"initial = 0\ndef f(acc, w, n): return acc * 2", "otherwise than by adding"},
	{"initial = 0\ndef f(acc, w, n): return acc + 1 if acc < 5 else acc", "otherwise than by adding"},
	{"initial = (0, 0)\ndef f(acc, w, n): return (acc[1], acc[0])", "moves a number"},
	{"initial = (0, 0)\ndef f(acc, w, n): return (acc[0] + 1, acc[0])", "moves a number"},
	{"initial = (0, 0)\ndef f(acc, w, n): return (acc[0] + 1, 0)", "replaces a number"},
	{"initial = 0\ndef f(acc, w, n): return max(acc + 1, 2)", "in two ways"},
	{"initial = []\ndef f(acc, w, n):\n  acc.append(w)\n  return acc", "starts with no number"},
	{"initial = [0]\ndef f(acc, w, n):\n  x = acc[0]\n  acc[0] = x + 1\n  acc[0] = x + 2\n  return acc", "before a change"},
}

func TestOtherReducersAreFoldedInOrder(t *testing.T) {
	for _, c := range foldedInOrder {
		_, err := Decompose(reducerOf(t, c.src), false, &Chain{}, env())
		if err == nil {
			t.Errorf("decomposed, but it is not %q:\n%s", c.why, c.src)
			continue
		}
		if !regexp.MustCompile(c.why).MatchString(err.Error()) {
			t.Errorf("%q, want %q, of\n%s", err, c.why, c.src)
		}
	}
}
