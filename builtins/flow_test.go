package builtins_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine"
)

// A flowCase says what a feature of Elixir's Flow does, in flowsh's words.
type flowCase struct {
	name, script string
	files        map[string]string
	want         string
	anyOrder     bool              // of the lines of want
	fails        string            // matches the error
	wrote        map[string]string // files, with what they hold among other things
	deviates     string            // what Flow does, where that is something else
}

// tallyOf is a reducer that counts.
const tallyOf = `
def tally(acc, w):
    acc[w] = acc.get(w, 0) + 1
    return acc
`

// sides are the two sides of a join.
const sides = `
left = from_enumerable([(1, "l1"), (2, "l2"), (2, "l2b"), (4, "l4")])
right = from_enumerable([(2, "r2"), (1, "r1"), (1, "r1b"), (5, "r5")])
def values(l, r): return (l[1] if l else None, r[1] if r else None)
`

// flowCases are the cases of Flow that bounded jobs can show. Where flowsh does something else, lang-spec.md says why.
var flowCases = []flowCase{
	{name: "map_single_lane_keeps_order", script: `job = from_enumerable([4, 9, 1, 7]).map(lambda x: x * 3)`, want: "12\n27\n3\n21\n"},
	{
		name: "filter_then_map_chain", script: `job = from_enumerable(range(1, 13)).filter(lambda x: x % 4 == 0).map(lambda x: x - 1).map(lambda x: x * 10)`,
		want: "30\n70\n110\n",
	},
	{name: "reject_is_inverse_of_filter", script: `job = from_enumerable(range(1, 10)).reject(lambda x: x % 3 == 0)`, want: "1\n2\n4\n5\n7\n8\n"},
	{name: "flat_map_flattens_one_level", script: `job = from_enumerable([5, 6]).flat_map(lambda x: [[x], [x, x]])`, want: "[5]\n[5,5]\n[6]\n[6,6]\n"},
	{name: "empty_source_no_reduce", script: `job = from_enumerable([]).map(lambda x: x)`, want: ""},
	{
		name: "many_sources_all_records_once", script: `job = from_enumerables([[1, 2, 3], [10, 20], [100]]).partition(lanes = 2).map(lambda x: x + 1)`,
		want: "2\n3\n4\n11\n21\n101\n", anyOrder: true,
	},
	{name: "map_values_on_pairs", script: `job = from_enumerable([("a", 2), ("b", 5)]).map_values(lambda v: v * 7)`, want: "a\t14\nb\t35\n"},
	{
		name: "merge_two_flows", script: `job = from_enumerable([1, 2]).concat(from_enumerable([3, 4]).map(lambda x: x * 100)).partition(lanes = 2).map(lambda x: x)`,
		want: "1\n2\n300\n400\n", anyOrder: true,
	},
	{
		name: "word_count_partitioned", anyOrder: true, want: "the\t2\ncat\t2\nsat\t2\ndog\t1\na\t1\n",
		script: tallyOf + `job = from_enumerable(["the cat sat", "the dog sat", "a cat"]).flat_map(lambda l: l.split()).partition(lanes = 3).reduce({}, tally)`,
	},
	{
		name: "explicit_hash_routes_to_index", anyOrder: true, want: "[0,[3,6]]\n[1,[1,4]]\n[2,[2,5]]\n",
		script: `job = from_enumerable(range(1, 7)).partition(route = lambda x: x % 3, lanes = 3).reduce([], lambda acc, x: acc + [x],
    on_trigger = lambda acc, lane: ([(lane[0], sorted(acc))], acc))`,
	},
	{
		name: "hash_may_rewrite_record", anyOrder: true, want: "[0,[20,40]]\n[1,[10,30]]\n",
		script: `job = from_enumerable(range(1, 5)).partition(route = lambda x: x % 2, lanes = 2).map(lambda x: x * 10).reduce([], lambda acc, x: acc + [x],
    on_trigger = lambda acc, lane: ([(lane[0], acc)], acc))`,
		deviates: "the hash returns the record, which it may change, beside the lane",
	},
	{
		name: "reduce_runs_per_partition", anyOrder: true, want: "12\n9\n",
		script: `job = from_enumerable(range(1, 7)).partition(route = lambda x: x % 2, lanes = 2).reduce(0, lambda acc, x: acc + x, emit = "state")`,
	},
	{
		name: "reduce_without_partition_keeps_duplicates", want: "x\t1\ny\t2\nz\t1\n",
		script:   tallyOf + `job = from_enumerable(["x y", "y z"]).flat_map(lambda l: l.split()).reduce({}, tally)`,
		deviates: "every mapper lane counts for itself, so y comes out twice",
	},
	{
		name: "per_key_order_one_upstream", want: "13\ttrue\n",
		script: `
def append(acc, x):
    acc.setdefault(x % 13, []).append(x)
    return acc
job = (from_enumerable(range(1, 1001)).partition(lambda x: x % 13, lanes = 4).reduce({}, append)
    .map(lambda key, numbers: numbers == sorted(numbers)).reduce((0, True), lambda acc, ok: (acc[0] + 1, acc[1] and ok)))`,
	},
	{
		name: "group_by_lists_are_newest_first", want: "[1,[\"d\",\"b\"]]\n[2,[\"cc\",\"aa\"]]\n[3,[\"eee\"]]\n",
		script:   `job = from_enumerable(["aa", "b", "cc", "d", "eee"]).group_by(len, newest_first = True).sort(0)`,
		deviates: "newest first is the default",
	},
	{
		name: "group_by_key_pairs", want: "[\"u\",[3,1]]\n[\"v\",[2]]\n",
		script:   `job = from_enumerable([("u", 1), ("v", 2), ("u", 3)]).group_by(0, value = 1, newest_first = True)`,
		deviates: "newest first is the default",
	},
	{
		name: "uniq_by_is_per_partition", anyOrder: true, want: "1\n2\n",
		script: `job = from_enumerable(range(1, 41)).partition(route = lambda x: x % 2, lanes = 2).uniq(lambda x: x % 2)`,
	},
	{
		name: "uniq_set_survives_triggers", want: "[6]\n[6]\n[7,6]\n[7,6]\n",
		script: `job = from_enumerable([6, 6, 7]).trigger(every = 1).reduce([], lambda acc, x: acc if x in acc else [x] + acc, on_trigger = lambda acc: ([acc], acc))`,
	},
	{
		name: "emit_state_wraps_state", want: "[4,3,2,1]\n",
		script: `job = from_enumerable(range(1, 5)).reduce([], lambda acc, x: [x] + acc).emit("state")`,
	},
	{
		name: "non_iterable_state_needs_on_trigger", want: "10\n",
		script:   `job = from_enumerable(range(1, 5)).reduce(0, lambda acc, x: acc + x)`,
		deviates: "a state that cannot be iterated is an error without on_trigger",
	},
	{
		name: "on_trigger_must_return_list_and_state", fails: `on_trigger must return .*: want a list, .* not int: 5`,
		script: `job = from_enumerable([1, 2, 3]).reduce(0, lambda acc, x: acc + x, on_trigger = lambda acc: (5, acc))`,
	},
	{
		name: "emit_and_reduce_sliding_window_of_2", want: "[1]\n[1,4]\n[4,9]\n[9,16]\n",
		script: `
def last(acc, x):
    acc = (acc + [x])[-2:]
    return [acc], acc
job = from_enumerable([1, 4, 9, 16]).scan([], last)`,
	},
	{
		name: "emit_and_reduce_after_flat_map", want: "24\n",
		script: `job = from_enumerable([1, 2, 3]).flat_map(lambda x: [x, x]).scan(0, lambda acc, x: ([x], acc + x), flush = lambda acc: [acc]).sum()`,
	},
	{
		name: "trigger_every_reset", want: "6\n15\n7\n",
		script: `job = from_enumerable(range(1, 8)).trigger(every = 3).reduce(0, lambda acc, x: acc + x, on_trigger = lambda acc: ([acc], 0))`,
	},
	{
		name: "trigger_every_more_than_input", want: "6\n",
		script: `job = from_enumerable([1, 2, 3]).trigger(every = 10).reduce(0, lambda acc, x: acc + x, on_trigger = lambda acc: ([acc], acc))`,
	},
	{
		name: "trigger_names", want: "every\t2\t2\ndone\t3\n",
		script: `job = from_enumerable([1, 1, 1]).trigger(every = 2).reduce(0, lambda acc, x: acc + x, on_trigger = lambda acc, lane, window: ([(window[2], acc)], acc))`,
	},
	{
		name: "custom_trigger_pairwise", want: "[\"pair\",[\"p\",\"q\"]]\n[\"pair\",[\"q\",\"r\"]]\n[\"pair\",[\"r\",\"s\"]]\n[\"done\",[]]\n",
		script: `
def second(seen, x): return ("pair" if seen else None), True
def pairs(acc, lane, window):
    name = window[2]
    return [(name, acc if name == "pair" else acc[1:])], acc[-1:]
job = from_enumerable("pqrs".elems()).trigger(f = second).reduce([], lambda acc, x: acc + [x], on_trigger = pairs)`,
		deviates: "a trigger replays records; here the next state keeps the last one",
	},
	{
		name: "count_window_partial_tail", want: "6\n15\n7\n",
		script: `job = from_enumerable(range(1, 8)).window(windows.count(3)).sum().map(lambda window, total: total)`,
	},
	{
		name: "count_window_ids", want: "0\tdone\t3\n1\tdone\t7\n2\tdone\t5\n",
		script: `job = from_enumerable(range(1, 6)).window(windows.count(2)).reduce(0, lambda acc, x: acc + x, on_trigger = lambda acc, lane, window: ([(window[1], window[2], acc)], acc))`,
	},
	{
		name: "fixed_window_boundaries_half_open", want: "[0,\"done\",[\"a\",\"b\"]]\n[1000,\"done\",[\"c\",\"d\"]]\n[2000,\"done\",[\"e\"]]\n",
		script: `
events = [(0, "a"), (999, "b"), (1000, "c"), (1999, "d"), (2000, "e")]
job = from_enumerable(events).window(windows.fixed("1s", time = 0)).reduce([], lambda acc, at, v: acc + [v],
    on_trigger = lambda acc, lane, window: ([(window[1], window[2], acc)], acc))`,
	},
	{
		name: "fixed_window_starts_at_first_seen", want: "[7000,[\"x\"]]\n[8000,[\"y\"]]\n",
		script: `job = from_enumerable([(7200, "x"), (8100, "y")]).window(windows.fixed("1s", time = 0)).group_by(lambda e: 0, value = 1).map(lambda window, key, values: (window, values))`,
	},
	{
		name: "fixed_window_late_dropped_record_at_a_time", want: "[0,[\"a\"]]\n[1000,[\"b\",\"c\"]]\n",
		script: `
events = [(100, "a"), (1200, "b"), (300, "late"), (1400, "c")]
job = from_enumerable(events).window(windows.fixed("1s", time = 0, lateness = "1ms", late = "late.jsonl")).reduce([], lambda acc, at, v: acc + [v],
    on_trigger = lambda acc, lane, window: ([(window[1], acc)], acc))`,
		wrote:    map[string]string{"late.jsonl": `[300,"late"]`},
		deviates: "a late record is lost without a word; here it stands in a file",
	},
	{
		name: "allowed_lateness_watermark_then_done", want: "[0,\"done\",[\"a\",\"late\"]]\n[1000,\"done\",[\"b\",\"c\"]]\n",
		script: `
events = [(100, "a"), (1200, "b"), (300, "late"), (1400, "c")]
job = from_enumerable(events).window(windows.fixed("1s", time = 0, lateness = "1h", late = "late.jsonl")).reduce([], lambda acc, at, v: acc + [v],
    on_trigger = lambda acc, lane, window: ([(window[1], window[2], acc)], acc))`,
		deviates: "the window's state comes out twice, first when the watermark passes its end",
	},
	{
		name: "negative_timestamps_truncate", want: "[-2000,[\"a\"]]\n[-1000,[\"b\"]]\n[0,[\"c\"]]\n",
		script: `job = from_enumerable([(-1500, "a"), (-500, "b"), (500, "c")]).window(windows.fixed("1s", time = 0)).reduce([], lambda acc, at, v: acc + [v],
    on_trigger = lambda acc, lane, window: ([(window[1], acc)], acc))`,
		deviates: "times are divided towards zero, so that -500 and 500 share a window",
	},
	{
		name: "window_event_time_must_be_int", fails: `the time of a record must be an int .*, not float: 1\.5`,
		script: `job = from_enumerable([(1.5, "a")]).window(windows.fixed("1s", time = 0)).count()`,
	},
	{
		name: "departition_merges_lane_states", want: "[9,12]\n",
		script: `
lanes = from_enumerable(range(1, 7)).partition(route = lambda x: x % 2, lanes = 2).reduce(0, lambda acc, x: acc + x)
job = lanes.departition(list, lambda acc, total: acc + [total], sorted)`,
	},
	{
		name: "departition_skewed_windows_complete_late", want: "[0,[3,13]]\n[1,[7]]\n[2,[5]]\n",
		script: `
lanes = (from_enumerable(range(1, 8)).partition(route = lambda x: int(x > 5), lanes = 2).window(windows.count(2))
    .reduce(0, lambda acc, x: acc + x))
job = lanes.departition(list, lambda acc, total: acc + [total], lambda acc, window: (window[1], sorted(acc)))`,
		deviates: "lane 1, whose records fill its first window, adds the 0 of an empty one to window 1",
	},
	{
		name: "departition_keeping_trigger_state_double_counts", want: "[3,10,10]\n",
		script: `job = from_enumerable(range(1, 5)).trigger(every = 2).reduce(0, lambda acc, x: acc + x).departition(list, lambda acc, total: acc + [total], sorted)`,
	},
	{name: "take_sort_empty", script: `job = from_enumerable([]).take_sort(3, as_list = True)`, want: "[]\n", deviates: "one list is the only form"},
	{
		name: "take_sort_per_window", want: "[3]\n[6]\n",
		script:   `job = from_enumerable(range(1, 7)).window(windows.count(3)).take_sort(1, reverse = True, as_list = True)`,
		deviates: "an empty window follows, and its empty list",
	},
	{
		name: "map_batch_sees_batch_before_map", want: "60\n150\n",
		script: `job = from_enumerable(range(1, 7)).map_batch(lambda batch: [sum(batch)], size = 3).map(lambda x: x * 10)`,
	},
	{
		name: "on_init_once_per_lane", anyOrder: true, want: "[0,3]\n[1,3]\n[2,3]\n",
		script: `job = from_enumerable([1]).partition(lanes = 3).reduce(lambda lane, lanes: [lane, lanes], lambda acc, x: acc, emit = "state")`,
	},
	{name: "err_on_trigger_without_reduce", script: `job = from_enumerable([1]).on_trigger(lambda acc: ([], acc))`, fails: `on_trigger must stand directly after reduce`},
	{
		name: "err_window_without_computation", script: `job = from_enumerable([1]).window(windows.fixed("1s", time = lambda x: x)).map(str)`,
		fails: `window is set, but nothing is computed in it`,
	},
	{name: "err_lateness_on_count_window", script: `job = from_enumerable([]).window(windows.count(3, lateness = "1h")).count()`, fails: `windows\.count has no lateness`},
	{
		name: "err_hash_out_of_range", script: `job = from_enumerable([1]).partition(route = lambda x: 7, lanes = 2).reduce(0, lambda acc, x: acc)`,
		fails: `route returned lane 7, but there are the lanes 0 to 1`,
	},
	{
		name: "err_raise_in_source_fails_job", script: `job = jsonl("in.jsonl").map(lambda r: r)`, files: map[string]string{"in.jsonl": "{}\nx\n"},
		fails: `^in\.jsonl:2: json\.decode: `,
	},
}

