package scan

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestIndexPair(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.SampledFrom([]rune("aabc\x00\u0080")), 0, 70, -1).Draw(t, "text")
		pair := rapid.SampledFrom([]string{"aa", "ab", "\x00a", "\x80c", "bb"}).Draw(t, "pair")
		at := rapid.IntRange(0, len(text)).Draw(t, "at")
		want := strings.Index(text[at:], pair)
		if want >= 0 {
			want += at
		}
		if got := IndexPair(text, at, pair[0], pair[1]); got != want {
			t.Fatalf("IndexPair(%q, %d, %q) = %d, want %d", text, at, pair, got, want)
		}
	})
}
