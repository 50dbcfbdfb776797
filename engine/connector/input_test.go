package connector

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/host"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

func TestEmptyInput(t *testing.T) {
	for _, format := range []string{"lines", "csv", "tsv", "jsonl"} {
		for codec, compress := range compressors {
			spec := SourceSpec{Format: format, Header: true, Paths: []string{"empty", "-"}}
			got, bad, err := readAll(t, spec, memoryHost(t, map[string]string{"empty": compress(t, "")}))
			if err != nil || len(got)+len(bad) > 0 {
				t.Errorf("%s, %s: %v, %v, %v", format, codec, got, bad, err)
			}
		}
	}
	got, _, err := readAll(t, SourceSpec{Format: "text", Paths: []string{"empty"}}, memoryHost(t, map[string]string{"empty": ""}))
	if err != nil || !slices.Equal(got, []string{`0:0 empty ("empty", "")`}) {
		t.Errorf("an empty text is %q, %v", got, err)
	}
}

func TestStdin(t *testing.T) {
	text := sample(t, "sample.csv")
	want, _, err := readAll(t, SourceSpec{Format: "csv", Header: true, Paths: []string{"stdin"}}, memoryHost(t, map[string]string{"stdin": text}))
	if err != nil {
		t.Fatal(err)
	}
	for codec, compress := range compressors {
		for name, slow := range map[string]func(io.Reader) io.Reader{
			"whole": func(r io.Reader) io.Reader { return r }, "halves": iotest.HalfReader, "bytes": iotest.OneByteReader, "early end": iotest.DataErrReader,
		} {
			h := host.NewMemory()
			h.Stdin = slow(strings.NewReader(compress(t, text)))
			got, _, err := readAll(t, SourceSpec{Format: "csv", Header: true, Paths: []string{"-"}}, h)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%s in %s: %v, got\n%s", codec, name, err, strings.Join(got, "\n"))
			}
		}
	}
}

func TestStdinThatFails(t *testing.T) {
	h := host.NewMemory()
	h.Stdin = io.MultiReader(strings.NewReader("a line\nand another, which is long enough\nhalf a l"), iotest.ErrReader(errors.New("broken")))
	got, _, err := readAll(t, SourceSpec{Format: "lines", Paths: []string{"-"}}, h)
	if fmt.Sprint(err) != "stdin: at byte 49: broken" || len(got) != 2 {
		t.Errorf("got %q, %v", got, err)
	}
}

// TestCutShort cuts compressed files at every byte: what is left is an error, and never taken for the whole. Each
// file has two streams of some blocks; only a cut right between the streams cannot show.
func TestCutShort(t *testing.T) {
	line := "a line of text that goes on\n"
	texts := map[string]string{
		"gz": strings.Repeat(line, 2000), "zstd": strings.Repeat(line, 10_000), "lz4": strings.Repeat(line, 5_000), "xz": strings.Repeat(line, 600),
	}
	packed := map[string]string{"bz2": sample(t, "streams.lines.bz2")}
	for codec, text := range texts {
		packed[codec] = compressors[codec](t, text)
	}
	spec := SourceSpec{Format: "lines", Paths: []string{"f"}}
	for codec, whole := range packed {
		want, _, err := readAll(t, spec, memoryHost(t, map[string]string{"f": whole}))
		if err != nil {
			t.Fatal(err)
		}
		clean := 0
		for n := magicLen; n < len(whole); n++ {
			got, _, err := readAll(t, spec, memoryHost(t, map[string]string{"f": whole[:n]}))
			var read *ReadError
			switch {
			case err == nil:
				clean++
			case !errors.As(err, &read) || read.Offset != int64(n) || read.File != "f":
				t.Errorf("%s of %d bytes: error %v", codec, n, err)
			case len(got) > len(want) || !slices.Equal(got, want[:len(got)]):
				t.Errorf("%s of %d bytes: got %d records that are not the first ones", codec, n, len(got))
			}
		}
		if clean != 1 {
			t.Errorf("%s: %d of %d cuts go unnoticed", codec, clean, len(whole))
		}
	}
}

