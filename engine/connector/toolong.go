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
	memory bool // the memory budget is the reason for the limit
	quotes bool // whether a quote that is never closed can be the reason
}

func (e *lengthError) Error() string {
	hint := ""
	if e.quotes {
		hint = `, unless it holds a quote (") that is never closed`
	}
	if e.memory {
		return fmt.Sprintf("the record that begins here is longer than %d bytes, all that the memory budget allows; raise --mem%s", e.limit, hint)
	}
	return fmt.Sprintf("the record that begins here is longer than %d bytes; allow more with --max-record%s", e.limit, hint)
}

func (e *lengthError) Unwrap() error { return ErrTooLong }

// mostRecord is how long a record may be.
func (s *fileSource) mostRecord() int64 {
	if s.spec.MostHeld > 0 {
		return min(s.spec.MaxRecord, s.spec.MostHeld)
	}
	return s.spec.MaxRecord
}

// tooLong is the error of a longer one.
func (s *fileSource) tooLong() error {
	limit := s.mostRecord()
	return &lengthError{limit: limit, memory: limit < s.spec.MaxRecord, quotes: s.spec.Format == "csv"}
}
