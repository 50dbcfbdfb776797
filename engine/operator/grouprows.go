package operator

import (
	"encoding/binary"
	"slices"

	"github.com/flowsh/flowsh/engine/chunk"
)

// groupRows are the keys and the first ordinals of some groups. Each array of a bucket is gone through by itself: its
// groups stand all over, and so the memory is waited for once and not for each of them.
type groupRows struct {
	keys  []entry
	texts []string // of keys that their entries do not hold
	ords  []chunk.Ordinal
}

func (r *groupRows) reset() { r.keys, r.texts, r.ords = r.keys[:0], r.texts[:0], r.ords[:0] }

// add appends groups of a bucket. Texts are views of it.
func (r *groupRows) add(b *bucket, groups []int32) {
	n, all := len(r.keys), len(r.keys)+len(groups)
	r.keys, r.ords = slices.Grow(r.keys, len(groups))[:all], slices.Grow(r.ords, len(groups))[:all]
	r.texts = slices.Grow(r.texts, len(groups))[:all]
	keys, ords, texts := r.keys[n:], r.ords[n:], r.texts[n:]
	clear(texts)
	if t := b.table; t != nil {
		for i, g := range groups {
			keys[i] = t.entries[g]
		}
		for i, g := range groups {
			ords[i] = t.firsts[g]
		}
		for i := range keys {
			texts[i] = t.longText(&keys[i])
		}
		return
	}
	for i, g := range groups {
		block, row := b.at(g)
		keys[i], texts[i] = block.key(row)
		ords[i] = block.ordinal(row)
	}
}

// canonicalBytes is what the canonical keys take, or a little more.
func (r *groupRows) canonicalBytes() int {
	const tag, longTag = 1, 1 + binary.MaxVarintLen32
	n := inline // short texts are written whole
	for i := range r.keys {
		if e := &r.keys[i]; e.short() {
			n += tag + e.length()
		} else {
			n += longTag + e.length()
		}
	}
	return n
}
