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

// makeRoom makes room for n more records of the kind that it has.
func (s *segment) makeRoom(n int) {
	s.ords = reserve(s.ords, n)
	makeRoom(&s.records.Column, n)
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
		return 16 + int64(len(s.keys.at(i)))
	case inLines:
		return 16 + int64(len(s.lines.at(i)))
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

// orderByKey sorts records, which stand in the given order of their ordinals, or as they are if it is nil.
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
		items[at].index = uint64(i)
	}
	sort := prefixSort{
		prefix: func(item *sortItem, depth int) uint64 {
			p := s.keys.prefix(int(item.index), skip+depth)
			if reverse {
				p = ^p
			}
			return p
		},
		compare: func(x, y sortItem) int {
			c := strings.Compare(s.keys.at(int(x.index))[skip:], s.keys.at(int(y.index))[skip:])
			if reverse {
				return -c
			}
			return c
		},
	}
	sort.from(items[:n], items[n:], 0)
	for at := range order {
		order[at] = int32(items[at].index)
	}
	return order
}

// A prefixSort sorts items by 8 bytes of their keys at a time, by counting, and compares keys only where few are equal in
// all that was looked at. Items that compare equal stay in their order.
type prefixSort struct {
	// prefix is the 8 bytes at a depth as a number that orders like them, with zeros behind the end of a key.
	prefix  func(item *sortItem, depth int) uint64
	compare func(x, y sortItem) int
}

const (
	prefixBytes = 8
	// So many items of equal prefixes are compared.
	leastPrefixed = 12
	// What is equal in so many bytes is compared: it may be equal altogether.
	mostPrefix = 64
)

// load gives items their prefixes and reports whether all are the same.
func (s *prefixSort) load(items []sortItem, depth int) (same bool) {
	differ := uint64(0)
	for i := range items {
		p := s.prefix(&items[i], depth)
		items[i].prefix = p
		differ |= p ^ items[0].prefix
	}
	return differ == 0
}

// from sorts items that are equal in so many bytes. spare is as long.
func (s *prefixSort) from(items, spare []sortItem, depth int) {
	for s.load(items, depth) {
		if depth += prefixBytes; depth >= mostPrefix {
			slices.SortStableFunc(items, s.compare)
			return
		}
	}
	if sorted := sortByPrefix(items, spare); len(sorted) > 0 && &sorted[0] != &items[0] {
		copy(items, sorted)
	}
	depth += prefixBytes
	for lo := 0; lo < len(items); {
		hi := lo + 1
		for hi < len(items) && items[hi].prefix == items[lo].prefix {
			hi++
		}
		switch {
		case hi == lo+1:
		case hi-lo < leastPrefixed || depth >= mostPrefix:
			slices.SortStableFunc(items[lo:hi], s.compare)
		default:
			s.from(items[lo:hi], spare[lo:hi], depth)
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
