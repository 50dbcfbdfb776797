package engine

import (
	"cmp"
	"math"
	"slices"
	"sort"
	"sync"

	"github.com/flowsh/flowsh/engine/kernel"
	"go.starlark.net/starlark"
)

// An effect is what a stage does beside its records: it prints a line, lets a counter grow, or gives a record up.
//
// Effects are outputs, in the order of the records. What a take does not want any more must not show, although it is
// a matter of timing how far the stages before it have come. Such stages hold their effects back and set marks
// between the records that they hand on; when a mark comes to the take among the records that it wants, the effects
// before it are released. The others are never seen.
type effect struct {
	print   kernel.Print
	letter  *letter // not nil: a record is given up
	chunk   string  // of the task that was done elsewhere; "": none was
	attempt int     // of it
}

// A mark stands before a record, and says what the stage that set it had done by then.
type mark struct {
	at int64 // records before it: on an edge, those that the edge accepted; in a unit, those of the unit
	by *heldEffects
	n  int64 // effects
}

// A moment is a point between the records that leave a stage's chain, at which something happened beside them.
type moment struct {
	before int // records of the unit's output
	effect *effect
	mark   mark // if there is no effect
}

// heldEffects are the effects of a stage in order, those that were not released yet.
type heldEffects struct {
	stage *stageRun

	mu       sync.Mutex
	done     int64 // effects so far
	released int64
	queue    []heldRun
}

// A heldRun is something printed, a number of records given up that go to one box, or a number of equal counts.
type heldRun struct {
	box   *deadLetterBox
	count int64
	effect
}

func (h *heldEffects) add(box *deadLetterBox, e effect) (n int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.done++
	if last := len(h.queue) - 1; last >= 0 && h.queue[last].joins(box, &e) {
		h.queue[last].count++
	} else {
		h.queue = append(h.queue, heldRun{box, 1, e})
	}
	return h.done
}

// joins reports whether one more effect can only be told from those of the run by their number: a record that goes to the
// same box, or the same count.
func (r *heldRun) joins(box *deadLetterBox, e *effect) bool {
	if box != nil || r.box != nil {
		return r.box == box
	}
	return e.print.Add != 0 && r.print == e.print
}

// release lets the first n effects be seen.
func (h *heldEffects) release(n int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for h.released < n {
		r := &h.queue[0]
		k := min(r.count, n-h.released)
		h.stage.show(r.box, k, r.effect)
		h.released += k
		if r.count -= k; r.count == 0 {
			h.queue = h.queue[1:]
		}
	}
}

// holdEffects says of every stage of a step whether a take behind it, or at its end, may stop it.
func holdEffects(stages []*stageRun, byID map[int]*stageRun, ops []Op) {
	for _, s := range slices.Backward(stages) {
		s.cuts = s.End == InOrder && ops[s.Op].Kind == OpTake && ops[s.Op].Funcs["by"] == "" && ops[s.Op].Window == nil
		s.cut = len(s.Outputs) > 0 && !slices.ContainsFunc(s.Outputs, func(id int) bool {
			return !byID[id].cuts && !byID[id].cut
		})
		s.effects.stage = s
	}
}

// holds says that the stage's effects are not seen until a take has wanted a record behind them.
func (s *stageRun) holds() bool { return s.cuts || s.cut }

// mayStop says that a take may end the stage before its input ends.
func (s *stageRun) mayStop() bool { return s.cuts || s.cut && s.handsOnAtOnce() }

// handsOnAtOnce says that records leave the stage while it reads; the other ends read all of their input first.
func (s *stageRun) handsOnAtOnce() bool { return s.End == Pass || s.End == InOrder || s.End == Join }

// satisfied says, when the stage is done, that takes behind it, or at its end, have had all that they want of it: then
// it may have read more than that, or not. It depends on the data alone.
func (s *stageRun) satisfied() bool {
	if e, ok := s.end.(*inOrderEnd); ok && s.cuts {
		t, ok := e.op.(*taker)
		return ok && t.left == 0
	}
	return s.mayStop() && !slices.ContainsFunc(s.Outputs, func(id int) bool { return !s.run.byID[id].satisfied() })
}

// moments are the effects of a unit and the marks that came with its records.
func (s *stageRun) moments(u *unit) []moment {
	if len(u.marks) == 0 && len(u.places) == 0 && len(u.bad) == 0 {
		return nil
	}
	type placed struct {
		row int64
		moment
	}
	var all []placed
	for _, m := range u.marks {
		all = append(all, placed{m.at, moment{before: u.before(m.at), mark: m}})
	}
	for _, e := range u.bad {
		row := e.Where.Base - u.start()
		l := &letter{op: s.Source, record: starlark.String(e.Text), source: e.Where.File, offset: e.Where.Base, failure: e}
		all = append(all, placed{row, moment{before: u.before(row), effect: &effect{letter: l}}})
	}
	dead, prints := u.dead, u.prints
	for _, p := range u.places {
		e := &effect{chunk: u.chunk, attempt: u.attempt}
		if p.Print {
			e.print, prints = prints[0], prints[1:]
		} else {
			e.letter, dead = s.letterOf(&dead[0]), dead[1:]
		}
		all = append(all, placed{int64(p.Relative), moment{before: p.Before, effect: e}})
	}
	slices.SortStableFunc(all, func(a, b placed) int { return cmp.Compare(a.row, b.row) })
	list := make([]moment, len(all))
	for i := range all {
		list[i] = all[i].moment
	}
	return list
}

