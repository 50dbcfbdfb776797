package operator

import (
	"encoding/binary"
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
	rests   *[blockRows]rest // of the ordinals; nil: all are zero
	arena   []byte           // long texts, each behind its length in 4 bytes
	numbers [mostKept]numbers
	n       int
}

// A row is what a block has of each record: an entry without the hash, which costs less than the memory it would take, and
// the position of the ordinal.
type row struct {
	a, b   uint64 // of a long text b is where it stands in the arena, below the upper half of its hash
	packed uint64 // the position above the size of the entry, or above longSize and notString
}

// rest is what an ordinal has beside its position.
type rest struct{ lane, sibling uint32 }

const (
	sizeBits     = 6
	longSize     = 1<<sizeBits - 2
	mostPosition = 1<<(64-sizeBits) - 1
)

func (r *row) size() uint64 { return r.packed & (1<<sizeBits - 1) }

func (r *row) short() bool { return r.size() <= mostShort }

// text is where a long text stands in the arena.
func (r *row) text(arena []byte) []byte {
	held := arena[uint32(r.b):]
	return held[sizeLength:][:binary.LittleEndian.Uint32(held)]
}

// hash is the hash of the key, of a long one only the upper half.
func (r *row) hash() uint64 {
	if r.short() {
		return hashShort(r.a, r.b, r.size())
	}
	return r.b
}

// numbers are one of the numbers of each row: small ints, until one does not fit, or the bits of ints or floats.
type numbers struct {
	small *[blockRows]int32
	wide  *[blockRows]uint64 // in use if it is there
}

var (
	rowPieces   host.Pieces[[blockRows]row]
	restPieces  host.Pieces[[blockRows]rest]
	smallPieces host.Pieces[[blockRows]int32]
	widePieces  host.Pieces[[blockRows]uint64]
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
	sizeLength = 4
	sizeSmalls = 4 * blockRows
	sizeInts   = 8 * blockRows
	sizeRests  = 8 * blockRows
	sizeBlock  = int64(unsafe.Sizeof(block{})+blockRows*unsafe.Sizeof(row{})) + sizeInts
	// sizeWaiting is what a record in a block is counted as: what it may take once it is folded.
	sizeWaiting = 5 * sizeBlock / blockRows / 2
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
	bytes := sizeBlock - sizeInts + int64(cap(b.arena))
	for f := range b.numbers {
		if b.numbers[f].small != nil {
			bytes += sizeSmalls
		}
		if b.numbers[f].wide != nil {
			bytes += sizeInts
		}
	}
	if b.rests != nil {
		bytes += sizeRests
	}
	return bytes
}

// begin makes room for the numbers of records.
func (b *block) begin(k kept) {
	for f := range k.numbers() {
		switch numbers := &b.numbers[f]; {
		case numbers.wide != nil:
		case k.kind == chunk.Float:
			numbers.wide = host.PieceFor(&widePieces, b)
		case numbers.small == nil:
			numbers.small = host.PieceFor(&smallPieces, b)
		}
	}
}

// widen makes room for all ints.
func (b *block) widen(f int) {
	numbers := &b.numbers[f]
	numbers.wide = host.PieceFor(&widePieces, b)
	for i, v := range numbers.small {
		numbers.wide[i] = uint64(v)
	}
}

// int is one of the ints of a row.
func (b *block) int(f, i int) int64 {
	if numbers := &b.numbers[f]; numbers.wide == nil {
		return int64(numbers.small[i])
	}
	return int64(b.numbers[f].wide[i])
}

func (b *block) setInt(f, i int, v int64) {
	if b.numbers[f].wide == nil {
		if small := int32(v); int64(small) == v {
			b.numbers[f].small[i] = small
			return
		}
		b.widen(f)
	}
	b.numbers[f].wide[i] = uint64(v)
}

