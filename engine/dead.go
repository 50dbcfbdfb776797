package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/connector"
	"github.com/flowsh/flowsh/engine/kernel"
	"go.starlark.net/starlark"
)

// A MaxErrorsError says that more records failed than the job allows.
type MaxErrorsError struct {
	Op    string
	Limit string
	Dead  int64
	Seen  int64 // records that the op got, if the limit is a share of them
	Last  error // the failure that went over the limit, if it is not a share
}

func (e *MaxErrorsError) Error() string {
	if e.Last == nil {
		return fmt.Sprintf("%s: %d of %d records failed, more than max_errors = %s", e.Op, e.Dead, e.Seen, e.Limit)
	}
	return fmt.Sprintf("%s: %d records failed, more than max_errors = %s; the last: %v", e.Op, e.Dead, e.Limit, e.Last)
}

func (e *MaxErrorsError) Unwrap() error { return e.Last }

// A deadLetterBox keeps an op's failed records, or those that came too late, in order, until the step commits.
type deadLetterBox struct {
	name   string // of the op
	rules  *ErrorRules
	seen   int64 // records that came to the op
	posted int64
	dead   int64 // of them, those that were released: the first
	kept   *overflow
	batch  chunk.Batch
}

// rules are what becomes of records that fail at an op; nil: the job fails.
func (r *stepRun) rules(op int) *ErrorRules {
	o := &r.graph.Ops[op]
	if o.OnError != nil {
		if !o.OnError.Drop && o.OnError.File == "" {
			return nil
		}
		return o.OnError
	}
	switch o.Kind {
	case OpSource, OpMap, OpFlatMap, OpFilter, OpReject, OpScan, OpMapValues:
		return r.options.OnError
	}
	return nil
}

func (s *stageRun) rules(op int) *ErrorRules { return s.run.rules(op) }

// post keeps a record that is given up, if there is a file for it. It fails if there are too many.
func (r *stepRun) post(l *letter) (*deadLetterBox, error) {
	box := r.box(boxKey{l.op, l.late})
	r.deadMu.Lock()
	defer r.deadMu.Unlock()
	box.posted++
	if box.rules.MaxErrors > 0 && box.posted > box.rules.MaxErrors {
		return nil, &MaxErrorsError{Op: r.opName(l.op), Limit: fmt.Sprint(box.rules.MaxErrors), Dead: box.posted, Last: l.failure}
	}
	if box.rules.File == "" {
		return box, nil
	}
	box.batch.Append(deadLetter(l, r.opName(l.op), r.options.masked))
	if box.batch.N < 256 {
		return box, nil
	}
	return box, box.flush()
}

// show lets effects be seen: the next n posted records of a box, which are not discarded any more, a printed line, or n equal counts.
func (s *stageRun) show(box *deadLetterBox, n int64, e effect) {
	r, print := s.run, e.print
	switch {
	case box == nil && print.Lines != 0:
		s.leftOut.lines.Add(print.Lines)
		s.leftOut.bytes.Add(print.Bytes)
		return
	case box == nil && print.Add == 0:
		r.host.Send(Printed{Text: print.Text, Stage: &s.ID, Chunk: e.chunk, Attempt: e.attempt})
		return
	case box == nil:
		r.counters.add(print.Text, print.Add, n)
		return
	}
	r.deadMu.Lock()
	defer r.deadMu.Unlock()
	box.dead += n
	r.host.Send(DeadLetters{Op: box.name, Records: n})
}

// reportLeftOut says how much was printed that was not shown.
func (r *stepRun) reportLeftOut() {
	for _, s := range r.stages {
		if lines := s.leftOut.lines.Load(); lines > 0 {
			r.host.Send(Warning{Stage: &s.ID, Text: fmt.Sprintf("of what the functions of a stage print, the first %s are shown; lines left out: %d, of %d bytes",
				mebibytes(kernel.MostPrinted), lines, s.leftOut.bytes.Load())})
		}
	}
}

