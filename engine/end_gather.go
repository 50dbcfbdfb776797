package engine

import (
	"github.com/flowsh/flowsh/engine/chunk"
	"go.starlark.net/starlark"
)

// gathers says that the op brings the states of all lanes together.
func (g *groupEnd) gathers() bool { return g.op.Kind == OpDepartition || g.op.Kind == OpAggregate }

// gathered appends what the final state of an op that gathers stands for.
func (g *groupEnd) gathered(b *chunk.Batch, state starlark.Value) error {
	if g.op.Kind == OpDepartition {
		return g.emitDone(b, state)
	}
	return emitState(b, state, g.op.Emit)
}

// emitDone appends what done makes of a departition's state, as one record.
func (g *groupEnd) emitDone(b *chunk.Batch, state starlark.Value) error {
	if g.done != nil {
		var err error
		if state, err = g.done.Flush(state); err != nil {
			return err
		}
	}
	state.Freeze()
	b.Append(state)
	return nil
}
