package connector

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/parquet-go/parquet-go"
	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// records evaluates a Starlark list.
func records(t testing.TB, text string) *chunk.Column {
	t.Helper()
	v, err := starlark.EvalOptions(&syntax.FileOptions{Set: true}, new(starlark.Thread), "records", text, starlark.StringDict{"time": startime.Module})
	if err != nil {
		t.Fatal(err)
	}
	c := new(chunk.Column)
	for e := range starlark.Elements(v.(starlark.Iterable)) {
		c.Append(e)
	}
	return c
}

// parquetBytes writes records, cut into batches of n, to stdout.
func parquetBytes(t testing.TB, c *chunk.Column, n int, spec SinkSpec) ([]byte, error) {
	t.Helper()
	b := newMemoryBench()
	spec.Target, spec.Format = "-", "parquet"
	s, err := NewSink(spec, b.host, b.stdout)
	if err != nil {
		t.Fatal(err)
	}
	e := s.NewEncoder()
	for lo := 0; lo < c.N; lo += n {
		out, err := e.Encode(&chunk.Batch{Column: c.Slice(lo, min(lo+n, c.N))}, nil)
		if err != nil {
			return nil, err
		}
		if err := s.Write(out); err != nil {
			return nil, err
		}
	}
	if err := s.Prepare(); err != nil {
		return nil, err
	}
	return b.stdout.Bytes(), s.Commit()
}

