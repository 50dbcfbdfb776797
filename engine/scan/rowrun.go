package scan

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"
)

// A RowRun takes the fields of consecutive records, column by column.
type RowRun struct {
	Width  int        // fields of each record
	Pick   []int      // the fields that are wanted
	Fields [][]string // per element of Pick: where they are appended, views into the text
	Starts []uint32   // where the records' offsets are appended
}

// mostRun bounds the records that are cut at once.
const mostRun = 1 << 10

// Run appends records to r, up to one that has another width, or quotes, or lacks a line end, and not too many at
// once. It returns how many: 0 says that Next has to take the next one.
func (c *CSV) Run(r *RowRun) (n int) {
	n, c.at = c.run(c.text, c.at, r)
	return n
}

// Run is CSV.Run; records with a backslash are for Next.
func (t *TSV) Run(r *RowRun) (n int) {
	n, t.at = t.run(t.text, t.at, r)
	return n
}

// At is the offset of the next record.
func (c *CSV) At() int { return c.at }

// At is CSV.At.
func (t *TSV) At() int { return t.at }

// Seek goes to a record that begins at an offset.
func (c *CSV) Seek(at int) {
	c.at = at
	c.reset()
}

// Seek is CSV.Seek.
func (t *TSV) Seek(at int) {
	t.at = at
	t.reset()
}

// run appends plain records from an offset on and returns the offset of the first that it left.
func (c *rowCutter) run(text string, at int, r *RowRun) (n, next int) {
	if c.marks == nil {
		c.marks = new(rowMarks)
	}
	m := c.marks
	for n < mostRun && at < len(text) {
		if at < m.from || at >= m.to {
			m.fill(text, at, c.delim, c.special)
		}
		m.pass(at)
		k := m.plain(text, mostRun-n, r.Width, c.delim)
		switch {
		case k > 0:
			n += k
			at = m.take(text, at, k, r)
		case m.n-m.next < r.Width && at > m.from && m.to < len(text):
			m.fill(text, at, c.delim, c.special) // the record may end behind the window
		default:
			return n, at
		}
	}
	return n, at
}

// markWindow is how much of a text is marked at once, in bytes: it stays in the nearest cache until it is cut.
const markWindow = 4 << 10

// rowMarks are the places in a window of a text where delimiters, line ends and special bytes stand. They are found
// in a pass of their own, without a branch for each: how long fields are cannot be foretold.
type rowMarks struct {
	from, to int // the window
	next     int // the first mark that was not passed
	n        int
	at       [markWindow]uint32
}

// pass steps over the marks before an offset.
func (m *rowMarks) pass(at int) {
	for m.next < m.n && int(m.at[m.next]) < at {
		m.next++
	}
}

// fill marks the window that begins at an offset.
func (m *rowMarks) fill(text string, from int, delim, special byte) {
	m.from, m.to, m.next = from, min(from+markWindow, len(text)), 0
	data := bytesOf(text)[:m.to]
	delims, specials := eachByte*uint64(delim), eachByte*uint64(special)
	plain := bytes.IndexByte(data[from:], special) < 0
	n, at := 0, from
	for ; at+64 <= len(data); at += 64 {
		d := (*[64]byte)(data[at:])
		found := markedPlain(d, delims)
		if !plain {
			found |= marked(d, specials)
		}
		for ; found != 0; found &= found - 1 {
			m.at[n&(markWindow-1)] = uint32(at + bits.TrailingZeros64(found))
			n++
		}
	}
	for ; at < len(data); at++ {
		if b := data[at]; b == delim || b == '\n' || b == special {
			m.at[n] = uint32(at)
			n++
		}
	}
	m.n = n
}

