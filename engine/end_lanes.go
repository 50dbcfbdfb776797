package engine

import (
	"context"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/kernel"
	"github.com/flowsh/flowsh/engine/operator"
	"go.starlark.net/starlark"
)

func laneColumn(lanes []uint32) chunk.Column {
	c := chunk.Column{Kind: chunk.Int, N: len(lanes), Ints: make([]int64, len(lanes))}
	for i, lane := range lanes {
		c.Ints[i] = int64(lane)
	}
	return c
}

// emitLanes emits the state of every lane in order; a lane without records has the initial state.
func (g *groupEnd) emitLanes(ctx context.Context) error {
	r, err := g.stage.reducer(g.op)
	if err != nil {
		return err
	}
	r.Prints = g.prints.add
	initial := kernel.NewFolder(r, g.stage.run.env)
	next := 0
	one := func(state starlark.Value) error {
		b := new(chunk.Batch)
		if err := g.release(b, released{state: state, lane: next}); err != nil {
			return err
		}
		next++
		return g.stage.emit(ctx, b)
	}
	upTo := func(lane int) error {
		for next < lane {
			state, err := initial.Initial(uint32(next))
			if err != nil {
				return err
			}
			if err := one(state); err != nil {
				return err
			}
		}
		return nil
	}
	err = g.groups.Emit(ctx, func(k *operator.Keyed) error {
		for i := range k.Keys.N {
			if err := upTo(int(k.Keys.Ints[i])); err != nil {
				return err
			}
			if err := one(k.Values.At(i)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return g.located(err)
	}
	return upTo(g.lanes)
}
