package operator

import (
	"math/bits"
	"slices"
	"sync"

	"github.com/flowsh/flowsh/engine/chunk"
	"go.starlark.net/starlark"
)

// Groups whose states are a few ints take no table: a bucket keeps them in the blocks that records wait in, and folds
// records into them in place. What finds a group is made for each fold and used again for the next bucket. So no array
// grows with the groups, whose memory costs more than the folding: a byte is written when a record comes, and never
// copied to a larger place.

// leastInPlace is the share from which on groups are folded in place: every bucket has at least a block.
const leastInPlace = 32 << 20

// keptStates is what a block keeps of states of so many ints.
func keptStates(width int) kept {
	if width == 1 {
		return kept{kind: chunk.Int}
	}
	return kept{kind: chunk.Tuple, width: width}
}

// A placer finds the rows of the groups of one bucket while its records are folded.
type placer struct {
	slots []uint64 // open addressing: upper half of the hash, then the place of the row + 1; 0 is free
	shift uint     // 64 - log2(len(slots))
}

var placers = sync.Pool{New: func() any { return new(placer) }}

// begin makes room for so many groups.
func (p *placer) begin(groups int) {
	size := minSlots
	for 3*size < 4*groups {
		size *= 2
	}
	if cap(p.slots) < size {
		p.slots = large[uint64](size)
	}
	p.slots = p.slots[:size]
	clear(p.slots)
	p.shift = uint(64 - bits.Len(uint(size-1)))
}

// touch asks for what will be needed to fold a run of rows, of which it gives the hashes.
func (p *placer) touch(blocks []*block, rows []row, hashes *[runKeys]uint64) {
	var wanted [runKeys]uintptr
	for i := range rows {
		hash := rows[i].hash()
		hashes[i%runKeys], wanted[i%runKeys] = hash, addressOf(p.slots, hash>>p.shift)
	}
	prefetch(wanted[:len(rows)])
	for i, hash := range hashes[:len(rows)] {
		place := likely(p.slots[hash>>p.shift], hash)
		wanted[i%runKeys] = addressOf(blocks[place/blockRows].rows[:], uint64(place%blockRows))
	}
	prefetch(wanted[:len(rows)])
}

// An inPlaceFold folds the rows of blocks into the first row of each key. Rows that stay move up; a row is never written
// before it, and all before it, were read.
type inPlaceFold struct {
	*placer
	kinds  []IntegerKind
	blocks []*block
	at     int // the block that is written
	n      int // its rows
	arena  int // bytes of its arena
	groups int
}

// fold reports false if a sum does not fit: the rows are as many as before then, or fewer, and not all keys differ.
func (f *inPlaceFold) fold() bool {
	fits := true
	var hashes [runKeys]uint64
	for number, from := range f.blocks {
		rows := from.n
		for lo := 0; lo < rows; lo += runKeys {
			hi := min(lo+runKeys, rows)
			f.touch(f.blocks, from.rows[lo:hi], &hashes)
			for i := lo; i < hi; i++ {
				if !f.row(number, i, hashes[i-lo]) {
					fits = false
				}
			}
		}
	}
	f.leave()
	for i := f.at + 1; i < len(f.blocks); i++ {
		f.blocks[i].free()
		f.blocks[i] = nil
	}
	f.blocks = f.blocks[:f.at+1]
	return fits
}

// row folds a row of a block, or moves it up. It reports false if a sum does not fit: the row moves up then.
func (f *inPlaceFold) row(number, i int, hash uint64) bool {
	from := f.blocks[number]
	mask := uint64(len(f.slots) - 1)
	for at := hash >> f.shift; ; at++ {
		slot := &f.slots[at&mask]
		if *slot == 0 {
			*slot = hash>>halfBits<<halfBits | uint64(f.move(number, i)+1)
			return true
		}
		if (*slot^hash)>>halfBits != 0 {
			continue
		}
		place := uint32(*slot) - 1
		group, row := f.blocks[place/blockRows], int(place%blockRows)
		if !group.sameKey(row, from, i) {
			continue
		}
		if !group.combine(row, from, i, f.kinds) {
			f.move(number, i)
			return false
		}
		if ord := from.ordinal(i); ord.Compare(group.ordinal(row)) < 0 {
			group.setOrdinal(row, ord)
		}
		return true
	}
}

