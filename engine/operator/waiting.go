package operator

import "github.com/flowsh/flowsh/engine/chunk"

// waiting is records of a bucket that it has not folded yet, behind its groups if those are in place.
type waiting struct {
	blocks  []*block
	kept    kept
	records int // with the groups
	groups  int
	bytes   int64
	most    int // records; 0: nothing was folded
}

const (
	// leastWaiting is how many records wait in any case, and how many where groups are in place.
	leastWaiting        = 8 << 10
	leastWaitingInPlace = 32 << 10
	// So many records for each group that is in place wait, twice as many where keys do not repeat.
	waitingPerGroup = 4
)

// wait takes a block over. It is folded later, with what else waits.
func (b *bucket) wait(g *Groups, block *block, k kept) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	w := &b.waiting
	if w.kept != k {
		if err := b.intoTable(g); err != nil {
			return err
		}
		w.kept = k
	}
	w.blocks = append(w.blocks, block)
	w.records += block.n
	if g.ints != nil {
		w.bytes += block.held()
	} else {
		w.bytes += block.size()
	}
	return b.waited(g)
}

// waited folds what waits if it is enough.
func (b *bucket) waited(g *Groups) error {
	least := leastWaiting
	if g.ints != nil {
		least = leastWaitingInPlace
	}
	if told := g.told.Load(); told != nil && b.waiting.most == 0 { // each bucket is a sample of all keys
		least = max(least, told.most)
	}
	b.account(g)
	if b.waiting.records < max(b.waiting.most, least) {
		return nil
	}
	return b.foldWaiting(g)
}

// foldWaiting folds what waits. The more of it was new, the more is to wait next.
func (b *bucket) foldWaiting(g *Groups) error {
	w := &b.waiting
	if w.records == w.groups {
		return nil
	}
	if b.waitsInPlace(g) && b.foldInPlace(g) {
		return nil
	}
	return b.intoTable(g)
}

// waitsInPlace reports whether what waits are states that can be folded where they are.
func (b *bucket) waitsInPlace(g *Groups) bool {
	return g.ints != nil && b.table == nil && b.waiting.kept == keptStates(len(g.ints))
}

// repeats is what the last fold in place has told of all keys.
type repeats struct {
	most   int  // records that are to wait in a bucket
	hardly bool // nearly all were new
}

// hardlyRepeats says that folding what waits makes it hardly less.
func (g *Groups) hardlyRepeats() bool {
	told := g.told.Load()
	return told != nil && told.hardly
}

// intoTable folds what waits, and the groups that are in place, into the table.
func (b *bucket) intoTable(g *Groups) error {
	w := &b.waiting
	if w.records == 0 {
		return nil
	}
	if err := b.open(g); err != nil {
		return err
	}
	b.table.reserve(w.records)
	states := g.ints != nil && w.kept == keptStates(len(g.ints))
	r := readers.Get().(*blockReader)
	defer readers.Put(r)
	for _, block := range w.blocks {
		r.read(block, w.kept)
		b.groups = b.table.insert(&r.keys, &r.in, b.groups[:0])
		if err := b.aggregate(b.groups, &r.in, states); err != nil {
			return err
		}
		block.free()
	}
	clear(w.blocks)
	*w = waiting{blocks: w.blocks[:0], kept: w.kept, most: b.table.Len()}
	b.account(g)
	return nil
}

// foldWaiting folds what waits for any bucket, on all cores.
func (g *Groups) foldWaiting() error {
	var errs [Buckets]error
	concurrently(g.cores(), Buckets, func(i int) { errs[i] = g.buckets[i].foldWaiting(g) })
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// keeps says whether these records can wait, and with what values: where a count is a state, each has its own.
func (p *Partial) keeps(in *Keyed) (with *Keyed, k kept, ok bool) {
	if p.g.Ordered || !exactKeys(&in.Keys) || p.mostBytes() < Buckets*sizeBlock {
		return nil, kept{}, false
	}
	if p.patient == nil {
		agg, err := p.g.New()
		if err != nil {
			return nil, kept{}, false
		}
		if p.patient, ok = agg.(patientAggregate); !ok {
			p.patient = impatient{}
		}
	}
	if k, ok = p.patient.keeps(&in.Values); ok && k.kind == chunk.Empty && len(p.g.ints) > 0 {
		return p.counted(in), kept{kind: chunk.Int}, true
	}
	return in, k, ok
}

// counted gives records that are counted the value 1 each.
func (p *Partial) counted(in *Keyed) *Keyed {
	for len(p.ones) < in.Keys.N {
		p.ones = append(p.ones, 1)
	}
	return &Keyed{Keys: in.Keys, Values: chunk.Column{Kind: chunk.Int, N: in.Keys.N, Ints: p.ones[:in.Keys.N]}, Ordinals: in.Ordinals}
}

// impatient stands for an aggregate that does not let records wait.
type impatient struct{}

func (impatient) keeps(*chunk.Column) (kept, bool) { return kept{}, false }

// exactKeys reports whether no key is equal to one that looks different, as 1.0 is to 1.
func exactKeys(c *chunk.Column) bool {
	switch c.Kind {
	case chunk.Null, chunk.Bool, chunk.Int, chunk.String, chunk.Bytes:
		return true
	case chunk.Tuple:
		for f := range c.Fields {
			if !exactKeys(&c.Fields[f]) {
				return false
			}
		}
		return true
	}
	return false
}

// wait lets records wait, with what they keep of their values. They have Ordinals.
func (p *Partial) wait(in *Keyed, k kept) error {
	if p.kept != k {
		if err := p.flushBlocks(); err != nil {
			return err
		}
		p.kept = k
	}
	for lo := 0; lo < in.Keys.N; lo += runKeys {
		failed := p.keys.load(&in.Keys, lo, min(lo+runKeys, in.Keys.N))
		if !fits(&p.keys, in.Ordinals[lo:lo+len(p.keys.keys)]) {
			rest := in.part(lo, in.Keys.N)
			rest.Keys = in.Keys.Slice(lo, in.Keys.N)
			return p.route(&rest)
		}
		for i := range p.keys.keys {
			bucket := bucketOf(p.keys.keys[i].hash, p.g.Depth)
			b := p.blocks[bucket]
			if b == nil {
				b = blocks.Get().(*block)
				b.begin(k)
				p.blocks[bucket] = b
			}
			b.keep(k, &in.Values, lo+i)
			b.add(&p.keys, i, in.Ordinals[lo+i])
			if b.full() {
				if err := p.flushBlock(bucket); err != nil {
					return err
				}
			}
		}
		if failed != nil {
			return &RecordError{Ordinal: in.Ordinals[lo+len(p.keys.keys)], Err: failed}
		}
	}
	return nil
}

// flushBlocks gives all blocks to their buckets.
func (p *Partial) flushBlocks() error {
	for bucket := range p.blocks {
		if err := p.flushBlock(bucket); err != nil {
			return err
		}
	}
	return nil
}

func (p *Partial) flushBlock(bucket int) error {
	b := p.blocks[bucket]
	if b == nil {
		return nil
	}
	p.blocks[bucket] = nil
	return p.g.buckets[bucket].wait(p.g, b, p.kept)
}
