package engine

import (
	"fmt"
	"time"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/operator"
	"go.starlark.net/starlark"
)

// A lateBox keeps the records of an op that came too late for their windows, in order, until the step commits.
type lateBox struct {
	op    int
	file  string
	n     int64
	kept  *overflow
	batch chunk.Batch
}

// lateBox makes the box of an op's late records.
func (r *stepRun) lateBox(op int, file string) *lateBox {
	r.deadMu.Lock()
	defer r.deadMu.Unlock()
	box := &lateBox{op: op, file: file, kept: r.overflow(fmt.Sprintf("late/%d", op))}
	if r.late == nil {
		r.late = map[int]*lateBox{}
	}
	r.late[op] = box
	return box
}

// add keeps record i of k, which is late by so much more than is allowed.
func (l *lateBox) add(w *windower, k *operator.Keyed, i int, record starlark.Value, by time.Duration) error {
	var origin chunk.Origin
	offset := int64(-1)
	if o := w.stage.origin(k.Ordinal(i)); o != nil {
		origin, offset = *o, o.Base
	}
	return l.put(w.stage.run, record, origin.File, offset, by)
}

func (l *lateBox) put(r *stepRun, record starlark.Value, source string, offset int64, by time.Duration) error {
	l.n++
	reason := fmt.Errorf("late by %v more than lateness allows", by)
	l.batch.Append(deadLetter(record, source, offset, r.opName(l.op), reason, ""))
	if l.batch.N < 256 {
		return nil
	}
	return l.flush()
}

func (l *lateBox) flush() error {
	if l.batch.N == 0 {
		return nil
	}
	err := l.kept.push(&l.batch)
	l.batch.Reset()
	return err
}

// lateLetters closes the boxes and gives the files that they go to, in the order of the ops.
func (r *stepRun) lateLetters() (files []string, err error) {
	for op := range r.graph.Ops {
		box := r.late[op]
		if box == nil || box.n == 0 {
			continue
		}
		r.summary.Late += box.n
		if err := box.flush(); err != nil {
			return nil, err
		}
		if !r.options.DryRun {
			r.letters[box.file] = append(r.letters[box.file], box.kept)
			files = append(files, box.file)
		}
	}
	return files, nil
}
