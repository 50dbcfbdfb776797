package chunk

import (
	"bytes"
	"errors"
	"fmt"
	"math/bits"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.starlark.net/starlark"
	"pgregory.net/rapid"
)

var testID = ID{Job: "j1", Step: 1, Stage: 2, Epoch: 3, Task: 4, Attempt: 5, LaneLow: 6, LaneHigh: 7, Sequence: 8}

type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

func mustAppend(t fataler, b *Batch, f Format) []byte {
	t.Helper()
	data, err := Append(nil, testID, b, Options{Format: f})
	if err != nil {
		t.Fatalf("Append: %v", err)
	}
	return data
}

func mustDecode(t fataler, data []byte) *Batch {
	t.Helper()
	b := new(Batch)
	id, err := Decode(data, b)
	if err != nil {
		t.Fatalf("Decode: %v", err)
	}
	if id != testID {
		t.Fatalf("id %v came back as %v", testID, id)
	}
	return b
}

// text tells values apart that Starlark takes for equal, but for what is shared.
func text(v starlark.Value) string { return v.Type() + " " + v.String() }

func sameColumn(t fataler, got, want *Column) {
	t.Helper()
	if got.N != want.N {
		t.Fatalf("%d values came back as %d", want.N, got.N)
	}
	for i := range want.N {
		if g, w := text(got.At(i)), text(want.At(i)); g != w {
			t.Fatalf("value %d\n%s\ncame back as\n%s", i, w, g)
		}
	}
}

func TestBatchesRoundTrip(t *testing.T) {
	for _, f := range []Format{Columnar, Rows} {
		t.Run(fmt.Sprintf("format %d", f.number()), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				b := drawBatch(t)
				got := mustDecode(t, mustAppend(t, b, f))
				sameColumn(t, &got.Column, &b.Column)
				if got.Base != b.Base || !slices.Equal(got.Relative, b.Relative) || !slices.Equal(got.Lanes, b.Lanes) || !reflect.DeepEqual(got.Origin, b.Origin) {
					t.Fatalf("came back with other positions: %+v, want %+v", got, b)
				}
				if f == Columnar && got.Kind != b.Kind {
					t.Fatalf("column of %v came back as %v", b.Kind, got.Kind)
				}
			})
		})
	}
}

func TestDecodeReusesABatch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		into := drawBatch(t)
		b := drawBatch(t)
		if _, err := Decode(mustAppend(t, b, Columnar), into); err != nil {
			t.Fatal(err)
		}
		sameColumn(t, &into.Column, &b.Column)
	})
}

func TestDecodedValuesAreFrozen(t *testing.T) {
	for _, f := range []Format{Columnar, Rows} {
		b := new(Batch)
		b.Append(starlark.NewList(nil))
		got := mustDecode(t, mustAppend(t, b, f))
		if got.At(0).(*starlark.List).Append(starlark.None) == nil {
			t.Errorf("format %d: a list of the batch can be changed", f.number())
		}
	}
}

func TestDecodedStringsOutliveTheData(t *testing.T) {
	b := new(Batch)
	for _, s := range []string{"one", "two"} {
		b.AppendString(s)
	}
	data := mustAppend(t, b, Columnar)
	got := mustDecode(t, data)
	clear(data)
	sameColumn(t, &got.Column, &b.Column)
}

func TestAppendKeepsWhatIsThere(t *testing.T) {
	b := new(Batch)
	b.AppendInt(1)
	want := mustAppend(t, b, Columnar)
	data, err := Append([]byte("before"), testID, b, Options{})
	if err != nil || !bytes.Equal(data, append([]byte("before"), want...)) {
		t.Errorf("appended %q, %v", data, err)
	}
	b.Append(starlark.Universe["len"])
	if data, err = Append([]byte("before"), testID, b, Options{}); err == nil || string(data) != "before" {
		t.Errorf("after an error: %q, %v", data, err)
	}
}

