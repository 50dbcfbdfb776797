package scan

import (
	"encoding/binary"
	"math/bits"
)

const (
	eachZero = '0' * eachByte
	eachHigh = 0xf0 * eachByte
	eachDot  = '.' * eachByte
)

// rightAligned is a text of 4 to 8 bytes as the last bytes of a word that begins with zeros, '0', in the order of memory.
func rightAligned(text string) uint64 {
	data := bytesOf(text)
	free := 8 * (8 - uint(len(data)))
	w := uint64(binary.LittleEndian.Uint32(data)) << (free & 63)
	w |= uint64(binary.LittleEndian.Uint32(data[len(data)-4:])) << 32
	return w | eachZero&(1<<(free&63)-1)
}

// eightDigits is the number that the eight digits of a word are; ok is false if they are not all digits.
func eightDigits(w uint64) (n uint64, ok bool) {
	ok = w&eachHigh == eachZero && (w+6*eachByte)&eachHigh == eachZero
	w -= eachZero
	w = w*10 + w>>8 // pairs, in the even bytes
	w = (w&0x000000ff000000ff*(100+1000000<<32) + w>>16&0x000000ff000000ff*(1+10000<<32)) >> 32
	return w, ok
}

// ShortInt is the value of 4 to 8 digits and nothing else, eight of them at a time; ok is false for all other texts.
func ShortInt(text string) (n int64, ok bool) {
	if len(text) < 4 || len(text) > 8 {
		return 0, false
	}
	u, ok := eightDigits(rightAligned(text))
	return int64(u), ok
}

// shortDecimals is ShortInt for 3 to 7 digits with a point before, in or behind them: the digits, and how many stand
// behind the point.
func shortDecimals(text string) (n uint64, places int, ok bool) {
	if len(text) < 4 || len(text) > 8 {
		return 0, 0, false
	}
	w := rightAligned(text)
	point := zeroBytes(w ^ eachDot)
	if point == 0 {
		return 0, 0, false
	}
	at := uint(bits.TrailingZeros64(point)) - 7 // in bits
	before := w & (1<<(at&63) - 1)
	w = w>>8>>(at&63)<<(at&63)<<8 | before<<8 | '0'
	n, ok = eightDigits(w)
	return n, 7 - int(at/8), ok
}
