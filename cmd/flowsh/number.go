package main

import (
	"fmt"
	"strconv"
	"time"
)

// A coreCount is a number of cores; 0 is all that there are.
type coreCount int

// UnmarshalText parses a whole number.
func (n *coreCount) UnmarshalText(text []byte) error {
	cores, err := strconv.ParseUint(string(text), 10, 16)
	if err != nil {
		return fmt.Errorf("%q is not a number of cores: write 1 or more", text)
	}
	*n = coreCount(cores)
	return nil
}

// A period is a length of time, written 30s, 5m or 1h30m. Zero is none.
type period time.Duration

// UnmarshalText parses a period, which is not negative.
func (p *period) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	if err != nil || d < 0 {
		return fmt.Errorf("%q is not a duration: write 30s, 5m or 2h", text)
	}
	*p = period(d)
	return nil
}
