package operator

import "unsafe"

// Lookups in large tables wait for memory more than for anything else, so they are done in runs: what all keys of a run
// need is asked for before the first is looked for. Loads would hold up what comes after them, prefetches do not.

// addressOf is where an element of an array is, or would be if the array were long enough.
func addressOf[T any](s []T, i uint64) uintptr {
	return uintptr(unsafe.Pointer(unsafe.SliceData(s))) + uintptr(i)*unsafe.Sizeof(*new(T))
}
