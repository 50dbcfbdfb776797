package operator

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// hugePage is the size of one on most machines.
const hugePage = 2 << 20

// hugePages asks the system for pages of 2 MiB in place of those of 4 KiB: what is looked up all over a large array is then
// found with fewer misses of the processor's table of pages, and fewer pages have to be cleared. It is called before the
// memory is used.
func hugePages(p unsafe.Pointer, bytes uintptr) {
	skip := -uintptr(p) % hugePage
	if bytes < skip+hugePage {
		return
	}
	_ = unix.Madvise(unsafe.Slice((*byte)(unsafe.Add(p, skip)), (bytes-skip)/hugePage*hugePage), unix.MADV_HUGEPAGE) // a hint
}
