package engine

import (
	"github.com/flowsh/flowsh/engine/connector"
	"github.com/flowsh/flowsh/engine/kernel"
	"go.starlark.net/starlark"
)

// GraphVersion is the version of the graph's JSON form. A graph of another version is refused by name.
const GraphVersion = 1

// A Graph is a job as plain data: operators and the edges between them. Functions and values of the script stand
// in it by reference, (op, parameter), to be found in the Program that was loaded with it.
type Graph struct {
	Version int    `json:"version"`
	Bundle  string `json:"bundle"` // hash of the script, what it loads, its arguments, the job's time and seed
	Name    string `json:"name"`
	Seed    int64  `json:"seed"`
	Steps   []Step `json:"steps"`
	Ops     []Op   `json:"ops"` // an op's inputs come before it; ids are indexes
}

// A Step is a commit: its outputs appear together, when all of them are complete. Steps run one after another.
type Step struct {
	Name    string   `json:"name"` // "" for the job of a script without steps
	After   []string `json:"after,omitempty"`
	Outputs []int    `json:"outputs"`          // ops of kind Write, and at most one other, the step's result
	Result  int      `json:"result,omitempty"` // the op whose records are the step's result; -1 if all are written
}

// An OpKind is the name of an operator.
type OpKind string

// The operators. Those that a script cannot name: Result reads an earlier step, Concat joins flows end to end.
// Window and Trigger become fields of the operator behind them.
const (
	OpSource      OpKind = "source"
	OpResult      OpKind = "result"
	OpJobResult   OpKind = "job_result"
	OpConcat      OpKind = "concat"
	OpMap         OpKind = "map"
	OpFlatMap     OpKind = "flat_map"
	OpFilter      OpKind = "filter"
	OpReject      OpKind = "reject"
	OpMapValues   OpKind = "map_values"
	OpMapBatch    OpKind = "map_batch"
	OpBatch       OpKind = "batch"
	OpWithIndex   OpKind = "with_index"
	OpSample      OpKind = "sample"
	OpShuffle     OpKind = "shuffle"
	OpPartition   OpKind = "partition"
	OpReduce      OpKind = "reduce"
	OpScan        OpKind = "scan"
	OpCount       OpKind = "count"
	OpSum         OpKind = "sum"
	OpMin         OpKind = "min"
	OpMax         OpKind = "max"
	OpMean        OpKind = "mean"
	OpGroupBy     OpKind = "group_by"
	OpUniq        OpKind = "uniq"
	OpSort        OpKind = "sort"
	OpTake        OpKind = "take"
	OpTakeSort    OpKind = "take_sort"
	OpWrite       OpKind = "write"
	OpAggregate   OpKind = "aggregate"
	OpSummarize   OpKind = "summarize"
	OpJoin        OpKind = "join"
	OpWindow      OpKind = "window"
	OpTrigger     OpKind = "trigger"
	OpDepartition OpKind = "departition"
	OpThrough     OpKind = "through"
)

// An Op is one operator. Which fields count depends on Kind; the rest are zero.
type Op struct {
	ID   int    `json:"id"`
	Kind OpKind `json:"kind"`
	At   string `json:"at"` // file:line:col of the call
	In   []int  `json:"in,omitempty"`
	// Funcs names the parameters that are functions or selectors, with a text for people: {"f": "parse"}.
	Funcs map[string]string `json:"funcs,omitempty"`

	Using   *Using      `json:"using,omitempty"`
	Demand  *Demand     `json:"demand,omitempty"`
	OnError *ErrorRules `json:"on_error,omitempty"` // nil: fail

	Source *connector.SourceSpec `json:"source,omitempty"`
	Sink   *connector.SinkSpec   `json:"sink,omitempty"`
	Result string                `json:"result,omitempty"` // result: the step's name; job_result: the job's

	Size     int64    `json:"size,omitempty"`     // batch, map_batch, through: records, or weight
	N        int64    `json:"n,omitempty"`        // take, take_sort, sample
	Fraction *float64 `json:"fraction,omitempty"` // sample
	Seed     int64    `json:"seed,omitempty"`     // sample, shuffle
	Lanes    int      `json:"lanes,omitempty"`    // partition
	Reverse  bool     `json:"reverse,omitempty"`  // sort, take_sort
	Nulls    string   `json:"nulls,omitempty"`    // sort, take_sort: error (default), first, last
	Emit     string   `json:"emit,omitempty"`     // reduce: auto (default), events, state, nothing
	AsList   bool     `json:"as_list,omitempty"`  // take_sort: the records as one list
	// NewestFirst is for group_by: the lists are in the opposite order of the flow.
	NewestFirst bool `json:"newest_first,omitempty"`
	// WithWindow is for an op with windows that a departition stands behind: every record comes out in a pair, behind its
	// window, which the departition takes from it.
	WithWindow bool `json:"with_window,omitempty"`
	// Aggregates are what summarize computes, and Fields the members of its results that hold the key.
	Aggregates []Aggregation `json:"aggregates,omitempty"`
	Fields     []string      `json:"fields,omitempty"`
	Window     *Window       `json:"window,omitempty"`  // stateful ops and join: state by window
	Trigger    *Trigger      `json:"trigger,omitempty"` // reduce, scan
	// Options is what the call says besides, in its order, as text: join's how, summarize's aggregates.
	Options []Option `json:"options,omitempty"`
}

// An Aggregation is one member of the result of summarize. What it is computed of is the function "of." + Name; without
// one it is the record itself.
type Aggregation struct {
	Name string  `json:"name"`
	Kind string  `json:"kind"`        // count, sum, mean, ...: the names of the module agg
	N    int64   `json:"n,omitempty"` // top
	Q    float64 `json:"q,omitempty"` // quantile
}

// An Option is a parameter of an operator that has no field of its own.
type Option struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// A Using is the side input of an op: the records of another op, whole, as a list or as a dict.
type Using struct {
	Op     int  `json:"op"`
	Lookup bool `json:"lookup,omitempty"` // a dict by Funcs["using.key"], values by Funcs["using.value"]
	Many   bool `json:"many,omitempty"`   // a key twice: its list instead of an error
}

// ErrorRules say what becomes of a record whose function fails.
type ErrorRules struct {
	Drop      bool    `json:"drop,omitempty"`
	File      string  `json:"file,omitempty"`       // dead letters, as JSON lines
	MaxErrors int64   `json:"max_errors,omitempty"` // 0: no limit
	MaxShare  float64 `json:"max_share,omitempty"`  // of the op's input, 0: no limit
}

// A Ref names a function or value that an op uses.
type Ref struct {
	Op int
	// f, key, by, merge, flush, done, value, of, of.NAME, route, weight, emit, on_trigger, using.key, using.value,
	// window.time, trigger.f;
	// values: initial, list
	Param string
}

// A Program is a loaded job: its graph, and what the graph refers to. Everything in it is frozen and safe for
// concurrent use.
type Program struct {
	Graph  *Graph
	Funcs  map[Ref]*kernel.Func
	Values map[Ref]starlark.Value // initial (a callable or a value to be copied), list (an iterable)
	Script string                 // path of the script, for messages
	// Prepare sets up each thread that runs functions of the script; may be nil.
	Prepare func(*starlark.Thread)
}

// A Loader turns a bundle into a program. Executors use it to arrive at the same graph as the master; the
// command line passes it in, because the engine does not know the language.
type Loader func(bundle []byte) (*Program, error)
