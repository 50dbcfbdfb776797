package host

import (
	"runtime"
	"unsafe"
)

// A Range is memory outside of the heap that grows where it is, up to a bound: nothing is copied to a larger place, and no
// smaller place becomes garbage. It is used by one goroutine at a time.
type Range struct {
	mapped []byte // addresses that nobody else uses
	usable []byte // from the start of a large page on
}

// RangeFor reserves addresses for at most so many bytes, which take no memory until they are used. The range goes back to
// the system with Free, or when the collector finds that nobody has its owner any more. It is nil where the system has none.
func RangeFor[Owner any](most int, owner *Owner) *Range {
	mapped := reservePages(most + hugePage)
	if mapped == nil {
		return nil
	}
	start := unsafe.Pointer(unsafe.SliceData(mapped))
	HugePages(start, uintptr(len(mapped)))
	r := &Range{mapped: mapped}
	r.usable = mapped[-uintptr(start)%hugePage:][:0:most]
	runtime.AddCleanup(owner, (*Range).Free, r)
	return r
}

// Extend gives the first bytes of the range, at least so many of them: what was given before, and zeros. ok is false, and
// nothing has changed, if the range does not go so far or the system has no more memory.
func (r *Range) Extend(bytes int) (usable []byte, ok bool) {
	have := len(r.usable)
	if bytes > have {
		bytes = (bytes + hugePage - 1) / hugePage * hugePage
		if bytes > cap(r.usable) || !usePages(r.usable[have:bytes]) {
			return nil, false
		}
		r.usable = r.usable[:bytes]
		outside.Add(int64(bytes - have))
	}
	return r.usable, true
}

// Free gives the range back. Nobody uses what Extend gave any more.
func (r *Range) Free() {
	if r.mapped != nil {
		outside.Add(-int64(len(r.usable)))
		unmapPages(r.mapped)
		*r = Range{}
	}
}
