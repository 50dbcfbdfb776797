package chunk

// maxWeight bounds how many elements a value may have if every shared part is counted as often as it is referred
// to: walking the value, which freezing a tuple does, then takes a second at most.
const maxWeight = 1 << 28

// A shape knows of every container of a row, by its number, how much a reference to it stands for. Writer and
// reader keep the same one, so neither accepts what the other refuses.
type shape struct {
	extents []extent
	weight  uint64 // elements so far, those of references included
	deepest int    // depth reached since the innermost open container began
}

type extent struct {
	complete bool
	depth    int
	height   int    // levels; valid once complete
	weight   uint64 // elements; until complete, those before it began
	outer    int    // deepest, before it began
}

func (s *shape) reset() { s.extents, s.weight, s.deepest = s.extents[:0], 0, 0 }

// begin numbers a container of n elements.
func (s *shape) begin(n, depth int) (number int) {
	s.extents = append(s.extents, extent{depth: depth, weight: s.weight, outer: s.deepest})
	s.weight += uint64(n) + 1
	s.deepest = depth
	return len(s.extents) - 1
}

func (s *shape) end(number int) {
	e := &s.extents[number]
	e.complete = true
	e.weight = s.weight - e.weight
	e.height = s.deepest - e.depth + 1
	s.deepest = max(s.deepest, e.outer)
}

// refer counts a reference that stands at depth. It reports false if it makes the value too large or too deep.
// A reference to what is not complete closes a cycle, which has no depth.
func (s *shape) refer(number, depth int) bool {
	e := s.extents[number]
	if !e.complete {
		return true
	}
	s.weight += e.weight
	s.deepest = max(s.deepest, depth+e.height-1)
	return s.weight <= maxWeight && s.deepest < MaxDepth
}
