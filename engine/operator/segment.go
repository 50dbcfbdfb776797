package operator

import (
	"cmp"
	"slices"
	"strings"
	"unsafe"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/value"
)

// A segment is a piece of a sort in memory: records with their keys and ordinals. Where the records are the texts that
// their keys are made of, there is nothing but keys: it does not show which of two equal ones comes first.
type segment struct {
	keys    texts // or none: the order is that of the ordinals
	holds   holding
	lines   texts
	records rows
	ords    []chunk.Ordinal
	bytes   int64 // as counted by the sorter
}

// holding says where a segment has its records.
type holding uint8

const (
	inRows  holding = iota
	inLines         // they are texts
	inKeys          // there is nothing but keys
)

func (s *segment) len() int {
	if s.holds == inKeys {
		return s.keys.len()
	}
	return len(s.ords)
}

func (s *segment) size() int64 {
	return s.keys.size() + s.lines.size() + s.records.size() + int64(int(unsafe.Sizeof(chunk.Ordinal{}))*cap(s.ords))
}

func (s *segment) key(i int) string {
	if s.keys.len() == 0 {
		return ""
	}
	return s.keys.at(i)
}

func (s *segment) ordinal(i int) chunk.Ordinal {
	if s.holds == inKeys {
		return chunk.Ordinal{}
	}
	return s.ords[i]
}

// add adds record i of a column, which is of strings where the segment has lines.
func (s *segment) add(from *chunk.Column, i int, ord chunk.Ordinal) {
	if s.holds == inLines {
		s.lines.append(from.Strings[i])
	} else {
		s.records.append(from, i)
	}
	s.ords = append(s.ords, ord)
}

// addFrom adds record i of another segment that holds records as this one does. There are ordinals.
func (s *segment) addFrom(o *segment, i int) {
	if o.keys.len() > 0 {
		s.keys.append(o.keys.at(i))
	}
	if s.holds == inLines {
		s.lines.append(o.lines.at(i))
	} else {
		s.records.append(&o.records.Column, i)
	}
	s.ords = append(s.ords, o.ords[i])
}

// holdingOf is where a segment has the records of a column.
func holdingOf(records *chunk.Column) holding {
	if records.Kind == chunk.String {
		return inLines
	}
	return inRows
}

// appendRecord appends record i to a column. Texts are views of the segment.
func (s *segment) appendRecord(to *chunk.Column, i int) {
	switch s.holds {
	case inKeys:
		to.AppendString(value.OrderedString(s.keys.at(i)))
	case inLines:
		to.AppendString(s.lines.at(i))
	default:
		to.AppendFrom(&s.records.Column, i)
	}
}

// recordSize is the size of record i.
func (s *segment) recordSize(i int) int64 {
	switch s.holds {
	case inKeys:
		return int64(len(s.keys.at(i)))
	case inLines:
		return int64(len(s.lines.at(i)))
	}
	return sizeAt(&s.records.Column, i)
}

// A sortItem is a record on its way through a sort: part of its key, and where it stands.
type sortItem struct {
	prefix uint64
	index  uint64
}

// sort puts the records in order: those with equal keys by ordinal.
func (s *segment) sort(reverse bool) {
	var order []int32
	if s.holds != inKeys {
		order = inOrder(s.ords)
	}
	if s.keys.len() > 0 {
		order = s.orderByKey(order, reverse)
	}
	if order != nil {
		s.arrange(order)
	}
}

// arrange moves the records, so that a merge reads memory in order.
func (s *segment) arrange(order []int32) {
	if s.keys.len() > 0 {
		s.keys = s.keys.arrange(order)
	}
	switch s.holds {
	case inKeys:
		return
	case inLines:
		s.lines = s.lines.arrange(order)
	default:
		var records chunk.Column
		gatherColumn(&records, &s.records.Column, order)
		s.records.Column = records
	}
	s.ords = gather(nil, s.ords, order)
}

// orderByKey sorts records, which stand in the given order of their ordinals, or as they are if it is nil. It
// sorts by 8 bytes of the keys, after what all keys begin with, by counting, and compares only keys that are
// equal in those.
func (s *segment) orderByKey(order []int32, reverse bool) []int32 {
	n := s.len()
	if order == nil {
		order = make([]int32, n)
		for i := range order {
			order[i] = int32(i)
		}
	}
	skip := s.keys.common()
	items := make([]sortItem, 2*n)
	for at, i := range order {
		p := s.keys.prefix(int(i), skip)
		if reverse {
			p = ^p
		}
		items[at] = sortItem{p, uint64(i)}
	}
	sorted := sortByPrefix(items[:n], items[n:])
	sortTies(sorted, func(x, y sortItem) int {
		c := strings.Compare(s.keys.at(int(x.index))[skip:], s.keys.at(int(y.index))[skip:])
		if reverse {
			return -c
		}
		return c
	})
	for at := range sorted {
		order[at] = int32(sorted[at].index)
	}
	return order
}

// sortTies sorts items of equal prefixes; those that compare equal stay as they are.
func sortTies(items []sortItem, compare func(x, y sortItem) int) {
	for lo := 0; lo < len(items); {
		hi := lo + 1
		for hi < len(items) && items[hi].prefix == items[lo].prefix {
			hi++
		}
		if hi-lo > 1 {
			slices.SortStableFunc(items[lo:hi], compare)
		}
		lo = hi
	}
}

// prefixOf is the first 8 bytes of a key as a number that orders like them.
func prefixOf(key string) (p uint64) {
	if len(key) >= 8 {
		return uint64(key[7]) | uint64(key[6])<<8 | uint64(key[5])<<16 | uint64(key[4])<<24 |
			uint64(key[3])<<32 | uint64(key[2])<<40 | uint64(key[1])<<48 | uint64(key[0])<<56
	}
	for i := range len(key) {
		p |= uint64(key[i]) << (56 - 8*i)
	}
	return p
}

// leastRadix is the number of items from which on counting is faster than comparing.
const leastRadix = 256

// sortByPrefix sorts by prefix and keeps the order of equal ones. It gives items or spare, which is as long.
func sortByPrefix(items, spare []sortItem) []sortItem {
	if len(items) < leastRadix {
		slices.SortStableFunc(items, func(x, y sortItem) int { return cmp.Compare(x.prefix, y.prefix) })
		return items
	}
	var counts [8][256]int32
	for i := range items {
		for d := range counts {
			counts[d][byte(items[i].prefix>>(8*d))]++
		}
	}
	for d := range counts {
		if counts[d][byte(items[0].prefix>>(8*d))] == int32(len(items)) {
			continue
		}
		at := int32(0)
		for b, n := range counts[d] {
			counts[d][b] = at
			at += n
		}
		for i := range items {
			to := &counts[d][byte(items[i].prefix>>(8*d))]
			spare[*to] = items[i]
			*to++
		}
		items, spare = spare, items
	}
	return items
}
