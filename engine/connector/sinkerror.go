package connector

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/flowsh/flowsh/engine/chunk"
)

// A WriteError is an output that cannot be written: no permission, a full disk, a folder in the way. The sink
// does not retry; Abort removes what was written so far.
type WriteError struct {
	Target string
	Err    error
}

func (e *WriteError) Error() string {
	if errors.Is(e.Err, syscall.ENOSPC) {
		return fmt.Sprintf("%s: the disk is full: %v", outputName(e.Target), e.Err)
	}
	return fmt.Sprintf("%s: cannot be written: %v", outputName(e.Target), e.Err)
}

// outputName is how messages call an output.
func outputName(target string) string {
	if target == "-" {
		return "stdout"
	}
	return chunk.FileName(target)
}

func (e *WriteError) Unwrap() error { return e.Err }

// writeError wraps a failure, without the name of the temporary file, which says nothing to the user.
func writeError(target string, err error) error {
	var known *WriteError
	if err == nil || errors.As(err, &known) {
		return err
	}
	var path *fs.PathError
	if errors.As(err, &path) && underTemporary(path.Path) {
		err = path.Err
	}
	return &WriteError{Target: target, Err: err}
}

// ErrClosedOutput is what Write returns when nobody reads stdout any more, as in `flowsh ... | head`. The job ends
// quietly; other outputs still commit.
var ErrClosedOutput = errors.New("the output was closed by its reader")
