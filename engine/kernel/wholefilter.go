package kernel

import "github.com/flowsh/flowsh/engine/chunk"

// A wholeFilter is a filter, or reject, that comes before all maps, for all records of a batch at once.
type wholeFilter struct {
	test   *vector
	pass   bool // what the test says of those that pass
	rows   []int32
	passed chunk.Batch // of the batch at hand
}

// run finds the records of the frame's batch that pass. It reports false if the batch is for the program.
func (w *wholeFilter) run(f *frame) bool {
	test, ok := w.test.in(f)
	if !ok {
		return false
	}
	rows, n := room(w.rows[:0], test.N)[:test.N], 0
	for i, is := range test.Bools[:test.N] {
		rows[n] = int32(i)
		if is == w.pass {
			n++
		}
	}
	w.rows = rows[:n]
	w.passed.Reset()
	w.passed.AppendRows(&f.in.Column, w.rows)
	for _, i := range w.rows {
		w.passed.Relative = append(w.passed.Relative, f.in.RelativeAt(int(i)))
	}
	return true
}
