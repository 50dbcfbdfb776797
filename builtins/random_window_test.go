package builtins_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"
)

// randomWindows is how many random jobs with windows one run of the tests tries.
const randomWindows = 60

// TestRandomWindows does for windows and triggers what TestRandomPipelines does for all operators: each job runs on
// every executor, and must give what a plain evaluation of it gives.
func TestRandomWindows(t *testing.T) {
	tryMany(t, randomWindows, func(t *testing.T, seed uint64) bool {
		g := newGenerator(seed)
		return g.agree(t, seed, g.windowed())
	})
}

// An event is a record of the random input.
type event struct {
	t int64 // milliseconds
	k string
	n int64
}

// A plainWindow is a windows.X(...) with its plain evaluation.
type plainWindow struct {
	kind             string // "" for none
	size, every, num int64
	lateness         int64 // -1: none
	included         bool  // what is late is taken all the same
	texts            bool  // times are text, so that windows are times
	fill             bool  // windows without records come out too
}

// id is a window as it comes out.
func (w plainWindow) id(start int64) starlark.Value {
	if w.texts && w.kind != "count" && w.kind != "periodic" {
		return startime.Time(time.UnixMilli(start).UTC())
	}
	return starlark.MakeInt64(start)
}

// windowed makes a job of random events, windows and an operator.
func (g *generator) windowed() *pipeline {
	unit := []int64{1, 50}[g.IntN(2)] // with a large one times meet the ends of windows
	all := g.events(unit)
	p := &pipeline{files: map[string]string{}, known: map[string]string{}}
	var in strings.Builder
	for _, e := range all {
		fmt.Fprintf(&in, "{\"t\":%d,\"k\":%q,\"n\":%d}\n", e.t, e.k, e.n)
	}
	p.files["in.jsonl"] = in.String()
	flow := `jsonl("in.jsonl")`
	if g.IntN(3) == 0 {
		flow += `.filter(lambda r: r["n"] % 3 > 0)`
		all = slices.DeleteFunc(slices.Clone(all), func(e event) bool { return e.n%3 == 0 })
	}
	if g.IntN(3) == 0 {
		flow += `.flat_map(lambda r: [r | {"n": i} for i in range(r["n"] % 3)])`
		var more []event
		for _, e := range all {
			for i := range e.n % 3 {
				more = append(more, event{e.t, e.k, i})
			}
		}
		all = more
	}
	w := g.window(unit)
	before := all
	all = w.inTime(all)
	keyed := g.bool()
	op := g.IntN(len(plainWindowed))
	for w.kind == "session" && plainWindowed[op].running || w.kind == "" && !plainWindowed[op].running {
		op = g.IntN(len(plainWindowed))
	}
	if w.fill = plainWindowed[op].fills && !keyed && w.fills(all) && g.bool(); w.fill {
		w.lateness = -1
		all = before
	}
	text, want := plainWindowed[op].make(w, all, keyed, 1+g.Int64N(4))
	p.script = "job = " + flow + w.String() + text + ".map(str)\n"
	if w.kind != "" && !w.fill && g.IntN(6) == 0 {
		text, want = plainLanes(w, all)
		p.script = "job = " + flow + text + ".map(str)\n"
	}
	if (w.kind == "fixed" || w.kind == "sliding") && g.IntN(4) == 0 {
		w.lateness, w.fill = -1, false
		text, want = g.joinInWindows(w, before)
		p.script = "left = " + flow + "\njob = left" + text + ".map(str)\n"
	}
	p.known["-"] = strings.Join(append(want, ""), "\n")
	return p
}

// events are mostly in the order of time, now and then far apart.
func (g *generator) events(unit int64) (all []event) {
	now := g.Int64N(4000) - 2000
	for range g.many() {
		switch g.IntN(12) {
		case 0:
			now += g.Int64N(100_000)
		case 1:
			now -= g.Int64N(3000)
		case 2, 3, 4:
		default:
			now += g.Int64N(300)
		}
		all = append(all, event{floorOf(now, unit), string(rune('a' + g.IntN(4))), g.Int64N(20)})
	}
	return all
}

func floorOf(n, unit int64) int64 { return n - (n%unit+unit)%unit }

