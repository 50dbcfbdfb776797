package engine

import (
	"context"
	"errors"

	"github.com/flowsh/flowsh/engine/connector"
)

// receiveEnd gives records to whoever runs the job, in place of a sink.
type receiveEnd struct {
	stage  *stageRun
	output string
}

func (e *receiveEnd) work(_ int, u *unit) error {
	u.keep = true
	return nil
}

func (e *receiveEnd) deliver(u *unit) error {
	if u.out.N == 0 {
		return nil
	}
	err := e.stage.run.options.Receive(e.output, &u.out.Column)
	if errors.Is(err, connector.ErrClosedOutput) {
		return errStopped
	}
	e.stage.emitted.Add(int64(u.out.N))
	return err
}

func (e *receiveEnd) finish(context.Context) error { return nil }
func (e *receiveEnd) close()                       {}
