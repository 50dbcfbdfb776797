package host

import (
	"runtime"
	"sync"
	"unsafe"
)

// A Range is memory outside of the heap that grows where it is, up to a bound: nothing is copied to a larger place, and no
// smaller place becomes garbage. It is used by one goroutine at a time, and goes back to the system when the collector finds
// that nobody has it any more.
type Range struct{ *mapping }

type mapping struct {
	mapped []byte // addresses that nobody else uses
	usable []byte // from the start of a large page on
}

// mostRange is what a Range may have, in bytes. They are addresses alone, and no memory, until they are used.
const mostRange = 1 << 30

// idleRanges are Ranges that were left: memory that was used before costs less than what is new.
var idleRanges sync.Pool

// NewRange gives a Range, nil where the system has no addresses.
func NewRange() *Range {
	if r, ok := idleRanges.Get().(*Range); ok {
		return r
	}
	mapped := reservePages(mostRange + hugePage)
	if mapped == nil {
		return nil
	}
	start := unsafe.Pointer(unsafe.SliceData(mapped))
	HugePages(start, uintptr(len(mapped)))
	m := &mapping{mapped: mapped, usable: mapped[-uintptr(start)%hugePage:][:0:mostRange]}
	r := &Range{m}
	runtime.AddCleanup(r, (*mapping).unmap, m)
	return r
}

// Extend gives the first bytes of the range, at least so many of them: what is in them stays there, and what comes behind it
// is of any content. ok is false, and nothing has changed, if the range does not go so far or the system has no more memory.
func (m *mapping) Extend(bytes int) (usable []byte, ok bool) {
	have := len(m.usable)
	if bytes > have {
		bytes = (bytes + hugePage - 1) / hugePage * hugePage
		if bytes > cap(m.usable) || !usePages(m.usable[have:bytes]) {
			return nil, false
		}
		m.usable = m.usable[:bytes]
		outside.Add(int64(bytes - have))
	}
	return m.usable, true
}

func (m *mapping) unmap() {
	if m.mapped != nil {
		outside.Add(-int64(len(m.usable)))
		unmapPages(m.mapped)
		*m = mapping{}
	}
}

// Leave ends the use of a Range. Another NewRange may give it.
func (r *Range) Leave() { idleRanges.Put(r) }

// Free ends the use of a Range, which goes back to the system at once.
func (r *Range) Free() { r.unmap() }