func (g *generator) window(unit int64) plainWindow {
	w := plainWindow{lateness: -1}
	w.kind = []string{"", "fixed", "sliding", "session", "count", "fixed", "periodic"}[g.IntN(7)]
	w.texts = g.IntN(3) == 0
	w.size, w.num = unit*(1+g.Int64N(2000/unit)), 1+g.Int64N(6)
	w.every = w.size
	if w.kind == "sliding" {
		w.every = max(1, w.size/(1+g.Int64N(5))-g.Int64N(3))
	}
	if w.kind != "" && w.kind != "count" && w.kind != "periodic" && g.IntN(3) == 0 {
		w.lateness, w.included = g.Int64N(1000), g.IntN(4) == 0
	}
	return w
}

// fills says that windows without records can come out too, and that they are not too many.
func (w plainWindow) fills(all []event) bool {
	if w.kind != "fixed" && w.kind != "sliding" || len(all) == 0 {
		return false
	}
	earlier := func(x, y event) int { return cmp.Compare(x.t, y.t) }
	return slices.MaxFunc(all, earlier).t-slices.MinFunc(all, earlier).t < 2000*w.every
}

func (w plainWindow) String() string {
	late, time := "", `"t"`
	if w.texts {
		time = `lambda r: time.from_timestamp(r["t"] // 1000, r["t"] % 1000 * time.millisecond.nanoseconds)`
	}
	if w.fill {
		late = ", fill = True"
	}
	if w.lateness >= 0 {
		late = fmt.Sprintf(`, lateness = "%dms", late = "%s"`, w.lateness, map[bool]string{false: "late.jsonl", true: "include"}[w.included])
	}
	switch w.kind {
	case "":
		return ""
	case "count":
		return fmt.Sprintf(".window(windows.count(%d))", w.num)
	case "periodic":
		return `.window(windows.periodic("10000h", nondeterministic = True))`
	case "sliding":
		return fmt.Sprintf(`.window(windows.sliding("%dms", every = "%dms", time = %s%s))`, w.size, w.every, time, late)
	}
	return fmt.Sprintf(`.window(windows.%s("%dms", time = %s%s))`, w.kind, w.size, time, late)
}

// inTime leaves out what is late.
func (w plainWindow) inTime(all []event) (kept []event) {
	greatest := int64(-1 << 62)
	for _, e := range all {
		greatest = max(greatest, e.t)
		if w.lateness < 0 || w.included || e.t >= greatest-w.lateness {
			kept = append(kept, e)
		}
	}
	return kept
}

// starts are the windows of event i of all, the earliest first. counts is kept from event to event.
func (w plainWindow) starts(all []event, i int, key string, counts map[string]int64) (starts []int64) {
	e := all[i]
	switch w.kind {
	case "", "periodic":
		return []int64{0}
	case "count":
		counts[key]++
		return []int64{(counts[key] - 1) / w.num}
	case "session":
		return []int64{w.session(all, i, key)}
	}
	for start := e.t - w.size; start <= e.t; start++ {
		if start%w.every == 0 && start > e.t-w.size {
			starts = append(starts, start)
		}
	}
	return starts
}

// session is the time of the first event of the session that event i is in; key is "" for sessions of all events.
func (w plainWindow) session(all []event, i int, key string) int64 {
	start := all[i].t
	for again := true; again; {
		again = false
		for _, e := range all {
			if (key == "" || e.k == key) && e.t < start && start-e.t < w.size {
				start, again = e.t, true
			}
		}
	}
	return start
}

// A plainGroup is the events of a key in a window, in order.
type plainGroup struct {
	start  int64
	id     starlark.Value
	key    string
	events []event
}

// groups are by window, and by first occurrence in each.
func (w plainWindow) groups(all []event, keyed bool) (order []*plainGroup) {
	w.run(all, keyed, func(*plainGroup) {}, func(g *plainGroup) {
		for w.fill && len(order) > 0 && order[len(order)-1].start+w.every < g.start {
			start := order[len(order)-1].start + w.every
			order = append(order, &plainGroup{start: start, id: w.id(start)})
		}
		order = append(order, g)
	})
	return order
}

// result is a result as the operator emits it, with window and key.
func (g *plainGroup) result(keyed bool, v starlark.Value) string {
	t := starlark.Tuple{g.id}
	if keyed {
		t = append(t, starlark.String(g.key))
	}
	return append(t, v).String()
}

func (g *plainGroup) numbers() *starlark.List {
	list := starlark.NewList(nil)
	for _, e := range g.events {
		_ = list.Append(starlark.MakeInt64(e.n))
	}
	return list
}

func (e event) String() string { return fmt.Sprintf(`{"t": %d, "k": "%s", "n": %d}`, e.t, e.k, e.n) }

