package operator

import (
	"encoding/binary"
	"math/bits"
	"unsafe"
)

// Tables and buckets have a hash of their own, which costs a few instructions where a key is short. It never
// leaves the process: what comes out does not depend on it, and what was spilled is hashed again. The partition of
// the language is value.HashKey.
const (
	seedA = 0x9e3779b97f4a7c15
	seedB = 0xd6e8feb86659fd93
	seedN = 0xa0761d6478bd642f
)

// fold multiplies to 128 bits and brings both halves together.
func fold(x, y uint64) uint64 {
	high, low := bits.Mul64(x, y)
	return high ^ low
}

// hashShort is the hash of a text that a and b hold.
func hashShort(a, b, size uint64) uint64 { return fold(a^seedA, b^size*seedN^seedB) }

// hashLong is the hash of a text of more than inline bytes, whose first ones are a and b.
func hashLong(text string, a, b, size uint64) uint64 {
	h := hashShort(a, b, size)
	rest := text[inline:]
	for ; len(rest) > inline; rest = rest[inline:] {
		a, b = headOf(rest)
		h = fold(a^h, b^seedB)
	}
	a, b = headOf(rest)
	return fold(a^h, b^seedB)
}

// inline is how many bytes of a text an entry holds.
const inline = 16

// headMasks keep the first n of 16 bytes.
var headMasks = func() (masks [inline + 1][2]uint64) {
	for n := range masks {
		masks[n] = [2]uint64{1<<(8*min(n, 8)) - 1, 1<<(8*max(n-8, 0)) - 1}
	}
	return masks
}()

// memoryPage is no larger than the pages of any machine: what lies in one with a byte of ours can be read.
const memoryPage = 4096

// headOf loads the first 16 bytes of a text, zeros after its end. It reads beyond the end, and masks what it read,
// where that is on the same page, because branching on the length costs more than all the rest.
//
//go:nocheckptr
//go:norace
func headOf(text string) (a, b uint64) {
	n := len(text)
	p := unsafe.Pointer(unsafe.StringData(text))
	if n < inline && uintptr(p)%memoryPage > memoryPage-inline || n == 0 {
		return headAtEnd(text)
	}
	mask := &headMasks[min(n, inline)]
	head := (*[inline]byte)(p)
	return binary.LittleEndian.Uint64(head[:]) & mask[0], binary.LittleEndian.Uint64(head[8:]) & mask[1]
}

// headAtEnd is headOf of a short text at the end of a page.
func headAtEnd(text string) (a, b uint64) {
	var head [inline]byte
	copy(head[:], text)
	return binary.LittleEndian.Uint64(head[:]), binary.LittleEndian.Uint64(head[8:])
}
