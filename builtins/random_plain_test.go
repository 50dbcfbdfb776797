package builtins_test

import (
	"cmp"
	"math"
	"math/big"
	"slices"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// prelude is what random scripts may call.
const prelude = `
def size(x): return len(repr(x))
def show(x): return repr(x)
def tally(acc, x):
    key = len(repr(x)) % 5
    acc[key] = acc.get(key, 0) + 1
    return acc
def gather(acc, x):
    acc.append(x)
    return acc
def mix(acc, x): return (acc * 31 + len(repr(x))) % 1000003
def sessions(acc, x):
    if len(repr(x)) % 3 == 0:
        return [acc], [x]
    return [], acc + [x]
`

// A plain evaluates operators over slices, one record at a time: slow, simple, and sharing no code with the
// engine.
type plain struct {
	thread *starlark.Thread
	env    starlark.StringDict
}

func newPlain() *plain {
	p := &plain{thread: new(starlark.Thread)}
	env, err := starlark.ExecFileOptions(&syntax.FileOptions{}, p.thread, "prelude", prelude, nil)
	if err != nil {
		panic(err)
	}
	p.env = env
	return p
}

func textOf(v starlark.Value) string { return v.String() }

// A function of a random script: its text and its value.
type function struct {
	text  string
	value starlark.Value
}

func (p *plain) function(text string) function {
	v, err := starlark.EvalOptions(&syntax.FileOptions{}, p.thread, "lambda", text, p.env)
	if err != nil {
		panic(text + ": " + err.Error())
	}
	return function{text, v}
}

// call calls a function, or takes a field: own arguments first, then the record, spread where the function has
// more parameters, then what using= brings.
func (p *plain) call(f function, own []starlark.Value, record starlark.Value, using ...starlark.Value) (starlark.Value, error) {
	switch fn := f.value.(type) {
	case starlark.Int:
		i, _ := starlark.AsInt32(fn)
		return record.(starlark.Tuple)[i], nil
	case starlark.String:
		v, _, err := record.(*starlark.Dict).Get(fn)
		return v, err
	case *starlark.Function:
		args := slices.Clone(own)
		if fields := fn.NumParams() - len(own) - len(using); fields > 1 {
			args = append(args, record.(starlark.Tuple)...)
		} else {
			args = append(args, record)
		}
		return starlark.Call(p.thread, fn, append(args, using...), nil)
	}
	return starlark.Call(p.thread, f.value, append(slices.Clone(own), record), nil)
}

// must is call for functions that do not fail.
func (p *plain) must(f function, own []starlark.Value, record starlark.Value, using ...starlark.Value) starlark.Value {
	v, err := p.call(f, own, record, using...)
	if err != nil {
		panic(f.text + " of " + record.String() + ": " + err.Error())
	}
	return v
}

// spread is what a value stands for: the pairs of a dict, the elements of a list or range.
func spread(v starlark.Value) (all []starlark.Value, ok bool) {
	switch v := v.(type) {
	case *starlark.Dict:
		for _, item := range v.Items() {
			all = append(all, item)
		}
		return all, true
	case starlark.Tuple, starlark.String:
		return nil, false
	case starlark.Iterable:
		for e := range starlark.Elements(v) {
			all = append(all, e)
		}
		return all, true
	}
	return nil, false
}

// groups is the records by key, in order of first occurrence.
type group struct {
	key     starlark.Value
	records []starlark.Value
}

func (p *plain) groups(records []starlark.Value, by function) (all []*group) {
	index := map[string]*group{}
	for _, r := range records {
		key := p.must(by, nil, r)
		name := keyOf(key)
		if index[name] == nil {
			index[name] = &group{key: key}
			all = append(all, index[name])
		}
		index[name].records = append(index[name].records, r)
	}
	return all
}

// keyOf is a text that is equal for equal keys: 1 and 1.0 are, 1 and True are not, nan is nan.
func keyOf(v starlark.Value) string {
	switch v := v.(type) {
	case starlark.Float:
		if r := new(big.Rat); r.SetFloat64(float64(v)) != nil {
			return r.RatString()
		}
	case starlark.Tuple:
		var b strings.Builder
		for _, e := range v {
			b.WriteString(keyOf(e) + ",")
		}
		return "(" + b.String() + ")"
	}
	return v.String()
}

// compare orders numbers by value with nan as the greatest, strings by bytes, and tuples by their elements.
func compare(a, b starlark.Value) int {
	switch a := a.(type) {
	case starlark.String:
		return strings.Compare(string(a), string(b.(starlark.String)))
	case starlark.Tuple:
		b := b.(starlark.Tuple)
		return slices.CompareFunc(a, b, compare)
	}
	x, y := number(a), number(b)
	if math.IsNaN(x.special) || math.IsNaN(y.special) || math.IsInf(x.special, 0) || math.IsInf(y.special, 0) {
		return cmp.Compare(rank(x), rank(y))
	}
	return x.exact.Cmp(y.exact)
}

// An exactNumber is a rational, or one of the floats that are none.
type exactNumber struct {
	exact   *big.Rat
	special float64
	float   bool
}

func number(v starlark.Value) exactNumber {
	switch v := v.(type) {
	case starlark.Int:
		return exactNumber{exact: new(big.Rat).SetInt(v.BigInt())}
	case starlark.Float:
		if r := new(big.Rat); r.SetFloat64(float64(v)) != nil {
			return exactNumber{exact: r, float: true}
		}
		return exactNumber{exact: new(big.Rat), special: float64(v), float: true}
	}
	panic(v.Type())
}

func rank(n exactNumber) int {
	switch {
	case math.IsNaN(n.special):
		return 2
	case math.IsInf(n.special, 0):
		return cmp.Compare(n.special, 0)
	}
	return 0
}

// sum is the exact sum, rounded once if a float is among the numbers.
func sum(values []starlark.Value) starlark.Value {
	total, special, float := new(big.Rat), 0.0, false
	for _, v := range values {
		n := number(v)
		total.Add(total, n.exact)
		special += n.special
		float = float || n.float
	}
	switch {
	case !float:
		return starlark.MakeBigInt(total.Num())
	case special != 0:
		return starlark.Float(special)
	}
	f, _ := total.Float64()
	return starlark.Float(f)
}

func mean(values []starlark.Value) starlark.Value {
	if len(values) == 0 {
		return starlark.None
	}
	total, special := new(big.Rat), 0.0
	for _, v := range values {
		n := number(v)
		total.Add(total, n.exact)
		special += n.special
	}
	if special != 0 {
		return starlark.Float(special)
	}
	f, _ := total.Quo(total, big.NewRat(int64(len(values)), 1)).Float64()
	return starlark.Float(f)
}

// extreme is the first of the least, or of the greatest, values.
func extreme(values []starlark.Value, greatest bool) starlark.Value {
	if len(values) == 0 {
		return starlark.None
	}
	best := values[0]
	for _, v := range values[1:] {
		if c := compare(v, best); c < 0 && !greatest || c > 0 && greatest {
			best = v
		}
	}
	return best
}
