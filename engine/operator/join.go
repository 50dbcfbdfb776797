package operator

import (
	"context"
	"math"
	"sync/atomic"

	"github.com/flowsh/flowsh/engine/chunk"
)

// JoinConfig says what a Join gives.
type JoinConfig struct {
	// Pairs says that each pair of records with equal keys comes out, as a tuple; otherwise only left records do,
	// once each.
	Pairs bool
	// LoneLeft says that left records without a match come out: with None beside them where there are pairs,
	// otherwise in place of those with one.
	LoneLeft  bool
	LoneRight bool // right records without a match come out behind all others, with None before them
	// Typed says that right records beside lone left ones come out in columns of kind Maybe where their types allow it.
	Typed  bool
	Memory Memory // of the right side
	Left   Memory // of what the left side takes where the right one was spilled
	Moved  func() // called now and then while both sides are merged; may be nil
}

// A Join matches records of two sides by key. First the right side is added, by one goroutine, and Seal called; then
// the left side is matched, by a Prober for each worker; then Finish gives what is left.
//
// What comes out is in the order of the left records, for each in that of the right ones. As long as the right side
// fits its share it stays in memory, and Probers give matches at once. Otherwise both sides are sorted by key,
// spilled and merged, and Finish gives all there is: see joinRuns.
type Join struct {
	JoinConfig
	table  Table
	right  rows    // the right records, in order; none if there are no pairs
	groups []int32 // of the right records
	// starts and members are the right records of each group: members[starts[g]:starts[g+1]]. They are nil where
	// group g has record g alone.
	starts, members []int32
	matched         []atomic.Uint64 // bits of groups that had a match; nil if nobody asks
	sealed          joinColumn      // right, once it is complete
	short           *joinIndex      // of the table, in its place; nil: it has long keys
	count           uint64          // of right records
	spilled         *joinRuns       // nil: the right side is in memory
}

// NewJoin makes a Join without records.
func NewJoin(c JoinConfig) *Join {
	c.Memory.Share = max(c.Memory.Share, leastShare)
	c.Left.Share = max(c.Left.Share, leastShare)
	return &Join{JoinConfig: c}
}

// Spilled reports whether matches come out of Finish.
func (j *Join) Spilled() bool { return j.spilled != nil }

// AddRight adds right records, in their order. Of a key that cannot be one it returns a *KeyError and how many records
// stand before it.
func (j *Join) AddRight(keys, records *chunk.Column) (n int, err error) {
	if j.spilled != nil {
		return j.spilled.addRight(keys, records)
	}
	before := len(j.groups)
	ords := make([]chunk.Ordinal, keys.N)
	for i := range ords {
		ords[i].Position = j.count + uint64(i)
	}
	j.groups, err = j.table.Insert(keys, ords, j.groups)
	n = len(j.groups) - before
	j.count += uint64(n)
	if j.Pairs {
		j.right.appendRange(records, n)
	}
	if err != nil {
		return n, &KeyError{Err: err}
	}
	if j.size() > j.Memory.Share || len(j.groups) > math.MaxInt32/2 {
		err = j.spill()
	}
	return n, err
}

// size is the heap size of the right side, with what Seal adds.
func (j *Join) size() int64 {
	return j.table.Size() + j.right.size() + int64(12*cap(j.groups)) + int64(sizeInIndex*j.table.Len())
}

// spill moves the right side to sorted runs.
func (j *Join) spill() error {
	if j.Memory.Store == nil {
		return &LimitError{What: "the right side of a join", Bytes: j.size(), Share: j.Memory.Share, Hint: "give the job more memory with --mem"}
	}
	r := newJoinRuns(j)
	var key []byte
	const run = 4096
	for lo := 0; lo < len(j.groups); lo += run {
		hi := min(lo+run, len(j.groups))
		r.scratch.reset()
		for _, g := range j.groups[lo:hi] {
			key = j.table.appendKey(key[:0], g)
			r.scratch.add(key)
		}
		var records chunk.Column
		if j.Pairs {
			records = j.right.Slice(lo, hi)
		}
		if err := r.right.add(&r.scratch, &records, uint64(lo)); err != nil {
			return err
		}
	}
	r.count = j.count
	j.spilled = r
	j.table, j.right, j.groups = Table{}, rows{}, nil
	return nil
}

