//go:build linux || darwin

package kernel

import (
	"bytes"
	"syscall"
	"testing"
	"unsafe"
)

// TestSpacesDoNotLeaveTheMemory looks for spaces in texts behind which nothing can be read.
func TestSpacesDoNotLeaveTheMemory(t *testing.T) {
	const page = 4096
	memory, err := syscall.Mmap(-1, 0, 2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Skip(err)
	}
	defer func() {
		if err := syscall.Munmap(memory); err != nil {
			t.Error(err)
		}
	}()
	copy(memory, bytes.Repeat([]byte("a bc"), page/4))
	if err := syscall.Mprotect(memory[page:], syscall.PROT_NONE); err != nil {
		t.Skip(err)
	}
	for n := 1; n <= 2*marked; n++ {
		text := unsafe.String(&memory[page-n], n)
		spaces, plain := spacesIn(text)
		if want, _ := spacesByWords(text); !plain || spaces != want {
			t.Errorf("the last %d bytes: %b %v, want %b", n, spaces, plain, want)
		}
	}
}
