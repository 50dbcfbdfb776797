package engine

import (
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
	Last  error // the failure that went over the limit
}

func (e *MaxErrorsError) Error() string {
	return fmt.Sprintf("%s: %d records failed, more than max_errors = %s; the last: %v", e.Op, e.Dead, e.Limit, e.Last)
}

func (e *MaxErrorsError) Unwrap() error { return e.Last }

// A deadLetterBox keeps an op's failed records in order, until the step commits.
type deadLetterBox struct {
	op    int
	rules *ErrorRules
	seen  int64 // records that came to the op
	dead  int64
	kept  *overflow
	batch chunk.Batch
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

// letter counts a failed record and keeps it if there is a file for it.
func (r *stepRun) letter(op int, record starlark.Value, source string, offset int64, failure error, backtrace string) error {
	box := r.box(op)
	r.deadMu.Lock()
	defer r.deadMu.Unlock()
	box.dead++
	if box.rules.MaxErrors > 0 && box.dead > box.rules.MaxErrors {
		return &MaxErrorsError{Op: r.opName(op), Limit: fmt.Sprint(box.rules.MaxErrors), Dead: box.dead, Last: failure}
	}
	if box.rules.File == "" {
		return nil
	}
	box.batch.Append(deadLetter(record, source, offset, r.opName(op), failure, backtrace))
	if box.batch.N < 256 {
		return nil
	}
	return box.flush()
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
	return &MaxErrorsError{
		Op: name, Dead: b.dead, Limit: fmt.Sprintf("%.10g%%", b.rules.MaxShare*100),
		Last: fmt.Errorf("%d of %d records", b.dead, b.seen),
	}
}

func (r *stepRun) box(op int) *deadLetterBox {
	r.deadMu.Lock()
	defer r.deadMu.Unlock()
	box := r.dead[op]
	if box == nil {
		box = &deadLetterBox{op: op, rules: r.rules(op), kept: r.overflow(fmt.Sprintf("dead/%d", op))}
		r.dead[op] = box
	}
	return box
}

func (r *stepRun) seen(op int, n int64) {
	if rules := r.rules(op); rules != nil && rules.MaxShare > 0 {
		box := r.box(op)
		r.deadMu.Lock()
		box.seen += n
		r.deadMu.Unlock()
	}
}

// deadLetter is a failed record as it is written: what it was, where it came from, and why it failed. A record
// that JSON cannot hold is written as its text.
func deadLetter(record starlark.Value, source string, offset int64, stage string, failure error, backtrace string) starlark.Value {
	d := starlark.NewDict(6)
	set := func(key string, v starlark.Value) { _ = d.SetKey(starlark.String(key), v) } // a new dict takes any string key
	set("record", jsonable(record))
	set("source", starlark.String(source))
	if offset >= 0 {
		set("offset", starlark.MakeInt64(offset))
	} else {
		set("offset", starlark.None)
	}
	set("stage", starlark.String(stage))
	set("error", starlark.String(failure.Error()))
	set("backtrace", starlark.String(backtrace))
	d.Freeze()
	return d
}

func jsonable(v starlark.Value) starlark.Value {
	if connector.JSONError(v) != nil {
		return starlark.String(v.String())
	}
	return v
}

// account takes what a unit did into the ledger and releases what it printed and the records that failed.
func (s *stageRun) account(u *unit) error {
	if u.block != nil {
		u.task, u.bytes = u.block.Split.Index, u.block.Read
	}
	id := TaskID{Stage: s.ID, Task: u.task}
	m := Manifest{Read: u.read, Bad: int64(len(u.bad)), Counts: u.counts, Bytes: u.bytes}
	if u.counts == nil {
		m.Counts = make([]kernel.Count, len(s.Chain))
	}
	if u.err == nil {
		m.Emitted = u.emitted
	}
	for _, text := range u.prints {
		s.run.host.Send(Printed{Text: text})
	}
	if err := s.letters(u); err != nil {
		return err
	}
	if u.err != nil {
		return nil
	}
	return s.ledger.add(s.run.host, id, m)
}

func (s *stageRun) letters(u *unit) error {
	if s.Source >= 0 {
		s.run.seen(s.Source, u.read+int64(len(u.bad)))
	}
	for _, e := range u.bad {
		if err := s.run.letter(s.Source, starlark.String(e.Text), e.Where.File, e.Where.Base, e, ""); err != nil {
			return err
		}
	}
	for i := range u.counts {
		s.run.seen(s.Chain[i], u.counts[i].In)
	}
	for _, d := range u.dead {
		source, offset := "", int64(-1)
		if d.Error.Origin != nil {
			source, offset = d.Error.Origin.File, d.Error.Origin.Base
		}
		if err := s.run.letter(s.Chain[d.Step], d.Record, source, offset, reason(d.Error), d.Error.Backtrace); err != nil {
			return err
		}
	}
	return nil
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

// writeDeadLetters writes the failed records: step after step, in each op after op, in the order of the records. A
// file of an earlier step is written again, with what this step adds.
func (r *stepRun) writeDeadLetters(ctx context.Context) error {
	var files []string
	for op := range r.graph.Ops {
		box := r.dead[op]
		if box == nil || box.dead == 0 {
			continue
		}
		r.summary.Dead += box.dead
		if err := box.share(r.opName(op)); err != nil {
			return err
		}
		file := box.rules.File
		if file == "" || r.options.DryRun {
			continue
		}
		if err := box.flush(); err != nil {
			return err
		}
		r.letters[file] = append(r.letters[file], box.kept)
		if !slices.Contains(files, file) {
			files = append(files, file)
		}
	}
	late, err := r.lateLetters()
	if err != nil {
		return err
	}
	for _, file := range late {
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

func (r *stepRun) writeLetters(ctx context.Context, file string) error {
	sink, err := connector.NewSink(deadLetterSpec(file), r.host, r.host.Stdout)
	if err != nil {
		return err
	}
	r.sinks = append(r.sinks, &stepSink{name: file, Sink: sink})
	encoder := sink.NewEncoder()
	for _, kept := range r.letters[file] {
		for n := kept.first; n < kept.last; n++ {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			b, err := kept.at(n)
			if err != nil {
				return err
			}
			e, err := encoder.Encode(b, nil)
			if err != nil {
				return err
			}
			if err := sink.Write(e); err != nil {
				return err
			}
		}
	}
	return nil
}