// markedPlain has a bit for each byte of a piece that is a newline or the one that a word consists of.
func markedPlain(d *[64]byte, delims uint64) (found uint64) {
	w0, w1 := binary.LittleEndian.Uint64(d[0:]), binary.LittleEndian.Uint64(d[8:])
	w2, w3 := binary.LittleEndian.Uint64(d[16:]), binary.LittleEndian.Uint64(d[24:])
	w4, w5 := binary.LittleEndian.Uint64(d[32:]), binary.LittleEndian.Uint64(d[40:])
	w6, w7 := binary.LittleEndian.Uint64(d[48:]), binary.LittleEndian.Uint64(d[56:])
	if (w0|w1|w2|w3|w4|w5|w6|w7|delims)&eachTop != 0 {
		return marked(d, delims) | marked(d, eachNewline)
	}
	others := neither(w0, delims)>>7 | neither(w1, delims)>>6 | neither(w2, delims)>>5 | neither(w3, delims)>>4 |
		neither(w4, delims)>>3 | neither(w5, delims)>>2 | neither(w6, delims)>>1 | neither(w7, delims)
	return ^transposed(others)
}

// neither has the top bit of each byte of w, all of them ASCII, that is neither a newline nor the one that delims consists of.
func neither(w, delims uint64) uint64 {
	return ((w ^ delims) + eachLow) & ((w ^ eachNewline) + eachLow) & eachTop
}

// transposed is a matrix of 8 by 8 bits, of which each byte is a row, turned around its diagonal.
func transposed(x uint64) uint64 {
	t := (x ^ x>>7) & 0x00aa00aa00aa00aa
	x ^= t ^ t<<7
	t = (x ^ x>>14) & 0x0000cccc0000cccc
	x ^= t ^ t<<14
	t = (x ^ x>>28) & 0x00000000f0f0f0f0
	return x ^ t ^ t<<28
}

// marked has a bit for each byte of a piece that is the one that a word consists of.
func marked(d *[64]byte, specials uint64) (found uint64) {
	for k := 0; k < 64; k += 8 {
		w := binary.LittleEndian.Uint64(d[k:])
		found = found>>8 | gatherTops(zeroBytes(w^specials))<<56
	}
	return found
}

// gatherTops makes a byte of the top bits of the eight bytes of a word.
func gatherTops(w uint64) uint64 { return w >> 7 * 0x0102040810204080 >> 56 }

// plain counts the records of a width that begin at the next mark's record and end in the window.
func (m *rowMarks) plain(text string, most, width int, delim byte) (n int) {
	marks := m.at[m.next:m.n]
	for ; n < most && len(marks) >= width; n++ {
		last := width - 1
		for _, at := range marks[:last] {
			if text[at] != delim {
				return n
			}
		}
		if text[marks[last]] != '\n' {
			return n
		}
		marks = marks[width:]
	}
	return n
}

// take appends n records, of which the first begins at an offset, and returns the offset behind them.
func (m *rowMarks) take(text string, at, n int, r *RowRun) (next int) {
	marks := m.at[m.next : m.next+n*r.Width]
	room := n
	if bytes := int(marks[len(marks)-1]) + 1 - at; cap(r.Starts)-len(r.Starts) < n {
		room += (len(text) - at) / (bytes/n + 1) // all that follow, if they are like these
	}
	for j, f := range r.Pick {
		fields := slices.Grow(r.Fields[j], room)
		from := at
		if f > 0 {
			from = int(marks[f-1]) + 1
		}
		for k := f; ; k += r.Width {
			field := text[from:marks[k]]
			if f == r.Width-1 {
				field = trimCR(field)
			}
			fields = append(fields, field)
			if k+r.Width >= len(marks) {
				break
			}
			from = int(marks[k+r.Width-1]) + 1
		}
		r.Fields[j] = fields
	}
	starts := append(slices.Grow(r.Starts, room), uint32(at))
	last := r.Width - 1
	for ; last+r.Width < len(marks); last += r.Width {
		starts = append(starts, marks[last]+1)
	}
	r.Starts = starts
	m.next += len(marks)
	return int(marks[last]) + 1
}
