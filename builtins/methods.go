package builtins

import (
	"maps"
	"slices"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/kernel"
	"go.starlark.net/starlark"
)

// Bounds of what a call may ask for.
const (
	maxLanes     = 1 << 16
	defaultLanes = 64
	defaultBatch = 1000
)

// operators are the methods of flows: one line for each parameter, in the order of a call.
var operators = []*operator{
	{name: "map", kind: engine.OpMap, params: []param{required(each("f")), using(), onError()}},
	{name: "flat_map", kind: engine.OpFlatMap, params: []param{required(each("f")), using(), onError()}},
	{name: "filter", kind: engine.OpFilter, params: []param{required(each("f")), using(), onError()}},
	{name: "reject", kind: engine.OpReject, params: []param{required(each("f")), using(), onError()}},
	{name: "map_values", kind: engine.OpMapValues, params: []param{required(each("f")), using(), onError()}},
	{name: "map_batch", kind: engine.OpMapBatch, params: []param{required(whole("f", 1)), size(), onError()}, finish: someBatch},
	{name: "through", kind: engine.OpThrough, params: []param{required(whole("f", 1)), size(), onError()}, finish: someBatch},
	{name: "batch", kind: engine.OpBatch, params: []param{required(size()), duration("timeout"), record("weight")}},
	{name: "with_index", kind: engine.OpWithIndex, finish: meet},
	{name: "sample", kind: engine.OpSample, params: []param{fraction(), number("n", 0), seed()}, finish: oneSample},
	{name: "shuffle", kind: engine.OpShuffle, params: []param{seed()}, finish: meet},
	{
		name: "partition", kind: engine.OpPartition, finish: lanes,
		params: []param{record("key"), lanesParam("lanes"), record("route"), lanesParam("stages")},
	},
	{
		name: "reduce", kind: engine.OpReduce, finish: initialState,
		params: []param{initial(), required(fold("f")), by(), whole("merge", 2), emit(), onTrigger(), using()},
	},
	{
		name: "scan", kind: engine.OpScan, finish: initialState,
		params: []param{initial(), required(fold("f")), by(), whole("flush", 1), using(), onError(), onTrigger()},
	},
	{name: "aggregate", kind: engine.OpAggregate, params: []param{fold("f"), initial()}, finish: gather},
	{name: "count", kind: engine.OpCount, params: []param{by()}, finish: meet},
	{name: "sum", kind: engine.OpSum, params: []param{record("of"), by()}, finish: meet},
	{name: "min", kind: engine.OpMin, params: []param{record("of"), by()}, finish: meet},
	{name: "max", kind: engine.OpMax, params: []param{record("of"), by()}, finish: meet},
	{name: "mean", kind: engine.OpMean, params: []param{record("of"), by()}, finish: meet},
	{
		name: "group_by", kind: engine.OpGroupBy, finish: meet,
		params: []param{
			required(record("key")), record("value"), flag("newest_first", func(d *draft) *bool { return &d.op.NewestFirst }),
		},
	},
	{name: "uniq", kind: engine.OpUniq, params: []param{record("key")}, finish: meet},
	{name: "sort", kind: engine.OpSort, params: []param{record("key"), reverse(), nulls()}, finish: meet},
	{name: "take", kind: engine.OpTake, params: []param{required(number("n", 0)), by()}, finish: meet},
	{
		name: "take_sort", kind: engine.OpTakeSort, finish: meet,
		params: []param{
			required(number("n", 0)), record("key"), reverse(), by(), nulls(),
			flag("as_list", func(d *draft) *bool { return &d.op.AsList }),
		},
	},
	join("join"),
	join("bounded_join"),
	join("window_join"),
	{name: "window", kind: engine.OpWindow, params: []param{required(cutting())}},
	{
		name: "trigger", kind: engine.OpTrigger, finish: oneTrigger,
		params: []param{every(), triggerSpan("period"), triggerFunction(), triggerSpan("after"), nondeterministic()},
	},
	{
		name: "departition", kind: engine.OpDepartition, finish: gather,
		params: []param{initial(), required(fn("merge", kernel.Signature{Own: 1})), allOrFirst("done", "the state and the window", 2)},
	},
	write,
}

