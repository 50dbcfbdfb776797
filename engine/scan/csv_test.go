package scan

import (
	"encoding/csv"
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestCSV(t *testing.T) {
	tests := []struct {
		text string
		want [][]string
	}{
		{"", nil},
		{"\n", [][]string{{""}}},
		{"a", [][]string{{"a"}}},
		{"a,b\n", [][]string{{"a", "b"}}},
		{"a,\n,b\r\n,", [][]string{{"a", ""}, {"", "b"}, {"", ""}}},
		{`"a,b",c`, [][]string{{"a,b", "c"}}},
		{"\"a\r\nb\",c\r\nd,\"e\"\r\n", [][]string{{"a\r\nb", "c"}, {"d", "e"}}},
		{`"say ""hi""",""""`, [][]string{{`say "hi"`, `"`}}},
		{`"",x,""`, [][]string{{"", "x", ""}}},
		{"5\" pipe,a\"b\"\nnext", [][]string{{`5" pipe`, `a"b"`}, {"next"}}},
		{" \"a\"\n", [][]string{{` "a"`}}},
		{"\"a\"\r", [][]string{{"a"}}},
		{"a\r", [][]string{{"a"}}},
		{"a\rb,\x00\xff\n", [][]string{{"a\rb", "\x00\xff"}}},
		{"\"x\",y\r\n\n\"z\"", [][]string{{"x", "y"}, {""}, {"z"}}},
		{"a,\"b\"", [][]string{{"a", "b"}}},
		{"\"b\",a\"\r\nc", [][]string{{"b", `a"`}, {"c"}}},
	}
	for _, test := range tests {
		c := NewCSV(',')
		c.Reset(test.text)
		var got [][]string
		for {
			row, ok := c.Next()
			if !ok {
				break
			}
			if row.Err != nil {
				t.Errorf("%q: %v", test.text, row.Err)
			}
			got = append(got, slices.Clone(row.Fields))
		}
		if !slices.EqualFunc(got, test.want, slices.Equal) {
			t.Errorf("%q: got %q, want %q", test.text, got, test.want)
		}
	}
}

func TestCSVErrors(t *testing.T) {
	tests := []struct {
		text string
		err  error
		at   int
		next string // first field of the record after it
	}{
		{"a,\"b\nc", ErrUnclosedQuote, 2, ""},
		{"\"", ErrUnclosedQuote, 0, ""},
		{"\"a\"\"", ErrUnclosedQuote, 0, ""},
		{"x,\"a\"b,c\nnext", ErrAfterQuote, 4, "next"},
		{"\"a\" ,\"b\nc\"\nnext", ErrAfterQuote, 2, "next"},
		{"\"a\"\rb\nnext", ErrAfterQuote, 2, "next"},
	}
	for _, test := range tests {
		c := NewCSV(',')
		c.Reset(test.text)
		row, ok := c.Next()
		if !ok || !errors.Is(row.Err, test.err) || row.ErrAt != test.at || row.Fields != nil {
			t.Errorf("%q: %+v", test.text, row)
		}
		after, ok := c.Next()
		if ok != (test.next != "") || ok && after.Fields[0] != test.next {
			t.Errorf("%q: then %+v", test.text, after)
		}
	}
}

func TestCSVBlank(t *testing.T) {
	c := NewCSV(',')
	c.Reset("\n\"\"\n\r\n ")
	for i, want := range []bool{true, false, true, false} {
		if row, _ := c.Next(); row.Blank != want {
			t.Errorf("record %d: blank %v, want %v", i, row.Blank, want)
		}
	}
}

func TestCSVOtherDelimiter(t *testing.T) {
	c := NewCSV('|')
	c.Reset("a,b|\"c|d\"\n")
	if row, _ := c.Next(); !slices.Equal(row.Fields, []string{"a,b", "c|d"}) {
		t.Errorf("fields %q", row.Fields)
	}
}

// TestCSVReadsWhatEncodingCSVWrites compares with an independent writer.
func TestCSVReadsWhatEncodingCSVWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		field := rapid.StringMatching(`[a ,"\n]{0,6}`)
		rows := rapid.SliceOfN(rapid.SliceOfN(field, 2, 4), 1, 4).Draw(t, "rows")
		var text strings.Builder
		w := csv.NewWriter(&text)
		w.UseCRLF = rapid.Bool().Draw(t, "crlf")
		if err := w.WriteAll(rows); err != nil {
			t.Fatal(err)
		}
		c := NewCSV(',')
		c.Reset(text.String())
		for _, want := range rows {
			row, _ := c.Next()
			for i, f := range row.Fields {
				row.Fields[i] = strings.ReplaceAll(f, "\r\n", "\n") // the writer changes line ends inside of fields
			}
			if row.Err != nil || !slices.Equal(row.Fields, want) {
				t.Fatalf("%q: got %q, %v, want %q", text.String(), row.Fields, row.Err, want)
			}
		}
	})
}

