package operator

import (
	"math"
	"math/bits"
)

// magnitude turns a two's complement number into its absolute value and reports whether it was negative.
func magnitude(words []uint64) (negative bool) {
	if int64(words[len(words)-1]) >= 0 {
		return false
	}
	carry := uint64(1)
	for i := range words {
		words[i], carry = bits.Add64(^words[i], 0, carry)
	}
	return true
}

// quotient gives the float nearest to words * 2^base / n. It changes words, which must have two spare words of
// zeros at the low end: with them the quotient has at least 65 bits.
func quotient(words []uint64, base int, negative bool, n uint64) float64 {
	var rest uint64
	for i := len(words) - 1; i >= 0; i-- {
		words[i], rest = bits.Div64(rest, words[i], n)
	}
	words[0] |= sticky(rest)
	return nearest(words, base-2*wordBits, negative)
}

// nearest gives the float nearest to words * 2^base, the one with an even last bit of two.
func nearest(words []uint64, base int, negative bool) float64 {
	top := len(words) - 1
	for top >= 0 && words[top] == 0 {
		top--
	}
	if top < 0 {
		return 0
	}
	// Below, m has the highest 64 bits, and its last bit is set if anything follows them.
	m, zeros := words[top], bits.LeadingZeros64(words[top])
	if zeros > 0 {
		m <<= zeros
		if top > 0 {
			m |= words[top-1] >> (64 - zeros)
			m |= sticky(words[top-1] << zeros)
		}
	} else if top > 0 {
		m |= sticky(words[top-1])
	}
	for _, w := range words[:max(0, top-1)] {
		m |= sticky(w)
	}
	x := scale(m, base+top*wordBits-zeros)
	if negative {
		return -x
	}
	return x
}

func sticky(rest uint64) uint64 {
	if rest != 0 {
		return 1
	}
	return 0
}

// scale rounds m * 2^exponent, m with its highest bit set.
func scale(m uint64, exponent int) float64 {
	drop := 11 // of 64 bits 53 stay, fewer in a subnormal float
	if least := -1074 - exponent; least > drop {
		drop = least
	}
	if drop > 64 {
		return 0
	}
	var kept, rest, half uint64
	if drop == 64 {
		rest, half = m, 1<<63
	} else {
		kept, rest, half = m>>drop, m<<(64-drop), 1<<63
	}
	if rest > half || rest == half && kept&1 == 1 {
		kept++
	}
	return math.Ldexp(float64(kept), exponent+drop)
}
