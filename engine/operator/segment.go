package operator

// A segment is records of a sort in memory, in their order.
type segment struct {
	parts []*sortPart
	order []rowPlace // of the records in the parts; nil: there is one part, whose records stand in order
	bytes int64      // as counted by the sorter
}

func (s *segment) len() int {
	if s.order == nil {
		return s.parts[0].len()
	}
	return len(s.order)
}

// at is where record i stands.
func (s *segment) at(i int) rowPlace {
	if s.order == nil {
		return rowPlace{0, int32(i)}
	}
	return s.order[i]
}
