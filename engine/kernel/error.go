package kernel

import (
	"errors"
	"fmt"
	"strings"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
)

// maxRecordText is how much of a record an error shows.
const maxRecordText = 1024

// ErrLimit is in the chain of a ScriptError that says that a record needed more steps, calls or memory than it
// may have. No on_error catches it.
var ErrLimit = errors.New("limit")

// A ScriptError says that a function of the script failed on a record. It is deterministic and never retried.
type ScriptError struct {
	Op        int    // the engine's number for the operator
	Name      string // the operator's name
	Position  string // file:line:col of the innermost frame in the script, or of the operator if no script code ran
	Message   string
	Backtrace string // Starlark's, outermost call first; "" if no script code ran
	Record    string // at most 1 KiB
	Ordinal   chunk.Ordinal
	Origin    *chunk.Origin // where the record, or what it was made from, was read; Base is its own offset; nil after a shuffle
	Err       error
}

// Error is the whole message: the position, the operator and what is wrong, the record and where it came from,
// and the calls that led there.
func (e *ScriptError) Error() string {
	var b strings.Builder
	if e.Position != "" {
		b.WriteString(e.Position + ": ")
	}
	fmt.Fprintf(&b, "%s: %s", e.Name, e.Message)
	if e.Record != "" {
		fmt.Fprintf(&b, "\n  record: %s", e.Record)
	}
	if at := e.From(); at != "" {
		fmt.Fprintf(&b, "\n  from:   %s", at)
	}
	if e.Backtrace != "" {
		b.WriteString("\n" + strings.TrimRight(e.Backtrace, "\n"))
	}
	return b.String()
}

// From says where the record came from: file and byte offset.
func (e *ScriptError) From() string {
	switch {
	case e.Origin == nil:
		return ""
	case e.Origin.File == "":
		return fmt.Sprintf("item %d of the list", e.Origin.Base)
	default:
		return fmt.Sprintf("%s, byte %d", chunk.FileName(e.Origin.File), e.Origin.Base)
	}
}

func (e *ScriptError) Unwrap() error { return e.Err }

// describe fills in what an error of the interpreter says.
func (e *ScriptError) describe(err error) *ScriptError {
	e.Message, e.Err = err.Error(), err
	var ee *starlark.EvalError
	if errors.As(err, &ee) {
		e.Message = teach(ee.Msg)
		e.locate(ee.CallStack)
	}
	return e
}

// teach adds to a message of the interpreter what to write instead.
func teach(message string) string {
	if strings.Contains(message, "frozen hash table") {
		return message + `: records and globals do not change; r | {"x": 1} is a changed copy`
	}
	if strings.Contains(message, "frozen list") {
		return message + ": records and globals do not change; l + [x] is a changed copy"
	}
	if strings.HasPrefix(message, "local variable") && strings.HasSuffix(message, "referenced before assignment") {
		return message + ": a name to which a function assigns is its own in all of it; use another name"
	}
	return message
}

func (e *ScriptError) locate(calls starlark.CallStack) {
	e.Backtrace = calls.String()
	for i := len(calls) - 1; i >= 0; i-- {
		if p := calls[i].Pos; p.Line > 0 {
			e.Position = p.String()
			return
		}
	}
}

// Show sets the record that the error struck.
func (e *ScriptError) Show(record starlark.Value) {
	e.Record = value.Cut(record, maxRecordText)
}
