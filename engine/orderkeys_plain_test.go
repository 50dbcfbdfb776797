package engine

import (
	"bytes"
	"runtime"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/kernel"
	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
	"pgregory.net/rapid"
)

// TestPlainKeysAreThoseOfValues compares the keys made of columns with those made of values.
func TestPlainKeysAreThoseOfValues(t *testing.T) {
	scalars := []*rapid.Generator[starlark.Value]{
		rapid.Map(rapid.Int64(), func(i int64) starlark.Value { return starlark.MakeInt64(i) }),
		rapid.Map(rapid.Float64(), func(f float64) starlark.Value { return starlark.Float(f) }),
		rapid.Map(rapid.SampledFrom([]string{"", "a", "\x00", "a\x00b", "\xff"}), func(s string) starlark.Value { return starlark.String(s) }),
		rapid.Map(rapid.Bool(), func(b bool) starlark.Value { return starlark.Bool(b) }),
	}
	rapid.Check(t, func(t *rapid.T) {
		kinds := rapid.SliceOfN(rapid.SampledFrom(scalars), 0, 4).Draw(t, "kinds")
		tuple := len(kinds) != 1 || rapid.Bool().Draw(t, "tuple")
		var keys chunk.Column
		for range rapid.IntRange(1, 20).Draw(t, "n") {
			var key starlark.Tuple
			for _, k := range kinds {
				key = append(key, k.Draw(t, "element"))
			}
			if tuple {
				keys.Append(key)
			} else {
				keys.Append(key[0])
			}
		}
		if !plainKeys(&keys) {
			if len(kinds) > 0 {
				t.Fatalf("%v is not plain", keys.At(0))
			}
			return
		}
		for i := range keys.N {
			want, err := value.AppendOrder(nil, keys.At(i), value.NullsError)
			if err != nil {
				t.Fatal(err)
			}
			if got := appendPlainKey(nil, &keys, i); !bytes.Equal(got, want) {
				t.Fatalf("key of %v is %x, want %x", keys.At(i), got, want)
			}
			if value.ClassOf(keys.At(i)) != value.ClassOf(keys.At(0)) {
				t.Fatalf("%v and %v are not of one class", keys.At(0), keys.At(i))
			}
		}
	})
}

func TestOtherKeysAreNotPlain(t *testing.T) {
	for _, other := range []starlark.Value{starlark.None, starlark.Tuple{starlark.MakeInt(1)}, starlark.MakeInt(1).Lsh(80)} {
		for _, key := range []starlark.Value{other, starlark.Tuple{starlark.String("a"), other}} {
			var keys chunk.Column
			keys.Append(key)
			if inner, ok := key.(starlark.Tuple); ok && len(inner) == 1 {
				continue // a tuple of one scalar
			}
			if plainKeys(&keys) {
				t.Errorf("%v is plain", key)
			}
		}
	}
}

// TestOrderKeysAreMadeInTheSameMemory encodes the keys of many units: those of each are right, and the memory of the last
// unit does for them.
func TestOrderKeysAreMadeInTheSameMemory(t *testing.T) {
	o, arena, into := new(orderKeys), new(keyArena), new(chunk.Column)
	unitOf := func(n int) *unit {
		u := &unit{out: new(kernel.Output)}
		for i := range 1000 {
			u.out.Append(starlark.Tuple{starlark.MakeInt(n), starlark.String(strings.Repeat("k", i%20))})
		}
		return u
	}
	for n := range 3 {
		u := unitOf(n)
		encode := func() {
			into.Reset()
			if err := o.encode(&u.out.Column, u, into, arena); err != nil {
				t.Fatal(err)
			}
		}
		encode()
		for i := range u.out.N {
			if want, err := value.AppendOrder(nil, u.out.At(i), value.NullsError); err != nil || into.Strings[i] != string(want) {
				t.Fatalf("key of %v is %x, want %x, %v", u.out.At(i), into.Strings[i], want, err)
			}
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		encode()
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 8<<10 {
			t.Errorf("%d bytes are allocated for a unit of %d keys", n, u.out.N)
		}
	}
}

// BenchmarkOrderKeys encodes tuples of a float and an int.
func BenchmarkOrderKeys(b *testing.B) {
	keys := &chunk.Column{}
	for i := range 1000 {
		keys.Append(starlark.Tuple{starlark.Float(i), starlark.MakeInt(-i), starlark.String(strings.Repeat("k", i%20))})
	}
	o := &orderKeys{}
	u := &unit{out: &kernel.Output{Batch: chunk.Batch{Column: *keys}}}
	into, arena := &chunk.Column{}, new(keyArena)
	b.ReportAllocs()
	for b.Loop() {
		into.Reset()
		if err := o.encode(keys, u, into, arena); err != nil {
			b.Fatal(err)
		}
	}
}
