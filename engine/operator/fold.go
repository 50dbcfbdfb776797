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
	a.folder.Open(&in.Values, in.Ordinal)
	defer a.folder.Close()
	for i := 0; i < len(groups); {
		end := i + 1
		for end < len(groups) && groups[end] == groups[i] {
			end++
		}
		if stopped, err := a.fold(groups[i], in, i, end); err != nil {
			return &RecordError{Ordinal: in.Ordinal(stopped), Err: err}
		}
		i = end
	}
	return nil
}

// fold folds records of one group.
func (a *foldAggregate) fold(g int32, in *Keyed, i, end int) (stopped int, err error) {
	if int(g) == len(a.states) {
		o := in.Ordinal(i)
		a.folder.At(o)
		state, err := a.folder.Initial(o.Lane)
		if err != nil {
			return i, err
		}
		a.add(state)
	}
	state, stopped, err := a.folder.Fold(a.states[g], i, end)
	if err != nil {
		return stopped, err
	}
	a.states[g] = state
	a.grow(g, end-i)
	return stopped, nil
}

func (a *foldAggregate) add(state starlark.Value) {
	a.states = append(a.states, state)
	a.sizes = append(a.sizes, estimate{next: 1})
}

// grow brings the size of a state up to date after some records.
func (a *foldAggregate) grow(g int32, records int) {
	e := &a.sizes[g]
	e.folds = int32(min(int(e.folds)+records, 1<<30))
	before := e.bytes
	if e.folds >= e.next {
		a.measure(g)
	} else {
		e.bytes += e.grows * int64(records)
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
		a.grow(g, 1)
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
