package value_test

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
	"pgregory.net/rapid"
)

func mustKey(t interface{ Fatalf(string, ...any) }, v starlark.Value) (key []byte, exact bool) {
	key, exact, err := value.AppendKey(nil, v)
	if err != nil {
		t.Fatalf("AppendKey(%v): %v", v, err)
	}
	return key, exact
}

func TestKeysAreEqualAsStarlarkKeysAre(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := drawKey(t, 2), drawKey(t, 2)
		if rapid.Bool().Draw(t, "twins") {
			y = twin(x)
		}
		want, err := starlark.Equal(x, y)
		if err != nil {
			t.Fatal(err)
		}
		kx, _ := mustKey(t, x)
		ky, _ := mustKey(t, y)
		if got := bytes.Equal(kx, ky); got != want {
			t.Fatalf("%v == %v is %v, keys %x and %x", x, y, want, kx, ky)
		}
		if !bytes.Equal(kx, ky) && (bytes.HasPrefix(kx, ky) || bytes.HasPrefix(ky, kx)) {
			t.Fatalf("keys %x and %x: one begins with the other", kx, ky)
		}
	})
}

// twin is a value equal to v, of another type where there is one.
func twin(v starlark.Value) starlark.Value {
	switch v := v.(type) {
	case starlark.Int:
		if f := v.Float(); !math.IsInf(float64(f), 0) {
			return f
		}
	case starlark.Float:
		if i, err := starlark.NumberToInt(v); err == nil && starlark.Float(i.Float()) == v {
			return i
		}
	case starlark.Tuple:
		twins := make(starlark.Tuple, len(v))
		for i, e := range v {
			twins[i] = twin(e)
		}
		return twins
	}
	return v
}

func TestExactKeysDecodeToTheSameValue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := drawKey(t, 3)
		key, exact := mustKey(t, v)
		got, err := value.DecodeKey(key)
		if err != nil {
			t.Fatalf("DecodeKey of the key of %v, %x: %v", v, key, err)
		}
		if same, err := starlark.Equal(got, v); err != nil || !same {
			t.Fatalf("%v came back as %v", v, got)
		}
		if same := got.String() == v.String() && got.Type() == v.Type(); exact && !same {
			t.Fatalf("exact %v came back as %v", v, got)
		}
	})
}

func TestInexactKeys(t *testing.T) {
	inexact := []starlark.Value{
		starlark.Float(1), starlark.Float(math.Copysign(0, -1)), starlark.Float(0x1p80), starlark.Tuple{starlark.MakeInt(1), starlark.Float(1)},
	}
	for _, v := range inexact {
		if _, exact := mustKey(t, v); exact {
			t.Errorf("the key of %v is said to be exact", v)
		}
	}
}

func TestKeyErrors(t *testing.T) {
	deep := starlark.Tuple{}
	for range 70 {
		deep = starlark.Tuple{deep}
	}
	wide := starlark.Tuple{starlark.String("x")}
	for range 60 {
		wide = starlark.Tuple{wide, wide}
	}
	cases := []struct {
		v    starlark.Value
		want string
	}{
		{starlark.NewList(nil), "list cannot be a key: use a tuple"},
		{new(starlark.Dict), "dict cannot be a key"},
		{starlark.Tuple{new(starlark.Set)}, "set cannot be a key"},
		{starlark.Universe["len"], "use its name"},
		{mustEval(t, "range(3)"), "range cannot be a key: use a tuple"},
		{mustEval(t, "struct(a = [])"), "field a of struct: list cannot be a key"},
		{deep, "nested more than 64 deep"},
		{wide, "takes more than 16 MiB"},
	}
	for _, c := range cases {
		dst := []byte("kept")
		got, _, err := value.AppendKey(dst, c.v)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("AppendKey(%s): error %v, want %q", value.Cut(c.v, 40), err, c.want)
		}
		if string(got) != "kept" {
			t.Errorf("AppendKey(%s) left %q", value.Cut(c.v, 40), got)
		}
	}
}

func TestFastKeysAreTheSameBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, i, f := drawString(t), rapid.Int64().Draw(t, "int"), drawFloat(t)
		want, _ := mustKey(t, starlark.Tuple{starlark.String(s), starlark.MakeInt64(i), f})
		got := value.AppendKeyInt(value.AppendKeyString(value.AppendKeyTuple(nil, 3), s), i)
		got, _ = value.AppendKeyFloat(got, float64(f))
		if !bytes.Equal(got, want) {
			t.Fatalf("fast %x, AppendKey %x", got, want)
		}
	})
}

func FuzzDecodeKey(f *testing.F) {
	for _, text := range []string{`None`, `True`, `"word"`, `"x" * 130`, `b"raw"`, `-1`, `1 << 200`, `-(1 << 64) - 1`, `0.5`, `("a", 1, ())`, `struct(a = 1)`, `time.parse_duration("1s")`, `float("nan")`} {
		key, _ := mustKey(f, mustEval(f, text))
		f.Add(key)
	}
	f.Add([]byte("\x08\xff\xff\xff\xff\x0f"))
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := value.DecodeKey(data)
		if err != nil {
			return
		}
		again, _ := mustKey(t, v)
		if !bytes.Equal(again, data) {
			t.Fatalf("%x decodes to %v, whose key is %x", data, v, again)
		}
	})
}

func BenchmarkAppendKey(b *testing.B) {
	values := map[string]starlark.Value{
		"string": starlark.String("wordcount"), "int": starlark.MakeInt(1234567), "float": starlark.Float(1.5),
		"tuple": starlark.Tuple{starlark.String("wordcount"), starlark.MakeInt(7)},
	}
	for _, name := range []string{"string", "int", "float", "tuple"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var key []byte
			for b.Loop() {
				key, _, _ = value.AppendKey(key[:0], values[name])
			}
		})
	}
}