func (b *deadLetterBox) flush() error {
	if b.batch.N == 0 {
		return nil
	}
	err := b.kept.push(&b.batch)
	b.batch.Reset()
	return err
}

// share checks max_errors given as a share of an op's records, when all were seen.
func (b *deadLetterBox) share(name string) error {
	if b.rules.MaxShare == 0 || b.dead == 0 || float64(b.dead)/float64(b.seen) <= b.rules.MaxShare {
		return nil
	}
	return &MaxErrorsError{Op: name, Dead: b.dead, Seen: b.seen, Limit: fmt.Sprintf("%.10g%%", b.rules.MaxShare*100)}
}

// checkShares refuses a limit that is a share of records which a take may leave unread: how many are read is then a
// matter of timing.
func (r *stepRun) checkShares() error {
	for _, s := range r.stages {
		if !s.mayStop() {
			continue
		}
		for _, op := range append([]int{s.Source, s.Op}, s.Chain...) {
			if op < 0 {
				continue
			}
			if rules := r.rules(op); rules != nil && rules.MaxShare > 0 {
				return &kernel.ScriptError{
					Op: op, Name: string(r.graph.Ops[op].Kind), Position: r.graph.Ops[op].At,
					Message: fmt.Sprintf("max_errors = %.10g%% is a share of all records, but a take behind it does not let all be read: write a number, max_errors = 10", rules.MaxShare*100),
				}
			}
		}
	}
	return nil
}

type boxKey struct {
	op   int
	late bool
}

// compare puts failed records before late ones.
func (k boxKey) compare(l boxKey) int {
	switch {
	case k.late == l.late:
		return cmp.Compare(k.op, l.op)
	case l.late:
		return -1
	}
	return 1
}

func (r *stepRun) box(k boxKey) *deadLetterBox {
	r.deadMu.Lock()
	defer r.deadMu.Unlock()
	box := r.dead[k]
	if box == nil {
		box = &deadLetterBox{name: r.opName(k.op), rules: r.rules(k.op), kept: r.overflow(fmt.Sprintf("dead/%d", k.op))}
		if k.late {
			box.rules = &ErrorRules{File: r.graph.Ops[k.op].Window.Late}
			box.kept = r.overflow(fmt.Sprintf("late/%d", k.op))
		}
		r.dead[k] = box
	}
	return box
}

func (r *stepRun) seen(op int, n int64) {
	if rules := r.rules(op); rules != nil && rules.MaxShare > 0 {
		box := r.box(boxKey{op: op})
		r.deadMu.Lock()
		box.seen += n
		r.deadMu.Unlock()
	}
}

// deadLetter is a failed record as it is written: what it was, where it came from, and why it failed. A record
// that JSON cannot hold is written as its text. Why it failed is text for people, without secrets; the record is data.
func deadLetter(l *letter, stage string, masked func(string) string) starlark.Value {
	d := starlark.NewDict(6)
	set := func(key string, v starlark.Value) { _ = d.SetKey(starlark.String(key), v) } // a new dict takes any string key
	set("record", jsonable(l.record))
	set("source", starlark.String(l.source))
	if l.offset >= 0 {
		set("offset", starlark.MakeInt64(l.offset))
	} else {
		set("offset", starlark.None)
	}
	set("stage", starlark.String(stage))
	set("error", starlark.String(masked(l.failure.Error())))
	set("backtrace", starlark.String(masked(l.backtrace)))
	d.Freeze()
	return d
}

func jsonable(v starlark.Value) starlark.Value {
	if connector.JSONError(v) != nil {
		return starlark.String(v.String())
	}
	return v
}

