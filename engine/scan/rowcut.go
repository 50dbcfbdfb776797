package scan

import (
	"encoding/binary"
	"math/bits"
	"strings"
)

// A rowCutter cuts lines into fields that hold neither quotes nor escapes, looking at eight bytes at a time.
type rowCutter struct {
	delim   byte
	special byte // a line with it is cut with more care
	fields  []string
	marks   *rowMarks // nil until a run is cut
}

// reset goes to another text.
func (c *rowCutter) reset() {
	if c.marks != nil {
		c.marks.from, c.marks.to = 0, 0
	}
}

// cut cuts the line at start into fields and returns the start of the next line; it is -1 if the special byte stands
// in the line.
func (c *rowCutter) cut(text string, start int) (next int) {
	c.fields = c.fields[:0]
	delims, specials := eachByte*uint64(c.delim), eachByte*uint64(c.special)
	data, from, at := bytesOf(text), start, start
	for ; at+8 <= len(data); at += 8 {
		w := binary.LittleEndian.Uint64(data[at:])
		for found := zeroBytes(w^delims) | zeroBytes(w^eachNewline) | zeroBytes(w^specials); found != 0; found &= found - 1 {
			i := at + bits.TrailingZeros64(found)/8
			switch data[i] {
			case c.delim:
				c.fields = append(c.fields, text[from:i])
				from = i + 1
			case '\n':
				c.fields = append(c.fields, trimCR(text[from:i]))
				return i + 1
			default:
				return -1
			}
		}
	}
	return c.cutEnd(text, from, at)
}

// cutEnd is cut for the last bytes of a text.
func (c *rowCutter) cutEnd(text string, from, at int) (next int) {
	for ; at < len(text); at++ {
		switch text[at] {
		case c.delim:
			c.fields = append(c.fields, text[from:at])
			from = at + 1
		case '\n':
			c.fields = append(c.fields, trimCR(text[from:at]))
			return at + 1
		case c.special:
			return -1
		}
	}
	c.fields = append(c.fields, trimCR(text[from:]))
	return len(text)
}

// blank says that the line that was cut last is empty.
func (c *rowCutter) blank() bool { return len(c.fields) == 1 && c.fields[0] == "" }

const (
	eachNewline = '\n' * eachByte
	eachLow     = ^uint64(eachTop)
)

// zeroBytes has the top bit of each byte of w that is zero.
func zeroBytes(w uint64) uint64 { return ^((w&eachLow + eachLow) | w | eachLow) }

// lineEnd finds the end of the line at start, without its line end, and the start of the next.
func lineEnd(text string, start int) (end, next int) {
	n := strings.IndexByte(text[start:], '\n')
	if n < 0 {
		end, next = len(text), len(text)
	} else {
		end, next = start+n, start+n+1
	}
	if end > start && text[end-1] == '\r' {
		end--
	}
	return end, next
}
