package operator

import (
	"math"
	"math/bits"
)

// A window is an exact sum of floats: a signed integer of 192 bits times 2^base. It covers the values that one
// column usually has; one too large or too small for it makes the sum a long one.
//
// The base is a multiple of the word size, so that windows of different bases and long sums line up.
type window struct {
	words [3]uint64 // two's complement, lowest first; its absolute value stays below 2^190
	base  int16
	kinds floatKinds
}

// floatKinds is a set of what a sum has seen.
type floatKinds uint8

const (
	sawFinite floatKinds = 1 << iota
	sawNaN
	sawInf
	sawNegInf
)

const (
	wordBits  = 64
	lowestBit = -18 * wordBits // weight of a long sum's lowest bit: a multiple of the word size below 2^-1074
	longWords = 35             // up to 2^1088: 2^62 of the largest floats
	notFinite = 0x7ff - 1075   // what decompose gives for infinities and nan
)

// special notes infinities and nan, which are not part of the sum.
func special(x float64) floatKinds {
	switch {
	case x != x:
		return sawNaN
	case math.IsInf(x, 1):
		return sawInf
	case math.IsInf(x, -1):
		return sawNegInf
	}
	return 0
}

// decompose splits a finite float into an integer below 2^53 and the exponent of its lowest bit.
func decompose(x float64) (mantissa uint64, exponent int, negative bool) {
	b := math.Float64bits(x)
	mantissa, exponent = b&(1<<52-1), int(b>>52)&0x7ff
	if exponent == 0 {
		exponent = 1
	} else {
		mantissa |= 1 << 52
	}
	return mantissa, exponent - 1075, b>>63 != 0
}

// add adds x. It reports false, and leaves the window as it was, if x is beyond it.
func (w *window) add(x float64) bool {
	mantissa, exponent, negative := decompose(x)
	if exponent == notFinite {
		w.kinds |= special(x)
		return true
	}
	if w.kinds&sawFinite == 0 {
		w.base = baseFor(exponent)
		w.kinds |= sawFinite
	}
	shift := uint(exponent - int(w.base))
	if shift >= 2*wordBits {
		if mantissa == 0 {
			return true
		}
		if !w.move(exponent) {
			return false
		}
		shift = uint(exponent - int(w.base))
	}
	sum := w.words
	addShifted(&sum, mantissa, shift, negative)
	if overflows(sum[2]) {
		return false
	}
	w.words = sum
	return true
}

// baseFor puts a value's lowest bit 32 to 95 bits above the base.
func baseFor(exponent int) int16 { return int16((exponent - wordBits/2) &^ (wordBits - 1)) }

// addShifted adds mantissa << shift, shift below 128.
func addShifted(w *[3]uint64, mantissa uint64, shift uint, negative bool) {
	low, high := mantissa<<(shift%wordBits), mantissa>>1>>(63-shift%wordBits)
	var a, b, c uint64
	if shift < wordBits {
		a, b = low, high
	} else {
		b, c = low, high
	}
	var carry uint64
	if negative {
		w[0], carry = bits.Sub64(w[0], a, 0)
		w[1], carry = bits.Sub64(w[1], b, carry)
		w[2], _ = bits.Sub64(w[2], c, carry)
		return
	}
	w[0], carry = bits.Add64(w[0], a, 0)
	w[1], carry = bits.Add64(w[1], b, carry)
	w[2], _ = bits.Add64(w[2], c, carry)
}

// move changes the base by whole words until exponent lies in the window, if the sum allows.
func (w *window) move(exponent int) bool {
	moved := *w
	for exponent < int(moved.base) {
		if moved.words[2] != sign(moved.words[1]) {
			return false
		}
		moved.words = [3]uint64{0, moved.words[0], moved.words[1]}
		moved.base -= wordBits
		if overflows(moved.words[2]) {
			return false
		}
	}
	for exponent >= int(moved.base)+2*wordBits {
		if moved.words[0] != 0 {
			return false
		}
		moved.words = [3]uint64{moved.words[1], moved.words[2], sign(moved.words[2])}
		moved.base += wordBits
	}
	*w = moved
	return true
}

// overflows reports whether the highest word leaves less than a bit of room.
func overflows(top uint64) bool { return int64(top^top<<1) < 0 }

// merge adds another window. It reports false, and leaves the window as it was, if the sum is beyond it.
func (w *window) merge(o *window) bool {
	if o.kinds&sawFinite == 0 || w.kinds&sawFinite == 0 {
		kinds := w.kinds | o.kinds
		if o.kinds&sawFinite != 0 {
			*w = *o
		}
		w.kinds = kinds
		return true
	}
	a, b := *w, *o
	for a.base != b.base {
		if !lower(&a, &b) {
			return false
		}
	}
	var carry uint64
	a.words[0], carry = bits.Add64(a.words[0], b.words[0], 0)
	a.words[1], carry = bits.Add64(a.words[1], b.words[1], carry)
	a.words[2], _ = bits.Add64(a.words[2], b.words[2], carry)
	if overflows(a.words[2]) {
		return false
	}
	a.kinds |= b.kinds
	*w = a
	return true
}

// lower brings the higher of two bases down by a word.
func lower(a, b *window) bool {
	if a.base < b.base {
		a = b
	}
	return a.move(int(a.base) - wordBits)
}

func sign(word uint64) uint64 { return uint64(int64(word) >> 63) }

// addTo adds the window to a long sum.
func (w *window) addTo(l *longSum) {
	at := (int(w.base) - lowestBit) / wordBits
	var carry uint64
	for i := at; i < longWords; i++ {
		word := sign(w.words[2])
		if i < at+3 {
			word = w.words[i-at]
		}
		l[i], carry = bits.Add64(l[i], word, carry)
	}
}
