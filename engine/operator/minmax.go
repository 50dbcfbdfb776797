package operator

import (
	"slices"
	"unsafe"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
)

// NewMinMax keeps the least, or the greatest, value of each group; of equal ones (1 and 1.0) that with the lowest
// ordinal. Records and states may come in any order.
//
// Fold returns a *RecordError for a value that has no order. Results returns one for a group whose values do not
// compare: of the first record, in the order of the flow, that does not go with those before it.
func NewMinMax(maximum bool) Aggregate {
	if maximum {
		return &minMax{op: "max", max: true}
	}
	return &minMax{op: "min"}
}

// minMax holds the values of all groups as ints or as floats while all of them are, and otherwise boxed.
type minMax struct {
	op      string
	max     bool
	kind    chunk.Kind // Empty, Int, Float or Any
	ints    []int64
	floats  []float64
	values  []extreme
	places  []place
	classes map[int32][]seenClass // of groups with more than one class
	held    int64                 // bytes that values and classes refer to
	scratch []byte
}

// A place says where a group's value stood, and where the group's first record.
type place struct{ at, first chunk.Ordinal }

// An extreme is a value that is boxed, with its order key.
type extreme struct {
	value starlark.Value
	key   string
	class value.Class
}

// A seenClass is a class that a group's values have, and the lowest ordinal of one.
type seenClass struct {
	class value.Class
	first chunk.Ordinal
}

func (a *minMax) Fold(groups []int32, in *Keyed) error {
	switch {
	case in.Values.Kind == chunk.Int && a.become(chunk.Int):
		for i, g := range groups {
			a.ints = better(a, a.ints, g, in.Values.Ints[i], in.Ordinals[i], in.Ordinals[i], compareInts)
		}
		return nil
	case in.Values.Kind == chunk.Float && a.become(chunk.Float):
		for i, g := range groups {
			a.floats = better(a, a.floats, g, in.Values.Floats[i], in.Ordinals[i], in.Ordinals[i], compareFloats)
		}
		return nil
	}
	a.box()
	for i, g := range groups {
		if err := a.fold(g, in.Values.At(i), in.Ordinals[i], in.Ordinals[i]); err != nil {
			return &RecordError{Ordinal: in.Ordinals[i], Err: err}
		}
	}
	return nil
}

func (a *minMax) foldsOrdinals() {}

func (a *minMax) keeps(values *chunk.Column) (kept, bool) { return keptNumbers(values) }

func (a *minMax) plain() bool { return a.kind != chunk.Any }

func (a *minMax) become(k chunk.Kind) bool {
	if a.kind == chunk.Empty {
		a.kind = k
	}
	return a.kind == k
}

// better puts v in the place of group g's value if it is better, or as good and before it.
func better[T any](a *minMax, values []T, g int32, v T, at, first chunk.Ordinal, compare func(x, y T) int) []T {
	if int(g) == len(values) {
		a.places = append(a.places, place{at, first})
		return append(values, v)
	}
	c := compare(v, values[g])
	if a.max {
		c = -c
	}
	p := &a.places[g]
	if c < 0 || c == 0 && at.Compare(p.at) < 0 {
		values[g], p.at = v, at
	}
	if first.Compare(p.first) < 0 {
		p.first = first
	}
	return values
}

