package operator

import (
	"cmp"
	"context"
	"slices"

	"github.com/flowsh/flowsh/engine/chunk"
)

// A sortRanges is the segments of a sort, divided by key into ranges of so few records that a range is sorted in the
// nearest caches. Ranges can be worked on by themselves.
type sortRanges struct {
	sortOrder // of the parts of all segments
	segments  []*segment
	first     []int32         // of each segment, the number of its first part
	columns   []*chunk.Column // of the parts' records; nil: some are elsewhere
	ordinals  bool            // those of the records are wanted
	n         int
	cuts      [][]int32 // of each segment, where each range begins in it, and at last how many records there are
}

const (
	rangeRows    = 32 << 10
	rangeSamples = 16 // of each range, that tell where it is to begin
	// mostMerged is from how many segments a range is merged: those of more are sorted again.
	mostMerged = 8
)

// ranges divides the segments, which are sorted.
func (s *Sorter) ranges(goroutines int) *sortRanges {
	r := &sortRanges{segments: s.segments, ordinals: !s.NoOrdinals}
	r.reverse = s.Reverse
	total, inColumns := 0, true
	for _, seg := range s.segments {
		total += seg.len()
		r.first = append(r.first, int32(len(r.parts)))
		r.parts = append(r.parts, seg.parts...)
		for _, p := range seg.parts {
			r.columns = append(r.columns, &p.records.Column)
			inColumns = inColumns && p.holds == inRows
		}
	}
	if !inColumns {
		r.columns = nil
	}
	if total == 0 {
		return r
	}
	bounds := r.bounds(total)
	r.n = len(bounds) + 1
	r.cuts = make([][]int32, len(r.segments))
	concurrently(goroutines, len(r.segments), func(i int) { r.cuts[i] = r.cut(i, bounds) })
	return r
}

// item is record i of a segment.
func (r *sortRanges) item(segment, i int) sortItem {
	at := r.segments[segment].at(i)
	return itemAt(int(r.first[segment]+at.column), int(at.row))
}

// bounds finds the first records of ranges in a sample of all records.
func (r *sortRanges) bounds(total int) (bounds []sortItem) {
	step := max(1, rangeRows/rangeSamples)
	type sampled struct {
		sortItem
		segment, at int
	}
	var sample []sampled
	for i, seg := range r.segments {
		for at := step / 2; at < seg.len(); at += step {
			sample = append(sample, sampled{r.item(i, at), i, at})
		}
	}
	slices.SortFunc(sample, func(x, y sampled) int {
		return cmp.Or(r.compare(x.sortItem, y.sortItem), cmp.Compare(x.segment, y.segment), cmp.Compare(x.at, y.at))
	})
	for at := rangeSamples; at < len(sample); at += rangeSamples {
		bounds = append(bounds, sample[at].sortItem)
	}
	return bounds
}

// cut finds where the ranges begin in a segment.
func (r *sortRanges) cut(segment int, bounds []sortItem) []int32 {
	n := int32(r.segments[segment].len())
	cuts := make([]int32, 1, len(bounds)+2)
	at := int32(0)
	for _, bound := range bounds {
		at = gallop(at, n, func(i int32) bool { return r.compare(r.item(segment, int(i)), bound) < 0 })
		cuts = append(cuts, at)
	}
	return append(cuts, n)
}

// sort sorts the records of range number k.
func (r *sortRanges) sort(k int) *sortScratch {
	n := 0
	for _, cuts := range r.cuts {
		n += int(cuts[k+1] - cuts[k])
	}
	s := sortScratches.Get().(*sortScratch)
	s.begin(n)
	for segment, cuts := range r.cuts {
		for i := int(cuts[k]); i < int(cuts[k+1]); i++ {
			s.items = append(s.items, r.item(segment, i))
		}
		if cuts[k] < cuts[k+1] {
			s.ends = append(s.ends, len(s.items))
		}
	}
	o := sortOrder{parts: r.parts, reverse: r.reverse}
	keyed := r.keyed()
	if keyed {
		o.skip = r.common(k)
	}
	if keyed && len(s.ends) > mostMerged {
		o.sort(s.items, s.spare, 0)
		s.sorted = s.items
		return s
	}
	if keyed && len(s.ends) > 1 {
		o.load(s.items, 0)
	}
	s.sorted = o.merge(s.items, s.spare, s.ends)
	return s
}

// keyed reports whether there are keys.
func (r *sortRanges) keyed() bool {
	return slices.ContainsFunc(r.parts, func(p *sortPart) bool { return p.keys.len() > 0 })
}

// common is the number of bytes that all keys of a range begin with.
func (r *sortRanges) common(k int) int {
	first, last, some := "", "", false
	for i, cuts := range r.cuts {
		lo, hi := int(cuts[k]), int(cuts[k+1])
		if lo == hi {
			continue
		}
		x, y := r.key(i, lo), r.key(i, hi-1)
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

// key is that of record i of a segment.
func (r *sortRanges) key(segment, i int) string {
	item := r.item(segment, i)
	part, row := item.place()
	return r.parts[part].key(row)
}

// order is where the records of range number k stand, in order.
func (r *sortRanges) order(k int) []rowPlace {
	s := r.sort(k)
	defer sortScratches.Put(s)
	return slices.Clone(s.placesOf(s.sorted))
}

// each visits all records in order, at most limit of them if that is not 0.
func (r *sortRanges) each(ctx context.Context, goroutines int, limit int64, visit func(p *sortPart, i int) error) error {
	left := limit
	err := inTurn(ctx, goroutines, r.n, r.order, func(order []rowPlace) error {
		for _, at := range order {
			if left--; left == -1 && limit > 0 {
				return errEnough
			}
			if err := visit(r.parts[at.column], int(at.row)); err != nil {
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
	ords    []chunk.Ordinal // or none
}

// emit gives out all records in order, at most limit of them if that is not 0. Other goroutines make the runs.
func (r *sortRanges) emit(ctx context.Context, goroutines int, limit int64, out func(records *chunk.Column, ords []chunk.Ordinal) error) error {
	left := limit
	err := inTurn(ctx, goroutines, r.n, r.runs, func(runs []outRun) error {
		for _, run := range runs {
			n := int64(run.records.N)
			if limit > 0 && n > left {
				n = left
				records := run.records.Slice(0, int(n))
				run.records, run.ords = &records, run.ords[:min(int(n), len(run.ords))]
			}
			if left -= n; n > 0 {
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
	s := r.sort(k)
	defer sortScratches.Put(s)
	for items := range slices.Chunk(s.sorted, emitRows) {
		places := s.placesOf(items)
		run := outRun{records: new(chunk.Column)}
		if r.columns != nil {
			gatherRows(run.records, r.columns, places)
		} else {
			r.appendRecords(run.records, places)
		}
		if r.ordinals {
			run.ords = make([]chunk.Ordinal, len(places))
			for i, at := range places {
				run.ords[i] = r.parts[at.column].ordinal(int(at.row))
			}
		}
		runs = append(runs, run)
	}
	return runs
}

// appendRecords appends records to an empty column.
func (r *sortRanges) appendRecords(to *chunk.Column, places []rowPlace) {
	if r.parts[places[0].column].holds != inRows {
		to.Strings = make([]string, 0, len(places))
	}
	for _, at := range places {
		r.parts[at.column].appendRecord(to, int(at.row))
	}
}