func TestXzPadding(t *testing.T) {
	packed := compressors["xz"](t, "a\nb\n") + strings.Repeat("\x00", 8)
	got, _, err := readAll(t, SourceSpec{Format: "lines", Paths: []string{"f"}}, memoryHost(t, map[string]string{"f": packed}))
	if err != nil || len(got) != 2 {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestCutShortSaysSo(t *testing.T) {
	whole := compressors["gz"](t, strings.Repeat("line\n", 1000))
	_, _, err := readAll(t, SourceSpec{Format: "lines", Paths: []string{"f.txt"}}, memoryHost(t, map[string]string{"f.txt": whole[:len(whole)-20]}))
	if want := fmt.Sprintf("f.txt: after %d compressed bytes: the gz data is cut short; get the whole file", len(whole)-20); fmt.Sprint(err) != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// TestOffsetsInCompressedFiles says of the text of a compressed file that it is that.
func TestOffsetsInCompressedFiles(t *testing.T) {
	packed := compressors["gz"](t, "short\n"+strings.Repeat("x", 100)+"\n")
	spec := SourceSpec{Format: "lines", Paths: []string{"f"}, MaxRecord: 50}
	_, _, err := readAll(t, spec, memoryHost(t, map[string]string{"f": packed}))
	if want := "f: at byte 6 of the decompressed text: the record that begins here is longer"; !strings.HasPrefix(fmt.Sprint(err), want) {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestDamaged(t *testing.T) {
	whole := []byte(compressors["gz"](t, strings.Repeat("some line\n", 1000)))
	whole[len(whole)/2] ^= 0x55
	_, _, err := readAll(t, SourceSpec{Format: "lines", Paths: []string{"f"}}, memoryHost(t, map[string]string{"f": string(whole)}))
	if err == nil || !strings.Contains(err.Error(), "the gz data is damaged: ") {
		t.Errorf("error %v", err)
	}
}

func TestCompressionIsRecognisedByContent(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "BZh9 is how bzip2 begins": "", "\x1f\x8b": "", "BZh91AY&SY....": "bz2", "\x50\x2a\x4d\x18": "zstd", "P*M": "",
	} {
		name := ""
		if c := compressionOf([]byte(text)); c != nil {
			name = c.name
		}
		if name != want {
			t.Errorf("%q is %q, want %q", text, name, want)
		}
	}
}

func TestBzip2Streams(t *testing.T) {
	spec := SourceSpec{Format: "lines", Paths: []string{"f"}}
	want, _, err := readAll(t, spec, memoryHost(t, map[string]string{"f": sample(t, "sample.lines")}))
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := readAll(t, spec, memoryHost(t, map[string]string{"f": sample(t, "streams.lines.bz2")}))
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("two streams: %v, got %q", err, got)
	}
}

// zeros is n zero bytes, compressed.
func zeros(t *testing.T, n int64, open func(io.Writer) io.WriteCloser) string {
	t.Helper()
	var out bytes.Buffer
	w := open(&out)
	if _, err := io.CopyN(w, zeroReader{}, n); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestBomb reads files that are a thousand times larger than they look, as one record without an end.
func TestBomb(t *testing.T) {
	bombs := map[string]string{
		"gz": zeros(t, 256<<20, func(w io.Writer) io.WriteCloser { z, _ := gzip.NewWriterLevel(w, 1); return z }),
		"zstd": zeros(t, 256<<20, func(w io.Writer) io.WriteCloser {
			z, _ := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
			return z
		}),
	}
	for codec, bomb := range bombs {
		for _, format := range []string{"lines", "text"} {
			h := memoryHost(t, map[string]string{"bomb": bomb})
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, _, err := readAll(t, SourceSpec{Format: format, Paths: []string{"bomb"}, MaxRecord: 1 << 20}, h)
			runtime.ReadMemStats(&after)
			want := "bomb: at byte 0 of the decompressed text: the record that begins here is longer than 1048576 bytes; allow more with --max-record"
			if fmt.Sprint(err) != want || !errors.Is(err, ErrTooLong) {
				t.Errorf("%s, %s: error %v", codec, format, err)
			}
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 64<<20 {
				t.Errorf("%s, %s: %d MiB were allocated", codec, format, grown>>20)
			}
		}
	}
}

func TestXzDictionaryIsBounded(t *testing.T) {
	file := []byte(compressors["xz"](t, "text"))
	file[16] = 40 // 4 GiB - 1
	_, _, err := readAll(t, SourceSpec{Format: "lines", Paths: []string{"f"}}, memoryHost(t, map[string]string{"f": string(file)}))
	if err == nil || !strings.Contains(err.Error(), "its dictionary of 4095 MiB is over the limit of 128 MiB") {
		t.Errorf("error %v", err)
	}
}

// TestMaxRecord wants the same answer wherever blocks and splits are cut.
func TestMaxRecord(t *testing.T) {
	const limit = 10
	tests := []struct {
		format, text string
		at           int // offset of the record over the limit, -1 if there is none
		records      int
	}{
		{"lines", "0123456789\n0123456789\n", -1, 2},
		{"lines", "a\n0123456789", -1, 2},
		{"lines", "a\nb\n01234567890\nc\n", 4, 2},
		{"lines", "a\nb\n01234567890", 4, 2},
		{"lines", "\xef\xbb\xbf0123456789\n0123456789x\n", 14, 1},
		{"csv", "a,b\n\"01234\n67\",\n1,2\n", 4, 0},
		{"csv", "a,b\n1,2\n\"0123456\n", -1, 1},
		{"csv", "a,b\n1,2\n\"0123456\n123456\n", 8, 1},
		{"jsonl", "1\n\"0123456789\"\n", 2, 1},
	}
	for _, test := range tests {
		for _, block := range []int64{1, 3, 8, 1 << 20} {
			for _, split := range []int64{1, 4, 7, 1 << 20} {
				spec := SourceSpec{Format: test.format, Header: true, Paths: []string{"f"}, MaxRecord: limit, BlockSize: block, SplitSize: split}
				got, _, err := readAll(t, spec, memoryHost(t, map[string]string{"f": test.text}))
				at := -1
				var read *ReadError
				if errors.As(err, &read) {
					at = int(read.Offset)
				}
				if at != test.at || len(got) != test.records || err != nil && !strings.Contains(err.Error(), "longer than 10 bytes") {
					t.Errorf("%s %q, blocks of %d, splits of %d: %q, %v", test.format, test.text, block, split, got, err)
				}
			}
		}
	}
}

func TestErrorTextIsCut(t *testing.T) {
	_, bad, err := readAll(t, SourceSpec{Format: "jsonl", Paths: []string{"f"}}, memoryHost(t, map[string]string{"f": strings.Repeat("x", 5000)}))
	if err != nil || len(bad) != 1 || !strings.HasSuffix(bad[0], ` | "`+strings.Repeat("x", textLimit)+`"`) {
		t.Errorf("bad %q, %v", bad, err)
	}
}

// TestInputThatChanges changes a file between the plan and the reading, and in the middle of the reading.
func TestInputThatChanges(t *testing.T) {
	text := strings.Repeat("a line of text\n", 100)
	changes := map[string]func(t *testing.T, h *host.Host, clock *host.ManualClock){
		"grows":   func(t *testing.T, h *host.Host, _ *host.ManualClock) { writeFile(t, h, "f", text+"more\n") },
		"shrinks": func(t *testing.T, h *host.Host, _ *host.ManualClock) { writeFile(t, h, "f", text[:40]) },
		"is rewritten": func(t *testing.T, h *host.Host, clock *host.ManualClock) {
			clock.Advance(time.Second)
			writeFile(t, h, "f", strings.ReplaceAll(text, "text", "TEXT"))
		},
	}
	for name, change := range changes {
		for _, codec := range []string{"plain", "gz"} {
			clock := host.NewManualClock(time.Unix(1e9, 0))
			memory := host.NewMemFS()
			memory.SetClock(clock)
			h := host.NewMemory()
			h.FS = memory
			writeFile(t, h, "f", compressors[codec](t, text))
			s, err := NewSource(SourceSpec{Format: "lines", Paths: []string{"f"}, SplitSize: 700, BlockSize: 50}, h)
			if err != nil {
				t.Fatal(err)
			}
			splits, err := s.Splits(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			change(t, h, clock)
			var records, bad []string
			err = readSplits(s, splits, &records, &bad)
			if !errors.Is(err, errChanged) || !strings.HasPrefix(err.Error(), "f: the file changed while it was read") {
				t.Errorf("%s, %s, after the plan: error %v", name, codec, err)
			}
		}
	}
}

func TestInputThatChangesWhileItIsOpen(t *testing.T) {
	h := memoryHost(t, map[string]string{"f": strings.Repeat("a line of text\n", 100)})
	r := openAll(t, SourceSpec{Format: "lines", Paths: []string{"f"}, BlockSize: 50}, h)
	defer r.Close()
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	f, err := h.FS.Append("f")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(f, "one more"); err != nil {
		t.Fatal(err)
	}
	f.Close()
	for err == nil {
		_, err = r.Next()
	}
	if want := "f: the file changed while it was read; run the job again when it is complete: it had 1500 bytes and now has 1508"; err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	if _, again := r.Next(); again != err {
		t.Errorf("then %v", again)
	}
}

func TestReaderStopsWhenCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	h := memoryHost(t, map[string]string{"f": "a\nb\n"})
	s, err := NewSource(SourceSpec{Format: "lines", Paths: []string{"f"}, BlockSize: 1}, h)
	if err != nil {
		t.Fatal(err)
	}
	splits, err := s.Splits(ctx)
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Open(ctx, splits)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cancel()
	if _, err := r.Next(); err != context.Canceled {
		t.Errorf("error %v", err)
	}
	if _, err := s.Splits(ctx); err != context.Canceled {
		t.Errorf("planning: error %v", err)
	}
}

func TestProgress(t *testing.T) {
	text := strings.Repeat("a line of text\n", 1000)
	for codec, compress := range compressors {
		packed := compress(t, text)
		s, err := NewSource(SourceSpec{Format: "lines", Paths: []string{"f"}, BlockSize: 1000}, memoryHost(t, map[string]string{"f": packed}))
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
		read := int64(0)
		for {
			b, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			read += b.Read
		}
		r.Close()
		if read != int64(len(packed)) || splits[0].Size != read {
			t.Errorf("%s: %d bytes of %d read, the split has %d", codec, read, len(packed), splits[0].Size)
		}
	}
}

func benchmarkSource(b *testing.B, spec SourceSpec, text string) {
	benchmarkDecoder(b, spec, text, Source.NewDecoder)
}

func benchmarkDecoder(b *testing.B, spec SourceSpec, text string, make func(Source) Decoder) {
	h := memoryHost(b, map[string]string{"f": text})
	spec.Paths = []string{"f"}
	s, err := NewSource(spec, h)
	if err != nil {
		b.Fatal(err)
	}
	splits, err := s.Splits(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	decoder, batch := make(s), new(chunk.Batch)
	for b.Loop() {
		r, err := s.Open(b.Context(), splits)
		if err != nil {
			b.Fatal(err)
		}
		for {
			block, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				b.Fatal(err)
			}
			if err := decoder.Decode(block, batch, nil); err != nil {
				b.Fatal(err)
			}
		}
		r.Close()
	}
}

func BenchmarkLines(b *testing.B) {
	benchmarkSource(b, SourceSpec{Format: "lines"}, strings.Repeat("the quick brown fox jumps over the lazy dog\n", 400_000))
}

func BenchmarkJSONL(b *testing.B) {
	row := `{"ts":"2024-03-01T12:34:56.789Z","user":{"id":184467,"country":"DE"},"type":"purchase","amount":129.95,"ok":true}` + "\n"
	benchmarkSource(b, SourceSpec{Format: "jsonl"}, strings.Repeat(row, 40_000))
}

func BenchmarkCSV(b *testing.B) {
	text := "id,at,type,amount,currency\n" + strings.Repeat("1839,2024-03-01,purchase,129.95,EUR\n", 100_000)
	benchmarkSource(b, SourceSpec{Format: "csv", Header: true, Types: []Typed{{"amount", "float"}, {"id", "int"}}}, text)
}
