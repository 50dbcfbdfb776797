package scan

import (
	"slices"
	"strings"
	"testing"
)

func collectLines(text string) (lines []string, starts []int) {
	for l := NewLines(text); ; {
		line, start, ok := l.Next()
		if !ok {
			return lines, starts
		}
		lines, starts = append(lines, line), append(starts, start)
	}
}

func TestLines(t *testing.T) {
	tests := []struct {
		text   string
		lines  []string
		starts []int
	}{
		{"", nil, nil},
		{"\n", []string{""}, []int{0}},
		{"a", []string{"a"}, []int{0}},
		{"a\n", []string{"a"}, []int{0}},
		{"a\n\nb", []string{"a", "", "b"}, []int{0, 2, 3}},
		{"a\r\nb\r", []string{"a", "b"}, []int{0, 3}},
		{"a\r\r\n\r\n", []string{"a\r", ""}, []int{0, 4}},
		{"a\rb\n", []string{"a\rb"}, []int{0}},
		{"\x00\n\xff\xfe\n", []string{"\x00", "\xff\xfe"}, []int{0, 2}},
	}
	for _, test := range tests {
		lines, starts := collectLines(test.text)
		if !slices.Equal(lines, test.lines) || !slices.Equal(starts, test.starts) {
			t.Errorf("%q: lines %q at %v, want %q at %v", test.text, lines, starts, test.lines, test.starts)
		}
	}
}

func TestTrimBOM(t *testing.T) {
	for text, want := range map[string]string{"": "", BOM: "", BOM + "a": "a", "a" + BOM: "a" + BOM, BOM[:2]: BOM[:2]} {
		if got := string(TrimBOM([]byte(text))); got != want {
			t.Errorf("TrimBOM(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestView(t *testing.T) {
	data := []byte("abc")
	if View(data) != "abc" || View(nil) != "" || string(bytesOf("abc")) != "abc" || len(bytesOf("")) != 0 {
		t.Error("a view is not what it views")
	}
	if n := testing.AllocsPerRun(10, func() { _ = View(data) }); n != 0 {
		t.Errorf("a view allocates %v times", n)
	}
}

func BenchmarkLines(b *testing.B) {
	text := strings.Repeat("the quick brown fox jumps over the lazy dog\n", 10_000)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		for l := NewLines(text); ; {
			if _, _, ok := l.Next(); !ok {
				break
			}
		}
	}
}
