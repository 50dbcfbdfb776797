// Package chunk holds records in memory and as bytes: columns and batches, the ordinals that fix their order,
// and the chunk, a batch encoded for the disk or the wire.
package chunk

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/cespare/xxhash/v2"
	"go.starlark.net/starlark"
)

// An Ordinal is a record's place in the order of a flow. It depends on data alone, never on how the input was
// cut: Position is where the source record stands (see Batch.Base), Sibling counts the records that came from
// the same source record, and Lane leads once the flow was partitioned.
type Ordinal struct {
	Position uint64
	Lane     uint32
	Sibling  uint32
}

// Compare orders by lane, position and sibling.
func (o Ordinal) Compare(p Ordinal) int {
	if o.Lane != p.Lane {
		return cmp.Compare(o.Lane, p.Lane)
	}
	if o.Position != p.Position {
		return cmp.Compare(o.Position, p.Position)
	}
	return cmp.Compare(o.Sibling, p.Sibling)
}

// Hash is a number that looks random and depends on the seed, the position and the sibling alone.
func (o Ordinal) Hash(seed int64) uint64 {
	var b [20]byte
	binary.LittleEndian.PutUint64(b[0:], uint64(seed))
	binary.LittleEndian.PutUint64(b[8:], o.Position)
	binary.LittleEndian.PutUint32(b[16:], o.Sibling)
	return xxhash.Sum64(b[:])
}

// An Origin says where the records of a batch were read, for error messages and origin=.
type Origin struct {
	File string // path as given, or "stdin"; empty for a list in the script
	Base int64  // byte offset (of the decompressed text), or index, of relative position 0
	Line int64  // 1-based number of the line at Base; 0 if lines were not counted
}

// A Batch is a run of records in order. Record i has the position Base + Relative[i]; a nil Relative means that
// every record has its own position, Base + i. Relative never decreases: records that one source record gave
// stand together.
//
// Lanes is nil before partition, after it the lane of each record.
type Batch struct {
	Column
	Base     uint64
	Relative []uint32
	Lanes    []uint32
	Origin   *Origin // nil after a shuffle
	Text     string  // of lines: the text that they are parts of, in which record i begins at Relative[i]; or ""
	// Documents is what json.decode gives for the records that are JSON texts, as far as functions read it, and
	// DocumentAt where in it that of record i stands, -1 if it is not there; nil if nobody has decoded them.
	Documents  *Column
	DocumentAt []int32
	// Whole gives record i with all of its members, where the column holds only those that functions read; nil if
	// the column holds all. It lasts as long as the batch is not reset.
	Whole func(i int) starlark.Value
}

// PositionBits is how many bits of a position are the byte offset in a source; the source's number stands above
// them. A source longer than 1 TiB takes more than one number.
const PositionBits = 40

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() {
	b.Column.Reset()
	b.Documents, b.DocumentAt = nil, b.DocumentAt[:0]
	b.Base, b.Relative, b.Lanes, b.Origin, b.Text, b.Whole = 0, b.Relative[:0], b.Lanes[:0], nil, "", nil
}

// RelativeAt is the position of record i relative to Base.
func (b *Batch) RelativeAt(i int) uint32 {
	if len(b.Relative) == 0 {
		return uint32(i)
	}
	return b.Relative[i]
}

// Ordinals appends the ordinal of every record.
func (b *Batch) Ordinals(dst []Ordinal) []Ordinal { return b.FirstOrdinals(dst, b.N) }

// FirstOrdinals appends the ordinals of n records, which need not be in the batch any more.
func (b *Batch) FirstOrdinals(dst []Ordinal, n int) []Ordinal {
	sibling, last := uint32(0), uint32(0)
	dst = slices.Grow(dst, n)
	for i := range n {
		r := b.RelativeAt(i)
		if i > 0 && r == last {
			sibling++
		} else {
			sibling, last = 0, r
		}
		o := Ordinal{Position: b.Base + uint64(r), Sibling: sibling}
		if len(b.Lanes) > 0 {
			o.Lane = b.Lanes[i]
		}
		dst = append(dst, o)
	}
	return dst
}
