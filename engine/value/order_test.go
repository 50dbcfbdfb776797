package value_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
	"pgregory.net/rapid"
)

func mustOrder(t interface{ Fatalf(string, ...any) }, v starlark.Value) []byte {
	key, err := value.AppendOrder(nil, v, value.NullsError)
	if err != nil {
		t.Fatalf("AppendOrder(%v): %v", v, err)
	}
	return key
}

// drawOrdered draws two values of one class.
func drawOrdered(t *rapid.T, depth int) (x, y starlark.Value) {
	kinds := 5
	if depth > 0 {
		kinds = 6
	}
	number := func() starlark.Value {
		if rapid.Bool().Draw(t, "float") {
			return drawFloat(t)
		}
		return drawInt(t)
	}
	switch rapid.IntRange(0, kinds).Draw(t, "class") {
	case 0:
		return starlark.String(drawString(t)), starlark.String(drawString(t))
	case 1:
		return starlark.Bytes(drawString(t)), starlark.Bytes(drawString(t))
	case 2:
		return starlark.Bool(rapid.Bool().Draw(t, "x")), starlark.Bool(rapid.Bool().Draw(t, "y"))
	case 3:
		return drawTime(t), drawTime(t)
	case 4:
		x = number()
		if rapid.Bool().Draw(t, "near") {
			return x, twin(x)
		}
		return x, number()
	case 5:
		return mustEval(t, `time.parse_duration("1s")`), mustEval(t, `time.parse_duration("-1h")`)
	}
	var a, b []starlark.Value
	for range rapid.IntRange(0, 3).Draw(t, "width") {
		x, y := drawOrdered(t, depth-1)
		if rapid.Bool().Draw(t, "same") {
			y = x
		}
		a, b = append(a, x), append(b, y)
	}
	b = b[:rapid.IntRange(0, len(b)).Draw(t, "cut")]
	if rapid.Bool().Draw(t, "list") {
		return starlark.NewList(a), starlark.NewList(b)
	}
	return starlark.Tuple(a), starlark.Tuple(b)
}

func TestOrderIsStarlarksOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := drawOrdered(t, 2)
		got := bytes.Compare(mustOrder(t, x), mustOrder(t, y))
		for _, op := range []syntax.Token{syntax.LT, syntax.EQL, syntax.GT} {
			want, err := starlark.Compare(op, x, y)
			if err != nil {
				t.Fatal(err)
			}
			sign := map[syntax.Token]int{syntax.LT: -1, syntax.EQL: 0, syntax.GT: 1}[op]
			if (got == sign) != want {
				t.Fatalf("%v %v %v is %v, but the keys %x and %x compare as %d", x, op, y, want, mustOrder(t, x), mustOrder(t, y), got)
			}
		}
	})
}

func TestOrderKeysEndThemselves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := drawOrdered(t, 2)
		a, b := mustOrder(t, x), mustOrder(t, y)
		if !bytes.Equal(a, b) && (bytes.HasPrefix(a, b) || bytes.HasPrefix(b, a)) {
			t.Fatalf("%v has %x, %v has %x: one begins with the other", x, a, y, b)
		}
	})
}

func TestNumbersInOrder(t *testing.T) {
	ascending := []string{
		`float("-inf")`, `-int("1" + "0" * 600)`, `-1.5e301`, `-(1 << 64) - 1`, `-(1 << 64)`, `-(1 << 63) - 1`, `-(1 << 63)`, `-(1 << 53) - 1`,
		`-float(1 << 53)`, `-1.5`, `-1`, `-0.5`, `-5e-324`, `0`, `5e-324`, `0.1`, `0.5`, `1`, `1.0000000000000002`, `2`, `float(1 << 53)`,
		`(1 << 53) + 1`, `(1 << 63) - 1`, `1 << 63`, `(1 << 64) - 1`, `1 << 64`, `(1 << 64) + 1`, `(1 << 120) - 1`, `1 << 120`, `(1 << 120) + 1`,
		`1.7976931348623157e308`, `(1 << 511) * (1 << 511) * 4`, `int("1" + "0" * 600)`, `int("1" + "0" * 600) + 1`, `float("inf")`, `float("nan")`,
	}
	for i := 1; i < len(ascending); i++ {
		x, y := mustOrder(t, mustEval(t, ascending[i-1])), mustOrder(t, mustEval(t, ascending[i]))
		if bytes.Compare(x, y) >= 0 {
			t.Errorf("%s (%x) does not come before %s (%x)", ascending[i-1], x, ascending[i], y)
		}
	}
}

