package main

import (
	"fmt"
	"strconv"
	"strings"
)

// A portRange is ports of TCP, both ends included; 0-0 stands for any.
type portRange struct{ first, last int }

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *portRange) UnmarshalText(text []byte) error {
	first, last, several := strings.Cut(string(text), "-")
	if !several {
		last = first
	}
	var failed, failedToo error
	p.first, failed = strconv.Atoi(first)
	p.last, failedToo = strconv.Atoi(last)
	if failed != nil || failedToo != nil || p.first < 0 || p.first > p.last || p.last > 65535 || p.first == 0 && p.last > 0 {
		return fmt.Errorf("%q is no range of ports: write 7500-7600", text)
	}
	return nil
}

func (p portRange) String() string { return fmt.Sprintf("%d-%d", p.first, p.last) }
