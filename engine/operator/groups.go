package operator

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/flowsh/flowsh/engine/host"
)

// GroupsConfig says what Groups keeps for each key.
type GroupsConfig struct {
	// New makes an empty aggregate. It is called often and concurrently.
	New func() (Aggregate, error)
	// Ordered says that the aggregate needs its records, or states, in the order of the flow.
	Ordered bool
	// Lane, if it is not nil, gives the lane of a group by its canonical key. Groups come out in the order of their
	// lanes then, those of a lane in the order of their first ordinals.
	Lane func(key []byte) uint32
	// Depth is how often the keys were divided before, each time by other bits of their hashes: all are in one range of
	// the last Buckets.
	Depth int
	// Cores is how many goroutines Emit may use, by default as many as run at a time.
	Cores int
	// NoOrdinals says that Emit may leave out the ordinals.
	NoOrdinals bool

	Memory Memory
}

// Groups is keyed state: an aggregate for each key, divided into Buckets by hash.
//
// Records come in by one of two ways. Route and Add take a run of records at a time. A Partial combines the
// records of a worker first. Both may be used concurrently; if the aggregate is ordered, whoever calls sees to it
// that each bucket gets its records in order. Emit, once, ends it.
//
// Over its share the largest buckets are spilled, each to be completed alone at the end; one that is still too
// large is divided by more bits of the hash. A single key that does not fit is a *LimitError. After an error
// chunks may be left in the store; closing it removes them.
type Groups struct {
	GroupsConfig
	scratch *scratch
	// ints is what the state of a group that is kept in place is; nil: none is.
	ints        []IntegerKind
	intsResults bool // they are the results
	// undivided says that all keys go to the first bucket, for they are few.
	undivided bool
	told      atomic.Pointer[repeats] // nil: nothing was folded in place
	used      atomic.Int64
	partials  atomic.Int64 // made
	idle      idlePartials
	ranges    []*host.Range // that tables of Partials lie in
	spilling  sync.Mutex
	buckets   [Buckets]bucket
	runs      [Ranges][]frame // that LoadRun was given
}

// leastShare is what Groups and Sorter take even if their share is less.
const leastShare = 64 << 10

// NewGroups makes Groups without a key.
func NewGroups(c GroupsConfig) *Groups {
	c.Memory.Share = max(c.Memory.Share, leastShare)
	g := &Groups{GroupsConfig: c, scratch: newScratch(c.Memory)}
	if c.Memory.Share >= leastInPlace {
		g.keepInPlace()
	}
	return g
}

// keepInPlace has states be kept in place if they can.
func (g *Groups) keepInPlace() {
	if g.Ordered {
		return
	}
	agg, err := g.New()
	if err != nil { // whoever needs an aggregate will see it
		return
	}
	if a, ok := agg.(intAggregate); ok {
		if g.ints, g.intsResults = a.intStates(); len(g.ints) > mostKept {
			g.ints = nil
		}
	}
}

// child makes Groups for the keys of one bucket, to be divided again.
func (g *Groups) child() *Groups {
	child := &Groups{GroupsConfig: g.GroupsConfig, scratch: g.scratch, ints: g.ints, intsResults: g.intsResults}
	child.Depth++
	return child
}

// Route divides records by bucket, keeping their order in each. It may be called concurrently.
//
// A key that cannot be one is a *RecordError. The records before it are routed all the same, to be added before
// the error is reported, because one of them may fail too.
func (g *Groups) Route(in *Keyed, out *Routed) error {
	return out.fill(in, g.Depth)
}

// Add folds the records that were routed to a bucket. It may be called concurrently, for different buckets and
// for the same one. Errors of records are *RecordError.
func (g *Groups) Add(bucket int, r *Routed) error { return g.add(bucket, r, frameRecords) }

func (g *Groups) add(bucket int, r *Routed, kind frameKind) error {
	if r.Len(bucket) == 0 {
		return nil
	}
	in, keys := r.bucket(bucket)
	if err := g.addLocked(&g.buckets[bucket], &in, &keys, kind); err != nil {
		return err
	}
	return g.shrink()
}

func (g *Groups) addLocked(b *bucket, in *Keyed, keys *keyBatch, kind frameKind) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.log == nil {
		return b.fold(g, in, keys, kind == frameStates)
	}
	if err := b.logKind(g, kind); err != nil {
		return err
	}
	return b.log.record(in, keys)
}

// cores is how many goroutines may work.
func (g *Groups) cores() int {
	if g.Cores > 0 {
		return g.Cores
	}
	return runtime.GOMAXPROCS(0)
}

// shrink spills the largest buckets while the state is over its share.
func (g *Groups) shrink() error {
	if g.used.Load() <= g.scratch.Share {
		return nil
	}
	g.spilling.Lock()
	defer g.spilling.Unlock()
	for limit := g.scratch.Share; g.used.Load() > limit; limit = g.scratch.Share - g.scratch.Share/8 {
		b := g.largest()
		if b == nil {
			return nil
		}
		if err := g.spill(b); err != nil {
			return err
		}
	}
	return nil
}

func (g *Groups) largest() (b *bucket) {
	most := int64(0)
	for i := range g.buckets {
		if n := g.buckets[i].bytes.Load(); n > most {
			b, most = &g.buckets[i], n
		}
	}
	return b
}

func (g *Groups) spill(b *bucket) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.spill(g, false)
}

// spilled reports whether anything was, or came as runs.
func (g *Groups) spilled() bool {
	for i := range g.buckets {
		if len(g.buckets[i].frames) > 0 || g.buckets[i].log != nil {
			return true
		}
	}
	return slices.ContainsFunc(g.runs[:], func(run []frame) bool { return len(run) > 0 })
}

// replay adds the rows of spilled frames of a bucket of the parent.
func (g *Groups) replay(frames []frame) error {
	r := groupReader{scratch: g.scratch, frames: frames}
	var routed Routed
	for {
		more, err := r.load()
		if !more || err != nil {
			return err
		}
		if err := g.addFrame(&r, &routed); err != nil {
			return err
		}
	}
}

// addFrame adds the rows of the frame that a reader has loaded.
func (g *Groups) addFrame(r *groupReader, routed *Routed) error {
	if r.kind == frameRecords {
		freeze(&r.values)
	}
	r.loadKeys(&routed.loaded)
	if g.undivided {
		return g.addLocked(&g.buckets[0], &Keyed{Values: r.values, Ordinals: r.ords}, &routed.loaded, r.kind)
	}
	in := &Keyed{Values: r.values, Ordinals: r.ords}
	if b, ok := routed.loaded.bucket(g.Depth); ok { // Drain writes each bucket by itself
		if err := g.addLocked(&g.buckets[b], in, &routed.loaded, r.kind); err != nil {
			return err
		}
		return g.shrink()
	}
	routed.divide(in, g.Depth)
	for b := range Buckets {
		if err := g.add(b, routed, r.kind); err != nil {
			return err
		}
	}
	return nil
}