// plainWindowed are the operators: each gives its text and the lines that it puts out.
var plainWindowed = []struct {
	running bool // it goes along with the records, so that it works without a window, and not with sessions
	fills   bool // without keys it has something for windows without records
	make    func(w plainWindow, all []event, keyed bool, n int64) (string, []string)
}{
	{false, true, plainResult(".count(%s)", func(g *plainGroup) starlark.Value { return starlark.MakeInt(len(g.events)) })},
	{false, true, plainResult(`.sum("n"%s)`, func(g *plainGroup) starlark.Value { return sum(elementsOf(g.numbers())) })},
	{false, true, plainResult(`.max("n"%s)`, func(g *plainGroup) starlark.Value { return extreme(elementsOf(g.numbers()), true) })},
	{false, true, plainResult(`.mean("n"%s)`, func(g *plainGroup) starlark.Value { return mean(elementsOf(g.numbers())) })},
	{false, false, plainGroups},
	{false, true, plainReduce("")},
	{false, true, plainReduce(", merge = lambda x, y: x + y")},
	{false, true, plainOnTrigger},
	{false, false, plainUniq},
	{false, true, plainTake},
	{false, true, plainTakeSort},
	{false, true, plainResult(`.summarize(n = agg.sum("n")%s).map(lambda r: tuple(r.values()))`, func(g *plainGroup) starlark.Value { return sum(elementsOf(g.numbers())) })},
	{false, true, plainDeparted},
	{true, false, plainTrigger},
	{true, false, plainTriggersDeparted},
	{true, false, plainOwnTrigger},
	{true, false, plainScan},
}

func elementsOf(l *starlark.List) (all []starlark.Value) {
	for v := range starlark.Elements(l) {
		all = append(all, v)
	}
	return all
}

func by(keyed bool, before string) string {
	if keyed {
		return before + `by = "k"`
	}
	return ""
}

func plainResult(text string, result func(*plainGroup) starlark.Value) func(plainWindow, []event, bool, int64) (string, []string) {
	return func(w plainWindow, all []event, keyed bool, _ int64) (string, []string) {
		before := ", "
		if strings.HasPrefix(text, ".count") {
			before = ""
		}
		var lines []string
		for _, g := range w.groups(all, keyed) {
			lines = append(lines, g.result(keyed, result(g)))
		}
		return fmt.Sprintf(text, by(keyed, before)), lines
	}
}

func plainGroups(w plainWindow, all []event, _ bool, _ int64) (string, []string) {
	var lines []string
	for _, g := range w.groups(all, true) {
		lines = append(lines, g.result(true, g.numbers()))
	}
	return `.group_by("k", value = "n")`, lines
}

func plainReduce(more string) func(plainWindow, []event, bool, int64) (string, []string) {
	return func(w plainWindow, all []event, keyed bool, _ int64) (string, []string) {
		var lines []string
		for _, g := range w.groups(all, keyed) {
			if keyed {
				lines = append(lines, g.result(true, g.numbers()))
				continue
			}
			for _, e := range g.events {
				lines = append(lines, fmt.Sprint(e.n))
			}
		}
		return `.reduce([], lambda s, r: s + [r["n"]]` + by(keyed, ", ") + more + ")", lines
	}
}

func plainOnTrigger(w plainWindow, all []event, keyed bool, _ int64) (string, []string) {
	var lines []string
	for _, g := range w.groups(all, keyed) {
		lane := "(0, 1)"
		if keyed {
			lane = starlark.String(g.key).String()
		}
		lines = append(lines, fmt.Sprintf(`(%s, ("%s", %s, "done"), %s)`, lane, w.kind, g.id, g.numbers()))
	}
	return `.reduce([], lambda s, r: s + [r["n"]]` + by(keyed, ", ") + `).on_trigger(lambda s, l, w: ([(l, w, s)], s))`, lines
}

// plainUniq cuts sessions and counts without looking at the key.
func plainUniq(w plainWindow, all []event, _ bool, _ int64) (string, []string) {
	var lines []string
	for _, g := range w.groups(all, false) {
		seen := map[string]bool{}
		for _, e := range g.events {
			if !seen[e.k] {
				lines = append(lines, e.String())
			}
			seen[e.k] = true
		}
	}
	return `.uniq("k")`, lines
}

func plainTake(w plainWindow, all []event, keyed bool, n int64) (string, []string) {
	var lines []string
	for _, g := range w.groups(all, keyed) {
		for _, e := range g.events[:min(n, int64(len(g.events)))] {
			lines = append(lines, e.String())
		}
	}
	return fmt.Sprintf(".take(%d%s)", n, by(keyed, ", ")), lines
}

