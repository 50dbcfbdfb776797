package engine

import (
	"slices"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/operator"
)

// A joinSide is what a unit brings to a join: records with their keys. Where the join has windows, a key has the window
// before it, and a record stands there once for each of its windows.
type joinSide struct {
	keys, records *chunk.Column
	from          []int // the unit's record that each was made of; nil: they are the unit's
	failed        error // of the unit's record behind these
}

// joinSide takes the columns of a unit apart: the key and, where there are windows, the time.
func (s *stageRun) joinSide(w *windower, members []string, u *unit) joinSide {
	out := u.out
	from := only(&out.Column, members)
	if w == nil {
		return joinSide{keys: &out.Columns[0], records: from}
	}
	columns, times := w.split(out.Columns)
	windows, keys, records := chunk.Column{}, chunk.Column{}, new(chunk.Column)
	side := joinSide{records: records, from: []int{}}
	var starts []int64
	for i := range out.Len {
		t, err := instantOf(times, i)
		if err == nil {
			starts, err = w.windowsOf(starts[:0], t, nil)
		}
		if err != nil {
			side.failed = s.keyError(w.op, u, i, &operator.KeyError{Err: err})
			break
		}
		for _, start := range starts {
			windows.AppendInt(start)
			keys.AppendFrom(&columns[0], i)
			if out.N > 0 {
				records.AppendFrom(from, i)
			}
			side.from = append(side.from, i)
		}
	}
	side.keys = &chunk.Column{Kind: chunk.Tuple, N: keys.N, Fields: []chunk.Column{windows, keys}}
	return side
}

// only is a view of records with some of their members; those that are asked for none stay as they are.
func only(c *chunk.Column, members []string) *chunk.Column {
	if c.Kind != chunk.Record || len(members) == 0 {
		return c
	}
	some := &chunk.Column{Kind: chunk.Record, N: c.N}
	for _, name := range members {
		if f := slices.Index(c.Names, name); f >= 0 {
			some.Names, some.Fields = append(some.Names, name), append(some.Fields, c.Fields[f])
		}
	}
	if len(some.Fields) == 0 {
		return c
	}
	return some
}

// plain says that a column refers to nothing but itself.
func plain(c *chunk.Column) bool {
	switch c.Kind {
	case chunk.Empty, chunk.Null, chunk.Bool, chunk.Int, chunk.Float:
		return true
	case chunk.Tuple, chunk.Record:
		return !slices.ContainsFunc(c.Fields, func(f chunk.Column) bool { return !plain(&f) })
	}
	return false
}

// record is the number of the unit's record that record i was made of.
func (j *joinSide) record(i int) int {
	if j.from == nil {
		return i
	}
	return j.from[i]
}

// taken is how many of the unit's records were taken, of which n with their windows were.
func (j *joinSide) taken(u *unit, n int, err error) int64 {
	switch {
	case err != nil:
		return int64(j.record(n))
	case j.from == nil || j.failed == nil:
		return int64(u.out.Len)
	case n == 0:
		return 0
	}
	return int64(j.from[n-1] + 1)
}