// flowJoins are the cases of joins.
var flowJoins = []flowCase{
	{
		name: "join_inner", anyOrder: true, want: "l1\tr1\nl1\tr1b\nl2\tr2\nl2b\tr2\n",
		script: sides + `job = left.join(right, on = 0, f = values)`,
	},
	{
		name: "join_right_outer", anyOrder: true, want: "l1\tr1\nl1\tr1b\nl2\tr2\nl2b\tr2\n\tr5\n",
		script: sides + `job = left.join(right, on = 0, how = "right", f = values)`,
	},
	{name: "join_null_keys_match", want: "1\t2\n", script: `job = from_enumerable([(None, 1)]).join(from_enumerable([(None, 2)]), on = 0, f = lambda l, r: (l[1], r[1]))`},
	{
		name: "join_then_reduce_per_partition", want: "14\n",
		script: `
n = from_enumerable([1, 2, 3])
job = n.join(from_enumerable([1, 2, 3]), on = lambda x: x, f = lambda l, r: l * r).partition(lanes = 2).reduce(0, lambda acc, x: acc + x).sum()`,
	},
	{
		name: "join_state_survives_triggers", anyOrder: true, want: "1\t1\n2\t2\n3\t3\n",
		script: `job = from_enumerable([1, 2, 3]).join(from_enumerable([1, 2, 3]), on = lambda x: x)`,
	},
	{
		name: "window_join_same_key_other_window_no_match", anyOrder: true, want: "L1\tR1\nL2\t\n\tR2\n",
		script: `
left = from_enumerable([(100, "k", "L1"), (1100, "k", "L2")])
right = from_enumerable([(200, "k", "R1"), (2300, "k", "R2")])
job = left.join(right, on = 1, how = "full", window = windows.fixed("1s", time = 0), f = lambda l, r: (l[2] if l else None, r[2] if r else None))`,
	},
}

