package engine

import (
	"fmt"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
)

// spreadInto appends the records that a value stands for: a dict's pairs, a list's, set's or range's elements. What
// could still change, because a live state holds it too, is copied.
func spreadInto(b *chunk.Batch, v starlark.Value) error {
	elements, ok := value.Spread(v)
	if !ok {
		return fmt.Errorf("want a list, dict or set ([] for none), not %s: %s", v.Type(), value.Cut(v, 60))
	}
	for e := range elements {
		e = value.Copy(e)
		e.Freeze()
		b.Append(e)
	}
	return nil
}

// emitState appends what a final state stands for: auto spreads what can be spread and emits anything else as one
// record.
func emitState(b *chunk.Batch, state starlark.Value, emit string) error {
	state.Freeze()
	switch emit {
	case "nothing":
		return nil
	case "state":
		b.Append(state)
		return nil
	}
	elements, ok := value.Spread(state)
	switch {
	case ok:
		for e := range elements {
			b.Append(e)
		}
	case emit == "events":
		return fmt.Errorf("emit=\"events\" wants a list, dict or set as the state, not %s", state.Type())
	default:
		b.Append(state)
	}
	return nil
}
