package operator

import (
	"github.com/flowsh/flowsh/engine/chunk"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// An IntegerPart is one of the ints that NewIntegers keeps for each group.
type IntegerPart struct {
	Kind  IntegerKind
	Start int64 // what is added to a sum
}

// An IntegerKind says what is kept of the ints of a part.
type IntegerKind uint8

// The kinds.
const (
	SumOfInts IntegerKind = iota
	LeastInt
	MostInt
)

// NewIntegers keeps sums and extremes of ints for each group. The values are tuples of ints, or ints if there is
// one part; the result is what value makes of the parts, nil: their tuple, or the int itself. All ints are exact.
// Records and states may come in any order.
func NewIntegers(parts []IntegerPart, value func([]starlark.Value) starlark.Value) Aggregate {
	a := &integers{of: parts, value: value}
	for _, p := range parts {
		if p.Kind == SumOfInts {
			a.parts = append(a.parts, &sumOfInts{start: p.Start})
		} else {
			a.parts = append(a.parts, &extremeInt{most: p.Kind == MostInt})
		}
	}
	return a
}

type integers struct {
	of    []IntegerPart
	parts []integerPart
	value func([]starlark.Value) starlark.Value
}

// An integerPart keeps an int for each group. What is folded is what the states of a group are, too.
type integerPart interface {
	fold(groups []int32, in *Keyed) error
	states(groups []int32, out *chunk.Column)
	results(groups []int32, out *chunk.Column)
	result(group int32) starlark.Value
	size() int64
	reset()
}

func (a *integers) Fold(groups []int32, in *Keyed) error {
	if len(a.parts) == 1 {
		return a.parts[0].fold(groups, in)
	}
	columns := tupleColumns(&in.Values)
	if len(columns) != len(a.parts) {
		return errState("reduce")
	}
	field := *in
	for k, p := range a.parts {
		if field.Values = columns[k]; field.Values.N != len(groups) {
			return errState("reduce")
		}
		if err := p.fold(groups, &field); err != nil {
			return err
		}
	}
	return nil
}

func (a *integers) Merge(groups []int32, in *Keyed) error { return a.Fold(groups, in) }

func (a *integers) States(groups []int32, out *chunk.Column) {
	if len(a.parts) == 1 {
		a.parts[0].states(groups, out)
		return
	}
	fields := tupleFields(out, len(a.parts))
	for k, p := range a.parts {
		p.states(groups, &fields[k])
	}
	out.N += len(groups)
}

func (a *integers) Results(groups []int32, out *chunk.Column) error {
	switch {
	case a.value != nil:
		for _, g := range groups {
			values := make([]starlark.Value, len(a.parts))
			for k, p := range a.parts {
				values[k] = p.result(g)
			}
			out.Append(a.value(values))
		}
	case len(a.parts) == 1:
		a.parts[0].results(groups, out)
	default:
		fields := tupleFields(out, len(a.parts))
		for k, p := range a.parts {
			p.results(groups, &fields[k])
		}
		out.N += len(groups)
	}
	return nil
}

func (a *integers) keeps(values *chunk.Column) (kept, bool) {
	return keptInts(values, len(a.parts))
}

func (a *integers) intStates() (kinds []IntegerKind, results bool) {
	results = a.value == nil
	for _, p := range a.of {
		kinds = append(kinds, p.Kind)
		results = results && p.Start == 0
	}
	return kinds, results
}

func (a *integers) plain() bool { return true }

func (a *integers) Size() (n int64) {
	for _, p := range a.parts {
		n += p.size()
	}
	return n
}

func (a *integers) Reset() {
	for _, p := range a.parts {
		p.reset()
	}
}

// A sumOfInts is an integerPart.
type sumOfInts struct {
	sums
	start int64
}

func (s *sumOfInts) results(groups []int32, out *chunk.Column) {
	if s.start == 0 && s.onlyInts() {
		appendInts(out, s.ints, groups)
		return
	}
	for _, g := range groups {
		out.Append(s.result(g))
	}
}

func (s *sumOfInts) states(groups []int32, out *chunk.Column) {
	if s.onlyInts() {
		appendInts(out, s.ints, groups)
		return
	}
	for _, g := range groups {
		out.Append(s.integer(g))
	}
}

func (s *sumOfInts) result(g int32) starlark.Value {
	return s.integer(g).Add(starlark.MakeInt64(s.start))
}

// An extremeInt is an integerPart.
type extremeInt struct {
	most bool
	ints []int64
	wide map[int32]starlark.Int // of groups whose int does not fit
}

const sizeWideInt = 96 // of an int over 64 bits in a map

func (e *extremeInt) fold(groups []int32, in *Keyed) error {
	if in.Values.Kind == chunk.Int && len(e.wide) == 0 {
		e.foldInts(groups, in.Values.Ints)
		return nil
	}
	for i, g := range groups {
		v, ok := in.Values.At(i).(starlark.Int)
		if !ok {
			return errState("reduce")
		}
		e.take(g, v)
	}
	return nil
}

func (e *extremeInt) foldInts(groups []int32, values []int64) {
	for i, g := range groups {
		v := values[i]
		switch {
		case int(g) == len(e.ints):
			e.ints = push(e.ints, v)
		case e.most:
			e.ints[g] = max(e.ints[g], v)
		default:
			e.ints[g] = min(e.ints[g], v)
		}
	}
}

func (e *extremeInt) take(g int32, v starlark.Int) {
	if int(g) == len(e.ints) {
		e.ints = push(e.ints, 0)
	} else {
		op := syntax.LT
		if e.most {
			op = syntax.GT
		}
		if better, _ := starlark.Compare(op, v, e.at(g)); !better { // ints compare
			return
		}
	}
	n, fits := v.Int64()
	if e.ints[g] = n; fits {
		delete(e.wide, g)
		return
	}
	if e.wide == nil {
		e.wide = map[int32]starlark.Int{}
	}
	e.wide[g] = v
}

func (e *extremeInt) at(g int32) starlark.Int {
	if v, ok := e.wide[g]; ok {
		return v
	}
	return starlark.MakeInt64(e.ints[g])
}

func (e *extremeInt) result(g int32) starlark.Value { return e.at(g) }

func (e *extremeInt) results(groups []int32, out *chunk.Column) { e.states(groups, out) }

func (e *extremeInt) states(groups []int32, out *chunk.Column) {
	if len(e.wide) == 0 {
		appendInts(out, e.ints, groups)
		return
	}
	for _, g := range groups {
		out.Append(e.at(g))
	}
}

func (e *extremeInt) size() int64 { return int64(8*cap(e.ints)) + sizeWideInt*int64(len(e.wide)) }

func (e *extremeInt) reset() {
	clear(e.wide)
	e.ints = e.ints[:0]
}
