package operator

import (
	"context"
	"encoding/binary"
	"errors"
	"iter"
	"sync"

	"github.com/cespare/xxhash/v2"
	"github.com/flowsh/flowsh/engine/chunk"
)

// joinRuns is a Join whose right side does not fit into memory. Both sides are sorted by key and merged; what they
// give is sorted by the places of the left records, then of the right ones. The right records of a key that has many
// are written once, and the left ones refer to them: a key that is frequent on both sides takes no more room than its
// records do.
type joinRuns struct {
	join    *Join
	count   uint64   // of right records
	scratch joinKeys // of the right side
	right   *joinRun // (key, record), by key, in the order of the right side
	mu      sync.Mutex
	left    *Sorter // the same of the left side
	outputs Memory  // of pairs and lone
	pairs   *Sorter // (left, right, frequent): by place of left, in the order of right
	lone    *Sorter // right records without a match, in order
	groups  *scratch
	stored  [][]frame // the right records of frequent keys
	found   int64     // left records with a match
}

const (
	// frequent is from how many right records on a key's are written once.
	frequent = 64
	// joinBatch is how many records are taken together, and joinBytes how much of them.
	joinBatch = 1024
	joinBytes = mostFrame
)

func newJoinRuns(j *Join) *joinRuns {
	r := &joinRuns{join: j}
	r.right = newJoinRun(NewSorter(SorterConfig{Memory: partOf(j.Memory, "right", 1)}))
	r.left = NewSorter(SorterConfig{Memory: partOf(j.Left, "left", 2)})
	r.outputs = partOf(j.Left, "pairs", 4)
	r.groups = newScratch(partOf(j.Left, "groups", 8))
	return r
}

// partOf is a part of a share, with a name of its own.
func partOf(m Memory, name string, parts int64) Memory {
	m.ID += "/" + name
	m.Share = max(m.Share/parts, leastShare)
	return m
}

// joinKeys are keys as they are sorted: a hash, which is compared at once, and the canonical key.
type joinKeys struct {
	buf  []byte
	ends []int
}

func (k *joinKeys) reset() { k.buf, k.ends = k.buf[:0], k.ends[:0] }

func (k *joinKeys) add(canonical []byte) {
	k.buf = binary.BigEndian.AppendUint64(k.buf, xxhash.Sum64(canonical))
	k.buf = append(k.buf, canonical...)
	k.ends = append(k.ends, len(k.buf))
}

// column is a view of the keys.
func (k *joinKeys) column() chunk.Column {
	c := chunk.Column{Kind: chunk.String, N: len(k.ends), Strings: make([]string, len(k.ends))}
	lo := 0
	for i, hi := range k.ends {
		c.Strings[i] = view(k.buf[lo:hi])
		lo = hi
	}
	return c
}

// A joinRun takes records of one side with their keys.
type joinRun struct {
	run     *SortRun
	keys    keyBatch
	scratch joinKeys
	ords    []chunk.Ordinal
	key     []byte
}

func newJoinRun(s *Sorter) *joinRun { return &joinRun{run: s.NewRun()} }

func (r *joinRuns) newLeftRun() *joinRun {
	r.mu.Lock()
	defer r.mu.Unlock()
	return newJoinRun(r.left)
}

// add takes as many records as there are keys; the first has place base.
func (r *joinRun) add(keys *joinKeys, records *chunk.Column, base uint64) error {
	n := len(keys.ends)
	if n == 0 {
		return nil
	}
	r.ords = r.ords[:0]
	for i := range n {
		r.ords = append(r.ords, chunk.Ordinal{Position: base + uint64(i)})
	}
	column := keys.column()
	fields := []chunk.Column{column}
	if records.Kind != chunk.Empty {
		fields = append(fields, records.Slice(0, n))
	}
	return r.run.Add(&column, &chunk.Column{Kind: chunk.Tuple, N: n, Fields: fields}, r.ords)
}

