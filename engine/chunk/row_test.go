package chunk

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/vmihailenco/msgpack/v5"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
	"go.starlark.net/syntax"
	"pgregory.net/rapid"
)

func encodeRow(v starlark.Value) ([]byte, error) {
	e := rowEncoder{refs: true}
	err := e.row(v, 0, MaxRaw)
	return e.dst, err
}

func decodeRow(data []byte) (starlark.Value, bool) {
	d := newDecoder(data)
	v := d.row(0)
	return v, d.finish() == nil
}

func mustRow(t fataler, v starlark.Value) starlark.Value {
	t.Helper()
	data, err := encodeRow(v)
	if err != nil {
		t.Fatalf("%v", err)
	}
	got, ok := decodeRow(data)
	if !ok {
		t.Fatalf("%x was refused", data)
	}
	return got
}

func TestRowsAreMsgpack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := drawValue(t, 3)
		data, err := encodeRow(v)
		if err != nil {
			t.Fatal(err)
		}
		d := msgpack.NewDecoder(bytes.NewReader(data))
		if err := d.Skip(); err != nil {
			t.Fatalf("%v is %x: %v", v, data, err)
		}
		if _, err := d.PeekCode(); err == nil {
			t.Fatalf("%v is %x, more than one value", v, data)
		}
	})
}

func TestRowsReadAsMsgpack(t *testing.T) {
	dict := new(starlark.Dict)
	dict.SetKey(starlark.String("n"), starlark.MakeInt(-7))
	dict.SetKey(starlark.String("f"), starlark.Float(1.5))
	data, err := encodeRow(starlark.Tuple{starlark.String("é"), dict, starlark.None, starlark.True, starlark.MakeInt64(1 << 40), starlark.Bytes("\xff")})
	if err != nil {
		t.Fatal(err)
	}
	var row struct {
		_msgpack struct{} `msgpack:",as_array"`
		Word     string
		Dict     map[string]float64
		Null     any
		Flag     bool
		Large    uint64
		Raw      []byte
	}
	if err := msgpack.Unmarshal(data, &row); err != nil {
		t.Fatal(err)
	}
	if row.Word != "é" || row.Dict["n"] != -7 || row.Dict["f"] != 1.5 || row.Null != nil || !row.Flag || row.Large != 1<<40 || string(row.Raw) != "\xff" {
		t.Errorf("%+v", row)
	}
}

func TestEveryWidthRoundTrips(t *testing.T) {
	for e := range 70 {
		for offset := int64(-1); offset <= 1; offset++ {
			i := new(big.Int).Lsh(big.NewInt(1), uint(e))
			i.Add(i, big.NewInt(offset))
			for _, i := range []*big.Int{i, new(big.Int).Neg(i)} {
				if got := mustRow(t, starlark.MakeBigInt(i)); got.String() != i.String() {
					t.Errorf("%v came back as %v", i, got)
				}
			}
		}
	}
	for _, n := range []int{0, 15, 16, 31, 32, 255, 256, 65535, 65536} {
		s := strings.Repeat("x", n)
		list := starlark.NewList(make([]starlark.Value, n))
		tuple := make(starlark.Tuple, n)
		dict := new(starlark.Dict)
		for i := range n {
			list.SetIndex(i, starlark.None)
			tuple[i] = starlark.None
			dict.SetKey(starlark.MakeInt(i), starlark.None)
		}
		for _, v := range []starlark.Value{starlark.String(s), starlark.Bytes(s), list, tuple, dict} {
			got := mustRow(t, v)
			if got.Type() != v.Type() || starlark.Len(got) != n {
				t.Errorf("%s of %d came back as %s of %d", v.Type(), n, got.Type(), starlark.Len(got))
			}
		}
	}
}

func TestNaNIsCanonical(t *testing.T) {
	odd := starlark.Float(math.Float64frombits(0x7ff8_dead_beef_0001))
	a, _ := encodeRow(odd)
	b, _ := encodeRow(starlark.Float(math.NaN()))
	if !bytes.Equal(a, b) {
		t.Errorf("two nans are %x and %x", a, b)
	}
}

