package operator

import (
	"cmp"
	"math/bits"
	"slices"
	"strings"
	"sync"

	"github.com/flowsh/flowsh/engine/chunk"
)

// A sortItem is a record on its way through a sort: part of its key, and where it stands, the number of its part above its
// row.
type sortItem struct {
	prefix uint64
	index  uint64
}

func itemAt(part, row int) sortItem { return sortItem{index: uint64(part)<<32 | uint64(row)} }

// place is where the record of an item stands.
func (i *sortItem) place() (part, row int) { return int(i.index >> 32), int(uint32(i.index)) }

// A sortScratch is the memory that a sort takes beside the records.
type sortScratch struct {
	items, spare []sortItem
	sorted       []sortItem // one of them
	ends         []int
	places       []rowPlace
	ords         []chunk.Ordinal
	byOrdinal    ordinalSort
}

var sortScratches = sync.Pool{New: func() any { return new(sortScratch) }}

// begin makes room for n items, of which there are none.
func (s *sortScratch) begin(n int) {
	if cap(s.items) < n {
		s.items, s.spare = make([]sortItem, n+n/8), make([]sortItem, n+n/8)
	}
	s.items, s.spare, s.ends = s.items[:0], s.spare[:n], s.ends[:0]
}

// placesOf is where the records of items stand, until the next call.
func (s *sortScratch) placesOf(items []sortItem) []rowPlace {
	s.places = sized(s.places, len(items))
	for i := range items {
		part, row := items[i].place()
		s.places[i] = rowPlace{int32(part), int32(row)}
	}
	return s.places
}

// A sortOrder sorts records of some parts: by 8 bytes of their keys at a time, by counting, and by comparison only where few
// are equal in all that was looked at.
type sortOrder struct {
	parts   []*sortPart
	reverse bool
	skip    int // all keys begin with so many of the same bytes
}

const (
	prefixBytes = 8
	// So many items of equal prefixes are compared.
	leastPrefixed = 12
	// What is equal in so many bytes is compared: it may be equal altogether.
	mostPrefix = 64
)

// prefix is the 8 bytes of a key at a depth as a number that orders like them, with zeros behind the end of a key.
func (o *sortOrder) prefix(item *sortItem, depth int) uint64 {
	part, row := item.place()
	p := o.parts[part].keys.prefix(row, o.skip+depth)
	if o.reverse {
		p = ^p
	}
	return p
}

// compare orders records by key, then by ordinal.
func (o *sortOrder) compare(x, y sortItem) int {
	s, i := x.place()
	t, j := y.place()
	p, q := o.parts[s], o.parts[t]
	if p.keys.len() > 0 {
		if c := strings.Compare(p.keys.at(i)[o.skip:], q.keys.at(j)[o.skip:]); c != 0 {
			if o.reverse {
				return -c
			}
			return c
		}
	}
	return p.ordinal(i).Compare(q.ordinal(j))
}

// load gives items their prefixes and reports in which bits these differ.
func (o *sortOrder) load(items []sortItem, depth int) (differ uint64) {
	for i := range items {
		p := o.prefix(&items[i], depth)
		items[i].prefix = p
		differ |= p ^ items[0].prefix
	}
	return differ
}

// sort sorts items that are equal in so many bytes. spare is as long. Those that compare equal stay in their order.
func (o *sortOrder) sort(items, spare []sortItem, depth int) {
	differ := o.load(items, depth)
	for ; differ == 0; differ = o.load(items, depth) {
		if depth += prefixBytes; depth >= mostPrefix {
			slices.SortStableFunc(items, o.compare)
			return
		}
	}
	if sorted := sortByPrefix(items, spare, differ); len(sorted) > 0 && &sorted[0] != &items[0] {
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
			slices.SortStableFunc(items[lo:hi], o.compare)
		default:
			o.sort(items[lo:hi], spare[lo:hi], depth)
		}
		lo = hi
	}
}

// merge merges runs of items, which are in order and have their prefixes; ends is where each ends. It gives items or spare,
// which is as long. Those that compare equal stay in their order.
func (o *sortOrder) merge(items, spare []sortItem, ends []int) []sortItem {
	for len(ends) > 1 {
		lo, n := 0, 0
		for i := 0; i < len(ends); i += 2 {
			mid, hi := ends[i], ends[min(i+1, len(ends)-1)]
			o.mergeTwo(spare[lo:hi], items[lo:mid], items[mid:hi])
			ends[n] = hi
			lo, n = hi, n+1
		}
		ends = ends[:n]
		items, spare = spare, items
	}
	return items
}

func (o *sortOrder) mergeTwo(to, x, y []sortItem) {
	for len(x) > 0 && len(y) > 0 {
		if p, q := x[0].prefix, y[0].prefix; p < q || p == q && o.compare(x[0], y[0]) <= 0 {
			to[0], x = x[0], x[1:]
		} else {
			to[0], y = y[0], y[1:]
		}
		to = to[1:]
	}
	copy(to[copy(to, x):], y)
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

// sortByPrefix sorts by prefix, of which only some bits differ, and keeps the order of equal ones. It gives items or spare,
// which is as long.
func sortByPrefix(items, spare []sortItem, differ uint64) []sortItem {
	if len(items) < leastRadix {
		slices.SortStableFunc(items, func(x, y sortItem) int { return cmp.Compare(x.prefix, y.prefix) })
		return items
	}
	for differ != 0 {
		shift := bits.TrailingZeros64(differ)
		differ &^= 0xff << shift
		var counts [256]int32
		for i := range items {
			counts[byte(items[i].prefix>>shift)]++
		}
		at := int32(0)
		for b, n := range counts {
			counts[b] = at
			at += n
		}
		for i := range items {
			to := &counts[byte(items[i].prefix>>shift)]
			spare[*to] = items[i]
			*to++
		}
		items, spare = spare, items
	}
	return items
}
