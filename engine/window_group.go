package engine

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/kernel"
	"github.com/flowsh/flowsh/engine/operator"
	"go.starlark.net/starlark"
)

// A windowedUnit is a unit of a group end whose keys are in windows.
type windowedUnit struct {
	classes any            // what encoding its order keys left
	keyed   operator.Keyed // where its records are placed when its turn comes
	times   *chunk.Column  // of keyed
	parts   []*routed      // where they are placed already
	partial *operator.Partial
	failed  error // of the first record that is in no window; those before it are in parts
}

// cut takes the op's windows and triggers into account. A window that no record is in is not there, so there is
// nothing to emit for no records at all.
func (g *groupEnd) cut() {
	g.windows = newWindower(g.stage, g.op)
	if g.windows == nil {
		return
	}
	g.state = nil
	g.windows.keyed, g.windows.laned = g.keyedInWindows(), g.perLane
	if g.windows.Kind == sessionWindows {
		g.sessions = newSessions(g)
	}
}

// keyedInWindows says that there are keys beside windows.
func (g *groupEnd) keyedInWindows() bool {
	return g.lanes > 0 || g.perLane || g.op.Funcs["by"] != "" || g.op.Kind == OpUniq || g.op.Kind == OpGroupBy
}

// releases says that the states of a reduce come out otherwise than as pairs of key and state.
func (g *groupEnd) releases() bool {
	return g.op.Funcs["by"] == "" || g.op.Funcs["on_trigger"] != "" || g.op.Emit == "events" || g.op.Emit == "nothing"
}

// release appends what a final state of a reduce gives.
func (g *groupEnd) release(b *chunk.Batch, s released) error {
	if g.releaser == nil {
		var err error
		if g.releaser, err = newReleaser(g.stage, g.op, g.windows, g.lanes); err != nil {
			return err
		}
	}
	_, err := g.releaser.release(b, s)
	return err
}

// memory is the share of the groups. Where there are windows they share it with what brings these into order.
func (g *groupEnd) memory(name string) operator.Memory {
	const holders = 3
	m := g.stage.memory(name)
	if g.windows != nil {
		m.Share /= holders
	}
	return m
}

// workInWindows is work for an op with windows, whose keys and values worker n has made.
func (g *groupEnd) workInWindows(n int, u *unit) error {
	w := &g.workers[n]
	wu := &windowedUnit{classes: u.ready}
	u.ready = wu
	switch {
	case g.windows.inOrder():
		wu.keyed, wu.times, u.keep = w.keyed, w.times, true
		w.order = chunk.Column{}
		return nil
	case g.sessions != nil:
		return g.located(g.sessions.add(g.sessions.runs[n], &w.keyed, w.times, u))
	case combines(g.op):
		wu.partial = w.partial
		if wu.partial == nil {
			wu.partial = g.groups.NewPartial()
		}
	}
	err := g.place(u, wu, &w.keyed, w.times)
	if wu.partial == nil {
		wu.failed, err = err, nil
	}
	return g.located(err)
}

func (g *groupEnd) place(u *unit, wu *windowedUnit, k *operator.Keyed, times *chunk.Column) error {
	g.ledger.copies.Add(-int64(u.out.Len))
	return g.windows.place(k, times, u.out.At, func(k *operator.Keyed) error { return g.takePlaced(wu, k) })
}

// takePlaced combines placed records, or routes them.
func (g *groupEnd) takePlaced(wu *windowedUnit, k *operator.Keyed) error {
	n := int64(k.Keys.N)
	g.ledger.copies.Add(n)
	if wu.partial == nil {
		wu.parts = append(wu.parts, g.route(k))
		return nil
	}
	err := wu.partial.Add(k)
	if err == nil {
		g.ledger.folded.Add(n)
	}
	return err
}

// deliverInWindows is deliver for an op with windows.
func (g *groupEnd) deliverInWindows(u *unit, wu *windowedUnit) error {
	u.ready = wu.classes
	if err := g.keys.check(u); err != nil {
		return err
	}
	switch {
	case !g.windows.inOrder():
	case g.sessions != nil:
		return g.located(g.sessions.add(g.sessions.late, &wu.keyed, wu.times, u))
	default:
		wu.failed = g.place(u, wu, &wu.keyed, wu.times)
	}
	if wu.partial != nil && g.workers[0].partial == nil {
		if err := wu.partial.Flush(); err != nil {
			return g.located(g.groups.FirstError(err))
		}
		wu.partial.Leave()
	}
	for _, r := range wu.parts {
		if err := g.dispatch(r, u.held/int64(len(wu.parts))); err != nil {
			return err
		}
	}
	if wu.failed == nil {
		return nil
	}
	g.stopFolding()
	g.failures = append(g.failures, wu.failed) // one before it may fail when it is folded
	return g.settle()
}

// emitWindows emits the results window by window, in each by lane and first occurrence.
func (g *groupEnd) emitWindows(ctx context.Context) error {
	sorter := operator.NewSorter(operator.SorterConfig{Memory: g.memory("windows"), NoOrdinals: true})
	run := sorter.NewRun()
	err := g.groups.Emit(ctx, func(k *operator.Keyed) error {
		g.stage.run.env.Moves.Add(1)
		g.ledger.count(&k.Values)
		windows, keys, err := splitWindowKeys(&k.Keys)
		if err != nil {
			return err
		}
		var order chunk.Column
		for _, window := range windows.Ints {
			order.AppendString(windowOrder(window))
		}
		return run.Add(&order, tupleOf(windows, keys, k.Values), k.Ordinals)
	})
	if err == nil {
		err = run.Flush()
	}
	if err != nil {
		return err
	}
	e := &windowEmitter{groupEnd: g, last: math.MinInt64, batch: new(chunk.Batch), marker: newWindowMarker(g.op, g.windows)}
	return sorter.Emit(ctx, func(records *chunk.Column, _ []chunk.Ordinal) error {
		g.stage.run.env.Moves.Add(1)
		return e.emit(ctx, records)
	})
}

