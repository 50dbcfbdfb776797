package operator

import (
	"math"
	"sync"
	"unsafe"

	"github.com/flowsh/flowsh/engine/chunk"
)

// Records of keys that do not repeat are bound by cache misses, for the tables of all buckets together are larger
// than any cache. So such records are divided by bucket first, into blocks, and a bucket folds its blocks when
// there are many: then its table stays in the cache, and is made as large as it must be at once.

// A block is records of one bucket: keys with their ordinals and, of values, at most a number for each.
type block struct {
	arena   []byte // long texts; b of their keys is where they stand
	n       int
	keys    [blockRows]entry
	ords    [blockRows]chunk.Ordinal
	numbers [blockRows]uint64 // bits of an int or a float
}

const (
	blockRows  = 512
	blockArena = 64 << 10 // a block with so many bytes of long texts is full
	sizeBlock  = int64(unsafe.Sizeof(block{}))
	// sizeWaiting is what a record in a block is counted as: what it may take once it is folded.
	sizeWaiting = 2 * sizeBlock / blockRows
)

var blocks = sync.Pool{New: func() any { return new(block) }}

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

// add takes key i of a batch. There is room for it.
func (b *block) add(keys *keyBatch, i int, ord chunk.Ordinal, number uint64) {
	at := b.n % blockRows
	b.keys[at], b.ords[at], b.numbers[at] = keys.keys[i], ord, number
	if !keys.keys[i].short() {
		b.keys[at].b = uint64(len(b.arena))
		b.arena = append(b.arena, keys.texts[i]...)
	}
	b.n++
}

// numberAt gives the bits of a number in a column of a kind, 0 if it is not of numbers.
func numberAt(c *chunk.Column, kind chunk.Kind, i int) uint64 {
	switch kind {
	case chunk.Int:
		return uint64(c.Ints[i])
	case chunk.Float:
		return math.Float64bits(c.Floats[i])
	}
	return 0
}

// A blockReader gives the records of blocks in the form that tables take. It keeps its memory from one block to the
// next.
type blockReader struct {
	in   Keyed
	keys keyBatch
}

var readers = sync.Pool{New: func() any { return new(blockReader) }}

func (r *blockReader) read(b *block, kind chunk.Kind) {
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
	r.in.Values.Kind, r.in.Values.N = kind, b.n
	for _, bits := range b.numbers[:b.n] {
		switch kind {
		case chunk.Int:
			r.in.Values.Ints = append(r.in.Values.Ints, int64(bits))
		case chunk.Float:
			r.in.Values.Floats = append(r.in.Values.Floats, math.Float64frombits(bits))
		}
	}
}
