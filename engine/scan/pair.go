package scan

import (
	"encoding/binary"
	"math/bits"
)

// IndexPair is the offset of the first place from at on where two bytes stand side by side, -1 if there is none. It
// looks at sixteen places at a time: where single bytes are common and pairs are not, that takes less than stopping
// at each of the bytes.
func IndexPair(text string, at int, first, second byte) int {
	one, two := eachByte*uint64(first), eachByte*uint64(second)
	data := bytesOf(text)
	for ; at+17 <= len(data); at += 16 {
		d := data[at : at+17 : at+17]
		x := (binary.LittleEndian.Uint64(d) ^ one) | (binary.LittleEndian.Uint64(d[1:]) ^ two)
		y := (binary.LittleEndian.Uint64(d[8:]) ^ one) | (binary.LittleEndian.Uint64(d[9:]) ^ two)
		// The lowest bit that is set is right: a borrow can only come from a byte that is itself found.
		x, y = (x-eachByte)&^x&eachTop, (y-eachByte)&^y&eachTop
		if x|y == 0 {
			continue
		}
		if x != 0 {
			return at + bits.TrailingZeros64(x)/8
		}
		return at + 8 + bits.TrailingZeros64(y)/8
	}
	for ; at+1 < len(data); at++ {
		if data[at] == first && data[at+1] == second {
			return at
		}
	}
	return -1
}
