package operator

import (
	"encoding/binary"
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
	firsts  []chunk.Ordinal
	high    chunk.Ordinal // no first is above it
	arena   []byte        // keys longer than inline
	// originals holds the keys that their canonical keys do not give back.
	originals map[int32]starlark.Value
	run       *keyRun // of Insert
}

// An entry is a key. One of up to inline bytes stands in head; of a longer one head has the first 8 bytes and
// the place in the arena.
type entry struct {
	hash   uint64
	head   [2]uint64
	length uint32
}

const (
	inline       = 16
	minSlots     = 16
	sizeOriginal = 96 // of a map entry and the boxed key
	mixer        = 0x9e3779b97f4a7c15
	groupMask    = 1<<32 - 1 // of a slot
)

// Len is the number of groups.
func (t *Table) Len() int { return len(t.entries) }

// First is the lowest ordinal of the records of a group.
func (t *Table) First(group int32) chunk.Ordinal { return t.firsts[group] }

// Size is the heap size in bytes.
func (t *Table) Size() int64 {
	return int64(cap(t.slots)*8+cap(t.entries)*int(unsafe.Sizeof(entry{}))+
		cap(t.firsts)*int(unsafe.Sizeof(chunk.Ordinal{}))+cap(t.arena)) + sizeOriginal*int64(len(t.originals))
}

// Reset forgets all groups and keeps the memory.
func (t *Table) Reset() {
	clear(t.slots)
	clear(t.originals)
	t.entries, t.firsts, t.arena = t.entries[:0], t.firsts[:0], t.arena[:0]
	t.high = chunk.Ordinal{}
}

// Insert appends the groups of all keys, in order; ords are their ordinals. A key that cannot be one is a
// *RecordError: the groups of those before it were appended.
func (t *Table) Insert(keys *chunk.Column, ords []chunk.Ordinal, groups []int32) ([]int32, error) {
	if t.run == nil {
		t.run = new(keyRun)
	}
	return t.insert(t.run, &keyColumn{Column: keys}, ords, groups)
}

// insert appends the groups of all keys, in order; ords are their ordinals. A key that cannot be one is a
// *RecordError: the groups of those before it were appended.
func (t *Table) insert(r *keyRun, keys *keyColumn, ords []chunk.Ordinal, groups []int32) ([]int32, error) {
	for lo := 0; lo < keys.N; {
		hi, err := r.encode(keys, lo)
		groups = t.lookup(r, ords[lo:hi], groups)
		if r.loose {
			t.keepOriginals(r, keys, ords, lo, groups[len(groups)-r.n:])
		}
		if err != nil {
			return groups, &RecordError{Ordinal: ords[hi], Err: err}
		}
		lo = hi
	}
	return groups, nil
}

// lookup finds or adds the groups of a run.
func (t *Table) lookup(r *keyRun, ords []chunk.Ordinal, groups []int32) []int32 {
	t.reserve(r.n)
	r.sink += t.touch(r.hashes[:r.n])
	settled := t.settled(ords)
	start := 0
	for i := range r.n {
		p := r.probe(i, start)
		start = r.ends[i]
		g := t.find(&p, ords[i])
		if !settled {
			t.lower(g, ords[i])
		}
		groups = append(groups, g)
	}
	return groups
}

// touch loads what lookups of these hashes will need, one load after another without waiting for any. The sum
// keeps the compiler from leaving the loads out.
func (t *Table) touch(hashes []uint64) (sum uint64) {
	if len(t.slots) < 1<<12 {
		return 0
	}
	var groups [runKeys]uint32
	for i, h := range hashes {
		groups[i] = uint32(t.slots[h*mixer>>t.shift])
	}
	for _, g := range groups[:len(hashes)] {
		if g > 0 {
			sum += t.entries[g-1].hash
		}
	}
	return sum
}

// settled reports whether no record of the run comes before the first of a group that is there, so that firsts
// need not be looked at.
func (t *Table) settled(ords []chunk.Ordinal) bool {
	high := t.high
	ascending := true
	for _, o := range ords {
		if o.Position > high.Position && o.Lane == high.Lane || o.Compare(high) >= 0 {
			high = o
		} else {
			ascending = false
		}
	}
	t.high = high
	return ascending
}

