package builtins

import (
	"fmt"
	"math"
	"math/big"

	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// sum adds the elements of an iterable to start. Of ints it is exact; with a float among them it is the exact sum
// rounded once, as flow.sum gives it; other values are added with +, from left to right.
func sum(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var elements starlark.Iterable
	var total starlark.Value = starlark.MakeInt(0)
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "iterable", &elements, "start?", &total); err != nil {
		return nil, fmt.Errorf("%w%s", err, sumHint(args))
	}
	var floats *floatSum
	if f, ok := total.(starlark.Float); ok {
		floats = new(floatSum)
		_ = floats.add(f) // a float is always taken
	}
	i := 0
	for x := range starlark.Elements(elements) {
		sum, err := addNext(&floats, total, x)
		if err != nil {
			return nil, fmt.Errorf("%s: element %d: %w", b.Name(), i, err)
		}
		total = sum
		i++
	}
	if floats != nil {
		return floats.value(), nil
	}
	return total, nil
}

func sumHint(args starlark.Tuple) string {
	if len(args) > 0 && args[0].Type() == "flow" {
		return ": the sum of a flow is flow.sum()"
	}
	return ""
}

// addNext adds x to what stands in floats, if anything, and else to total.
func addNext(floats **floatSum, total, x starlark.Value) (starlark.Value, error) {
	a, isInt := total.(starlark.Int)
	if *floats != nil {
		return total, (*floats).add(x)
	}
	switch x := x.(type) {
	case starlark.Int:
		if isInt {
			return a.Add(x), nil
		}
	case starlark.Float:
		if isInt {
			*floats = new(floatSum)
			(*floats).addInt(a)
			return total, (*floats).add(x)
		}
	case starlark.Bool:
		return nil, fmt.Errorf("cannot add a bool: count with len([x for x in xs if ...])")
	case starlark.String:
		return nil, fmt.Errorf("cannot add a string: use \"\".join(strings), or float(s) for a number in a text")
	}
	v, err := starlark.Binary(syntax.PLUS, total, x)
	if err != nil && isInt {
		return nil, fmt.Errorf("%w: give a start of its type", err)
	}
	return v, err
}

// A floatSum is the exact sum of floats and ints: a fixed-point number in units of the smallest float, and the
// IEEE sum of those that are not finite.
type floatSum struct {
	units   big.Int
	term    big.Int
	special float64 // 0, an infinity or nan
}

// unitExponent is the exponent of the smallest positive float.
const unitExponent = -1074

func (s *floatSum) add(v starlark.Value) error {
	switch v := v.(type) {
	case starlark.Int:
		s.addInt(v)
	case starlark.Float:
		s.addFloat(float64(v))
	default:
		return fmt.Errorf("cannot add %s to a number", value.Article(v.Type()))
	}
	return nil
}

func (s *floatSum) addInt(i starlark.Int) {
	s.units.Add(&s.units, s.term.Lsh(i.BigInt(), -unitExponent))
}

func (s *floatSum) addFloat(f float64) {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		s.special += f
		return
	}
	bits := math.Float64bits(f)
	exponent, fraction := bits>>52&0x7ff, int64(bits&(1<<52-1))
	if exponent > 0 {
		fraction |= 1 << 52
		exponent--
	}
	if f < 0 {
		fraction = -fraction
	}
	s.units.Add(&s.units, s.term.Lsh(s.term.SetInt64(fraction), uint(exponent)))
}

// value rounds to the nearest float, ties to even; a sum beyond the largest float is an infinity.
func (s *floatSum) value() starlark.Float {
	if s.special != 0 {
		return starlark.Float(s.special)
	}
	exact := new(big.Float).SetInt(&s.units)
	f, _ := exact.SetMantExp(exact, unitExponent).Float64()
	return starlark.Float(f)
}
