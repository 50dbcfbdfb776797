package operator

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"unsafe"

	"github.com/flowsh/flowsh/engine/chunk"
	"go.starlark.net/starlark"
)

// sums holds an exact sum of ints and floats for each group. Exact sums do not depend on the order in which
// they are added up, so they combine before a shuffle.
//
// A group's sum is that of its parts: ints, and where an int64 does not hold them wide.ints; floats, and where a
// window does not hold them wide.long.
type sums struct {
	ints   []int64
	floats []window // empty until a float is seen, then as long as ints
	wide   map[int32]*wideSum
}

type wideSum struct {
	ints *big.Int // nil: 0
	long *longSum // nil: no float
}

const sizeWide = 512 // of a wideSum with a map entry

func (s *sums) size() int64 {
	return int64(8*cap(s.ints)+int(unsafe.Sizeof(window{}))*cap(s.floats)) + sizeWide*int64(len(s.wide))
}

func (s *sums) reset() {
	clear(s.wide)
	s.ints, s.floats = s.ints[:0], s.floats[:0]
}

// grow makes group g and those before it exist.
func (s *sums) grow(g int32) {
	n := int(g) + 1 - len(s.ints)
	if n <= 0 {
		return
	}
	s.ints = extend(s.ints, n)
	if len(s.floats) > 0 {
		s.floats = extend(s.floats, n)
	}
}

// addExact is x + y; false: that does not fit.
func addExact(x, y int64) (sum int64, ok bool) {
	sum = x + y
	return sum, (x^sum)&(y^sum) >= 0
}

func (s *sums) addInt(g int32, i int64) {
	sum, ok := addExact(s.ints[g], i)
	if !ok {
		s.addBig(g, big.NewInt(s.ints[g]))
		sum = i
	}
	s.ints[g] = sum
}

func (s *sums) addBig(g int32, i *big.Int) {
	w := s.widen(g)
	if w.ints == nil {
		w.ints = new(big.Int)
	}
	w.ints.Add(w.ints, i)
}

func (s *sums) addFloat(g int32, x float64) {
	s.haveFloats()
	if !s.floats[g].add(x) {
		s.lengthen(g).add(x)
	}
}

// lengthen empties the window of g into a long sum.
func (s *sums) lengthen(g int32) *longSum {
	wide := s.widen(g)
	if wide.long == nil {
		wide.long = new(longSum)
	}
	w := &s.floats[g]
	w.addTo(wide.long)
	*w = window{kinds: w.kinds &^ sawFinite}
	return wide.long
}

func (s *sums) haveFloats() {
	if len(s.floats) < len(s.ints) {
		s.floats = extend(s.floats[:0], len(s.ints))
	}
}

func (s *sums) widen(g int32) *wideSum {
	if s.wide == nil {
		s.wide = map[int32]*wideSum{}
	}
	w := s.wide[g]
	if w == nil {
		w = new(wideSum)
		s.wide[g] = w
	}
	return w
}

// fold adds value i of each record to its group.
func (s *sums) fold(groups []int32, in *Keyed) error {
	switch in.Values.Kind {
	case chunk.Int:
		s.foldInts(groups, in.Values.Ints)
	case chunk.Float:
		s.foldFloats(groups, in.Values.Floats)
	default:
		for i, g := range groups {
			s.grow(g)
			if err := s.addValue(g, in.Values.At(i)); err != nil {
				return &RecordError{Ordinal: in.Ordinal(i), Err: err}
			}
		}
	}
	return nil
}

func (s *sums) foldInts(groups []int32, values []int64) {
	ints, values := s.ints, values[:len(groups)]
	for i, g := range groups {
		if uint(g) >= uint(len(ints)) {
			if more := len(groups) - i; more > foldRows { // states that are merged are mostly of other groups
				s.ints = reserve(s.ints, more)
			}
			s.grow(g)
			ints = s.ints
		}
		sum, ok := addExact(ints[g], values[i])
		if !ok {
			s.addInt(g, values[i])
			continue
		}
		ints[g] = sum
	}
}