// fits says that all keys of a batch can stand in blocks, with their ordinals.
func fits(keys *keyBatch, ords []chunk.Ordinal) bool {
	for i := range ords {
		if ords[i].Position > mostPosition {
			return false
		}
	}
	return keys.texts == nil || !slices.ContainsFunc(keys.keys, func(e entry) bool { return e.length() > blockArena })
}

// add takes key i of a batch. There is room for it.
func (b *block) add(keys *keyBatch, i int, ord chunk.Ordinal) {
	at := b.n % blockRows
	key := &keys.keys[i]
	r := &b.rows[at]
	r.a, r.b = key.a, key.b
	size := key.size
	if !key.short() {
		size = longSize | key.size&notString
		r.b = key.hash>>halfBits<<halfBits | uint64(len(b.arena))
		b.arena = binary.LittleEndian.AppendUint32(b.arena, uint32(key.length()))
		b.arena = append(b.arena, keys.texts[i]...)
	}
	b.place(at, size, ord)
	b.n++
}

// place gives a row the size of its entry and its ordinal.
func (b *block) place(i int, size uint64, o chunk.Ordinal) {
	b.rows[i].packed = o.Position<<sizeBits | size
	b.setRest(i, rest{o.Lane, o.Sibling})
}

func (b *block) setRest(i int, r rest) {
	if b.rests == nil {
		if r == (rest{}) {
			return
		}
		b.rests = host.PieceFor(&restPieces, b)
		clear(b.rests[:])
	}
	b.rests[i] = r
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
		r.a, r.b = key.a, key.b
		b.place(b.n+i, key.size, ord)
	}
	if k.kind == chunk.Int {
		b.addInts(0, in.Values.Ints[at:at+n])
	} else {
		for f := range in.Values.Fields {
			b.addInts(f, in.Values.Fields[f].Ints[at:at+n])
		}
	}
	b.n += n
	return n
}

func (b *block) addInts(f int, ints []int64) {
	for i, v := range ints {
		b.setInt(f, b.n+i, v)
	}
}

func (b *block) ordinal(i int) chunk.Ordinal {
	o := chunk.Ordinal{Position: b.rows[i].packed >> sizeBits}
	if b.rests != nil {
		o.Lane, o.Sibling = b.rests[i].lane, b.rests[i].sibling
	}
	return o
}

func (b *block) setOrdinal(i int, o chunk.Ordinal) { b.place(i, b.rows[i].size(), o) }

// key is the key of a row without its hash, and its text if the entry does not hold it.
func (b *block) key(i int) (e entry, text string) {
	r := &b.rows[i]
	if e = (entry{a: r.a, b: r.b, size: r.size()}); !e.short() {
		text = view(r.text(b.arena))
		e.size = uint64(len(text))<<1 | e.size&notString
	}
	return e, text
}

// keep takes what the record that is added next keeps of value i of a column.
func (b *block) keep(k kept, values *chunk.Column, i int) {
	switch k.kind {
	case chunk.Int:
		b.setInt(0, b.n, values.Ints[i])
	case chunk.Float:
		b.numbers[0].wide[b.n] = math.Float64bits(values.Floats[i])
	case chunk.Tuple:
		for f := range values.Fields {
			b.setInt(f, b.n, values.Fields[f].Ints[i])
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
		r.in.Values.Ints = b.appendInts(r.in.Values.Ints, 0)
	case chunk.Float:
		for _, bits := range b.numbers[0].wide[:b.n] {
			r.in.Values.Floats = append(r.in.Values.Floats, math.Float64frombits(bits))
		}
	case chunk.Tuple:
		r.in.Values.Kind = chunk.Empty
		for f, c := range tupleFields(&r.in.Values, k.width) {
			r.in.Values.Fields[f] = chunk.Column{Kind: chunk.Int, N: b.n, Ints: b.appendInts(c.Ints[:0], f)}
		}
	}
}

// appendInts appends one of the ints of all rows.
func (b *block) appendInts(to []int64, f int) []int64 {
	for i := range b.n {
		to = append(to, b.int(f, i))
	}
	return to
}
