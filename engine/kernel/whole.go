package kernel

import (
	"slices"

	"github.com/flowsh/flowsh/engine/chunk"
)

// A wholeBatch is a program for all records of a batch at once, of chains that do nothing but map, and perhaps split or
// filter before. What is added to a state by key is more columns.
type wholeBatch struct {
	split   *wholeSplit // what comes first; nil: nothing, the records that come in are filtered or mapped
	filters []*wholeFilter
	results []*vector // of the steps: each may fail
	record  *vector   // what leaves the chain; nil: what comes in, or nothing
	columns []*vector
	chain   *Chain
}

// beginWhole begins with the record of the input. Like the methods below it gives nil if there is no such program.
func (b *builder) beginWhole(record *operand) *wholeBatch {
	steps := b.chain.Steps
	splits := len(steps) > 0 && steps[0].Kind == FlatMap
	if splits {
		steps = steps[1:]
	}
	for len(steps) > 0 && !splits && (steps[0].Kind == Filter || steps[0].Kind == Reject) {
		steps = steps[1:]
	}
	if b.document != nil || slices.ContainsFunc(steps, func(s Step) bool { return s.Kind != Map }) {
		return nil
	}
	if record.typ.kind != boxedAny && !splits {
		record.vector = &vector{path: []int{}}
	}
	return &wholeBatch{chain: b.chain}
}

// through adds the first step, which splits.
func (w *wholeBatch) through(part *operand, split *wholeSplit) *wholeBatch {
	if w == nil || split == nil {
		return nil
	}
	part.vector = &vector{path: []int{}}
	w.split = split
	return w
}

// selects adds a filter, which is step k.
func (w *wholeBatch) selects(k int, cond operand) *wholeBatch {
	if w == nil || cond.typ.kind != boolean || cond.vector == nil {
		return nil
	}
	w.filters = append(w.filters, &wholeFilter{test: cond.vector, pass: w.chain.Steps[k].Kind == Filter})
	return w
}

// returns adds what a step returned.
func (w *wholeBatch) returns(record operand) *wholeBatch {
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
	if v == nil && len(w.filters) > 0 {
		v = o.boxes
	}
	if v == nil {
		return nil
	}
	w.columns = append(w.columns, v)
	return w
}

// contribution adds what each record adds to a state: one row of a key, if there is one, and ints.
func (w *wholeBatch) contribution(key *operand, parts []operand) *wholeBatch {
	if key != nil {
		if !scalarKey(key.typ) {
			return nil
		}
		w = w.column(*key)
	}
	for _, p := range parts {
		if p.typ.kind != integer {
			return nil
		}
		w = w.column(p)
	}
	return w
}

// atOnce takes all records of the batch through a program. It reports false, and has done nothing, if some of them
// are to be taken one by one.
func (r *compiled) atOnce(p *program) bool {
	f, w := r.frame, p.whole
	steps := int64(min(r.env.MaxSteps, mostFuel)) - p.cost
	if w == nil || r.env.Interrupt.Load() != nil || steps < 0 {
		return false
	}
	f.batches++
	records := f.in
	defer func() { f.in = records }()
	if w.split != nil {
		if len(records.Lanes) > 0 || !w.split.run(records, steps) || w.split.parts.N == 0 {
			return false
		}
		f.in = &w.split.parts
	}
	for _, filter := range w.filters {
		if len(records.Lanes) > 0 || !filter.run(f) {
			return false
		}
		f.in = &filter.passed
		f.batches++
	}
	if f.in.N > 0 {
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
		w.emit(f)
	}
	if w.split != nil {
		f.passed[0] = int64(f.out.Len)
	}
	for k, filter := range w.filters {
		f.passed[k] = int64(filter.passed.N)
	}
	f.done = int64(records.N)
	r.report.Records += int64(records.N)
	r.window.passed(records.N)
	r.env.Moves.Add(1)
	return true
}

// emit fills the output. What was split is swapped for what the output had before, so that it is not copied.
func (w *wholeBatch) emit(f *frame) {
	in, out := f.in, f.out
	out.Len = in.N
	if out.keyed {
		out.folded = in.N
	}
	if len(w.chain.Steps) == 0 {
		out.Batch, out.Borrowed = *in, true
		if w.chain.Discard {
			out.Column = chunk.Column{}
		}
	} else if w.record != nil {
		c, _ := w.record.in(f)
		out.Column.AppendAll(c)
	}
	for i, v := range w.columns {
		c, _ := v.in(f)
		if w.split != nil && c == &in.Column && w.uses(c, f) == 1 {
			out.Columns[i], in.Column = in.Column, out.Columns[i]
			continue
		}
		out.Columns[i].AppendAll(c)
	}
	switch {
	case len(w.chain.Steps) == 0:
	case w.split != nil:
		out.Relative, in.Relative = in.Relative, out.Relative
	default:
		out.Relative = append(out.Relative, in.Relative...)
		out.Lanes = append(out.Lanes, in.Lanes...)
	}
}

// uses is how many columns a column becomes.
func (w *wholeBatch) uses(c *chunk.Column, f *frame) (n int) {
	for _, v := range w.columns {
		if used, _ := v.in(f); used == c {
			n++
		}
	}
	return n
}