// addKeys is add of keys as records have them. Of a key that cannot be one it returns a *KeyError and how many records
// stand before it.
func (r *joinRun) addKeys(keys, records *chunk.Column, base uint64) (n int, err error) {
	if failed := r.keys.load(keys, 0, keys.N); failed != nil {
		err = &KeyError{Err: failed}
	}
	r.scratch.reset()
	for i := range r.keys.keys {
		r.key = r.keys.appendCanonical(r.key[:0], i)
		r.scratch.add(r.key)
	}
	if err := r.add(&r.scratch, records, base); err != nil {
		return 0, err
	}
	return len(r.keys.keys), err
}

func (r *joinRuns) addRight(keys, records *chunk.Column) (n int, err error) {
	n, err = r.right.addKeys(keys, records, r.count)
	r.count += uint64(n)
	return n, err
}

// finish merges both sides and gives what comes out.
func (r *joinRuns) finish(ctx context.Context, out func(*chunk.Column) error) error {
	r.pairs = NewSorter(SorterConfig{Memory: r.outputs})
	r.lone = NewSorter(SorterConfig{Memory: partOf(r.outputs, "lone", 1)})
	m := newJoinMerge(ctx, r)
	defer m.close()
	if err := m.merge(ctx); err != nil {
		return err
	}
	if err := r.emitPairs(ctx, out); err != nil {
		return err
	}
	return r.lone.Emit(ctx, func(records *chunk.Column, _ []chunk.Ordinal) error {
		none := chunk.Column{Kind: chunk.Null, N: records.N}
		return out(&chunk.Column{Kind: chunk.Tuple, N: records.N, Fields: []chunk.Column{none, *records}})
	})
}

// emitPairs gives matches, and left records that come out without one.
func (r *joinRuns) emitPairs(ctx context.Context, out func(*chunk.Column) error) error {
	err := r.pairs.Emit(ctx, func(records *chunk.Column, _ []chunk.Ordinal) error {
		if !r.join.Pairs {
			return out(&records.Fields[0])
		}
		refs, lo := &records.Fields[2], 0
		for i := range records.N {
			if refs.Ints[i] == 0 {
				continue
			}
			if err := r.emitPlain(records, lo, i, out); err != nil {
				return err
			}
			lo = i + 1
			left := records.Fields[0].Slice(i, i+1)
			if err := r.emitFrequent(ctx, &left, r.stored[refs.Ints[i]-1], out); err != nil {
				return err
			}
		}
		return r.emitPlain(records, lo, records.N, out)
	})
	if err != nil {
		return err
	}
	for _, frames := range r.stored {
		if err := r.groups.drop(frames); err != nil {
			return err
		}
	}
	return nil
}

func (r *joinRuns) emitPlain(records *chunk.Column, lo, hi int, out func(*chunk.Column) error) error {
	if lo == hi {
		return nil
	}
	fields := []chunk.Column{records.Fields[0].Slice(lo, hi), records.Fields[1].Slice(lo, hi)}
	return out(&chunk.Column{Kind: chunk.Tuple, N: hi - lo, Fields: fields})
}

// emitFrequent gives the pairs of a left record with the stored right ones.
func (r *joinRuns) emitFrequent(ctx context.Context, left *chunk.Column, frames []frame, out func(*chunk.Column) error) error {
	for _, f := range frames {
		if err := ctx.Err(); err != nil {
			return err
		}
		right := new(chunk.Column)
		if _, err := r.groups.read(f, []*chunk.Column{right}); err != nil {
			return err
		}
		freeze(right)
		fields := []chunk.Column{{}, *right}
		gatherColumn(&fields[0], left, make([]int32, right.N))
		if err := out(&chunk.Column{Kind: chunk.Tuple, N: right.N, Fields: fields}); err != nil {
			return err
		}
	}
	return nil
}

var errUnwanted = errors.New("no more records are wanted")

// A sortedRun is some records of a Sorter, in order.
type sortedRun struct {
	records *chunk.Column
	ords    []chunk.Ordinal
	err     error
}

