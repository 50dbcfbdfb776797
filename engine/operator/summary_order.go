package operator

import (
	"slices"
	"unsafe"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
)

// NewFirstValue keeps, of each group, the value with the lowest ordinal; NewLastValue that with the highest. Records
// and states may come in any order.
func NewFirstValue() Aggregate { return new(endAggregate) }

// NewLastValue is described at NewFirstValue.
func NewLastValue() Aggregate { return &endAggregate{firstAggregate{last: true}} }

// An endAggregate is a firstAggregate whose states are never None and say where each value stood: the ordinal that
// comes with a state is that of the group's first record.
type endAggregate struct{ firstAggregate }

func (a *endAggregate) States(groups []int32, out *chunk.Column) {
	for _, g := range groups {
		fields := tupleFields(out, placedWidth)
		fields[0].AppendFrom(&a.records.Column, int(a.at[g]))
		appendOrdinal(fields[1:], a.ords[g])
		out.N++
	}
}

func (a *endAggregate) Merge(groups []int32, in *Keyed) error {
	values, ordinals, err := splitPlaced(&in.Values, "first")
	if err != nil {
		return err
	}
	return a.Fold(groups, &Keyed{Values: values, Ordinals: ordinals})
}

// A value with its ordinal is a tuple of the value and the ordinal as three ints.
const placedWidth = 4

func appendOrdinal(fields []chunk.Column, o chunk.Ordinal) {
	fields[0].AppendInt(int64(o.Lane))
	fields[1].AppendInt(int64(o.Position))
	fields[2].AppendInt(int64(o.Sibling))
}

// splitPlaced takes values and ordinals apart.
func splitPlaced(c *chunk.Column, op string) (values chunk.Column, ordinals []chunk.Ordinal, err error) {
	fields := tupleColumns(c)
	if len(fields) != placedWidth {
		return values, nil, errState(op)
	}
	for i := range c.N {
		o, ok := ordinalOf(fields[1:], i)
		if !ok {
			return values, nil, errState(op)
		}
		ordinals = append(ordinals, o)
	}
	return fields[0], ordinals, nil
}

// NewListInOrder collects the values of each group into a list in the order of their ordinals. Records and states
// may come in any order.
func NewListInOrder() Aggregate { return &orderedList{listAggregate: listAggregate{limit: -1}} }

// An orderedList is lists of values with their ordinals.
type orderedList struct{ listAggregate }

func (a *orderedList) foldsOrdinals() {}

func (a *orderedList) Fold(groups []int32, in *Keyed) error {
	placed := chunk.Column{Kind: chunk.Tuple, N: len(groups), Fields: make([]chunk.Column, placedWidth)}
	placed.Fields[0] = in.Values
	for i := range groups {
		appendOrdinal(placed.Fields[1:], in.Ordinal(i))
	}
	with := *in
	with.Values = placed
	return a.listAggregate.Fold(groups, &with)
}

func (a *orderedList) Results(groups []int32, out *chunk.Column) error {
	for _, g := range groups {
		out.Append(frozenList(inOrderOf(slices.Collect(a.values(a.lists[g])))))
	}
	return nil
}

// inOrderOf sorts values with their ordinals by those, and gives the values.
func inOrderOf(placed []starlark.Value) []starlark.Value {
	type item struct {
		ord   chunk.Ordinal
		value starlark.Value
	}
	items := make([]item, len(placed))
	for i, v := range placed {
		t := v.(starlark.Tuple)
		items[i] = item{ordinalIn(t), t[0]}
	}
	slices.SortFunc(items, func(x, y item) int { return x.ord.Compare(y.ord) })
	values := make([]starlark.Value, len(items))
	for i := range items {
		values[i] = items[i].value
	}
	return values
}

// ordinalIn reads the ordinal in a value with its ordinal.
func ordinalIn(t starlark.Tuple) chunk.Ordinal {
	number := func(v starlark.Value) uint64 {
		n, _ := v.(starlark.Int).Int64()
		return uint64(n)
	}
	return chunk.Ordinal{Lane: uint32(number(t[1])), Position: number(t[2]), Sibling: uint32(number(t[3]))}
}

// NewSet collects the different values of each group into a set, in the order of their first occurrence. Values are
// equal as keys are; of equal ones the set has the first. Records and states may come in any order.
//
// Fold returns a *RecordError for a value that cannot be in a set.
func NewSet() Aggregate { return new(setAggregate) }

type setAggregate struct {
	sets []memberSet
	held int64
	key  []byte
}

// A memberSet is the members of a group's set; index finds them by key once there are many.
type memberSet struct {
	members []member
	index   map[string]int32
}

type member struct {
	key   string // canonical
	value starlark.Value
	ord   chunk.Ordinal
}

// fewMembers is how many members are looked at one after another.
const fewMembers = 8

