package operator

import (
	"slices"
	"unsafe"

	"github.com/flowsh/flowsh/engine/host"
)

// State that grows with the groups doubles when it is full. append grows large slices by a quarter, so that each
// element would be copied several times.

// reserve makes room for n more elements.
func reserve[T any](s []T, n int) []T {
	if cap(s)-len(s) >= n {
		return s
	}
	n = max(n, len(s))
	if bytes := (len(s) + n) * int(unsafe.Sizeof(*new(T))); bytes < leastHuge {
		return slices.Grow(s, n)
	}
	return append(large[T](len(s) + n)[:0], s...)
}

// leastHuge is how many bytes an array has that huge pages are asked for.
const leastHuge = 256 << 10

// large makes an array that is looked up all over, or that grows large.
func large[T any](n int) []T {
	s := make([]T, n)
	if bytes := uintptr(n) * unsafe.Sizeof(*new(T)); bytes >= leastHuge {
		host.HugePages(unsafe.Pointer(unsafe.SliceData(s)), bytes)
	}
	return s
}

// extend appends n zeros.
func extend[T any](s []T, n int) []T {
	s = reserve(s, n)
	more := s[len(s):][:n]
	clear(more)
	return s[:len(s)+n]
}

// push appends an element.
func push[T any](s []T, v T) []T {
	if len(s) == cap(s) {
		s = reserve(s, 1)
	}
	return append(s, v)
}

// A vast has an array without pointers that lies outside of the heap from leastHuge bytes on.
type vast[T any] struct {
	pages  *host.Range
	denied bool // the system gives no addresses
}

// reserve makes room for n more elements.
func (v *vast[T]) reserve(s []T, n int, owner *Groups) []T {
	if cap(s)-len(s) >= n {
		return s
	}
	if to := v.array(len(s)+max(n, len(s)/vastGrowth), owner); to != nil {
		to = to[:len(s)]
		if len(s) > 0 && &to[0] != &s[0] {
			copy(to, s)
		}
		return to
	}
	return reserve(s, n)
}

// vastGrowth is the part of its size that an array grows by at least.
const vastGrowth = 4

// array is the array with n elements, those that it did not have before of any value; nil: it cannot lie outside of the
// heap. It is there until free or leave, or as long as its owner, which is used after it.
func (v *vast[T]) array(n int, owner *Groups) []T {
	size := int(unsafe.Sizeof(*new(T)))
	if n*size < leastHuge || v.denied || owner == nil {
		return nil
	}
	if v.pages == nil {
		if v.pages = owner.newRange(); v.pages == nil {
			v.denied = true
			return nil
		}
	}
	bytes, ok := v.pages.Extend(n * size)
	if !ok {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(bytes))), n)
}

// free gives the memory back.
func (v *vast[T]) free() {
	if v.pages != nil {
		v.pages.Free()
	}
	v.pages = nil
}

// leave has the memory used again, by another vast.
func (v *vast[T]) leave() {
	if v.pages != nil {
		v.pages.Leave()
	}
	v.pages = nil
}

// newRange gives a range that is there as long as the groups; nil: there is none.
func (g *Groups) newRange() *host.Range {
	r := host.NewRange()
	if r != nil {
		g.idle.mu.Lock()
		defer g.idle.mu.Unlock()
		g.ranges = append(g.ranges, r)
	}
	return r
}
