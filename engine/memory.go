package engine

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/kernel"
	"github.com/flowsh/flowsh/spill"
)

// The memory budget: state may take half of it (each stage that holds state a part of that half), blocks in
// flight a part of the rest; what is left is for the collector, whose limit is the whole budget.
const (
	stateShare   = 2  // 1/2 of the budget for state
	storeShare   = 16 // 1/16 for chunks that wait in memory before they go to disk
	edgesShare   = 16 // 1/16 for batches that wait between stages that may not wait for each other, and on each other edge
	blocksShare  = 64 // 1/64 is the largest block, divided among cores and stages
	recordCopies = 4  // of the longest record: read in part, read, in a state and on its way to disk
	inputShare   = 8  // 1/8 for the input that a stage has in hand: only records longer than blocks come to it
)

// long says of so many bytes of input at once that there is a record in them which is longer than blocks: what was made of
// them is not kept to be used again, for it would keep them too.
func (r *stepRun) long(bytes int64) bool { return bytes > r.options.Memory/blocksShare }

// NewStore is where chunks go that are not read at once: memory for the first few, then disk.
func NewStore(o Options) spill.Store {
	return spill.NewTiered(o.Memory/storeShare, func() (spill.Store, error) {
		switch o.Spill {
		case "memory":
			return spill.NewMem(), nil
		case "badger":
			return openBadger(o)
		}
		return spill.NewSegments(o.Host, spillDir(o), nil), nil
	})
}

// openBadger opens a database in a folder of its own, which Close removes.
func openBadger(o Options) (spill.Store, error) {
	var name [8]byte
	o.Host.Random(name[:])
	return spill.OpenBadger(o.Host, filepath.Join(spillDir(o), "flowsh-"+hex.EncodeToString(name[:])), nil)
}

// wait waits for the stages of a step, within the memory budget; over it cancel stops them, with the names of those
// that are at work. If wait fails, a function of the script is still running and does not stop: nothing of the step
// may be used any more.
func (r *stepRun) wait(ctx context.Context, cancel context.CancelCauseFunc, done <-chan struct{}) error {
	var inside []kernel.Inside
	stop := func(limit error) {
		r.env.Stop(limit)
		if len(inside) > 0 {
			cancel(located(inside[0], limit))
		} else {
			cancel(fmt.Errorf("%s: %w", r.atWork(), limit))
		}
	}
	w := Watchdog{
		Clock: r.host.Clock, Budget: r.options.Memory, Stop: stop,
		Busy: func() bool {
			inside = r.env.Inside()
			return len(inside) > 0
		},
		StepTime: r.options.StepTime, Moves: r.env.Moves.Load,
	}
	err := w.Wait(ctx, done)
	if !errors.Is(err, kernel.ErrLimit) || len(inside) == 0 {
		return err
	}
	return located(inside[0], err)
}

// located is an error that a function of the script was in the middle of.
func located(s kernel.Inside, err error) error {
	spot := s.Spot()
	return &kernel.ScriptError{
		Op: s.Op, Name: s.Name, Position: s.At, Message: err.Error(), Err: err,
		Ordinal: chunk.Ordinal{Position: spot.Position, Sibling: spot.Sibling},
	}
}

// atWork names the stages that have records in hand; where one of their workers waits for input in all of them, those
// that have not finished.
func (r *stepRun) atWork() string {
	var inHand, unfinished []string
	for _, s := range r.stages {
		if s.phase.Load() == finished {
			continue
		}
		unfinished = append(unfinished, s.name)
		if !s.reading.Load() {
			inHand = append(inHand, s.name)
		}
	}
	if len(inHand) == 0 {
		inHand = unfinished
	}
	return strings.Join(inHand, ", ")
}

// blamed says which record was worked on when memory ran out, if that is why the step failed.
func (r *stepRun) blamed(err error) error {
	var memory *MemoryError
	if e := r.env.Blamed(); e != nil && errors.As(err, &memory) {
		return e
	}
	return err
}

func spillDir(o Options) string {
	if o.SpillDir != "" {
		return o.SpillDir
	}
	return o.Host.FS.TempDir()
}