// sizeIndexed is the size of a member's entry in an index.
const sizeIndexed = 64

func (a *setAggregate) foldsOrdinals() {}

func (a *setAggregate) Fold(groups []int32, in *Keyed) error {
	for i, g := range groups {
		if err := a.add(g, in.Values.At(i), in.Ordinal(i)); err != nil {
			return &RecordError{Ordinal: in.Ordinal(i), Err: err}
		}
	}
	return nil
}

func (a *setAggregate) grow(g int32) *memberSet {
	if int(g) == len(a.sets) {
		a.sets = append(a.sets, memberSet{})
	}
	return &a.sets[g]
}

func (a *setAggregate) add(g int32, v starlark.Value, ord chunk.Ordinal) (err error) {
	s := a.grow(g)
	if a.key, _, err = value.AppendKey(a.key[:0], v); err != nil {
		return err
	}
	at := s.find(a.key)
	if at < 0 {
		before := cap(s.members)
		s.members = append(s.members, member{string(a.key), keep(v), ord})
		a.held += int64(unsafe.Sizeof(member{}))*int64(cap(s.members)-before) + int64(len(a.key)) + value.Size(v) + s.extend()
		return nil
	}
	if m := &s.members[at]; ord.Compare(m.ord) < 0 {
		a.held -= value.Size(m.value)
		m.value, m.ord = keep(v), ord
		a.held += value.Size(v)
	}
	return nil
}

// find is the index of a member, -1 if there is none.
func (s *memberSet) find(key []byte) int {
	if s.index != nil {
		if at, ok := s.index[string(key)]; ok {
			return int(at)
		}
		return -1
	}
	for i := range s.members {
		if s.members[i].key == string(key) {
			return i
		}
	}
	return -1
}

// extend brings the index up to date with the last member; it reports by how many bytes the index grew.
func (s *memberSet) extend() int64 {
	if len(s.members) <= fewMembers {
		return 0
	}
	from := len(s.members) - 1
	if s.index == nil {
		s.index, from = map[string]int32{}, 0
	}
	for i := from; i < len(s.members); i++ {
		s.index[s.members[i].key] = int32(i)
	}
	return sizeIndexed * int64(len(s.members)-from)
}

// members are the elements of a group's set in the order of their first occurrence.
func (a *setAggregate) members(g int32) []member {
	members := slices.Clone(a.sets[g].members)
	slices.SortFunc(members, func(x, y member) int { return x.ord.Compare(y.ord) })
	return members
}

func (m *member) state() starlark.Value {
	return starlark.Tuple{
		m.value, starlark.MakeUint64(uint64(m.ord.Lane)), starlark.MakeInt64(int64(m.ord.Position)),
		starlark.MakeUint64(uint64(m.ord.Sibling)),
	}
}

func (a *setAggregate) States(groups []int32, out *chunk.Column) {
	for _, g := range groups {
		members := a.members(g)
		list := make([]starlark.Value, len(members))
		for i := range members {
			list[i] = members[i].state()
		}
		out.Append(frozenList(list))
	}
}

// Pieces appends the state of a group as several, one for each piece that a chunk holds.
func (a *setAggregate) Pieces(g int, out *chunk.Column) int {
	members := a.members(int32(g))
	return appendPieces(out, len(members), func(i int) (starlark.Value, int64) {
		return members[i].state(), value.Size(members[i].value)
	})
}

func (a *setAggregate) whole(g int32) bool { return len(a.sets[g].members) <= 1 }

func (a *setAggregate) Merge(groups []int32, in *Keyed) error {
	for i, g := range groups {
		list, ok := in.Values.At(i).(*starlark.List)
		if !ok {
			return errState("set")
		}
		a.grow(g)
		for k := range list.Len() {
			t, ok := list.Index(k).(starlark.Tuple)
			if !ok || len(t) != placedWidth || !areInts(t[1:]) {
				return errState("set")
			}
			if err := a.add(g, t[0], ordinalIn(t)); err != nil {
				return err
			}
		}
	}
	return nil
}

func areInts(values []starlark.Value) bool {
	for _, v := range values {
		if _, ok := v.(starlark.Int); !ok {
			return false
		}
	}
	return true
}

func (a *setAggregate) Results(groups []int32, out *chunk.Column) error {
	for _, g := range groups {
		members := a.members(g)
		set := starlark.NewSet(len(members))
		for _, m := range members {
			if err := set.Insert(m.value); err != nil {
				return &RecordError{Ordinal: m.ord, Err: err}
			}
		}
		set.Freeze()
		out.Append(set)
	}
	return nil
}

func (a *setAggregate) Size() int64 {
	return int64(unsafe.Sizeof(memberSet{}))*int64(cap(a.sets)) + a.held
}

func (a *setAggregate) Reset() {
	clear(a.sets)
	a.sets, a.held = a.sets[:0], 0
}