// sortedRuns are the records of a Sorter.
func sortedRuns(ctx context.Context, s *Sorter) iter.Seq[sortedRun] {
	return func(yield func(sortedRun) bool) {
		err := s.Emit(ctx, func(records *chunk.Column, ords []chunk.Ordinal) error {
			if !yield(sortedRun{records: records, ords: ords}) {
				return errUnwanted
			}
			return nil
		})
		if err != nil && err != errUnwanted {
			yield(sortedRun{err: err})
		}
	}
}

// A joinMerge goes through both sides by key.
type joinMerge struct {
	runs  *joinRuns
	next  func() (sortedRun, bool)
	stop  func()
	right sortedRun
	at    int  // in right
	over  bool // right is at its end

	key    string // of the group
	group  chunk.Column
	ords   []chunk.Ordinal // of the group
	size   int             // of the group
	number int64           // of the group among the stored ones, from 1; 0: it is not stored

	pairs  joinOutput
	loners joinOutput
}

func newJoinMerge(ctx context.Context, r *joinRuns) *joinMerge {
	m := &joinMerge{runs: r}
	m.next, m.stop = iter.Pull(sortedRuns(ctx, r.right.run.sorter))
	m.pairs = joinOutput{run: r.pairs.NewRun(), fields: 1}
	if r.join.Pairs {
		m.pairs.fields = 3
	}
	m.loners = joinOutput{run: r.lone.NewRun()}
	return m
}

func (m *joinMerge) close() { m.stop() }

func (m *joinMerge) merge(ctx context.Context) error {
	if err := m.load(); err != nil {
		return err
	}
	err := m.runs.left.Emit(ctx, func(records *chunk.Column, ords []chunk.Ordinal) error {
		m.moved()
		for i := range records.N {
			if err := m.match(records, i, ords[i]); err != nil {
				return err
			}
		}
		return nil
	})
	for err == nil && !m.over {
		err = m.skip()
	}
	if err == nil {
		err = m.pairs.finish()
	}
	if err == nil {
		err = m.loners.finish()
	}
	return err
}

func (m *joinMerge) moved() {
	if m.runs.join.Moved != nil {
		m.runs.join.Moved()
	}
}

// load goes to the next run of right records once the last one is used up.
func (m *joinMerge) load() error {
	for !m.over && m.at == len(m.right.ords) {
		m.moved()
		run, ok := m.next()
		m.right, m.at, m.over = run, 0, !ok
		if run.err != nil {
			return run.err
		}
	}
	return nil
}

// rightKey is the key of the next right record.
func (m *joinMerge) rightKey() string { return m.right.records.Fields[0].Strings[m.at] }

// skip passes a right record without a match.
func (m *joinMerge) skip() error {
	if m.runs.join.LoneRight {
		if err := m.loners.add("", m.right.ords[m.at], &m.right.records.Fields[1], m.at); err != nil {
			return err
		}
	}
	m.at++
	return m.load()
}

// match takes left record i of a run.
func (m *joinMerge) match(records *chunk.Column, i int, ord chunk.Ordinal) error {
	if key := records.Fields[0].Strings[i]; key != m.key {
		if err := m.seek(key); err != nil {
			return err
		}
	}
	if m.size > 0 {
		m.runs.found++
	}
	j := m.runs.join
	left := &records.Fields[1]
	place := string(binary.BigEndian.AppendUint64(nil, ord.Position))
	switch {
	case m.size == 0 && !j.LoneLeft, m.size > 0 && !j.Pairs && j.LoneLeft:
		return nil
	case !j.Pairs:
		return m.pairs.add(place, chunk.Ordinal{}, left, i)
	case m.size == 0:
		return m.pairs.addPair(place, chunk.Ordinal{}, left, i, &noRecord, 0, 0)
	case m.number > 0:
		return m.pairs.addPair(place, chunk.Ordinal{}, left, i, &noRecord, 0, m.number)
	}
	for r := range m.size {
		if err := m.pairs.addPair(place, m.ords[r], left, i, &m.group, r, 0); err != nil {
			return err
		}
	}
	return nil
}

