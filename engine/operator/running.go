package operator

import (
	"fmt"

	"github.com/flowsh/flowsh/engine/chunk"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// A Running says what NewRunningSums adds up.
type Running struct {
	// Starts has what each part is before the first record, nil where that is the first number itself.
	Starts []starlark.Value
	// Value makes the result of the parts; nil: it is their tuple, or the number itself.
	Value func([]starlark.Value) starlark.Value
	// Fail is the error of a record whose first part is a tuple in place of a number; parts is nil for a new group.
	Fail func(row starlark.Tuple, parts []starlark.Value) error
}

// NewRunningSums adds numbers to a state for each group, one after another as Starlark's + does: unlike an exact
// sum, what comes out of floats depends on their order, so records must come in the order of the flow. The values
// are tuples of numbers, or numbers if there is one part.
//
// States can be loaded but not combined. An int that a float cannot hold is a *RecordError, and so is what Fail says.
func NewRunningSums(of Running) Aggregate {
	a := &runningSums{value: of.Value, fail: of.Fail, parts: make([]runningSum, len(of.Starts))}
	for i, s := range of.Starts {
		a.parts[i].start = s
	}
	return a
}

type runningSums struct {
	parts []runningSum
	value func([]starlark.Value) starlark.Value
	fail  func(row starlark.Tuple, parts []starlark.Value) error
}

// A runningSum is a number for each group: an int64, a float, or an int that takes more.
type runningSum struct {
	start  starlark.Value
	kinds  []numberKind
	ints   []int64
	floats []float64
	wide   map[int32]starlark.Int
}

type numberKind uint8

const (
	isInt numberKind = iota
	isFloat
	isWide
)

// Fold looks for a row that is a failure first: what follows it does not matter.
func (a *runningSums) Fold(groups []int32, in *Keyed) error {
	first := &in.Values
	if len(a.parts) > 1 {
		columns := tupleColumns(first)
		if len(columns) == 0 {
			return errState("reduce")
		}
		first = &columns[0]
	}
	if first.Kind != chunk.Any {
		if first.Kind == chunk.Tuple && len(groups) > 0 {
			return a.failAt(groups, in, first, 0)
		}
		return a.each(groups, in, (*runningSum).fold)
	}
	for i := range groups {
		if _, failed := first.Values[i].(starlark.Tuple); failed {
			return a.failAt(groups, in, first, i)
		}
	}
	return a.each(groups, in, (*runningSum).fold)
}

// failAt folds what comes before a row that is a failure, and gives its error.
func (a *runningSums) failAt(groups []int32, in *Keyed, first *chunk.Column, i int) error {
	before := in.part(0, i)
	if err := a.each(groups[:i], &before, (*runningSum).fold); err != nil {
		return err
	}
	var parts []starlark.Value
	for k := range a.parts {
		if int(groups[i]) < len(a.parts[k].kinds) {
			parts = append(parts, a.parts[k].at(groups[i]))
		} else if a.parts[k].start != nil {
			parts = append(parts, a.parts[k].start)
		}
	}
	row, _ := first.At(i).(starlark.Tuple)
	return &RecordError{Ordinal: in.Ordinal(i), Err: a.fail(row, parts)}
}

func (a *runningSums) Merge(groups []int32, in *Keyed) error {
	return a.each(groups, in, (*runningSum).load)
}

func (a *runningSums) each(groups []int32, in *Keyed, take func(*runningSum, []int32, *Keyed) error) error {
	if len(a.parts) == 1 {
		return take(&a.parts[0], groups, in)
	}
	columns := tupleColumns(&in.Values)
	if len(columns) != len(a.parts) {
		return errState("reduce")
	}
	field := *in
	var failed error
	for k := range a.parts {
		if field.Values = columns[k]; field.Values.N != len(groups) {
			return errState("reduce")
		}
		failed = lowest(failed, take(&a.parts[k], groups, &field))
	}
	return failed
}

func (s *runningSum) fold(groups []int32, in *Keyed) error {
	for i, g := range groups {
		if int(g) == len(s.kinds) {
			first := s.start
			if first == nil {
				first = in.Values.At(i)
			}
			if err := s.add(first); err != nil {
				return err
			}
			if s.start == nil {
				continue
			}
		}
		switch {
		case in.Values.Kind == chunk.Int && s.kinds[g] == isInt:
			if old, n := s.ints[g], in.Values.Ints[i]; (old^(old+n))&(n^(old+n)) >= 0 {
				s.ints[g] += n
				continue
			}
		case in.Values.Kind == chunk.Float && s.kinds[g] == isFloat:
			s.floats[g] += in.Values.Floats[i]
			continue
		}
		if err := s.plus(g, in.Values.At(i)); err != nil {
			return &RecordError{Ordinal: in.Ordinal(i), Err: err}
		}
	}
	return nil
}

// plus adds a number of any kind.
func (s *runningSum) plus(g int32, v starlark.Value) error {
	sum, err := starlark.Binary(syntax.PLUS, s.at(g), v)
	if err != nil {
		return err
	}
	return s.set(g, sum)
}

// load takes states for new groups.
func (s *runningSum) load(groups []int32, in *Keyed) error {
	for i, g := range groups {
		if int(g) != len(s.kinds) {
			return errState("reduce")
		}
		if err := s.add(in.Values.At(i)); err != nil {
			return err
		}
	}
	return nil
}

// add makes a new group.
func (s *runningSum) add(v starlark.Value) error {
	s.kinds, s.ints, s.floats = push(s.kinds, isInt), push(s.ints, 0), push(s.floats, 0)
	return s.set(int32(len(s.kinds)-1), v)
}

func (s *runningSum) set(g int32, v starlark.Value) error {
	if s.kinds[g] == isWide {
		delete(s.wide, g)
	}
	switch v := v.(type) {
	case starlark.Float:
		s.kinds[g], s.floats[g] = isFloat, float64(v)
	case starlark.Int:
		if n, fits := v.Int64(); fits {
			s.kinds[g], s.ints[g] = isInt, n
			return nil
		}
		if s.wide == nil {
			s.wide = map[int32]starlark.Int{}
		}
		s.kinds[g], s.wide[g] = isWide, v
	default:
		return fmt.Errorf("want int or float, got %s", v.Type())
	}
	return nil
}

func (s *runningSum) at(g int32) starlark.Value {
	switch s.kinds[g] {
	case isFloat:
		return starlark.Float(s.floats[g])
	case isWide:
		return s.wide[g]
	}
	return starlark.MakeInt64(s.ints[g])
}

func (s *runningSum) append(groups []int32, out *chunk.Column) {
	for _, g := range groups {
		switch s.kinds[g] {
		case isInt:
			out.AppendInt(s.ints[g])
		case isFloat:
			out.AppendFloat(s.floats[g])
		default:
			out.Append(s.wide[g])
		}
	}
}

func (a *runningSums) States(groups []int32, out *chunk.Column) {
	if len(a.parts) == 1 {
		a.parts[0].append(groups, out)
		return
	}
	fields := tupleFields(out, len(a.parts))
	for k := range a.parts {
		a.parts[k].append(groups, &fields[k])
	}
	out.N += len(groups)
}

func (a *runningSums) Results(groups []int32, out *chunk.Column) error {
	if a.value == nil {
		a.States(groups, out)
		return nil
	}
	for _, g := range groups {
		values := make([]starlark.Value, len(a.parts))
		for k := range a.parts {
			values[k] = a.parts[k].at(g)
		}
		out.Append(a.value(values))
	}
	return nil
}

func (a *runningSums) plain() bool { return true }

func (a *runningSums) Size() (n int64) {
	for k := range a.parts {
		s := &a.parts[k]
		n += int64(cap(s.kinds)+8*cap(s.ints)+8*cap(s.floats)) + sizeWideInt*int64(len(s.wide))
	}
	return n
}

func (a *runningSums) Reset() {
	for k := range a.parts {
		s := &a.parts[k]
		clear(s.wide)
		s.kinds, s.ints, s.floats = s.kinds[:0], s.ints[:0], s.floats[:0]
	}
}
