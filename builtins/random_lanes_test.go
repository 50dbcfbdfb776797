package builtins_test

import (
	"fmt"
	"slices"

	"go.starlark.net/starlark"
)

// inLane appends what an operator gives for the records of one lane.
type inLane func(lane int, records []starlark.Value) []starlark.Value

// laned appends an operator to a flow whose lanes are known. Where the operator leaves the lanes, with_index ends them.
func (g *generator) laned(f randomFlow, text string, leaves bool, each inLane) randomFlow {
	partition, lanes := g.route(f)
	var want []starlark.Value
	for i, records := range lanes {
		want = append(want, each(i, records)...)
	}
	end := ""
	if leaves {
		end = ".with_index().map(lambda i, x: x)"
	}
	return f.then(ofAnything, want, "%s", partition+text+end)
}

// onLanes is an operator that works for each lane by itself.
func (g *generator) onLanes(f randomFlow) randomFlow {
	if len(f.want) > 1500 {
		return g.taken(f)
	}
	n, size := 1+g.IntN(4), g.plain.function("size")
	switch g.IntN(5) {
	case 0:
		return g.laned(f, ".uniq(size)", false, func(_ int, records []starlark.Value) (want []starlark.Value) {
			for _, group := range g.plain.groups(records, size) {
				want = append(want, group.records[0])
			}
			return want
		})
	case 1:
		return g.laned(f, ".scan([], sessions, flush = lambda acc: [acc])", true, func(_ int, records []starlark.Value) []starlark.Value {
			return g.sessionsOf(records)
		})
	case 2:
		return g.laned(f, fmt.Sprintf(".map_batch(lambda b: [len(b)], size = %d)", n), true, func(_ int, records []starlark.Value) (want []starlark.Value) {
			for part := range slices.Chunk(records, n) {
				want = append(want, length(part))
			}
			return want
		})
	case 3:
		return g.laned(f, ".reduce([], gather, on_trigger = lambda acc, lane: ([(lane[0], acc)], None))", false, func(lane int, records []starlark.Value) []starlark.Value {
			return []starlark.Value{starlark.Tuple{starlark.MakeInt(lane), starlark.NewList(records)}}
		})
	}
	trigger := fmt.Sprintf(".trigger(every = %d).reduce([], lambda acc, x: acc + [x], on_trigger = lambda acc, lane, window: ([acc], []))", n)
	return g.laned(f, trigger, true, func(_ int, records []starlark.Value) (want []starlark.Value) {
		rest := len(records) % n
		want = batches(records[:len(records)-rest], n)
		if len(records) > 0 {
			want = append(want, starlark.NewList(records[len(records)-rest:]))
		}
		return want
	})
}

// sessionsOf is what scan(sessions) gives, and its last state.
func (g *generator) sessionsOf(records []starlark.Value) (want []starlark.Value) {
	if len(records) == 0 {
		return nil
	}
	fn, state := g.plain.function("sessions"), starlark.Value(new(starlark.List))
	for _, r := range records {
		result := g.plain.must(fn, []starlark.Value{state}, r).(starlark.Tuple)
		emitted, _ := spread(result[0])
		want, state = append(want, emitted...), result[1]
	}
	return append(want, state)
}

// withNulls sorts by a key that is now and then None.
func (g *generator) withNulls(f randomFlow) randomFlow {
	key, reverse, first := "lambda x: None if size(x) % 3 == 0 else size(x)", g.bool(), g.bool()
	fn := g.plain.function(key)
	var nulls, others []starlark.Value
	for _, r := range f.want {
		if g.plain.must(fn, nil, r) == starlark.None {
			nulls = append(nulls, r)
		} else {
			others = append(others, r)
		}
	}
	others = g.stableSorted(others, key, reverse)
	want, at := slices.Concat(others, nulls), "last"
	if first {
		want, at = slices.Concat(nulls, others), "first"
	}
	if g.bool() {
		return f.then(f.kind, want, ".sort(%s, reverse = %s, nulls = %q)", key, python(reverse), at)
	}
	n := g.someNumber(f)
	return f.then(f.kind, want[:min(n, len(want))], ".take_sort(%d, %s, reverse = %s, nulls = %q)", n, key, python(reverse), at)
}

// used gives every function that takes a side input the records of another flow.
func (g *generator) used(f randomFlow) randomFlow {
	if len(g.flows) == 0 {
		return g.filtered(f)
	}
	side := g.some()
	n := len(side.want)
	out := f
	switch g.IntN(4) {
	case 0:
		var want []starlark.Value
		for i, r := range f.want {
			_ = i
			for range n % 3 {
				want = append(want, r)
			}
		}
		out = f.then(f.kind, want, ".flat_map(lambda x, all: [x] * (len(all) %% 3), using = %s)", side.expr)
	case 1:
		var want []starlark.Value
		g.each(f, g.plain.function("size"), func(r, size starlark.Value) {
			if v, _ := starlark.AsInt32(size); v > n {
				want = append(want, r)
			}
		})
		out = f.then(f.kind, want, ".filter(lambda x, all: size(x) > len(all), using = %s)", side.expr)
	case 2:
		out = f.then(ofNumbers, []starlark.Value{starlark.MakeInt(n * len(f.want))}, ".reduce(0, lambda acc, x, all: acc + len(all), using = %s)", side.expr)
	default:
		var want []starlark.Value
		for i := range f.want {
			want = append(want, starlark.MakeInt(i*n))
		}
		out = f.then(ofNumbers, want, ".scan(0, lambda acc, x, all: ([acc], acc + len(all)), using = %s)", side.expr)
	}
	out.known = f.known && side.known
	return out
}

// caughtElsewhere drops the records that operators other than map fail for.
func (g *generator) caughtElsewhere(f randomFlow) randomFlow {
	fn := g.plain.function("lambda x: 1 // (size(x) % 4)")
	var want []starlark.Value
	for _, r := range f.want {
		if v, err := g.plain.call(fn, nil, r); err == nil && bool(v.Truth()) {
			want = append(want, r)
		}
	}
	rule := g.pick([]string{"drop", fmt.Sprintf("dead%d.jsonl", g.IntN(2))})
	switch g.IntN(4) {
	case 0:
		return f.then(f.kind, want, ".filter(%s, on_error = %q)", fn.text, rule)
	case 1:
		return f.then(f.kind, want, ".flat_map(lambda x: [x] * (1 // (size(x) %% 4)), on_error = %q)", rule)
	case 2:
		return f.then(f.kind, want, ".scan(None, lambda acc, x: ([x] * (1 // (size(x) %% 4)), acc), on_error = %q)", rule)
	}
	return f.then(f.kind, want, ".map_batch(lambda b: b * (1 // (size(b[0]) %% 4)), size = 1, on_error = %q)", rule)
}
