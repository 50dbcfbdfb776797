package connector

import (
	"errors"
	"fmt"
)

// ErrTooLong is what a ReadError wraps whose record, or whole file for the format text, is longer than
// Spec.MaxRecord allows.
var ErrTooLong = errors.New("the record is too long")

// A lengthError words ErrTooLong for one limit.
type lengthError struct {
	limit  int64
	quotes bool // whether a quote that is never closed can be the reason
}

func (e *lengthError) Error() string {
	hint := ""
	if e.quotes {
		hint = `, unless it holds a quote (") that is never closed`
	}
	return fmt.Sprintf("the record that begins here is longer than %d bytes; allow more with --max-record%s", e.limit, hint)
}

func (e *lengthError) Unwrap() error { return ErrTooLong }
