package operator

import (
	"math/bits"
	"slices"

	"github.com/flowsh/flowsh/engine/chunk"
)

// A hotIndex finds the groups of a table that takes the same keys again and again. Its slots hold short keys
// themselves, and ints that are added to their groups, so that a lookup is one cache miss; it takes four times the room of
// the usual slots.
type hotIndex struct {
	slots   []hotSlot // open addressing
	shift   uint      // 64 - log2(len(slots))
	carried groupInts // sums that the slots had no room for
	owner   *Groups   // nil: all is in the heap
	sums    []int64   // of the groups, while the slots are made anew or emptied
	// What the arrays of the table lie in once they are large.
	slotPages  vast[hotSlot]
	sumPages   vast[int64]
	entryPages vast[entry]
	firstPages vast[chunk.Ordinal]
}

type hotSlot struct {
	a, b  uint64 // of a key that is not short b is its hash
	sum   int64
	size  uint32 // size of the entry + 1, or notShort; 0: free
	group uint32
}

// groupInts is an int for each of some groups.
type groupInts struct {
	groups []int32
	ints   []int64
}

const (
	sizeHotSlot = 32
	notShort    = notString + 1 // no key has this size: there is no value without a canonical key
)

// lookupHot is lookup by the hot index. The ints to add, if there are any, are added to the sums of the groups.
func (t *Table) lookupHot(k *keyBatch, groups []int32, add []int64) {
	t.entries = t.hot.entryPages.reserve(t.entries, len(k.keys), t.hot.owner)
	t.hot.reserve(t.entries, len(k.keys))
	slots, shift := t.hot.slots, t.hot.shift
	t.hot.touch(k.keys)
	groups = groups[:len(k.keys)]
	for i := range k.keys {
		key := &k.keys[i]
		slot := &slots[key.hash>>shift]
		if (slot.a^key.a)|(slot.b^key.b)|(uint64(slot.size)^(key.size+1)) != 0 {
			slot = t.findHot(k, i)
		}
		groups[i] = int32(slot.group)
		if add == nil {
			continue
		}
		sum, ok := addExact(slot.sum, add[i])
		if !ok {
			t.hot.carried.add(slot)
			sum = add[i]
		}
		slot.sum = sum
	}
}

func (c *groupInts) add(slot *hotSlot) {
	c.groups, c.ints = append(c.groups, int32(slot.group)), append(c.ints, slot.sum)
}

// takeSums gives the sums of all groups in order, and then some once more that come on top of these. They begin anew.
func (t *Table) takeSums(to *groupInts) {
	n, c := t.Len(), &t.hot.carried
	to.groups = slices.Grow(to.groups[:0], n+len(c.groups))
	for group := range int32(n) {
		to.groups = append(to.groups, group)
	}
	to.ints = t.hot.takeSums(n, len(c.ints))
	to.groups, to.ints = append(to.groups, c.groups...), append(to.ints, c.ints...)
	c.groups, c.ints = c.groups[:0], c.ints[:0]
}

// takeSums gives the sums of n groups, which begin anew in the slots, with room for some more. They are good until the next
// call.
func (h *hotIndex) takeSums(n, more int) []int64 {
	h.sums = h.sumPages.reserve(h.sums[:0], n+more, h.owner)[:n]
	for i := range h.slots {
		if slot := &h.slots[i]; slot.size != 0 {
			h.sums[slot.group], slot.sum = slot.sum, 0
		}
	}
	return h.sums
}

// findHot is find by the hot index; it gives the slot of the group.
func (t *Table) findHot(k *keyBatch, i int) *hotSlot {
	key := &k.keys[i]
	size := hotSize(key)
	slots, mask := t.hot.slots, uint64(len(t.hot.slots)-1)
	for at := key.hash >> t.hot.shift; ; at++ {
		slot := &slots[at&mask]
		switch {
		case slot.size == 0:
			*slot = hotSlotOf(key, int32(t.Len()))
			t.add(k, i)
			return slot
		case slot.a != key.a || slot.size != size:
		case size != notShort && slot.b == key.b, size == notShort && slot.b == key.hash && t.has(int32(slot.group), k, i):
			return slot
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
	slot := hotSlot{a: e.a, b: e.b, size: hotSize(e), group: uint32(group)}
	if slot.size == notShort {
		slot.b = e.hash
	}
	return slot
}

// reserve makes room for n more groups, with at most half of the slots taken: the keys that come most often come
// early, and stand where they are looked for first.
func (h *hotIndex) reserve(entries []entry, n int) {
	want := len(h.slots)
	for want < 2*(len(entries)+n) {
		want = max(minSlots, 2*want)
	}
	if want == len(h.slots) {
		return
	}
	sums := h.takeSums(len(entries), 0)
	slots := h.slotPages.array(want, h.owner)
	if slots == nil {
		slots = large[hotSlot](want)
	}
	clear(slots)
	h.slots = slots
	h.shift = uint(64 - bits.Len(uint(want-1)))
	mask := uint64(want - 1)
	for lo := 0; lo < len(entries); lo += runKeys {
		run := entries[lo:min(lo+runKeys, len(entries))]
		h.touch(run)
		for i := range run {
			at := run[i].hash >> h.shift
			for h.slots[at&mask].size != 0 {
				at++
			}
			h.slots[at&mask] = hotSlotOf(&run[i], int32(lo+i))
			h.slots[at&mask].sum = sums[lo+i]
		}
	}
}

// touch asks for the slots that the keys of a run are looked for in, and for those after them.
func (h *hotIndex) touch(keys []entry) {
	if len(keys) == 0 {
		return
	}
	prefetchHomes(keys, h.slots, h.shift)
	prefetchHomes(keys, h.slots[1:], h.shift)
}

// free gives the memory of the table back, which is not used any more.
func (h *hotIndex) free() {
	h.slotPages.free()
	h.sumPages.free()
	h.entryPages.free()
	h.firstPages.free()
}

// leave has the memory of the table, which is not used any more, used by another.
func (h *hotIndex) leave() {
	h.slotPages.leave()
	h.sumPages.leave()
	h.entryPages.leave()
	h.firstPages.leave()
}