func TestNulls(t *testing.T) {
	null := starlark.Tuple{starlark.None}
	one := starlark.Tuple{starlark.MakeInt(1)}
	for _, c := range []struct {
		nulls value.Nulls
		want  int
	}{{value.NullsFirst, -1}, {value.NullsLast, 1}} {
		x, err := value.AppendOrder(nil, null, c.nulls)
		if err != nil {
			t.Fatal(err)
		}
		if got := bytes.Compare(x, mustOrder(t, one)); got != c.want {
			t.Errorf("with nulls %d, (None,) compares with (1,) as %d", c.nulls, got)
		}
	}
}

func TestOrderErrors(t *testing.T) {
	loop := starlark.NewList(nil)
	loop.Append(loop)
	wide := starlark.Tuple{starlark.String("x")}
	for range 60 {
		wide = starlark.Tuple{wide, wide}
	}
	cases := []struct {
		v    starlark.Value
		want string
	}{
		{starlark.None, `nulls = "first"`},
		{starlark.Tuple{starlark.None}, "None has no order"},
		{new(starlark.Dict), "dict has no order: compare one of its fields"},
		{new(starlark.Set), "set has no order"},
		{mustEval(t, "struct(a = 1)"), "struct has no order"},
		{starlark.Universe["len"], "builtin_function_or_method has no order"},
		{loop, "nested more than 64 deep"},
		{wide, "takes more than 16 MiB"},
	}
	for _, c := range cases {
		got, err := value.AppendOrder([]byte("kept"), c.v, value.NullsError)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("AppendOrder(%s): error %v, want %q", value.Cut(c.v, 40), err, c.want)
		}
		if string(got) != "kept" {
			t.Errorf("AppendOrder(%s) left %q", value.Cut(c.v, 40), got)
		}
	}
}

func TestFastOrderIsTheSameBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, i, f := drawString(t), drawInt(t), drawFloat(t)
		if got := value.AppendOrderString(nil, s); !bytes.Equal(got, mustOrder(t, starlark.String(s))) {
			t.Fatalf("%q: %x", s, got)
		}
		if got := value.AppendOrderFloat(nil, float64(f)); !bytes.Equal(got, mustOrder(t, f)) {
			t.Fatalf("%v: %x", f, got)
		}
		if small, ok := i.Int64(); ok && !bytes.Equal(value.AppendOrderInt(nil, small), mustOrder(t, i)) {
			t.Fatalf("%v", i)
		}
	})
	if got := value.AppendOrderInt(nil, math.MinInt64); len(got) != 9 {
		t.Errorf("the order key of an int64 takes %d bytes", len(got))
	}
}

func TestClass(t *testing.T) {
	cases := []struct{ expr, class string }{
		{`1`, "number"},
		{`1.5`, "number"},
		{`"a"`, "string"},
		{`None`, "None"},
		{`{}`, "dict"},
		{`()`, "tuple()"},
		{`(1, 2, 3)`, "tuple(number...)"},
		{`(1,)`, "tuple(number)"},
		{`(1, 2, "a", "b")`, "tuple(number, number, string...)"},
		{`("a", [1, 2], (True, None))`, "tuple(string, list(number...), tuple(bool, None))"},
	}
	for _, c := range cases {
		if got := value.ClassOf(mustEval(t, c.expr)); string(got) != c.class {
			t.Errorf("class of %s is %s, want %s", c.expr, got, c.class)
		}
	}
}

