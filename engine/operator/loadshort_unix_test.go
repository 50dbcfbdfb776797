//go:build linux || darwin

package operator

import (
	"syscall"
	"testing"
	"unsafe"
)

// TestKeysDoNotLeaveTheMemory loads texts behind which nothing can be read.
func TestKeysDoNotLeaveTheMemory(t *testing.T) {
	memory, err := syscall.Mmap(-1, 0, 2*memoryPage, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Skip(err)
	}
	defer func() {
		if err := syscall.Munmap(memory); err != nil {
			t.Error(err)
		}
	}()
	for i := range memoryPage {
		memory[i] = byte(i)
	}
	if err := syscall.Mprotect(memory[memoryPage:], syscall.PROT_NONE); err != nil {
		t.Skip(err)
	}
	var texts []string
	for n := 1; n <= 2*inline; n++ {
		texts = append(texts, unsafe.String(&memory[memoryPage-n], n))
	}
	var k keyBatch
	k.reset(len(texts))
	k.loadStrings(texts)
	for i, text := range texts {
		if got, want := k.keys[i], entryOf(text, isString); got != want {
			t.Errorf("the entry of the last %d bytes is %+v, want %+v", len(text), got, want)
		}
	}
}