func TestSharedPartsStayShared(t *testing.T) {
	list := starlark.NewList([]starlark.Value{starlark.MakeInt(1)})
	pair := starlark.Tuple{list, starlark.MakeInt(2)}
	got := mustRow(t, starlark.NewList([]starlark.Value{pair, list, pair})).(*starlark.List)
	if got.Index(0).(starlark.Tuple)[0] != got.Index(1) {
		t.Error("the list came back twice")
	}
	if &got.Index(0).(starlark.Tuple)[0] != &got.Index(2).(starlark.Tuple)[0] {
		t.Error("the tuple came back twice")
	}
}

func TestSharedPartsDoNotMultiply(t *testing.T) {
	wide := starlark.Value(starlark.NewList(nil))
	for range 20 {
		wide = starlark.NewList([]starlark.Value{wide, wide})
	}
	data, err := encodeRow(wide)
	if err != nil || len(data) > 500 {
		t.Fatalf("%d bytes, %v", len(data), err)
	}
	if _, ok := decodeRow(data); !ok {
		t.Error("refused")
	}
	for range 20 {
		wide = starlark.NewList([]starlark.Value{wide, wide})
	}
	if _, err := encodeRow(wide); err == nil || !strings.Contains(err.Error(), "when what is shared in it is written out") {
		t.Errorf("2^40 parts: %v", err)
	}
}

func TestCyclesRoundTrip(t *testing.T) {
	list, dict := starlark.NewList(nil), new(starlark.Dict)
	tuple := starlark.Tuple{list, dict}
	list.Append(list)
	list.Append(tuple)
	dict.SetKey(starlark.String("up"), tuple)
	got := mustRow(t, tuple).(starlark.Tuple)
	inner := got[0].(*starlark.List)
	up, _, _ := got[1].(*starlark.Dict).Get(starlark.String("up"))
	if inner.Index(0) != starlark.Value(inner) || &inner.Index(1).(starlark.Tuple)[0] != &got[0] || &up.(starlark.Tuple)[0] != &got[0] {
		t.Errorf("%v", got)
	}
	got.Freeze()
}

func TestAStructThatHoldsItselfIsRefused(t *testing.T) {
	list := starlark.NewList(nil)
	s := starlarkstruct.FromStringDict(starlarkstruct.Default, starlark.StringDict{"items": list})
	list.Append(s)
	if _, err := encodeRow(s); err == nil || !strings.Contains(err.Error(), "a struct that holds itself: use a dict") {
		t.Error(err)
	}
}

func TestStructsOfFunctionsAreRefused(t *testing.T) {
	s := starlarkstruct.FromStringDict(starlark.NewBuiltin("provider", nil), nil)
	if _, err := encodeRow(s); err == nil || !strings.Contains(err.Error(), "struct made by <built-in function provider>") {
		t.Error(err)
	}
}

func TestWhatElseIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		`"ab".elems()`: "string.elems cannot be part of a record: use list(...)", `len`: "call it, or use its name",
	} {
		v, err := starlark.EvalOptions(new(syntax.FileOptions), new(starlark.Thread), "", text, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := encodeRow(v); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", text, err, want)
		}
	}
}

// ext is an extension of kind with that body.
func ext(kind byte, body ...byte) []byte {
	head := binary.BigEndian.AppendUint32([]byte{mpExt32}, uint32(len(body)))
	return append(append(head, kind), body...)
}

