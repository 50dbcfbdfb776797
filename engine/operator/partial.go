package operator

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
	run     keyRun
	groups  []int32
	order   []int32
	states  Keyed
	routed  Routed
	bytes   int64 // as counted in g.used
	records int   // since the last flush
	direct  int   // records that are still to be passed on uncombined
}

const (
	partialGroups = 64 << 10
	partialBytes  = 8 << 20
	// A table that took fewer records for each group did not pay.
	partialRepeats = 2
	// After that so many records pass before it is tried again.
	partialPause = 16 * partialGroups
)

// NewPartial makes an empty Partial.
func (g *Groups) NewPartial() *Partial {
	g.partials.Add(1)
	return &Partial{g: g}
}

// Add folds records. Their strings are not referred to afterwards. Errors of records are *RecordError.
func (p *Partial) Add(in *Keyed) error {
	if p.direct > 0 {
		return p.pass(in)
	}
	if err := p.fold(in); err != nil {
		return err
	}
	p.account()
	if !p.g.Ordered && p.full() {
		p.judge()
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
	}
	var failed error
	p.groups, failed = p.table.insert(&p.run, &keyColumn{Column: &in.Keys}, in.Ordinals, p.groups[:0])
	if err := p.agg.Fold(p.groups, in); err != nil {
		return err
	}
	p.records += len(p.groups)
	return failed
}

func (p *Partial) account() {
	bytes := p.table.Size() + p.agg.Size()
	p.g.used.Add(bytes - p.bytes)
	p.bytes = bytes
}

// full reports whether the table outgrew what pays, or its part of the share: half of that is for all partials.
func (p *Partial) full() bool {
	most := min(partialBytes, p.g.scratch.Share/(2*max(8, p.g.partials.Load())))
	return p.table.Len() >= partialGroups || p.bytes > most
}

// judge decides whether to go on combining.
func (p *Partial) judge() {
	if p.records < partialRepeats*p.table.Len() {
		p.direct = partialPause
	}
}

// pass adds records to the buckets without combining them.
func (p *Partial) pass(in *Keyed) error {
	p.direct -= len(in.Ordinals)
	failed := p.g.Route(in, &p.routed)
	for b := range Buckets {
		if err := p.g.Add(b, &p.routed); err != nil {
			return err
		}
	}
	return failed
}

// Flush moves all groups into the buckets and leaves the Partial empty, to be used again. It must be called
// before Emit.
func (p *Partial) Flush() error {
	if p.table.Len() == 0 {
		return nil
	}
	ends := p.arrange()
	lo := 0
	for b, hi := range ends {
		if lo < hi {
			if err := p.flushBucket(&p.g.buckets[b], p.order[lo:hi]); err != nil {
				return err
			}
		}
		lo = hi
	}
	p.reset()
	return p.g.shrink()
}

// reset empties the table. After a table that grew beyond what it needs its memory is given back too.
func (p *Partial) reset() {
	p.table.Reset()
	p.agg.Reset()
	if p.direct > 0 || p.table.Size()+p.agg.Size() > 2*partialBytes {
		p.release()
	} else {
		p.account()
	}
	p.records = 0
}

// arrange orders the groups by bucket, keeping their order in each, and gives the end of each bucket.
func (p *Partial) arrange() (ends [Buckets]int) {
	var next [Buckets]int
	for i := range p.table.entries {
		next[bucketOf(p.table.entries[i].hash, p.g.depth)]++
	}
	at := 0
	for b, n := range next {
		next[b] = at
		at += n
		ends[b] = at
	}
	if cap(p.order) < at {
		p.order = make([]int32, at)
	}
	p.order = p.order[:at]
	for i := range p.table.entries {
		to := &next[bucketOf(p.table.entries[i].hash, p.g.depth)]
		p.order[*to] = int32(i)
		*to++
	}
	return ends
}

func (p *Partial) flushBucket(b *bucket, which []int32) error {
	s := &p.states
	s.Values.Reset()
	s.Ordinals = s.Ordinals[:0]
	for _, group := range which {
		p.agg.States(int(group), int(group)+1, &s.Values)
		s.Ordinals = append(s.Ordinals, p.table.firsts[group])
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.log == nil {
		return b.mergeTable(p.g, &p.table, which, s)
	}
	return p.log(b, which)
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

// release gives the memory of an empty Partial back.
func (p *Partial) release() {
	p.table, p.agg = Table{}, nil
	p.g.used.Add(-p.bytes)
	p.bytes = 0
}
