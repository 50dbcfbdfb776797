package operator

import (
	"math"
	"sync"
	"unsafe"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/host"
)

// Records of keys that do not repeat are bound by cache misses, for the tables of all buckets together are larger
// than any cache. So such records are divided by bucket first, into blocks, and a bucket folds its blocks when
// there are many: then its table stays in the cache, and is made as large as it must be at once.

// A block is records of one bucket: keys with their ordinals and, of values, at most a few numbers for each.
type block struct {
	*rowsOfBlock
	arena   []byte                       // long texts; b of their keys is where they stand
	numbers [mostKept]*[blockRows]uint64 // bits of ints or floats; nil: not needed yet
	n       int
}

// rowsOfBlock is what a block has of each record.
type rowsOfBlock struct {
	keys [blockRows]entry
	ords [blockRows]chunk.Ordinal
}

var (
	rowPieces    host.Pieces[rowsOfBlock]
	numberPieces host.Pieces[[blockRows]uint64]
)

// kept is what records in a block keep of their values.
type kept struct {
	kind  chunk.Kind // Empty: nothing; Int, Float: a number; Tuple: ints
	width int        // of a tuple
}

// mostKept is how many numbers of a record a block takes.
const mostKept = 4

// numbers is how many of a record there are.
func (k kept) numbers() int {
	switch k.kind {
	case chunk.Int, chunk.Float:
		return 1
	case chunk.Tuple:
		return k.width
	}
	return 0
}

// keptNumbers is what records keep of values that are numbers; false: they are none.
func keptNumbers(values *chunk.Column) (kept, bool) {
	return kept{kind: values.Kind}, values.Kind == chunk.Int || values.Kind == chunk.Float
}

// keptInts is what records keep of values that are ints, or tuples of so many.
func keptInts(values *chunk.Column, width int) (kept, bool) {
	if width == 1 {
		return kept{kind: chunk.Int}, values.Kind == chunk.Int
	}
	if values.Kind != chunk.Tuple || len(values.Fields) != width || width > mostKept {
		return kept{}, false
	}
	for f := range values.Fields {
		if values.Fields[f].Kind != chunk.Int {
			return kept{}, false
		}
	}
	return kept{kind: chunk.Tuple, width: width}, true
}

const (
	blockRows  = 512
	blockArena = 64 << 10 // a block with so many bytes of long texts is full
	sizeNumber = 8 * blockRows
	sizeBlock  = int64(unsafe.Sizeof(block{})+unsafe.Sizeof(rowsOfBlock{})) + sizeNumber
	// sizeWaiting is what a record in a block is counted as: what it may take once it is folded.
	sizeWaiting = 2 * sizeBlock / blockRows
)

var blocks = sync.Pool{New: func() any {
	b := new(block)
	b.rowsOfBlock = host.PieceFor(&rowPieces, b)
	return b
}}

func (b *block) free() {
	if cap(b.arena) > 2*blockArena {
		b.arena = nil
	}
	b.arena, b.n = b.arena[:0], 0
	blocks.Put(b)
}

func (b *block) full() bool { return b.n == blockRows || len(b.arena) >= blockArena }

// size is what the records are counted as.
func (b *block) size() int64 { return int64(b.n)*sizeWaiting + int64(len(b.arena)) }

// held is how many bytes the block takes.
func (b *block) held() int64 {
	bytes := sizeBlock - sizeNumber + int64(cap(b.arena))
	for _, numbers := range b.numbers {
		if numbers != nil {
			bytes += sizeNumber
		}
	}
	return bytes
}

// begin makes room for the numbers of records.
func (b *block) begin(k kept) {
	for f := range k.numbers() {
		if b.numbers[f] == nil {
			b.numbers[f] = host.PieceFor(&numberPieces, b)
		}
	}
}

// add takes key i of a batch. There is room for it.
func (b *block) add(keys *keyBatch, i int, ord chunk.Ordinal) {
	at := b.n % blockRows
	b.keys[at], b.ords[at] = keys.keys[i], ord
	if !keys.keys[i].short() {
		b.keys[at].b = uint64(len(b.arena))
		b.arena = append(b.arena, keys.texts[i]...)
	}
	b.n++
}

// keep takes what the record that is added next keeps of value i of a column.
func (b *block) keep(k kept, values *chunk.Column, i int) {
	switch k.kind {
	case chunk.Int:
		b.numbers[0][b.n] = uint64(values.Ints[i])
	case chunk.Float:
		b.numbers[0][b.n] = math.Float64bits(values.Floats[i])
	case chunk.Tuple:
		for f := range values.Fields {
			b.numbers[f][b.n] = uint64(values.Fields[f].Ints[i])
		}
	}
}

// A blockReader gives the records of blocks in the form that tables take. It keeps its memory from one block to the
// next.
type blockReader struct {
	in   Keyed
	keys keyBatch
}

var readers = sync.Pool{New: func() any { return new(blockReader) }}

func (r *blockReader) read(b *block, k kept) {
	r.keys.keys, r.keys.texts, r.keys.views = b.keys[:b.n], nil, r.keys.views[:0]
	if len(b.arena) > 0 {
		for i := range r.keys.keys {
			text := ""
			if e := &b.keys[i]; !e.short() {
				text = view(b.arena[e.b:][:e.length()])
			}
			r.keys.views = append(r.keys.views, text)
		}
		r.keys.texts = r.keys.views
	}
	r.in.Ordinals = b.ords[:b.n]
	r.in.Values.Reset()
	switch r.in.Values.Kind, r.in.Values.N = k.kind, b.n; k.kind {
	case chunk.Int:
		r.in.Values.Ints = appendNumbers(r.in.Values.Ints, b.numbers[0][:b.n])
	case chunk.Float:
		for _, bits := range b.numbers[0][:b.n] {
			r.in.Values.Floats = append(r.in.Values.Floats, math.Float64frombits(bits))
		}
	case chunk.Tuple:
		r.in.Values.Kind = chunk.Empty
		for f, c := range tupleFields(&r.in.Values, k.width) {
			r.in.Values.Fields[f] = chunk.Column{Kind: chunk.Int, N: b.n, Ints: appendNumbers(c.Ints[:0], b.numbers[f][:b.n])}
		}
	}
}

func appendNumbers(to []int64, numbers []uint64) []int64 {
	for _, bits := range numbers {
		to = append(to, int64(bits))
	}
	return to
}