func (s *sums) foldFloats(groups []int32, values []float64) {
	for _, g := range groups {
		s.grow(g)
	}
	s.haveFloats()
	for i, g := range groups {
		if x := values[i]; !s.floats[g].add(x) {
			s.lengthen(g).add(x)
		}
	}
}

func (s *sums) addValue(g int32, v starlark.Value) error {
	switch v := v.(type) {
	case starlark.Int:
		if i, ok := v.Int64(); ok {
			s.addInt(g, i)
		} else {
			s.addBig(g, v.BigInt())
		}
	case starlark.Float:
		s.addFloat(g, float64(v))
	default:
		return fmt.Errorf("want int or float, got %s", v.Type())
	}
	return nil
}

// kinds is what floats group g has seen, 0 if none.
func (s *sums) kinds(g int32) (k floatKinds) {
	if len(s.floats) > 0 {
		k = s.floats[g].kinds
	}
	if w := s.wide[g]; w != nil && w.long != nil {
		k |= sawFinite
	}
	return k
}

// limit gives the sum of infinities and nan.
func (k floatKinds) limit() (x float64, ok bool) {
	switch k &^ sawFinite {
	case 0:
		return 0, false
	case sawInf:
		return math.Inf(1), true
	case sawNegInf:
		return math.Inf(-1), true
	}
	return math.NaN(), true
}

// integer is the sum of the ints of a group.
func (s *sums) integer(g int32) starlark.Int {
	if w := s.wide[g]; w != nil && w.ints != nil {
		return starlark.MakeBigInt(new(big.Int).Add(w.ints, big.NewInt(s.ints[g])))
	}
	return starlark.MakeInt64(s.ints[g])
}

// mean is the sum divided by n, rounded once.
func (s *sums) mean(g int32, kinds floatKinds, n int64) float64 {
	if x, ok := kinds.limit(); ok {
		return x
	}
	w := s.wide[g]
	switch {
	case w != nil:
		return s.wideMean(g, w, n)
	case kinds == 0:
		i := s.ints[g]
		words := [3]uint64{2: uint64(i)}
		negative := magnitude(words[2:])
		return quotient(words[:], 0, negative, uint64(n))
	case s.ints[g] == 0:
		words := [5]uint64{}
		copy(words[2:], s.floats[g].words[:])
		negative := magnitude(words[2:])
		if n == 1 {
			return nearest(words[2:], int(s.floats[g].base), negative)
		}
		return quotient(words[:], int(s.floats[g].base), negative, uint64(n))
	}
	return s.wideMean(g, &wideSum{}, n)
}

func (s *sums) wideMean(g int32, w *wideSum, n int64) float64 {
	var total longSum
	if w.long != nil {
		total = *w.long
	}
	if len(s.floats) > 0 {
		s.floats[g].addTo(&total)
	}
	low, high := s.ints[g]&(1<<32-1), s.ints[g]&^(1<<32-1)
	total.add(float64(low))
	total.add(float64(high))
	if w.ints == nil {
		var words [longWords + 2]uint64
		copy(words[2:], total[:])
		negative := magnitude(words[2:])
		return quotient(words[:], lowestBit, negative, uint64(n))
	}
	exact := new(big.Int).Lsh(w.ints, -lowestBit)
	exact.Add(exact, total.integer())
	divisor := new(big.Int).Lsh(big.NewInt(n), -lowestBit)
	x, _ := new(big.Rat).SetFrac(exact, divisor).Float64()
	return x
}

// The columns of a sum's state. A state of ints alone that an int64 holds is that int.
const (
	stateInts  = iota
	stateWords // three
	_
	_
	stateBase // base << 8 + kinds
	stateBig  // int or None
	stateLong // the words of a long sum as bytes, little-endian, or None
	stateWidth
)

func (s *sums) states(groups []int32, out *chunk.Column) {
	if s.onlyInts() {
		appendInts(out, s.ints, groups)
		return
	}
	for _, g := range groups {
		s.appendState(g, out)
	}
}

