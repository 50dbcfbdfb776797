package operator

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestKeysOfTexts loads texts of all lengths, wherever they stand, and wants the entries that each of them has by itself.
func TestKeysOfTexts(t *testing.T) {
	memory := strings.Repeat("0123456789abcdefé\x00\xff", 3*memoryPage/20)
	rapid.Check(t, func(t *rapid.T) {
		var texts []string
		for range rapid.IntRange(0, runKeys).Draw(t, "n") {
			at := rapid.IntRange(0, len(memory)-50).Draw(t, "at")
			texts = append(texts, memory[at:][:rapid.IntRange(0, 20).Draw(t, "length")])
		}
		var k keyBatch
		k.reset(len(texts))
		k.loadStrings(texts)
		for i, text := range texts {
			if got, want := k.keys[i], entryOf(text, isString); got != want {
				t.Fatalf("the entry of %q is %+v, want %+v", text, got, want)
			}
		}
	})
}

// BenchmarkKeysOfTexts loads runs of short texts.
func BenchmarkKeysOfTexts(b *testing.B) {
	texts := strings.Fields(strings.Repeat("us ustre je floba kitabra fo bave cexoba ", runKeys/8))
	var k keyBatch
	b.ReportAllocs()
	for b.Loop() {
		k.reset(len(texts))
		k.loadStrings(texts)
	}
}
