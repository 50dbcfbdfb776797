package operator

import (
	"math/bits"
	"slices"
	"unsafe"

	"github.com/flowsh/flowsh/engine/chunk"
	"go.starlark.net/starlark"
)

// A Table gives each distinct key a group number, from 0 in order of arrival. Keys are equal as Starlark's dict
// keys are. With each group it keeps the lowest ordinal of its records, and the key as the record with that
// ordinal had it: of 1 and 1.0 the first one in the order of the flow, whichever arrived first.
//
// The zero Table is empty and ready for use. It is used by one goroutine at a time. Keys are copied; nothing of
// the input is retained.
type Table struct {
	slots   []uint64 // open addressing: upper half of the hash, then group + 1; 0 is free
	shift   uint     // 64 - log2(len(slots))
	entries []entry
	added   []int32 // of the run at hand, the keys that are new
	firsts  []chunk.Ordinal
	high    chunk.Ordinal // no first is above it
	arena   []byte        // texts longer than inline
	hot     *hotIndex     // in place of slots; nil: none
	// originals holds the keys that their entries do not give back.
	originals map[int32]starlark.Value
	scratch   *insertion
}

const (
	minSlots     = 16
	sizeOriginal = 96 // of a map entry and the boxed key
	halfBits     = 32 // of a slot
)

// An insertion is what Insert works with.
type insertion struct {
	in   Keyed
	keys keyBatch
}

// Len is the number of groups.
func (t *Table) Len() int { return len(t.entries) }

// First is the lowest ordinal of the records of a group.
func (t *Table) First(group int32) chunk.Ordinal { return t.firsts[group] }

// Size is the heap size in bytes.
func (t *Table) Size() int64 {
	hot := 0
	if t.hot != nil {
		hot = len(t.hot.slots) * sizeHotSlot
	}
	return int64(hot+cap(t.slots)*8+cap(t.entries)*int(unsafe.Sizeof(entry{}))+
		cap(t.firsts)*int(unsafe.Sizeof(chunk.Ordinal{}))+cap(t.arena)) + sizeOriginal*int64(len(t.originals))
}

// Reset forgets all groups and keeps the memory.
func (t *Table) Reset() {
	clear(t.slots)
	if t.hot != nil {
		clear(t.hot.slots)
	}
	clear(t.originals)
	t.entries, t.firsts, t.arena = t.entries[:0], t.firsts[:0], t.arena[:0]
	t.high = chunk.Ordinal{}
}

// Insert appends the groups of all keys, in order; ords are their ordinals. A key that cannot be one is a
// *RecordError: the groups of those before it were appended.
func (t *Table) Insert(keys *chunk.Column, ords []chunk.Ordinal, groups []int32) ([]int32, error) {
	if t.scratch == nil {
		t.scratch = new(insertion)
	}
	t.scratch.in = Keyed{Keys: *keys, Ordinals: ords}
	groups, err := t.insertColumn(&t.scratch.keys, &t.scratch.in, 0, keys.N, groups, nil)
	t.scratch.in = Keyed{}
	return groups, err
}

// insertColumn is Insert of keys lo to hi of in; k is scratch. If there are ints to add, one for each record of in, they are
// added to the sums of a hot index.
func (t *Table) insertColumn(k *keyBatch, in *Keyed, lo, hi int, groups []int32, add []int64) ([]int32, error) {
	settled := in.ascending() && t.settled(in, lo, hi)
	for ; lo < hi; lo += runKeys {
		err := k.load(&in.Keys, lo, min(lo+runKeys, hi))
		if !in.ascending() {
			settled = t.settled(in, lo, lo+len(k.keys))
		}
		run := add
		if add != nil {
			run = add[lo : lo+len(k.keys)]
		}
		groups = t.insertRun(k, in, lo, settled, groups, run)
		if err != nil {
			return groups, &RecordError{Ordinal: in.Ordinal(lo + len(k.keys)), Err: err}
		}
	}
	return groups, nil
}

// insert appends the groups of all keys of a batch. in has their ordinals.
func (t *Table) insert(k *keyBatch, in *Keyed, groups []int32) []int32 {
	for lo := 0; lo < len(k.keys); lo += runKeys {
		run := k.slice(lo, min(lo+runKeys, len(k.keys)))
		groups = t.insertRun(&run, in, lo, t.settled(in, lo, lo+len(run.keys)), groups, nil)
	}
	return groups
}