// onlyInts reports whether all sums are what ints says.
func (s *sums) onlyInts() bool { return len(s.floats) == 0 && len(s.wide) == 0 }

func (s *sums) appendState(g int32, out *chunk.Column) {
	wide := s.wide[g]
	if wide == nil && s.kinds(g) == 0 && (out.Kind == chunk.Empty || out.Kind == chunk.Int) {
		out.AppendInt(s.ints[g])
		return
	}
	fields := tupleFields(out, stateWidth)
	if fields == nil {
		var one chunk.Column
		s.appendState(g, &one)
		out.AppendFrom(&one, 0)
		return
	}
	var w window
	if len(s.floats) > 0 {
		w = s.floats[g]
	}
	fields[stateInts].AppendInt(s.ints[g])
	for i, word := range w.words {
		fields[stateWords+i].AppendInt(int64(word))
	}
	fields[stateBase].AppendInt(int64(w.base)<<8 | int64(w.kinds))
	fields[stateBig].Append(wide.bigState())
	fields[stateLong].Append(wide.longState())
	out.N++
}

func (w *wideSum) bigState() starlark.Value {
	if w == nil || w.ints == nil {
		return starlark.None
	}
	return starlark.MakeBigInt(w.ints)
}

func (w *wideSum) longState() starlark.Value {
	if w == nil || w.long == nil {
		return starlark.None
	}
	return starlark.Bytes(w.long.encode())
}

// merge adds states to the groups.
func (s *sums) merge(groups []int32, states *chunk.Column) error {
	for i, g := range groups {
		s.grow(g)
		if err := s.mergeState(g, states, i); err != nil {
			return err
		}
	}
	return nil
}

func (s *sums) mergeState(g int32, states *chunk.Column, i int) error {
	switch states.Kind {
	case chunk.Int:
		s.addInt(g, states.Ints[i])
		return nil
	case chunk.Any:
		var one chunk.Column
		one.Append(states.Values[i])
		if one.Kind == chunk.Any {
			return errState("sum")
		}
		return s.mergeState(g, &one, 0)
	case chunk.Tuple:
	default:
		return errState("sum")
	}
	numbers, ok := intFields(states, i, stateBig)
	if !ok || len(states.Fields) != stateWidth {
		return errState("sum")
	}
	w := window{base: int16(numbers[stateBase] >> 8), kinds: floatKinds(numbers[stateBase])}
	for k := range w.words {
		w.words[k] = uint64(numbers[stateWords+k])
	}
	if w.base%wordBits != 0 || w.base < lowestBit || w.base > 14*wordBits {
		return errState("sum")
	}
	s.addInt(g, numbers[stateInts])
	if w.kinds != 0 {
		s.mergeWindow(g, &w)
	}
	return s.mergeWide(g, states.Fields[stateBig].At(i), states.Fields[stateLong].At(i))
}

// mergeSums adds some sums of another, none of which is wide.
func (s *sums) mergeSums(groups []int32, o *sums, which []int32) {
	if len(groups) == 0 {
		return
	}
	s.grow(slices.Max(groups))
	for i, g := range groups {
		from := which[i]
		s.addInt(g, o.ints[from])
		if len(o.floats) > 0 && o.floats[from].kinds != 0 {
			s.mergeWindow(g, &o.floats[from])
		}
	}
}

func (s *sums) mergeWindow(g int32, w *window) {
	s.haveFloats()
	if !s.floats[g].merge(w) {
		w.addTo(s.lengthen(g))
		s.floats[g].kinds |= w.kinds &^ sawFinite
	}
}

func (s *sums) mergeWide(g int32, ints, long starlark.Value) error {
	if i, ok := ints.(starlark.Int); ok {
		s.addBig(g, i.BigInt())
	}
	if text, ok := long.(starlark.Bytes); ok {
		l, ok := decodeLongSum(string(text))
		if !ok {
			return errState("sum")
		}
		s.haveFloats()
		s.lengthen(g).merge(l)
	}
	return nil
}

