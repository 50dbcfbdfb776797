package operator

import (
	"slices"

	"github.com/flowsh/flowsh/engine/chunk"
)

// inOrder gives the indexes of ordinals in their order, or nil if they are in order already.
func inOrder(ords []chunk.Ordinal) []int32 {
	if slices.IsSortedFunc(ords, chunk.Ordinal.Compare) {
		return nil
	}
	order := make([]int32, len(ords))
	for i := range order {
		order[i] = int32(i)
	}
	spare := make([]int32, len(ords))
	for digit := range ordinalDigits {
		if sorted := sortByDigit(spare, order, ords, digit); sorted {
			order, spare = spare, order
		}
	}
	return order
}

// ordinalDigits is the number of bytes of an ordinal, lowest first: sibling, position, lane.
const ordinalDigits = 16

func digitOf(o *chunk.Ordinal, digit int) byte {
	switch {
	case digit < 4:
		return byte(o.Sibling >> (8 * digit))
	case digit < 12:
		return byte(o.Position >> (8 * (digit - 4)))
	}
	return byte(o.Lane >> (8 * (digit - 12)))
}

// sortByDigit is a step of a radix sort, which keeps the order of equal digits. It reports false, and does
// nothing, if all digits are equal.
func sortByDigit(to, from []int32, ords []chunk.Ordinal, digit int) bool {
	var counts [256]int
	for i := range ords {
		counts[digitOf(&ords[i], digit)]++
	}
	if counts[digitOf(&ords[0], digit)] == len(ords) {
		return false
	}
	at := 0
	for d, n := range counts {
		counts[d] = at
		at += n
	}
	for _, i := range from {
		d := digitOf(&ords[i], digit)
		to[counts[d]] = i
		counts[d]++
	}
	return true
}
