package connector

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/host"
	"go.starlark.net/starlark"
)

// projected decodes a source with both of its decoders, block by block, and compares what functions could see at
// the paths, what Whole gives, and which records are bad.
func projected(t *testing.T, spec SourceSpec, h *host.Host, paths [][]string) (kinds []chunk.Kind) {
	t.Helper()
	s, err := NewSource(spec, h)
	if err != nil {
		t.Fatal(err)
	}
	splits, err := s.Splits(context.Background())
	if err != nil {
		return nil // no header: nothing to compare
	}
	r, err := s.Open(context.Background(), splits)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	full, some := s.NewDecoder(), s.(Projector).NewProjection(paths)
	var want, got chunk.Batch
	for {
		b, err := r.Next()
		if err == io.EOF {
			return kinds
		}
		if err != nil {
			return kinds // of the reader: nothing to compare
		}
		wantBad, wantErr := decodeBlock(full, b, &want)
		gotBad, gotErr := decodeBlock(some, b, &got)
		if fmt.Sprint(gotErr) != fmt.Sprint(wantErr) || !slices.Equal(gotBad, wantBad) {
			t.Fatalf("bad records %q, %v; want %q, %v", gotBad, gotErr, wantBad, wantErr)
		}
		if got.N != want.N || !slices.Equal(got.Relative, want.Relative) {
			t.Fatalf("%d records at %v; want %d at %v", got.N, got.Relative, want.N, want.Relative)
		}
		for i := range want.N {
			whole := want.At(i)
			if got.Whole != nil && got.Whole(i).String() != whole.String() {
				t.Fatalf("Whole(%d) is %v, want %v", i, got.Whole(i), whole)
			}
			for _, path := range paths {
				if a, b := lookup(got.At(i), path), lookup(whole, path); a != b {
					t.Fatalf("record %d: at %v is %s, want %s\n%v\n%v", i, path, a, b, got.At(i), whole)
				}
			}
		}
		kinds = append(kinds, got.Kind)
	}
}

func decodeBlock(d Decoder, b *Block, out *chunk.Batch) (bad []string, err error) {
	err = d.Decode(b, out, func(e *RecordError) error {
		bad = append(bad, fmt.Sprintf("%v | %q", e, e.Text))
		return nil
	})
	return bad, err
}

// lookup is what stands at a path, or what stands in the way.
func lookup(v starlark.Value, path []string) string {
	for i, key := range path {
		d, ok := v.(*starlark.Dict)
		if !ok {
			return fmt.Sprintf("%s %v at %d", v.Type(), v, i)
		}
		var found bool
		if v, found, _ = d.Get(starlark.String(key)); !found {
			return fmt.Sprintf("nothing at %d", i)
		}
	}
	return fmt.Sprintf("%s %v", v.Type(), v)
}

var paths = [][][]string{
	{},
	{{"a"}},
	{{"b"}, {"a", "x"}, {"a", "y", "z"}},
	{{"a"}, {"a", "x"}, {"none"}},
	{{"none", "a"}, {"b"}},
}

var rows = []string{
	`{"a":{"x":1,"y":{"z":"s"}},"b":2.5,"c":[1]}`,
	`{"a":{"x":2,"y":{"z":"t"}},"b":0.5,"c":[]}`,
	`{"a":{"x":3},"b":1.5}`,
	`{"a":null,"b":1.5}`,
	`{"a":{"y":7},"b":"text"}`,
	`{"b":true}`,
	`{"b":false,"a":[{"x":1}]}`,
	`{"a":{"x":12345678901234567890,"y":{}},"b":-9223372036854775808}`,
	`{"a":{"x":1},"a":{"x":2},"b":3}`,
	`{"a":{"x":"\u00e9\n","x":"é"},"b":null}`,
	`{"a" : {"x" : {"deep":[{}]}} , "b" : {} }`,
	`{"none":{"a":1},"b":1e3}`,
	`{}`, `[1,2]`, `7`, `"s"`, `null`,
	`{"a":1,}`, `{"a":{"x":01}}`, `{"b":1} 2`, ``, `{"c":"\q","a":1}`,
}

