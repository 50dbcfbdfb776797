package operator

import (
	"errors"
	"slices"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
)

// NewTop keeps the n records of each group that stand first in the order of their keys, or with reverse last, as
// a list in that order; of equal keys the one with the lower ordinal comes first. A value is the pair (order key
// as value.AppendOrder gives it, as a string; record). Records and states may come in any order.
func NewTop(n int64, reverse bool) Aggregate { return &topAggregate{limit: n, reverse: reverse} }

// A topAggregate holds of each group a heap whose root is the record that goes next.
type topAggregate struct {
	limit   int64
	reverse bool
	heaps   [][]ranked
	held    int64
}

type ranked struct {
	key    string
	ord    chunk.Ordinal
	record starlark.Value
}

const sizeRanked = 48

var errTop = errors.New("take_sort: want pairs of order key and record")

func (a *topAggregate) Fold(groups []int32, in *Keyed) error {
	if len(groups) == 0 {
		return nil
	}
	if in.Values.Kind != chunk.Tuple || len(in.Values.Fields) != 2 || in.Values.Fields[0].Kind != chunk.String {
		return errTop
	}
	keys, records := in.Values.Fields[0].Strings, &in.Values.Fields[1]
	for i, g := range groups {
		a.grow(g)
		if a.enters(g, keys[i], in.Ordinals[i]) {
			a.push(g, keys[i], in.Ordinals[i], records.At(i))
		}
	}
	return nil
}

func (a *topAggregate) grow(g int32) {
	if int(g) == len(a.heaps) {
		a.heaps = append(a.heaps, nil)
	}
}

func (a *topAggregate) foldsOrdinals() {}

// before orders the records of a group.
func (a *topAggregate) before(xKey, yKey string, x, y chunk.Ordinal) bool {
	if xKey == yKey {
		return x.Compare(y) < 0
	}
	return (xKey < yKey) != a.reverse
}

func (a *topAggregate) enters(g int32, key string, ord chunk.Ordinal) bool {
	h := a.heaps[g]
	return int64(len(h)) < a.limit || a.limit > 0 && a.before(key, h[0].key, ord, h[0].ord)
}

func (a *topAggregate) push(g int32, key string, ord chunk.Ordinal, record starlark.Value) {
	r := ranked{key: string([]byte(key)), ord: ord, record: keep(record)}
	a.held += r.size()
	h := a.heaps[g]
	if int64(len(h)) < a.limit {
		a.heaps[g] = a.up(append(h, r))
		return
	}
	a.held -= h[0].size()
	h[0] = r
	a.down(h)
}

func (r *ranked) size() int64 { return sizeRanked + int64(len(r.key)) + value.Size(r.record) }

func (a *topAggregate) worse(x, y *ranked) bool { return a.before(y.key, x.key, y.ord, x.ord) }

// up moves the last element of a heap to its place.
func (a *topAggregate) up(h []ranked) []ranked {
	for i := len(h) - 1; i > 0; {
		parent := (i - 1) / 2
		if !a.worse(&h[i], &h[parent]) {
			break
		}
		h[i], h[parent] = h[parent], h[i]
		i = parent
	}
	return h
}

// down moves the first element of a heap to its place.
func (a *topAggregate) down(h []ranked) {
	for i := 0; ; {
		worst := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(h); child++ {
			if a.worse(&h[child], &h[worst]) {
				worst = child
			}
		}
		if worst == i {
			return
		}
		h[i], h[worst] = h[worst], h[i]
		i = worst
	}
}

// sorted gives a group's records in order.
func (a *topAggregate) sorted(g int32) []ranked {
	h := slices.Clone(a.heaps[g])
	slices.SortFunc(h, func(x, y ranked) int {
		if a.worse(&y, &x) {
			return -1
		}
		return 1
	})
	return h
}

func (a *topAggregate) Results(groups []int32, out *chunk.Column) error {
	for _, g := range groups {
		sorted := a.sorted(g)
		records := make([]starlark.Value, len(sorted))
		for i := range sorted {
			records[i] = sorted[i].record
		}
		out.Append(frozenList(records))
	}
	return nil
}

func (a *topAggregate) States(groups []int32, out *chunk.Column) {
	for _, g := range groups {
		list := make([]starlark.Value, len(a.heaps[g]))
		for i, r := range a.heaps[g] {
			list[i] = r.state()
		}
		out.Append(frozenList(list))
	}
}

// Pieces appends the state of a group as several, one for each piece that a chunk holds.
func (a *topAggregate) Pieces(g int, out *chunk.Column) int {
	h := a.heaps[g]
	return appendPieces(out, len(h), func(i int) (starlark.Value, int64) { return h[i].state(), h[i].size() })
}

func (a *topAggregate) whole(g int32) bool { return len(a.heaps[g]) <= 1 }

func (r *ranked) state() starlark.Value {
	return starlark.Tuple{
		starlark.Bytes(r.key),
		starlark.MakeUint64(uint64(r.ord.Lane)), starlark.MakeInt64(int64(r.ord.Position)),
		starlark.MakeUint64(uint64(r.ord.Sibling)), r.record,
	}
}

func (a *topAggregate) Merge(groups []int32, in *Keyed) error {
	for i, g := range groups {
		list, ok := in.Values.At(i).(*starlark.List)
		if !ok {
			return errState("take_sort")
		}
		a.grow(g)
		for k := range list.Len() {
			if !a.mergeRecord(g, list.Index(k)) {
				return errState("take_sort")
			}
		}
	}
	return nil
}

func (a *topAggregate) mergeRecord(g int32, v starlark.Value) bool {
	t, ok := v.(starlark.Tuple)
	if !ok || len(t) != 5 {
		return false
	}
	var place chunk.Column
	place.Append(t[1:4])
	o, ok := ordinalOf(place.Fields, 0)
	key, isKey := t[0].(starlark.Bytes)
	if !ok || !isKey {
		return false
	}
	if a.enters(g, string(key), o) {
		a.push(g, string(key), o, t[4])
	}
	return true
}

func (a *topAggregate) Size() int64 { return int64(24*cap(a.heaps)) + a.held }

func (a *topAggregate) Reset() {
	clear(a.heaps)
	a.heaps, a.held = a.heaps[:0], 0
}
