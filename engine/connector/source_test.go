package connector

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/host"
	"github.com/flowsh/flowsh/engine/scan"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
)

// memoryHost has the given files.
func memoryHost(t testing.TB, files map[string]string) *host.Host {
	t.Helper()
	h := host.NewMemory()
	for name, content := range files {
		writeFile(t, h, name, content)
	}
	return h
}

func writeFile(t testing.TB, h *host.Host, name, content string) {
	t.Helper()
	if err := h.FS.MkdirAll(filepath.Dir(name)); err != nil {
		t.Fatal(err)
	}
	h.FS.Remove(name)
	f, err := h.FS.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.WriteString(f, content); err != nil {
		t.Fatal(err)
	}
}

// readAll reads a source the way the engine does and renders what it gave: records with their positions and
// origins, then errors of records, in order.
func readAll(t testing.TB, spec SourceSpec, h *host.Host) (records, bad []string, err error) {
	t.Helper()
	s, err := NewSource(spec, h)
	if err != nil {
		return nil, nil, err
	}
	splits, err := s.Splits(context.Background())
	if err != nil {
		return nil, nil, err
	}
	for _, split := range splits {
		if err := readSplits(s, []Split{split}, &records, &bad); err != nil {
			return records, bad, err
		}
	}
	return records, bad, nil
}

func readSplits(s Source, splits []Split, records, bad *[]string) error {
	r, err := s.Open(context.Background(), splits)
	if err != nil {
		return err
	}
	defer r.Close()
	decoder, batch := s.NewDecoder(), new(chunk.Batch)
	for {
		b, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := checkBlock(b); err != nil {
			return err
		}
		data := bytes.Clone(b.Data)
		err = decoder.Decode(b, batch, func(e *RecordError) error {
			*bad = append(*bad, fmt.Sprintf("%v | %q", e, e.Text))
			return nil
		})
		if err != nil {
			return err
		}
		if !bytes.Equal(data, b.Data) {
			return errors.New("a block was written to")
		}
		*records = append(*records, render(batch)...)
	}
}

func checkBlock(b *Block) error {
	if b.Base != uint64(b.Split.Input)<<chunk.PositionBits+uint64(b.Offset) {
		return fmt.Errorf("block at %d of input %d has base %d", b.Offset, b.Split.Input, b.Base)
	}
	if s := b.Split; b.Offset < s.Start || s.End > int64(len(scan.BOM)) && b.Offset >= s.End {
		return fmt.Errorf("block at %d is outside of its split %v", b.Offset, *s)
	}
	return nil
}

func render(b *chunk.Batch) []string {
	var lines []string
	for i := range b.N {
		v := b.At(i)
		at := b.Base + uint64(b.RelativeAt(i))
		lines = append(lines, fmt.Sprintf("%d:%d %s %v", at>>chunk.PositionBits, at&(1<<chunk.PositionBits-1), b.Origin.File, v))
	}
	return lines
}

// compressors make test data, whole or as several streams one behind the other.
var compressors = map[string]func(t testing.TB, text string) string{
	"plain": func(_ testing.TB, text string) string { return text },
	"gz":    with(func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil }),
	"zstd":  with(func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) }),
	"xz":    with(func(w io.Writer) (io.WriteCloser, error) { return xz.WriterConfig{BlockSize: 4096}.NewWriter(w) }),
	"lz4":   with(func(w io.Writer) (io.WriteCloser, error) { return lz4Writer(w) }),
}

func lz4Writer(w io.Writer) (io.WriteCloser, error) {
	z := lz4.NewWriter(w)
	return z, z.Apply(lz4.BlockSizeOption(lz4.Block64Kb))
}