// insertRun is insert of at most runKeys keys, the first of which has ordinal lo of in. If they are settled, no
// group that is there comes after any of them.
func (t *Table) insertRun(k *keyBatch, in *Keyed, lo int, settled bool, groups []int32, add []int64) []int32 {
	start := len(groups)
	groups = slices.Grow(groups, len(k.keys))[:start+len(k.keys)]
	t.added = t.added[:0]
	t.lookup(k, groups[start:], add)
	if t.hot != nil {
		t.firsts = t.hot.firstPages.reserve(t.firsts, len(t.added), t.hot.owner)
	} else {
		t.firsts = reserve(t.firsts, len(t.added))
	}
	for _, i := range t.added {
		t.firsts = append(t.firsts, in.Ordinal(lo+int(i)))
	}
	if !settled {
		for i, g := range groups[start:] {
			t.lower(g, in.Ordinal(lo+i))
		}
	}
	if k.inexact != nil {
		t.keepOriginals(k, in, lo, groups[start:])
	}
	return groups
}

// lookup finds or adds the groups of a run. Groups that it adds have no first ordinals yet.
func (t *Table) lookup(k *keyBatch, groups []int32, add []int64) {
	if t.hot != nil {
		t.lookupHot(k, groups, add)
		return
	}
	t.reserve(len(k.keys))
	t.touch(k.keys)
	slots, shift, entries := t.slots, t.shift, t.entries
	groups = groups[:len(k.keys)]
	for i := range k.keys {
		key := &k.keys[i]
		slot := slots[key.hash>>shift]
		if (slot^key.hash)>>halfBits == 0 && uint32(slot) != 0 {
			e := &entries[uint32(slot)-1]
			if (e.a^key.a)|(e.b^key.b)|(e.size^key.size) == 0 && key.short() {
				groups[i] = int32(uint32(slot) - 1)
				continue
			}
		}
		groups[i] = t.find(k, i)
		entries = t.entries
	}
}

// find finds or adds the group of key i of a batch. There is a free slot.
func (t *Table) find(k *keyBatch, i int) int32 {
	key := &k.keys[i]
	mask := uint64(len(t.slots) - 1)
	for at := key.hash >> t.shift; ; at++ {
		slot := &t.slots[at&mask]
		group := int32(uint32(*slot) - 1)
		switch {
		case group < 0:
			t.add(k, i)
			*slot = key.hash>>halfBits<<halfBits | uint64(t.Len())
			return int32(t.Len() - 1)
		case (*slot^key.hash)>>halfBits == 0 && t.has(group, k, i):
			return group
		}
	}
}

// has reports whether key i of a batch is that of a group.
func (t *Table) has(group int32, k *keyBatch, i int) bool {
	e, key := &t.entries[group], &k.keys[i]
	if e.a != key.a || e.size != key.size {
		return false
	}
	if key.short() {
		return e.b == key.b
	}
	return t.longText(e) == k.texts[i]
}

// longText is the text of an entry, if the entry does not hold it.
func (t *Table) longText(e *entry) string {
	if e.short() {
		return ""
	}
	return view(t.arena[e.b:][:e.length()])
}

func (t *Table) add(k *keyBatch, i int) {
	e := k.keys[i]
	if !e.short() {
		e.b = uint64(len(t.arena))
		t.arena = append(t.arena, k.texts[i]...)
	}
	t.entries, t.added = append(t.entries, e), append(t.added, int32(i))
}

// touchSlots is the size from which on a table is not in the nearest cache, so that touching it pays.
const touchSlots = 1 << 11

// touch asks for what lookups of the keys of a run will need. Several goroutines may do so at once.
func (t *Table) touch(keys []entry) {
	if len(t.slots) < touchSlots {
		return
	}
	slots, shift := t.slots, t.shift
	prefetchHomes(keys, slots, shift)
	var wanted [runKeys]uintptr
	for i := range keys {
		hash := keys[i].hash
		wanted[i%runKeys] = addressOf(t.entries, uint64(likely(slots[hash>>shift], hash)))
	}
	prefetch(wanted[:len(keys)])
}

