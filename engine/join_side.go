package engine

import (
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
func (s *stageRun) joinSide(w *windower, u *unit) joinSide {
	out := u.out
	if w == nil {
		return joinSide{keys: &out.Columns[0], records: &out.Column}
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
				records.AppendFrom(&out.Column, i)
			}
			side.from = append(side.from, i)
		}
	}
	side.keys = &chunk.Column{Kind: chunk.Tuple, N: keys.N, Fields: []chunk.Column{windows, keys}}
	return side
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
