package operator

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/value"
)

// SorterConfig says how a Sorter orders records.
type SorterConfig struct {
	Reverse bool  // greatest key first; equal keys stay in the order of their ordinals
	Limit   int64 // only so many records come out, and little more is held; 0: all
	Memory  Memory

	NoOrdinals bool // Emit gives none beside the records
}

// A Sorter orders records by key, and those with equal keys by ordinal. Workers add records through a SortRun
// each, concurrently; then Emit, once, gives them in order. Over its share sorted runs are spilled and merged at
// the end. After an error chunks may be left in the store; closing it removes them.
type Sorter struct {
	SorterConfig
	scratch *scratch
	reuses  bool // SortRuns keep the memory of records that they have handed over
	used    atomic.Int64
	workers atomic.Int64 // SortRuns made

	mu       sync.Mutex
	segments []*segment // sorted
	runs     [][]frame  // sorted and spilled
	loaded   [][]frame  // that came from other places
	loading  int        // number of the last of them
}

const (
	mostSegment = 8 << 20 // bytes that a SortRun holds
	mostRuns    = 256     // that are merged at once
	// Of a smaller share, memory is not kept that is not in use.
	leastReused = 8 * mostSegment
)

// NewSorter makes a Sorter without records.
func NewSorter(c SorterConfig) *Sorter {
	c.Memory.Share = max(c.Memory.Share, leastShare)
	return &Sorter{SorterConfig: c, scratch: newScratch(c.Memory), reuses: c.Memory.Share >= leastReused}
}

// NewRun makes a SortRun for a worker.
func (s *Sorter) NewRun() *SortRun {
	s.workers.Add(1)
	return &SortRun{sorter: s}
}

// segmentBytes bounds what a SortRun holds: all of them together half of the share.
func (s *Sorter) segmentBytes() int64 {
	return min(mostSegment, s.scratch.Share/(2*max(4, s.workers.Load())))
}

// goroutines is how many sort at a time: as many as added records.
func (s *Sorter) goroutines() int { return int(max(1, s.workers.Load())) }

// errEnough ends a merge whose limit is reached.
var errEnough = errors.New("sort: enough")

// before is the order of the Sorter.
func (s *Sorter) before(xKey, yKey string, x, y chunk.Ordinal) bool {
	if xKey == yKey {
		return x.Compare(y) < 0
	}
	return (xKey < yKey) != s.Reverse
}

// add takes over a sorted segment.
func (s *Sorter) add(seg *segment) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.segments = append(s.segments, seg)
	if s.used.Load() <= s.scratch.Share {
		return nil
	}
	return s.spill()
}

// spill merges all segments into one run.
func (s *Sorter) spill() error {
	if len(s.segments) == 0 {
		return nil
	}
	if s.scratch.Store == nil {
		return &LimitError{What: "sorting", Bytes: s.used.Load(), Share: s.scratch.Share, Hint: "give the job more memory with --mem"}
	}
	w := sortWriter{scratch: s.scratch}
	err := s.ranges(s.goroutines()).each(context.Background(), s.goroutines(), s.Limit, w.appendRecord)
	if err != nil {
		return err
	}
	run, err := w.finish()
	if err != nil {
		return err
	}
	s.runs = append(s.runs, run)
	s.releaseSegments()
	return nil
}

func (s *Sorter) releaseSegments() {
	for _, seg := range s.segments {
		s.used.Add(-seg.bytes)
	}
	s.segments = nil
}

// writeRun merges cursors into a spilled run.
func (s *Sorter) writeRun(cursors []*sortCursor) ([]frame, error) {
	w := sortWriter{scratch: s.scratch}
	err := s.merge(cursors, func(c *sortCursor) error { return w.append(c) })
	if err != nil {
		return nil, err
	}
	return w.finish()
}

// merge visits the heads of cursors in order, Limit of them.
func (s *Sorter) merge(cursors []*sortCursor, visit func(c *sortCursor) error) error {
	tree := newLosers(len(cursors), func(x, y int) bool { return cursors[x].before(cursors[y], s.Reverse, x < y) })
	for i, c := range cursors {
		tree.ranks[i] = c.rank(s.Reverse)
	}
	for n := int64(0); len(cursors) > 0 && (s.Limit == 0 || n < s.Limit); n++ {
		first := tree.first()
		c := cursors[first]
		if c.done() {
			return nil
		}
		if err := c.open(); err != nil {
			return err
		}
		if err := visit(c); err != nil {
			return err
		}
		if err := c.next(); err != nil {
			return err
		}
		tree.ranks[first] = c.rank(s.Reverse)
		tree.fix()
	}
	return nil
}

// Emit gives the records in order, with their ordinals if they are wanted, in runs of about 4096. out owns what it gets. Emit
// returns its error or that of ctx. It is called once, after every SortRun was flushed, and leaves nothing in the
// store unless it fails.
func (s *Sorter) Emit(ctx context.Context, out func(records *chunk.Column, ords []chunk.Ordinal) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.inMemory() {
		if err := s.ranges(s.goroutines()).emit(ctx, s.goroutines(), s.Limit, out); err != nil {
			return err
		}
		s.releaseSegments()
		return nil
	}
	e := sortEmitter{ctx: ctx, out: out, ordinals: !s.NoOrdinals, limit: s.scratch.Share / 16, run: 1}
	return s.mergeAll(ctx, e.append, e.flush)
}

