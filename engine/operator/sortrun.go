package operator

import (
	"bytes"
	"errors"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/value"
)

// A SortRun takes the records of one worker on their way into a Sorter. It is used by one goroutine at a time.
type SortRun struct {
	sorter *Sorter
	seg    *segment
	bytes  int64 // as counted by the sorter
	// Where the sorter has a limit and so many records are held: what does not come before this is not wanted.
	full    bool
	lastKey string
	lastOrd chunk.Ordinal
}

// leastSelect is the number of records from which on the best are selected.
const leastSelect = 1024

var errSortKeys = errors.New("sort: keys must be a column of strings, or empty")

// Add takes records with their order keys (value.AppendOrder, as strings) and ordinals. An empty column of keys
// orders by ordinal alone; it is empty in all calls or in none. Strings are copied; boxed values are kept as
// value.Detach gives them.
func (r *SortRun) Add(keys, records *chunk.Column, ords []chunk.Ordinal) error {
	if keys.Kind != chunk.String && keys.N > 0 {
		return errSortKeys
	}
	holds := holdingOf(records)
	r.seg.makeRoom(len(ords))
	for i := range ords {
		key := ""
		if keys.N > 0 {
			key = keys.Strings[i]
		}
		if r.full && !r.sorter.before(key, r.lastKey, ords[i], r.lastOrd) {
			continue
		}
		if err := r.begin(holds); err != nil {
			return err
		}
		if keys.N > 0 {
			r.seg.keys.append(key)
		}
		r.seg.add(records, i, ords[i])
	}
	r.account()
	return r.trim()
}

// begin makes room for a record that a segment holds in some place.
func (r *SortRun) begin(holds holding) error {
	s := r.seg
	if s.len() > 0 && (s.holds != holds || max(len(s.keys.bytes), len(s.lines.bytes)) >= mostTextBytes) {
		if err := r.Flush(); err != nil {
			return err
		}
	}
	r.seg.holds = holds
	return nil
}

// AddTexts is Add of records that are texts, whose keys are their own order keys, to a sorter without a limit. It
// reports false, and has added nothing, if a text has an order key that does not hold it as it stands.
func (r *SortRun) AddTexts(records []string) (ok bool, err error) {
	if err := r.begin(inKeys); err != nil {
		return false, err
	}
	keys := &r.seg.keys
	bytesBefore, before := len(keys.bytes), len(keys.ends)
	size := 0
	for _, text := range records {
		size += len(text) + value.OrderedStringExtra
	}
	keys.bytes, keys.ends = reserve(keys.bytes, size), reserve(keys.ends, len(records))
	for _, text := range records {
		keys.bytes = value.AppendOrderString(keys.bytes, text)
		keys.ends = append(keys.ends, uint32(len(keys.bytes)))
	}
	if plain := bytes.Count(keys.bytes[bytesBefore:], []byte{0}) == len(records); !plain || len(keys.bytes) > 4*mostTextBytes-1 {
		keys.bytes, keys.ends = keys.bytes[:bytesBefore], keys.ends[:before]
		return false, nil
	}
	r.account()
	return true, r.trim()
}

// Bound is the key of the last record that can come out as far as is known; ok is false if any can. Records with
// greater keys, or with Reverse smaller ones, need not be added.
func (r *SortRun) Bound() (key string, ok bool) { return r.lastKey, r.full }

// AddRows is Add of some of a column's records; keys and ords are theirs.
func (r *SortRun) AddRows(keys, records *chunk.Column, rows []int32, ords []chunk.Ordinal) error {
	holds := holdingOf(records)
	r.seg.makeRoom(len(ords))
	for i, row := range rows {
		if r.full && !r.sorter.before(keys.Strings[i], r.lastKey, ords[i], r.lastOrd) {
			continue
		}
		if err := r.begin(holds); err != nil {
			return err
		}
		r.seg.keys.append(keys.Strings[i])
		r.seg.add(records, int(row), ords[i])
	}
	r.account()
	return r.trim()
}

func (r *SortRun) account() {
	bytes := r.seg.size()
	r.sorter.used.Add(bytes - r.bytes)
	r.bytes = bytes
}

// trim selects the best records, or hands the segment over, if it is large enough.
func (r *SortRun) trim() error {
	n, limit := int64(r.seg.len()), r.sorter.Limit
	most := r.sorter.segmentBytes()
	if r.bytes < most && (limit == 0 || n < max(leastSelect, 2*limit)) {
		return nil
	}
	if limit > 0 && limit < n {
		r.selectBest(limit)
		if r.bytes < most/2 {
			return nil
		}
	}
	return r.Flush()
}

// selectBest keeps the first n records in the order of the sorter.
func (r *SortRun) selectBest(n int64) {
	r.seg.sort(r.sorter.Reverse)
	best := segment{holds: r.seg.holds}
	for i := range int(n) {
		best.addFrom(r.seg, i)
	}
	r.seg = &best
	r.full = true
	r.lastKey, r.lastOrd = best.key(int(n-1)), best.ords[n-1]
	r.account()
}

// Flush sorts what is held and hands it to the Sorter. It must be called before Emit; the SortRun can be used
// again.
func (r *SortRun) Flush() error {
	seg := r.seg
	if seg.len() == 0 {
		r.sorter.used.Add(-r.bytes)
		r.seg, r.bytes = new(segment), 0
		return nil
	}
	seg.sort(r.sorter.Reverse)
	seg.bytes = seg.size()
	r.sorter.used.Add(seg.bytes - r.bytes)
	r.seg, r.bytes = new(segment), 0
	return r.sorter.add(seg)
}
