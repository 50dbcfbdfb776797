package builtins_test

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"go.starlark.net/starlark"
)

func reversed(records []starlark.Value) starlark.Value {
	records = slices.Clone(records)
	slices.Reverse(records)
	return starlark.NewList(records)
}

// aggregations are what summarize computes, beside the plain way of it. Those that only take finite numbers, or numbers
// whose squares are floats, are given sizes.
var aggregations = []struct {
	call  string // %s is what of a record is aggregated
	sizes bool
	plain func([]starlark.Value) starlark.Value
}{
	{"agg.count()", false, length},
	{"agg.sum(%s)", true, sum},
	{"agg.mean(%s)", true, mean},
	{"agg.min(%s)", true, func(v []starlark.Value) starlark.Value { return extreme(v, false) }},
	{"agg.max(%s)", true, func(v []starlark.Value) starlark.Value { return extreme(v, true) }},
	{"agg.first(%s)", false, func(v []starlark.Value) starlark.Value { return oneOf(v, 0) }},
	{"agg.last(%s)", false, func(v []starlark.Value) starlark.Value { return oneOf(v, len(v)-1) }},
	{"agg.list(%s)", false, func(v []starlark.Value) starlark.Value { return starlark.NewList(v) }},
	{"agg.set(%s)", true, func(v []starlark.Value) starlark.Value { return setOf(v) }},
	{"agg.var(%s)", true, variance},
	{"agg.stddev(%s)", true, deviation},
	{"agg.top(2, %s)", true, func(v []starlark.Value) starlark.Value { return starlark.NewList(first(2, descending(v))) }},
	{"agg.quantile(%s, 0.75)", true, upperQuartile},
	{"agg.approx_distinct(%s)", true, func(v []starlark.Value) starlark.Value { return starlark.MakeInt(setOf(v).Len()) }},
}

func oneOf(values []starlark.Value, i int) starlark.Value {
	if len(values) == 0 {
		return starlark.None
	}
	return values[i]
}

func setOf(values []starlark.Value) *starlark.Set {
	set := starlark.NewSet(0)
	for _, v := range values {
		_ = set.Insert(v) // sizes can be hashed
	}
	return set
}

// variance is that of ints.
func variance(values []starlark.Value) starlark.Value {
	if len(values) < 2 {
		return starlark.None
	}
	f, _ := exactVariance(values).Float64()
	return starlark.Float(f)
}

func deviation(values []starlark.Value) starlark.Value {
	if len(values) < 2 {
		return starlark.None
	}
	root := new(big.Float).SetPrec(500).SetRat(exactVariance(values))
	f, _ := root.Sqrt(root).Float64()
	return starlark.Float(f)
}

func exactVariance(values []starlark.Value) *big.Rat {
	mean, n := new(big.Rat), big.NewRat(int64(len(values)), 1)
	for _, v := range values {
		mean.Add(mean, number(v).exact)
	}
	mean.Quo(mean, n)
	total := new(big.Rat)
	for _, v := range values {
		d := new(big.Rat).Sub(number(v).exact, mean)
		total.Add(total, d.Mul(d, d))
	}
	return total.Quo(total, n.Sub(n, big.NewRat(1, 1)))
}

func descending(values []starlark.Value) []starlark.Value {
	values = slices.Clone(values)
	slices.SortStableFunc(values, func(a, b starlark.Value) int { return compare(b, a) })
	return values
}

// upperQuartile is exact for up to 256 values, and of more only their number is taken: what a sketch makes of them
// is not known.
func upperQuartile(values []starlark.Value) starlark.Value {
	if len(values) == 0 {
		return starlark.None
	}
	sorted := descending(values)
	slices.Reverse(sorted)
	return sorted[3*(len(sorted)-1)/4].(starlark.Int).Float()
}

func (g *generator) summed(f randomFlow) randomFlow {
	known := f.known
	var calls []string
	var plain []func([]starlark.Value) starlark.Value
	for i := range 1 + g.IntN(4) {
		a := aggregations[g.IntN(len(aggregations))]
		of := "size"
		if !a.sizes && g.bool() {
			of = "lambda x: x"
		}
		fn := g.plain.function(of)
		calls = append(calls, fmt.Sprintf("m%d = ", i)+strings.ReplaceAll(a.call, "%s", of))
		known = known && (len(f.want) <= 256 || !strings.Contains(a.call, "quantile"))
		plain = append(plain, func(records []starlark.Value) starlark.Value {
			var values []starlark.Value
			for _, r := range records {
				values = append(values, g.plain.must(fn, nil, r))
			}
			return a.plain(values)
		})
	}
	results := func(d *starlark.Dict, records []starlark.Value) starlark.Value {
		for i, compute := range plain {
			_ = d.SetKey(starlark.String(fmt.Sprintf("m%d", i)), compute(records))
		}
		return d
	}
	var want []starlark.Value
	text := strings.Join(calls, ", ")
	if g.IntN(3) == 0 {
		want = []starlark.Value{results(starlark.NewDict(0), f.want)}
	} else {
		key := g.key(f)
		text = "by = " + key + ", " + text
		for _, group := range g.groupsOf(f, key) {
			want = append(want, results(keyMembers(key, group.key), group.records))
		}
	}
	out := f.then(ofAnything, want, ".summarize(%s)", text)
	out.known = known
	return out
}