func plainTakeSort(w plainWindow, all []event, keyed bool, n int64) (string, []string) {
	var lines []string
	for _, g := range w.groups(all, keyed) {
		slices.SortStableFunc(g.events, func(x, y event) int { return cmp.Compare(x.n, y.n) })
		for _, e := range g.events[:min(n, int64(len(g.events)))] {
			lines = append(lines, e.String())
		}
	}
	return fmt.Sprintf(`.take_sort(%d, "n"%s)`, n, by(keyed, ", ")), lines
}

// run goes through the events in order, and through what is left of each group at the end.
func (w plainWindow) run(all []event, keyed bool, record func(g *plainGroup), end func(g *plainGroup)) {
	var order []*plainGroup
	found, counts := map[string]*plainGroup{}, map[string]int64{}
	for i, e := range all {
		key := ""
		if keyed {
			key = e.k
		}
		for _, start := range w.starts(all, i, key, counts) {
			id := fmt.Sprint(start, key)
			if found[id] == nil {
				found[id] = &plainGroup{start: start, id: w.id(start), key: key}
				order = append(order, found[id])
			}
			found[id].events = append(found[id].events, e)
			record(found[id])
		}
	}
	slices.SortStableFunc(order, func(x, y *plainGroup) int { return cmp.Compare(x.start, y.start) })
	for _, g := range order {
		end(g)
	}
}

// plainTrigger sums every n records, and begins anew.
func plainTrigger(w plainWindow, all []event, keyed bool, n int64) (string, []string) {
	var lines []string
	since := map[*plainGroup]int64{}
	release := func(g *plainGroup, trigger string) {
		lines = append(lines, fmt.Sprintf(`(%s, %d)`, trigger, since[g]))
		since[g] = 0
	}
	w.run(all, keyed, func(g *plainGroup) {
		since[g] += g.events[len(g.events)-1].n
		if int64(len(g.events))%n == 0 {
			release(g, fmt.Sprintf(`("every", %d)`, n))
		}
	}, func(g *plainGroup) { release(g, `"done"`) })
	if len(all) == 0 && !keyed && w.kind == "" {
		lines = []string{`("done", 0)`}
	}
	return fmt.Sprintf(`.trigger(every = %d, period = "10000h", after = "10000h", nondeterministic = True).reduce(0, lambda s, r: s + r["n"]%s, on_trigger = lambda s, l, w: ([(w[2], s)], 0))`, n, by(keyed, ", ")), lines
}

// plainOwnTrigger hands on the sum so far with every second even number.
func plainOwnTrigger(w plainWindow, all []event, keyed bool, _ int64) (string, []string) {
	var lines []string
	evens := map[*plainGroup]int{}
	w.run(all, keyed, func(g *plainGroup) {
		if last := g.events[len(g.events)-1]; last.n%2 == 0 {
			if evens[g]++; evens[g]%2 == 0 {
				lines = append(lines, fmt.Sprintf(`("even", %s)`, sum(elementsOf(g.numbers()))))
			}
		}
	}, func(g *plainGroup) {
		lines = append(lines, fmt.Sprintf(`("done", %s)`, sum(elementsOf(g.numbers()))))
	})
	if len(all) == 0 && !keyed && w.kind == "" {
		lines = []string{`("done", 0)`}
	}
	return `.trigger(f = lambda s, r: ("even" if s and r["n"] % 2 == 0 else None, not s if r["n"] % 2 == 0 else s)).reduce(0, lambda s, r: s + r["n"]` + by(keyed, ", ") +
		`, on_trigger = lambda s, l, w: ([(w[2], s)], s))`, lines
}

const departed = ".departition([], lambda parts, part: parts + [part], lambda parts, w: (w[:2], parts))"

// departed is what a departition makes of what came out of a window.
func (w plainWindow) departed(start int64, parts []string) string {
	id := fmt.Sprintf(`("%s", %s)`, w.kind, w.id(start))
	if w.kind == "" {
		id = `("global", None)`
	}
	return fmt.Sprintf("(%s, [%s])", id, strings.Join(parts, ", "))
}

// plainDeparted brings the states of each window together, of which there is one, or one pair for each key.
func plainDeparted(w plainWindow, all []event, keyed bool, _ int64) (string, []string) {
	var lines, parts []string
	groups := w.groups(all, keyed)
	for i, g := range groups {
		part := g.numbers().String()
		if keyed {
			part = fmt.Sprintf("(%s, %q, %s)", g.id, g.key, part)
		}
		parts = append(parts, part)
		if i == len(groups)-1 || groups[i+1].start != g.start {
			lines, parts = append(lines, w.departed(g.start, parts)), nil
		}
	}
	return `.reduce([], lambda s, r: s + [r["n"]]` + by(keyed, ", ") + ")" + departed, lines
}

