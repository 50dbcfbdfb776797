package operator

import (
	"slices"

	"github.com/flowsh/flowsh/engine/chunk"
	"go.starlark.net/starlark"
)

// ResultOfNothing is what an aggregate gives for no records at all: 0 for counts and sums, None for means, extremes
// and other single values, an empty list for lists, an empty set for sets, and the tuple of those of its parts for
// a summary. It is nil for aggregates that have no such result.
func ResultOfNothing(a Aggregate) starlark.Value {
	switch a := a.(type) {
	case *countAggregate, *sumAggregate, *distinctAggregate:
		return starlark.MakeInt(0)
	case *meanAggregate, *minMax, *endAggregate, *varianceAggregate, *quantileAggregate:
		return starlark.None
	case *firstAggregate:
		return nil
	case *listAggregate, *orderedList, *topAggregate, *greatest:
		return frozenList(nil)
	case *setAggregate:
		set := starlark.NewSet(0)
		set.Freeze()
		return set
	case *summary:
		return a.nothing()
	case placedSummary:
		return a.nothing()
	}
	return nil
}

// NewCount counts records. Values are not looked at. Records and states may come in any order.
func NewCount() Aggregate { return new(countAggregate) }

type countAggregate struct{ counts []int64 }

func (a *countAggregate) Fold(groups []int32, _ *Keyed) error {
	counts := a.counts
	for _, g := range groups {
		if int(g) == len(counts) {
			counts = push(counts, 0)
		}
		counts[g]++
	}
	a.counts = counts
	return nil
}

// addCount adds to the count of group g, which may be new.
func addCount(counts []int64, g int32, n int64) []int64 {
	if int(g) == len(counts) {
		return push(counts, n)
	}
	counts[g] += n
	return counts
}

func (a *countAggregate) Merge(groups []int32, in *Keyed) error {
	if in.Values.Kind != chunk.Int {
		return errState("count")
	}
	for i, g := range groups {
		a.counts = addCount(a.counts, g, in.Values.Ints[i])
	}
	return nil
}

func (a *countAggregate) States(groups []int32, out *chunk.Column) {
	appendInts(out, a.counts, groups)
}

// appendInts appends the numbers of groups.
func appendInts(out *chunk.Column, of []int64, groups []int32) {
	out.Ints = slices.Grow(out.Ints, len(groups))
	for _, g := range groups {
		out.AppendInt(of[g])
	}
}

func (a *countAggregate) Results(groups []int32, out *chunk.Column) error {
	a.States(groups, out)
	return nil
}

func (a *countAggregate) keeps(*chunk.Column) (kept, bool) { return kept{}, true }

func (a *countAggregate) intStates() ([]IntegerKind, bool) { return []IntegerKind{SumOfInts}, true }

func (a *countAggregate) plain() bool { return true }

func (a *countAggregate) Size() int64 { return int64(8 * cap(a.counts)) }

func (a *countAggregate) Reset() { a.counts = a.counts[:0] }
