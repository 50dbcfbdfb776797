package operator

import (
	"math/bits"
	"unsafe"
)

// Lookups in large tables wait for memory more than for anything else, so they are done in runs: what all keys of a run
// need is asked for before the first is looked for. Loads would hold up what comes after them, prefetches do not.

// addressOf is where an element of an array is, or would be if the array were long enough.
func addressOf[T any](s []T, i uint64) uintptr {
	return uintptr(unsafe.Pointer(unsafe.SliceData(s))) + uintptr(i)*unsafe.Sizeof(*new(T))
}

// prefetchHomes asks for the slots that keys are looked for in first. A slot has a power of 2 bytes.
func prefetchHomes[T any](keys []entry, slots []T, shift uint) {
	scale := bits.TrailingZeros(uint(unsafe.Sizeof(*new(T))))
	prefetchHashed(keys, unsafe.Pointer(unsafe.SliceData(slots)), shift, uint(scale))
}
