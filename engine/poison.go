package engine

import (
	"github.com/flowsh/flowsh/engine/chunk"
	"go.starlark.net/starlark"
)

// poison overwrites what a unit leaves behind for the next one, and its block where nothing that waits for the
// unit's turn can be a view of it. Whoever kept a part of them without copying it shows that in the result.
func (w *worker) poison(u *unit) {
	if !w.out.Borrowed {
		poisonColumn(&w.out.Column)
		for i := range w.out.Columns {
			poisonColumn(&w.out.Columns[i])
		}
	}
	if u.block == nil {
		return
	}
	poisonColumn(&w.batch.Column)
	if u.apart() {
		for i := range u.block.Data {
			u.block.Data[i] = '!'
		}
	}
}

// Values that no test expects.
const (
	poisonInt  = -0x0DEAD
	poisonText = "overwritten"
)

func poisonColumn(c *chunk.Column) {
	for i := range c.Bools {
		c.Bools[i] = !c.Bools[i]
	}
	for i := range c.Ints {
		c.Ints[i] = poisonInt
	}
	for i := range c.Floats {
		c.Floats[i] = poisonInt
	}
	for i := range c.Strings {
		c.Strings[i] = poisonText
	}
	for i := range c.Values {
		c.Values[i] = starlark.String(poisonText)
	}
	for i := range c.Fields {
		poisonColumn(&c.Fields[i])
	}
}
