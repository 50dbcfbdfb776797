package builtins_test

import (
	"fmt"
	"strings"

	"go.starlark.net/starlark"
)

func (g *generator) bool() bool { return g.IntN(2) == 0 }

func python(b bool) string { return map[bool]string{true: "True", false: "False"}[b] }

func (g *generator) groupsOf(f randomFlow, key string) []*group {
	return g.plain.groups(f.want, g.keyFunction(key))
}

// perKey is (key, result) for every key.
func (g *generator) perKey(f randomFlow, key string, result func([]starlark.Value) starlark.Value) (want []starlark.Value) {
	for _, group := range g.groupsOf(f, key) {
		want = append(want, starlark.Tuple{group.key, result(group.records)})
	}
	return want
}

func length(records []starlark.Value) starlark.Value { return starlark.MakeInt(len(records)) }

func (g *generator) counted(f randomFlow) randomFlow {
	if g.bool() {
		return f.then(ofNumbers, []starlark.Value{length(f.want)}, ".count()")
	}
	key := g.key(f)
	return f.then(ofAnything, g.perKey(f, key, length), ".count(by = %s)", key)
}

func (g *generator) wordCount(f randomFlow) randomFlow {
	return f.then(ofPairs, g.perKey(f, "lambda w: w", length), ".count(by = lambda w: w)")
}

var measures = map[string]func([]starlark.Value) starlark.Value{
	"sum": sum, "mean": mean,
	"min": func(v []starlark.Value) starlark.Value { return extreme(v, false) },
	"max": func(v []starlark.Value) starlark.Value { return extreme(v, true) },
}

func (g *generator) measure() string { return g.pick([]string{"sum", "min", "max", "mean"}) }

func (g *generator) measured(f randomFlow) randomFlow {
	name := g.measure()
	return f.then(ofAnything, []starlark.Value{measures[name](f.want)}, ".%s()", name)
}

// measuredBy measures the number in pairs or rows by their word.
func (g *generator) measuredBy(f randomFlow) randomFlow {
	name, of, by := g.measure(), "1", "0"
	if f.kind == ofRows {
		of, by = `"n"`, `"k"`
	}
	fn := g.plain.function(of)
	want := g.perKey(f, by, func(records []starlark.Value) starlark.Value {
		var values []starlark.Value
		for _, r := range records {
			values = append(values, g.plain.must(fn, nil, r))
		}
		return measures[name](values)
	})
	return f.then(ofPairs, want, ".%s(%s, by = %s)", name, of, by)
}

// fold folds records into a fresh state.
func (g *generator) fold(records []starlark.Value, initial, fn string) starlark.Value {
	f, state := g.plain.function(fn), g.plain.function(initial).value
	for _, r := range records {
		state = g.plain.must(f, []starlark.Value{state}, r)
	}
	return state
}

// reducers are states, functions that fold into them, and how the states of two parts are joined.
var reducers = []struct{ initial, fn, merge string }{
	{"7", "mix", ""},
	{"[]", "gather", ""},
	{"{}", "tally", ""},
	{"[]", "lambda acc, x: acc + [x]", "lambda a, b: a + b"},
	{"0", "lambda acc, x: acc + size(x)", "lambda a, b: a + b"},
	{`""`, "lambda acc, x: (acc + repr(x))[:200]", "lambda a, b: (a + b)[:200]"},
	{"None", "lambda acc, x: x if acc == None else acc", "lambda a, b: a if a != None else b"},
}

func (g *generator) reduced(f randomFlow) randomFlow {
	if len(f.want) > 1500 { // states that are copied for each record take their time
		return g.taken(f)
	}
	r := reducers[g.IntN(len(reducers))]
	options := ""
	if r.merge != "" && g.bool() {
		options = ", merge = " + r.merge
	}
	if g.bool() {
		key := g.key(f)
		want := g.perKey(f, key, func(records []starlark.Value) starlark.Value { return g.fold(records, r.initial, r.fn) })
		return f.then(ofAnything, want, ".reduce(%s, %s, by = %s%s)", r.initial, r.fn, key, options)
	}
	state := g.fold(f.want, r.initial, r.fn)
	want, ok := spread(state)
	emit := g.pick([]string{"auto", "auto", "state", "events", "nothing"})
	switch {
	case emit == "nothing":
		want = nil
	case emit == "state" || !ok:
		want = []starlark.Value{state}
	}
	if emit == "events" && !ok {
		emit = "auto"
	}
	return f.then(ofAnything, want, ".reduce(%s, %s, emit = %q%s)", r.initial, r.fn, emit, options)
}

func (g *generator) foldedByKey(f randomFlow) randomFlow {
	want := g.perKey(f, "0", func(records []starlark.Value) starlark.Value {
		return g.fold(records, "0", "lambda acc, k, n: mix(acc, n)")
	})
	return f.then(ofPairs, want, ".reduce(0, lambda acc, k, n: mix(acc, n), by = 0)")
}