// likely is where the first slot that a key is looked for in says that it is, or 0 if the slot is not of the key's hash.
func likely(slot, hash uint64) uint32 {
	same := ((slot^hash)>>halfBits - 1) >> 63 // a branch would wait for each load
	place := uint32(slot & -same)
	return max(place, 1) - 1
}

// settled reports whether the ordinals of records lo to hi never decrease and come after those of all groups, so
// that firsts need not be looked at.
func (t *Table) settled(in *Keyed, lo, hi int) bool {
	if lo == hi {
		return true
	}
	if in.ascending() {
		settled := t.high.Compare(in.Ordinal(lo)) <= 0
		t.high = later(t.high, in.Ordinal(hi-1))
		return settled
	}
	settled := true
	high := t.high
	for _, o := range in.Ordinals[lo:hi] {
		if o.Position > high.Position && o.Lane == high.Lane || o.Compare(high) >= 0 {
			high = o
		} else {
			settled = false
		}
	}
	t.high = high
	return settled
}

func later(x, y chunk.Ordinal) chunk.Ordinal {
	if x.Compare(y) < 0 {
		return y
	}
	return x
}

// lower makes ord the first ordinal of g if it comes before the one that is. The original of the key that was
// first goes with it.
func (t *Table) lower(g int32, ord chunk.Ordinal) {
	if ord.Compare(t.firsts[g]) < 0 {
		t.firsts[g] = ord
		if t.originals != nil {
			delete(t.originals, g)
		}
	}
}

// reserve makes room for n more groups, with at most three quarters of the slots taken.
func (t *Table) reserve(n int) {
	t.entries = reserve(t.entries, n)
	want := len(t.slots)
	for 3*want < 4*(len(t.entries)+n) {
		want = max(minSlots, 2*want)
	}
	if want > len(t.slots) {
		t.rehash(want)
	}
}

// rehash moves the groups to a larger array of slots. A slot has as much of the hash as its place takes, and the
// order of the slots is that of the hashes, so both arrays are gone through from the beginning to the end.
func (t *Table) rehash(size int) {
	old := t.slots
	t.slots = large[uint64](size)
	t.shift = uint(64 - bits.Len(uint(size-1)))
	mask := uint64(size - 1)
	for _, slot := range old {
		if slot == 0 {
			continue
		}
		at := slot >> t.shift
		for t.slots[at&mask] != 0 {
			at++
		}
		t.slots[at&mask] = slot
	}
}

// appendKey appends the canonical key of a group.
func (t *Table) appendKey(dst []byte, g int32) []byte {
	e := &t.entries[g]
	return e.appendCanonical(dst, t.longText(e))
}

// keepOriginals keeps the keys of a run's records that are first of their groups and that their entries do not
// give back.
func (t *Table) keepOriginals(k *keyBatch, in *Keyed, lo int, groups []int32) {
	for i, g := range groups {
		if k.inexact[i] && t.firsts[g] == in.Ordinal(lo+i) {
			t.keepOriginal(g, k.original(i))
		}
	}
}

func (t *Table) keepOriginal(g int32, v starlark.Value) {
	if t.originals == nil {
		t.originals = map[int32]starlark.Value{}
	}
	t.originals[g] = v
}

// merge appends the groups that the given groups of another table have in this one; in has their first ordinals.
// k is scratch.
func (t *Table) merge(k *keyBatch, from *Table, which []int32, in *Keyed, groups []int32) []int32 {
	start := len(groups)
	for lo := 0; lo < len(which); lo += runKeys {
		k.loadGroups(from, which[lo:min(lo+runKeys, len(which))])
		groups = t.insertRun(k, in, lo, t.settled(in, lo, lo+len(k.keys)), groups, nil)
	}
	if len(from.originals) > 0 {
		t.mergeOriginals(from, which, groups[start:])
	}
	return groups
}

func (t *Table) mergeOriginals(from *Table, which, groups []int32) {
	for i, g := range which {
		if v := from.originals[g]; v != nil && t.firsts[groups[i]] == from.firsts[g] {
			t.keepOriginal(groups[i], v)
		}
	}
}