func with(open func(io.Writer) (io.WriteCloser, error)) func(testing.TB, string) string {
	return func(t testing.TB, text string) string {
		var out bytes.Buffer
		half := len(text) / 2
		for _, part := range []string{text[:half], text[half:]} {
			w, err := open(&out)
			if err == nil {
				_, err = io.WriteString(w, part)
			}
			if err == nil {
				err = w.Close()
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		return out.String()
	}
}

func sample(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// sources are the specs that the conformance suite runs over their sample.
var sources = map[string]SourceSpec{
	"lines":          {Format: "lines"},
	"lines origin":   {Format: "lines", Origin: true},
	"csv":            {Format: "csv", Header: true},
	"csv origin":     {Format: "csv", Header: true, Origin: true},
	"csv typed":      {Format: "csv", Header: true, Types: []Typed{{"id", "int"}}, Columns: []string{"name", "id"}},
	"csv tuples":     {Format: "csv"},
	"csv named":      {Format: "csv", Columns: []string{"x", "y", "z"}, Types: []Typed{{"x", "int"}}},
	"csv ragged":     {Format: "csv", Columns: []string{"x", "y"}},
	"tsv":            {Format: "tsv", Header: true},
	"tsv bad":        {Format: "tsv", Header: true, Types: []Typed{{"name", "float"}}},
	"tsv tuples":     {Format: "tsv", Origin: true},
	"jsonl":          {Format: "jsonl"},
	"jsonl origin":   {Format: "jsonl", Origin: true},
	"csv as jsonl":   {Format: "jsonl"},
	"jsonl as lines": {Format: "lines"},
	"lines as csv":   {Format: "csv", Ragged: "pad"},
	"text":           {Format: "text"},
}

func sampleOf(t *testing.T, name string) (string, string) {
	format, _, _ := strings.Cut(name, " ")
	if format == "text" {
		format = "lines"
	}
	return "sample." + format, sample(t, "sample."+format)
}

// TestSource is the conformance suite: whatever the compression and the cuts, a source gives the same records and
// errors at the same positions.
func TestSource(t *testing.T) {
	for name, spec := range sources {
		t.Run(name, func(t *testing.T) {
			file, text := sampleOf(t, name)
			packed := map[string]string{"bz2": sample(t, file+".bz2")}
			for codec, compress := range compressors {
				packed[codec] = compress(t, text)
			}
			spec.Paths = []string{"in/sample"}
			want, wantBad, err := readAll(t, spec, memoryHost(t, map[string]string{"in/sample": text}))
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name, want, wantBad)
			for codec, content := range packed {
				h := memoryHost(t, map[string]string{"in/sample": content})
				for _, block := range []int64{1, 7, 64, 1 << 20} {
					for _, split := range []int64{1, 2, 3, 5, 64, 100} {
						spec.BlockSize, spec.SplitSize = block, split
						got, bad, err := readAll(t, spec, h)
						if err != nil || !slices.Equal(got, want) || !slices.Equal(bad, wantBad) {
							t.Fatalf("%s, blocks of %d, splits of %d:\n got %s\nwant %s\n got %q\nwant %q\nerror %v", codec, block, split,
								strings.Join(got, "\n     "), strings.Join(want, "\n     "), bad, wantBad, err)
						}
						if codec != "plain" {
							break // one split anyway
						}
					}
				}
			}
		})
	}
}

// FuzzSource reads any bytes whole and in cuts.
func FuzzSource(f *testing.F) {
	for i, format := range []string{"lines", "csv", "tsv", "jsonl"} {
		f.Add(i, sample(f, "sample."+format), 5, 9)
	}
	f.Add(1, "\xef\xbb\xbf\"a\n\",\"\n", 1, 2)
	f.Fuzz(func(t *testing.T, which int, text string, block, split int) {
		if compressionOf([]byte(text)) != nil || len(text) > 2000 {
			return
		}
		specs := []SourceSpec{
			{Format: "lines"}, {Format: "csv"}, {Format: "tsv"}, {Format: "jsonl"}, {Format: "lines", Origin: true}, {Format: "csv", Header: true},
		}
		spec := specs[int(uint(which)%uint(len(specs)))]
		spec.Paths, spec.MaxRecord = []string{"f"}, 50
		h := memoryHost(t, map[string]string{"f": text})
		want, wantBad, wantErr := readAll(t, spec, h)
		spec.BlockSize, spec.SplitSize = 1+int64(uint(block)%100), 1+int64(uint(split)%100)
		got, bad, err := readAll(t, spec, h)
		if !slices.Equal(got, want) || !slices.Equal(bad, wantBad) || fmt.Sprint(err) != fmt.Sprint(wantErr) {
			t.Fatalf("%+v of %q:\n got %q, %q, %v\nwant %q, %q, %v", spec, text, got, bad, err, want, wantBad, wantErr)
		}
	})
}

// golden compares with testdata, which UPDATE=1 rewrites.
func golden(t *testing.T, name string, records, bad []string) {
	t.Helper()
	got := strings.Join(append(slices.Clone(records), bad...), "\n") + "\n"
	path := filepath.Join("testdata", strings.ReplaceAll(name, " ", "-")+".golden")
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want := sample(t, filepath.Base(path)); got != want {
		t.Errorf("%s:\n%s\nwant\n%s", path, got, want)
	}
}

func TestAdjacentSplitsAreReadInOneGo(t *testing.T) {
	for _, format := range []string{"lines", "csv", "tsv", "jsonl"} {
		spec := SourceSpec{Format: format, Paths: []string{"a", "b"}, Origin: true, SplitSize: 9, BlockSize: 13}
		text := sample(t, "sample."+format)
		h := memoryHost(t, map[string]string{"a": text, "b": text})
		want, wantBad, err := readAll(t, spec, h)
		if err != nil {
			t.Fatal(err)
		}
		s, _ := NewSource(spec, h)
		splits, err := s.Splits(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, cuts := range [][]int{{0, len(splits)}, {0, 3, len(splits)}, {0, 1, 2, 7, len(splits)}} {
			var got, bad []string
			for i := range len(cuts) - 1 {
				if err := readSplits(s, splits[cuts[i]:cuts[i+1]], &got, &bad); err != nil {
					t.Fatal(err)
				}
			}
			if !slices.Equal(got, want) || !slices.Equal(bad, wantBad) {
				t.Errorf("%s, read as %v: got\n%s\nwant\n%s", format, cuts, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
	}
}

func TestManyFiles(t *testing.T) {
	h := memoryHost(t, map[string]string{
		"d/a.txt": "1\n2", "d/b.txt": "", "d/sub/c.txt": "3\n", "d/.hidden.txt": "no", "d/e[1].txt": "4", "B.txt": "5",
	})
	h.Stdin = strings.NewReader("in\n")
	tests := []struct {
		paths []string
		want  []string
	}{
		{[]string{"d/*.txt"}, []string{"0:0 d/a.txt 1", "0:2 d/a.txt 2", "2:0 d/e[1].txt 4"}},
		{[]string{"**/*.txt"}, []string{"0:0 B.txt 5", "1:0 d/a.txt 1", "1:2 d/a.txt 2", "3:0 d/e[1].txt 4", "4:0 d/sub/c.txt 3"}},
		{[]string{"d/{sub/c,a}.txt"}, []string{"0:0 d/a.txt 1", "0:2 d/a.txt 2", "1:0 d/sub/c.txt 3"}},
		{[]string{"d/e[1].txt", "-", "B.txt", "B.txt"}, []string{"0:0 d/e[1].txt 4", "1:0 stdin in", "2:0 B.txt 5", "3:0 B.txt 5"}},
		{[]string{"/d/**"}, []string{"0:0 /d/a.txt 1", "0:2 /d/a.txt 2", "2:0 /d/e[1].txt 4", "3:0 /d/sub/c.txt 3"}},
	}
	for _, test := range tests {
		got, _, err := readAll(t, SourceSpec{Format: "lines", Paths: test.paths}, h)
		for i := range got {
			got[i] = strings.ReplaceAll(got[i], `"`, "")
		}
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%v: got %q, %v; want %q", test.paths, got, err, test.want)
		}
	}
}

func TestBadPaths(t *testing.T) {
	h := memoryHost(t, map[string]string{"d/a.txt": "1"})
	tests := []struct {
		path, want string
		missing    bool
	}{
		{"gone.txt", "gone.txt: file does not exist", true},
		{"d/*.csv", "d/*.csv: no file matches this pattern", true},
		{"e/*", "e/*: no file matches this pattern", true},
		{"d", `d: is a folder; write "d/*" for the files in it`, false},
		{"d/", `d/: is a folder; write "d/*" for the files in it`, false},
		{"d/[a", "d/[a: is not a valid pattern: a [ or { is not closed", false},
	}
	for _, test := range tests {
		_, _, err := readAll(t, SourceSpec{Format: "lines", Paths: []string{test.path}}, h)
		if err == nil || err.Error() != test.want || errors.Is(err, fs.ErrNotExist) != test.missing {
			t.Errorf("%s: error %v, want %s", test.path, err, test.want)
		}
	}
}

func TestSplitsDependOnSizesAlone(t *testing.T) {
	plan := func(size int64, sizes ...int64) (starts []int64) {
		files := make([]Split, len(sizes))
		for i, n := range sizes {
			files[i] = Split{Size: n, End: n}
		}
		for _, s := range cutSplits(files, size) {
			starts = append(starts, s.Start)
		}
		return starts
	}
	if got := plan(10, 25, 10, 11); !slices.Equal(got, []int64{0, 10, 20, 0, 0, 10}) {
		t.Errorf("starts %v", got)
	}
	if got := len(plan(16<<20, 1<<40)); got != maxSplits {
		t.Errorf("1 TiB makes %d splits, want %d", got, maxSplits)
	}
	if got := len(plan(16<<20, 1<<40+1)); got != maxSplits/2+1 {
		t.Errorf("a byte more makes %d splits, want %d", got, maxSplits/2+1)
	}
	if got := len(plan(1, slices.Repeat([]int64{3}, 5000)...)); got != 5000 {
		t.Errorf("5000 files make %d splits", got)
	}
}

func TestInputNumbers(t *testing.T) {
	files := []Split{
		{Size: 0, End: -1}, {Size: 1<<40 + 1, End: 1<<40 + 1}, {Size: 1 << 40, End: 1 << 40}, {Size: 5 << 32, End: -1}, {Size: 1, End: 1},
	}
	if err := number(files); err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{0, 1, 3, 4, 10} {
		if files[i].Input != want {
			t.Errorf("file %d has number %d, want %d", i, files[i].Input, want)
		}
	}
	if err := number([]Split{{Size: 1 << 60, End: -1}}); err == nil {
		t.Error("2^28 numbers were given away")
	}
}

func TestBadSpecs(t *testing.T) {
	tests := []struct {
		spec SourceSpec
		want string
	}{
		{SourceSpec{Format: "xml"}, "xml: not a format of files; there are lines, csv, tsv, jsonl and text"},
		{SourceSpec{Format: "lines"}, "lines: no path is given"},
		{SourceSpec{Format: "lines", Paths: []string{"-", "a", "-"}}, `lines: "-" (stdin) is given twice, but can be read only once`},
		{SourceSpec{Format: "csv", Delimiter: "||"}, `csv: delimiter "||" must be one byte, and not a quote, a backslash or a line end`},
		{SourceSpec{Format: "csv", Ragged: "fill"}, `csv: ragged = "fill": write "error", "pad" or "skip"`},
		{SourceSpec{Format: "csv", Columns: []string{"a", "a"}}, `csv: columns names "a" twice`},
		{SourceSpec{Format: "csv", Header: true, Types: []Typed{{"a", "date"}}}, `csv: types: "a" cannot become date; there are int, float, bool and str`},
		{SourceSpec{Format: "tsv", Types: []Typed{{"a", "int"}}}, "tsv: types names columns, but without a header they have no names: give columns = [...] too"},
		{SourceSpec{Format: "lines", MaxRecord: -1}, "lines: a record of -1 bytes cannot be the longest; choose from 1 to 1073741824"},
	}
	for _, test := range tests {
		if test.spec.Paths == nil && test.spec.Format != "lines" || test.spec.MaxRecord != 0 {
			test.spec.Paths = []string{"x"}
		}
		if _, err := NewSource(test.spec, host.NewMemory()); err == nil || err.Error() != test.want {
			t.Errorf("%+v: error %v, want %s", test.spec, err, test.want)
		}
	}
}

// openAll opens all splits of a source.
func openAll(t *testing.T, spec SourceSpec, h *host.Host) Reader {
	t.Helper()
	s, err := NewSource(spec, h)
	if err != nil {
		t.Fatal(err)
	}
	splits, err := s.Splits(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Open(t.Context(), splits)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestBlocksOfLongRecords reads records that are longer than blocks: little more memory is held than they take.
func TestBlocksOfLongRecords(t *testing.T) {
	const length, records = 500_000, 6
	blockMemories = sync.Pool{} // what other tests have left may be larger
	h := memoryHost(t, map[string]string{"f": strings.Repeat(strings.Repeat("x", length-1)+"\n", records)})
	r := openAll(t, SourceSpec{Format: "lines", Paths: []string{"f"}, BlockSize: 10_000, SplitSize: 1 << 30}, h)
	defer r.Close()
	for n := range records {
		b, err := r.Next()
		if err != nil || len(b.Data) != length {
			t.Fatalf("block %d has %d bytes, %v", n, len(b.Data), err)
		}
		if more := b.Held() - length; n > 0 && more > 50_000 || more > length/2+10_000 {
			t.Errorf("block %d of %d bytes holds %d more", n, length, more)
		}
	}
}

// TestRecordsLongerThanTheMemoryAllows names the record and the flag, whatever MaxRecord is.
func TestRecordsLongerThanTheMemoryAllows(t *testing.T) {
	h := memoryHost(t, map[string]string{"f": "a\n" + strings.Repeat("x", 100) + "\n"})
	spec := SourceSpec{Format: "lines", Paths: []string{"f"}, MaxRecord: 1000, MostHeld: 50}
	_, _, err := readAll(t, spec, h)
	want := "f: at byte 2: the record that begins here is longer than 50 bytes, all that the memory budget allows; raise --mem"
	if err == nil || err.Error() != want || !errors.Is(err, ErrTooLong) {
		t.Errorf("got %v, want %s", err, want)
	}
	spec.MaxRecord = 20
	if _, _, err := readAll(t, spec, h); err == nil || !strings.Contains(err.Error(), "20 bytes; allow more with --max-record") {
		t.Errorf("got %v", err)
	}
}

// TestSplitsOfSoManyRecords cuts a file by the length of its first records.
func TestSplitsOfSoManyRecords(t *testing.T) {
	h := host.NewMemory()
	writeFile(t, h, "f", strings.Repeat("0123456789 12345\n", 100_000)) // of 17 bytes
	for records, want := range map[int64]int64{1000: 17_000, 1: 4 << 10, 50_000: 850_000} {
		s, err := NewSource(SourceSpec{Format: "lines", Paths: []string{"f"}, SplitRecords: records}, h)
		if err != nil {
			t.Fatal(err)
		}
		splits, err := s.Splits(context.Background())
		if err != nil || splits[0].End != want {
			t.Errorf("splits of %d records end at %v, %v", records, splits[0].End, err)
		}
	}
}
