package builtins

import (
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"

	"go.starlark.net/starlark"
	"pgregory.net/rapid"
)

// anyFloat draws every kind of float, and often one with few digits, where ties are.
func anyFloat() *rapid.Generator[float64] {
	return rapid.OneOf(
		rapid.Float64(),
		rapid.Map(rapid.Uint64(), math.Float64frombits),
		rapid.Map(rapid.IntRange(-1_000_000, 1_000_000), func(n int) float64 { return float64(n) / 1000 }),
		rapid.Map(rapid.IntRange(-100_000, 100_000), func(n int) float64 { return float64(n) / 64 }),
	)
}

// anyInt draws ints of up to 40 digits.
func anyInt() *rapid.Generator[*big.Int] {
	return rapid.Custom(func(t *rapid.T) *big.Int {
		n, _ := new(big.Int).SetString(rapid.StringMatching(`-?[1-9][0-9]{0,39}`).Draw(t, "digits"), 10)
		return n
	})
}

func TestRoundIsExact(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		x := anyFloat().Filter(func(f float64) bool { return !math.IsNaN(f) && !math.IsInf(f, 0) }).Draw(rt, "x")
		places := rapid.IntRange(-30, 30).Draw(rt, "places")
		want, _ := roundRat(new(big.Rat).SetFloat64(x), places).Float64()
		v, err := eval(t, "round(x, n)", starlark.StringDict{"x": starlark.Float(x), "n": starlark.MakeInt(places)})
		if err != nil {
			rt.Fatal(err)
		}
		if got := float64(v.(starlark.Float)); got != want {
			rt.Fatalf("round(%v, %d) = %v, want %v", x, places, got, want)
		}
	})
}

func TestRoundOfIntIsExact(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		x := anyInt().Draw(rt, "x")
		places := rapid.IntRange(-50, 5).Draw(rt, "places")
		want := x
		if places < 0 {
			want = roundRat(new(big.Rat).SetInt(x), places).Num()
		}
		v := mustEval(t, "round(x, n)", starlark.StringDict{"x": starlark.MakeBigInt(x), "n": starlark.MakeInt(places)})
		if got := v.(starlark.Int).BigInt(); got.Cmp(want) != 0 {
			rt.Fatalf("round(%v, %d) = %v, want %v", x, places, got, want)
		}
	})
}

// roundRat rounds half to even, in exact arithmetic.
func roundRat(x *big.Rat, places int) *big.Rat {
	power := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(places, -places))), nil))
	if places < 0 {
		power.Inv(power)
	}
	scaled := new(big.Rat).Mul(x, power)
	twice := new(big.Int).Lsh(scaled.Num(), 1)
	floor := new(big.Int).Div(scaled.Num(), scaled.Denom())
	odd := new(big.Int).Mul(new(big.Int).Add(new(big.Int).Lsh(floor, 1), big.NewInt(1)), scaled.Denom())
	if c := twice.Cmp(odd); c > 0 || c == 0 && floor.Bit(0) == 1 {
		floor.Add(floor, big.NewInt(1))
	}
	return new(big.Rat).Quo(new(big.Rat).SetInt(floor), power)
}

func TestSumIsExact(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var elements []starlark.Value
		exact, float := new(big.Rat), false
		for range rapid.IntRange(0, 20).Draw(rt, "n") {
			if rapid.Bool().Draw(rt, "int") {
				n := anyInt().Draw(rt, "x")
				exact.Add(exact, new(big.Rat).SetInt(n))
				elements = append(elements, starlark.MakeBigInt(n))
				continue
			}
			f := anyFloat().Filter(func(f float64) bool { return math.Abs(f) < math.MaxFloat64/64 }).Draw(rt, "x")
			exact.Add(exact, new(big.Rat).SetFloat64(f))
			elements, float = append(elements, starlark.Float(f)), true
		}
		var want starlark.Value = starlark.MakeBigInt(exact.Num())
		if float {
			f, _ := exact.Float64()
			want = starlark.Float(f)
		}
		got := mustEval(t, "sum(xs)", starlark.StringDict{"xs": starlark.NewList(elements)})
		if same, _ := starlark.Equal(got, want); !same || got.Type() != want.Type() {
			rt.Fatalf("sum(%v) = %v, want %v", elements, got, want)
		}
	})
}

func TestDecimalRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n, digits := anyInt().Draw(rt, "n"), rapid.IntRange(0, 50).Draw(rt, "digits")
		names := starlark.StringDict{"n": starlark.MakeBigInt(n), "d": starlark.MakeInt(digits)}
		text := mustEval(t, "decimal.format(n, d)", names).(starlark.String)
		power := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits)), nil)
		if want := new(big.Rat).SetFrac(n, power).FloatString(digits); string(text) != want {
			rt.Fatalf("decimal.format(%v, %d) = %s, want %s", n, digits, text, want)
		}
		names["s"] = text
		if back := mustEval(t, "decimal.parse(s, d)", names).(starlark.Int); back.BigInt().Cmp(n) != 0 {
			rt.Fatalf("decimal.parse(%s, %d) = %v, want %v", text, digits, back, n)
		}
	})
}

// TestSprintfLikeFmt compares with package fmt where its rules are C's: not for %g, nor for # with floats.
func TestSprintfLikeFmt(t *testing.T) {
	flags := rapid.StringMatching(`[-+ 0]{0,3}`)
	size := rapid.StringMatching(`([1-9][0-9]?)?(\.[0-9]?)?`)
	rapid.Check(t, func(rt *rapid.T) {
		flag, width := flags.Draw(rt, "flags"), size.Draw(rt, "size")
		directive := "%" + flag + width
		var arg any
		var v starlark.Value
		switch verb := rapid.SampledFrom(strings.Split("d x X o f e E s", " ")).Draw(rt, "verb"); verb {
		case "s":
			s := rapid.String().Draw(rt, "s")
			directive, arg, v = "%"+strings.ReplaceAll(flag, "0", "")+width+verb, s, starlark.String(s)
		case "f", "e", "E":
			f := anyFloat().Filter(func(f float64) bool { return !math.IsNaN(f) && !math.IsInf(f, 0) }).Draw(rt, "f")
			directive, arg, v = directive+verb, f, starlark.Float(f)
		default:
			n := anyInt().Draw(rt, "n")
			directive, arg, v = directive+verb, n, starlark.MakeBigInt(n)
		}
		want := fmt.Sprintf(directive, arg)
		got := mustEval(t, "sprintf(f, v)", starlark.StringDict{"f": starlark.String(directive), "v": v})
		if string(got.(starlark.String)) != want {
			rt.Fatalf("sprintf(%q, %v) = %v, want %q", directive, arg, got, want)
		}
	})
}

// TestGeneralReadsBack checks %g by its definition: the shorter notation of a correctly rounded number.
func TestGeneralReadsBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := anyFloat().Filter(func(f float64) bool { return math.Abs(f) < 1e308 }).Draw(rt, "f") // rounded up, still a float
		precision := rapid.IntRange(0, 20).Draw(rt, "precision")
		names := starlark.StringDict{"x": starlark.Float(f), "p": starlark.MakeInt(precision)}
		text := string(mustEval(t, `sprintf("%.*g", p, x)`, names).(starlark.String))
		rounded := fmt.Sprintf("%.*e", max(precision, 1)-1, f)
		var got, want float64
		if _, err := fmt.Sscan(text, &got); err != nil {
			rt.Fatal(err)
		}
		if _, err := fmt.Sscan(rounded, &want); err != nil {
			rt.Fatal(err)
		}
		if got != want || strings.Contains(text, ".") && strings.HasSuffix(strings.Split(text, "e")[0], "0") {
			rt.Fatalf("%%.%dg of %v is %s", precision, f, text)
		}
	})
}
