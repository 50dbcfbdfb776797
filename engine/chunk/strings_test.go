package chunk

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestStringsRoundTrip(t *testing.T) {
	var d dictionary
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.StringN(0, 5, -1), 1, 6).Draw(t, "words")
		values := rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom(words), rapid.StringN(0, 3, -1)), 0, 60).Draw(t, "values")
		checkStrings(t, &d, values)
	})
}

func checkStrings(t fataler, d *dictionary, values []string) int {
	t.Helper()
	data := d.appendStrings(nil, values)
	r := newDecoder(data)
	got := r.readStrings(nil, len(values))
	if r.finish() != nil || !slices.Equal(got, values) {
		t.Fatalf("%q came back as %q", values, got)
	}
	return len(data)
}

func TestRepeatedStringsAreNumbered(t *testing.T) {
	var d dictionary
	var repeated, distinct []string
	for i := range 2000 {
		repeated = append(repeated, fmt.Sprintf("https://example.com/%d", i%10))
		distinct = append(distinct, fmt.Sprint(i))
	}
	if n := checkStrings(t, &d, repeated); n > 1300 {
		t.Errorf("2000 strings, 10 of them distinct, take %d bytes", n)
	}
	if n, least := checkStrings(t, &d, distinct), len(strings.Join(distinct, "")); n > least+800 {
		t.Errorf("2000 distinct strings of %d bytes take %d", least, n)
	}
}

func TestTheDictionaryKeepsNoStrings(t *testing.T) {
	var d dictionary
	d.appendStrings(nil, slices.Repeat([]string{"a view of somebody's block"}, 50))
	for _, s := range d.distinct[:cap(d.distinct)] {
		if s != "" {
			t.Errorf("still holds %q", s)
		}
	}
}
