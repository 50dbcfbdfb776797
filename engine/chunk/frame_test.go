package chunk

import (
	"errors"
	"slices"
	"testing"

	"go.starlark.net/starlark"
	"pgregory.net/rapid"
)

func drawOrdinals(t *rapid.T) []Ordinal {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Ordinal {
		return Ordinal{Position: rapid.Uint64().Draw(t, "position"), Lane: rapid.Uint32().Draw(t, "lane"), Sibling: rapid.Uint32().Draw(t, "sibling")}
	}), 0, 20).Draw(t, "ordinals")
}

func TestFramesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var columns, got []*Column
		for range rapid.IntRange(0, 3).Draw(t, "columns") {
			c := drawColumn(t, rapid.SampledFrom([]int{0, 1, 9}).Draw(t, "values"))
			old := drawColumn(t, 3)
			columns, got = append(columns, &c), append(got, &old)
		}
		ordinals := drawOrdinals(t)
		data, err := AppendFrame(nil, testID, columns, ordinals, S2)
		if err != nil {
			t.Fatal(err)
		}
		gotOrdinals, err := DecodeFrame(data, got)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(ordinals, gotOrdinals) {
			t.Fatalf("ordinals %v came back as %v", ordinals, gotOrdinals)
		}
		for i := range columns {
			sameColumn(t, got[i], columns[i])
		}
	})
}

func mustFrame(t fataler, columns ...*Column) []byte {
	t.Helper()
	data, err := AppendFrame(nil, testID, columns, []Ordinal{{Position: 1}, {Lane: 2}}, S2)
	if err != nil {
		t.Fatalf("AppendFrame: %v", err)
	}
	return data
}

func TestFrameErrors(t *testing.T) {
	c := new(Column)
	c.AppendInt(7)
	data := mustFrame(t, c)
	if _, err := DecodeFrame(data, []*Column{{}, {}}); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a column too many: %v", err)
	}
	if _, err := Decode(data, new(Batch)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a frame as a batch: %v", err)
	}
	if _, err := DecodeFrame(mustAppend(t, sampleBatch(), Columnar), nil); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a batch as a frame: %v", err)
	}
	for i := range 8 * len(data) {
		data[i/8] ^= 1 << (i % 8)
		got := new(Column)
		if _, err := DecodeFrame(data, []*Column{got}); err == nil || got.N != 0 {
			t.Fatalf("bit %d flipped: %v, %d values", i, err, got.N)
		}
		data[i/8] ^= 1 << (i % 8)
	}
}

// A state may refer to one list from two fields of a tuple, and must come back so.
func TestFramesKeepWhatFieldsShare(t *testing.T) {
	list := starlark.NewList(nil)
	inner := starlark.Tuple{list}
	c := new(Column)
	c.Append(starlark.Tuple{list, starlark.NewList(nil), starlark.MakeInt(1)})
	c.Append(starlark.Tuple{starlark.NewList([]starlark.Value{inner}), list, starlark.MakeInt(2)})
	got := new(Column)
	if _, err := DecodeFrame(mustFrame(t, c), []*Column{got}); err != nil {
		t.Fatal(err)
	}
	state := got.At(1).(starlark.Tuple)
	if state[0].(*starlark.List).Index(0).(starlark.Tuple)[0] != state[1] {
		t.Error("the list came back twice")
	}
	if err := state[1].(*starlark.List).Append(starlark.None); err != nil {
		t.Errorf("a state cannot be changed: %v", err)
	}
}

func TestFramesKeepTypesWhereNothingIsShared(t *testing.T) {
	c := new(Column)
	for range 3 {
		c.Append(starlark.Tuple{starlark.NewList(nil), starlark.NewList(nil)})
	}
	got := new(Column)
	if _, err := DecodeFrame(mustFrame(t, c), []*Column{got}); err != nil || got.Kind != Tuple {
		t.Errorf("%v, %v", got.Kind, err)
	}
}

// A body of a few bytes must not make columns without end.
func TestFramesOfClaimsAreRefused(t *testing.T) {
	bodies := map[string][]byte{
		"2^25 columns":              {0x80, 0x80, 0x80, 0x10},
		"2^26 nulls":                {1, 0, 0x80, 0x80, 0x80, 0x20, byte(Null)},
		"tuple of 2^20 fields":      {1, 0, 1, byte(Tuple), 0x80, 0x80, 0x40},
		"record of 2^20 keys":       {1, 0, 1, byte(Record), 0x80, 0x80, 0x40},
		"values of no kind":         {1, 0, 1, byte(Empty)},
		"values of an unknown kind": {1, 0, 1, 99},
		"2^20 boxed values":         {1, 0, 0x80, 0x80, 0x40, byte(Any)},
		"2^20 ints as varints":      {1, 0, 0x80, 0x80, 0x40, byte(Int), intsVarint, 0},
		"ints of 65 bits":           {1, 0, 2, byte(Int), 65, 0},
		"string of 2^20 bytes":      {1, 0, 1, byte(String), stringsPlain, 0, 0x80, 0x80, 0x80, 0x01, 0x80, 0x80, 0x40},
		"string of negative length": {1, 0, 1, byte(String), stringsPlain, 0, 1, 0},
		"word beside a dictionary":  {1, 0, 1, byte(String), stringsDict, 1, stringsPlain, 0, 0, 0, 0, 2},
		"record with a key twice":   {1, 0, 0, byte(Record), 2, 1, 'a', 1, 'a', byte(Null), byte(Null)},
	}
	for name, body := range bodies {
		data, err := seal(nil, &Header{ID: testID, Frame: true}, body, S2)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeFrame(data, []*Column{{}}); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func FuzzDecodeFrame(f *testing.F) {
	c := sampleBatch().Column
	data := mustFrame(f, &c)
	f.Add(data)
	f.Add(append([]byte{2, 0}, unsealed(f, data)...))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, data := range [][]byte{data, resealed(data)} {
			got := new(Column)
			ordinals, err := DecodeFrame(data, []*Column{got})
			if err != nil {
				continue
			}
			again, err := AppendFrame(nil, testID, []*Column{got}, ordinals, S2)
			if err != nil {
				t.Fatalf("decoded, but cannot be encoded: %v", err)
			}
			back := new(Column)
			if _, err := DecodeFrame(again, []*Column{back}); err != nil {
				t.Fatal(err)
			}
			sameColumn(t, back, got)
		}
	})
}

func unsealed(t fataler, data []byte) []byte {
	_, raw, err := unseal(data, true)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return raw
}

func BenchmarkFrame(b *testing.B) {
	c := pairs(4096).Column
	ordinals := make([]Ordinal, c.N)
	for i := range ordinals {
		ordinals[i].Position = uint64(i) * 40
	}
	var data []byte
	b.ReportAllocs()
	for b.Loop() {
		data, _ = AppendFrame(data[:0], testID, []*Column{&c}, ordinals, S2)
	}
	report(b, c.N, len(data))
}