var noRecord = chunk.Column{Kind: chunk.Null, N: 1}

// seek takes the right records of a key.
func (m *joinMerge) seek(key string) error {
	m.key, m.size, m.number, m.ords = key, 0, 0, m.ords[:0]
	m.group.Reset()
	for !m.over && m.rightKey() < key {
		if err := m.skip(); err != nil {
			return err
		}
	}
	var frames []frame
	bytes := int64(0)
	for !m.over && m.rightKey() == key {
		if m.runs.join.Pairs {
			right := &m.right.records.Fields[1]
			m.group.AppendFrom(right, m.at)
			m.ords = append(m.ords, m.right.ords[m.at])
			bytes += sizeAt(right, m.at)
			if len(m.ords) >= frequent && bytes > m.runs.groups.frameBytes() || len(m.ords) == frameRows || bytes > m.runs.groups.Share {
				if err := m.store(&frames); err != nil {
					return err
				}
				bytes = 0
			}
		}
		m.size++
		m.at++
		if err := m.load(); err != nil {
			return err
		}
	}
	if m.size < frequent && len(frames) == 0 || !m.runs.join.Pairs {
		return nil
	}
	if err := m.store(&frames); err != nil {
		return err
	}
	m.runs.stored = append(m.runs.stored, frames)
	m.number = int64(len(m.runs.stored))
	return nil
}

// store writes the right records that are held.
func (m *joinMerge) store(frames *[]frame) error {
	if len(m.ords) == 0 {
		return nil
	}
	f, err := m.runs.groups.put(frameRecords, []*chunk.Column{&m.group}, m.ords)
	m.group = chunk.Column{}
	m.ords = m.ords[:0]
	*frames = append(*frames, f)
	return err
}

// A joinOutput gathers what goes to a sorter.
type joinOutput struct {
	run    *SortRun
	fields int // of the tuples that the records are; 0: they are none
	keys   chunk.Column
	column chunk.Column
	ords   []chunk.Ordinal
	bytes  int64 // of the records
}

// add takes record i of a column; place is empty where ord alone decides.
func (o *joinOutput) add(place string, ord chunk.Ordinal, from *chunk.Column, i int) error {
	to := &o.column
	if o.fields > 0 {
		to = o.tuple()
		o.column.N++
	}
	to.AppendFrom(from, i)
	return o.added(place, ord, sizeAt(from, i))
}

// addPair takes a pair; stored is the number of the stored group that stands for the right record, or 0.
func (o *joinOutput) addPair(place string, ord chunk.Ordinal, left *chunk.Column, i int, right *chunk.Column, r int, stored int64) error {
	o.tuple().AppendFrom(left, i)
	o.column.Fields[1].AppendFrom(right, r)
	o.column.Fields[2].AppendInt(stored)
	o.column.N++
	return o.added(place, ord, sizeAt(left, i)+sizeAt(right, r))
}

// tuple is the first field of the tuples.
func (o *joinOutput) tuple() *chunk.Column {
	if o.column.Kind == chunk.Empty {
		o.column.Kind, o.column.Fields = chunk.Tuple, make([]chunk.Column, o.fields)
	}
	return &o.column.Fields[0]
}

// added counts a record of so many bytes.
func (o *joinOutput) added(place string, ord chunk.Ordinal, bytes int64) error {
	if place != "" {
		o.keys.AppendString(place)
	}
	o.ords = append(o.ords, ord)
	if o.bytes += bytes; len(o.ords) < joinBatch && o.bytes < joinBytes {
		return nil
	}
	return o.flush()
}

func (o *joinOutput) flush() error {
	if len(o.ords) == 0 {
		return nil
	}
	err := o.run.Add(&o.keys, &o.column, o.ords)
	o.keys, o.column, o.ords, o.bytes = chunk.Column{}, chunk.Column{}, o.ords[:0], 0
	return err
}

func (o *joinOutput) finish() error {
	if err := o.flush(); err != nil {
		return err
	}
	return o.run.Flush()
}
