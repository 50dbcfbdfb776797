package operator

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
	"pgregory.net/rapid"
)

func TestHeadIsTheFirstBytes(t *testing.T) {
	text := "abcdefghijklmnopqrst"
	for lo := range text {
		for hi := lo; hi <= len(text); hi++ {
			a, b := headOf(text[lo:hi])
			wantA, wantB := headAtEnd(text[lo:hi])
			if a != wantA || b != wantB {
				t.Errorf("head of %q is %x %x, want %x %x", text[lo:hi], a, b, wantA, wantB)
			}
		}
	}
}

// TestHashesAreEven looks at the bits that buckets and tables take.
func TestHashesAreEven(t *testing.T) {
	const n = 1 << 14
	families := map[string]func(i int) starlark.Value{
		"ints":         func(i int) starlark.Value { return starlark.MakeInt(i) },
		"multiples":    func(i int) starlark.Value { return starlark.MakeInt(i << 20) },
		"numerals":     func(i int) starlark.Value { return starlark.String(fmt.Sprint(i)) },
		"words":        func(i int) starlark.Value { return starlark.String(fmt.Sprintf("word%08d", i)) },
		"hex":          func(i int) starlark.Value { return starlark.String(fmt.Sprintf("%016x", i*0x9e3779b9)) },
		"long":         func(i int) starlark.Value { return starlark.String(fmt.Sprintf("/a/rather/long/path/%d/file", i)) },
		"ends":         func(i int) starlark.Value { return starlark.String(strings.Repeat("x", 30) + fmt.Sprint(i)) },
		"pairs":        func(i int) starlark.Value { return starlark.Tuple{starlark.MakeInt(i & 127), starlark.MakeInt(i >> 7)} },
		"zeros":        func(i int) starlark.Value { return starlark.String(strings.Repeat("\x00", i%512) + fmt.Sprint(i/512)) },
		"single bytes": func(i int) starlark.Value { return starlark.String([]byte{byte(i), byte(i >> 8)}) },
	}
	for name, family := range families {
		var keys chunk.Column
		for i := range n {
			keys.Append(family(i))
		}
		var k keyBatch
		if err := k.load(&keys, 0, n); err != nil {
			t.Fatal(err)
		}
		for shift := 0; shift <= 58; shift += 6 {
			var counts [64]int
			for i := range k.keys {
				counts[k.keys[i].hash>>shift%64]++
			}
			if least, most := slices.Min(counts[:]), slices.Max(counts[:]); least < n/64/2 || most > 2*n/64 {
				t.Errorf("%s: of %d keys %d to %d have the same bits from %d on", name, n, least, most, shift)
			}
		}
		hashes := map[uint64]bool{}
		for i := range k.keys {
			hashes[k.keys[i].hash] = true
		}
		if len(hashes) < n {
			t.Errorf("%s: %d keys have %d hashes", name, n, len(hashes))
		}
	}
}

// TestAKeyIsTheSameFromEveryColumn loads a key from a column of its kind, of any kind, and of canonical keys.
func TestAKeyIsTheSameFromEveryColumn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := someKeys.Draw(t, "key")
		if n := rapid.IntRange(0, 300).Draw(t, "long"); n > 100 {
			v = starlark.String(strings.Repeat("é", n))
		}
		canonical, _, err := value.AppendKey(nil, v)
		if err != nil {
			t.Fatal(err)
		}
		var typed, mixed, frame, none chunk.Column
		typed.Append(v)
		mixed.Append(starlark.NewList(nil))
		mixed.Append(v)
		frame.Append(starlark.Bytes(canonical))
		none.Append(starlark.None)
		var a, b, c keyBatch
		if err := a.load(&typed, 0, 1); err != nil {
			t.Fatal(err)
		}
		if err := b.load(&mixed, 1, 2); err != nil {
			t.Fatal(err)
		}
		c.loadCanonical(&frame, &none)
		for _, k := range []*keyBatch{&a, &b, &c} {
			if k.keys[0] != a.keys[0] {
				t.Fatalf("%v is %v and %v", v, k.keys[0], a.keys[0])
			}
			if got := k.appendCanonical(nil, 0); string(got) != string(canonical) {
				t.Fatalf("canonical key of %v is %x, want %x", v, got, canonical)
			}
		}
	})
}

func TestKeysThatAreNotCanonicalAreTexts(t *testing.T) {
	for _, key := range []string{"", "\x05", "\x05\xff", "\x83ab", "\x05\x7fabc"} {
		if text, kind := textOf(key); text != key || kind != notString {
			t.Errorf("text of %q is %q, %d", key, text, kind)
		}
	}
}

func TestTableKeepsLongKeysThroughGrowth(t *testing.T) {
	var keys chunk.Column
	var ords []chunk.Ordinal
	for i := range 5000 {
		keys.AppendString(strings.Repeat("long", i%9) + fmt.Sprint(i))
		ords = append(ords, at(i))
	}
	for _, table := range []*Table{{}, {hot: new(hotIndex)}} {
		for range 2 {
			groups, err := table.Insert(&keys, ords, nil)
			if err != nil {
				t.Fatal(err)
			}
			for i, g := range groups {
				if int(g) != i {
					t.Fatalf("key %d is in group %d", i, g)
				}
			}
		}
		if table.Size() == 0 {
			t.Error("no size")
		}
	}
}
