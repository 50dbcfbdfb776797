package operator

import (
	"math"
	"math/big"

	"github.com/flowsh/flowsh/engine/chunk"
	"go.starlark.net/starlark"
)

// NewVariance gives the sample variance of ints and floats, or its square root: the sum of the squared distances
// from the mean, divided by one less than their number; None for fewer than two values. Sums of values and of their
// squares are exact, and the variance is rounded once to a float. Infinities, nan, and floats whose square leaves
// the range of floats give nan.
//
// Fold returns a *RecordError for a value that is not a number. Records and states may come in any order.
func NewVariance(root bool) Aggregate { return &varianceAggregate{root: root} }

type varianceAggregate struct {
	root    bool
	counts  []int64
	sums    sums
	squares sums
}

func (a *varianceAggregate) Fold(groups []int32, in *Keyed) error {
	if err := a.sums.fold(groups, in); err != nil {
		return err
	}
	for i, g := range groups {
		a.counts = addCount(a.counts, g, 1)
		a.squares.grow(g)
		switch in.Values.Kind {
		case chunk.Int:
			a.addSquare(g, in.Values.Ints[i])
		case chunk.Float:
			a.addFloatSquare(g, in.Values.Floats[i])
		default:
			a.addValueSquare(g, in.Values.At(i))
		}
	}
	return nil
}

func (a *varianceAggregate) addSquare(g int32, i int64) {
	if -1<<31 < i && i < 1<<31 {
		a.squares.addInt(g, i*i)
		return
	}
	b := big.NewInt(i)
	a.squares.addBig(g, b.Mul(b, b))
}

// addFloatSquare adds the exact square as the sum of two floats.
func (a *varianceAggregate) addFloatSquare(g int32, x float64) {
	square := x * x
	a.squares.addFloat(g, square)
	if rest := math.FMA(x, x, -square); rest != 0 && !math.IsNaN(rest) && !math.IsInf(rest, 0) {
		a.squares.addFloat(g, rest)
	}
}

// addValueSquare adds the square of a value that is known to be a number.
func (a *varianceAggregate) addValueSquare(g int32, v starlark.Value) {
	switch v := v.(type) {
	case starlark.Float:
		a.addFloatSquare(g, float64(v))
	case starlark.Int:
		if i, ok := v.Int64(); ok {
			a.addSquare(g, i)
			return
		}
		b := v.BigInt()
		a.squares.addBig(g, new(big.Int).Mul(b, b))
	}
}

// The columns of a variance's state.
const (
	stateCount = iota
	stateSum
	stateSquares
	varianceWidth
)

func (a *varianceAggregate) States(groups []int32, out *chunk.Column) {
	for _, g := range groups {
		fields := tupleFields(out, varianceWidth)
		fields[stateCount].AppendInt(a.counts[g])
		a.sums.appendState(g, &fields[stateSum])
		a.squares.appendState(g, &fields[stateSquares])
		out.N++
	}
}

func (a *varianceAggregate) Merge(groups []int32, in *Keyed) error {
	fields := tupleColumns(&in.Values)
	if len(fields) != varianceWidth || fields[stateCount].Kind != chunk.Int {
		return errState("variance")
	}
	for i, g := range groups {
		a.counts = addCount(a.counts, g, fields[stateCount].Ints[i])
	}
	if err := a.sums.merge(groups, &fields[stateSum]); err != nil {
		return err
	}
	return a.squares.merge(groups, &fields[stateSquares])
}

func (a *varianceAggregate) Results(groups []int32, out *chunk.Column) error {
	for _, g := range groups {
		if a.counts[g] < 2 {
			out.Append(starlark.None)
			continue
		}
		out.AppendFloat(a.result(g))
	}
	return nil
}

// result is the variance of a group, or its root, rounded once.
func (a *varianceAggregate) result(g int32) float64 {
	const precision = 256 // so many bits of the variance make all of its root's right
	if limit, ok := (a.sums.kinds(g) | a.squares.kinds(g)).limit(); ok {
		return limit - limit
	}
	exact := a.variance(g)
	if exact.Sign() <= 0 {
		return 0 // it is less where squares are too small for a float
	}
	if !a.root {
		x, _ := exact.Float64()
		return x
	}
	root := new(big.Float).SetPrec(precision).SetRat(exact)
	x, _ := root.Sqrt(root).Float64()
	return x
}

// variance is (n * sum of squares - square of the sum) / (n * (n - 1)), computed exactly.
func (a *varianceAggregate) variance(g int32) *big.Rat {
	n := new(big.Int).SetInt64(a.counts[g])
	sum, squares := a.sums.exact(g), a.squares.exact(g)
	over := new(big.Int).Mul(n, squares)
	over.Lsh(over, -lowestBit)
	over.Sub(over, sum.Mul(sum, sum))
	under := new(big.Int).Sub(n, big.NewInt(1))
	under.Mul(under, n)
	under.Lsh(under, -2*lowestBit)
	return new(big.Rat).SetFrac(over, under)
}

// exact is the finite sum of a group in units of 2^lowestBit.
func (s *sums) exact(g int32) *big.Int {
	total := s.integer(g).BigInt()
	total.Lsh(total, -lowestBit)
	if len(s.floats) > 0 {
		var floats longSum
		if w := s.wide[g]; w != nil && w.long != nil {
			floats = *w.long
		}
		s.floats[g].addTo(&floats)
		total.Add(total, floats.integer())
	}
	return total
}

func (a *varianceAggregate) Size() int64 {
	return a.sums.size() + a.squares.size() + int64(8*cap(a.counts))
}

func (a *varianceAggregate) Reset() {
	a.sums.reset()
	a.squares.reset()
	a.counts = a.counts[:0]
}
