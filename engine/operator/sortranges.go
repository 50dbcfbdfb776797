package operator

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/flowsh/flowsh/engine/chunk"
)

// A sortRanges is the segments of a sort, divided by key into ranges of so few records that a range is sorted in the
// nearest caches. Ranges can be worked on by themselves.
type sortRanges struct {
	segments []*segment
	reverse  bool
	n        int
	cuts     [][]int32 // of each segment, where each range begins in it, and at last how many records there are
}

const (
	rangeRows    = 32 << 10
	rangeSamples = 16 // of each range, that tell where it is to begin
)

// A sortPlace is where a record stands: number of the segment and index in it.
type sortPlace struct{ segment, index int32 }

// ranges divides the segments, which are sorted.
func (s *Sorter) ranges(goroutines int) *sortRanges {
	r := &sortRanges{segments: s.segments, reverse: s.Reverse}
	total := 0
	for _, seg := range s.segments {
		total += seg.len()
	}
	if total == 0 {
		return r
	}
	bounds := r.bounds(total)
	r.n = len(bounds) + 1
	r.cuts = make([][]int32, len(r.segments))
	concurrently(goroutines, len(r.segments), func(i int) { r.cuts[i] = r.cut(int32(i), bounds) })
	return r
}

// compare orders records of different places.
func (r *sortRanges) compare(x, y sortPlace) int {
	p, q := r.segments[x.segment], r.segments[y.segment]
	c := strings.Compare(p.key(int(x.index)), q.key(int(y.index)))
	switch {
	case c == 0:
		return p.ordinal(int(x.index)).Compare(q.ordinal(int(y.index)))
	case r.reverse:
		return -c
	}
	return c
}

// bounds finds the first records of ranges in a sample of all records.
func (r *sortRanges) bounds(total int) (bounds []sortPlace) {
	step := max(1, rangeRows/rangeSamples)
	var sample []sortPlace
	for i, seg := range r.segments {
		for at := step / 2; at < seg.len(); at += step {
			sample = append(sample, sortPlace{int32(i), int32(at)})
		}
	}
	slices.SortFunc(sample, func(x, y sortPlace) int {
		return cmp.Or(r.compare(x, y), cmp.Compare(x.segment, y.segment), cmp.Compare(x.index, y.index))
	})
	for at := rangeSamples; at < len(sample); at += rangeSamples {
		bounds = append(bounds, sample[at])
	}
	return bounds
}

// cut finds where the ranges begin in a segment.
func (r *sortRanges) cut(i int32, bounds []sortPlace) []int32 {
	n := int32(r.segments[i].len())
	cuts := make([]int32, 1, len(bounds)+2)
	at := int32(0)
	for _, bound := range bounds {
		step := int32(1) // the next bound is mostly near
		for at+step <= n && r.compare(sortPlace{i, at + step - 1}, bound) < 0 {
			at += step
			step *= 2
		}
		lo, hi := at, min(at+step-1, n)
		for lo < hi {
			if mid := lo + (hi-lo)/2; r.compare(sortPlace{i, mid}, bound) < 0 {
				lo = mid + 1
			} else {
				hi = mid
			}
		}
		at = lo
		cuts = append(cuts, at)
	}
	return append(cuts, n)
}

// placeOf is where the record of an item stands: segment above index.
func placeOf(item *sortItem) (segment, index int) {
	return int(item.index >> 32), int(uint32(item.index))
}

// sort gives the places of the records of range number k, in order.
func (r *sortRanges) sort(k int) []sortItem {
	n, keyed := 0, false
	for i, seg := range r.segments {
		n += int(r.cuts[i][k+1] - r.cuts[i][k])
		keyed = keyed || seg.keys.len() > 0
	}
	items := make([]sortItem, 0, n)
	for s := range r.segments {
		for i := int(r.cuts[s][k]); i < int(r.cuts[s][k+1]); i++ {
			items = append(items, sortItem{index: uint64(s)<<32 | uint64(i)})
		}
	}
	if !keyed {
		slices.SortStableFunc(items, r.compareItems(0))
		return items
	}
	skip := r.common(k)
	sort := prefixSort{
		prefix: func(item *sortItem, depth int) uint64 {
			seg, i := placeOf(item)
			p := r.segments[seg].keys.prefix(i, skip+depth)
			if r.reverse {
				p = ^p
			}
			return p
		},
		compare: r.compareItems(skip),
	}
	sort.from(items, make([]sortItem, n), 0)
	return items
}

