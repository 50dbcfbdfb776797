// Package operator holds the state of operators that must see more than one record: groups by key and sorts.
// State is bounded by a share of the memory budget; over it, it goes to a spill.Store and is merged back.
// What comes out depends on the records and their ordinals alone, never on when or where something spilled.
package operator

import (
	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/host"
	"github.com/flowsh/flowsh/spill"
	"go.starlark.net/starlark"
)

// Keyed is a run of records on their way into keyed state: one key, one value and one ordinal per record. For
// aggregates that need no value (count, and uniq without a key) Values is empty.
//
// Instead of Ordinals, which take time to write down and are rarely looked at, there may be a Batch of as many
// records that has their positions; of Batch nothing else is used.
type Keyed struct {
	Keys     chunk.Column
	Values   chunk.Column
	Ordinals []chunk.Ordinal // nil if Batch is not
	Batch    *chunk.Batch
	from     int // index in Batch of record 0
}

// Memory is the share of the budget that one operator may hold, and where it goes when that is used up.
type Memory struct {
	Share int64       // bytes; the operator spills, or fails with *LimitError, above it
	Store spill.Store // nil: nothing can spill
	ID    string      // prefix of this operator's chunks in Store, unique in the job
	Host  *host.Host

	Compression chunk.Compression // of what is stored
}

// A Folder folds records with the user's functions. It is used by one goroutine at a time.
type Folder interface {
	// Initial is a new state for a key whose first record has a lane. It may be nil, which only Fold gets to see.
	Initial(lane uint32) (starlark.Value, error)
	// At says which record the calls of Initial and Merge that follow are about.
	At(o chunk.Ordinal)
	// Open begins with the values of records, which must not change until Close; ordinal says which each of them is.
	Open(records *chunk.Column, ordinal func(i int) chunk.Ordinal)
	// Fold folds the values from i up to end into the state and returns the next state. Of an error, stopped is the
	// value that it is about.
	Fold(state starlark.Value, i, end int) (next starlark.Value, stopped int, err error)
	Close()
	// Merge folds the state of later records into that of earlier ones. It is called only if the reducer has
	// merge=.
	Merge(earlier, later starlark.Value) (starlark.Value, error)
}

// An Aggregate holds the states of groups, which are numbered from 0 in order of arrival. It is used by one
// goroutine at a time.
//
// The columns that States appends to and Merge reads are private to the aggregate and can be encoded as chunks.
type Aggregate interface {
	// Fold folds in.Values[i] (and in.Ordinal(i)) into group groups[i], for each i in order. A group number equal
	// to the count of groups so far is a new group.
	Fold(groups []int32, in *Keyed) error
	// Merge does the same with states in place of values.
	Merge(groups []int32, in *Keyed) error
	// States appends the states of groups.
	States(groups []int32, out *chunk.Column)
	// Results appends the final values of groups. Of an error, those before the group in error are appended.
	Results(groups []int32, out *chunk.Column) error
	// Size is the heap size of the states in bytes.
	Size() int64
	// Reset forgets all groups and keeps memory.
	Reset()
}

// A placedAggregate is one whose Fold looks at the ordinals of most records.
type placedAggregate interface{ foldsOrdinals() }

// A patientAggregate is one whose records may be kept for a while before they are folded.
type patientAggregate interface {
	// keeps says what is to be kept of values. ok is false for values whose Fold may fail: of several errors the first
	// is to be reported, so none may wait.
	keeps(values *chunk.Column) (k kept, ok bool)
}

// An intAggregate is one whose state for a group, if it takes nothing but ints, is a few of them, each put together by
// itself. States and Merge have them as an int, or as a tuple of ints.
type intAggregate interface {
	// intStates says how, and whether the states are the results.
	intStates() (kinds []IntegerKind, results bool)
}

// A siblingAggregate can take states of another of its kind as they are kept there, which States would make a column of.
type siblingAggregate interface {
	Aggregate
	// elaborate reports whether the states are more than a column holds as well.
	elaborate() bool
	// mergeSibling is Merge of the states of some groups of the other.
	mergeSibling(groups []int32, other Aggregate, which []int32)
}

// A plainAggregate is one whose results are small and cannot fail. They, and states, may be taken by several goroutines at a
// time.
type plainAggregate interface{ plain() bool }