// tupleOf is a column of tuples with these elements.
func tupleOf(fields ...chunk.Column) *chunk.Column {
	return &chunk.Column{Kind: chunk.Tuple, N: fields[0].N, Fields: fields}
}

// fieldsOf are the elements of a column of tuples of one width, which may be boxed.
func fieldsOf(tuples *chunk.Column, width int) ([]chunk.Column, error) {
	if tuples.Kind == chunk.Tuple && len(tuples.Fields) == width {
		return tuples.Fields, nil
	}
	fields := make([]chunk.Column, width)
	for i := range tuples.N {
		t, ok := tuples.At(i).(starlark.Tuple)
		if !ok || len(t) != width {
			return nil, chunk.ErrCorrupt
		}
		for f := range fields {
			fields[f].Append(t[f])
		}
	}
	return fields, nil
}

// windowOrder is a window as text that sorts as it does.
func windowOrder(window int64) string {
	return string(binary.BigEndian.AppendUint64(nil, uint64(window)^1<<63))
}

// A windowEmitter hands on results, which come to it in the order of their windows.
type windowEmitter struct {
	*groupEnd
	last   int64 // window of the result before
	any    bool
	batch  *chunk.Batch // of results that were not handed on yet
	marker windowMarker
}

func (e *windowEmitter) emit(ctx context.Context, records *chunk.Column) error {
	fields, err := fieldsOf(records, 3)
	if err != nil {
		return err
	}
	windows, keys, values := &fields[0], &fields[1], &fields[2]
	if e.op.Kind == OpUniq && !e.marker.on {
		return e.stage.emit(ctx, &chunk.Batch{Column: *values})
	}
	for i, window := range windows.Ints {
		if err := e.fill(ctx, window); err != nil {
			return err
		}
		if err := e.result(window, keys.At(i), values.At(i)); err != nil {
			return err
		}
		e.last, e.any = window, true
	}
	return e.send(ctx)
}

// send hands the batch on, which is then no longer the emitter's.
func (e *windowEmitter) send(ctx context.Context) error {
	b := e.batch
	e.batch = new(chunk.Batch)
	e.marker.pair(b)
	return e.stage.emit(ctx, b)
}

// mostFilled is how many windows without records are filled in between two that have some: one record with a wrong time
// is to be an error, not a job that never ends.
const mostFilled = 1 << 27

// fill emits the windows without records before a window.
func (e *windowEmitter) fill(ctx context.Context, window int64) error {
	if !e.windows.Fill || !e.any {
		return nil
	}
	if n := (window - e.last) / e.windows.step(); n > mostFilled {
		return e.stage.complain(e.op, nil, 0, fmt.Sprintf("fill = True would make %d windows without records, more than %d, between two that have some: "+
			"make the windows larger, or leave fill out", n-1, mostFilled))
	}
	for w := e.last + e.windows.step(); w < window; w += e.windows.step() {
		nothing, err := e.nothing()
		if err != nil {
			return err
		}
		if err := e.result(w, starlark.None, nothing); err != nil {
			return err
		}
		if e.batch.N >= placedRows {
			if err := e.send(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// nothing is the result of no records.
func (e *windowEmitter) nothing() (starlark.Value, error) {
	if e.op.Kind == OpReduce {
		return e.releaser.folder.Initial(0) // a window with records came before
	}
	a, err := e.groups.New()
	if err != nil {
		return nil, err
	}
	return operator.ResultOfNothing(a), nil
}

// result appends what the op gives for a key in a window.
func (e *windowEmitter) result(window int64, key, v starlark.Value) error {
	err := e.inWindow(e.batch, window, key, v)
	e.marker.mark(e.batch, window)
	return err
}

func (e *windowEmitter) inWindow(b *chunk.Batch, window int64, key, v starlark.Value) error {
	g := e.groupEnd
	lane := 0
	switch {
	case g.perLane:
		key = key.(starlark.Tuple)[1]
	case g.lanes > 0:
		lane, _ = starlark.AsInt32(key)
	}
	switch g.op.Kind {
	case OpUniq:
		b.Append(v)
		return nil
	case OpTake, OpTakeSort:
		if g.op.AsList {
			return emitState(b, v, "state")
		}
		return emitState(b, v, "events")
	case OpReduce:
		r := released{state: v, lane: lane, window: &window}
		if g.op.Funcs["by"] != "" {
			r.key = key
		}
		return g.release(b, r)
	}
	id := g.windows.id(window)
	if g.op.Kind == OpSummarize {
		b.Append(summaryInWindow(g.op, g.stage.run.function(g.op, "by"), id, key, v))
		return nil
	}
	if g.op.Funcs["by"] == "" && g.op.Kind != OpGroupBy {
		b.Append(starlark.Tuple{id, v})
		return nil
	}
	b.Append(starlark.Tuple{id, key, v})
	return nil
}

// summaryInWindow is the record of a summarize for a key in a window: window, key and results by name.
func summaryInWindow(op *Op, by *kernel.Func, id, key, results starlark.Value) starlark.Value {
	members := []starlark.Value{id}
	switch {
	case by == nil:
	case by.Selector != nil && by.Selector.Elements != nil:
		members = append(members, key.(starlark.Tuple)...)
	default:
		members = append(members, key)
	}
	members = append(members, results.(starlark.Tuple)...)
	d := starlark.NewDict(len(members))
	for i, name := range summaryNames(op) {
		_ = d.SetKey(starlark.String(name), members[i]) // a string key of a new dict cannot fail
	}
	d.Freeze()
	return d
}