// keyMembers is a key as summarize writes it.
func keyMembers(text string, key starlark.Value) *starlark.Dict {
	d := starlark.NewDict(0)
	switch {
	case text == "(0, 1)":
		_ = d.SetKey(starlark.String("0"), key.(starlark.Tuple)[0])
		_ = d.SetKey(starlark.String("1"), key.(starlark.Tuple)[1])
	case text == "0" || text == "1":
		_ = d.SetKey(starlark.String(text), key)
	case strings.HasPrefix(text, `"`):
		_ = d.SetKey(starlark.String(strings.Trim(text, `"`)), key)
	default:
		_ = d.SetKey(starlark.String("key"), key)
	}
	return d
}

// route is a partition whose lanes are known, and the records of each.
func (g *generator) route(f randomFlow) (text string, lanes [][]starlark.Value) {
	n := 1 + g.IntN(4)
	fn := g.plain.function(fmt.Sprintf("lambda x: None if size(x) %% 7 == 0 else size(x) %% %d", n))
	lanes = make([][]starlark.Value, n)
	for _, r := range f.want {
		if lane, ok := g.plain.must(fn, nil, r).(starlark.Int); ok {
			i, _ := starlark.AsInt32(lane)
			lanes[i] = append(lanes[i], r)
		}
	}
	return fmt.Sprintf(".partition(route = %s, lanes = %d)", fn.text, n), lanes
}

func (g *generator) routed(f randomFlow) randomFlow {
	text, lanes := g.route(f)
	var want []starlark.Value
	switch g.IntN(3) {
	case 0:
		n := 1 + g.IntN(4)
		for _, records := range lanes {
			want = append(want, batches(records, n)...)
		}
		return f.then(ofAnything, want, "%s.batch(%d).with_index().map(lambda i, b: b)", text, n) // with_index ends the lanes
	case 1:
		for _, records := range lanes {
			for _, group := range g.plain.groups(records, g.plain.function("size")) {
				want = append(want, starlark.Tuple{group.key, starlark.NewList(group.records)})
			}
		}
		return f.then(ofAnything, want, "%s.group_by(size)", text)
	}
	for i, records := range lanes {
		want = append(want, starlark.NewList(append([]starlark.Value{starlark.MakeInt(i)}, records...)))
	}
	return f.then(ofAnything, want, `%s.reduce(lambda lane, lanes: [lane], gather, emit = "state")`, text)
}

func (g *generator) departed(f randomFlow) randomFlow {
	text, lanes := g.route(f)
	all := slices.Concat(lanes...)
	list := []starlark.Value{reversed(all)}
	if g.bool() {
		return f.then(ofAnything, list, "%s.departition([], gather, lambda acc: acc[::-1])", text)
	}
	return f.then(ofAnything, list, "%s.reduce([], gather).departition([], lambda acc, part: acc + part, lambda acc: acc[::-1])", text)
}

func (g *generator) aggregated(f randomFlow) randomFlow {
	fn := g.plain.function("lambda acc, x: acc if size(acc) >= size(x) or x == None else x")
	var acc starlark.Value
	for _, r := range f.want {
		if acc == nil {
			acc = r
		} else {
			acc = g.plain.must(function{fn.text, fn.value}, []starlark.Value{acc}, r)
		}
	}
	var want []starlark.Value
	if acc != nil {
		var ok bool
		if want, ok = spread(acc); !ok {
			want = []starlark.Value{acc}
		}
	}
	return f.then(ofAnything, want, ".aggregate(%s)", fn.text)
}

// weighed cuts batches by the sizes of records.
func (g *generator) weighed(f randomFlow) randomFlow {
	most := 1 + g.IntN(40)
	size := g.plain.function("size")
	var want, batch []starlark.Value
	weight := 0
	for _, r := range f.want {
		n, _ := starlark.AsInt32(g.plain.must(size, nil, r))
		batch, weight = append(batch, r), weight+n
		if weight >= most {
			want, batch, weight = append(want, starlark.NewList(batch)), nil, 0
		}
	}
	if len(batch) > 0 {
		want = append(want, starlark.NewList(batch))
	}
	return f.then(ofAnything, want, ".batch(%d, weight = size)", most)
}
