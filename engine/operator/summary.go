package operator

import (
	"errors"
	"fmt"

	"github.com/flowsh/flowsh/engine/chunk"
	"go.starlark.net/starlark"
)

// A SummaryPart is one aggregate of a summary, its name for messages, and the field of the records' values that it
// reads: -1 for an aggregate that needs no value.
type SummaryPart struct {
	Name  string
	New   func() Aggregate
	Field int
}

// NewSummary keeps several aggregates for each group. The values are tuples, of which every aggregate reads one
// field, or empty if none reads any; the result is the tuple of the aggregates' results. All parts must take
// records and states in any order, and so does the summary.
//
// There is at least one part.
func NewSummary(parts []SummaryPart) Aggregate {
	s := &summary{of: parts, ins: make([]Keyed, len(parts)), pieces: make([]chunk.Column, len(parts))}
	placed := false
	for _, p := range parts {
		agg := p.New()
		_, ok := agg.(placedAggregate)
		placed = placed || ok
		s.parts = append(s.parts, agg)
	}
	if placed {
		return placedSummary{s}
	}
	return s
}

type summary struct {
	of     []SummaryPart
	parts  []Aggregate
	ins    []Keyed        // per part, to be used again
	pieces []chunk.Column // the same
}

// A placedSummary is one with a part that looks at ordinals.
type placedSummary struct{ *summary }

func (placedSummary) foldsOrdinals() {}

func (s *summary) Fold(groups []int32, in *Keyed) error {
	columns := tupleColumns(&in.Values)
	var failed error
	for k, part := range s.parts {
		values := chunk.Column{}
		if f := s.of[k].Field; f >= 0 {
			values = columns[f]
		}
		if err := part.Fold(groups, s.in(k, in, values)); err != nil {
			failed = lowest(failed, s.named(k, err))
		}
	}
	return failed
}

// named says which part an error of a record is about.
func (s *summary) named(k int, err error) error {
	var e *RecordError
	if !errors.As(err, &e) {
		return err
	}
	return &RecordError{Ordinal: e.Ordinal, Err: fmt.Errorf("%s: %w", s.of[k].Name, e.Err)}
}

// in is what a part reads instead of in.
func (s *summary) in(k int, in *Keyed, values chunk.Column) *Keyed {
	s.ins[k] = *in
	s.ins[k].Values = values
	return &s.ins[k]
}

// tupleColumns is the fields of a column of tuples, which may have been boxed.
func tupleColumns(c *chunk.Column) []chunk.Column {
	if c.Kind != chunk.Any {
		return c.Fields
	}
	var columns []chunk.Column
	for i := range c.N {
		t, _ := c.Values[i].(starlark.Tuple)
		if columns == nil {
			columns = make([]chunk.Column, len(t))
		}
		for f := range min(len(t), len(columns)) {
			columns[f].Append(t[f])
		}
	}
	return columns
}

// Merge adds states. The state of a part is None where the state of a group stands in several pieces and this one
// has nothing for the part.
func (s *summary) Merge(groups []int32, in *Keyed) error {
	columns := tupleColumns(&in.Values)
	if len(columns) != len(s.parts) {
		return errState("summarize")
	}
	for k, part := range s.parts {
		if columns[k].N != len(groups) {
			return errState("summarize")
		}
		some, states := present(groups, s.in(k, in, columns[k]))
		if len(some) == 0 {
			continue
		}
		if err := part.Merge(some, states); err != nil {
			return err
		}
	}
	return nil
}

// present leaves out the states that are None.
func present(groups []int32, in *Keyed) ([]int32, *Keyed) {
	switch in.Values.Kind {
	case chunk.Null:
		return nil, in
	case chunk.Any:
	default:
		return groups, in
	}
	var which []int32
	for i, v := range in.Values.Values {
		if v != starlark.None {
			which = append(which, int32(i))
		}
	}
	if len(which) == len(groups) {
		return groups, in
	}
	some := &Keyed{}
	for _, i := range which {
		some.Values.AppendFrom(&in.Values, int(i))
		some.Ordinals = append(some.Ordinals, in.Ordinal(int(i)))
	}
	return gather(nil, groups, which), some
}

func (s *summary) States(groups []int32, out *chunk.Column) {
	fields := tupleFields(out, len(s.parts))
	for k, part := range s.parts {
		part.States(groups, &fields[k])
	}
	out.N += len(groups)
}

// Pieces appends the state of a group as as many as the part with the largest state needs.
func (s *summary) Pieces(g int, out *chunk.Column) (n int) {
	for k, part := range s.parts {
		c := &s.pieces[k]
		c.Reset()
		if p, ok := part.(pieces); ok {
			p.Pieces(g, c)
		} else {
			part.States([]int32{int32(g)}, c)
		}
		n = max(n, c.N)
	}
	for i := range n {
		piece := make(starlark.Tuple, len(s.pieces))
		for k := range s.pieces {
			piece[k] = starlark.None
			if i < s.pieces[k].N {
				piece[k] = s.pieces[k].At(i)
			}
		}
		out.Append(piece)
	}
	return n
}

func (s *summary) whole(g int32) bool {
	for _, part := range s.parts {
		if p, ok := part.(pieces); ok && !p.whole(g) {
			return false
		}
	}
	return true
}

func (s *summary) Results(groups []int32, out *chunk.Column) error {
	fields := tupleFields(out, len(s.parts))
	for k, part := range s.parts {
		if err := part.Results(groups, &fields[k]); err != nil {
			return s.named(k, err)
		}
	}
	out.N += len(groups)
	return nil
}

func (s *summary) plain() bool {
	for _, part := range s.parts {
		if p, ok := part.(plainAggregate); !ok || !p.plain() {
			return false
		}
	}
	return true
}

func (s *summary) Size() (n int64) {
	for _, part := range s.parts {
		n += part.Size()
	}
	return n
}

func (s *summary) Reset() {
	for _, part := range s.parts {
		part.Reset()
	}
}

// nothing is the results of the parts for no records at all.
func (s *summary) nothing() starlark.Value {
	results := make(starlark.Tuple, len(s.parts))
	for k, part := range s.parts {
		if results[k] = ResultOfNothing(part); results[k] == nil {
			results[k] = starlark.None
		}
	}
	return results
}