func TestJoinClass(t *testing.T) {
	cases := []struct{ a, b, joined string }{ // joined is "" where they do not compare
		{`1`, `2.5`, "number"},
		{`1`, `"a"`, ""},
		{`None`, `"a"`, "string"},
		{`b"a"`, `"a"`, ""},
		{`(1, None)`, `(None, "a")`, "tuple(number, string)"},
		{`(1, "a")`, `(1, 2)`, ""},
		{`()`, `(1, "a")`, "tuple(number, string)"},
		{`[1]`, `(1,)`, ""},
		{`[1, 2]`, `[1]`, "list(number...)"},
		{`(1,)`, `(1, "a")`, "tuple(number, string)"},
		{`("a", 1)`, `("a",)`, "tuple(string, number)"},
		{`(1, 2)`, `(1, "a")`, ""},
		{`(1, "a", "b")`, `(1,)`, "tuple(number, string...)"},
		{`(None, None)`, `(1, "a")`, "tuple(number, string, None...)"},
		{`(None,)`, `(1, 2)`, "tuple(number...)"},
		{`([],)`, `([1],)`, "tuple(list(number))"},
		{`{}`, `{}`, "dict"},
	}
	for _, c := range cases {
		a, b := value.ClassOf(mustEval(t, c.a)), value.ClassOf(mustEval(t, c.b))
		got, ok := value.JoinClass(a, b)
		if ok != (c.joined != "") || ok && string(got) != c.joined {
			t.Errorf("%s joined with %s: %s, %v; want %q", a, b, got, ok, c.joined)
		}
		if value.SameClass(b, a) != ok {
			t.Errorf("SameClass(%s, %s) depends on the order", a, b)
		}
	}
}

// A flow may be cut anywhere: the class of the whole is that of its parts, and so is the first misfit.
func TestJoinClassIsAssociative(t *testing.T) {
	exprs := []string{`None`, `1`, `"a"`, `()`, `(1,)`, `(1, "a")`, `(None, "a")`, `(1, None, 2)`, `(1, 2)`, `(None, None)`, `("a", 1, 1)`, `("a",)`, `(1, (1,))`, `(1, ("a",))`, `(1, (1, "a"))`, `[None]`, `["a"]`, `[1]`}
	rapid.Check(t, func(t *rapid.T) {
		draw := func() value.Class { return value.ClassOf(mustEval(t, rapid.SampledFrom(exprs).Draw(t, "expr"))) }
		a, b, c := draw(), draw(), draw()
		ab, okLeft := value.JoinClass(a, b)
		left, ok := value.JoinClass(ab, c)
		okLeft = okLeft && ok
		bc, okRight := value.JoinClass(b, c)
		right, ok := value.JoinClass(a, bc)
		okRight = okRight && ok
		if okLeft != okRight || okLeft && left != right {
			t.Fatalf("(%s + %s) + %s is %s, %v; joined from the right %s, %v", a, b, c, left, okLeft, right, okRight)
		}
	})
}

func BenchmarkAppendOrder(b *testing.B) {
	var tuple starlark.Value = starlark.Tuple{starlark.String("wordcount"), starlark.MakeInt(7), starlark.Float(1.5)}
	b.ReportAllocs()
	var key []byte
	for b.Loop() {
		key, _ = value.AppendOrder(key[:0], tuple, value.NullsError)
	}
}

func TestOrderPrefixes(t *testing.T) {
	check := func(t *rapid.T, v starlark.Value, prefix uint64, exact bool) {
		key := mustOrder(t, v)
		want := binary.BigEndian.Uint64(append(bytes.Clone(key), make([]byte, 8)...))
		if prefix != want || exact != (len(key) >= 8) {
			t.Fatalf("the prefix of %v is %x, %t; its key is %x", v, prefix, exact, key)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		i := rapid.OneOf(rapid.Int64(), rapid.Int64Range(-3, 3), rapid.Just[int64](math.MinInt64)).Draw(t, "int")
		prefix, exact := value.OrderPrefixInt(i)
		check(t, starlark.MakeInt64(i), prefix, exact)
		f := rapid.OneOf(rapid.Float64(), rapid.Float64Range(-1e6, 1e6), rapid.SampledFrom([]float64{0, math.Inf(1), math.Inf(-1), math.NaN(), 1, -1, 0.5, 5e-324, 1 << 63, 1 << 62})).Draw(t, "float")
		prefix, exact = value.OrderPrefixFloat(f)
		check(t, starlark.Float(f), prefix, exact)
	})
}
