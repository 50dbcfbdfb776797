package operator

import (
	"unsafe"

	"github.com/flowsh/flowsh/engine/chunk"
	"go.starlark.net/starlark"
)

// NewFirst keeps, of each group, the record with the lowest ordinal; without values, as where the key is the
// record, it keeps None. Records and states may come in any order.
func NewFirst() Aggregate { return new(firstAggregate) }

type firstAggregate struct {
	last    bool // the highest ordinal is wanted
	records rows
	at      []int32         // index in records of each group's record
	ords    []chunk.Ordinal // its ordinal
}

// wasteful is the number of replaced records from which on, if they are the most, the others are moved.
const wasteful = 4096

func (a *firstAggregate) Fold(groups []int32, in *Keyed) error {
	for i, g := range groups {
		switch {
		case int(g) == len(a.at):
			a.at = append(a.at, int32(a.records.N))
			a.ords = append(a.ords, in.Ordinals[i])
		case a.replaces(in.Ordinals[i], a.ords[g]):
			a.at[g], a.ords[g] = int32(a.records.N), in.Ordinals[i]
		default:
			continue
		}
		if in.Values.Kind == chunk.Empty {
			a.records.Append(starlark.None)
		} else {
			a.records.append(&in.Values, i)
		}
	}
	a.compact()
	return nil
}

// replaces says whether a record takes the place of another.
func (a *firstAggregate) replaces(ord, old chunk.Ordinal) bool {
	c := ord.Compare(old)
	return c < 0 && !a.last || c > 0 && a.last
}

// Merge is Fold: a state is the record, and the ordinal that comes with it the record's.
func (a *firstAggregate) Merge(groups []int32, in *Keyed) error { return a.Fold(groups, in) }

// compact drops records that were replaced.
func (a *firstAggregate) compact() {
	if a.records.N < wasteful || a.records.N < 2*len(a.at) {
		return
	}
	var kept rows
	for g, at := range a.at {
		a.at[g] = int32(kept.N)
		kept.append(&a.records.Column, int(at))
	}
	a.records = kept
}

func (a *firstAggregate) States(groups []int32, out *chunk.Column) {
	for _, g := range groups {
		out.AppendFrom(&a.records.Column, int(a.at[g]))
	}
}

func (a *firstAggregate) Results(groups []int32, out *chunk.Column) error {
	a.States(groups, out)
	return nil
}

func (a *firstAggregate) foldsOrdinals() {}

// keeps is for uniq without a key: values of more than a number are not kept twice.
func (a *firstAggregate) keeps(values *chunk.Column) (kept, bool) {
	return kept{}, values.Kind == chunk.Empty
}

func (a *firstAggregate) Size() int64 {
	return a.records.size() + int64(4*cap(a.at)+int(unsafe.Sizeof(chunk.Ordinal{}))*cap(a.ords))
}

func (a *firstAggregate) Reset() {
	a.records.reset()
	a.at, a.ords = a.at[:0], a.ords[:0]
}