func sampleBatch() *Batch {
	b := &Batch{Base: 1 << 40, Origin: &Origin{File: "in.txt"}}
	for i := range 20 {
		b.Append(starlark.Tuple{starlark.String(fmt.Sprint("word", i%5)), starlark.MakeInt(i * i), starlark.NewList([]starlark.Value{starlark.Float(i)})})
		b.Relative = append(b.Relative, uint32(i/2))
		b.Lanes = append(b.Lanes, uint32(i%3))
	}
	return b
}

func TestEveryFlippedBitIsFound(t *testing.T) {
	for _, f := range []Format{Columnar, Rows} {
		data := mustAppend(t, sampleBatch(), f)
		for i := range 8 * len(data) {
			data[i/8] ^= 1 << (i % 8)
			var version *VersionError
			if _, err := Decode(data, new(Batch)); !errors.Is(err, ErrCorrupt) && !errors.As(err, &version) {
				t.Fatalf("format %d: bit %d flipped: error %v", f.number(), i, err)
			}
			data[i/8] ^= 1 << (i % 8)
		}
	}
}

func TestEveryTruncationIsFound(t *testing.T) {
	data := mustAppend(t, sampleBatch(), Columnar)
	for n := range len(data) {
		b := sampleBatch()
		if _, err := Decode(data[:n], b); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("%d of %d bytes: error %v", n, len(data), err)
		}
		if b.N != 0 {
			t.Fatalf("%d records after an error", b.N)
		}
	}
	if _, err := Decode(append(data, 0), new(Batch)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a byte more: error %v", err)
	}
}

func TestUnknownVersionsAreNamed(t *testing.T) {
	cases := []struct {
		at    int
		value byte
		want  string
	}{
		{0, 'F', `chunk has magic "Flwc", this flowsh reads "flwc"`},
		{4, 2, "chunk has version 2, this flowsh reads 1"},
		{5, 7, "format 7"},
		{6, 'X', `contents "X"`},
		{7, 9, "compression 9"},
	}
	for _, c := range cases {
		data := mustAppend(t, sampleBatch(), Columnar)
		data[c.at] = c.value
		var version *VersionError
		if _, err := Decode(data, new(Batch)); !errors.As(err, &version) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("byte %d is %d: error %v, want %q", c.at, c.value, err, c.want)
		}
	}
}

func TestEncodingErrors(t *testing.T) {
	deep := starlark.NewList(nil)
	for range MaxDepth + 6 {
		deep = starlark.NewList([]starlark.Value{deep})
	}
	cases := []struct {
		v    starlark.Value
		want string
	}{
		{starlark.Universe["len"], "builtin_function_or_method cannot be part of a record"},
		{starlark.NewList([]starlark.Value{starlark.NewBuiltin("f", nil)}), "call it, or use its name"},
		{deep, "nested more than 1000 deep"},
		{starlark.String(make([]byte, MaxRaw)), "takes more than 64 MiB"},
		{starlark.NewList([]starlark.Value{starlark.String(make([]byte, MaxRaw))}), "takes more than 64 MiB"},
	}
	for _, c := range cases {
		for _, f := range []Format{Columnar, Rows} {
			b := new(Batch)
			b.Append(c.v)
			if _, err := Append(nil, testID, b, Options{Format: f}); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("format %d, %.20s: error %.200v, want %q", f.number(), c.v.Type(), err, c.want)
			}
		}
	}
}

func TestErrorsNameTheRecord(t *testing.T) {
	b := new(Batch)
	for _, v := range []starlark.Value{starlark.MakeInt(1), starlark.None, starlark.Universe["len"]} {
		b.Append(v)
	}
	for _, f := range []Format{Columnar, Rows} {
		_, err := Append(nil, testID, b, Options{Format: f})
		var record *RecordError
		if !errors.As(err, &record) || record.Record != 2 {
			t.Errorf("format %d: error %v", f.number(), err)
		}
	}
}

