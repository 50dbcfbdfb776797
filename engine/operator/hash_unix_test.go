//go:build linux || darwin

package operator

import (
	"strings"
	"syscall"
	"testing"
)

func TestHeadDoesNotLeaveTheMemory(t *testing.T) {
	const size = 2 * memoryPage
	pages, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Skip(err)
	}
	defer func() {
		if err := syscall.Munmap(pages); err != nil {
			t.Error(err)
		}
	}()
	if err := syscall.Mprotect(pages[memoryPage:], syscall.PROT_NONE); err != nil {
		t.Skip(err)
	}
	for i := range memoryPage {
		pages[i] = byte(i)
	}
	for n := range 40 {
		text := view(pages[memoryPage-n : memoryPage])
		a, b := headOf(text)
		wantA, wantB := headAtEnd(strings.Clone(text))
		if a != wantA || b != wantB {
			t.Errorf("head of the last %d bytes is %x %x, want %x %x", n, a, b, wantA, wantB)
		}
	}
}
