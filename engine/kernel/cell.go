package kernel

import (
	"math"
	"unsafe"

	"go.starlark.net/starlark"
)

// A cell holds one scalar of compiled code: of an int, a bool or the bits of a float the number; of a string or
// bytes the pointer and the length, in the order of Go's string header; of a list or a dict the pointer; of a
// boxed value the data pointer of the interface and, as number, its type word. What a cell holds is known when the
// code is made, so cells need no tag.
//
// The type word of an interface may stand in a number because Go's collector neither moves nor frees what it
// points to; the data pointer may not, and does not.
type cell struct {
	p unsafe.Pointer
	n int64
}

// boxed is how Go lays an interface with methods out.
type boxed struct {
	tab  uintptr
	data unsafe.Pointer
}

func (c *cell) text() string       { return *(*string)(unsafe.Pointer(c)) }
func (c *cell) setText(s string)   { *(*string)(unsafe.Pointer(c)) = s }
func (c *cell) float() float64     { return math.Float64frombits(uint64(c.n)) }
func (c *cell) setFloat(x float64) { c.n = int64(math.Float64bits(x)) }
func (c *cell) truth() bool        { return c.n != 0 }
func (c *cell) list() *list        { return (*list)(c.p) }
func (c *cell) setList(l *list)    { c.p = unsafe.Pointer(l) }

func (c *cell) setTruth(b bool) {
	c.n = 0
	if b {
		c.n = 1
	}
}

func (c *cell) value() (v starlark.Value) {
	*(*boxed)(unsafe.Pointer(&v)) = boxed{uintptr(c.n), c.p}
	return v
}

func (c *cell) setValue(v starlark.Value) {
	b := (*boxed)(unsafe.Pointer(&v))
	c.p, c.n = b.data, int64(b.tab)
}
