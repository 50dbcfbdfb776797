//go:build !linux

package operator

import "unsafe"

func hugePages(unsafe.Pointer, uintptr) {}
