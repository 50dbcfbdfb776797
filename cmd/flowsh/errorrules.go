package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/flowsh/flowsh/engine"
)

// An errorBound is how many records may fail: a number, or a share of them. Zero is no bound.
type errorBound struct {
	count int64
	share float64
}

// UnmarshalText parses a count or a percentage.
func (b *errorBound) UnmarshalText(text []byte) error {
	if percent, ok := strings.CutSuffix(string(text), "%"); ok {
		n, err := strconv.ParseFloat(percent, 64)
		if err != nil || !(n > 0 && n <= 100) {
			return fmt.Errorf("%q is not a share of the records: write 1%%", text)
		}
		b.share = n / 100
		return nil
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil || n < 1 {
		return fmt.Errorf("%q is not a number of records: write 100, or 1%% of them", text)
	}
	b.count = n
	return nil
}

// errorRules are what --on-error and --max-errors make of the script's own rules, which are nil if it has none.
func (f *runFlags) errorRules(own *engine.ErrorRules) (*engine.ErrorRules, error) {
	rules := engine.ErrorRules{}
	if own != nil {
		rules = *own
	}
	switch f.OnError {
	case "":
	case "fail":
		rules.Drop, rules.File = false, ""
	case "drop":
		rules.Drop, rules.File = true, ""
	default:
		rules.Drop, rules.File = false, f.OnError
	}
	if f.MaxErrors != (errorBound{}) {
		rules.MaxErrors, rules.MaxShare = f.MaxErrors.count, f.MaxErrors.share
		if !rules.Drop && rules.File == "" {
			return nil, usagef("--max-errors bounds the failed records that a job goes on without: give --on-error=drop or --on-error=FILE too")
		}
	}
	if rules == (engine.ErrorRules{}) {
		return nil, nil
	}
	return &rules, nil
}