func TestTooLargeABatchIsNotARecordsFault(t *testing.T) {
	b := new(Batch)
	text := starlark.String(make([]byte, 10<<20))
	for range 7 {
		b.Append(starlark.NewList([]starlark.Value{text}))
	}
	_, err := Append(nil, testID, b, Options{})
	var record *RecordError
	if !errors.Is(err, ErrTooLarge) || errors.As(err, &record) {
		t.Errorf("70 MiB: error %v", err)
	}
}

func TestARecordOfTheLargestSizeFits(t *testing.T) {
	b := &Batch{Origin: &Origin{File: strings.Repeat("long/path/", 100)}}
	b.AppendString(strings.Repeat("x", 16<<20))
	for _, f := range []Format{Columnar, Rows} {
		got := mustDecode(t, mustAppend(t, b, f))
		if got.Strings[0] != b.Strings[0] {
			t.Errorf("format %d: came back changed", f.number())
		}
	}
}

func TestInspect(t *testing.T) {
	h, err := Inspect(mustAppend(t, sampleBatch(), Rows))
	if err != nil || h.ID != testID || h.Format != Rows || h.Frame || h.Rows != 20 || h.RawSize == 0 {
		t.Errorf("%+v, %v", h, err)
	}
}

func TestIDString(t *testing.T) {
	if got := testID.String(); got != "j1/1/2/3/4/5/6-7/8" {
		t.Error(got)
	}
}

func TestPairsAreSmall(t *testing.T) {
	b := new(Batch)
	for i := range 4096 {
		b.Append(starlark.Tuple{starlark.String(fmt.Sprint("word", bits.Reverse16(uint16(i))%300)), starlark.MakeInt(1)})
	}
	if columns, rows := len(mustAppend(t, b, Columnar)), len(mustAppend(t, b, Rows)); columns > 8<<10 || columns*2 > rows {
		t.Errorf("4096 words and counts take %d bytes, as rows %d", columns, rows)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(mustAppend(f, sampleBatch(), Columnar))
	f.Add(mustAppend(f, sampleBatch(), Rows))
	f.Fuzz(func(t *testing.T, data []byte) {
		b := new(Batch)
		for _, data := range [][]byte{data, resealed(data)} {
			if _, err := Decode(data, b); err == nil {
				again := mustDecodeAny(t, b)
				sameColumn(t, &again.Column, &b.Column)
			}
		}
	})
}

// resealed makes a chunk with correct hashes of bytes that a fuzzer chose: format, rows and body.
func resealed(data []byte) []byte {
	if len(data) < 2 {
		return nil
	}
	sealed, err := seal(nil, &Header{ID: testID, Format: Format(data[0] & 1), Frame: data[0]&2 != 0, Rows: int(data[1])}, data[2:], S2)
	if err != nil {
		return nil
	}
	return sealed
}

// mustDecodeAny encodes what was decoded and decodes it again.
func mustDecodeAny(t *testing.T, b *Batch) *Batch {
	return mustDecode(t, mustAppend(t, b, Columnar))
}

func pairs(n int) *Batch {
	b := new(Batch)
	for i := range n {
		b.Append(starlark.Tuple{starlark.String(fmt.Sprintf("word%d", (i*7919)%1009)), starlark.MakeInt(i % 17)})
	}
	return b
}

func BenchmarkAppend(b *testing.B) {
	for _, f := range []Format{Columnar, Rows} {
		b.Run(fmt.Sprintf("pairs/format%d", f.number()), func(b *testing.B) {
			batch := pairs(4096)
			var data []byte
			b.ReportAllocs()
			for b.Loop() {
				data, _ = Append(data[:0], testID, batch, Options{Format: f})
			}
			report(b, batch.N, len(data))
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, f := range []Format{Columnar, Rows} {
		b.Run(fmt.Sprintf("pairs/format%d", f.number()), func(b *testing.B) {
			batch := pairs(4096)
			data := mustAppend(b, batch, f)
			into := new(Batch)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Decode(data, into); err != nil {
					b.Fatal(err)
				}
			}
			report(b, batch.N, len(data))
		})
	}
}

func report(b *testing.B, rows, size int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*rows), "ns/row")
	b.ReportMetric(float64(size)/float64(rows), "bytes/row")
}
