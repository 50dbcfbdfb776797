package operator

import (
	"fmt"

	"github.com/flowsh/flowsh/engine/chunk"
)

// tupleFields gives the columns of a tuple column for the next value to be appended to; the caller adds to N. It
// is nil if the column holds something else.
func tupleFields(c *chunk.Column, width int) []chunk.Column {
	switch {
	case c.Kind == chunk.Tuple && len(c.Fields) == width:
	case c.Kind != chunk.Empty:
		return nil
	case cap(c.Fields) < width:
		c.Kind, c.Fields = chunk.Tuple, make([]chunk.Column, width)
	default:
		c.Kind, c.Fields = chunk.Tuple, c.Fields[:width]
		for f := range c.Fields {
			c.Fields[f].Reset()
		}
	}
	return c.Fields
}

// intFields reads the first width elements of a tuple if all are ints.
func intFields(c *chunk.Column, i, width int) (numbers [8]int64, ok bool) {
	if len(c.Fields) < width {
		return numbers, false
	}
	for f := range width {
		if c.Fields[f].Kind != chunk.Int {
			return numbers, false
		}
		numbers[f] = c.Fields[f].Ints[i]
	}
	return numbers, true
}

// errState is for a state that its aggregate did not write: a chunk that passed its checks and is still wrong.
func errState(op string) error { return fmt.Errorf("%s: not a state of this operator", op) }
