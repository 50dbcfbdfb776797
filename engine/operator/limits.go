package operator

import (
	"fmt"

	"github.com/flowsh/flowsh/engine/chunk"
)

// A LimitError says that state does not fit into the operator's share of the memory budget and cannot be split
// further. The job stops; nobody retries.
type LimitError struct {
	What  string // what is too large: "state of a key", "records of a key"
	Key   string // the key, cut to a readable length; empty if there is none
	Bytes int64
	Share int64
	Hint  string // what to write instead
}

func (e *LimitError) Error() string {
	of := e.What
	if e.Key != "" {
		of += " " + e.Key
	}
	text := fmt.Sprintf("%s takes %s, more than this operator's share of %s", of, size(e.Bytes), size(e.Share))
	if e.Hint != "" {
		text += ": " + e.Hint
	}
	return text
}

// A RecordError is an error that one record caused. Of several in a stage the one with the lowest ordinal is the
// stage's error.
type RecordError struct {
	Ordinal chunk.Ordinal
	Err     error
}

func (e *RecordError) Error() string { return e.Err.Error() }

func (e *RecordError) Unwrap() error { return e.Err }

// A KeyError says that a value cannot be a key.
type KeyError struct{ Err error }

func (e *KeyError) Error() string { return e.Err.Error() }

func (e *KeyError) Unwrap() error { return e.Err }

func size(n int64) string {
	switch {
	case n < 1<<10:
		return fmt.Sprintf("%d B", n)
	case n < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	case n < 1<<30:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
}
