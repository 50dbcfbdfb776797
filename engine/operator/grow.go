package operator

import "slices"

// State that grows with the groups doubles when it is full. append grows large slices by a quarter, so that each
// element would be copied several times.

// reserve makes room for n more elements.
func reserve[T any](s []T, n int) []T {
	if cap(s)-len(s) >= n {
		return s
	}
	return slices.Grow(s, max(n, len(s)))
}

// push appends an element.
func push[T any](s []T, v T) []T {
	if len(s) == cap(s) {
		s = reserve(s, 1)
	}
	return append(s, v)
}
