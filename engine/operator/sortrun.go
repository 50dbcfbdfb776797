package operator

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/value"
)

// A SortRun takes the records of one worker on their way into a Sorter. It is used by one goroutine at a time.
type SortRun struct {
	sorter *Sorter
	parts  []*sortPart // that hold their records alike
	rows   int         // in them
	bytes  int64       // of them
	// The memory of parts whose records were moved is used again: it is counted, too.
	idle      []*sortPart
	idleBytes int64
	// Where the sorter has a limit and so many records are held: what does not come before this is not wanted.
	full    bool
	lastKey string
	lastOrd chunk.Ordinal
	wanted  sortInput // scratch
}

// A sortInput is records on their way into a SortRun.
type sortInput struct {
	keys    []string // or none
	records *chunk.Column
	rows    []int32 // of the column; nil: all of them
	ords    []chunk.Ordinal
}

const (
	// leastSelect is the number of records from which on the best are selected.
	leastSelect = 1024
	// leastPart is how many records a part has before the next one.
	leastPart = 1024
)

var errSortKeys = errors.New("sort: keys must be a column of strings, or empty")

// Add takes records with their order keys (value.AppendOrder, as strings) and ordinals. An empty column of keys
// orders by ordinal alone; it is empty in all calls or in none. Strings are copied; boxed values are kept as
// value.Detach gives them.
func (r *SortRun) Add(keys, records *chunk.Column, ords []chunk.Ordinal) error {
	return r.AddRows(keys, records, nil, ords)
}

// AddRows is Add of some of a column's records, or of all if rows is nil; keys and ords are theirs.
func (r *SortRun) AddRows(keys, records *chunk.Column, rows []int32, ords []chunk.Ordinal) error {
	in := &sortInput{records: records, rows: rows, ords: ords}
	switch {
	case keys.N == 0:
	case keys.Kind == chunk.String:
		in.keys = keys.Strings[:keys.N]
	default:
		return errSortKeys
	}
	if r.full {
		in = r.only(in)
	}
	return r.add(in)
}

// only gives those of some records that may come out.
func (r *SortRun) only(in *sortInput) *sortInput {
	w := &r.wanted
	w.keys, w.records, w.rows, w.ords = w.keys[:0], in.records, w.rows[:0], w.ords[:0]
	for i, ord := range in.ords {
		key := ""
		if in.keys != nil {
			key = in.keys[i]
		}
		if !r.sorter.before(key, r.lastKey, ord, r.lastOrd) {
			continue
		}
		if in.keys != nil {
			w.keys = append(w.keys, key)
		}
		w.rows, w.ords = append(w.rows, in.row(i)), append(w.ords, ord)
	}
	return w
}

// row is where record i stands in the column.
func (in *sortInput) row(i int) int32 {
	if in.rows == nil {
		return int32(i)
	}
	return in.rows[i]
}

// part is records lo to hi.
func (in *sortInput) part(lo, hi int) *sortInput {
	p := &sortInput{records: in.records, ords: in.ords[lo:hi]}
	if len(in.keys) > 0 {
		p.keys = in.keys[lo:hi]
	}
	if in.rows != nil {
		p.rows = in.rows[lo:hi]
	} else {
		records := in.records.Slice(lo, hi)
		p.records = &records
	}
	return p
}

// textBytes is how many bytes the longer of the texts of a part grow by.
func (in *sortInput) textBytes() int {
	keys, lines := 0, 0
	for _, key := range in.keys {
		keys += len(key)
	}
	if holdingOf(in.records) == inLines {
		for i := range in.ords {
			lines += len(in.records.Strings[in.row(i)])
		}
	}
	return max(keys, lines)
}

func (r *SortRun) add(in *sortInput) error {
	n, bytes := len(in.ords), in.textBytes()
	switch {
	case n == 0:
		return nil
	case n > 1 && bytes > mostTextBytes:
		if err := r.add(in.part(0, n/2)); err != nil {
			return err
		}
		return r.add(in.part(n/2, n))
	}
	p, err := r.part(holdingOf(in.records), n, bytes)
	if err != nil {
		return err
	}
	before := p.size()
	p.add(in)
	r.grow(n, p.size()-before)
	return r.trim()
}

// AddTexts is Add of records that are texts, whose keys are their own order keys, to a sorter without a limit. It
// reports false, and has added nothing, if a text has an order key that does not hold it as it stands.
func (r *SortRun) AddTexts(records []string) (ok bool, err error) {
	size := 0
	for _, text := range records {
		size += len(text) + value.OrderedStringExtra
	}
	p, err := r.part(inKeys, len(records), size)
	if err != nil {
		return false, err
	}
	before := p.size()
	keys := &p.keys
	bytesBefore, rowsBefore := len(keys.bytes), len(keys.ends)
	keys.bytes, keys.ends = reserve(keys.bytes, size), reserve(keys.ends, len(records))
	for _, text := range records {
		keys.bytes = value.AppendOrderString(keys.bytes, text)
		keys.ends = append(keys.ends, uint32(len(keys.bytes)))
	}
	if plain := bytes.Count(keys.bytes[bytesBefore:], []byte{0}) == len(records); !plain || len(keys.bytes) > 4*mostTextBytes-1 {
		keys.bytes, keys.ends = keys.bytes[:bytesBefore], keys.ends[:rowsBefore]
		r.grow(0, p.size()-before)
		return false, nil
	}
	r.grow(len(records), p.size()-before)
	return true, r.trim()
}

