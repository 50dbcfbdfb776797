package operator

import (
	"sync"

	"github.com/flowsh/flowsh/engine/chunk"
)

// A Partial combines the records of one worker before they reach the buckets, which saves most of the work where
// keys repeat. Where they do not it notices, and passes records on.
//
// If the Groups are ordered the aggregate must be able to merge states; a Partial then holds a run of records
// that stand together in the flow, and the caller calls Flush in the order of the runs. Otherwise it flushes by
// itself, and any number of them may be used concurrently. One Partial is used by one goroutine at a time.
type Partial struct {
	g       *Groups
	table   Table
	agg     Aggregate
	placed  bool // the aggregate looks at ordinals
	adding  bool // the table has sums that the aggregate does not have
	keys    keyBatch
	ords    []chunk.Ordinal
	groups  []int32
	order   []int32
	states  Keyed
	routed  Routed
	blocks  [Buckets]*block  // not yet with their buckets; nil if empty
	kept    kept             // what records in blocks keep
	patient patientAggregate // tells what may wait; nil: not made yet
	ones    []int64          // of what is counted
	bytes   int64            // as counted in g.used
	most    int              // groups
	records int              // since the last flush
	direct  int              // records that are still to be passed on uncombined
	pause   int              // how many pass when combining does not pay next
	failed  error            // of a record that could not be folded
}

const (
	partialGroups = 64 << 10
	partialBytes  = 256 << 20
	// So many records are folded at a time: their groups stay in the nearest cache.
	foldRows = 1024
	// A full table that took so many records for each group may grow.
	partialThrives = 3
	// One that took fewer than these did not pay.
	partialRepeats = 2
	// After that so many records pass before it is tried again, twice as many after each failure.
	firstPause = 16 * partialGroups
	mostPause  = 64 * firstPause
)

// idlePartials are Partials that nobody uses.
type idlePartials struct {
	mu  sync.Mutex
	all []*Partial
}

func (i *idlePartials) take() *Partial {
	i.mu.Lock()
	defer i.mu.Unlock()
	last := len(i.all) - 1
	if last < 0 {
		return nil
	}
	p := i.all[last]
	i.all = i.all[:last]
	return p
}

// release gives their memory back.
func (i *idlePartials) release() {
	for p := i.take(); p != nil; p = i.take() {
		p.Release()
	}
}

// Leave ends the use of a Partial that was flushed. Another NewPartial may give it.
func (p *Partial) Leave() {
	p.g.idle.mu.Lock()
	defer p.g.idle.mu.Unlock()
	p.g.idle.all = append(p.g.idle.all, p)
}

// NewPartial gives an empty Partial: one that was left, or a new one.
func (g *Groups) NewPartial() *Partial {
	if p := g.idle.take(); p != nil {
		return p
	}
	g.partials.Add(1)
	return &Partial{g: g, table: Table{hot: &hotIndex{owner: g}}, most: partialGroups, pause: firstPause}
}

// Add folds records. Their strings are not referred to afterwards. Errors of records are *RecordError; after one,
// which leaves groups without a state, all calls return it.
func (p *Partial) Add(in *Keyed) error {
	if p.failed != nil {
		return p.failed
	}
	if p.direct > 0 {
		return p.pass(in)
	}
	if p.failed = p.fold(in); p.failed != nil {
		return p.failed
	}
	p.account()
	if !p.g.Ordered && p.full() {
		if p.judge() {
			return p.g.shrink()
		}
		return p.Flush()
	}
	return p.g.shrink()
}

func (p *Partial) fold(in *Keyed) error {
	if p.agg == nil {
		agg, err := p.g.New()
		if err != nil {
			return err
		}
		p.agg = agg
		_, p.placed = agg.(placedAggregate)
	}
	if p.placed || !in.ascending() {
		in = in.expand(&p.ords)
	}
	if add := p.added(in); add != nil {
		return p.addUp(in, add)
	}
	if err := p.addedUp(); err != nil {
		return err
	}
	for lo := 0; lo < in.Keys.N; lo += foldRows {
		hi := min(lo+foldRows, in.Keys.N)
		var failed error
		p.groups, failed = p.table.insertColumn(&p.keys, in, lo, hi, p.groups[:0], nil)
		part := in.part(lo, hi)
		if err := p.agg.Fold(p.groups, &part); err != nil {
			return err
		}
		p.records += len(p.groups)
		if failed != nil {
			return failed
		}
	}
	return nil
}

// added is what each record adds to the int that is all of its group's state; nil: it does something else.
func (p *Partial) added(in *Keyed) []int64 {
	if len(p.g.ints) != 1 || p.g.ints[0] != SumOfInts {
		return nil
	}
	with, k, ok := p.keeps(in)
	if !ok || k.kind != chunk.Int {
		return nil
	}
	return with.Values.Ints
}

// addUp folds records by adding ints up in the table, beside the keys: looking for them elsewhere costs as much as looking
// for the key.
func (p *Partial) addUp(in *Keyed, add []int64) (err error) {
	p.adding = true
	for lo := 0; lo < in.Keys.N && err == nil; lo += foldRows {
		p.groups, err = p.table.insertColumn(&p.keys, in, lo, min(lo+foldRows, in.Keys.N), p.groups[:0], add)
		p.records += len(p.groups)
	}
	return err
}

