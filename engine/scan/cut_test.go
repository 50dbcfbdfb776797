package scan

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// cutAll is where a cutter ends records when the text comes in pieces.
func cutAll(c Cutter, text string, piece int) (ends []int) {
	piece = 1 + int(uint(piece)%64)
	for at := 0; at < len(text); {
		p := []byte(text[at:min(at+piece, len(text))])
		n := c.First(p)
		if n == 0 {
			n = len(p)
		} else {
			ends = append(ends, at+n)
		}
		at += n
	}
	return ends
}

// lastOf is what Last gives for a text in pieces: the last end of each piece.
func lastOf(c Cutter, text string, piece int) (ends []int, end Cutter) {
	for at := 0; at < len(text); at += piece {
		if n := c.Last([]byte(text[at:min(at+piece, len(text))])); n > 0 {
			ends = append(ends, at+n)
		}
	}
	return ends, c
}

var cutTexts = []string{
	"", "a", "\n", "a\nb", "a\n\nb\n", "\"a\nb\"\nc\n", "a,\"\n\"\"\n\",\n\nx\"\n\"y\"z\n", "\"\n", "5\"\n\"6\n\"\n", "a\"\n\"\n\"\n", ",\"\r\n\"\r\n",
}

func TestCutter(t *testing.T) {
	tests := []struct {
		text   string
		quotes bool
		want   []int
	}{
		{"", true, nil},
		{"a\nb", false, []int{2}},
		{"\"a\nb\"\nc\n", false, []int{3, 6, 8}},
		{"\"a\nb\"\nc\n", true, []int{6, 8}},
		{"5\" x\n\"a\n\",b\"\nc\n", true, []int{5, 13, 15}},
		{"\"a\"\"\n\"\n", true, []int{7}},
		{"\"a\"b,\"\n\"\n", true, []int{9}},
		{"\"a\n\n\n", true, nil},
	}
	for _, test := range tests {
		c := NewCutter()
		if test.quotes {
			c = NewQuoteCutter(',')
		}
		for piece := range 8 {
			if got := cutAll(c, test.text, piece); !slices.Equal(got, test.want) {
				t.Errorf("%q in pieces of %d: cut at %v, want %v", test.text, piece+1, got, test.want)
			}
		}
	}
}

// TestLastAgreesWithFirst checks that both ways to cut see the same record ends and leave the same state.
func TestLastAgreesWithFirst(t *testing.T) {
	for _, text := range cutTexts {
		checkLast(t, text, 1+len(text)/2)
	}
}

func checkLast(t *testing.T, text string, piece int) {
	t.Helper()
	for _, c := range []Cutter{NewCutter(), NewQuoteCutter(',')} {
		all, states := cutAll(c, text, 0), c
		for i := range len(text) {
			states.First([]byte{text[i]})
		}
		got, end := lastOf(c, text, piece)
		if end != states {
			t.Fatalf("%q: in pieces of %d the cutter ends in %v, byte by byte in %v", text, piece, end, states)
		}
		var want []int
		for _, e := range all { // the last end of each piece
			if n := len(want); n > 0 && (want[n-1]-1)/piece == (e-1)/piece {
				want = want[:n-1]
			}
			want = append(want, e)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%q in pieces of %d: last ends %v, want %v", text, piece, got, want)
		}
		if end.AtRecord() != (len(text) == 0 || len(all) > 0 && all[len(all)-1] == len(text)) {
			t.Fatalf("%q: at a record %v", text, end.AtRecord())
		}
	}
}

func FuzzCutter(f *testing.F) {
	for i, text := range cutTexts {
		f.Add(text, i)
	}
	f.Fuzz(func(t *testing.T, text string, piece int) {
		checkLast(t, text, 1+int(uint(piece)%64))
	})
}

func TestCutterAfterBOM(t *testing.T) {
	c := NewQuoteCutter(',')
	c.SkipBOM()
	if c.AtRecord() || c.First([]byte("\"a\n\"\n")) != 5 {
		t.Error("a quote after a byte order mark does not open a field")
	}
	c = NewQuoteCutter(',')
	c.SkipByte()
	if c.AtRecord() || c.First([]byte("\"a\n\"\n")) != 3 {
		t.Error("a quote in the middle of a field opens one")
	}
}

func BenchmarkCutter(b *testing.B) {
	for name, line := range map[string]string{
		"plain":  "1839,2024-03-01,purchase,129.95,EUR,DE,f3a9c1\n",
		"quoted": "\"1839\",\"2024-03-01\",\"purchase\",\"129.95\",\"EUR\",\"DE\"\n",
	} {
		b.Run(name, func(b *testing.B) {
			text := bytes.Repeat([]byte(line), 20_000)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				c := NewQuoteCutter(',')
				if c.Last(text) != len(text) {
					b.Fatal("the last record end was not found")
				}
			}
		})
	}
}

func TestCutterIsLinear(t *testing.T) {
	// A hostile record: quoted fields without a newline must not make the search for one start over each time.
	text := []byte(strings.Repeat(`"",`, 1<<20))
	c := NewQuoteCutter(',')
	if c.First(text) != 0 || c.Last(text) != 0 {
		t.Error("cut where no record ends")
	}
}
