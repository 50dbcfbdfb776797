//go:build amd64 || arm64

package operator

// prefetch asks for the memory at some addresses, which may be of anything or of nothing.
//
//go:noescape
func prefetch(addresses []uintptr)