// find gives the group of a key, which may be new.
func (t *Table) find(p *probe, ord chunk.Ordinal) int32 {
	slots, mask := t.slots, uint64(len(t.slots)-1)
	for at := p.hash * mixer >> t.shift; ; at++ {
		s := slots[at&mask]
		if s>>32 != p.hash>>32 || s == 0 {
			if s != 0 {
				continue
			}
			slots[at&mask] = p.hash&^groupMask | uint64(len(t.entries)+1)
			return t.add(p, ord)
		}
		e := &t.entries[s&groupMask-1]
		if e.head[0] != p.head[0] || int(e.length) != len(p.key) {
			continue
		}
		if e.length <= inline && e.head[1] == p.head[1] || e.length > inline && t.hasLong(e, p.key) {
			return int32(s&groupMask - 1)
		}
	}
}

func (t *Table) hasLong(e *entry, key []byte) bool {
	return string(t.arena[e.head[1]:][:e.length]) == string(key)
}

func (t *Table) add(p *probe, ord chunk.Ordinal) int32 {
	e := entry{hash: p.hash, head: p.head, length: uint32(len(p.key))}
	if len(p.key) > inline {
		e.head[1] = uint64(len(t.arena))
		t.arena = append(t.arena, p.key...)
	}
	t.entries = append(t.entries, e)
	t.firsts = append(t.firsts, ord)
	return int32(len(t.entries) - 1)
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

// reserve makes room for n more groups, with at most half of the slots taken.
func (t *Table) reserve(n int) {
	want := len(t.slots)
	for want < 2*(len(t.entries)+n) {
		want = max(minSlots, 2*want)
	}
	if want == len(t.slots) {
		return
	}
	t.slots = make([]uint64, want)
	t.shift = 64
	for ; want > 1; want /= 2 {
		t.shift--
	}
	mask := uint64(len(t.slots) - 1)
	for g := range t.entries {
		h := t.entries[g].hash
		at := h * mixer >> t.shift
		for t.slots[at] != 0 {
			at = (at + 1) & mask
		}
		t.slots[at] = h&^groupMask | uint64(g+1)
	}
}

// key returns the canonical key of a group. buf holds it if it is short.
func (t *Table) key(g int32, buf *[inline]byte) []byte {
	e := &t.entries[g]
	if e.length > inline {
		return t.arena[e.head[1]:][:e.length]
	}
	binary.LittleEndian.PutUint64(buf[:], e.head[0])
	binary.LittleEndian.PutUint64(buf[8:], e.head[1])
	return buf[:e.length]
}

// keepOriginals keeps the keys of a run's records that are first of their groups and not what their canonical
// keys decode to.
func (t *Table) keepOriginals(r *keyRun, keys *keyColumn, ords []chunk.Ordinal, lo int, groups []int32) {
	for i, g := range groups {
		if r.inexact[i] && t.firsts[g] == ords[lo+i] {
			if v, ok := keys.original(lo + i); ok {
				t.keepOriginal(g, v)
			}
		}
	}
}

func (t *Table) keepOriginal(g int32, v starlark.Value) {
	if t.originals == nil {
		t.originals = map[int32]starlark.Value{}
	}
	t.originals[g] = keep(v)
}

// merge appends the groups that the given groups of another table have in this one.
func (t *Table) merge(r *keyRun, from *Table, which, groups []int32) []int32 {
	for run := range slices.Chunk(which, runKeys) {
		groups = t.mergeRun(r, from, run, groups)
	}
	return groups
}

func (t *Table) mergeRun(r *keyRun, from *Table, which, groups []int32) []int32 {
	t.reserve(len(which))
	for i, g := range which {
		r.hashes[i] = from.entries[g].hash
	}
	r.sink += t.touch(r.hashes[:len(which)])
	var buf [inline]byte
	for _, g := range which {
		e := &from.entries[g]
		into := t.find(&probe{hash: e.hash, head: e.head, key: from.key(g, &buf)}, from.firsts[g])
		t.high = later(t.high, from.firsts[g])
		t.lower(into, from.firsts[g])
		if v := from.originals[g]; v != nil && t.firsts[into] == from.firsts[g] {
			t.keepOriginal(into, v)
		}
		groups = append(groups, into)
	}
	return groups
}

func later(a, b chunk.Ordinal) chunk.Ordinal {
	if a.Compare(b) < 0 {
		return b
	}
	return a
}
