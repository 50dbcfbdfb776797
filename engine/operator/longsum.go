package operator

import (
	"encoding/binary"
	"math/big"
	"math/bits"
)

// A longSum is an exact sum of floats of any exponents: a signed integer times 2^lowestBit.
type longSum [longWords]uint64

// add adds a finite float.
func (l *longSum) add(x float64) {
	mantissa, exponent, negative := decompose(x)
	at := uint(exponent - lowestBit)
	w := window{base: int16(lowestBit + int(at/wordBits)*wordBits)}
	addShifted(&w.words, mantissa, at%wordBits, negative)
	w.addTo(l)
}

func (l *longSum) merge(o *longSum) {
	var carry uint64
	for i := range l {
		l[i], carry = bits.Add64(l[i], o[i], carry)
	}
}

// integer is the sum in units of 2^lowestBit.
func (l *longSum) integer() *big.Int {
	words := *l
	negative := magnitude(words[:])
	i, word := new(big.Int), new(big.Int)
	for k := longWords - 1; k >= 0; k-- {
		i.Or(i.Lsh(i, wordBits), word.SetUint64(words[k]))
	}
	if negative {
		i.Neg(i)
	}
	return i
}

func (l *longSum) encode() []byte {
	text := make([]byte, 0, longWords*8)
	for _, w := range l {
		text = binary.LittleEndian.AppendUint64(text, w)
	}
	return text
}

func decodeLongSum(text string) (*longSum, bool) {
	if len(text) != longWords*8 {
		return nil, false
	}
	var l longSum
	for i := range l {
		l[i] = binary.LittleEndian.Uint64([]byte(text[i*8:][:8]))
	}
	return &l, true
}
