package engine

import (
	"context"
	"math"
	"time"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/operator"
	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"
)

// gathers says that the op brings the states of all lanes together.
func (g *groupEnd) gathers() bool { return g.op.Kind == OpDepartition || g.op.Kind == OpAggregate }

// gathersWindows says that the op is a departition with a state for each window of the op before it.
func (g *groupEnd) gathersWindows() bool {
	return g.op.Kind == OpDepartition && g.before().WithWindow
}

// before is the op before this one.
func (g *groupEnd) before() *Op { return &g.stage.run.graph.Ops[g.op.In[0]] }

// gathered appends what the final state of an op that gathers stands for. Without windows, window is None.
func (g *groupEnd) gathered(b *chunk.Batch, state, window starlark.Value) error {
	if g.op.Kind == OpDepartition {
		return g.emitDone(b, state, window)
	}
	return emitState(b, state, g.op.Emit)
}

// emitDone appends what done(state, window), or done(state), makes of a departition's state, as one record.
func (g *groupEnd) emitDone(b *chunk.Batch, state, window starlark.Value) error {
	if g.done != nil {
		fn := g.stage.run.function(g.op, "done")
		kind := "global"
		if window != starlark.None {
			kind = g.before().Window.Kind
		}
		args := starlark.Tuple{state, starlark.Tuple{starlark.String(kind), window, done}}
		var err error
		if state, err = g.done.Call(fn, "done", args[:fn.Own+1]); err != nil {
			return err
		}
	}
	state.Freeze()
	b.Append(state)
	return nil
}

// emitGathered emits what comes of the states of windows, in the order of the windows.
func (g *groupEnd) emitGathered(ctx context.Context) error {
	sorter := operator.NewSorter(operator.SorterConfig{Memory: g.memory("windows"), NoOrdinals: true})
	run := sorter.NewRun()
	err := g.groups.Emit(ctx, func(k *operator.Keyed) error {
		g.ledger.count(&k.Values)
		var order chunk.Column
		for i := range k.Keys.N {
			order.AppendString(windowOrder(windowNumber(k.Keys.At(i))))
		}
		return run.Add(&order, tupleOf(k.Keys, k.Values), k.Ordinals)
	})
	if err == nil {
		err = run.Flush()
	}
	if err != nil {
		return err
	}
	return sorter.Emit(ctx, func(records *chunk.Column, _ []chunk.Ordinal) error {
		fields, err := fieldsOf(records, 2)
		if err != nil {
			return err
		}
		b := new(chunk.Batch)
		for i := range records.N {
			if err := g.gathered(b, fields[1].At(i), fields[0].At(i)); err != nil {
				return err
			}
		}
		return g.stage.emit(ctx, b)
	})
}

// windowNumber is a number that windows of one flow, as they come out, are in the order of.
func windowNumber(id starlark.Value) int64 {
	switch id := id.(type) {
	case startime.Time:
		return time.Time(id).UnixNano()
	case starlark.Int:
		n, _ := id.Int64()
		return n
	}
	return math.MinInt64
}

// A windowMarker pairs records with the windows that they come out of, where the op behind wants to know.
type windowMarker struct {
	windows *windower
	on      bool
	ids     chunk.Column
}

func newWindowMarker(op *Op, windows *windower) windowMarker {
	return windowMarker{windows: windows, on: op.WithWindow}
}

// mark notes the window of the records that were appended to the batch since the last mark.
func (m *windowMarker) mark(b *chunk.Batch, window int64) {
	for m.on && m.ids.N < b.N {
		m.ids.Append(m.windows.id(window))
	}
}

// pair puts the marks of all records of a batch into it.
func (m *windowMarker) pair(b *chunk.Batch) {
	if !m.on || b == nil || b.N == 0 {
		return
	}
	b.Column = *tupleOf(m.ids, b.Column)
	m.ids = chunk.Column{}
}
