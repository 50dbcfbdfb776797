package connector

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/host"
	"go.starlark.net/lib/json"
	"go.starlark.net/lib/time"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
	"go.starlark.net/syntax"
	"pgregory.net/rapid"
)

// starlarkValue gives the frozen value of a Starlark expression.
func starlarkValue(t testing.TB, expression string) starlark.Value {
	t.Helper()
	globals := starlark.StringDict{
		"time":   time.Module,
		"struct": starlark.NewBuiltin("struct", starlarkstruct.Make),
	}
	options := &syntax.FileOptions{Set: true}
	v, err := starlark.EvalOptions(options, &starlark.Thread{}, "test.star", expression, globals)
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	v.Freeze()
	return v
}

// elements evaluates a list and gives its elements.
func elements(t testing.TB, expression string) []starlark.Value {
	t.Helper()
	list := starlarkValue(t, expression).(*starlark.List)
	values := make([]starlark.Value, list.Len())
	for i := range values {
		values[i] = list.Index(i)
	}
	return values
}

// typedBatch holds the records in typed columns where they have types, boxedBatch as they are.
func typedBatch(values ...starlark.Value) *chunk.Batch {
	b := &chunk.Batch{}
	for _, v := range values {
		b.Append(v)
	}
	return b
}

func boxedBatch(values ...starlark.Value) *chunk.Batch {
	return &chunk.Batch{Column: chunk.Column{Kind: chunk.Any, N: len(values), Values: values}}
}

// recordBatch is a batch of records in columns.
func recordBatch(names []string, rows ...starlark.Tuple) *chunk.Batch {
	b := &chunk.Batch{}
	b.BecomeRecord(names)
	for _, row := range rows {
		for f, v := range row {
			b.Fields[f].Append(v)
		}
		b.N++
	}
	return b
}