// retired are methods of other systems, or of continuous jobs, with what this one has.
var retired = map[string]string{
	"each":          "map returns every record's result; write(...) puts records out",
	"merge":         "join flows end to end by a.concat(b)",
	"into":          "end a flow by write(...); several outputs are job = [a.write(...), b.write(...)]",
	"broadcast":     "use the flow twice: job = [a.write(...), b.write(...)]; it runs once",
	"tee":           "use the flow twice: job = [a.write(...), b.write(...)]; it runs once",
	"top":           "write .sort(key, reverse = True).take(n), or take_sort(n, key)",
	"take_while":    "filter the records, or take(n)",
	"uniq_by":       "write uniq(key)",
	"distinct":      "write uniq()",
	"sort_by":       "write sort(key)",
	"order_by":      "write sort(key)",
	"group_by_key":  "write group_by(0, value = 1)",
	"reduce_by_key": "write reduce(initial, f, by = ...)",
	"count_by":      "write count(by = ...)",
	"sum_by":        "write sum(of, by = ...)",
	"fold":          "write reduce(initial, f)",
	"avg":           "write mean(of)",
	"average":       "write mean(of)",
	"limit":         "write take(n)",
	"head":          "write take(n)",
	"select":        "write map(f) for columns, filter(f) for rows",
	"where":         "write filter(f)",
	"enumerate":     "write with_index()",
	"union":         "write a.concat(b)",
	"print":         "the flow that is not written goes to stdout",
	"collect":       "collect exists only in the REPL; using = flow gives a function all records of a flow",
	"show":          "show exists only in the REPL",
	"run":           "run exists only in the REPL: set job = flow",
	"explain":       "explain exists only in the REPL: run `flowsh explain job.star`",
	"retry":         "retry belongs to continuous jobs, which this build does not run",
	"rate_limit":    "rate_limit belongs to continuous jobs, which this build does not run",
	"iterate":       "a loop of known length is a for loop in a def: for _ in range(n): flow = f(flow)",

	"emit_and_reduce":      "write scan(initial, f)",
	"trigger_every":        "write trigger(every = n)",
	"trigger_periodically": `write trigger(period = "5s", nondeterministic = True)`,
	"allowed_lateness":     `write windows.fixed(size, time, lateness = "5m", late = "late.jsonl")`,
	"on_init":              "an initial with two parameters gets the lane and how many there are",
	"through_stages":       "write through(f), where f takes a list of records",
	"through_specs":        "write through(f), where f takes a list of records",
	"into_stages":          "end a flow by write(...)",
	"into_specs":           "end a flow by write(...)",
	"filter_map":           "write map(f) and filter(f), or flat_map(f) that returns [] for none",
	"cogroup":              "write join(right, on, how = \"full\")",
}

// retiredParams are parameters that people try, with what to write.
var retiredParams = map[string]string{
	"parts":        "a path that ends in / makes part files",
	"compression":  "the suffix says it: out.csv.gz",
	"key_fn":       "write key =",
	"func":         "write f =",
	"desc":         "write reverse = True",
	"num_lanes":    "write lanes =",
	"partitions":   "write lanes =",
	"sep":          "write delimiter =",
	"window_trigg": "write trigger =",
}

var flowMethods, flowMethodNames = methodTable()

func methodTable() (map[string]function, []string) {
	table := map[string]function{"concat": concat, "summarize": summarize, "emit": emitAfter, "on_trigger": triggerAfter}
	for _, o := range operators {
		table[o.name] = o.call
	}
	return table, slices.Sorted(maps.Keys(table))
}

// findOperator is the operator of that name.
func findOperator(name string) *operator {
	i := slices.IndexFunc(operators, func(o *operator) bool { return o.name == name })
	return operators[i]
}

// call is the operator as a method of a flow.
func (o *operator) call(thread *starlark.Thread, fn *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	u, err := whileLoading(thread, o.name)
	if err != nil {
		return nil, err
	}
	kwargs, pace, err := takePacing(o.name, o.kind == engine.OpSource, kwargs)
	if err != nil {
		return nil, err
	}
	given, err := bindArguments(o.name, o.names(), args, kwargs)
	if err != nil {
		return nil, err
	}
	in, _ := fn.Receiver().(*Flow)
	f, err := o.build(u, thread.CallFrame(1).Pos, in, given, nil)
	if err != nil {
		return nil, err
	}
	pace.apply(f)
	return f, nil
}

func number(name string, least int64) param {
	return integer(name, least, 0, func(op *engine.Op) *int64 { return &op.N })
}