func (g *generator) scanned(f randomFlow) randomFlow {
	if g.bool() {
		return g.scannedBy(f, "lambda x: 0", ".scan([], sessions, flush = lambda acc: [acc])")
	}
	key := g.key(f)
	return g.scannedBy(f, key, fmt.Sprintf(".scan([], sessions, by = %s, flush = lambda acc: [acc])", key))
}

func (g *generator) scannedBy(f randomFlow, key, text string) randomFlow {
	if len(f.want) > 1500 {
		return g.taken(f)
	}
	fn, by := g.plain.function("sessions"), g.keyFunction(key)
	states, order, want := map[string]starlark.Value{}, []string{}, []starlark.Value{}
	for _, r := range f.want {
		k := keyOf(g.plain.must(by, nil, r))
		if states[k] == nil {
			states[k] = new(starlark.List)
			order = append(order, k)
		}
		result := g.plain.must(fn, []starlark.Value{states[k]}, r).(starlark.Tuple)
		emitted, _ := spread(result[0])
		want, states[k] = append(want, emitted...), result[1]
	}
	for _, k := range order {
		want = append(want, states[k])
	}
	return f.then(ofAnything, want, "%s", text)
}

func (g *generator) grouped(f randomFlow) randomFlow {
	key := g.key(f)
	list := func(records []starlark.Value) starlark.Value { return starlark.NewList(records) }
	if g.IntN(4) == 0 {
		return f.then(ofAnything, g.perKey(f, key, reversed), ".group_by(%s, newest_first = True)", key)
	}
	if g.bool() {
		return f.then(ofAnything, g.perKey(f, key, list), ".group_by(%s)", key)
	}
	size := g.plain.function("size")
	sizes := func(records []starlark.Value) starlark.Value {
		var all []starlark.Value
		for _, r := range records {
			all = append(all, g.plain.must(size, nil, r))
		}
		return starlark.NewList(all)
	}
	return f.then(ofAnything, g.perKey(f, key, sizes), ".group_by(%s, value = size)", key)
}

func (g *generator) unique(f randomFlow) randomFlow {
	key, call := g.key(f), ""
	if call = key; f.kind == ofWords || f.kind == ofNumbers || f.kind == ofScalars {
		if g.bool() {
			key, call = "lambda x: x", ""
		}
	}
	var want []starlark.Value
	for _, group := range g.groupsOf(f, key) {
		want = append(want, group.records[0])
	}
	return f.then(f.kind, want, ".uniq(%s)", call)
}

func (g *generator) sorted(f randomFlow) randomFlow {
	key, reverse := g.orderKey(f), g.bool()
	return f.then(f.kind, g.stableSorted(f.want, key, reverse), ".sort(%s, reverse = %s)", key, python(reverse))
}

func (g *generator) someNumber(f randomFlow) int {
	return []int{0, 1, 2, 5, len(f.want) / 2, len(f.want), len(f.want) + 1, 1000}[g.IntN(8)]
}

func first(n int, records []starlark.Value) []starlark.Value { return records[:min(n, len(records))] }

func (g *generator) taken(f randomFlow) randomFlow {
	n := g.someNumber(f)
	if g.IntN(3) > 0 {
		return f.then(f.kind, first(n, f.want), ".take(%d)", n)
	}
	key := g.key(f)
	fn, seen, want := g.keyFunction(key), map[string]int{}, []starlark.Value(nil)
	for _, r := range f.want {
		k := keyOf(g.plain.must(fn, nil, r))
		if seen[k]++; seen[k] <= n {
			want = append(want, r)
		}
	}
	return f.then(f.kind, want, ".take(%d, by = %s)", n, key)
}

func (g *generator) takenSorted(f randomFlow) randomFlow {
	n, key, reverse := g.someNumber(f), g.orderKey(f), g.bool()
	if g.IntN(4) == 0 {
		list := starlark.NewList(first(n, g.stableSorted(f.want, key, reverse)))
		return f.then(ofAnything, []starlark.Value{list}, ".take_sort(%d, key = %s, reverse = %s, as_list = True)", n, key, python(reverse))
	}
	if g.bool() {
		return f.then(f.kind, first(n, g.stableSorted(f.want, key, reverse)), ".take_sort(%d, key = %s, reverse = %s)", n, key, python(reverse))
	}
	by, want := g.key(f), []starlark.Value(nil)
	for _, group := range g.groupsOf(f, by) {
		want = append(want, first(n, g.stableSorted(group.records, key, reverse))...)
	}
	return f.then(f.kind, want, ".take_sort(%d, key = %s, reverse = %s, by = %s)", n, key, python(reverse), by)
}

