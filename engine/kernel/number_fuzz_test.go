package kernel

import (
	"math"
	"testing"

	"go.starlark.net/starlark"
)

// FuzzNumbers compares the numbers that compiled code reads in texts with those of int and float. What it leaves to
// them may be anything.
func FuzzNumbers(f *testing.F) {
	for _, text := range []string{"", "0", "-0", "+1", "010", "999999999999999999", "-", "1_0", "0x1p3", "1.", ".5", "-.5e3", "1e400", "nan", "+inf", "١", " 1", "12345678901234567.5"} {
		f.Add(text)
	}
	call := func(name, text string) (starlark.Value, error) {
		return starlark.Call(new(starlark.Thread), starlark.Universe[name], starlark.Tuple{starlark.String(text)}, nil)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if n, ok := parseInt(text); ok {
			if want, err := call("int", text); err != nil || want.String() != starlark.MakeInt64(n).String() {
				t.Errorf("int(%q) = %v, %v; compiled code reads %d", text, want, err, n)
			}
		}
		if x, ok := parseFloat(text); ok {
			want, err := call("float", text)
			if y, float := want.(starlark.Float); err != nil || !float || math.Float64bits(float64(y)) != math.Float64bits(x) {
				t.Errorf("float(%q) = %v, %v; compiled code reads %v", text, want, err, x)
			}
		}
	})
}
