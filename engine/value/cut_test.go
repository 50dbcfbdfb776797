package value_test

import (
	"math/big"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
	"pgregory.net/rapid"
)

func TestCutIsRepr(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := drawValue(t, 3)
		limit := rapid.IntRange(16, 200).Draw(t, "limit")
		want := strings.ToValidUTF8(v.String(), string(utf8.RuneError))
		got := value.Cut(v, limit)
		switch {
		case len(got) > limit || !utf8.ValidString(got):
			t.Fatalf("Cut to %d gives %d bytes: %q", limit, len(got), got)
		case len(want) <= limit && got != want:
			t.Fatalf("Cut gives %s, repr %s", got, want)
		case len(want) > limit && !(strings.HasSuffix(got, "...") && strings.HasPrefix(want, strings.TrimSuffix(got, "..."))):
			t.Fatalf("Cut gives %s, repr %s", got, want)
		}
	})
}

func TestCutOfValuesWithoutEnd(t *testing.T) {
	list, dict := starlark.NewList(nil), new(starlark.Dict)
	list.Append(list)
	dict.SetKey(starlark.MakeInt(1), dict)
	if got := value.Cut(starlark.Tuple{list, dict}, 100); got != "([[...]], {1: {...}})" {
		t.Errorf("cycles: %s", got)
	}
	deep := starlark.NewList(nil)
	for range 100_000 {
		deep = starlark.NewList([]starlark.Value{deep})
	}
	if got := value.Cut(deep, 1<<20); len(got) > 200 {
		t.Errorf("a deep list gives %d bytes", len(got))
	}
}

func TestCutBuildsLittle(t *testing.T) {
	large := []starlark.Value{
		starlark.String(strings.Repeat("x", 10<<20)),
		starlark.Tuple{starlark.Bytes(strings.Repeat("\xff", 10<<20))},
		starlark.MakeBigInt(new(big.Int).Lsh(big.NewInt(1), 10<<20)),
		starlark.NewList(make([]starlark.Value, 1<<20)),
	}
	for i := range 1 << 20 {
		large[3].(*starlark.List).SetIndex(i, starlark.None)
	}
	for _, v := range large[:2] {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		value.Cut(v, value.CutLimit)
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 100<<10 {
			t.Errorf("cutting a %s of 10 MiB allocates %d bytes", v.Type(), n)
		}
	}
	if got := value.Cut(large[2], value.CutLimit); got != "<int of 10485761 bits>" {
		t.Errorf("a large int gives %s", got)
	}
	if got := value.Cut(large[3], value.CutLimit); len(got) != value.CutLimit {
		t.Errorf("a large list gives %d bytes", len(got))
	}
}
