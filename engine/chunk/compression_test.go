package chunk

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"go.starlark.net/starlark"
)

func TestCompressions(t *testing.T) {
	noise := make([]byte, 100_000)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	even := strings.Repeat("the quick brown fox jumps ", 4000)
	size := map[string]int{}
	for _, c := range []Compression{None, S2, Zstd} {
		for name, text := range map[string]string{"even": even, "noise": string(noise), "short": "abc", "both": even + string(noise) + even} {
			b := new(Batch)
			b.Append(starlark.String(text))
			data, err := Append(nil, testID, b, Options{Compression: c})
			if err != nil {
				t.Fatal(err)
			}
			if got := mustDecode(t, data).At(0); got != starlark.String(text) {
				t.Errorf("%q, %s: another value", c, name)
			}
			size[string(c)+" "+name] = len(data)
			for range 50 {
				hurt := bytes.Clone(data)
				hurt[r.IntN(len(hurt))] ^= 1 << r.IntN(8)
				if _, err := Decode(hurt, b); !errors.Is(err, ErrCorrupt) && !errors.As(err, new(*VersionError)) {
					t.Fatalf("%q, %s: damage is found as %v", c, name, err)
				}
			}
		}
	}
	switch {
	case size["none even"] < len(even):
		t.Error("none compresses")
	case size[" even"] > len(even)/10 || size["zstd even"] > len(even)/10:
		t.Error("S2 or Zstandard does not compress")
	case size[" noise"] != size["none noise"] || size["zstd noise"] != size["none noise"]:
		t.Error("what does not become smaller is compressed")
	}
}

// TestExpandBounds has bodies that say they are longer, or shorter, than their header says.
func TestExpandBounds(t *testing.T) {
	raw := bytes.Repeat([]byte("ab"), 1<<16)
	for _, c := range []Compression{None, S2, Zstd} {
		body, how := compress(nil, raw, c)
		for _, size := range []int{0, 1, len(raw) - 1, len(raw) + 1} {
			if _, err := expand(body, how, size); !errors.Is(err, ErrCorrupt) {
				t.Errorf("%q of %d bytes: %v", c, size, err)
			}
		}
	}
}
