package operator

import (
	"math/bits"
	"slices"

	"github.com/flowsh/flowsh/engine/chunk"
)

// An ordinalSort sorts ordinals. It keeps its memory from one sort to the next.
type ordinalSort struct {
	keys, spareKeys   []uint64
	order, spareOrder []int32
}

// inOrder gives the indexes of ordinals in their order, or nil if they are in order already.
func inOrder(ords []chunk.Ordinal) []int32 { return new(ordinalSort).sort(ords) }

// sort is inOrder; what it gives is its own, until the next call.
func (s *ordinalSort) sort(ords []chunk.Ordinal) []int32 {
	if slices.IsSortedFunc(ords, chunk.Ordinal.Compare) {
		return nil
	}
	s.order = sized(s.order, len(ords))
	for i := range s.order {
		s.order[i] = int32(i)
	}
	width, ok := s.pack(ords)
	if !ok {
		slices.SortFunc(s.order, func(x, y int32) int { return ords[x].Compare(ords[y]) })
		return s.order
	}
	s.spareKeys, s.spareOrder = sized(s.spareKeys, len(ords)), sized(s.spareOrder, len(ords))
	digits := max(1, (width+mostDigit-1)/mostDigit)
	digit := (width + digits - 1) / digits
	for shift := 0; shift < width; shift += digit {
		s.step(shift, digit)
	}
	return s.order
}

// mostDigit is how many bits a step of the radix sort takes: its counters stay in the nearest cache.
const mostDigit = 11

// pack writes each ordinal as a number of width bits, less what all of them share; it reports false if that takes
// more than 64.
func (s *ordinalSort) pack(ords []chunk.Ordinal) (width int, ok bool) {
	least, most := ords[0], ords[0]
	for _, o := range ords {
		least.Lane, most.Lane = min(least.Lane, o.Lane), max(most.Lane, o.Lane)
		least.Position, most.Position = min(least.Position, o.Position), max(most.Position, o.Position)
		least.Sibling, most.Sibling = min(least.Sibling, o.Sibling), max(most.Sibling, o.Sibling)
	}
	lane := bits.Len32(most.Lane - least.Lane)
	position := bits.Len64(most.Position - least.Position)
	sibling := bits.Len32(most.Sibling - least.Sibling)
	width = lane + position + sibling
	if width > 64 {
		return 0, false
	}
	s.keys = sized(s.keys, len(ords))
	for i, o := range ords {
		key := uint64(o.Lane-least.Lane)<<position | (o.Position - least.Position)
		s.keys[i] = key<<sibling | uint64(o.Sibling-least.Sibling)
	}
	return width, true
}

// step sorts by some bits of the keys and keeps the order of those whose bits are equal.
func (s *ordinalSort) step(shift, width int) {
	var counts [1 << mostDigit]int32
	mask := uint64(1)<<width - 1
	for _, key := range s.keys {
		counts[key>>shift&mask%(1<<mostDigit)]++
	}
	at := int32(0)
	for digit, n := range counts[:1<<width] {
		counts[digit] = at
		at += n
	}
	for i, key := range s.keys {
		to := &counts[key>>shift&mask%(1<<mostDigit)]
		s.spareKeys[*to], s.spareOrder[*to] = key, s.order[i]
		*to++
	}
	s.keys, s.spareKeys = s.spareKeys, s.keys
	s.order, s.spareOrder = s.spareOrder, s.order
}

// sized is a slice of n elements in the memory of s if that is large enough.
func sized[T any](s []T, n int) []T {
	if cap(s) >= n {
		return s[:n]
	}
	return make([]T, n)
}
