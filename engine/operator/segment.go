package operator

import (
	"cmp"
	"slices"
	"strings"
	"unsafe"

	"github.com/flowsh/flowsh/engine/chunk"
)

// A segment is a piece of a sort in memory: records with their keys and ordinals.
type segment struct {
	keys     rows // strings, or empty
	records  rows
	ords     []chunk.Ordinal
	prefixes []uint64 // of the keys, once sorted
	bytes    int64    // as counted by the sorter
}

func (s *segment) size() int64 {
	return s.keys.size() + s.records.size() + int64(int(unsafe.Sizeof(chunk.Ordinal{}))*cap(s.ords)+8*cap(s.prefixes))
}

func (s *segment) key(i int) string {
	if s.keys.N == 0 {
		return ""
	}
	return s.keys.Strings[i]
}

// A sortItem is a record on its way through a sort: part of its key, and its index.
type sortItem struct {
	prefix uint64
	index  int32
}

// sort puts the records in order: those with equal keys by ordinal.
func (s *segment) sort(reverse bool) {
	order := inOrder(s.ords)
	if s.keys.N > 0 {
		order = s.orderByKey(order, reverse)
	}
	if order != nil {
		s.arrange(order)
	}
	s.prefixes = make([]uint64, s.keys.N)
	for i, k := range s.keys.Strings {
		s.prefixes[i] = prefixOf(k)
	}
}

// arrange moves the records, so that a merge reads memory in order.
func (s *segment) arrange(order []int32) {
	var keys, records chunk.Column
	gatherColumn(&keys, &s.keys.Column, order)
	gatherColumn(&records, &s.records.Column, order)
	s.keys.Column, s.records.Column = keys, records
	s.ords = gather(nil, s.ords, order)
}

// orderByKey sorts records, which stand in the given order of their ordinals, or as they are if it is nil. It
// sorts by 8 bytes of the keys, after what all keys begin with, by counting, and compares only keys that are
// equal in those.
func (s *segment) orderByKey(order []int32, reverse bool) []int32 {
	if order == nil {
		order = make([]int32, len(s.ords))
		for i := range order {
			order[i] = int32(i)
		}
	}
	skip := commonPrefix(s.keys.Strings)
	items := make([]sortItem, len(order))
	for at, i := range order {
		p := prefixOf(s.keys.Strings[i][skip:])
		if reverse {
			p = ^p
		}
		items[at] = sortItem{p, i}
	}
	items = sortByPrefix(items)
	s.sortTies(items, skip, reverse)
	for at := range items {
		order[at] = items[at].index
	}
	return order
}

// sortTies orders items of equal prefixes by the rest of their keys; those with equal keys stay as they are.
func (s *segment) sortTies(items []sortItem, skip int, reverse bool) {
	compare := func(x, y sortItem) int {
		c := strings.Compare(s.keys.Strings[x.index][skip:], s.keys.Strings[y.index][skip:])
		if reverse {
			return -c
		}
		return c
	}
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

// commonPrefix is the number of bytes that all keys begin with.
func commonPrefix(keys []string) int {
	common := keys[0]
	for _, k := range keys[1:] {
		if strings.HasPrefix(k, common) {
			continue
		}
		n := 0
		for n < len(common) && n < len(k) && common[n] == k[n] {
			n++
		}
		common = common[:n]
	}
	return len(common)
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

// sortByPrefix sorts by prefix and keeps the order of equal ones. It may return another slice.
func sortByPrefix(items []sortItem) []sortItem {
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
	spare := make([]sortItem, len(items))
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