// start is where in its file the unit begins.
func (u *unit) start() int64 {
	switch {
	case u.block != nil:
		return u.block.Offset
	case u.out != nil && u.out.Origin != nil:
		return u.out.Origin.Base
	}
	return 0
}

// before is how many records left the chain before those of a position in the batch.
func (u *unit) before(relative int64) int {
	if u.out == nil {
		return 0
	}
	return sort.Search(u.out.Len, func(i int) bool { return int64(u.out.RelativeAt(i)) >= relative })
}

func (s *stageRun) letterOf(d *kernel.Dead) *letter {
	l := &letter{op: s.Chain[d.Step], record: d.Record, offset: -1, failure: reason(d.Error), backtrace: d.Error.Backtrace}
	if o := d.Error.Origin; o != nil {
		l.source, l.offset = o.File, o.Base
	}
	return l
}

// reached says that record i of the unit's output is next, and that ahead records wait to be handed on: what happened
// before it takes its place behind them. It fails when too many records have been given up.
func (s *stageRun) reached(i, ahead int) error {
	s.ahead = ahead
	for len(s.pending) > 0 && s.pending[0].before <= i {
		m := s.pending[0]
		s.pending = s.pending[1:]
		if err := s.happen(m); err != nil {
			return err
		}
	}
	return nil
}

// quiet is the end of the records of a unit, of which there are n, before which nothing else is to happen.
func (s *stageRun) quiet(n int) int {
	if len(s.pending) > 0 {
		return min(n, s.pending[0].before)
	}
	return n
}

// passAll reaches every record of a unit that is handed on as it is, up to record n. It returns how many of them
// come before an error.
func (s *stageRun) passAll(n int) (int, error) {
	for len(s.pending) > 0 && s.pending[0].before < n {
		before := s.pending[0].before
		if err := s.reached(before, before); err != nil {
			return before, err
		}
	}
	return n, nil
}

func (s *stageRun) happen(m moment) error {
	if m.effect != nil {
		return s.do(*m.effect)
	}
	if s.cut {
		s.setMark(m.mark.by, m.mark.n)
	} else {
		m.mark.by.release(m.mark.n)
	}
	return nil
}

// print prints a line, or counts, in the place of the record that is worked on.
func (s *stageRun) print(p kernel.Print) { _ = s.do(effect{print: p}) } // only a letter can fail

// do does an effect: at once, or when its turn comes.
func (s *stageRun) do(e effect) error {
	var box *deadLetterBox
	if e.letter == nil {
		e.print = s.printed.Take(e.print)
	}
	if e.letter != nil {
		var err error
		if box, err = s.run.post(e.letter); err != nil {
			return err
		}
	}
	if s.cut {
		s.setMark(&s.effects, s.effects.add(box, e))
	} else {
		s.show(box, 1, e)
	}
	return nil
}

// setMark sets a mark behind the records that the stage hands on before what it does next.
func (s *stageRun) setMark(by *heldEffects, n int64) {
	for _, e := range s.outs {
		e.mark(mark{at: int64(s.ahead), by: by, n: n})
	}
}

// handOn delivers a unit to the end, with what happened between its records. What happened behind the last record
// of a unit that came in several pieces belongs to the next.
func (s *stageRun) handOn(u *unit) error {
	s.pending = append(s.pending, s.moments(u)...)
	n := 0
	if u.out != nil {
		n = u.out.Len
	}
	if !s.inPlace() {
		if err := s.reached(math.MaxInt, 0); err != nil {
			u.err, u.partial = err, false
		}
	}
	defer func() { s.ahead = 0 }()
	if u.err == nil || u.partial {
		if err := s.end.deliver(u); err != nil {
			return err
		}
	}
	if s.inPlace() {
		if err := s.reached(n, 0); err != nil {
			return err
		}
		for i := range s.pending {
			s.pending[i].before -= n
		}
	}
	return nil
}

// inPlace says that the end gives effects their places between the records. Elsewhere they happen before a unit's
// records: nobody sees the difference.
func (s *stageRun) inPlace() bool {
	return s.holds() && (s.End == Pass || s.End == InOrder)
}

// trail lets happen what came behind the last record of the input.
func (s *stageRun) trail() error {
	if err := s.reached(math.MaxInt, 0); err != nil {
		return err
	}
	if f, ok := s.feed.(*edgeFeed); ok {
		for _, m := range f.marks {
			if err := s.happen(moment{mark: m}); err != nil {
				return err
			}
		}
	}
	return nil
}

// A letter is a record that is given up, before it is written.
type letter struct {
	op        int
	late      bool // it did not fail, but came too late for its windows
	record    starlark.Value
	source    string
	offset    int64
	failure   error
	backtrace string
}

// giveUp gives up record i of a unit's output for the error that an op's function met.
func (s *stageRun) giveUp(op int, out *kernel.Output, i int, e *kernel.ScriptError) error {
	l := &letter{op: op, record: out.At(i), offset: -1, failure: reason(e), backtrace: e.Backtrace}
	if o := out.Origin; o != nil {
		l.source, l.offset = o.File, o.Base+int64(out.RelativeAt(i))
	}
	return s.do(effect{letter: l})
}
