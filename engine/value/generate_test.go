package value_test

import (
	"fmt"
	"math"
	"math/big"
	gotime "time"

	"go.starlark.net/lib/time"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
	"pgregory.net/rapid"
)

// drawInt favours the borders of the ranges that encodings treat differently.
func drawInt(t *rapid.T) starlark.Int {
	if rapid.Bool().Draw(t, "small") {
		return starlark.MakeInt64(rapid.Int64Range(-300, 300).Draw(t, "int"))
	}
	e := rapid.SampledFrom([]uint{0, 7, 8, 31, 32, 52, 53, 54, 62, 63, 64, 65, 119, 120, 121, 176, 177, 300, 1023, 1024, 1100}).Draw(t, "exponent")
	i := new(big.Int).Lsh(big.NewInt(1), e)
	i.Add(i, big.NewInt(rapid.Int64Range(-3, 3).Draw(t, "offset")))
	if rapid.Bool().Draw(t, "negative") {
		i.Neg(i)
	}
	return starlark.MakeBigInt(i)
}

func drawFloat(t *rapid.T) starlark.Float {
	switch rapid.IntRange(0, 3).Draw(t, "float kind") {
	case 0:
		return starlark.Float(rapid.SampledFrom([]float64{
			0, math.Copysign(0, -1), math.NaN(), math.Inf(1), math.Inf(-1), math.SmallestNonzeroFloat64,
			-math.SmallestNonzeroFloat64, math.MaxFloat64, -math.MaxFloat64, 0x1p-1022, 0x1p53, 0x1p53 + 2, 0x1p63, -0x1p63, 0x1p64,
			0x1p1023, 0.1, 0.5, 1, 1.5, -1, 1e-300,
		}).Draw(t, "special"))
	case 1:
		f, _ := drawInt(t).BigInt().Float64()
		return starlark.Float(f)
	case 2:
		return starlark.Float(float64(rapid.Int64Range(-40, 40).Draw(t, "eighths")) / 8)
	}
	return starlark.Float(math.Float64frombits(rapid.Uint64().Draw(t, "bits")))
}

func drawString(t *rapid.T) string {
	if rapid.IntRange(0, 9).Draw(t, "long") == 0 {
		return fmt.Sprintf("%0*d", rapid.IntRange(120, 200).Draw(t, "width"), 7)
	}
	return rapid.StringOfN(rapid.RuneFrom([]rune("a\x00\x01bé\u00ff\u4e16")), 0, 6, -1).Draw(t, "string") +
		string(rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 0xff, 'a'}), 0, 2).Draw(t, "tail"))
}

func drawTime(t *rapid.T) time.Time {
	g := gotime.Unix(rapid.SampledFrom([]int64{0, 1, -1, 1 << 31, 1<<40 - 1, -62135596800, -1 << 62, 1 << 62}).Draw(t, "seconds"),
		rapid.SampledFrom([]int64{0, 1, 999999999}).Draw(t, "nanoseconds"))
	zone := rapid.SampledFrom([]*gotime.Location{gotime.UTC, gotime.FixedZone("CET", 3600), gotime.FixedZone("", -1800)}).Draw(t, "zone")
	return time.Time(g.In(zone))
}

// drawKey draws a value that Starlark takes for a key.
func drawKey(t *rapid.T, depth int) starlark.Value {
	kinds := 7
	if depth > 0 {
		kinds = 10
	}
	switch rapid.IntRange(0, kinds).Draw(t, "kind") {
	case 0:
		return starlark.None
	case 1:
		return starlark.Bool(rapid.Bool().Draw(t, "bool"))
	case 2, 3:
		return drawInt(t)
	case 4:
		return drawFloat(t)
	case 5:
		return starlark.Bytes(drawString(t))
	case 6:
		return starlark.String(drawString(t))
	case 7:
		if rapid.Bool().Draw(t, "duration") {
			return time.Duration(rapid.Int64().Draw(t, "nanoseconds"))
		}
		return drawTime(t)
	case 8:
		return starlarkstruct.FromStringDict(starlarkstruct.Default, starlark.StringDict{
			"a": drawKey(t, depth-1), rapid.SampledFrom([]string{"b", "c"}).Draw(t, "name"): drawKey(t, depth-1),
		})
	}
	tuple := starlark.Tuple{}
	for range rapid.IntRange(0, 3).Draw(t, "width") {
		tuple = append(tuple, drawKey(t, depth-1))
	}
	return tuple
}

// drawValue draws any value, without cycles.
func drawValue(t *rapid.T, depth int) starlark.Value {
	if depth == 0 || rapid.Bool().Draw(t, "key") {
		return drawKey(t, depth)
	}
	width := rapid.IntRange(0, 3).Draw(t, "width")
	switch rapid.IntRange(0, 4).Draw(t, "container") {
	case 0:
		list := starlark.NewList(nil)
		for range width {
			list.Append(drawValue(t, depth-1))
		}
		return list
	case 1:
		dict := new(starlark.Dict)
		for range width {
			dict.SetKey(drawKey(t, depth-1), drawValue(t, depth-1))
		}
		return dict
	case 2:
		set := new(starlark.Set)
		for range width {
			set.Insert(drawKey(t, depth-1))
		}
		return set
	case 3:
		return starlarkstruct.FromStringDict(starlark.String("shape"), starlark.StringDict{"a": drawValue(t, depth-1)})
	}
	tuple := starlark.Tuple{}
	for range width {
		tuple = append(tuple, drawValue(t, depth-1))
	}
	return tuple
}
