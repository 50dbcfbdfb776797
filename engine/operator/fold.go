package operator

import (
	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
)

// NewFold folds records with the user's functions. Records must come in the order of the flow. States are merged
// in the order of the flow too, with Folder.Merge; a state for a new group is taken as it is, so a Folder without
// Merge can be loaded but not combined.
//
// An error of the Folder is returned as a *RecordError.
func NewFold(f Folder) Aggregate { return &foldAggregate{folder: f} }

type foldAggregate struct {
	folder Folder
	states []starlark.Value
	sizes  []estimate
	total  int64 // sum of sizes
}

// An estimate tells how large a state is without measuring it after each record: it grows by the mean so far,
// and is measured again when the number of records has doubled.
type estimate struct {
	bytes int64
	grows int64 // bytes for each record until the next measure
	folds int32 // records so far
	next  int32 // of which the next measure is taken
}

func (a *foldAggregate) Fold(groups []int32, in *Keyed) error {
	for i, g := range groups {
		if err := a.fold(g, in, i); err != nil {
			return &RecordError{Ordinal: in.Ordinal(i), Err: err}
		}
	}
	return nil
}

func (a *foldAggregate) fold(g int32, in *Keyed, i int) error {
	o := in.Ordinal(i)
	a.folder.At(o)
	if int(g) == len(a.states) {
		state, err := a.folder.Initial(o.Lane)
		if err != nil {
			return err
		}
		a.add(state)
	}
	state, err := a.folder.Fold(a.states[g], &in.Values, i)
	if err != nil {
		return err
	}
	a.states[g] = state
	a.grow(g)
	return nil
}

func (a *foldAggregate) add(state starlark.Value) {
	a.states = append(a.states, state)
	a.sizes = append(a.sizes, estimate{next: 1})
}

// grow brings the size of a state up to date after a record.
func (a *foldAggregate) grow(g int32) {
	e := &a.sizes[g]
	if e.folds < 1<<30 {
		e.folds++
	}
	before := e.bytes
	if e.folds == e.next {
		a.measure(g)
	} else {
		e.bytes += e.grows
	}
	a.total += e.bytes - before
}

func (a *foldAggregate) measure(g int32) {
	e := &a.sizes[g]
	e.bytes = value.Size(a.states[g])
	e.grows, e.next = e.bytes/int64(e.folds), 2*e.folds
}

func (a *foldAggregate) Merge(groups []int32, in *Keyed) error {
	for i, g := range groups {
		later := in.Values.At(i)
		if int(g) == len(a.states) {
			a.add(later)
		} else {
			merged, err := a.folder.Merge(a.states[g], later)
			if err != nil {
				return &RecordError{Ordinal: in.Ordinal(i), Err: err}
			}
			a.states[g] = merged
		}
		a.grow(g)
	}
	return nil
}

func (a *foldAggregate) States(groups []int32, out *chunk.Column) {
	for _, g := range groups {
		out.Append(a.states[g])
	}
}

// Results is States, frozen: what the user's function returns is the result, a record that many may read.
func (a *foldAggregate) Results(groups []int32, out *chunk.Column) error {
	for _, g := range groups {
		a.states[g].Freeze()
	}
	a.States(groups, out)
	return nil
}

func (a *foldAggregate) Size() int64 {
	return int64(16*cap(a.states)+24*cap(a.sizes)) + a.total
}

func (a *foldAggregate) Reset() {
	clear(a.states)
	a.states, a.sizes, a.total = a.states[:0], a.sizes[:0], 0
}
