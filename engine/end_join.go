package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/kernel"
	"github.com/flowsh/flowsh/engine/operator"
)

// buildEnd takes the right side of a join.
type buildEnd struct {
	stage   *stageRun
	op      *Op
	join    *operator.Join
	types   joinTypes
	built   int64
	windows *windower // nil where the join has none
	members []string  // of the records, that functions read; nil: all
	places  []uint64  // positions of the right records, if there are members and the records stay in memory
}

func newBuildEnd(s *stageRun, op *Op) *buildEnd {
	s.column(op, joinKey(Build, op), false)
	c := joinConfig(op)
	c.Memory, c.Left = s.memory("join"), s.memory("join")
	c.Moved = func() { s.run.env.Moves.Add(1) }
	if !c.Pairs {
		s.chain.Discard = true
	}
	e := &buildEnd{stage: s, op: op, join: operator.NewJoin(c), windows: newWindower(s, op)}
	e.members = s.joinMembers(op, 1)
	return e
}

func (e *buildEnd) work(_ int, u *unit) error {
	u.keep = true
	return nil
}

func (e *buildEnd) deliver(u *unit) error {
	e.types.see(1, &u.out.Columns[0])
	side := e.stage.joinSide(e.windows, e.members, u)
	n, err := e.join.AddRight(side.keys, side.records)
	e.built += side.taken(u, n, err)
	e.place(&side, u, n)
	if err != nil {
		return e.stage.keyError(e.op, u, side.record(n), err)
	}
	return side.failed
}

// place notes where n records were read.
func (e *buildEnd) place(side *joinSide, u *unit, n int) {
	if e.members == nil || e.join.Spilled() {
		e.places = nil
		return
	}
	if cap(e.places)-len(e.places) < n {
		e.places = slices.Grow(e.places, max(n, len(e.places)))
	}
	for i := range n {
		e.places = append(e.places, u.out.Base+uint64(u.out.RelativeAt(side.record(i))))
	}
}

func (e *buildEnd) finish(context.Context) error {
	if err := e.join.Seal(); err != nil {
		return err
	}
	e.stage.gate.open()
	return nil
}

func (e *buildEnd) close() {}

// balance tests that no right record was lost.
func (e *buildEnd) balance(came int64) error {
	if e.built != came {
		return &LedgerError{Law: fmt.Sprintf("%s: %d right records came, %d were taken", e.stage.run.opName(e.op.ID), came, e.built)}
	}
	return nil
}

// keyError is the error of record n of a unit, whose key cannot be one. Other errors stay what they are.
func (s *stageRun) keyError(op *Op, u *unit, n int, err error) error {
	var key *operator.KeyError
	if !errors.As(err, &key) {
		return err
	}
	message := s.joinSideName() + ": " + err.Error()
	if u.out.N == 0 { // the records themselves were not wanted
		return s.complain(op, nil, 0, message)
	}
	err = s.complain(op, u.out, n, message)
	var e *kernel.ScriptError
	if errors.As(err, &e) {
		s.showWhole(e, chunk.Ordinal{Position: u.out.Base + uint64(u.out.RelativeAt(n))})
	}
	return err
}

// joinEnd matches the left side of a join with the right one.
type joinEnd struct {
	stage   *stageRun
	op      *Op
	ctx     context.Context
	right   *buildEnd
	probers []*operator.Prober
	windows *windower // nil where the join has none
	members []string  // of the records, that functions read; nil: all
	// Left records that were looked up, and those of them that have a match.
	probed, found atomic.Int64
	settled       bool // all that were looked up were handed on
}

// The ways of a join.
const (
	joinInMemory = "the right side by key in memory"
	joinSorted   = "both sides sorted by key"
)

// chosen is the way that the join took.
func (e *joinEnd) chosen() string {
	if e.right.join.Spilled() {
		return joinSorted
	}
	return joinInMemory
}

// joined is what a unit's records met.
type joined struct {
	records *chunk.Column     // nil: see matches
	origin  *pairOrigin       // of records
	side    joinSide          // what matches are of
	matches *operator.Matches // of so many that they are made one after another; nil: none
	failed  error             // of the record behind these
}