// NewSum adds up ints and floats. The result is exact as long as all are ints, and the exact sum rounded once
// to a float if any is a float; infinities and nan follow IEEE 754. A group's sum without records is 0.
//
// Fold returns a *RecordError for a value that is not a number. Records and states may come in any order.
func NewSum() Aggregate { return new(sumAggregate) }

type sumAggregate struct{ sums sums }

func (a *sumAggregate) Fold(groups []int32, in *Keyed) error { return a.sums.fold(groups, in) }

func (a *sumAggregate) Merge(groups []int32, in *Keyed) error {
	return a.sums.merge(groups, &in.Values)
}

func (a *sumAggregate) States(groups []int32, out *chunk.Column) { a.sums.states(groups, out) }

func (a *sumAggregate) Results(groups []int32, out *chunk.Column) error {
	if a.sums.onlyInts() {
		appendInts(out, a.sums.ints, groups)
		return nil
	}
	for _, g := range groups {
		if kinds := a.sums.kinds(g); kinds != 0 {
			out.AppendFloat(a.sums.mean(g, kinds, 1))
		} else {
			out.Append(a.sums.integer(g))
		}
	}
	return nil
}

func (a *sumAggregate) elaborate() bool { return !a.sums.onlyInts() && len(a.sums.wide) == 0 }

func (a *sumAggregate) mergeSibling(groups []int32, other Aggregate, which []int32) {
	a.sums.mergeSums(groups, &other.(*sumAggregate).sums, which)
}

func (a *sumAggregate) keeps(values *chunk.Column) (kept, bool) { return keptNumbers(values) }

func (a *sumAggregate) intStates() ([]IntegerKind, bool) { return []IntegerKind{SumOfInts}, true }

func (a *sumAggregate) plain() bool { return true }

func (a *sumAggregate) Size() int64 { return a.sums.size() }

func (a *sumAggregate) Reset() { a.sums.reset() }

// NewMean gives the exact sum divided by the number of records, rounded once to a float.
//
// Fold returns a *RecordError for a value that is not a number. Records and states may come in any order.
func NewMean() Aggregate { return new(meanAggregate) }

type meanAggregate struct {
	sums   sums
	counts []int64
}

func (a *meanAggregate) Fold(groups []int32, in *Keyed) error {
	for _, g := range groups {
		a.counts = addCount(a.counts, g, 1)
	}
	return a.sums.fold(groups, in)
}

func (a *meanAggregate) Merge(groups []int32, in *Keyed) error {
	for i, g := range groups {
		t, ok := in.Values.At(i).(starlark.Tuple)
		if !ok || len(t) != 2 {
			return errState("mean")
		}
		count, ok := t[0].(starlark.Int)
		n, fits := count.Int64()
		if !ok || !fits {
			return errState("mean")
		}
		a.counts = addCount(a.counts, g, n)
		var state chunk.Column
		state.Append(t[1])
		a.sums.grow(g)
		if err := a.sums.mergeState(g, &state, 0); err != nil {
			return err
		}
	}
	return nil
}

func (a *meanAggregate) States(groups []int32, out *chunk.Column) {
	for _, g := range groups {
		fields := tupleFields(out, 2)
		fields[0].AppendInt(a.counts[g])
		a.sums.appendState(g, &fields[1])
		out.N++
	}
}

func (a *meanAggregate) Results(groups []int32, out *chunk.Column) error {
	for _, g := range groups {
		out.AppendFloat(a.sums.mean(g, a.sums.kinds(g), a.counts[g]))
	}
	return nil
}

func (a *meanAggregate) keeps(values *chunk.Column) (kept, bool) { return keptNumbers(values) }

func (a *meanAggregate) plain() bool { return true }

func (a *meanAggregate) Size() int64 { return a.sums.size() + int64(8*cap(a.counts)) }

func (a *meanAggregate) Reset() {
	a.sums.reset()
	a.counts = a.counts[:0]
}