func ref(number int) []byte {
	return binary.BigEndian.AppendUint32([]byte{mpFixExt4, extRef}, uint32(number))
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestHostileRowsAreRefused(t *testing.T) {
	claims := []byte{0xdd, 0x7f, 0xff, 0xff, 0xff} // an array of 2^31-1
	tower := bytes.Repeat([]byte{0x91}, MaxDepth+1)
	cases := map[string][]byte{
		"nothing":                           {},
		"unused tag":                        {0xc1},
		"float32":                           {0xca, 0, 0, 0, 0},
		"array longer than the rest":        claims,
		"map longer than the rest":          {0xdf, 0xff, 0xff, 0xff, 0xff, 0},
		"string longer than the rest":       {0xdb, 0xff, 0xff, 0xff, 0xff, 'x'},
		"claims in claims":                  bytes.Repeat(append([]byte{0xdc, 0x01, 0x00}, make([]byte, 4)...), 60),
		"too deep":                          append(tower, mpNil),
		"list as a key":                     join([]byte{0x81}, ext(extList, 0x90), []byte{0}),
		"key twice":                         {0x82, 1, 0, 1, 0},
		"element of a set twice":            ext(extSet, 0x92, 1, 1),
		"list in a set":                     ext(extSet, join([]byte{0x91}, ext(extList, 0x90))...),
		"extension longer than its body":    append(ext(extList, 0x90)[:4:4], 2, extList, 0x90, mpNil),
		"unknown extension":                 ext(99, 0),
		"ref to nothing":                    ref(0),
		"tuple in itself":                   join([]byte{0x91}, ref(0)),
		"tuple in a tuple in itself":        join([]byte{0x91, 0x91}, ref(0)),
		"open tuple as a key in itself":     join([]byte{0x91, 0x81}, ref(0), []byte{0}),
		"dict as a key in itself":           join([]byte{0x81}, ref(0), []byte{0}),
		"struct in itself":                  ext(extStruct, join([]byte{0xa1, 's', 0x81, 0xa1, 'a'}, ext(extList, join([]byte{0x91}, ref(0))...))...),
		"set in itself":                     ext(extSet, join([]byte{0x91}, ref(0))...),
		"fields out of order":               ext(extStruct, 0xa1, 's', 0x82, 0xa1, 'b', 0, 0xa1, 'a', 0),
		"field that is no string":           ext(extStruct, 0xa1, 's', 0x81, 1, 0),
		"small number as a large one":       ext(extInt, 0, 7),
		"sign of a large number":            ext(extInt, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0),
		"nanoseconds of more than a second": ext(extTime, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff),
		"unknown time zone":                 ext(extTime, join(make([]byte, 16), []byte{1, 'X', 1, 'X', 0})...),
		"path as a time zone":               ext(extTime, join(make([]byte, 16), []byte{9}, []byte("../passwd"), []byte{1, 'X', 0})...),
		"range without end":                 ext(extRange, make([]byte, 24)...),
		"two values":                        {0, 0},
	}
	for name, data := range cases {
		if v, ok := decodeRow(data); ok {
			t.Errorf("%s: %x decodes to %v", name, data, v)
		}
	}
}

// Parts of parts, each referred to twice, must not take exponential time to freeze or hash.
func TestHostileSharingIsRefused(t *testing.T) {
	levels := []byte{0xdc, 0, 50, 0x91, mpNil} // containers 0 (the whole), 1, 2, ...
	for n := 1; n < 50; n++ {
		levels = join(levels, []byte{0x92}, ref(n), ref(n))
	}
	if _, ok := decodeRow(levels); ok {
		t.Error("a value of 2^50 parts is accepted")
	}
}

func TestHostileDepthByReferenceIsRefused(t *testing.T) {
	const depth = MaxDepth + 200
	levels := []byte{0xdc, depth >> 8, depth & 0xff, 0x91, mpNil}
	for n := 1; n < depth; n++ {
		levels = join(levels, []byte{0x91}, ref(n))
	}
	if _, ok := decodeRow(levels); ok {
		t.Errorf("a value nested %d deep is accepted", depth)
	}
}

func FuzzDecodeRow(f *testing.F) {
	list := starlark.NewList([]starlark.Value{starlark.None})
	list.Append(list)
	data, _ := encodeRow(starlark.Tuple{list, starlark.MakeInt(-500), starlark.Float(0.5), starlark.Bytes("b"), list})
	f.Add(data)
	f.Add(ext(extStruct, 0xa1, 's', 0x81, 0xa1, 'b', 0))
	f.Add(ext(extSet, 0x92, 1, 2))
	f.Fuzz(func(t *testing.T, data []byte) {
		v, ok := decodeRow(data)
		if !ok {
			return
		}
		v.Freeze()
		again, err := encodeRow(v)
		if err != nil {
			t.Fatalf("%x is accepted, but cannot be encoded: %v", data, err)
		}
		if _, ok := decodeRow(again); !ok {
			t.Fatalf("%x is accepted, but not what it is encoded to: %x", data, again)
		}
	})
}