// account takes what a unit did into the ledger.
func (s *stageRun) account(u *unit) error {
	if u.block != nil {
		u.task, u.bytes = u.block.Split.Index, u.block.Read
	}
	if s.Source >= 0 {
		s.run.seen(s.Source, u.read+int64(len(u.bad)))
	}
	for i := range u.counts {
		s.run.seen(s.Chain[i], u.counts[i].In)
	}
	if u.err != nil {
		return nil
	}
	m := Manifest{Read: u.read, Bad: int64(len(u.bad)), Counts: u.counts, Bytes: u.bytes, Emitted: u.emitted}
	if u.counts == nil {
		m.Counts = make([]kernel.Count, len(s.Chain))
	}
	return s.ledger.add(s.run.host, TaskID{Stage: s.ID, Task: u.task}, m)
}

// reason is what failed without the record and the backtrace, which stand beside it.
func reason(e *kernel.ScriptError) error {
	if e.Position == "" {
		return fmt.Errorf("%s", e.Message)
	}
	return fmt.Errorf("%s: %s", e.Position, e.Message)
}

func deadLetterSpec(file string) connector.SinkSpec {
	return connector.SinkSpec{Target: file, Format: "jsonl"}
}

// letters are the first n records of what a box has kept.
type letters struct {
	kept *overflow
	n    int64
}

// writeDeadLetters writes the failed records, and then those that came too late: step after step, in each op after
// op, in the order of the records. A file of an earlier step is written again, with what this step adds; a file that
// nothing goes to is empty, so that what an earlier run left there is not taken for this one's.
func (r *stepRun) writeDeadLetters(ctx context.Context) error {
	var files []string
	for _, key := range r.boxKeys() {
		box := r.box(key)
		if key.late {
			r.summary.Late += box.dead
		} else {
			r.summary.Dead += box.dead
		}
		if err := box.share(r.opName(key.op)); err != nil {
			return err
		}
		file := box.rules.File
		if file == "" || r.options.DryRun {
			continue
		}
		if err := box.flush(); err != nil {
			return err
		}
		fresh := letters{box.kept, box.dead}
		if receive := r.options.Receive; receive != nil {
			if err := fresh.each(ctx, func(b *chunk.Batch) error { return receive(file, &b.Column) }); err != nil {
				return err
			}
			continue
		}
		r.letters[file] = append(r.letters[file], fresh)
		if !slices.Contains(files, file) {
			files = append(files, file)
		}
	}
	for _, file := range files {
		if err := r.writeLetters(ctx, file); err != nil {
			return err
		}
	}
	return nil
}

// boxKeys are the boxes that the ops of the step may have, in order.
func (r *stepRun) boxKeys() (keys []boxKey) {
	for _, s := range r.stages {
		for _, op := range append([]int{s.Source, s.Op}, s.Chain...) {
			if op < 0 {
				continue
			}
			if r.rules(op) != nil {
				keys = append(keys, boxKey{op: op})
			}
			if w := r.graph.Ops[op].Window; w != nil && w.sheds() {
				keys = append(keys, boxKey{op, true})
			}
		}
	}
	slices.SortFunc(keys, boxKey.compare)
	return slices.Compact(keys)
}

func (r *stepRun) writeLetters(ctx context.Context, file string) error {
	sink, err := connector.NewSink(deadLetterSpec(file), r.host, r.host.Stdout)
	if err != nil {
		return err
	}
	r.sinks = append(r.sinks, &stepSink{name: file, Sink: sink})
	encoder := sink.NewEncoder()
	for _, l := range r.letters[file] {
		err := l.each(ctx, func(b *chunk.Batch) error {
			e, err := encoder.Encode(b, nil)
			if err != nil {
				return err
			}
			return sink.Write(e)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// each gives f the records, in order.
func (l letters) each(ctx context.Context, f func(*chunk.Batch) error) error {
	for n := l.kept.first; l.n > 0; n++ {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		b, err := l.kept.at(n)
		if err != nil {
			return err
		}
		b = part(b, 0, int(min(l.n, int64(b.N))))
		l.n -= int64(b.N)
		if err := f(b); err != nil {
			return err
		}
	}
	return nil
}