// mergeAll visits the heads of all that is left in order, Limit of them, and then has what was visited flushed. Nothing is
// left in the store.
func (s *Sorter) mergeAll(ctx context.Context, visit func(c *sortCursor) error, flush func() error) error {
	cursors, err := s.cursors(ctx)
	if err != nil {
		return err
	}
	if err := s.merge(cursors, visit); err != nil {
		return err
	}
	if err := flush(); err != nil {
		return err
	}
	return s.dropRest(cursors)
}

// inMemory says that there are no runs to merge.
func (s *Sorter) inMemory() bool { return len(s.runs)+len(s.loaded) == 0 }

// cursors gives what is left to merge, in so few runs that they can be merged at once. What is in memory becomes one of them.
func (s *Sorter) cursors(ctx context.Context) ([]*sortCursor, error) {
	if err := s.spill(); err != nil {
		return nil, err
	}
	s.runs, s.loaded = append(s.runs, s.loaded...), nil
	for {
		n := s.fitting()
		if n == len(s.runs) {
			return s.open(s.runs)
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := s.mergeRuns(n); err != nil {
			return nil, err
		}
	}
}

// fitting is how many of the runs, at least two, can be merged at once: what they have in memory takes half of the share.
// A long row is there only when its turn has come, unless its key is long too.
func (s *Sorter) fitting() int {
	bytes := int64(0)
	for n, frames := range s.runs {
		most := int64(0)
		for _, f := range frames {
			if f.rows > 1 || !f.noted {
				most = max(most, f.bytes)
			}
		}
		if bytes += most; n >= 2 && bytes > s.scratch.Share/2 || n == mostRuns {
			return n
		}
	}
	return len(s.runs)
}

// mergeRuns makes one run of the first n.
func (s *Sorter) mergeRuns(n int) error {
	cursors, err := s.open(s.runs[:n])
	if err != nil {
		return err
	}
	run, err := s.writeRun(cursors)
	if err != nil {
		return err
	}
	s.runs = append(s.runs[n:], run)
	return s.dropRest(cursors)
}

func (s *Sorter) open(runs [][]frame) (cursors []*sortCursor, err error) {
	for _, frames := range runs {
		c := &sortCursor{scratch: s.scratch, frames: frames}
		if err := c.look(); err != nil {
			return nil, err
		}
		cursors = append(cursors, c)
	}
	return cursors, nil
}

// dropRest forgets what a limit left unread.
func (s *Sorter) dropRest(cursors []*sortCursor) error {
	for _, c := range cursors {
		if err := s.scratch.drop(c.frames); err != nil {
			return err
		}
	}
	return nil
}

// A sortEmitter gathers records into runs.
type sortEmitter struct {
	ctx      context.Context
	out      func(records *chunk.Column, ords []chunk.Ordinal) error
	ordinals bool  // are wanted
	limit    int64 // of bytes in a run
	run      int   // number of the run that is open
	frames   []*sortFrame
	rows     []rowPlace
	bytes    int64
}

func (e *sortEmitter) append(c *sortCursor) error {
	f := c.sortFrame
	if f.run != e.run {
		f.run, f.number = e.run, int32(len(e.frames))
		e.frames = append(e.frames, f)
	}
	e.rows = append(e.rows, rowPlace{f.number, int32(c.at)})
	e.bytes += f.bytes
	if len(e.rows) < emitRows && e.bytes < e.limit {
		return nil
	}
	return e.flush()
}

func (e *sortEmitter) flush() error {
	if len(e.rows) == 0 {
		return nil
	}
	if err := e.ctx.Err(); err != nil {
		return err
	}
	records, ords := e.gather()
	clear(e.frames)
	e.run++
	e.frames, e.rows, e.bytes = e.frames[:0], e.rows[:0], 0
	return e.out(records, ords)
}

// gather brings the rows together.
func (e *sortEmitter) gather() (records *chunk.Column, ords []chunk.Ordinal) {
	if e.ordinals {
		ords = make([]chunk.Ordinal, len(e.rows))
		for i, r := range e.rows {
			if f := e.frames[r.column]; !f.texts {
				ords[i] = f.ords[r.row]
			}
		}
	}
	records = new(chunk.Column)
	if !slices.ContainsFunc(e.frames, func(f *sortFrame) bool { return !f.texts }) {
		records.Kind, records.N, records.Strings = chunk.String, len(e.rows), make([]string, len(e.rows))
		for i, r := range e.rows {
			records.Strings[i] = value.OrderedString(e.frames[r.column].keys[r.row])
		}
		return records, ords
	}
	columns := make([]*chunk.Column, len(e.frames))
	for n, f := range e.frames {
		columns[n] = f.column()
	}
	gatherRows(records, columns, e.rows)
	return records, ords
}

// column is the records of a frame.
func (f *sortFrame) column() *chunk.Column {
	if !f.texts {
		return f.records
	}
	c := &chunk.Column{Kind: chunk.String, N: f.rows, Strings: make([]string, f.rows)}
	for i, key := range f.keys {
		c.Strings[i] = value.OrderedString(key)
	}
	return c
}