// FuzzCSV checks that records follow each other without a gap and end where a Cutter cuts.
func FuzzCSV(f *testing.F) {
	for _, text := range []string{
		"a,b\n", "\"a\nb\",c\r\n", "\"a\"x,\"\n", "\"\"\"\"\n\"", "5\",\"\n\"\n", "\"a\"\r\n\"b\"\r", ",,\n\n", "\"a\"\",\n\n", BOM + "\"a\n\"",
	} {
		f.Add(text, 3)
	}
	f.Fuzz(func(t *testing.T, text string, piece int) {
		c := NewCSV(',')
		c.Reset(text)
		var ends []int
		at := 0
		for {
			row, ok := c.Next()
			if !ok {
				break
			}
			if row.Start != at || row.End <= at {
				t.Fatalf("%q: a record from %d to %d comes after %d", text, row.Start, row.End, at)
			}
			if row.Err != nil && (text[row.ErrAt] != '"' || row.ErrAt < row.Start || row.ErrAt >= row.End) {
				t.Fatalf("%q: error %v at %d", text, row.Err, row.ErrAt)
			}
			at = row.End
			ends = append(ends, at)
		}
		if at != len(text) {
			t.Fatalf("%q: the records end at %d", text, at)
		}
		want := cutAll(NewQuoteCutter(','), text, piece)
		if n := len(ends); n > 0 && (len(want) == 0 || want[len(want)-1] != len(text)) {
			ends = ends[:n-1] // the last record lacks its newline
		}
		if !slices.Equal(ends, want) {
			t.Fatalf("%q: records end at %v, a cutter cuts at %v", text, ends, want)
		}
	})
}

func TestTSV(t *testing.T) {
	tests := []struct {
		text string
		want [][]string
	}{
		{"", nil},
		{"a\tb\n\n", [][]string{{"a", "b"}, {""}}},
		{"\"a\tb\"\r\n", [][]string{{`"a`, `b"`}}},
		{`a\tb` + "\t" + `\\n\n\r`, [][]string{{"a\tb", "\\n\n\r"}}},
		{`\x\` + "\t" + `\\`, [][]string{{`\x\`, `\`}}},
	}
	for _, test := range tests {
		s := NewTSV('\t')
		s.Reset(test.text)
		var got [][]string
		at := 0
		for {
			row, ok := s.Next()
			if !ok {
				break
			}
			if row.Start != at || row.Blank != (len(row.Fields) == 1 && row.Fields[0] == "") {
				t.Errorf("%q: %+v", test.text, row)
			}
			at = row.End
			got = append(got, slices.Clone(row.Fields))
		}
		if !slices.EqualFunc(got, test.want, slices.Equal) || at != len(test.text) {
			t.Errorf("%q: got %q up to %d, want %q", test.text, got, at, test.want)
		}
	}
}

func BenchmarkCSV(b *testing.B) {
	for name, line := range map[string]string{
		"plain":  "1839,2024-03-01,purchase,129.95,EUR,DE,f3a9c1\n",
		"quoted": "\"1839\",\"2024-03-01\",\"purchase\",\"129.95\",\"EUR\",\"DE\"\n",
	} {
		b.Run(name, func(b *testing.B) {
			text := strings.Repeat(line, 1000)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			c := NewCSV(',')
			for b.Loop() {
				c.Reset(text)
				for {
					if _, ok := c.Next(); !ok {
						break
					}
				}
			}
		})
	}
}
