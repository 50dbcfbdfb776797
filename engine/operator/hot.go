package operator

import "math/bits"

// A hotIndex finds the groups of a table that takes the same keys again and again. Its slots hold short keys
// themselves, so that a lookup is one cache miss; it takes four times the room of the usual slots.
type hotIndex struct {
	slots []hotSlot // open addressing
	shift uint      // 64 - log2(len(slots))
}

type hotSlot struct {
	hash, a, b uint64
	size       uint32 // size of the entry + 1, or notShort; 0: free
	group      uint32
}

const (
	sizeHotSlot = 32
	notShort    = notString + 1 // no key has this size: there is no value without a canonical key
)

// lookupHot is lookup by the hot index.
func (t *Table) lookupHot(k *keyBatch, groups []int32) {
	t.entries = reserve(t.entries, len(k.keys))
	t.hot.reserve(t.entries, len(k.keys))
	slots, shift := t.hot.slots, t.hot.shift
	sum := uint32(0)
	for i := range k.keys { // see touch
		sum += slots[k.keys[i].hash>>shift].group
	}
	t.sink += uint64(sum)
	groups = groups[:len(k.keys)]
	for i := range k.keys {
		key := &k.keys[i]
		slot := &slots[key.hash>>shift]
		if (slot.a^key.a)|(slot.b^key.b)|(uint64(slot.size)^(key.size+1)) == 0 {
			groups[i] = int32(slot.group)
			continue
		}
		groups[i] = t.findHot(k, i)
	}
}

// findHot is find by the hot index.
func (t *Table) findHot(k *keyBatch, i int) int32 {
	key := &k.keys[i]
	size := hotSize(key)
	slots, mask := t.hot.slots, uint64(len(t.hot.slots)-1)
	for at := key.hash >> t.hot.shift; ; at++ {
		slot := &slots[at&mask]
		switch {
		case slot.size == 0:
			group := int32(t.Len())
			t.add(k, i)
			*slot = hotSlotOf(key, group)
			return group
		case slot.a != key.a || slot.size != size:
		case size != notShort && slot.b == key.b, size == notShort && slot.hash == key.hash && t.has(int32(slot.group), k, i):
			return int32(slot.group)
		}
	}
}

func hotSize(e *entry) uint32 {
	if e.short() {
		return uint32(e.size) + 1
	}
	return notShort
}

func hotSlotOf(e *entry, group int32) hotSlot {
	return hotSlot{hash: e.hash, a: e.a, b: e.b, size: hotSize(e), group: uint32(group)}
}

// reserve makes room for n more groups, with at most four fifths of the slots taken: the keys that come most often come
// early, and stand where they are looked for first.
func (h *hotIndex) reserve(entries []entry, n int) {
	want := len(h.slots)
	for 4*want < 5*(len(entries)+n) {
		want = max(minSlots, 2*want)
	}
	if want == len(h.slots) {
		return
	}
	h.slots = large[hotSlot](want)
	h.shift = uint(64 - bits.Len(uint(want-1)))
	mask := uint64(want - 1)
	for g := range entries {
		at := entries[g].hash >> h.shift
		for h.slots[at&mask].size != 0 {
			at++
		}
		h.slots[at&mask] = hotSlotOf(&entries[g], int32(g))
	}
}