func size() param {
	return integer("size", 1, 1<<31-1, func(op *engine.Op) *int64 { return &op.Size })
}

func seed() param {
	return param{name: "seed", set: func(d *draft, v starlark.Value) error { return unpack(v, &d.op.Seed) }}
}

func reverse() param { return flag("reverse", func(d *draft) *bool { return &d.op.Reverse }) }

func nulls() param {
	return choice("nulls", func(d *draft) *string { return &d.op.Nulls }, "error", "first", "last")
}

func lanesParam(name string) param {
	return param{name: name, set: func(d *draft, v starlark.Value) error {
		var n int64
		err := integer(name, 1, maxLanes, func(*engine.Op) *int64 { return &n }).set(d, v)
		d.op.Lanes = int(n)
		return err
	}}
}

func fraction() param {
	return param{name: "fraction", set: func(d *draft, v starlark.Value) error {
		f, ok := starlark.AsFloat(v)
		if !ok || !(f >= 0 && f <= 1) {
			return mistake("a number of records is n = ...", "want a share from 0 to 1, not %s", v)
		}
		d.op.Fraction = &f
		return nil
	}}
}

func optionChoice(name string, words ...string) param {
	return param{name: name, set: func(d *draft, v starlark.Value) error {
		var word string
		err := choice(name, func(*draft) *string { return &word }, words...).set(d, v)
		if word != "" {
			d.option(name, word)
		}
		return err
	}}
}

func right() param {
	return required(param{name: "right", set: func(d *draft, v starlark.Value) error {
		f, ok := v.(*Flow)
		if !ok {
			return mistake("from_enumerable(x) makes a flow of a list", "want a flow, not %s", v.Type())
		}
		return d.read(f)
	}})
}

// emit is what a reducer hands on of its state.
func emit() param {
	return choice("emit", func(d *draft) *string { return &d.op.Emit }, "auto", "events", "state", "nothing")
}

func someBatch(d *draft) error {
	if d.op.Size == 0 {
		d.op.Size = defaultBatch
	}
	return nil
}

func oneSample(d *draft) error {
	if d.has("fraction") == d.has("n") {
		return d.mistake("sample needs either a fraction or n = ...")
	}
	return nil
}

func lanes(d *draft) error {
	if d.has("lanes") && d.has("stages") {
		return d.mistake("partition: stages is another word for lanes: give one of them")
	}
	if d.op.Lanes == 0 {
		d.op.Lanes = defaultLanes
	}
	switch {
	case d.has("key") && d.has("route"):
		e := d.mistake("partition takes key or route, not both")
		e.Hint = "key= puts records of one key into one lane; route= returns the lane itself"
		return e
	case !d.has("key") && !d.has("route"):
		d.add(&boundFunc{param: "key", text: "record", Func: kernel.Whole()})
	}
	d.lanes = true
	return nil
}

// initialState gives a state to reducers without one: {}, but per key there is no telling.
func initialState(d *draft) error {
	if d.given[0] == nil {
		if d.has("by") {
			e := d.mistake("%s with by= needs initial, the state of a key that has no record yet", d.operator.name)
			e.Hint = "write initial = 0, initial = dict, or the like"
			return e
		}
		d.addValue("initial", starlark.NewDict(0))
	}
	return meet(d)
}

// gather prepares for the states of all lanes: those of a reduce before it come whole, unless it says what it emits.
// Where there are windows, a departition is told the window of each.
func gather(d *draft) error {
	states := *d.in[0]
	if states.op.Kind == engine.OpReduce && states.op.Emit == "" && !states.has("by") && !states.has("on_trigger") {
		states.op.Emit = "state"
		d.in[0] = &states
	}
	if d.op.Kind == engine.OpDepartition && states.op.Window != nil && states.op.Kind != engine.OpJoin {
		states.op.WithWindow = true
		d.in[0] = &states
	}
	switch {
	case d.op.Kind == engine.OpDepartition && d.given[0] == nil:
		d.addValue("initial", starlark.NewDict(0))
	case d.op.Kind == engine.OpAggregate && (d.given[0] == nil || d.given[0] == starlark.None):
		if err := fold("f").set(d, joinParts); err != nil {
			return err
		}
	}
	return meet(d)
}

// meet notes that the lanes of a partition have met the operator that they were made for.
func meet(d *draft) error {
	d.lanes = false
	return nil
}
