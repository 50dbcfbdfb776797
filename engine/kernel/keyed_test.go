package kernel

import (
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"go.starlark.net/starlark"
)

func reducerOf(t testing.TB, src string) (*Reducer, Source) {
	t.Helper()
	g, source := script(t, src)
	fn, err := Bind(g["f"], Signature{Op: "reduce", Param: "f", Own: 1})
	if err != nil {
		t.Fatal(err)
	}
	fn.Recognise(source)
	r := &Reducer{Name: "reduce", Fn: fn, Initial: g["initial"], Prints: func(string) {}}
	if r.Initial == nil {
		r.Initial = starlark.NewDict(0)
	}
	return r, source
}

func TestX(t *testing.T) {
	r, _ := reducerOf(t, `
def f(acc, w):
    acc[w] = acc.get(w, 0) + 1
    return acc
`)
	c := &Chain{Discard: true}
	d, err := Decompose(r, false, c, env())
	if err != nil {
		t.Fatal(err)
	}
	c.Delta = d
	_, err = compileChain(c, env(), strType)
	if err != nil {
		t.Fatal(err)
	}
	in := &chunk.Batch{}
	for _, s := range []string{"a", "b", "a"} {
		in.AppendString(s)
	}
	out, report, err := both(t, c, in)
	t.Log(out, report, err)
}
