package kernel

import (
	"slices"
	"sync/atomic"

	"github.com/flowsh/flowsh/engine/chunk"
	"go.starlark.net/starlark"
)

// A StepKind says what a Step does with what its function returns.
type StepKind uint8

// The kinds of steps.
const (
	Map       StepKind = iota // the result is the record
	FlatMap                   // the result's elements are the records
	Filter                    // the record passes if the result is true
	Reject                    // the record passes if the result is false
	MapValues                 // of a pair (key, value), the result replaces the value
	Sample                    // the record passes by chance: Fraction of all do; there is no function
	Lane                      // the result is the key that decides the record's lane
	Route                     // the result is the record's lane, or None for a record that goes nowhere
)

// A Step is one function applied to each record of a batch.
type Step struct {
	Kind  StepKind
	Op    int    // the engine's number for the operator
	Name  string // the operator's name, for messages
	At    string // file:line:col of the operator in the script, for errors outside script code
	Fn    *Func
	Using starlark.Value // the side input, if Fn.Using; frozen
	Lanes int            // Lane, Route: the number of lanes
	Loose bool           // Lane: the lanes of records are not wanted, for their keys tell them
	// Sample: a record passes if the hash of Seed and its ordinal is below Fraction of all hashes.
	Fraction float64
	Seed     int64
	Catch    bool // a record that fails becomes a dead letter instead of an error
}

// A Chain is what happens to the records of a batch, one after another, in one go: the Steps, and then the
// Columns, which are functions of the records that are left, such as keys.
type Chain struct {
	Steps   []Step
	Columns []Step   // each of kind Map; its results fill one column of the Output
	Discard bool     // the records themselves are not wanted, only Columns
	Delta   *Delta   // what the records add to a state fills columns behind Columns: a key perhaps, then the parts
	In      Known    // of the records that come in
	Ints    []string // members of the records that come in, which are dicts, that are ints or None
	Into    *Func    // the one that the records go to next, if there is no other way out for them; nil: not known
	// Readers are the functions that the records go to next as a field of a tuple, if there is no other way out for
	// them; nil: not known.
	Readers []Reader
}

// A Reader is a function that gets a record as a field of a tuple.
type Reader struct {
	Fn        *Func
	Parameter int // the number of the field
}

// An Env is what a runner shares with all others of the job.
type Env struct {
	Seed     int64
	MaxSteps uint64 // for one record, through all steps
	MaxDepth int    // of calls; 0: 1000
	// Prepare sets up each new thread, with the job's time for instance; may be nil.
	Prepare func(*starlark.Thread)
	// Interrupt, once Stop has set it, stops every runner at the next step of Starlark work: the job was
	// cancelled, or memory is used up. The error is what Run returns.
	Interrupt atomic.Pointer[error]
	stopping  stopping
	// Watch looks at every call of a function of the script by the interpreter; nil: nobody does.
	Watch *Watch
	// Moves counts pieces of work done: it changes at least once in a few milliseconds while a function runs.
	Moves atomic.Int64
}

// A Count is how many records a step saw and what became of them. In = Out + Filtered + Dead, except for
// FlatMap, whose Out is the number of records emitted.
type Count struct{ In, Out, Filtered, Dead int64 }

// Add adds another count.
func (c *Count) Add(d Count) {
	c.In += d.In
	c.Out += d.Out
	c.Filtered += d.Filtered
	c.Dead += d.Dead
}

// A Dead is a record that failed at a step that catches.
type Dead struct {
	Step   int
	Record starlark.Value
	Error  *ScriptError
}

// CounterLocal is where a thread has a func(name string, n int64) that lets a counter grow by n, which is not 0.
const CounterLocal = "flowsh.counter"

// A Place says where in a batch a record failed or a line was printed.
type Place struct {
	Relative uint32 // of the record that was worked on
	Before   int    // records that had left the chain
	Print    bool   // the next of Output.Prints; otherwise of Output.Dead
}

// An Output is what a batch becomes. It belongs to the caller and is reset by Run.
type Output struct {
	chunk.Batch
	Columns []chunk.Column // one per Chain.Columns, of the batch's length
	Counts  []Count        // one per Chain.Steps
	Dead    []Dead         // in order of records
	Prints  []Print        // in order of records
	Places  []Place        // of Dead and Prints together, in order
	Len     int            // rows: records that left the chain; Batch.N unless Chain.Discard
	folded  int            // records that left the chain, where Chain.Delta makes rows by key of them
	keyed   bool           // it does
	// Borrowed says that the records are those of the input batch, not copies.
	Borrowed bool
	borrowed bool // Columns are too
}

// A Runner takes batches through a chain. It is used by one goroutine at a time; runners of one chain share
// nothing that changes.
type Runner interface {
	// Run fills out from in. A *ScriptError says which record failed; out then holds what came before it.
	Run(in *chunk.Batch, out *Output) error
}

func (o *Output) reset(in *chunk.Batch, c *Chain) {
	if o.Borrowed {
		o.Batch, o.Borrowed = chunk.Batch{}, false
	}
	if o.borrowed {
		o.Columns, o.borrowed = nil, false
	}
	o.Batch.Reset()
	o.Base, o.Origin = in.Base, in.Origin
	if n := c.OutputColumns(); len(o.Columns) != n {
		o.Columns = make([]chunk.Column, n)
	}
	for i := range o.Columns {
		o.Columns[i].Reset()
	}
	if len(o.Counts) != len(c.Steps) {
		o.Counts = make([]Count, len(c.Steps))
	}
	clear(o.Counts)
	o.Dead, o.Prints, o.Places, o.Len = nil, nil, nil, 0
	o.folded, o.keyed = 0, c.Delta != nil && c.Delta.Keyed
}

// Records is how many records left the chain.
func (o *Output) Records() int {
	if o.keyed {
		return o.folded
	}
	return o.Len
}

// laned says that records get lanes on their way.
func (c *Chain) laned() bool {
	return slices.ContainsFunc(c.Steps, func(s Step) bool { return s.Kind == Lane && !s.Loose || s.Kind == Route })
}

// OutputColumns is how many columns the output has.
func (c *Chain) OutputColumns() int {
	if c.Delta != nil {
		return len(c.Columns) + c.Delta.width()
	}
	return len(c.Columns)
}