// TestFlowCases runs every case on every executor.
func TestFlowCases(t *testing.T) {
	if n := len(flowCases) + len(flowJoins); n != 53 {
		t.Errorf("%d cases", n)
	}
	for _, c := range slices.Concat(flowCases, flowJoins) {
		t.Run(c.name, func(t *testing.T) {
			for name, o := range executors {
				t.Run(name, func(t *testing.T) { c.run(t, o) })
			}
		})
	}
}

func (c *flowCase) run(t *testing.T, o engine.Options) {
	w := newWorld(t, c.files, "")
	summary, err := w.run(c.script, o)
	if c.fails != "" {
		if err == nil || !regexp.MustCompile(c.fails).MatchString(err.Error()) {
			t.Fatalf("error %v\nwant %s", err, c.fails)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	want, got := c.want, w.stdout.String()
	if c.anyOrder {
		want, got = sortedLines(want), sortedLines(got)
	}
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for name, part := range c.wrote {
		if text := w.read(t, name); !strings.Contains(text, part) {
			t.Errorf("%s holds\n%s\nwant %s", name, text, part)
		}
	}
	if !strings.Contains(summary.Audit(), "balances") {
		t.Errorf("audit: %s", summary.Audit())
	}
}

func sortedLines(text string) string {
	lines := strings.SplitAfter(text, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "")
}