// move moves a row up, behind those that moved before, and gives its place.
func (f *inPlaceFold) move(number, i int) (place int32) {
	from, to := f.blocks[number], f.blocks[f.at]
	if f.at < number && (f.n == blockRows || f.arena >= blockArena) {
		f.leave()
		f.at, f.n, f.arena = f.at+1, 0, 0
		to = f.blocks[f.at]
	}
	place = int32(f.at*blockRows + f.n)
	f.groups++
	moved := from.rows[i]
	if !moved.short() {
		at := uint32(moved.b)
		held := from.arena[at:][:sizeLength+len(moved.text(from.arena))]
		moved.b = moved.b>>halfBits<<halfBits | uint64(f.arena)
		if f.at == number {
			copy(to.arena[f.arena:], held)
		} else {
			to.arena = append(to.arena[:f.arena], held...)
		}
		f.arena += len(held)
	}
	if row := f.n; f.at != number || row != i {
		to.rows[row] = moved
		if from.rests != nil {
			to.setRest(row, from.rests[i])
		} else {
			to.setRest(row, rest{})
		}
		for k := range f.kinds {
			to.setInt(k, row, from.int(k, i))
		}
	} else {
		to.rows[row].b = moved.b
	}
	f.n++
	return place
}

// leave ends the block that is written.
func (f *inPlaceFold) leave() {
	to := f.blocks[f.at]
	to.n, to.arena = f.n, to.arena[:f.arena]
}

func (b *block) sameKey(row int, from *block, i int) bool {
	x, y := &b.rows[row], &from.rows[i]
	if x.a != y.a || x.size() != y.size() {
		return false
	}
	if x.short() {
		return x.b == y.b
	}
	return string(x.text(b.arena)) == string(y.text(from.arena))
}

// combine puts the ints of a row of another block together with those of a row. It reports false, and does nothing, if a
// sum does not fit.
func (b *block) combine(row int, from *block, i int, kinds []IntegerKind) bool {
	var next [mostKept]int64
	for k, kind := range kinds {
		x, y := b.int(k, row), from.int(k, i)
		switch kind {
		case LeastInt:
			x = min(x, y)
		case MostInt:
			x = max(x, y)
		default:
			sum, ok := addExact(x, y)
			if !ok {
				return false
			}
			x = sum
		}
		next[k] = x
	}
	for k := range kinds {
		b.setInt(k, row, next[k])
	}
	return true
}

// foldInPlace folds what waits into the groups that stand before it. It reports false if the states do not stay ints.
func (b *bucket) foldInPlace(g *Groups) bool {
	w := &b.waiting
	p := placers.Get().(*placer)
	defer placers.Put(p)
	p.begin(w.records)
	f := inPlaceFold{placer: p, kinds: g.ints, blocks: w.blocks}
	fits := f.fold()
	before, came := w.groups, w.records-w.groups
	w.blocks, w.groups, w.records = f.blocks, f.groups, f.groups
	w.bytes = 0
	for _, block := range w.blocks {
		w.bytes += block.held()
	}
	w.most = waitingPerGroup * w.groups
	hardly := 4*(w.groups-before) > 3*came
	if hardly {
		w.most *= 2
	}
	g.told.Store(&repeats{w.most, hardly})
	b.account(g)
	return fits
}

// takeStates adds states to what waits. It reports false, and does nothing, if they are not the ints that blocks keep.
func (b *bucket) takeStates(g *Groups, keys *keyBatch, in *Keyed) bool {
	w := &b.waiting
	k := keptStates(len(g.ints))
	if g.ints == nil || b.table != nil || keys.inexact != nil || !fits(keys, in.Ordinals) || w.records > 0 && w.kept != k {
		return false
	}
	if has, ok := keptInts(&in.Values, len(g.ints)); !ok || has != k {
		return false
	}
	w.kept = k
	for at := 0; at < len(keys.keys); {
		if last := len(w.blocks) - 1; last < 0 || w.blocks[last].full() {
			block := blocks.Get().(*block)
			block.begin(k)
			w.blocks = append(w.blocks, block)
			w.bytes += block.held()
		}
		block := w.blocks[len(w.blocks)-1]
		arena := cap(block.arena)
		if n := block.addAll(k, keys, in, at); n > 0 {
			at += n
			continue
		}
		block.keep(k, &in.Values, at)
		block.add(keys, at, in.Ordinals[at])
		w.bytes += int64(cap(block.arena) - arena)
		at++
	}
	w.records += len(keys.keys)
	return true
}

// isInPlace reports whether the groups of the bucket are in blocks. Nothing waits.
func (b *bucket) isInPlace() bool { return b.table == nil && b.waiting.groups > 0 }

// len is the number of groups.
func (b *bucket) len() int {
	if b.table != nil {
		return b.table.Len()
	}
	return b.waiting.groups
}

// at is the row of a group in place.
func (b *bucket) at(group int32) (*block, int) {
	return b.waiting.blocks[group/blockRows], int(group % blockRows)
}

// each calls visit for the groups in the order of their numbers.
func (b *bucket) each(visit func(group int32)) {
	if !b.isInPlace() {
		for group := range int32(b.len()) {
			visit(group)
		}
		return
	}
	for i, block := range b.waiting.blocks {
		for row := range block.n {
			visit(int32(i*blockRows + row))
		}
	}
}

