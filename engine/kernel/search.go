package kernel

import (
	"strings"

	"github.com/flowsh/flowsh/engine/scan"
	"go.starlark.net/starlark"
)

// A needle is a text without which a condition does not hold for the string in a slot.
type needle struct {
	in   slot
	text string
}

// needleOf is the needle of a search for x in y; nil if it is not for a text that is known, in a variable.
func needleOf(x, y operand) *needle {
	if k, ok := x.constant.(starlark.String); ok && k != "" && y.held && y.typ.kind == str {
		return &needle{y.at, string(k)}
	}
	return nil
}

// A search goes through a batch of lines for those that can pass the chain's first filter, in the block that they
// are parts of: the others are never looked at one by one.
type search struct {
	needle string
	pair   int // where in the needle the two bytes to look for stand; -1: it is looked for as a whole
}

const (
	longestNeedle = 64
	pairSample    = 4 << 10 // bytes of a block that are looked at to find out which bytes are rare in it
	rarePair      = 64      // a pair of bytes that may stand in so many places but once is rare enough
)

// tune chooses the bytes to look for by what stands at the beginning of a block.
func (s *search) tune(text string) {
	s.pair = -1
	if len(s.needle) > longestNeedle {
		return
	}
	var counts [256]int
	sample := text[:min(len(text), pairSample)]
	for i := range len(sample) {
		counts[sample[i]]++
	}
	least := len(sample)*len(sample)/rarePair + 1
	for i := range len(s.needle) - 1 {
		if n := counts[s.needle[i]] * counts[s.needle[i+1]]; n < least {
			least, s.pair = n, i
		}
	}
}

// find is the offset of the needle at or behind an offset of a text, -1 if there is none.
func (s *search) find(text string, from int) int {
	if s.pair < 0 {
		at := strings.Index(text[from:], s.needle)
		if at >= 0 {
			at += from
		}
		return at
	}
	for from += s.pair; ; from++ {
		if from = scan.IndexPair(text, from, s.needle[s.pair], s.needle[s.pair+1]); from < 0 {
			return -1
		}
		if start := from - s.pair; strings.HasPrefix(text[start:], s.needle) {
			return start
		}
	}
}

// next is the first record from f.row on that holds the needle, f.in.N if there is none.
func (s *search) next(f *frame) int {
	row, n := f.row, f.in.N
	if row == n {
		return n
	}
	lines, starts := f.in.Strings[:n], f.in.Relative[:n]
	for from := int(starts[row]); ; from++ {
		at := s.find(f.in.Text, from)
		if at < 0 {
			return n
		}
		for row+1 < n && int(starts[row+1]) <= at {
			row++
		}
		if at+len(s.needle) <= int(starts[row])+len(lines[row]) {
			return row
		}
		from = at // the end of a line stands in the needle
	}
}

// searches says that the batch's records are lines of one text, in which the program may look for its needle.
func (p *program) searches(f *frame) bool {
	return p.search != nil && f.in.Text != "" && len(f.in.Relative) == f.in.N
}
