package engine

import (
	"context"
	"errors"
)

// A StageError says where in a run an error arose, for logs; its text is that of Err. Chunk names the task that was done
// elsewhere, and Attempt its attempt; "" and 0: none was, or it is not known.
type StageError struct {
	Stage   int
	Chunk   string // STEP.STAGE.TASK
	Attempt int
	Err     error
}

func (e *StageError) Error() string { return e.Err.Error() }
func (e *StageError) Unwrap() error { return e.Err }

// placed says where an error arose, unless that is known already, or it is none of the stage. u is the unit that failed; nil:
// none did.
func (s *stageRun) placed(ctx context.Context, err error, u *unit) error {
	if err == nil || errors.Is(err, errStopped) || ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) || errors.As(err, new(*StageError)) {
		return err
	}
	e := &StageError{Stage: s.ID, Err: err}
	if u != nil {
		e.Chunk, e.Attempt = u.chunk, u.attempt
	}
	return e
}
