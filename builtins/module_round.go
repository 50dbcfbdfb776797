package builtins

import (
	"fmt"
	"math"
	"math/big"
	"strconv"

	"go.starlark.net/starlark"
)

// The digits beyond which rounding changes no float, and before which it leaves nothing of any.
const (
	mostFloatDigits  = 323
	leastFloatDigits = -309
)

// round rounds a number to so many decimals, half to even, judged by its exact value: an int without digits, else
// of the number's own type. Negative digits round to tens, hundreds and so on.
func round(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var x, digits starlark.Value
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "x", &x, "digits??", &digits); err != nil {
		return nil, err
	}
	places := 0
	if digits != nil {
		n, err := starlark.AsInt32(digits)
		if err != nil {
			return nil, fmt.Errorf("%s: digits: %w", b.Name(), err)
		}
		places = n
	}
	switch x := x.(type) {
	case starlark.Int:
		return roundInt(x, places), nil
	case starlark.Float:
		v, err := roundFloat(float64(x), places, digits != nil)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", b.Name(), err)
		}
		return v, nil
	}
	return nil, fmt.Errorf("%s: want an int or a float, not %s", b.Name(), x.Type())
}

func roundInt(x starlark.Int, places int) starlark.Int {
	if places >= 0 {
		return x
	}
	n := x.BigInt()
	if -places > n.BitLen() { // 10**p > 2*2**p for all p that matter
		return starlark.MakeInt(0)
	}
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(-places)), nil)
	return starlark.MakeBigInt(roundTo(n, unit))
}

// roundTo is the multiple of unit nearest to n, of two the even one.
func roundTo(n, unit *big.Int) *big.Int {
	q, rest := new(big.Int).DivMod(n, unit, new(big.Int))
	twice := rest.Lsh(rest, 1).Cmp(unit)
	if twice > 0 || twice == 0 && q.Bit(0) == 1 {
		q.Add(q, big.NewInt(1))
	}
	return q.Mul(q, unit)
}

func roundFloat(x float64, places int, float bool) (starlark.Value, error) {
	switch {
	case !float:
		return starlark.NumberToInt(starlark.Float(math.RoundToEven(x)))
	case math.IsNaN(x) || math.IsInf(x, 0) || places > mostFloatDigits:
		return starlark.Float(x), nil
	case places < leastFloatDigits:
		return starlark.Float(math.Copysign(0, x)), nil
	case places < 0:
		return roundTens(x, -places)
	}
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(x, 'f', places, 64), 64)
	return starlark.Float(rounded), err
}

// roundTens rounds to a multiple of 10**places. Only whole numbers count: what is behind the point can break a
// tie, and so becomes a last bit.
func roundTens(x float64, places int) (starlark.Value, error) {
	whole, fraction := math.Modf(math.Abs(x))
	n, _ := big.NewFloat(whole).Int(nil)
	n.Lsh(n, 1)
	if fraction > 0 {
		n.SetBit(n, 0, 1)
	}
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(places)), nil)
	n = roundTo(n, unit.Lsh(unit, 1))
	rounded, _ := new(big.Float).SetInt(n.Rsh(n, 1)).Float64()
	if math.IsInf(rounded, 0) {
		return nil, fmt.Errorf("%v is too large to be rounded up", x)
	}
	return starlark.Float(math.Copysign(rounded, x)), nil
}
