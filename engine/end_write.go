package engine

import (
	"context"
	"errors"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/connector"
)

// writeEnd formats records on all cores and writes them in order. The step commits the sink.
type writeEnd struct {
	stage    *stageRun
	sink     connector.Sink
	encoders []connector.Encoder
}

func newWriteEnd(s *stageRun, sink connector.Sink) *writeEnd {
	w := &writeEnd{stage: s, sink: sink}
	for range s.run.cores {
		w.encoders = append(w.encoders, sink.NewEncoder())
	}
	return w
}

func (w *writeEnd) work(n int, u *unit) error {
	var keys *chunk.Column
	if len(u.out.Columns) > 0 {
		keys = &u.out.Columns[0]
	}
	e, err := w.encoders[n].Encode(&u.out.Batch, keys)
	u.ready = e
	return err
}

// deliver writes a unit. A reader that has closed stdout has seen enough: the stage stops as behind a take, and
// other outputs are still written.
func (w *writeEnd) deliver(u *unit) error {
	e := u.ready.(*connector.Encoded)
	records := int64(e.Records) // Write takes e back
	w.stage.writing.Store(true)
	defer w.stage.writing.Store(false)
	err := w.sink.Write(e)
	if errors.Is(err, connector.ErrClosedOutput) {
		w.stage.run.closedOutput.Store(true)
		return errStopped
	}
	w.stage.emitted.Add(records)
	return err
}

func (w *writeEnd) finish(context.Context) error { return nil }
func (w *writeEnd) close()                       {}