// compareItems orders items whose keys begin with the same bytes.
func (r *sortRanges) compareItems(skip int) func(x, y sortItem) int {
	return func(x, y sortItem) int {
		s, i := placeOf(&x)
		t, j := placeOf(&y)
		p, q := r.segments[s], r.segments[t]
		if p.keys.len() > 0 {
			if c := strings.Compare(p.keys.at(i)[skip:], q.keys.at(j)[skip:]); c != 0 {
				if r.reverse {
					return -c
				}
				return c
			}
		}
		return p.ordinal(i).Compare(q.ordinal(j))
	}
}

// common is the number of bytes that all keys of a range begin with.
func (r *sortRanges) common(k int) int {
	first, last, some := "", "", false
	for i, seg := range r.segments {
		lo, hi := int(r.cuts[i][k]), int(r.cuts[i][k+1])
		if lo == hi {
			continue
		}
		x, y := seg.keys.at(lo), seg.keys.at(hi-1)
		if r.reverse {
			x, y = y, x
		}
		if !some || x < first {
			first = x
		}
		if !some || y > last {
			last = y
		}
		some = true
	}
	return commonBytes(first, last)
}

// each visits all records in order, at most limit of them if that is not 0.
func (r *sortRanges) each(ctx context.Context, goroutines int, limit int64, visit func(seg *segment, i int) error) error {
	left := limit
	err := inTurn(ctx, goroutines, r.n, r.sort, func(sorted []sortItem) error {
		for at := range sorted {
			if left--; left == -1 && limit > 0 {
				return errEnough
			}
			s, i := placeOf(&sorted[at])
			if err := visit(r.segments[s], i); err != nil {
				return err
			}
		}
		return nil
	})
	if err == errEnough {
		return nil
	}
	return err
}

// A outRun is records on their way out.
type outRun struct {
	records *chunk.Column
	ords    []chunk.Ordinal
}

// emit gives out all records in order, at most limit of them if that is not 0. Other goroutines make the runs.
func (r *sortRanges) emit(ctx context.Context, goroutines int, limit int64, out func(records *chunk.Column, ords []chunk.Ordinal) error) error {
	left := limit
	err := inTurn(ctx, goroutines, r.n, r.runs, func(runs []outRun) error {
		for _, run := range runs {
			if n := int64(len(run.ords)); limit > 0 && n > left {
				records := run.records.Slice(0, int(left))
				run = outRun{&records, run.ords[:left]}
			}
			if left -= int64(len(run.ords)); len(run.ords) > 0 {
				if err := out(run.records, run.ords); err != nil {
					return err
				}
			}
			if left == 0 && limit > 0 {
				return errEnough
			}
		}
		return nil
	})
	if err == errEnough {
		return nil
	}
	return err
}

// runs makes the runs of range number k.
func (r *sortRanges) runs(k int) (runs []outRun) {
	sorted := r.sort(k)
	for part := range slices.Chunk(sorted, emitRows) {
		run := outRun{new(chunk.Column), make([]chunk.Ordinal, 0, len(part))}
		run.records.Strings = r.roomForTexts(&part[0], len(part))
		for at := range part {
			s, i := placeOf(&part[at])
			seg := r.segments[s]
			seg.appendRecord(run.records, i)
			run.ords = append(run.ords, seg.ordinal(i))
		}
		runs = append(runs, run)
	}
	return runs
}

// roomForTexts is room for as many strings, if a record is one.
func (r *sortRanges) roomForTexts(item *sortItem, n int) []string {
	s, _ := placeOf(item)
	if r.segments[s].holds != inRows {
		return make([]string, 0, n)
	}
	return nil
}