// plainTriggersDeparted brings together what triggers give in each window.
func plainTriggersDeparted(w plainWindow, all []event, keyed bool, n int64) (string, []string) {
	parts := map[int64][]string{}
	var starts []int64
	release := func(g *plainGroup) {
		if parts[g.start] == nil {
			starts = append(starts, g.start)
		}
		part := sum(elementsOf(g.numbers())).String()
		parts[g.start] = append(parts[g.start], part)
	}
	w.run(all, keyed, func(g *plainGroup) {
		if int64(len(g.events))%n == 0 {
			release(g)
		}
	}, release)
	slices.Sort(starts)
	var lines []string
	for _, start := range starts {
		lines = append(lines, w.departed(start, parts[start]))
	}
	if len(all) == 0 && w.kind == "" {
		lines = []string{w.departed(0, map[bool][]string{false: {"0"}}[keyed])}
	}
	return fmt.Sprintf(`.trigger(every = %d).reduce(0, lambda s, r: s + r["n"]%s, on_trigger = lambda s, l, w: ([s], s))`, n, by(keyed, ", ")) + departed, lines
}

// plainLanes folds the windows of each of three lanes, and brings them together.
func plainLanes(w plainWindow, all []event) (string, []string) {
	all = slices.Clone(all)
	for i := range all {
		all[i].k = fmt.Sprint(all[i].n % 3)
	}
	groups := w.groups(all, true)
	slices.SortStableFunc(groups, func(x, y *plainGroup) int {
		return cmp.Or(cmp.Compare(x.start, y.start), cmp.Compare(x.key, y.key))
	})
	var lines, parts []string
	for i, g := range groups {
		parts = append(parts, g.numbers().String())
		if i == len(groups)-1 || groups[i+1].start != g.start {
			lines, parts = append(lines, w.departed(g.start, parts)), nil
		}
	}
	return `.partition(route = lambda r: r["n"] % 3, lanes = 3)` + w.String() + `.reduce([], lambda s, r: s + [r["n"]])` + departed, lines
}

// joinInWindows joins events with some of them by key, window by window.
func (g *generator) joinInWindows(w plainWindow, all []event) (string, []string) {
	how := g.pick([]string{"inner", "left", "right", "full", "semi", "anti"})
	var lines, rest []string
	some := slices.DeleteFunc(slices.Clone(all), func(e event) bool { return e.n%3 == 0 })
	starts := func(all []event, i int) []int64 { return w.starts(all, i, "", nil) }
	type placed struct{ record, start int64 }
	found := map[placed]bool{}
	for i, l := range all {
		for _, start := range starts(all, i) {
			alone := true
			for j, r := range some {
				if r.k != l.k || !slices.Contains(starts(some, j), start) {
					continue
				}
				alone, found[placed{int64(j), start}] = false, true
				if how != "semi" && how != "anti" {
					lines = append(lines, fmt.Sprintf("(%v, %v)", l, r))
				}
			}
			switch {
			case alone && (how == "left" || how == "full"):
				lines = append(lines, fmt.Sprintf("(%v, None)", l))
			case alone && how == "anti", !alone && how == "semi":
				lines = append(lines, l.String())
			}
		}
	}
	for j, r := range some {
		for _, start := range starts(some, j) {
			if !found[placed{int64(j), start}] && (how == "right" || how == "full") {
				rest = append(rest, fmt.Sprintf("(None, %v)", r))
			}
		}
	}
	text := strings.TrimSuffix(strings.TrimPrefix(w.String(), ".window("), ")")
	return fmt.Sprintf(`.join(left.reject(lambda r: r["n"] %% 3 == 0), on = "k", how = %q, window = %s)`, how, text), append(lines, rest...)
}

func plainScan(w plainWindow, all []event, keyed bool, _ int64) (string, []string) {
	var lines []string
	w.run(all, keyed, func(g *plainGroup) {
		lines = append(lines, fmt.Sprintf("(%d, %s)", g.events[len(g.events)-1].t, sum(elementsOf(g.numbers()))))
	},
		func(g *plainGroup) { lines = append(lines, fmt.Sprintf(`("end", %s)`, sum(elementsOf(g.numbers())))) })
	return `.scan(0, lambda s, r: ([(r["t"], s + r["n"])], s + r["n"])` + by(keyed, ", ") + `, flush = lambda s: [("end", s)])`, lines
}
