package operator

import "math/bits"

// A joinIndex finds the groups of a sealed table whose keys have texts of at most 8 bytes: a slot holds all of a key,
// so that a lookup is one cache miss.
type joinIndex struct {
	slots []joinSlot // open addressing, at most half of them taken
	shift uint       // 64 - log2(len(slots))
}

type joinSlot struct {
	text  uint64
	size  uint32 // size of the entry + 1; 0: free
	group uint32
}

// sizeInIndex is what a key takes in a joinIndex.
const sizeInIndex = 48

// mostIndexed is the greatest size of entries that a joinIndex holds.
const mostIndexed = 8<<1 | notString

// newJoinIndex makes the index of a table, nil if it has longer keys.
func newJoinIndex(t *Table) *joinIndex {
	for i := range t.entries {
		if t.entries[i].size > mostIndexed {
			return nil
		}
	}
	size := max(minSlots, 1<<bits.Len(uint(2*len(t.entries))))
	x := &joinIndex{slots: large[joinSlot](size), shift: uint(64 - bits.Len(uint(size-1)))}
	mask := uint64(size - 1)
	for g := range t.entries {
		e := &t.entries[g]
		at := e.hash >> x.shift
		for x.slots[at&mask].size != 0 {
			at++
		}
		x.slots[at&mask] = joinSlot{text: e.a, size: uint32(e.size) + 1, group: uint32(g)}
	}
	return x
}

// seek finds the groups of a run of keys, -1 for those that are not there.
func (x *joinIndex) seek(keys []entry, groups []int32) {
	slots, shift := x.slots, x.shift
	mask := uint64(len(slots) - 1)
	if len(slots) >= touchSlots {
		prefetchHomes(keys, slots, shift)
	}
	groups = groups[:len(keys)]
	for i := range keys {
		key := &keys[i]
		groups[i] = -1
		if key.size > mostIndexed {
			continue
		}
		want := uint32(key.size) + 1
		for at := key.hash >> shift; ; at++ {
			slot := &slots[at&mask]
			if slot.text == key.a && slot.size == want {
				groups[i] = int32(slot.group)
				break
			}
			if slot.size == 0 {
				break
			}
		}
	}
}
