package operator

import (
	"fmt"
	"iter"
	"slices"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
)

// NewList collects the records of each group into a list, in the order in which they come: records and states
// must come in the order of the flow.
func NewList() Aggregate { return &listAggregate{limit: -1} }

// NewReverseList is NewList with the lists in the opposite order: the newest record first.
func NewReverseList() Aggregate { return &listAggregate{limit: -1, reverse: true} }

// NewTake keeps the first n records of each group as a list, in the order in which they come: records and states
// must come in the order of the flow.
func NewTake(n int64) Aggregate { return &listAggregate{limit: n} }

// A listAggregate holds the records of all groups in one column; each knows the next one of its group.
type listAggregate struct {
	limit   int64 // -1: none
	reverse bool  // the results
	records rows
	next    []int32
	lists   []list
}

type list struct {
	head, tail int32 // indexes into records; nothing if n is 0
	n          int64
}

const maxRecords = 1<<31 - 1

func (a *listAggregate) Fold(groups []int32, in *Keyed) error {
	for i, g := range groups {
		if err := a.add(g, &in.Values, i); err != nil {
			return &RecordError{Ordinal: in.Ordinal(i), Err: err}
		}
	}
	return nil
}

func (a *listAggregate) add(g int32, from *chunk.Column, i int) error {
	if int(g) == len(a.lists) {
		a.lists = append(a.lists, list{})
	}
	l := &a.lists[g]
	if l.n == a.limit {
		return nil
	}
	at := int32(a.records.N)
	if at == maxRecords {
		return fmt.Errorf("more than %d records in one table of groups", int64(maxRecords))
	}
	a.records.append(from, i)
	a.next = append(a.next, 0)
	if l.n == 0 {
		l.head = at
	} else {
		a.next[l.tail] = at
	}
	l.tail = at
	l.n++
	return nil
}

// Merge appends lists, or pieces of them.
func (a *listAggregate) Merge(groups []int32, in *Keyed) error {
	for i, g := range groups {
		l, ok := in.Values.At(i).(*starlark.List)
		if !ok {
			return errState("list")
		}
		if int(g) == len(a.lists) {
			a.lists = append(a.lists, list{})
		}
		var piece chunk.Column
		for k := range l.Len() {
			piece.Append(l.Index(k))
		}
		for k := range piece.N {
			if err := a.add(g, &piece, k); err != nil {
				return err
			}
		}
	}
	return nil
}

// A piece of a state ends after so many records or bytes.
const (
	pieceRecords = 1024
	pieceBytes   = 256 << 10
)

// Pieces appends the state of a group as several that Merge puts together again, so that none is too large for
// a chunk.
func (a *listAggregate) Pieces(g int, out *chunk.Column) int {
	at := a.lists[g].head
	return appendPieces(out, int(a.lists[g].n), func(int) (starlark.Value, int64) {
		v := a.records.At(int(at))
		at = a.next[at]
		return v, value.Size(v)
	})
}

func (a *listAggregate) whole(g int32) bool { return a.lists[g].n <= 1 }

// appendPieces appends n elements as lists that chunks hold, at least one. An element is given with its size in bytes.
func appendPieces(out *chunk.Column, n int, element func(i int) (starlark.Value, int64)) (lists int) {
	var piece []starlark.Value
	bytes := int64(0)
	for i := range n {
		v, size := element(i)
		piece = append(piece, v)
		if bytes += size; len(piece) == pieceRecords || bytes > pieceBytes {
			out.Append(frozenList(piece))
			piece, bytes = nil, 0
			lists++
		}
	}
	if lists == 0 || len(piece) > 0 {
		out.Append(frozenList(piece))
		lists++
	}
	return lists
}

func (a *listAggregate) States(groups []int32, out *chunk.Column) {
	for _, g := range groups {
		l := a.lists[g]
		out.Append(frozenList(slices.AppendSeq(make([]starlark.Value, 0, l.n), a.values(l))))
	}
}

func (a *listAggregate) values(l list) iter.Seq[starlark.Value] {
	return func(yield func(starlark.Value) bool) {
		for at, left := l.head, l.n; left > 0; left-- {
			if !yield(a.records.At(int(at))) {
				return
			}
			at = a.next[at]
		}
	}
}

func frozenList(values []starlark.Value) *starlark.List {
	l := starlark.NewList(values)
	l.Freeze()
	return l
}

func (a *listAggregate) Results(groups []int32, out *chunk.Column) error {
	if !a.reverse {
		a.States(groups, out)
		return nil
	}
	for _, g := range groups {
		values := slices.Collect(a.values(a.lists[g]))
		slices.Reverse(values)
		out.Append(frozenList(values))
	}
	return nil
}

func (a *listAggregate) Size() int64 {
	return a.records.size() + int64(4*cap(a.next)+16*cap(a.lists))
}

func (a *listAggregate) Reset() {
	a.records.reset()
	a.next, a.lists = a.next[:0], a.lists[:0]
}