// encoderOf makes an encoder of a sink to stdout.
func encoderOf(t testing.TB, spec SinkSpec) Encoder {
	t.Helper()
	spec.Target = "-"
	s, err := NewSink(spec, host.NewMemory(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return s.NewEncoder()
}

func encode(t testing.TB, spec SinkSpec, b *chunk.Batch) (string, error) {
	t.Helper()
	e, err := encoderOf(t, spec).Encode(b, nil)
	if err != nil {
		return "", err
	}
	return string(e.Parts[0].Data), nil
}

var encodings = []struct{ format, record, want string }{
	{"text", `"plain\ttext"`, "plain\ttext"},
	{"text", `""`, ""},
	{"text", `-42`, "-42"},
	{"text", `1 << 70`, "1180591620717411303424"},
	{"text", `1.0`, "1.0"},
	{"text", `1e16`, "1e+16"},
	{"text", `float("nan")`, "nan"},
	{"text", `-float("inf")`, "-inf"},
	{"text", `True`, "true"},
	{"text", `None`, ""},
	{"text", `b"\xff\x00"`, "\xff\x00"},
	{"text", `time.from_timestamp(0, 1500)`, "1970-01-01T00:00:00.0000015Z"},
	{"text", `time.from_timestamp(60)`, "1970-01-01T00:01:00Z"},
	{"text", `time.parse_duration("90m")`, "1h30m0s"},
	{"text", `("a", 1)`, "a\t1"},
	{"text", `(("200", "/a"), 7)`, "200\t/a\t7"},
	{"text", `("a\tb\nc\rd\\e", None, 1.5, False)`, `a\tb\nc\rd\\e` + "\t\t1.5\tfalse"},
	{"text", `(b"\t",)`, `\t`},
	{"text", `()`, ""},
	{"text", `((), 1)`, "\t1"},
	{"text", `("a", [1, 2])`, `["a",[1,2]]`},
	{"text", `("a", ({"k": None},))`, `["a",[{"k":null}]]`},
	{"text", `{"b": 1, "a": [True, 2.0, "x"]}`, `{"b":1,"a":[true,2.0,"x"]}`},
	{"text", `[1, (2, 3), set(["b", "a"])]`, `[1,[2,3],["b","a"]]`},
	{"text", `struct(b = 1, a = time.parse_duration("1s"))`, `{"a":"1s","b":1}`},
	{"text", `range(3)`, `[0,1,2]`},
	{"jsonl", `"é\"\\\n\r\t\u0001/<"`, `"é\"\\\n\r\t\u0001/<"`},
	{"jsonl", `("a", None, 1 << 70)`, `["a",null,1180591620717411303424]`},
	{"jsonl", `time.from_timestamp(0)`, `"1970-01-01T00:00:00Z"`},
	{"jsonl", `{}`, `{}`},
	{"jsonl", `1e300`, `1e+300`},
	{"tsv", `("a\tb", 1)`, `a\tb` + "\t1"},
	{"tsv", `[1, "\t"]`, `[1,"\\t"]`}, // the backslash of JSON's own escape is escaped again
	{"tsv", `{"a": 1, "b": ("x", 2)}`, "1\t" + `["x",2]`},
	{"csv", `("a", 1, None, 2.5, True)`, "a,1,,2.5,true"},
	{"csv", `(("a", ("b", 1)), 2)`, "a,b,1,2"},
	{"csv", `("a,b", "say \"x\"", "two\nlines", "cr\r", " plain ")`, "\"a,b\",\"say \"\"x\"\"\",\"two\nlines\",\"cr\r\", plain "},
	{"csv", `("a", {"k": 1, "l": 2})`, `a,"{""k"":1,""l"":2}"`},
	{"csv", `"one"`, "one"},
	{"csv", `""`, `""`},
	{"csv", `None`, `""`},
	{"csv", `b"\xff,"`, "\"\xff,\""},
	{"csv", `{"x": 1, "y": [1, 2]}`, `1,"[1,2]"`},
	{"csv", `struct(y = 1, x = "a")`, `a,1`},
	{"table", `("a", 1)`, "a\t1"},
}

func TestEncode(t *testing.T) {
	for _, c := range encodings {
		v := starlarkValue(t, c.record)
		for kind, b := range map[string]*chunk.Batch{"typed": typedBatch(v), "boxed": boxedBatch(v)} {
			got, err := encode(t, SinkSpec{Format: c.format}, b)
			if err != nil || got != c.want+"\n" {
				t.Errorf("%s of %s, %s:\n got %q, %v\nwant %q", c.format, c.record, kind, got, err, c.want+"\n")
			}
		}
	}
}

func TestEncodeRecordColumns(t *testing.T) {
	names := []string{"b", "a\""}
	b := recordBatch(names,
		starlark.Tuple{starlark.MakeInt(1), starlark.String("x,y")},
		starlark.Tuple{starlark.None, starlark.Tuple{starlark.True, starlark.Float(2)}})
	for format, want := range map[string]string{
		"text":  `{"b":1,"a\"":"x,y"}` + "\n" + `{"b":null,"a\"":[true,2.0]}` + "\n",
		"jsonl": `{"b":1,"a\"":"x,y"}` + "\n" + `{"b":null,"a\"":[true,2.0]}` + "\n",
		"csv":   "1,\"x,y\"\n,\"[true,2.0]\"\n",
		"tsv":   "1\tx,y\n\t[true,2.0]\n",
	} {
		if got, err := encode(t, SinkSpec{Format: format}, b); err != nil || got != want {
			t.Errorf("%s:\n got %q, %v\nwant %q", format, got, err, want)
		}
	}
}

// TestEncodedViews says when the memory of records may be used again before they are written.
func TestEncodedViews(t *testing.T) {
	for _, tt := range []struct {
		spec   SinkSpec
		record string
		want   bool
	}{
		{SinkSpec{Format: "text"}, `"a line"`, false},
		{SinkSpec{Format: "jsonl"}, `{"a": 1}`, false},
		{SinkSpec{Format: "tsv"}, `("a", "b")`, false},
		{SinkSpec{Format: "csv"}, `{"a": 1}`, true},
		{SinkSpec{Format: "csv", Columns: []string{"a"}}, `{"a": 1}`, false},
	} {
		e, err := encoderOf(t, tt.spec).Encode(typedBatch(starlarkValue(t, tt.record)), nil)
		if err != nil || e.Views() != tt.want {
			t.Errorf("%v of %s: views %v, %v, want %v", tt.spec.Format, tt.record, !tt.want, err, tt.want)
		}
	}
}

func TestFixedColumns(t *testing.T) {
	dicts := elements(t, `[{"a": 1, "b": 2, "c": 3}, {"c": 4}, {}, struct(b = 5)]`)
	spec := SinkSpec{Format: "csv", Columns: []string{"c", "a"}}
	got, err := encode(t, spec, boxedBatch(dicts...))
	if want := "3,1\n4,\n,\n,\n"; err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	records := recordBatch([]string{"a", "b", "c"}, starlark.Tuple{starlark.MakeInt(1), starlark.None, starlark.MakeInt(3)})
	if got, err := encode(t, spec, records); err != nil || got != "3,1\n" {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := encode(t, spec, typedBatch(starlarkValue(t, `(("x",), "y")`))); err != nil || got != "x,y\n" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestRecordsThatDoNotFit(t *testing.T) {
	deep := &starlark.List{}
	deep.Append(deep)
	names := map[string]starlark.Value{"deep": deep}
	for _, c := range []struct {
		spec          SinkSpec
		record        string
		field, reason string
	}{
		{SinkSpec{Format: "jsonl"}, `float("nan")`, "", "nan has no JSON form: write None"},
		{SinkSpec{}, `{"user": {"tags": [1, float("inf")]}}`, `["user"]["tags"][1]`, "+inf has no JSON form"},
		{SinkSpec{}, `{"a": b"x"}`, `["a"]`, "bytes have no JSON form: write str"},
		{SinkSpec{}, `{1: 2}`, "", "the key 1 is of type int, and JSON's keys are strings: write str(key)"},
		{SinkSpec{}, `["\uFFFD"[:1]]`, `[0]`, "not UTF-8"},
		{SinkSpec{}, `{"\uFFFD"[:1]: 1}`, "", "a key: a str that is not UTF-8"},
		{SinkSpec{}, `[len]`, `[0]`, "a builtin_function_or_method has no JSON form"},
		{SinkSpec{}, `deep`, strings.Repeat("[0]", 9) + "...[0]", "does it contain itself?"},
		{SinkSpec{Format: "csv"}, `{1: 2}`, "", "columns are named by strings"},
		{SinkSpec{Format: "csv"}, `{}`, "", "no columns"},
		{SinkSpec{Format: "csv"}, `("a", ({1: 2},))`, "[1][0]", "write str(key)"},
		{SinkSpec{Format: "csv"}, `{"a": [float("nan")]}`, `["a"][0]`, "nan has no JSON form"},
		{SinkSpec{Format: "csv", Columns: []string{"a", "b"}}, `(1, (2, 3))`, "", `it has 3 columns, but columns=["a", "b"] names 2`},
		{SinkSpec{Format: "tsv", Columns: []string{"a", "b"}}, `"x"`, "", `it has 1 column, but`},
	} {
		v := names[c.record]
		if v == nil {
			v = starlarkValue(t, c.record)
		}
		fine := starlark.Value(starlark.Tuple{starlark.String("fine"), starlark.MakeInt(1)})
		if c.field == `["a"][0]` {
			fine = starlarkValue(t, `{"a": 1}`)
		}
		_, err := encode(t, c.spec, boxedBatch(fine, v))
		var failed *EncodeError
		if !errors.As(err, &failed) {
			t.Errorf("%s: got %v, want an *EncodeError", c.record, err)
			continue
		}
		if failed.Record != 1 || failed.Field != c.field || !strings.Contains(failed.Err.Error(), c.reason) || failed.Target != "-" {
			t.Errorf("%s:\n got record %d, field %s, %v", c.record, failed.Record, failed.Field, failed.Err)
		}
		if len(failed.Text) > 1<<10 || !strings.Contains(err.Error(), failed.Text) {
			t.Errorf("%s: %v does not show the record", c.record, err)
		}
	}
}

func TestTextOfRecordGrowsWithSharing(t *testing.T) {
	v := starlark.Value(starlark.String(strings.Repeat("x", 1<<10)))
	for range 40 {
		v = starlark.NewList([]starlark.Value{v, v})
	}
	w := jsonWriter{limit: 1 << 20}
	d := unbox(v)
	dst, err := w.append(nil, &d, 0)
	if err == nil || !strings.Contains(err.Error(), "longer than 1048576 bytes") || len(dst) > 2<<20 {
		t.Errorf("got %d bytes, %v", len(dst), err)
	}
	if failed := newEncodeError(0, &d, err); len(failed.Text) > 1<<10 {
		t.Errorf("the message shows %d bytes of the record", len(failed.Text))
	}
}

func TestFloatsAreWrittenAsStarlarkDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.Float64().Draw(t, "f")
		if got, want := string(appendFloat(nil, f)), starlark.Float(f).String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
	for _, f := range []float64{0, math.Copysign(0, -1), 1, 1e5, 1e6, 1e15, 1e16, 1e21, 1e-5, math.MaxFloat64, math.NaN(), math.Inf(1), math.Inf(-1)} {
		if got, want := string(appendFloat(nil, f)), starlark.Float(f).String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// TestJSONReadsBack writes random strings and reads them with Starlark's own decoder.
func TestJSONReadsBack(t *testing.T) {
	decode := json.Module.Members["decode"]
	rapid.Check(t, func(t *rapid.T) {
		record := starlark.NewDict(2)
		key := rapid.String().Draw(t, "key")
		record.SetKey(starlark.String(key), starlark.NewList([]starlark.Value{
			starlark.String(rapid.String().Draw(t, "text")),
			starlark.MakeInt64(rapid.Int64().Draw(t, "int")),
			starlark.Float(rapid.Float64Range(-1e300, 1e300).Draw(t, "float")),
		}))
		var w jsonWriter
		d := unbox(record)
		data, err := w.append(nil, &d, 0)
		if err != nil {
			t.Fatal(err)
		}
		got, err := starlark.Call(&starlark.Thread{}, decode, starlark.Tuple{starlark.String(data)}, nil)
		if err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		if same, err := starlark.Equal(got, record); err != nil || !same {
			t.Errorf("wrote %s, read %v, want %v", data, got, record)
		}
	})
}

// TestCSVReadsBack writes random rows and reads them with another reader of CSV.
func TestCSVReadsBack(t *testing.T) {
	cell := rapid.StringMatching(`[a,"\n é]{0,6}`)
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SliceOfN(rapid.SliceOfN(cell, 3, 3), 1, 5).Draw(t, "rows")
		w := tableWriter{csv: true}
		part := &EncodedPart{}
		for _, row := range rows {
			record := make(starlark.Tuple, len(row))
			for i, s := range row {
				record[i] = starlark.String(s)
			}
			if err := w.appendRows(part, &typedBatch(record).Column, 0, 1); err != nil {
				t.Fatal(err)
			}
		}
		got, err := csv.NewReader(bytes.NewReader(part.Data)).ReadAll()
		if err != nil || !slices.EqualFunc(got, rows, slices.Equal) {
			t.Errorf("wrote %q, read %q, %v", part.Data, got, err)
		}
	})
}

func TestEscapeKey(t *testing.T) {
	for key, want := range map[string]string{
		"":          "%",
		"plain é":   "plain é",
		"a/b":       "a%2Fb",
		"..":        "%2E%2E",
		".hidden":   "%2Ehidden",
		"a..b.c":    "a.%2Eb.c",
		"50%":       "50%25",
		"a\tb\x7f":  "a%09b%7F",
		`a\b`:       "a%5Cb",
		"bad \xff.": "bad %FF.",
		"\ufffd":    "\ufffd",
	} {
		if got := escapeKey(key); got != want {
			t.Errorf("escapeKey(%q) = %q, want %q", key, got, want)
		}
	}
}

func FuzzEscapeKey(f *testing.F) {
	f.Add("a/../b", "%")
	f.Fuzz(func(t *testing.T, a, b string) {
		x, y := escapeKey(a), escapeKey(b)
		if (a == b) != (x == y) {
			t.Errorf("%q and %q became %q and %q", a, b, x, y)
		}
		if x == "" || x == "." || strings.Contains(x, "..") || strings.ContainsAny(x, "/\\\x00\n") {
			t.Errorf("%q became %q", a, x)
		}
	})
}

// columnsOf are batches on the fast path.
func columnsOf(n int) map[string]*chunk.Batch {
	var strs, ints, pairs chunk.Batch
	records := &chunk.Batch{}
	records.BecomeRecord([]string{"word", "count"})
	for i := range n {
		word := fmt.Sprintf("word%d", i)
		strs.AppendString(word)
		ints.AppendInt(int64(i))
		pairs.Append(starlark.Tuple{starlark.String(word), starlark.MakeInt(i)})
		records.Fields[0].AppendString(word)
		records.Fields[1].AppendInt(int64(i))
		records.N++
	}
	return map[string]*chunk.Batch{"str": &strs, "int": &ints, "(str, int)": &pairs, "record": records}
}

func TestFastPathDoesNotAllocate(t *testing.T) {
	const n = 1000
	for name, b := range columnsOf(n) {
		for _, format := range []string{"text", "tsv", "csv", "jsonl"} {
			e := encoderOf(t, SinkSpec{Format: format}).(*encoder)
			round := func() {
				out, err := e.Encode(b, nil)
				if err != nil {
					t.Fatal(err)
				}
				e.pool.put(out)
			}
			round()
			if allocs := testing.AllocsPerRun(10, round); allocs > n/10 { // the pool may be emptied at any time
				t.Errorf("%s as %s: %v allocations for %d records", name, format, allocs, n)
			}
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	const n = 10000
	for _, name := range []string{"str", "int", "(str, int)", "record"} {
		batch := columnsOf(n)[name]
		for _, format := range []string{"text", "csv", "jsonl"} {
			b.Run(name+"/"+format, func(b *testing.B) {
				e := encoderOf(b, SinkSpec{Format: format}).(*encoder)
				b.ReportAllocs()
				for b.Loop() {
					out, err := e.Encode(batch, nil)
					if err != nil {
						b.Fatal(err)
					}
					b.SetBytes(int64(len(out.Parts[0].Data)))
					e.pool.put(out)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/record")
			})
		}
	}
}
