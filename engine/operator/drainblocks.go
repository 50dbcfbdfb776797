package operator

import (
	"fmt"
	"slices"

	"github.com/flowsh/flowsh/engine/chunk"
)

// What is kept in place and has short keys is drained as it stands: keys as the numbers that entries hold them in, and not
// as texts that would be taken apart again where they go. Such a chunk has a tuple of three ints for each key.
const (
	entryA = iota
	entryB
	entrySize
	entryFields
)

// allShort reports whether no key of groups in place has a long text.
func (b *bucket) allShort() bool {
	for _, block := range b.waiting.blocks {
		if len(block.arena) > 0 {
			return false
		}
	}
	return true
}

// allShort reports whether no key of these groups has a long text, and their entries give all of them back.
func (t *Table) allShort(groups []int32) bool {
	for _, group := range groups {
		if !t.entries[group].short() {
			return false
		}
	}
	return len(t.originals) == 0
}

// An entryWriter is the memory of what writes chunks with entries.
type entryWriter struct {
	keys, originals, values chunk.Column
	ords                    []chunk.Ordinal
}

// entriesAtOnce is how many groups go into such a chunk.
func (w *groupWriter) entriesAtOnce(width int) int {
	return int(max(1, min(frameRows, w.scratch.frameBytes()/int64(8*(entryFields+1+width)))))
}

// writeTable writes groups of a table with states that are so many ints and short keys.
func (w *groupWriter) writeTable(t *Table, agg Aggregate, which []int32, width int) error {
	if err := w.flush(); err != nil {
		return err
	}
	o := &w.entries
	for part := range slices.Chunk(which, w.entriesAtOnce(width)) {
		a, b, sizes := o.room(len(part))
		for i, group := range part {
			e := &t.entries[group]
			a[i], b[i], sizes[i] = int64(e.a), int64(e.b), int64(e.size)
		}
		o.ords = gather(o.ords, t.firsts, part)
		agg.States(part, &o.values)
		if err := w.putEntries(&o.values); err != nil {
			return err
		}
	}
	return nil
}

// writeBlocks writes the groups of a bucket that are in place and have short keys.
func (w *groupWriter) writeBlocks(b *bucket) error {
	if err := w.flush(); err != nil {
		return err
	}
	width := b.waiting.kept.numbers()
	most, o := w.entriesAtOnce(width), &w.entries
	values := &o.values
	if b.waiting.kept.kind == chunk.Int {
		values = &tupleFields(values, width)[0]
	}
	for _, block := range b.waiting.blocks {
		for lo := 0; lo < block.n; {
			hi := min(block.n, lo+most-len(o.ords))
			o.add(block, lo, hi, width)
			if lo = hi; len(o.ords) == most {
				if err := w.putEntries(values); err != nil {
					return err
				}
			}
		}
	}
	return w.putEntries(values)
}

// add takes rows lo to hi of a block.
func (o *entryWriter) add(b *block, lo, hi, width int) {
	as, bs, sizes := o.room(hi - lo)
	for i := range as {
		r := &b.rows[lo+i]
		as[i], bs[i], sizes[i] = int64(r.a), int64(r.b), int64(r.size())
		o.ords = append(o.ords, b.ordinal(lo+i))
	}
	values := tupleFields(&o.values, width)
	for f := range values {
		ints := moreInts(&values[f], hi-lo)
		for i := range ints {
			ints[i] = b.int(f, lo+i)
		}
	}
	o.values.N = len(o.ords)
}

// room is where the entries of so many more groups go.
func (o *entryWriter) room(n int) (a, b, sizes []int64) {
	keys := tupleFields(&o.keys, entryFields)
	o.keys.N += n
	return moreInts(&keys[entryA], n), moreInts(&keys[entryB], n), moreInts(&keys[entrySize], n)
}

// moreInts makes a column of ints longer.
func moreInts(c *chunk.Column, n int) []int64 {
	c.Kind, c.Ints = chunk.Int, slices.Grow(c.Ints, n)[:c.N+n]
	c.N += n
	return c.Ints[c.N-n:]
}

// putEntries writes what was added.
func (w *groupWriter) putEntries(values *chunk.Column) error {
	o := &w.entries
	if len(o.ords) == 0 {
		return nil
	}
	o.originals.Kind, o.originals.N = chunk.Null, len(o.ords)
	f, err := w.scratch.put(w.kind, []*chunk.Column{&o.keys, &o.originals, values}, o.ords)
	if err != nil {
		return err
	}
	w.frames = append(w.frames, f)
	o.keys.Reset()
	o.values.Reset()
	o.ords = o.ords[:0]
	return nil
}

// checkStates tests that the columns are those of groups, whose keys may be entries.
func (r *groupReader) checkStates() error {
	if r.keys.Kind != chunk.Tuple {
		return r.check()
	}
	n, fields := len(r.ords), r.keys.Fields
	if len(fields) != entryFields || r.keys.N != n || r.originals.Kind != chunk.Null || r.originals.N != n || r.values.N != n {
		return errFrame(r.keys.Kind)
	}
	for f := range fields {
		if fields[f].Kind != chunk.Int {
			return errFrame(fields[f].Kind)
		}
	}
	for i, size := range fields[entrySize].Ints[:n] {
		if uint64(size) > mostShort {
			return fmt.Errorf("%w: a key has %d bytes", chunk.ErrCorrupt, uint64(size)>>1)
		}
		mask := &headMasks[size>>1]
		if uint64(fields[entryA].Ints[i])&^mask[0] != 0 || uint64(fields[entryB].Ints[i])&^mask[1] != 0 {
			return fmt.Errorf("%w: a key is longer than its length", chunk.ErrCorrupt)
		}
	}
	return nil
}

// loadKeys takes the keys of the rows that were read.
func (r *groupReader) loadKeys(k *keyBatch) {
	if r.keys.Kind == chunk.Tuple {
		k.loadEntries(r.keys.Fields)
		return
	}
	k.loadCanonical(&r.keys, &r.originals)
}

// loadEntries takes keys as writeBlocks has written them.
func (k *keyBatch) loadEntries(fields []chunk.Column) {
	as, bs, sizes := fields[entryA].Ints, fields[entryB].Ints, fields[entrySize].Ints
	k.reset(len(as))
	k.keys = k.keys[:len(as)]
	for i := range k.keys {
		a, b, size := uint64(as[i]), uint64(bs[i]), uint64(sizes[i])
		k.keys[i] = entry{hash: hashShort(a, b, size), a: a, b: b, size: size}
	}
}