func compareInts(x, y int64) int {
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// compareFloats takes nan for the greatest.
func compareFloats(x, y float64) int {
	switch {
	case x < y, x == x && y != y:
		return -1
	case x > y, x != x && y == y:
		return 1
	}
	return 0
}

// box goes over to boxed values.
func (a *minMax) box() {
	for _, i := range a.ints {
		a.appendExtreme(starlark.MakeInt64(i))
	}
	for _, x := range a.floats {
		a.appendExtreme(starlark.Float(x))
	}
	a.ints, a.floats, a.kind = a.ints[:0], a.floats[:0], chunk.Any
}

func (a *minMax) appendExtreme(v starlark.Value) {
	key, _ := value.AppendOrder(nil, v, value.NullsError) // a number has an order
	a.values = append(a.values, a.extreme(v, key))
}

func (a *minMax) extreme(v starlark.Value, key []byte) extreme {
	v = keep(v)
	a.held += value.Size(v) + int64(len(key))
	return extreme{value: v, key: string(key), class: value.ClassOf(v)}
}

// fold takes a value that stood at an ordinal; first is the lowest ordinal of the values of its class.
func (a *minMax) fold(g int32, v starlark.Value, at, first chunk.Ordinal) (err error) {
	if a.scratch, err = value.AppendOrder(a.scratch[:0], v, value.NullsError); err != nil {
		return err
	}
	if int(g) == len(a.values) {
		a.values = append(a.values, a.extreme(v, a.scratch))
		a.places = append(a.places, place{at, first})
		return nil
	}
	e, p := &a.values[g], &a.places[g]
	if class := value.ClassOf(v); class != e.class || a.classes[g] != nil {
		a.note(g, seenClass{class, first})
	}
	if a.wins(at, e, p) {
		a.held -= value.Size(e.value) + int64(len(e.key))
		*e, p.at = a.extreme(v, a.scratch), at
	}
	if first.Compare(p.first) < 0 {
		p.first = first
	}
	return nil
}

// wins compares the value whose key is in scratch with what the group has.
func (a *minMax) wins(at chunk.Ordinal, e *extreme, p *place) bool {
	switch {
	case string(a.scratch) == e.key:
		return at.Compare(p.at) < 0
	case a.max:
		return string(a.scratch) > e.key
	}
	return string(a.scratch) < e.key
}

// note keeps the first value of each class of a group.
func (a *minMax) note(g int32, c seenClass) {
	if a.classes == nil {
		a.classes = map[int32][]seenClass{}
	}
	seen := a.classes[g]
	if seen == nil {
		seen = append(seen, seenClass{a.values[g].class, a.places[g].first})
	}
	at := slices.IndexFunc(seen, func(s seenClass) bool { return s.class == c.class })
	switch {
	case at < 0:
		a.held += int64(unsafe.Sizeof(c)) + int64(len(c.class))
		seen = append(seen, c)
	case c.first.Compare(seen[at].first) < 0:
		seen[at] = c
	}
	a.classes[g] = seen
}

// check finds the first record of a group that does not compare with those before it.
func (a *minMax) check(g int32) error { return checkClasses(a.classes[g]) }

func (a *minMax) at(g int32) starlark.Value {
	switch a.kind {
	case chunk.Int:
		return starlark.MakeInt64(a.ints[g])
	case chunk.Float:
		return starlark.Float(a.floats[g])
	}
	return a.values[g].value
}

func (a *minMax) Results(groups []int32, out *chunk.Column) error {
	for _, g := range groups {
		if err := a.check(g); err != nil {
			return err
		}
		switch a.kind {
		case chunk.Int:
			out.AppendInt(a.ints[g])
		case chunk.Float:
			out.AppendFloat(a.floats[g])
		default:
			out.Append(a.values[g].value)
		}
	}
	return nil
}

// A state is (value, its ordinal as three ints, classes); the group's first ordinal stands with its key. classes
// is None, or has each class with the ordinal of its first record.
const (
	stateValue = iota
	stateAt
	_
	_
	stateClasses
	minMaxWidth
)

func (a *minMax) States(groups []int32, out *chunk.Column) {
	for _, g := range groups {
		fields := tupleFields(out, minMaxWidth)
		fields[stateValue].Append(a.at(g))
		o := a.places[g].at
		fields[stateAt].AppendInt(int64(o.Lane))
		fields[stateAt+1].AppendInt(int64(o.Position))
		fields[stateAt+2].AppendInt(int64(o.Sibling))
		fields[stateClasses].Append(a.classState(g))
		out.N++
	}
}

func (a *minMax) classState(g int32) starlark.Value {
	seen := a.classes[g]
	if seen == nil {
		return starlark.None
	}
	return classState(seen)
}

func (a *minMax) Merge(groups []int32, in *Keyed) error {
	if in.Values.Kind != chunk.Tuple || len(in.Values.Fields) != minMaxWidth {
		return errState(a.op)
	}
	values, classes := &in.Values.Fields[stateValue], &in.Values.Fields[stateClasses]
	for i, g := range groups {
		at, ok := ordinalOf(in.Values.Fields[stateAt:stateClasses], i)
		if !ok {
			return errState(a.op)
		}
		first := in.Ordinals[i]
		plain := classes.Kind == chunk.Null || classes.At(i) == starlark.None
		switch {
		case plain && values.Kind == chunk.Int && a.become(chunk.Int):
			a.ints = better(a, a.ints, g, values.Ints[i], at, first, compareInts)
		case plain && values.Kind == chunk.Float && a.become(chunk.Float):
			a.floats = better(a, a.floats, g, values.Floats[i], at, first, compareFloats)
		default:
			a.box()
			if err := a.mergeBoxed(g, values.At(i), at, first, classes.At(i)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *minMax) mergeBoxed(g int32, v starlark.Value, at, first chunk.Ordinal, classes starlark.Value) error {
	list, ok := classes.(*starlark.List)
	if !ok {
		return a.fold(g, v, at, first)
	}
	seen := make([]seenClass, list.Len())
	for i := range seen {
		var one chunk.Column
		one.Append(list.Index(i))
		if one.Kind != chunk.Tuple || len(one.Fields) != 4 || one.Fields[0].Kind != chunk.String {
			return errState(a.op)
		}
		o, ok := ordinalOf(one.Fields[1:], 0)
		if !ok {
			return errState(a.op)
		}
		seen[i] = seenClass{value.Class(one.Fields[0].Strings[0]), o}
	}
	own := slices.IndexFunc(seen, func(c seenClass) bool { return c.class == value.ClassOf(v) })
	if own < 0 {
		return errState(a.op)
	}
	if err := a.fold(g, v, at, seen[own].first); err != nil {
		return err
	}
	for _, c := range seen {
		a.note(g, c)
	}
	if first.Compare(a.places[g].first) < 0 {
		a.places[g].first = first
	}
	return nil
}

func ordinalOf(fields []chunk.Column, i int) (o chunk.Ordinal, ok bool) {
	for f := range fields {
		if fields[f].Kind != chunk.Int {
			return o, false
		}
	}
	return chunk.Ordinal{
		Lane:     uint32(fields[0].Ints[i]),
		Position: uint64(fields[1].Ints[i]),
		Sibling:  uint32(fields[2].Ints[i]),
	}, true
}

func (a *minMax) Size() int64 {
	return int64(8*cap(a.ints)+8*cap(a.floats)+int(unsafe.Sizeof(extreme{}))*cap(a.values)+
		int(unsafe.Sizeof(place{}))*cap(a.places)) + a.held
}

func (a *minMax) Reset() {
	clear(a.values)
	clear(a.classes)
	a.kind, a.held = chunk.Empty, 0
	a.ints, a.floats, a.values, a.places = a.ints[:0], a.floats[:0], a.values[:0], a.places[:0]
}
