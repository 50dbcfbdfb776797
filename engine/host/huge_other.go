//go:build !linux

package host

import "unsafe"

// HugePages asks for nothing on this system.
func HugePages(unsafe.Pointer, uintptr) {}
