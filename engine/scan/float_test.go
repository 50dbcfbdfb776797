package scan

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

func checkFloat(t interface{ Fatalf(string, ...any) }, text string) {
	got, err := ParseFloat(text)
	want, wantErr := strconv.ParseFloat(text, 64)
	if math.Float64bits(got) != math.Float64bits(want) || (err == nil) != (wantErr == nil) {
		t.Fatalf("ParseFloat(%q) = %v, %v; want %v, %v", text, got, err, want, wantErr)
	}
}

func TestParseFloat(t *testing.T) {
	for _, text := range []string{
		"", "-", ".", "-.", "+1", "0", "-0", "-0.0", "1.", ".5", "-.5", "1.5", "129.95", "0.1", "00.10", "1..2", "1.2.3", "1e3", "nan", "inf",
		"999999999999999", "9999999999999999", "0.00000000000001", "0.000000000000001", "123456789.12345678", "1_0", "0x1", "0.00", ".000", "123.", "9999.999", "12/.4", "1:.00", "9007199254740993", "é",
	} {
		checkFloat(t, text)
	}
	rapid.Check(t, func(t *rapid.T) {
		checkFloat(t, rapid.StringMatching(`-?[0-9]{0,17}\.?[0-9]{0,17}(e-?[0-9]{1,2})?`).Draw(t, "text"))
		checkFloat(t, rapid.StringMatching(`[0-9]{0,7}[.-:]?[0-9]{0,4}`).Draw(t, "short"))
	})
}

func BenchmarkParseFloat(b *testing.B) {
	texts := make([]string, 1024)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range texts {
		texts[i] = strconv.FormatFloat(r.Float64()*1e5/float64(1+r.IntN(100)), 'f', 2, 64)
	}
	for b.Loop() {
		for _, text := range texts {
			if _, err := ParseFloat(text); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(texts)), "ns/text")
}
