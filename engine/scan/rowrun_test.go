package scan

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// A rowReader is a CSV or a TSV.
type rowReader interface {
	Reset(text string)
	Next() (Row, bool)
	Run(r *RowRun) int
	At() int
	Seek(at int)
}

// TestRunsAreRows compares the fields that runs give with those of record after record.
func TestRunsAreRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		delim := rapid.SampledFrom([]byte(",;\t|0")).Draw(t, "delim")
		width := rapid.IntRange(1, 5).Draw(t, "width")
		field := rapid.SampledFrom([]string{"", "a", "bc", "12345678", "\xff\x80", "\r", "\"q\"", "\"", "x\\y", strings.Repeat("long", 300)})
		var text strings.Builder
		for range rapid.IntRange(0, 300).Draw(t, "rows") {
			row := make([]string, width)
			for i := range row {
				if rapid.IntRange(0, 9).Draw(t, "plain") > 0 {
					row[i] = "plain"
				} else {
					row[i] = field.Draw(t, "field")
				}
			}
			if rapid.IntRange(0, 40).Draw(t, "ragged") == 0 {
				row = row[1:]
			}
			text.WriteString(strings.Join(row, string(delim)))
			text.WriteString(rapid.SampledFrom([]string{"\n", "\n", "\r\n"}).Draw(t, "end"))
		}
		all := strings.TrimSuffix(text.String(), rapid.SampledFrom([]string{"", "\n"}).Draw(t, "last"))
		for _, rows := range []rowReader{NewCSV(delim), NewTSV(delim)} {
			compareRuns(t, rows, all, width)
		}
	})
}

func compareRuns(t *rapid.T, rows rowReader, text string, width int) {
	for range 2 { // the second time with what the first left behind
		rows.Reset(text)
		var want []string
		for row, ok := rows.Next(); ok; row, ok = rows.Next() {
			want = append(want, fmt.Sprintf("%d %q %v", row.Start, row.Fields, row.Err))
		}
		var got []string
		rows.Reset(text)
		for {
			run := RowRun{Width: width, Fields: make([][]string, width)}
			for i := range width {
				run.Pick = append(run.Pick, i)
			}
			at := rows.At()
			if n := rows.Run(&run); n > 0 && rapid.IntRange(0, 3).Draw(t, "again") == 0 {
				run.Starts = nil
				rows.Seek(at)
			}
			for i, start := range run.Starts {
				var fields []string
				for f := range width {
					fields = append(fields, run.Fields[f][i])
				}
				got = append(got, fmt.Sprintf("%d %q %v", start, fields, nil))
			}
			row, ok := rows.Next()
			if !ok {
				break
			}
			got = append(got, fmt.Sprintf("%d %q %v", row.Start, row.Fields, row.Err))
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%T of %q: got %v, want %v", rows, text, got, want)
		}
	}
}

// orders is a table whose fields have many lengths.
func orders(n int) string {
	var text strings.Builder
	r := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		fmt.Fprintf(&text, "%d,%d,%.2f,%s\n", i, r.IntN(1e6), r.Float64()*1e5/float64(1+r.IntN(100)), []string{"paid", "new", "refunded", "shipped"}[r.IntN(4)])
	}
	return text.String()
}

func BenchmarkRowRun(b *testing.B) {
	text := orders(20_000)
	rows := NewCSV(',')
	run := RowRun{Width: 4, Pick: []int{0, 2}, Fields: make([][]string, 2)}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		rows.Reset(text)
		run.Starts = run.Starts[:0]
		for i := range run.Fields {
			run.Fields[i] = run.Fields[i][:0]
		}
		for rows.Run(&run) > 0 {
		}
		if len(run.Starts) != 20_000 {
			b.Fatal(len(run.Starts))
		}
	}
}

func BenchmarkRowNext(b *testing.B) {
	text := orders(20_000)
	rows := NewCSV(',')
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		rows.Reset(text)
		for _, ok := rows.Next(); ok; _, ok = rows.Next() {
		}
	}
}
