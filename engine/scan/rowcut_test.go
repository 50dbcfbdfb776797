package scan

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestRowCutter compares the fields of plain lines with those that strings.Split gives, at every distance from the
// end of the text.
func TestRowCutter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.SampledFrom([]rune("abc\u00e9,,,\r\n\n\x80-+")), 0, 80, -1).Draw(t, "text")
		c := rowCutter{delim: ',', special: '"'}
		lines := strings.SplitAfter(text, "\n")
		for at, i := 0, 0; at < len(text); i++ {
			want := strings.Split(strings.TrimSuffix(strings.TrimSuffix(lines[i], "\n"), "\r"), ",")
			next := c.cut(text, at)
			if next != at+len(lines[i]) || !slices.Equal(c.fields, want) {
				t.Fatalf("%q at %d: got %q up to %d, want %q up to %d", text, at, c.fields, next, want, at+len(lines[i]))
			}
			at = next
		}
		if text != "" && c.cut(text+`,"`, 0) >= 0 && !strings.Contains(text, "\n") {
			t.Fatalf("%q: a quote in the line is not seen", text)
		}
	})
}
