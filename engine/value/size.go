package value

import (
	"math"

	"go.starlark.net/lib/time"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
)

// What values take on the heap of a 64-bit machine, in bytes, beside what they refer to. Containers count what
// they were allocated with, so growth by doubling is in the figures.
const (
	sizeSlot   = 16  // an interface: a list's or a tuple's element
	sizeBox    = 24  // a string's, tuple's or time's header, boxed into an interface
	sizeList   = 48  // a list
	sizeTable  = 512 // a dict or set with room for 8 entries
	sizeEntry  = 120 // each further entry of one
	sizeStruct = 48
	sizeField  = 32
	sizeOther  = 64 // functions and the like, which are shared
)

// roomOfTable is the number of entries that sizeTable has room for.
const roomOfTable = 8

// Size estimates the heap that v holds, in bytes, with the headers of boxed values. What is referred to twice
// counts once, cycles end, and a value may be nested as deep as it likes. Strings count in full, even those that
// are views into a block.
func Size(v starlark.Value) int64 {
	if n, ok := sizeOfScalar(v); ok {
		return n
	}
	m := measure{pending: []starlark.Value{v}}
	for last := 0; last >= 0; last = len(m.pending) - 1 {
		next := m.pending[last]
		m.pending = m.pending[:last]
		m.add(next)
	}
	return m.size
}

// A measure adds up sizes. Values that are still to be looked at wait in pending, not on the Go stack.
type measure struct {
	size    int64
	pending []starlark.Value
	seen    Memo[struct{}]
}

func (m *measure) add(v starlark.Value) {
	if n, ok := sizeOfScalar(v); ok {
		m.size += n
		return
	}
	if id, ok := Identify(v); ok {
		if _, seen := m.seen.Get(id); seen {
			return
		}
		m.seen.Put(id, struct{}{})
	}
	switch v := v.(type) {
	case starlark.Tuple:
		m.size += sizeBox + sizeSlot*int64(len(v))
		for _, e := range v {
			m.visit(e)
		}
	case *starlark.List:
		m.size += sizeList + sizeSlot*int64(v.Len())
		for e := range v.Elements() {
			m.visit(e)
		}
	case *starlark.Dict:
		m.size += sizeOfTable(v.Len())
		for key, value := range v.Entries() {
			m.visit(key)
			m.visit(value)
		}
	case *starlark.Set:
		m.size += sizeOfTable(v.Len())
		for e := range v.Elements() {
			m.visit(e)
		}
	case *starlarkstruct.Struct:
		m.size += sizeStruct + sizeField*int64(v.Len())
		for _, field := range v.Entries() {
			m.visit(field)
		}
	}
}

func (m *measure) visit(v starlark.Value) {
	if n, ok := sizeOfScalar(v); ok {
		m.size += n
		return
	}
	m.pending = append(m.pending, v)
}

func sizeOfTable(n int) int64 { return sizeTable + sizeEntry*int64(max(0, n-roomOfTable)) }

// sizeOfScalar reports false for what has parts.
func sizeOfScalar(v starlark.Value) (int64, bool) {
	switch v := v.(type) {
	case starlark.String:
		return sizeSlot + int64(len(v)), true
	case starlark.Bytes:
		return sizeSlot + int64(len(v)), true
	case starlark.Int:
		return sizeOfInt(v), true
	case starlark.Float, time.Duration:
		return 8, true
	case starlark.NoneType, starlark.Bool:
		return 0, true
	case time.Time:
		return sizeBox, true
	case starlark.Tuple, *starlark.List, *starlark.Dict, *starlark.Set, *starlarkstruct.Struct:
		return 0, false
	}
	return sizeOther, true
}

// sizeOfInt counts nothing for ints of 32 bits, which are not on the heap.
func sizeOfInt(i starlark.Int) int64 {
	const header, word = 32, 8
	switch small, ok := i.Int64(); {
	case ok && math.MinInt32 <= small && small <= math.MaxInt32:
		return 0
	case ok:
		return header + word
	}
	return header + word*int64((i.BigInt().BitLen()+63)/64)
}