func (g *generator) indexed(f randomFlow) randomFlow {
	var want []starlark.Value
	for i, r := range f.want {
		want = append(want, starlark.Tuple{starlark.MakeInt(i), r})
	}
	return f.then(ofAnything, want, ".with_index()")
}

func batches(records []starlark.Value, n int) (all []starlark.Value) {
	for len(records) > 0 {
		part := first(n, records)
		all = append(all, starlark.NewList(part[:len(part):len(part)]))
		records = records[len(part):]
	}
	return all
}

// demanded bounds, now and then, what the last operator has in flight, which changes nothing.
func (g *generator) demanded(f randomFlow) randomFlow {
	text, called := strings.CutSuffix(f.expr, ")")
	if !called || strings.HasSuffix(text, "(") || strings.Contains(text, ".concat(") || g.IntN(8) > 0 {
		return f
	}
	most := 1 + g.IntN(20)
	f.expr = fmt.Sprintf("%s, max_demand = %d, min_demand = %d)", text, most, g.IntN(most))
	return f
}

func (g *generator) batched(f randomFlow) randomFlow {
	n := 1 + g.IntN(9)
	return f.then(ofAnything, batches(f.want, n), ".batch(%d)", n)
}

func (g *generator) mappedBatches(f randomFlow) randomFlow {
	n := 1 + g.IntN(9)
	var want []starlark.Value
	fn := g.plain.function("lambda b: b[::-1]")
	for _, b := range batches(f.want, n) {
		all, _ := spread(g.plain.must(fn, nil, b))
		want = append(want, all...)
	}
	return f.then(f.kind, want, ".%s(lambda b: b[::-1], size = %d)", g.pick([]string{"map_batch", "through"}), n)
}

// joined puts another flow, or the same once more, behind the flow.
func (g *generator) joined(f randomFlow) randomFlow {
	other := f
	if len(g.flows) > 0 && g.bool() {
		other = g.some()
	} else {
		f = g.name(f)
		other = f
		if g.bool() {
			other = g.mapped(other)
		}
	}
	k := f.kind
	if other.kind != k {
		k = ofAnything
	}
	want := append(first(len(f.want), f.want[:len(f.want):len(f.want)]), other.want...)
	joined := f.then(k, want, ".concat(%s)", other.expr)
	joined.known = f.known && other.known
	return joined
}

// partitioned folds by lanes. The order of the lanes is the engine's own, so what comes out is sorted.
func (g *generator) partitioned(f randomFlow) randomFlow {
	if len(f.want) > 1500 {
		return g.taken(f)
	}
	key, lanes := g.key(f), 1+g.IntN(5)
	switch g.IntN(5) {
	case 0:
		want := g.stableSorted(f.want, "repr", false)
		return f.then(f.kind, want, ".partition(%s, lanes = %d).reduce([], gather).sort(repr)", key, lanes)
	case 1:
		unknown := f.then(ofAnything, nil, ".partition(%s, lanes = %d).batch(%d).reduce([], gather)", key, lanes, 1+g.IntN(4))
		unknown.known = false
		return unknown
	case 2:
		unknown := f.then(ofAnything, nil, ".partition(%s, lanes = %d).with_index().sort(repr)", key, lanes)
		unknown.known = false
		return unknown
	case 3:
		unknown := f.then(ofAnything, nil, ".partition(%s, lanes = %d).scan([], sessions, flush = lambda acc: [acc]).filter(lambda x: size(x) %% 2).reduce([], gather)", key, lanes)
		unknown.known = false
		return unknown
	}
	total := starlark.Value(length(f.want))
	return f.then(ofNumbers, []starlark.Value{total}, ".partition(%s, lanes = %d).map(lambda x: 1).reduce(0, lambda acc, x: acc + x).sum()", key, lanes)
}

func (g *generator) sampled(f randomFlow) randomFlow {
	switch g.IntN(3) {
	case 0:
		return f.then(f.kind, f.want, ".sample(1.0)")
	case 1:
		return f.then(f.kind, f.want, ".sample(n = %d)", len(f.want)+6001)
	}
	f.known = false
	return f.then(f.kind, nil, ".sample(%s)", g.pick([]string{"0.5", "n = 3, seed = 5"}))
}

func (g *generator) shuffled(f randomFlow) randomFlow {
	if g.bool() {
		return f.then(f.kind, g.stableSorted(f.want, "repr", false), ".shuffle().sort(repr)")
	}
	f.known = false
	return f.then(f.kind, nil, ".shuffle(seed = %d)", g.IntN(3))
}

