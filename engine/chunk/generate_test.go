package chunk

import (
	"fmt"
	"math"
	"math/big"
	gotime "time"
	_ "time/tzdata"

	"go.starlark.net/lib/time"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
	"pgregory.net/rapid"
)

func mustLocation(name string) *gotime.Location {
	l, err := gotime.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return l
}

var zones = []*gotime.Location{
	gotime.UTC, gotime.Local, mustLocation("Europe/Berlin"), mustLocation("CET"), mustLocation("Etc/GMT+5"), mustLocation("Asia/Tokyo"),
	gotime.FixedZone("CET", 3600), gotime.FixedZone("", -1800), gotime.FixedZone("UTC", 0), gotime.FixedZone("odd \xff", 1),
}

// drawFlat draws a value without parts that a dict takes for a key.
func drawFlat(t *rapid.T) starlark.Value {
	switch rapid.IntRange(0, 10).Draw(t, "kind") {
	case 0:
		return starlark.None
	case 1:
		return starlark.Bool(rapid.Bool().Draw(t, "bool"))
	case 2:
		return starlark.MakeInt64(rapid.Int64().Draw(t, "int64"))
	case 3:
		return starlark.MakeUint64(rapid.Uint64().Draw(t, "uint64"))
	case 4:
		e := rapid.SampledFrom([]uint{7, 8, 15, 16, 31, 32, 63, 64, 65, 1023, 3000}).Draw(t, "exponent")
		i := new(big.Int).Lsh(big.NewInt(1), e)
		i.Add(i, big.NewInt(rapid.Int64Range(-1, 1).Draw(t, "offset")))
		if rapid.Bool().Draw(t, "negative") {
			i.Neg(i)
		}
		return starlark.MakeBigInt(i)
	case 5:
		return starlark.Float(rapid.SampledFrom([]float64{
			0, math.Copysign(0, -1), math.NaN(), math.Inf(1), math.Inf(-1), math.SmallestNonzeroFloat64, 0.1, 1e300,
		}).Draw(t, "special"))
	case 6:
		return starlark.Float(rapid.Float64().Draw(t, "float"))
	case 7:
		return starlark.Bytes(rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "bytes"))
	case 8:
		g := gotime.Unix(rapid.Int64Range(-1<<40, 1<<40).Draw(t, "seconds"), rapid.Int64Range(0, 999999999).Draw(t, "nanoseconds"))
		return time.Time(g.In(rapid.SampledFrom(zones).Draw(t, "zone")))
	case 9:
		return time.Duration(rapid.Int64().Draw(t, "duration"))
	}
	return starlark.String(drawString(t))
}

func drawString(t *rapid.T) string {
	if rapid.IntRange(0, 19).Draw(t, "long") == 0 {
		return fmt.Sprintf("%0*d", rapid.SampledFrom([]int{31, 32, 255, 256, 65535, 65536}).Draw(t, "width"), 7)
	}
	return rapid.StringOfN(rapid.RuneFrom([]rune("abé\x00")), 0, 4, -1).Draw(t, "string") + rapid.SampledFrom([]string{"", "\xff"}).Draw(t, "tail")
}

// drawValue draws any value that can be a record. Parts may be shared.
func drawValue(t *rapid.T, depth int) starlark.Value {
	if depth == 0 || rapid.IntRange(0, 2).Draw(t, "flat") == 0 {
		return drawFlat(t)
	}
	width := rapid.SampledFrom([]int{0, 1, 2, 3, 17}).Draw(t, "width")
	var last starlark.Value
	element := func() starlark.Value {
		if last == nil || rapid.IntRange(0, 4).Draw(t, "again") > 0 {
			last = drawValue(t, depth-1)
		}
		return last
	}
	switch rapid.IntRange(0, 5).Draw(t, "container") {
	case 0:
		list := starlark.NewList(nil)
		for range width {
			list.Append(element())
		}
		return list
	case 1:
		dict := new(starlark.Dict)
		for range width {
			dict.SetKey(drawFlat(t), element())
		}
		return dict
	case 2:
		set := new(starlark.Set)
		for range width {
			set.Insert(starlark.Tuple{drawFlat(t), drawFlat(t)})
		}
		return set
	case 3:
		return starlarkstruct.FromStringDict(starlark.String("struct"), starlark.StringDict{"a": element(), "b": element()})
	case 4:
		v, err := makeRange(rapid.Int64Range(-5, 5).Draw(t, "start"), rapid.Int64Range(-5, 5).Draw(t, "stop"), rapid.SampledFrom([]int64{1, 3, -1}).Draw(t, "step"))
		if err != nil {
			panic(err)
		}
		return v
	}
	tuple := starlark.Tuple{}
	for range width {
		tuple = append(tuple, element())
	}
	return tuple
}

// drawColumn draws a column of n values: of one kind, or of any.
func drawColumn(t *rapid.T, n int) Column {
	var c Column
	draw := rapid.SampledFrom([]func() starlark.Value{
		func() starlark.Value { return starlark.String(drawString(t)) },
		func() starlark.Value {
			return starlark.String(rapid.SampledFrom([]string{"red", "green", "", "blue"}).Draw(t, "colour"))
		},
		func() starlark.Value { return starlark.MakeInt(rapid.IntRange(-5, 300).Draw(t, "small")) },
		func() starlark.Value { return starlark.MakeInt64(rapid.Int64().Draw(t, "int")) },
		func() starlark.Value { return starlark.Float(rapid.Float64().Draw(t, "float")) },
		func() starlark.Value { return starlark.Bool(rapid.Bool().Draw(t, "bool")) },
		func() starlark.Value { return starlark.None },
		func() starlark.Value { return starlark.Bytes(drawString(t)) },
		func() starlark.Value {
			return starlark.Tuple{starlark.String(drawString(t)), starlark.MakeInt(rapid.Int().Draw(t, "int")), starlark.Tuple{drawFlat(t)}}
		},
		func() starlark.Value { return drawValue(t, 2) },
	}).Draw(t, "column")
	if n > 0 && rapid.IntRange(0, 9).Draw(t, "record") == 0 {
		c.BecomeRecord([]string{"name", "n"})
		for range n {
			c.Fields[0].AppendString(drawString(t))
			c.Fields[1].Append(drawFlat(t))
			c.N++
		}
		return c
	}
	for range n {
		v := draw()
		v.Freeze()
		c.Append(v)
	}
	return c
}

func drawBatch(t *rapid.T) *Batch {
	n := rapid.SampledFrom([]int{0, 1, 2, 7, 8, 9, 40}).Draw(t, "records")
	b := &Batch{Column: drawColumn(t, n), Base: rapid.Uint64().Draw(t, "base")}
	if n > 0 && rapid.Bool().Draw(t, "relative") {
		at := uint32(0)
		for range n {
			at += rapid.Uint32Range(0, 100).Draw(t, "step")
			b.Relative = append(b.Relative, at)
		}
	}
	if n > 0 && rapid.Bool().Draw(t, "lanes") {
		for range n {
			b.Lanes = append(b.Lanes, rapid.Uint32Range(0, 63).Draw(t, "lane"))
		}
	}
	if rapid.Bool().Draw(t, "origin") {
		b.Origin = &Origin{File: drawString(t), Base: rapid.Int64().Draw(t, "offset"), Line: rapid.Int64().Draw(t, "line")}
	}
	return b
}