// Seal ends the right side.
func (j *Join) Seal() error {
	if j.spilled != nil {
		return j.spilled.right.run.Flush()
	}
	if j.table.Len() < len(j.groups) {
		j.index()
	}
	if j.LoneRight {
		j.matched = make([]atomic.Uint64, (j.table.Len()+63)/64)
	}
	if j.short = newJoinIndex(&j.table); j.short != nil {
		j.table = Table{}
	}
	j.sealed = newJoinColumn(&j.right.Column)
	return nil
}

// index collects the records of each group.
func (j *Join) index() {
	j.starts = make([]int32, j.table.Len()+1)
	for _, g := range j.groups {
		j.starts[g+1]++
	}
	for g := range j.table.Len() {
		j.starts[g+1] += j.starts[g]
	}
	next := append([]int32(nil), j.starts...)
	j.members = make([]int32, len(j.groups))
	for i, g := range j.groups {
		j.members[next[g]] = int32(i)
		next[g]++
	}
}

// single says that a left record comes out at most once, beside the right record whose number is that of its group.
func (j *Join) single() bool { return j.Pairs && j.starts == nil }

// width is how many right records a group has.
func (j *Join) width(group int32) int64 {
	if j.starts == nil {
		return 1
	}
	return int64(j.starts[group+1] - j.starts[group])
}

// member is right record i of a group.
func (j *Join) member(group, i int32) int32 {
	if j.starts == nil {
		return group
	}
	return j.members[j.starts[group]+i]
}

// Found is how many left records had a match that only Finish found.
func (j *Join) Found() int64 {
	if j.spilled == nil {
		return 0
	}
	return j.spilled.found
}

// seek finds the groups of a run of keys: see Table.seek.
func (j *Join) seek(k *keyBatch, groups []int32) {
	if j.short != nil {
		j.short.seek(k.keys, groups)
	} else {
		j.table.seek(k, groups)
	}
}

// note notes that groups have had a match.
func (j *Join) note(groups []int32) {
	if j.matched == nil {
		return
	}
	for _, g := range groups {
		if g < 0 {
			continue
		}
		bit := uint64(1) << (g % 64)
		if word := &j.matched[g/64]; word.Load()&bit == 0 {
			word.Or(bit)
		}
	}
}

// Finish gives what comes behind the matches that Probers gave, or all there is if the Join has spilled. out owns what
// it gets; right are the numbers of the right records in it, nil if the Join has spilled. Finish is called once, after
// the last match.
func (j *Join) Finish(ctx context.Context, out func(records *chunk.Column, right []int32) error) error {
	if j.spilled != nil {
		return j.spilled.finish(ctx, func(records *chunk.Column) error { return out(records, nil) })
	}
	if !j.LoneRight {
		return nil
	}
	lone := make([]int32, 0, emitRows)
	flush := func() error {
		if len(lone) == 0 {
			return ctx.Err()
		}
		fields := make([]chunk.Column, 2)
		fields[0] = chunk.Column{Kind: chunk.Null, N: len(lone)}
		j.sealed.gather(&fields[1], lone)
		rows := lone
		lone = make([]int32, 0, emitRows)
		return out(&chunk.Column{Kind: chunk.Tuple, N: len(rows), Fields: fields}, rows)
	}
	for i, g := range j.groups {
		if j.matched[g/64].Load()>>(g%64)&1 == 1 {
			continue
		}
		if lone = append(lone, int32(i)); len(lone) == emitRows {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}
