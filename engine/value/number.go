package value

import (
	"encoding/binary"
	"math"
	"math/big"
	"math/bits"
)

// The first bytes of the order keys of numbers mirror each other around zero: that of -x is 2*orderZero less
// that of x.
//
// A positive number 1.m × 2^e is its exponent, then m: 63 bits and a last bit that says whether more follow, in
// groups of 7 bytes and a byte that says the same. An int64 or a float has no more. Exponents from 0 to 63 sit
// in the first byte, smaller ones take 2 bytes more, larger ones 8. A negative number has all bytes inverted.
const (
	orderZero  = 0x53
	orderSmall = 0x54 // below 1
	orderOne   = 0x55 // + e, up to 63
	orderLarge = 0x95 // from 2^64 on
	orderInf   = 0x96
	orderNaN   = 0x97
)

// smallestExponent is that of the smallest float.
const smallestExponent = -1074

// AppendOrderInt is AppendOrder of an int.
func AppendOrderInt(dst []byte, i int64) []byte {
	switch {
	case i > 0:
		e := bits.Len64(uint64(i)) - 1
		return binary.BigEndian.AppendUint64(append(dst, orderOne+byte(e)), uint64(i)<<(64-e))
	case i < 0:
		e := bits.Len64(uint64(-i)) - 1
		return binary.BigEndian.AppendUint64(append(dst, 2*orderZero-orderOne-byte(e)), ^(uint64(-i) << (64 - e)))
	}
	return append(dst, orderZero)
}

// AppendOrderFloat is AppendOrder of a float.
func AppendOrderFloat(dst []byte, f float64) []byte {
	start := len(dst)
	switch {
	case f == 0:
		return append(dst, orderZero)
	case f != f:
		return append(dst, orderNaN)
	case math.IsInf(f, 0):
		dst = append(dst, orderInf)
	default:
		fraction, e := math.Frexp(math.Abs(f)) // 0.5 <= fraction < 1
		dst = appendExponent(dst, e-1)
		dst = binary.BigEndian.AppendUint64(dst, math.Float64bits(fraction)<<12)
	}
	if f < 0 {
		negate(dst[start:])
	}
	return dst
}

// appendOrderBig may change i, which must not be 0.
func appendOrderBig(dst []byte, i *big.Int) []byte {
	start, negative := len(dst), i.Sign() < 0
	i.Abs(i)
	e := i.BitLen() - 1
	dst = appendExponent(dst, e)
	digits := leftAlign(i)
	dst = binary.BigEndian.AppendUint64(dst, binary.BigEndian.Uint64(digits)<<1|more(digits[8:]))
	for digits = digits[8:]; len(digits) > 0; digits = digits[7:] {
		dst = append(dst, digits[:7]...)
		dst = append(dst, byte(more(digits[7:])))
	}
	if negative {
		negate(dst[start:])
	}
	return dst
}

// leftAlign gives the bits of i from the leading one to the last one as 8 bytes and as many groups of 7 as it
// takes. It changes i.
func leftAlign(i *big.Int) []byte {
	length, groups := i.BitLen(), 0
	if significant := length - int(i.TrailingZeroBits()); significant > 64 {
		groups = (significant - 64 + 55) / 56
	}
	if total := 64 + 56*groups; total >= length {
		i.Lsh(i, uint(total-length))
	} else {
		i.Rsh(i, uint(length-total))
	}
	return i.FillBytes(make([]byte, 8+7*groups))
}

func more(digits []byte) uint64 {
	if len(digits) > 0 {
		return 1
	}
	return 0
}

func appendExponent(dst []byte, e int) []byte {
	switch {
	case e < 0:
		return binary.BigEndian.AppendUint16(append(dst, orderSmall), uint16(e-smallestExponent))
	case e < 64:
		return append(dst, orderOne+byte(e))
	}
	return binary.BigEndian.AppendUint64(append(dst, orderLarge), uint64(e))
}

// negate turns the order key of a number into that of its opposite.
func negate(key []byte) {
	key[0] = 2*orderZero - key[0]
	for i := range key[1:] {
		key[1+i] = ^key[1+i]
	}
}

// OrderPrefixInt is the first 8 bytes of AppendOrderInt, and zeros behind what is shorter, as a number that orders like
// them. exact is false for what is shorter.
func OrderPrefixInt(i int64) (prefix uint64, exact bool) {
	switch {
	case i > 0:
		e := bits.Len64(uint64(i)) - 1
		return uint64(orderOne+e)<<56 | uint64(i)<<(64-e)>>8, true
	case i < 0:
		e := bits.Len64(uint64(-i)) - 1
		return uint64(2*orderZero-orderOne-e)<<56 | ^(uint64(-i)<<(64-e))>>8, true
	}
	return orderZero << 56, false
}

// OrderPrefixFloat is OrderPrefixInt of AppendOrderFloat.
func OrderPrefixFloat(f float64) (prefix uint64, exact bool) {
	number := math.Float64bits(f)
	e := int(number>>52&0x7ff) - 1023
	if e >= 0 && e < 64 {
		prefix = uint64(orderOne+e)<<56 | number<<12>>8
		if f < 0 {
			prefix = uint64(2*orderZero)<<56 - prefix&(0xff<<56) | ^prefix&(1<<56-1)
		}
		return prefix, true
	}
	var room [24]byte // more than a float takes
	key := AppendOrderFloat(room[:0], f)
	return binary.BigEndian.Uint64(room[:]), len(key) >= 8
}