// group is the key of a group, its text if the entry does not hold it, and its first ordinal.
func (b *bucket) group(group int32) (e entry, text string, first chunk.Ordinal) {
	if b.table != nil {
		e = b.table.entries[group]
		return e, b.table.longText(&e), b.table.firsts[group]
	}
	block, row := b.at(group)
	e, text = block.key(row)
	return e, text, block.ordinal(row)
}

// appendKey appends the canonical key of a group.
func (b *bucket) appendKey(dst []byte, group int32) []byte {
	e, text, _ := b.group(group)
	return e.appendCanonical(dst, text)
}

// original is the key of a group as its first record had it, nil if its entry gives it back.
func (b *bucket) original(group int32) starlark.Value {
	if b.table != nil {
		return b.table.originals[group]
	}
	return nil
}

// hasOriginals reports whether the entry of a key does not give it back.
func (b *bucket) hasOriginals() bool { return b.table != nil && len(b.table.originals) > 0 }

func (b *bucket) first(group int32) chunk.Ordinal {
	if b.table != nil {
		return b.table.firsts[group]
	}
	block, row := b.at(group)
	return block.ordinal(row)
}

// enterLanes gives the first ordinals of all groups their lanes.
func (b *bucket) enterLanes(lane func(key []byte) uint32) {
	if lane == nil {
		return
	}
	var key []byte
	b.each(func(group int32) {
		key = b.appendKey(key[:0], group)
		if b.table != nil {
			b.table.firsts[group].Lane = lane(key)
		} else {
			block, row := b.at(group)
			ord := block.ordinal(row)
			block.setRest(row, rest{lane(key), ord.Sibling})
		}
	})
}

// inOrder gives the groups in the order of their first ordinals; nil: as they are numbered.
func (b *bucket) inOrder() []int32 {
	if !b.isInPlace() {
		return inOrder(b.table.firsts)
	}
	s := rowSorts.Get().(*rowSort)
	defer rowSorts.Put(s)
	s.ords = reserve(s.ords[:0], b.len())
	groups := make([]int32, 0, b.len())
	for i, block := range b.waiting.blocks {
		for row := range block.n {
			s.ords = append(s.ords, block.ordinal(row))
			groups = append(groups, int32(i*blockRows+row))
		}
	}
	if order := s.sort(s.ords); order != nil {
		s.groups = append(s.groups[:0], groups...)
		groups = gather(groups, s.groups, order)
	}
	return groups
}

// A rowSort sorts groups that are in place.
type rowSort struct {
	ordinalSort
	ords   []chunk.Ordinal
	groups []int32
}

var rowSorts = sync.Pool{New: func() any { return new(rowSort) }}

// states appends the states of groups.
func (b *bucket) states(which []int32, out *chunk.Column) {
	if b.table != nil {
		b.agg.States(which, out)
		return
	}
	if b.waiting.kept.kind == chunk.Int {
		b.appendNumbers(out, 0, which)
		return
	}
	fields := tupleFields(out, b.waiting.kept.width)
	for k := range fields {
		b.appendNumbers(&fields[k], k, which)
	}
	out.N += len(which)
}

// appendNumbers appends one of the ints of groups that are in place.
func (b *bucket) appendNumbers(out *chunk.Column, k int, which []int32) {
	out.Ints = slices.Grow(out.Ints, len(which))
	for _, group := range which {
		block, row := b.at(group)
		out.AppendInt(block.int(k, row))
	}
}

// results appends the results of groups. spare is an aggregate without a group, which it is afterwards too.
func (b *bucket) results(which []int32, out *chunk.Column, spare *spareAggregate) error {
	switch {
	case b.table != nil:
		return b.agg.Results(which, out)
	case spare.of.intsResults:
		b.states(which, out)
		return nil
	}
	return spare.results(b, which, out)
}

// A spareAggregate makes results of states that no aggregate holds.
type spareAggregate struct {
	Aggregate // nil: not made yet
	of        *Groups
	states    Keyed
	groups    []int32
}

func (s *spareAggregate) results(b *bucket, which []int32, out *chunk.Column) error {
	if s.Aggregate == nil {
		agg, err := s.of.New()
		if err != nil {
			return err
		}
		s.Aggregate = agg
	}
	s.states.Values.Reset()
	b.states(which, &s.states.Values)
	for len(s.groups) < len(which) {
		s.groups = append(s.groups, int32(len(s.groups)))
	}
	defer s.Reset()
	if err := s.Merge(s.groups[:len(which)], &s.states); err != nil {
		return err
	}
	return s.Results(s.groups[:len(which)], out)
}
