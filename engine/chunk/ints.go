package chunk

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
)

// An array of integers is written in the smallest of three ways, named by its first byte: differences from the
// least one, or from one to the next, packed to a width in bits, or differences from the least one as varints,
// where few are large. All arithmetic is modulo 2^64, so no difference overflows.
const (
	intsPacked   = 0x00 // + width, 0 to 64: least, differences
	intsDelta    = 0x80 // + width: first, least step, steps less the least
	intsVarint   = 0x7f // least, differences
	maxIntsWidth = 64
)

// appendInts appends values; how many they are is the reader's to know.
func appendInts(dst []byte, values []int64) []byte {
	if len(values) == 0 {
		return dst
	}
	s := survey(values)
	packed, delta := bits.Len64(s.spread()), bits.Len64(uint64(s.maxStep)-uint64(s.minStep))
	switch n := len(values); {
	case delta < packed:
		dst = binary.AppendVarint(append(dst, intsDelta+byte(delta)), values[0])
		dst = binary.AppendVarint(dst, s.minStep)
		return appendPacked(dst, values[1:], delta, values[0], s.minStep, true)
	case n < packed*n/8*3/4 && varintBytes(values, s.min) < packed*n/8*3/4:
		dst = binary.AppendVarint(append(dst, intsVarint), s.min)
		for _, v := range values {
			dst = binary.AppendUvarint(dst, uint64(v)-uint64(s.min))
		}
		return dst
	}
	dst = binary.AppendVarint(append(dst, intsPacked+byte(packed)), s.min)
	return appendPacked(dst, values, packed, 0, s.min, false)
}

type intSurvey struct{ min, max, minStep, maxStep int64 }

func (s intSurvey) spread() uint64 { return uint64(s.max) - uint64(s.min) }

func survey(values []int64) intSurvey {
	s := intSurvey{min: values[0], max: values[0], minStep: math.MaxInt64, maxStep: math.MinInt64}
	if len(values) == 1 {
		s.minStep, s.maxStep = 0, 0
	}
	before := values[0]
	for _, v := range values[1:] {
		step := v - before
		before = v
		s.min, s.max = min(s.min, v), max(s.max, v)
		s.minStep, s.maxStep = min(s.minStep, step), max(s.maxStep, step)
	}
	return s
}

// varintBytes is what the values take as varints.
func varintBytes(values []int64, least int64) (n int) {
	for _, v := range values {
		n += (bits.Len64((uint64(v)-uint64(least))|1) + 6) / 7
	}
	return n
}

// appendPacked packs what remains of the values, or of the steps between them, after least is taken away.
func appendPacked(dst []byte, values []int64, width int, previous, least int64, steps bool) []byte {
	if width == 0 {
		return dst
	}
	dst = slices.Grow(dst, packedBytes(len(values), width)+8)
	var pending uint64
	used := 0
	for _, v := range values {
		x := uint64(v) - uint64(least)
		if steps {
			x -= uint64(previous)
			previous = v
		}
		pending |= x << used
		if used += width; used >= 64 {
			dst = binary.LittleEndian.AppendUint64(dst, pending)
			used -= 64
			pending = x >> (width - used)
		}
	}
	for ; used > 0; used -= 8 {
		dst = append(dst, byte(pending))
		pending >>= 8
	}
	return dst
}

// readInts reads n integers into dst, which it grows. n was checked against a limit by the caller.
func readInts(r *reader, dst []int64, n int) []int64 {
	if n == 0 {
		return dst[:0]
	}
	switch mode := r.byte(); {
	case mode == intsVarint:
		return readVarints(r, dst, n)
	case mode <= intsPacked+maxIntsWidth:
		least := r.varint()
		packed := r.take(packedBytes(n, int(mode)))
		if r.failed {
			return dst[:0]
		}
		dst = sized(dst, n)
		unpack(dst, packed, int(mode))
		for i := range dst {
			dst[i] += least
		}
		return dst
	case intsDelta <= mode && mode <= intsDelta+maxIntsWidth:
		return readSteps(r, dst, n, int(mode-intsDelta))
	}
	r.fail()
	return dst[:0]
}

func readVarints(r *reader, dst []int64, n int) []int64 {
	least := r.varint()
	if n > len(r.rest) {
		r.fail()
		return dst[:0]
	}
	dst = sized(dst, n)
	for i := range dst {
		dst[i] = least + int64(r.uvarint())
	}
	return dst
}

func readSteps(r *reader, dst []int64, n, width int) []int64 {
	value, least := r.varint(), r.varint()
	packed := r.take(packedBytes(n-1, width))
	if r.failed {
		return dst[:0]
	}
	dst = sized(dst, n)
	dst[0] = value
	unpack(dst[1:], packed, width)
	for i := range dst[1:] {
		value += least + dst[1+i]
		dst[1+i] = value
	}
	return dst
}

func packedBytes(n, width int) int { return (n*width + 7) / 8 }

// unpack fills dst with numbers of width bits from packed, which has packedBytes of them.
func unpack(dst []int64, packed []byte, width int) {
	const load = 9 // bytes that one number may touch
	if width == 0 {
		clear(dst)
		return
	}
	mask := ^uint64(0) >> (64 - width)
	i := 0
	if width <= 64-7 { // the 8 bytes from where it begins have all of a number
		for ; i < len(dst); i++ {
			at := i * width
			from := uint(at >> 3)
			if from+8 > uint(len(packed)) {
				break
			}
			dst[i] = int64(binary.LittleEndian.Uint64(packed[from:]) >> (at & 7) & mask)
		}
	}
	for ; i < len(dst); i++ {
		at := i * width
		from := packed[at>>3:]
		if len(from) < load {
			var padded [load]byte
			copy(padded[:], from)
			from = padded[:]
		}
		shift := at & 7
		x := binary.LittleEndian.Uint64(from) >> shift
		if shift+width > 64 {
			x |= uint64(from[8]) << (64 - shift)
		}
		dst[i] = int64(x & mask)
	}
}

// sized is a slice of n elements in the memory of s if that is large enough. Where s was used before, the next one may be
// somewhat longer.
func sized[T any](s []T, n int) []T {
	switch {
	case cap(s) >= n:
		return s[:n]
	case cap(s) == 0:
		return make([]T, n)
	}
	return make([]T, n, n+n/4)
}
