package kernel

import (
	"strings"
	"testing"

	"go.starlark.net/starlark"
)

func TestFingerprint(t *testing.T) {
	const base = "k = 1\ndef helper(x):\n    return x + k\ndef f(x):\n    return helper(x)\n"
	for _, c := range []struct {
		src  string
		same bool
	}{
		{base, true},
		{"# moved\n\n" + strings.ReplaceAll(base, "(x)", "( x )"), true},
		{base + "unused = 2\n", true},
		{strings.Replace(base, "k = 1", "k = 2", 1), false},
		{strings.Replace(base, "x + k", "x - k", 1), false},
		{strings.Replace(base, "return helper(x)", "return helper(x)[1:]", 1), false},
		{strings.Replace(base, "def f(x)", "def f(x, y = 1)", 1), false},
		{strings.Replace(base, "k = 1", "k = [1, {\"a\": (2, None)}]", 1), false},
		{"k = 1\ndef helper(x):\n    if x: return k\n    return x\ndef f(x):\n    return helper(x)\n", false},
	} {
		if got := fingerprintOf(t, c.src) == fingerprintOf(t, base); got != c.same {
			t.Errorf("same %v:\n%s", got, c.src)
		}
	}
	for _, c := range [][2]string{
		{"def f(x):\n    if x:\n        x = 1\n        x = 2\n    return x", "def f(x):\n    if x:\n        x = 1\n    else:\n        x = 2\n    return x"},
		{"f = lambda x: x[1:]", "f = lambda x: x[:1]"},
		{"f = lambda x: [y for y in x]", "f = lambda x: {y: y for y in x}"},
		{"def make(n):\n    return lambda x: x + n\nf = make(1)", "def make(n):\n    return lambda x: x + n\nf = make(2)"},
		{"def f(x):\n    x += 1\n    return x", "def f(x):\n    x -= 1\n    return x"},
		{"t = {\"a\": len}\nf = lambda x: t[x]", "t = {\"a\": str}\nf = lambda x: t[x]"},
		{"f = lambda x: -x", "f = lambda x: +x"},
		{"f = lambda x: len(x)", "f = lambda x: str(x)"},
	} {
		if fingerprintOf(t, c[0]) == fingerprintOf(t, c[1]) {
			t.Errorf("the same:\n%s\n\n%s", c[0], c[1])
		}
	}
	recursive := "def f(x):\n    return g(x)\ndef g(x):\n    return f(x)"
	if fingerprintOf(t, recursive) == "" {
		t.Error("empty")
	}
}

func fingerprintOf(t *testing.T, src string) string {
	t.Helper()
	globals, source := loadWithTrees(t, src)
	f := &Func{Callable: globals["f"].(starlark.Callable), Source: source}
	var text strings.Builder
	f.Fingerprint(&text)
	return text.String()
}
