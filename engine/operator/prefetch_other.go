//go:build !amd64 && !arm64

package operator

// prefetch does nothing where this package does not know how to.
func prefetch([]uintptr) {}
