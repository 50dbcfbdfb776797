//go:build !amd64 && !arm64

package operator

import "unsafe"

// prefetch does nothing where this package does not know how to.
func prefetch([]uintptr) {}

// prefetchHashed does nothing where this package does not know how to.
func prefetchHashed([]entry, unsafe.Pointer, uint, uint) {}
