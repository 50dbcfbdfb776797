package chunk

import (
	"encoding/binary"
	"math/bits"

	"github.com/zeebo/xxh3"
)

// An array of strings is their lengths and their bytes, or, where strings repeat, the distinct ones in order of
// first occurrence and the number of each string among them.
const (
	stringsPlain = 0
	stringsDict  = 1
)

// A dictionary numbers distinct strings. It keeps its memory from one array to the next.
type dictionary struct {
	slots    []uint32 // hash table of numbers + 1
	distinct []string
	numbers  []int64 // of each string of the array
	lengths  []int64
	bytes    int // of the distinct strings
}

const minDictionary = 16 // strings from which on one is tried

// build numbers the strings. It gives up, and reports so, when most of them are distinct.
func (d *dictionary) build(values []string) bool {
	d.slots = sized(d.slots, 2<<bits.Len(uint(len(values))))
	clear(d.slots)
	d.distinct, d.numbers, d.bytes = d.distinct[:0], d.numbers[:0], 0
	for i, s := range values {
		d.numbers = append(d.numbers, d.number(s))
		if i&255 == 255 && 4*len(d.distinct) > 3*i {
			return false
		}
	}
	return true
}

func (d *dictionary) number(s string) int64 {
	mask := uint64(len(d.slots) - 1)
	for at := xxh3.HashString(s) & mask; ; at = (at + 1) & mask {
		switch n := d.slots[at]; {
		case n == 0:
			d.distinct = append(d.distinct, s)
			d.slots[at] = uint32(len(d.distinct))
			d.bytes += len(s)
			return int64(len(d.distinct) - 1)
		case d.distinct[n-1] == s:
			return int64(n - 1)
		}
	}
}

// pays reports whether the dictionary takes less room than strings of so many bytes on their own, if a length
// takes a byte.
func (d *dictionary) pays(count, total int) bool {
	width := bits.Len(uint(len(d.distinct)))
	return d.bytes+len(d.distinct)+count*width/8 < total+count
}

func (d *dictionary) appendStrings(dst []byte, values []string) []byte {
	total := 0
	for _, s := range values {
		total += len(s)
	}
	defer func() { clear(d.distinct) }() // they are views of somebody's block
	if len(values) < minDictionary || !d.build(values) || !d.pays(len(values), total) {
		return d.appendPlain(append(dst, stringsPlain), values, total)
	}
	dst = binary.AppendUvarint(append(dst, stringsDict), uint64(len(d.distinct)))
	dst = d.appendPlain(dst, d.distinct, d.bytes)
	return appendInts(dst, d.numbers)
}

func (d *dictionary) appendPlain(dst []byte, values []string, total int) []byte {
	d.lengths = d.lengths[:0]
	for _, s := range values {
		d.lengths = append(d.lengths, int64(len(s)))
	}
	dst = appendInts(dst, d.lengths)
	dst = binary.AppendUvarint(dst, uint64(total))
	for _, s := range values {
		dst = append(dst, s...)
	}
	return dst
}

// readStrings reads n strings into dst, which it grows. They are views of the reader's bytes.
func (d *decoder) readStrings(dst []string, n int) []string {
	if d.byte() == stringsPlain {
		return d.readPlain(dst, n)
	}
	count := d.upTo(uint32(n))
	d.distinct = d.readPlain(d.distinct, count)
	d.numbers = readInts(&d.reader, d.numbers, n)
	if d.failed {
		return dst[:0]
	}
	dst = sized(dst, n)
	for i, number := range d.numbers {
		if uint64(number) >= uint64(count) {
			d.fail()
			return dst[:0]
		}
		dst[i] = d.distinct[number]
	}
	return dst
}

func (d *decoder) readPlain(dst []string, n int) []string {
	d.numbers = readInts(&d.reader, d.numbers, n)
	body := reader{rest: d.take(d.upTo(MaxRaw))}
	if d.failed {
		return dst[:0]
	}
	dst = sized(dst, n)
	for i, length := range d.numbers {
		dst[i] = body.view(int(length))
	}
	if body.failed || len(body.rest) > 0 {
		d.fail()
	}
	return dst
}