// readParquet is the schema and the rows of a file, as the library tells them.
func readParquet(t testing.TB, data []byte) (schema string, rows []map[string]any) {
	t.Helper()
	f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	r := parquet.NewGenericReader[map[string]any](bytes.NewReader(data), f.Schema())
	defer r.Close()
	for {
		one := []map[string]any{{}}
		n, err := r.Read(one)
		rows = append(rows, one[:n]...)
		if errors.Is(err, io.EOF) || n == 0 {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return f.Schema().String(), rows
}

// parquetText is a file with the columns key and n as CSV.
func parquetText(t testing.TB, data []byte) string {
	t.Helper()
	text := "key,n\n"
	_, rows := readParquet(t, data)
	for _, row := range rows {
		text += fmt.Sprintf("%v,%v\n", row["key"], row["n"])
	}
	return text
}

func TestParquet(t *testing.T) {
	for _, c := range []struct {
		name, records string
		columns       []string
		schema, rows  string
	}{
		{
			"dicts", `[{"b": 1, "a": "x"}, {"b": None, "a": "y"}, {"a": "z"}]`, nil,
			"optional int64 b (INT(64,true)); optional binary a (STRING);", "[map[a:x b:1] map[a:y b:<nil>] map[a:z b:<nil>]]",
		},
		{
			"tuples", `[(1, 2.5), (2, 3)]`, nil,
			"optional int64 column0 (INT(64,true)); optional double column1;", "[map[column0:1 column1:2.5] map[column0:2 column1:3]]",
		},
		{"named tuples", `[(1, True)]`, []string{"n", "ok"}, "optional int64 n (INT(64,true)); optional boolean ok;", "[map[n:1 ok:true]]"},
		{"values", `["a", None]`, nil, "optional binary value (STRING);", "[map[value:a] map[value:<nil>]]"},
		{"chosen", `[{"a": 1, "b": 2}, {"b": 3}]`, []string{"b"}, "optional int64 b (INT(64,true));", "[map[b:2] map[b:3]]"},
		{
			"times", `[time.from_timestamp(0, 1)]`,
			[]string{"t"},
			"optional int64 t (TIMESTAMP(isAdjustedToUTC=true,unit=NANOS));", "[map[t:1]]",
		},
		{"bytes", `[b"\xff"]`, nil, "optional binary value;", "[map[value:\xff]]"},
		{"nothing known", `[None, None]`, nil, "optional binary value (STRING);", "[map[value:<nil>] map[value:<nil>]]"},
		{"none", `[]`, []string{"a"}, "optional binary a (STRING);", "[]"},
		{"empty dicts", `[{"a": {}}, {"a": None}]`, nil, "optional binary a (STRING);", "[map[a:<nil>] map[a:<nil>]]"},
		{
			"lists", `[{"l": [1, None, 3]}, {"l": []}, {"l": None}, {"l": [4.5]}]`, nil, "",
			"[map[l:[1 <nil> 3]] map[l:[]] map[l:<nil>] map[l:[4.5]]]",
		},
		{
			"lists of lists", `[[[1], [], [2, 3]], [], [[]]]`, nil, "",
			"[map[value:[[1] [] [2 3]]] map[value:[]] map[value:[[]]]]",
		},
		{
			"groups", `[{"g": {"x": 1, "y": ["a"]}, "z": 1}, {"g": None, "z": 2}, {"g": {"y": ["b", "c"]}, "z": 3}]`, nil, "",
			"[map[g:map[x:1 y:[a]] z:1] map[g:<nil> z:2] map[g:map[x:<nil> y:[b c]] z:3]]",
		},
		{
			"lists of groups", `[{"l": [{"k": "a", "v": 1}, {"k": "b"}]}, {"l": [{"v": 3}]}]`, nil, "",
			"[map[l:[map[k:a v:1] map[k:b v:<nil>]]] map[l:[map[k:<nil> v:3]]]]",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			all := records(t, c.records)
			data, err := parquetBytes(t, all, max(all.N, 1), SinkSpec{Columns: c.columns})
			if err != nil {
				t.Fatal(err)
			}
			schema, rows := readParquet(t, data)
			flat := strings.Join(strings.Fields(strings.TrimSuffix(strings.TrimPrefix(schema, "message record {"), "}")), " ")
			if c.schema != "" && flat != c.schema {
				t.Errorf("schema %s\nwant   %s", flat, c.schema)
			}
			if got := fmt.Sprint(rows); got != c.rows {
				t.Errorf("got  %s\nwant %s", got, c.rows)
			}
			again, err := parquetBytes(t, all, 1, SinkSpec{Columns: c.columns})
			if err != nil || !bytes.Equal(data, again) {
				t.Errorf("the bytes depend on the batches: %v", err)
			}
		})
	}
}

// TestParquetGroups writes more records than a row group holds: memory is bounded, and no record is lost.
func TestParquetGroups(t *testing.T) {
	c := new(chunk.Column)
	for i := range groupRecords*2 + 5 {
		c.AppendInt(int64(i))
	}
	data, err := parquetBytes(t, c, 1000, SinkSpec{})
	if err != nil {
		t.Fatal(err)
	}
	other, err := parquetBytes(t, c, groupRecords+1, SinkSpec{})
	if err != nil || !bytes.Equal(data, other) {
		t.Errorf("the bytes depend on the batches: %v", err)
	}
	f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	if groups := f.RowGroups(); len(groups) != 3 || f.NumRows() != int64(c.N) {
		t.Errorf("%d groups of %d rows", len(groups), f.NumRows())
	}
	long := new(chunk.Column)
	for range 5 {
		long.AppendString(strings.Repeat("x", groupBytes/2))
	}
	if data, err = parquetBytes(t, long, 1, SinkSpec{}); err != nil {
		t.Fatal(err)
	}
	if f, err = parquet.OpenFile(bytes.NewReader(data), int64(len(data))); err != nil || len(f.RowGroups()) < 3 {
		t.Errorf("long records: %v", err)
	}
}

func TestParquetErrors(t *testing.T) {
	late := func(last string) *chunk.Column {
		c := new(chunk.Column)
		for range groupRecords {
			c.AppendInt(1)
		}
		c.AppendFrom(records(t, "["+last+"]"), 0)
		return c
	}
	for _, c := range []struct {
		records *chunk.Column
		columns []string
		want    string
	}{
		{records(t, `[{"a": 1}, {"a": "x"}]`), nil, `{"a": "x"}: field ["a"]: it is number 2 of its file: it is a str, and before it came an int: a column has one type`},
		{records(t, `[{"a": [1, {"b": 1}]}]`), nil, `field ["a"][1]: it is number 1 of its file: it is a dict, and before it came an int`},
		{records(t, `[1 << 64]`), nil, `an int of more than 64 bits`},
		{&chunk.Column{Kind: chunk.String, N: 1, Strings: []string{"\xff"}}, nil, `write bytes(x)`},
		{records(t, `[{1: 2}]`), nil, `the key 1 is of type int`},
		{records(t, `[{"a,b": 2}]`), nil, `"a,b" cannot be the name of a column`},
		{records(t, `[(1, 2)]`), []string{"a"}, `it has 2 elements, and columns= names 1`},
		{records(t, `[1]`), []string{"a", "b"}, `it is one value, and columns= names 2`},
		{records(t, `[1.5, (1 << 53) + 1]`), nil, `would lose digits`},
		{records(t, `[time.from_timestamp(1 << 40)]`), nil, `is not between 1678 and 2262`},
		{late("1.5"), nil, `it is number 65537 of its file: it is a float, and the column is one of int, as the first records say`},
		{late(`{"other": 1}`), nil, `it has a column "other", which the first records have not`},
	} {
		_, err := parquetBytes(t, c.records, 100, SinkSpec{Columns: c.columns})
		var failed *EncodeError
		if !errors.As(err, &failed) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got  %.300v\nwant %s", err, c.want)
		}
	}
	f := &parquetFile{layout: &layout{}, w: io.Discard}
	if _, err := f.Write([]byte{9, 0, 0, 0, 1}); err != nil {
		t.Error(err)
	}
	if err := f.Close(); err == nil {
		t.Error("a chunk that is cut short is accepted")
	}
}

func BenchmarkParquet(b *testing.B) {
	c := new(chunk.Column)
	for i := range 10_000 {
		c.Append(starlark.Tuple{starlark.MakeInt(i), starlark.String(fmt.Sprint("name ", i%100)), starlark.Float(i) / 7})
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parquetBytes(b, c, 1000, SinkSpec{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(c.N)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
