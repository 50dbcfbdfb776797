package engine

import (
	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/kernel"
	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
)

// A releaser hands on the states of a reduce or a scan: by on_trigger if the op has one, else as emit says. It is used
// by one goroutine at a time.
type releaser struct {
	stage   *stageRun
	op      *Op
	windows *windower // nil: there is one window, the flow
	lanes   int       // of a partitioned flow, else 0
	fn      *kernel.Func
	folder  *kernel.Folder // to call fn with
}

// released is a state on its way out.
type released struct {
	state   starlark.Value
	key     starlark.Value // with by=
	lane    int
	window  *int64         // as the windower knows it
	trigger starlark.Value // what fired; nil for the end of the window
}

// done is the trigger at the end of a window.
const done = starlark.String("done")

func newReleaser(s *stageRun, op *Op, windows *windower, lanes int) (*releaser, error) {
	r, err := s.reducer(op)
	if err != nil {
		return nil, err
	}
	r.Prints = func(_ chunk.Ordinal, p kernel.Print) { s.print(p) }
	return &releaser{
		stage: s, op: op, windows: windows, lanes: lanes,
		fn: s.run.function(op, "on_trigger"), folder: kernel.NewFolder(r, s.run.env),
	}, nil
}

// release appends what a state gives, and returns the state to go on with. A state that goes on is copied on its
// way out.
func (r *releaser) release(b *chunk.Batch, s released) (next starlark.Value, err error) {
	if r.fn != nil {
		return r.trigger(b, s)
	}
	state := s.state
	if s.trigger != nil {
		state = value.Copy(state)
	}
	if s.key == nil || r.op.Emit == "events" || r.op.Emit == "nothing" {
		if err := emitState(b, state, r.op.Emit); err != nil {
			return nil, r.stage.complain(r.op, nil, 0, err.Error())
		}
		return s.state, nil
	}
	state.Freeze()
	if s.window == nil {
		b.Append(starlark.Tuple{s.key, state})
	} else {
		b.Append(starlark.Tuple{r.windows.id(*s.window), s.key, state})
	}
	return s.state, nil
}

// trigger calls on_trigger(state, lane, window), or with the first of them.
func (r *releaser) trigger(b *chunk.Batch, s released) (starlark.Value, error) {
	state := s.state
	if s.trigger == nil {
		state = value.Copy(state) // results are frozen
	}
	args := starlark.Tuple{state, r.lane(s), r.window(s)}
	result, err := r.folder.Call(r.fn, "on_trigger", args[:r.fn.Own+1])
	if err != nil {
		return nil, err
	}
	pair, ok := result.(starlark.Tuple)
	if !ok || len(pair) != 2 {
		return nil, r.stage.complain(r.op, nil, 0, "on_trigger must return (list of records, next state), not "+value.Cut(result, 60))
	}
	if err := spreadInto(b, pair[0]); err != nil {
		return nil, r.stage.complain(r.op, nil, 0, "on_trigger must return (list of records, next state): "+err.Error())
	}
	return pair[1], nil
}

// lane is what on_trigger gets as the lane: with by= the key, else the lane's number and how many there are.
func (r *releaser) lane(s released) starlark.Value {
	if s.key != nil {
		return s.key
	}
	return starlark.Tuple{starlark.MakeInt(s.lane), starlark.MakeInt(max(1, r.lanes))}
}

// window is what on_trigger gets as the window: its kind, its start or number, and what fired.
func (r *releaser) window(s released) starlark.Value {
	trigger := s.trigger
	if trigger == nil {
		trigger = done
	}
	if s.window == nil {
		return starlark.Tuple{starlark.String("global"), starlark.None, trigger}
	}
	return starlark.Tuple{starlark.String(r.windows.Kind), r.windows.id(*s.window), trigger}
}
