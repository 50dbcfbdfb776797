package scan

import "bytes"

// A Cutter finds where records end in bytes that arrive piece by piece. Without quotes a record ends at each
// '\n'; with quotes only at one outside of a quoted field. It keeps its state from one piece to the next, so
// pieces may be cut anywhere. Its cost is that of bytes.IndexByte, plus a few nanoseconds per quote.
//
// A Cutter is a value: a copy is a checkpoint. It is not safe for concurrent use.
type Cutter struct {
	quotes bool
	delim  byte
	state  cutState
}

type cutState uint8

const (
	recordStart cutState = iota
	fieldStart           // after a delimiter: a quote opens a quoted field
	plain                // inside an unquoted field, where a quote is a character like any other
	quoted               // inside a quoted field
	quoteSeen            // after a quote in a quoted field: its end, or the first of two
)

// NewCutter cuts at every '\n'. It stands at the start of a record.
func NewCutter() Cutter { return Cutter{} }

// NewQuoteCutter cuts CSV whose fields are separated by delim. It stands at the start of a record.
func NewQuoteCutter(delim byte) Cutter { return Cutter{quotes: true, delim: delim} }

// AtRecord reports whether a record begins at the next byte.
func (c *Cutter) AtRecord() bool { return c.state == recordStart }

// SkipBOM steps over a byte order mark: a quoted field may begin after it, but no record ended.
func (c *Cutter) SkipBOM() { c.state = fieldStart }

// SkipByte steps into the middle of an unquoted field; what is fed next continues the record.
func (c *Cutter) SkipByte() { c.state = plain }

// Last steps over all of p and returns the end of the last record that ends in it, just after its '\n'; 0 if
// none does.
func (c *Cutter) Last(p []byte) int {
	end := 0
	for i := 0; i < len(p); {
		n, open := c.step(p[i:])
		if open {
			if k := bytes.LastIndexByte(p[i:i+n], '\n'); k >= 0 {
				end = i + k + 1
			}
		}
		i += n
	}
	return end
}

// First steps over p to the end of the first record that ends in it and returns that end, just after its '\n'.
// If there is none it steps over all of p and returns 0.
func (c *Cutter) First(p []byte) int {
	for i := 0; i < len(p); {
		n, open := c.step(p[i:])
		if open {
			if k := bytes.IndexByte(p[i:i+n], '\n'); k >= 0 {
				c.state = recordStart
				return i + k + 1
			}
		}
		i += n
	}
	return 0
}

// step steps over at least one byte of p, and over no more than one change between the inside and the outside of
// quotes. open reports that newlines in these n bytes end records.
func (c *Cutter) step(p []byte) (n int, open bool) {
	switch c.state {
	case quoted:
		if n = bytes.IndexByte(p, '"') + 1; n == 0 {
			return len(p), false
		}
		c.state = quoteSeen
		return n, false
	case quoteSeen:
		if p[0] == '"' {
			c.state = quoted
			return 1, false
		}
		c.state = plain
	}
	if c.quotes {
		if n = c.openingQuote(p) + 1; n > 0 {
			c.state = quoted
			return n, true
		}
	}
	c.state = c.after(p[len(p)-1])
	return len(p), true
}

// openingQuote is the index of the first quote in p that begins a field, -1 if there is none.
func (c *Cutter) openingQuote(p []byte) int {
	for i := 0; ; i++ {
		k := bytes.IndexByte(p[i:], '"')
		if k < 0 {
			return -1
		}
		i += k
		before := c.state
		if i > 0 {
			before = c.after(p[i-1])
		}
		if before == recordStart || before == fieldStart {
			return i
		}
	}
}

// after is the state outside of quotes after byte b.
func (c *Cutter) after(b byte) cutState {
	switch {
	case b == '\n':
		return recordStart
	case b == c.delim && c.quotes:
		return fieldStart
	}
	return plain
}
