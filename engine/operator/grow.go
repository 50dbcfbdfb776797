package operator

import (
	"slices"
	"unsafe"

	"github.com/flowsh/flowsh/engine/host"
)

// State that grows with the groups doubles when it is full. append grows large slices by a quarter, so that each
// element would be copied several times.

// reserve makes room for n more elements.
func reserve[T any](s []T, n int) []T {
	if cap(s)-len(s) >= n {
		return s
	}
	n = max(n, len(s))
	if bytes := (len(s) + n) * int(unsafe.Sizeof(*new(T))); bytes < leastHuge {
		return slices.Grow(s, n)
	}
	return append(large[T](len(s) + n)[:0], s...)
}

// leastHuge is how many bytes an array has that huge pages are asked for.
const leastHuge = 256 << 10

// large makes an array that is looked up all over, or that grows large.
func large[T any](n int) []T {
	s := make([]T, n)
	if bytes := uintptr(n) * unsafe.Sizeof(*new(T)); bytes >= leastHuge {
		host.HugePages(unsafe.Pointer(unsafe.SliceData(s)), bytes)
	}
	return s
}

// push appends an element.
func push[T any](s []T, v T) []T {
	if len(s) == cap(s) {
		s = reserve(s, 1)
	}
	return append(s, v)
}
