package kernel

import (
	"slices"

	"github.com/flowsh/flowsh/engine/chunk"
)

// A wholeBatch is a program for all records of a batch at once, of chains that do nothing but map.
type wholeBatch struct {
	results []*vector // of the steps: each may fail
	record  *vector   // what leaves the chain; nil: what comes in, or nothing
	columns []*vector
	chain   *Chain
}

// beginWhole begins with the record of the input. Like the methods below it gives nil if there is no such program.
func (b *builder) beginWhole(record *operand) *wholeBatch {
	if b.chain.Delta != nil || b.document != nil || slices.ContainsFunc(b.chain.Steps, func(s Step) bool { return s.Kind != Map }) {
		return nil
	}
	if record.typ.kind != boxedAny {
		record.vector = &vector{path: []int{}}
	}
	return &wholeBatch{chain: b.chain}
}

// through adds what a step returned.
func (w *wholeBatch) through(record operand) *wholeBatch {
	if w == nil {
		return nil
	}
	v := vectorOf(&record)
	if v == nil {
		return nil
	}
	w.results = append(w.results, v)
	return w
}

// leave adds the record that leaves the chain.
func (w *wholeBatch) leave(record operand) *wholeBatch {
	if w == nil || w.chain.Discard || len(w.chain.Steps) == 0 {
		return w
	}
	w.record = vectorOf(&record)
	return w
}

// column adds a column.
func (w *wholeBatch) column(o operand) *wholeBatch {
	if w == nil {
		return nil
	}
	v := vectorOf(&o)
	if v == nil {
		return nil
	}
	w.columns = append(w.columns, v)
	return w
}

// atOnce takes all records of the batch through a program. It reports false, and has done nothing, if some of them
// are to be taken one by one.
func (r *compiled) atOnce(p *program) bool {
	f, w := r.frame, p.whole
	if w == nil || r.env.Interrupt.Load() != nil || p.cost > int64(min(r.env.MaxSteps, mostFuel)) {
		return false
	}
	f.batches++
	for _, v := range w.results {
		if _, ok := v.in(f); !ok {
			return false
		}
	}
	for _, v := range w.columns {
		if _, ok := v.in(f); !ok {
			return false
		}
	}
	in, out := f.in, f.out
	for i, v := range w.columns {
		c, _ := v.in(f)
		out.Columns[i].AppendAll(c)
	}
	switch {
	case len(r.chain.Steps) == 0:
		out.Batch, out.Borrowed = *in, true
		if r.chain.Discard {
			out.Column = chunk.Column{}
		}
	default:
		if w.record != nil {
			c, _ := w.record.in(f)
			out.Column.AppendAll(c)
		}
		out.Relative = append(out.Relative, in.Relative...)
		out.Lanes = append(out.Lanes, in.Lanes...)
	}
	out.Len = in.N
	f.done = int64(in.N)
	r.report.Records += int64(in.N)
	r.window.passed(in.N)
	r.env.Moves.Add(1)
	return true
}
