package operator

import (
	"math"
	"slices"
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
	rows    *[blockRows]row
	lanes   *[blockRows]uint32           // of the ordinals; nil: all are 0
	arena   []byte                       // long texts
	numbers [mostKept]*[blockRows]uint64 // bits of ints or floats; nil: not needed yet
	n       int
}

// A row is what a block has of each record: an entry without the hash, which costs less than the memory it would take, and
// an ordinal without the lane.
type row struct {
	a, b     uint64 // of a long text b is where it stands in the arena, below the upper half of its hash
	position uint64
	size     uint32
	sibling  uint32
}

func (r *row) short() bool { return r.size <= mostShort }

// text is where a long text stands in the arena.
func (r *row) text(arena []byte) []byte { return arena[uint32(r.b):][:r.size>>1] }

// hash is the hash of the key, of a long one only the upper half.
func (r *row) hash() uint64 {
	if r.short() {
		return hashShort(r.a, r.b, uint64(r.size))
	}
	return r.b
}

var (
	rowPieces    host.Pieces[[blockRows]row]
	lanePieces   host.Pieces[[blockRows]uint32]
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
	sizeLanes  = 4 * blockRows
	sizeBlock  = int64(unsafe.Sizeof(block{})+blockRows*unsafe.Sizeof(row{})) + sizeNumber
	// sizeWaiting is what a record in a block is counted as: what it may take once it is folded.
	sizeWaiting = 2 * sizeBlock / blockRows
)

var blocks = sync.Pool{New: func() any {
	b := new(block)
	b.rows = host.PieceFor(&rowPieces, b)
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
	if b.lanes != nil {
		bytes += sizeLanes
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

// fits says that all keys of a batch can stand in blocks.
func fits(keys *keyBatch) bool {
	return keys.texts == nil || !slices.ContainsFunc(keys.keys, func(e entry) bool { return e.length() > blockArena })
}

// add takes key i of a batch. There is room for it.
func (b *block) add(keys *keyBatch, i int, ord chunk.Ordinal) {
	at := b.n % blockRows
	key := &keys.keys[i]
	r := &b.rows[at]
	r.a, r.b, r.size = key.a, key.b, uint32(key.size)
	if !key.short() {
		r.b = key.hash>>halfBits<<halfBits | uint64(len(b.arena))
		b.arena = append(b.arena, keys.texts[i]...)
	}
	b.setOrdinal(at, ord)
	b.n++
}

// addAll takes keys from one on, with their values, which are ints or tuples of such, as far as there is room and no text is
// long. It gives how many it took.
func (b *block) addAll(k kept, keys *keyBatch, in *Keyed, at int) (n int) {
	most := min(len(keys.keys)-at, blockRows-b.n)
	for n < most && keys.keys[at+n].short() {
		n++
	}
	for i, ord := range in.Ordinals[at : at+n] {
		key, r := &keys.keys[at+i], &b.rows[b.n+i]
		r.a, r.b, r.size = key.a, key.b, uint32(key.size)
		b.setOrdinal(b.n+i, ord)
	}
	if k.kind == chunk.Int {
		b.addNumbers(0, in.Values.Ints[at:at+n])
	} else {
		for f := range in.Values.Fields {
			b.addNumbers(f, in.Values.Fields[f].Ints[at:at+n])
		}
	}
	b.n += n
	return n
}

func (b *block) addNumbers(f int, ints []int64) {
	for i, v := range ints {
		b.numbers[f][b.n+i] = uint64(v)
	}
}

func (b *block) ordinal(i int) chunk.Ordinal {
	o := chunk.Ordinal{Position: b.rows[i].position, Sibling: b.rows[i].sibling}
	if b.lanes != nil {
		o.Lane = b.lanes[i]
	}
	return o
}

func (b *block) setOrdinal(i int, o chunk.Ordinal) {
	b.rows[i].position, b.rows[i].sibling = o.Position, o.Sibling
	if o.Lane != 0 || b.lanes != nil {
		b.setLane(i, o.Lane)
	}
}

func (b *block) setLane(i int, lane uint32) {
	if b.lanes == nil {
		b.lanes = host.PieceFor(&lanePieces, b)
		clear(b.lanes[:])
	}
	b.lanes[i] = lane
}

// key is the key of a row without its hash, and its text if the entry does not hold it.
func (b *block) key(i int) (e entry, text string) {
	r := &b.rows[i]
	if e = (entry{a: r.a, b: r.b, size: uint64(r.size)}); !e.short() {
		text = view(r.text(b.arena))
	}
	return e, text
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
	ords []chunk.Ordinal
}

var readers = sync.Pool{New: func() any { return new(blockReader) }}

func (r *blockReader) read(b *block, k kept) {
	r.keys.reset(b.n)
	r.ords = r.ords[:0]
	for i := range b.n {
		key, text := b.key(i)
		if key.short() {
			key.hash = b.rows[i].hash()
		} else {
			key = entryOf(text, key.size&notString)
		}
		r.keys.keys, r.keys.views = append(r.keys.keys, key), append(r.keys.views, text)
		r.ords = append(r.ords, b.ordinal(i))
	}
	if len(b.arena) > 0 {
		r.keys.texts = r.keys.views
	}
	r.in.Ordinals = r.ords
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