// addedUp brings what was added up in the table into the aggregate.
func (p *Partial) addedUp() error {
	if !p.adding {
		return nil
	}
	p.adding = false
	sums := groupInts{groups: p.order}
	p.table.takeSums(&sums)
	p.order = sums.groups
	return p.agg.Merge(sums.groups, &Keyed{Values: chunk.Column{Kind: chunk.Int, N: len(sums.ints), Ints: sums.ints}})
}

func (p *Partial) account() {
	bytes := p.table.Size()
	for _, b := range p.blocks {
		if b != nil {
			bytes += sizeBlock
		}
	}
	if p.agg != nil {
		bytes += p.agg.Size()
	}
	p.g.used.Add(bytes - p.bytes)
	p.bytes = bytes
}

// mostBytes is the part of the share that a partial may have: half of the share is for all of them.
func (p *Partial) mostBytes() int64 {
	return min(partialBytes, p.g.scratch.Share/(2*max(8, p.g.partials.Load())))
}

// full reports whether the table outgrew what was found to pay, or its part of the share.
func (p *Partial) full() bool {
	return p.table.Len() >= p.most || p.bytes > p.mostBytes()
}

// judge decides what to do with a full table: whether it may grow, and if not whether to go on combining.
func (p *Partial) judge() (grow bool) {
	switch {
	case p.records >= partialThrives*p.table.Len() && 2*p.bytes <= p.mostBytes():
		p.most = 2 * p.table.Len()
		return true
	case p.records < partialRepeats*p.table.Len():
		p.direct = p.pause
		p.pause = min(2*p.pause, mostPause)
	}
	return false
}

// pass adds records to the buckets without combining them.
func (p *Partial) pass(in *Keyed) error {
	p.direct -= in.Keys.N
	in = in.expand(&p.ords)
	if kept, k, ok := p.keeps(in); ok {
		if err := p.wait(kept, k); err != nil {
			return err
		}
		p.account()
		return p.g.shrink()
	}
	return p.route(in)
}

// route adds records to the buckets.
func (p *Partial) route(in *Keyed) error {
	failed := p.g.Route(in, &p.routed)
	for b := range Buckets {
		failed = lowest(p.g.Add(b, &p.routed), failed)
	}
	return failed
}

// Flush moves all groups into the buckets and leaves the Partial empty, to be used again. It must be called
// before Emit.
func (p *Partial) Flush() error {
	if err := p.settle(); err != nil {
		return err
	}
	if p.table.Len() == 0 {
		p.account()
		return nil
	}
	for b, which := range p.byBucket() {
		if len(which) > 0 {
			if err := p.flushBucket(&p.g.buckets[b], which); err != nil {
				return err
			}
		}
	}
	p.reset()
	return p.g.shrink()
}

// settle leaves all that was added in the table and the aggregate, or with the buckets.
func (p *Partial) settle() error {
	if err := p.flushBlocks(); err != nil {
		return err
	}
	return p.addedUp()
}

// byBucket is the groups that belong into each bucket.
func (p *Partial) byBucket() (groups [Buckets][]int32) {
	if cap(p.order) < p.table.Len() {
		p.order = make([]int32, p.table.Len())
	}
	p.order = p.order[:p.table.Len()]
	lo := 0
	for b, hi := range arrangeByBucket(p.order, p.table.entries, p.g.Depth) {
		groups[b] = p.order[lo:hi]
		lo = hi
	}
	return groups
}

// reset empties the table. After one that did not pay, or grew large, its memory is given back too.
func (p *Partial) reset() {
	p.table.Reset()
	if p.agg == nil {
		return
	}
	p.agg.Reset()
	if p.direct > 0 || p.table.Size()+p.agg.Size() > 64<<20 {
		p.Release()
	}
	p.account()
	p.records, p.most = 0, partialGroups
}

func (p *Partial) flushBucket(b *bucket, which []int32) error {
	s := &p.states
	sibling := p.sibling()
	if sibling == nil {
		s.Values.Reset()
		p.agg.States(which, &s.Values)
	}
	s.Ordinals = gather(s.Ordinals[:0], p.table.firsts, which)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.log == nil {
		return b.mergeTable(p.g, &p.keys, &p.table, sibling, which, s)
	}
	return p.log(b, which)
}

// sibling is the aggregate, if the buckets are to take its states as they are.
func (p *Partial) sibling() siblingAggregate {
	if s, ok := p.agg.(siblingAggregate); ok && s.elaborate() {
		return s
	}
	return nil
}

// log writes states after what a bucket has spilled.
func (p *Partial) log(b *bucket, which []int32) error {
	if err := b.logKind(p.g, frameStates); err != nil {
		return err
	}
	from := bucket{table: &p.table, agg: p.agg}
	for _, group := range which {
		if err := b.log.appendGroup(&from, group); err != nil {
			return err
		}
	}
	return nil
}

// Release gives the memory of a Partial that was flushed back, before Emit would.
func (p *Partial) Release() {
	p.table.hot.free()
	p.forget()
}

// Recycle is Release where Partials of other Groups are about to need as much.
func (p *Partial) Recycle() {
	p.table.hot.leave()
	p.forget()
}

// forget begins anew, with a table and an aggregate without memory.
func (p *Partial) forget() {
	p.table, p.agg = Table{hot: &hotIndex{owner: p.g}}, nil
	p.account()
}
