package chunk

import (
	"errors"
	"strings"
	"testing"
)

// TestViewFrame looks at a frame that is stored as it is, and takes one apart that is compressed.
func TestViewFrame(t *testing.T) {
	texts := &Column{Kind: Bytes, N: 2, Strings: []string{strings.Repeat("a", 99), strings.Repeat("b", 99)}}
	ordinals := []Ordinal{{Position: 3}, {Position: 5}}
	for how, view := range map[Compression]bool{None: true, S2: false} {
		data, err := AppendFrame(nil, ID{}, []*Column{texts}, ordinals, how)
		if err != nil {
			t.Fatal(err)
		}
		var own, seen Column
		if _, err := DecodeFrameInto(nil, data, []*Column{&own}); err != nil {
			t.Fatal(err)
		}
		got, err := ViewFrame(nil, data, []*Column{&seen})
		if err != nil || len(got) != 2 || got[1] != ordinals[1] || seen.Strings[1] != texts.Strings[1] {
			t.Fatalf("%q: got %v %v, %v", how, got, seen.Strings, err)
		}
		for i := range data {
			data[i] = '!'
		}
		if own.Strings[1] != texts.Strings[1] || (seen.Strings[1] == texts.Strings[1]) == view {
			t.Errorf("%q: what was decoded is %q, what was looked at %q", how, own.Strings[1], seen.Strings[1])
		}
	}
	if _, err := ViewFrame(nil, []byte(strings.Repeat("!", 99)), []*Column{{}}); !errors.As(err, new(*VersionError)) {
		t.Errorf("of no frame: %v", err)
	}
}