// Bound is the key of the last record that can come out as far as is known; ok is false if any can. Records with
// greater keys, or with Reverse smaller ones, need not be added.
func (r *SortRun) Bound() (key string, ok bool) { return r.lastKey, r.full }

// part is a part to add so many records to that it holds in some place, and so many bytes of texts.
func (r *SortRun) part(holds holding, rows, bytes int) (*sortPart, error) {
	if n := len(r.parts); n > 0 {
		p := r.parts[n-1]
		if p.len() == 0 {
			p.holds = holds
		}
		switch {
		case p.holds != holds:
			if err := r.handOver(false); err != nil {
				return nil, err
			}
		case p.len() == 0 || p.len()+rows <= leastPart && !p.full(bytes):
			return p, nil
		}
	}
	p := new(sortPart)
	if n := len(r.idle) - 1; n >= 0 {
		p, r.idle = r.idle[n], r.idle[:n]
		size := p.size()
		r.idleBytes, r.bytes = r.idleBytes-size, r.bytes+size
	}
	p.holds = holds
	r.parts = append(r.parts, p)
	return p, nil
}

// grow counts what was added.
func (r *SortRun) grow(rows int, bytes int64) {
	r.rows += rows
	r.bytes += bytes
	r.sorter.used.Add(bytes)
}

// trim selects the best records, or hands all over, if there are enough.
func (r *SortRun) trim() error {
	n, limit := int64(r.rows), r.sorter.Limit
	most := r.sorter.segmentBytes()
	if r.bytes < most && (limit == 0 || n < max(leastSelect, 2*limit)) {
		return nil
	}
	if limit > 0 && limit < n {
		r.selectBest(int(limit))
		if r.bytes < most/2 {
			return nil
		}
	}
	return r.handOver(true)
}

// selectBest keeps the first n records in the order of the sorter.
func (r *SortRun) selectBest(n int) {
	s := sortScratches.Get().(*sortScratch)
	defer sortScratches.Put(s)
	best := arrange(r.parts, r.sort(s)[:n])
	r.leave()
	r.parts = append(r.parts, best)
	r.grow(n, best.size())
	r.full = true
	r.lastKey, r.lastOrd = strings.Clone(best.key(n-1)), best.ords[n-1]
}

// sort gives the order of the records, which is of the scratch: those with equal keys by ordinal.
func (r *SortRun) sort(s *sortScratch) []rowPlace {
	s.begin(r.rows)
	for n, p := range r.parts {
		for i := range p.len() {
			s.items = append(s.items, itemAt(n, i))
		}
	}
	items := s.items
	if !r.ascend() {
		s.ords = s.ords[:0]
		for _, p := range r.parts {
			s.ords = append(s.ords, p.ords...)
		}
		if order := s.byOrdinal.sort(s.ords); order != nil {
			items = gather(s.spare, s.items, order)
			s.items, s.spare = items, s.items
		}
	}
	if r.parts[0].keys.len() > 0 {
		o := sortOrder{parts: r.parts, reverse: r.sorter.Reverse, skip: r.common()}
		o.sort(items, s.spare, 0)
	}
	return s.placesOf(items)
}

// ascend reports whether the ordinals do.
func (r *SortRun) ascend() bool {
	var last chunk.Ordinal
	for _, p := range r.parts {
		if n := len(p.ords); n > 0 {
			if p.ords[0].Compare(last) < 0 || !slices.IsSortedFunc(p.ords, chunk.Ordinal.Compare) {
				return false
			}
			last = p.ords[n-1]
		}
	}
	return true
}

// common is the number of bytes that all keys begin with.
func (r *SortRun) common() int {
	first := r.parts[0].key(0)
	common := len(first)
	for _, p := range r.parts {
		if p.keys.len() > 0 {
			common = min(common, p.keys.common(), commonBytes(first, p.key(0)))
		}
	}
	return common
}

// handOver sorts what is held and gives it to the sorter: moved to where it stands in order, if more is to come whose sort
// is to find the memory, or as it is.
func (r *SortRun) handOver(move bool) error {
	s := sortScratches.Get().(*sortScratch)
	order := r.sort(s)
	seg := new(segment)
	if move {
		p := arrange(r.parts, order)
		seg.parts, seg.bytes = []*sortPart{p}, p.size()
		r.leave()
		r.sorter.used.Add(seg.bytes)
	} else {
		seg.parts, seg.order, seg.bytes = r.parts, slices.Clone(order), r.bytes+8*int64(len(order))
		r.sorter.used.Add(seg.bytes - r.bytes)
		r.parts, r.rows, r.bytes = nil, 0, 0
	}
	sortScratches.Put(s) // others wait for memory while a segment is added
	return r.sorter.add(seg)
}

// leave forgets the records. Their memory is used again, unless there is so little that others need it meanwhile.
func (r *SortRun) leave() {
	before := r.bytes + r.idleBytes
	if r.sorter.reuses {
		for _, p := range r.parts {
			p.reuse()
			r.idle, r.idleBytes = append(r.idle, p), r.idleBytes+p.size()
		}
	}
	clear(r.parts)
	r.parts, r.rows, r.bytes = r.parts[:0], 0, 0
	r.sorter.used.Add(r.idleBytes - before)
}

// Flush sorts what is held and hands it to the Sorter. It must be called before Emit; the SortRun can be used
// again.
func (r *SortRun) Flush() error {
	r.sorter.used.Add(-r.idleBytes)
	r.idle, r.idleBytes = nil, 0
	if r.rows > 0 {
		return r.handOver(false)
	}
	r.sorter.used.Add(-r.bytes)
	r.parts, r.bytes = nil, 0
	return nil
}