// A worker makes all records of a unit at once if there are no more than so many, or so many times those of the unit:
// units are as large as the memory allows.
const (
	fewJoined  = 1 << 13
	mostFanOut = 4
)

func newJoinEnd(s *stageRun, op *Op, ctx context.Context) *joinEnd {
	s.column(op, joinKey(Join, op), false)
	e := &joinEnd{stage: s, op: op, ctx: ctx, right: s.run.builtFor(op), windows: newWindower(s, op)}
	e.members = s.joinMembers(op, 0)
	for range s.run.cores {
		e.probers = append(e.probers, e.right.join.NewProber())
	}
	return e
}

// builtFor is the end that took the right side of a join.
func (r *stepRun) builtFor(op *Op) *buildEnd {
	for _, s := range r.stages {
		if s.End == Build && s.Op == op.ID {
			return s.end.(*buildEnd)
		}
	}
	return nil
}

func (e *joinEnd) work(n int, u *unit) error {
	e.right.types.see(0, &u.out.Columns[0])
	side := e.stage.joinSide(e.windows, e.members, u)
	ready := new(joined)
	u.ready = ready
	if e.right.join.Spilled() {
		n, err := e.probers[n].Add(side.keys, side.records, uint64(u.number)<<32)
		e.took(u, &side, n, err)
		return nil
	}
	m, err := e.probers[n].Match(side.keys, side.records)
	e.took(u, &side, m.Len(), err)
	e.found.Add(int64(m.Found()))
	count := m.Records()
	if count > max(fewJoined, mostFanOut*int64(m.Len())) {
		u.keep = true
		m.Keep()
		ready.matches, ready.side = m, side
		return nil
	}
	u.keep = count > 0 && !plain(side.records)
	m.Copy = !u.keep
	if ready.records = m.Next(int(count)); ready.records != nil {
		ready.origin = e.originOf(u, &side, ready.records, m.Left(), m.Right())
	}
	return nil
}

// took notes that n records of a side were taken, and the error of the one behind them.
func (e *joinEnd) took(u *unit, side *joinSide, n int, err error) {
	e.probed.Add(side.taken(u, n, err))
	ready := u.ready.(*joined)
	if ready.failed = side.failed; err != nil {
		ready.failed = e.stage.keyError(e.op, u, side.record(n), err)
	}
}

func (e *joinEnd) deliver(u *unit) error {
	ready := u.ready.(*joined)
	if ready.records != nil {
		if err := e.emit(ready.records, ready.origin); err != nil {
			return err
		}
	}
	for m := ready.matches; m != nil; {
		records := m.Next(emittedAtOnce)
		if records == nil {
			break
		}
		if err := e.emit(records, e.originOf(u, &ready.side, records, m.Left(), m.Right())); err != nil {
			return err
		}
	}
	return ready.failed
}

// emittedAtOnce is how many records of a unit with many matches are handed on at once.
const emittedAtOnce = 4096

func (e *joinEnd) emit(records *chunk.Column, origin *pairOrigin) error {
	b := &chunk.Batch{Column: *records}
	if origin != nil {
		b.Whole = origin.whole
	}
	return e.stage.emit(e.ctx, b)
}

func (e *joinEnd) finish(ctx context.Context) error {
	e.settled = true
	for _, p := range e.probers {
		if err := p.Flush(); err != nil {
			return err
		}
	}
	if err := e.right.join.Finish(ctx, e.emitRest); err != nil {
		return err
	}
	if e.found.Load()+e.right.join.Found() == 0 {
		return e.right.types.disjoint(e.op)
	}
	return nil
}

// emitRest hands on what comes behind the matches; right are the numbers of the right records in it, if they are known.
func (e *joinEnd) emitRest(records *chunk.Column, right []int32) error {
	return e.emit(records, &pairOrigin{join: e, combined: records, right: right})
}

func (e *joinEnd) close() {}

// balance tests that every left record was looked up. Where nobody wants more, some were that never came to their turn.
func (e *joinEnd) balance(came int64) error {
	if probed := e.probed.Load(); e.settled && probed != came {
		return &LedgerError{Law: fmt.Sprintf("%s: %d left records came, %d were looked up", e.stage.run.opName(e.op.ID), came, probed)}
	}
	return nil
}
