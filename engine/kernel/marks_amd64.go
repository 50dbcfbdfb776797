package kernel

import "unsafe"

// marksAt marks the spaces among 64 characters, by a bit each from the lowest on, and those that are not ASCII or that
// control something.
//
//go:noescape
func marksAt(p unsafe.Pointer) (spaces, others uint64)

// memoryPage is no larger than the pages of any machine: what lies in one with a byte of ours can be read.
const memoryPage = 4096

// marksAtOnce gives what marksAt says of the first 64 characters of a text that is not empty. It reads beyond the end of the
// text; ok is false if that might not be on the same page.
func marksAtOnce(text string) (spaces, others uint64, ok bool) {
	p := unsafe.Pointer(unsafe.StringData(text))
	if len(text) >= marked {
		spaces, others = marksAt(p)
		return spaces, others, true
	}
	if uintptr(p)%memoryPage > memoryPage-marked {
		return 0, 0, false
	}
	spaces, others = marksAt(p)
	of := uint64(1)<<len(text) - 1
	return spaces & of, others & of, true
}