// withSide gives a function all records of another flow.
func (g *generator) withSide(f randomFlow) randomFlow {
	if len(g.flows) == 0 {
		return g.filtered(f)
	}
	side := g.some()
	fn := g.plain.function("lambda x, all: (x, len(all))")
	var want []starlark.Value
	for _, r := range f.want {
		want = append(want, g.plain.must(fn, nil, r, starlark.NewList(side.want)))
	}
	out := f.then(ofAnything, want, ".map(lambda x, all: (x, len(all)), using = %s)", side.expr)
	out.known = f.known && side.known
	return out
}

func (g *generator) withLookup(f randomFlow) randomFlow {
	if len(g.flows) == 0 {
		return g.filtered(f)
	}
	side := g.some()
	d := starlark.NewDict(0)
	for _, group := range g.plain.groups(side.want, g.plain.function("lambda x: size(x) % 5")) {
		_ = d.SetKey(group.key, starlark.NewList(group.records))
	}
	text := "lambda x, d: [x] + d.get(size(x) % 5, [])[:2]"
	fn := g.plain.function(text)
	var want []starlark.Value
	for _, r := range f.want {
		want = append(want, g.plain.must(fn, nil, r, d))
	}
	out := f.then(ofAnything, want, ".map(%s, using = lookup(%s, lambda x: size(x) %% 5, many = True))", text, side.expr)
	out.known = f.known && side.known
	return out
}

// caught drops the records for which a function fails, or writes them to a file.
func (g *generator) caught(f randomFlow) randomFlow {
	text := "lambda x: (1 // (size(x) % 4), x)"
	fn := g.plain.function(text)
	var want []starlark.Value
	for _, r := range f.want {
		if v, err := g.plain.call(fn, nil, r); err == nil {
			want = append(want, v)
		}
	}
	return f.then(ofAnything, want, ".map(%s, on_error = %q)", text, g.pick([]string{"drop", fmt.Sprintf("dead%d.jsonl", g.IntN(2))}))
}

// failing appends an operator that fails for some records.
func (g *generator) failing(f randomFlow) randomFlow {
	g.fails = true
	f.known = false
	n := 3 + g.IntN(4)
	return f.then(ofAnything, nil, "%s", strings.ReplaceAll(g.pick([]string{
		".map(lambda x: 1 // (size(x) % N))",
		".flat_map(lambda x: None if size(x) % N == 0 else [x])",
		".filter(lambda x: 1 // (size(x) % N))",
		`.sort(lambda x: "s" if size(x) % N == 0 else 1)`,
		`.take_sort(3, key = lambda x: "s" if size(x) % N == 0 else 1)`,
		".count(by = lambda x: [1] if size(x) % N == 0 else 1)",
		`.sum(lambda x: "s" if size(x) % N == 0 else 1)`,
		`.sum(lambda x: "s" if size(x) % N == 0 else 1, by = lambda x: size(x) % 4)`,
		`.max(lambda x: "s" if size(x) % N == 0 else 1)`,
		`.min(lambda x: "s" if size(x) % N == 0 else 1, by = lambda x: size(x) % 7)`,
		".reduce(0, lambda acc, x: acc // (size(x) % N))",
		".reduce(0, lambda acc, x: acc // (size(x) % N), by = lambda x: size(x) % 7)",
		".reduce(0, lambda acc, x: acc // (size(x) % N), by = lambda x: size(x) % 7, merge = lambda a, b: a + b)",
		".partition(size).reduce(0, lambda acc, x: acc // (size(x) % N))",
		".scan(0, lambda acc, x: ([x], acc // (size(x) % N)))",
		".scan(0, lambda acc, x: ([x], acc // (size(x) % N)), by = size)",
		".uniq(lambda x: [1] if size(x) % N == 0 else size(x))",
		".group_by(lambda x: 1 // (size(x) % N))",
		".take(2, by = lambda x: [1] if size(x) % N == 0 else 1)",
		".map_batch(lambda b: [1 // (size(b) % N)], size = 3)",
		".summarize(n = agg.count(), m = agg.mean(lambda x: None if size(x) % N == 0 else 1))",
		".summarize(by = lambda x: size(x) % 4, a = agg.sum(lambda x: [] if size(x) % N == 0 else 1), b = agg.set(lambda x: [] if size(x) % 5 == 0 else 1))",
		".summarize(by = lambda x: size(x) % 3, t = agg.top(1, lambda x: \"s\" if size(x) % N == 0 else 1))",
		".partition(route = lambda x: size(x) % N - 1, lanes = 9).count()",
		".batch(9, weight = lambda x: None if size(x) % N == 0 else 1)",
		".departition(0, lambda acc, x: acc // (size(x) % N))",
		".aggregate(lambda acc, x: 1 // (size(x) % N))",
		".map(lambda x, d: 1, using = lookup(from_enumerable([1, 2, 3, 1]), lambda x: x))",
	}), "N", fmt.Sprint(n)))
}
