//go:build amd64 || arm64

package operator

import "unsafe"

// prefetch asks for the memory at some addresses, which may be of anything or of nothing.
//
//go:noescape
func prefetch(addresses []uintptr)

// prefetchHashed asks for the elements of an array that the upper bits of the hashes number, 64 - shift of them. An element
// has 1 << scale bytes.
//
//go:noescape
func prefetchHashed(keys []entry, array unsafe.Pointer, shift, scale uint)