func TestProjectedJSONIsTheWhole(t *testing.T) {
	// Every row between two plain ones, and all of them in both orders.
	reversed := slices.Clone(rows)
	slices.Reverse(reversed)
	texts := []string{strings.Join(rows, "\n"), strings.Join(reversed, "\n")}
	for _, row := range rows {
		texts = append(texts, strings.Join([]string{rows[0], row, rows[1]}, "\n")+"\n")
	}
	for _, text := range texts {
		h := memoryHost(t, map[string]string{"f": text})
		for _, p := range paths {
			for _, block := range []int64{0, 1, 100} {
				projected(t, SourceSpec{Format: "jsonl", Paths: []string{"f"}, BlockSize: block}, h, p)
			}
		}
	}
}

func TestProjectedRecordsAreTyped(t *testing.T) {
	h := memoryHost(t, map[string]string{"f": strings.Repeat(rows[0]+"\n", 3), "t": "a,b,c\n1,2,3\n4,5,6\n"})
	for _, spec := range []SourceSpec{
		{Format: "jsonl", Paths: []string{"f"}},
		{Format: "csv", Header: true, Paths: []string{"t"}},
	} {
		for _, p := range paths {
			if kinds := projected(t, spec, h, p); !slices.Equal(kinds, []chunk.Kind{chunk.Record}) {
				t.Errorf("%s at %v: columns of %v", spec.Format, p, kinds)
			}
		}
	}
}

func TestProjectedTablesAreTheWhole(t *testing.T) {
	text := "c,b,a\n1,2,3\n4,x,6\n\n\"7\",\"8\"\"\",9\n1,2\n1,2,3,4\n\"open\"x,1,2\n,,\n5,6,7\n"
	h := memoryHost(t, map[string]string{"f": text})
	typed := []Typed{{Column: "b", Type: "int"}, {Column: "c", Type: "float"}}
	for _, spec := range []SourceSpec{
		{Format: "csv", Header: true},
		{Format: "csv", Header: true, Types: typed},
		{Format: "csv", Header: true, Types: typed, Ragged: "pad"},
		{Format: "csv", Header: true, Ragged: "skip", Columns: []string{"a", "b"}},
		{Format: "csv"},
		{Format: "csv", Header: true, Origin: true},
		{Format: "tsv", Header: true, Delimiter: ","},
	} {
		for _, p := range paths {
			for _, block := range []int64{0, 1, 12} {
				spec.Paths, spec.BlockSize = []string{"f"}, block
				projected(t, spec, h, p)
			}
		}
	}
}

// FuzzProjection reads any bytes whole and projected.
func FuzzProjection(f *testing.F) {
	for i, row := range rows {
		f.Add(i, rows[0]+"\n"+row)
	}
	f.Add(1, "a,b\n1,2\n3\n")
	f.Fuzz(func(t *testing.T, which int, text string) {
		if compressionOf([]byte(text)) != nil || len(text) > 2000 {
			return
		}
		spec := SourceSpec{Format: []string{"jsonl", "csv"}[uint(which)%2], Header: which%2 != 0, Paths: []string{"f"}, BlockSize: 50}
		projected(t, spec, memoryHost(t, map[string]string{"f": text}), paths[uint(which)/2%uint(len(paths))])
	})
}

func projecting(paths ...[]string) func(Source) Decoder {
	return func(s Source) Decoder { return s.(Projector).NewProjection(paths) }
}

func BenchmarkProjectedJSONL(b *testing.B) {
	row := `{"ts":"2024-03-01T12:34:56.789Z","user":{"id":184467,"country":"DE"},"type":"purchase","amount":129.95,"ok":true}` + "\n"
	paths := projecting([]string{"type"}, []string{"amount"}, []string{"user", "id"})
	benchmarkDecoder(b, SourceSpec{Format: "jsonl"}, strings.Repeat(row, 40_000), paths)
}

func BenchmarkProjectedCSV(b *testing.B) {
	text := "id,at,type,amount,currency\n" + strings.Repeat("1839,2024-03-01,purchase,129.95,EUR\n", 100_000)
	spec := SourceSpec{Format: "csv", Header: true, Types: []Typed{{"amount", "float"}, {"id", "int"}}}
	benchmarkDecoder(b, spec, text, projecting([]string{"type"}, []string{"amount"}))
}
