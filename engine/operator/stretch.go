package operator

import (
	"encoding/binary"
	"iter"
	"slices"
	"sync"

	"github.com/flowsh/flowsh/engine/chunk"
)

// A stretch is some groups that stand together in the order in which groups come out.
type stretch struct {
	owners []uint8 // number of the bucket of each group
	groups []int32
	groupRows
	order  []int32 // indexes of the groups in order; nil: as they are
	sorter ordinalSort
	// values has the results of the groups, as they are.
	values chunk.Column
}

var stretches = sync.Pool{New: func() any { return new(stretch) }}

// gather finds the groups of a stretch.
func (m *inMemory) gather(number int) *stretch {
	s := stretches.Get().(*stretch)
	s.owners, s.groups = s.owners[:0], s.groups[:0]
	s.groupRows.reset()
	for i, b := range m.buckets {
		lo, hi := m.span(i, number)
		start := len(s.groups)
		if order := m.orders[i]; order != nil {
			s.groups = append(s.groups, order[lo:hi]...)
		} else {
			for place := lo; place < hi; place++ {
				s.groups = append(s.groups, place)
			}
		}
		for range hi - lo {
			s.owners = append(s.owners, uint8(i))
		}
		s.groupRows.add(b, s.groups[start:])
	}
	s.order = s.sorter.sort(s.ords)
	return s
}

// results makes the runs of a stretch whose results are plain.
func (m *inMemory) results(number int) (runs []*Keyed) {
	s := m.gather(number)
	defer stretches.Put(s)
	spare := m.spares.Get().(*spareAggregate)
	defer m.spares.Put(spare)
	s.values.Reset()
	for owner, groups := range s.byOwner() {
		if err := m.buckets[owner].results(groups, &s.values, spare); err != nil {
			panic("operator: a plain aggregate failed: " + err.Error())
		}
	}
	for part := range slices.Chunk(s.inOrder(), emitRows) {
		runs = append(runs, s.run(part, !m.g.NoOrdinals))
	}
	return runs
}

// byOwner gives the groups of each bucket, as they stand.
func (s *stretch) byOwner() iter.Seq2[uint8, []int32] {
	return func(yield func(uint8, []int32) bool) {
		for lo := 0; lo < len(s.groups); {
			owner, hi := s.owners[lo], lo+1
			for hi < len(s.groups) && s.owners[hi] == owner {
				hi++
			}
			if !yield(owner, s.groups[lo:hi]) {
				return
			}
			lo = hi
		}
	}
}

// inOrder is the indexes of the groups, in order.
func (s *stretch) inOrder() []int32 {
	if s.order != nil {
		return s.order
	}
	return s.asTheyAre()
}

// asTheyAre numbers the groups.
func (s *stretch) asTheyAre() []int32 {
	s.sorter.order = sized(s.sorter.order, len(s.groups))
	for i := range s.sorter.order {
		s.sorter.order[i] = int32(i)
	}
	return s.sorter.order
}

// run makes a run of some of the groups, with their ordinals if these are wanted.
func (s *stretch) run(order []int32, ordinals bool) *Keyed {
	run := new(Keyed)
	gatherColumn(&run.Values, &s.values, order)
	if ordinals {
		run.Ordinals = gather(run.Ordinals, s.ords, order)
	}
	s.appendKeys(&run.Keys, order)
	return run
}

// appendKeys appends the keys of groups. Their texts are copied into one piece of memory.
func (s *stretch) appendKeys(keys *chunk.Column, order []int32) {
	bytes := inline // beyond the last text, because short ones are copied whole
	for _, at := range order {
		bytes += s.keys[at].length()
	}
	texts := make([]byte, bytes)
	keys.Strings = make([]string, 0, len(order))
	for _, at := range order {
		e := &s.keys[at]
		n := e.length()
		if e.short() {
			binary.LittleEndian.PutUint64(texts, e.a)
			binary.LittleEndian.PutUint64(texts[8:], e.b)
		} else {
			copy(texts, s.texts[at])
		}
		if err := appendText(keys, view(texts[:n:n]), e.size); err != nil {
			panic("operator: a key of a table is not canonical: " + err.Error())
		}
		texts = texts[n:]
	}
}
