package operator

import (
	"encoding/binary"
	"unsafe"
)

// texts is strings one after another in one piece of memory. They are found without a pointer for each, which the
// collector would have to follow.
type texts struct {
	bytes []byte
	ends  []uint32
}

// mostTextBytes is how many bytes texts may hold before the next one: offsets are numbers of 32 bits.
const mostTextBytes = 1 << 30

func (t *texts) len() int { return len(t.ends) }

// start is where text i begins.
func (t *texts) start(i int) uint32 {
	if i == 0 {
		return 0
	}
	return t.ends[i-1]
}

// at is a view of text i.
func (t *texts) at(i int) string {
	lo, hi := t.start(i), t.ends[i]
	if lo == hi {
		return ""
	}
	return unsafe.String(&t.bytes[lo], int(hi-lo))
}

// size is the heap size in bytes.
func (t *texts) size() int64 { return int64(cap(t.bytes) + 4*cap(t.ends)) }

// appendRows adds some of other texts, or all if rows is nil.
func (t *texts) appendRows(from []string, rows []int32) {
	n, bytes := len(from), 0
	if rows == nil {
		for _, s := range from {
			bytes += len(s)
		}
	} else {
		n = len(rows)
		for _, i := range rows {
			bytes += len(from[i])
		}
	}
	t.bytes, t.ends = reserve(t.bytes, bytes), reserve(t.ends, n)
	for i := range n {
		at := i
		if rows != nil {
			at = int(rows[i])
		}
		t.bytes = append(t.bytes, from[at]...)
		t.ends = append(t.ends, uint32(len(t.bytes)))
	}
}

// reuse forgets the texts, to which nobody refers any more, and keeps the memory.
func (t *texts) reuse() { t.bytes, t.ends = t.bytes[:0], t.ends[:0] }

// gatherTexts copies some of the texts of several.
func gatherTexts(from []*texts, rows []rowPlace) (to texts) {
	bytes := 0
	for _, r := range rows {
		t := from[r.column]
		bytes += int(t.ends[r.row] - t.start(int(r.row)))
	}
	to = texts{bytes: make([]byte, 0, bytes), ends: make([]uint32, 0, len(rows))}
	for _, r := range rows {
		to.bytes = append(to.bytes, from[r.column].at(int(r.row))...)
		to.ends = append(to.ends, uint32(len(to.bytes)))
	}
	return to
}

// prefix is the first 8 bytes of text i behind so many, as a number that orders like them; 0 if it ends before.
func (t *texts) prefix(i, skip int) uint64 {
	from, to := int(t.start(i))+skip, int(t.ends[i])
	if from >= to {
		return 0
	}
	if from+8 > len(t.bytes) {
		return prefixOf(t.at(i)[skip:])
	}
	p := binary.BigEndian.Uint64(t.bytes[from:])
	if n := to - from; n < 8 {
		p &= ^(^uint64(0) >> (8 * n))
	}
	return p
}

// common is the number of bytes that all texts begin with.
func (t *texts) common() int {
	first := t.at(0)
	common := len(first)
	for i := 1; i < t.len() && common > 0; i++ {
		lo, hi := int(t.start(i)), int(t.ends[i])
		if common <= 8 && hi-lo >= 8 && len(first) >= 8 {
			if differ := binary.LittleEndian.Uint64(t.bytes[lo:]) ^ binary.LittleEndian.Uint64(t.bytes); differ<<(64-8*common) == 0 {
				continue
			}
		}
		common = min(common, commonBytes(first, t.at(i)))
	}
	return common
}

// commonBytes is the number of bytes that two texts begin with.
func commonBytes(x, y string) int {
	n := min(len(x), len(y))
	for i := range n {
		if x[i] != y[i] {
			return i
		}
	}
	return n
}
