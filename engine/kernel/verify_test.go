package kernel

import (
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"go.starlark.net/starlark"
)

// A tamperer changes what another runner puts out.
type tamperer struct {
	Runner
	tamper func(*Output)
}

func (r tamperer) Run(in *chunk.Batch, out *Output) error {
	err := r.Runner.Run(in, out)
	r.tamper(out)
	return err
}

func TestVerifySeesEveryDifference(t *testing.T) {
	g, source := script(t, "def f(x): return (x, 10 // x)\ndef p(x, y): return x\n")
	one := sourced(t, Map, g["f"], source)
	one.Catch = true
	lane := sourced(t, Lane, g["p"], source)
	lane.Lanes = 8
	chain := &Chain{Steps: []Step{one, lane}, Columns: []Step{sourced(t, Map, g["p"], source)}}
	in := records(t, "[1, 2, 0, 4]")
	in.Base = 100
	for _, c := range []struct {
		what   string
		tamper func(*Output)
	}{
		{"", func(*Output) {}},
		{"record: the kernel gives (2, 5.0), the interpreter (2, 5), for the record at position 101: 2", func(o *Output) {
			o.Column = chunk.Column{}
			for _, v := range []starlark.Value{starlark.MakeInt(10), starlark.Float(5), starlark.MakeInt(2)} {
				o.Column.Append(starlark.Tuple{starlark.MakeInt(10 / number(v)), v})
			}
		}},
		{"column 0", func(o *Output) { o.Columns[0].Ints[1] = 7 }},
		{"number of records", func(o *Output) { o.Len-- }},
		{"failed records", func(o *Output) { o.Dead[0].Record = starlark.MakeInt(5) }},
		{"failed records", func(o *Output) { o.Dead[0].Error.Message = "something else" }},
		{"prints", func(o *Output) { o.Prints = append(o.Prints, Print{Text: "text"}) }},
		{"counts", func(o *Output) { o.Counts[1].In++ }},
		{"lanes", func(o *Output) { o.Lanes[0]++ }},
		{"positions", func(o *Output) { o.Relative[2]++ }},
	} {
		fast := tamperer{NewInterpreter(chain, env(), true), c.tamper}
		err := (&verifier{chain: chain, fast: fast, reference: NewInterpreter(chain, env(), false)}).Run(in, new(Output))
		if c.what == "" && err == nil {
			continue
		}
		mismatch, ok := err.(*MismatchError)
		if !ok || !strings.Contains(mismatch.Error(), c.what) {
			t.Errorf("%s: got %v", c.what, err)
		}
	}
}

func number(v starlark.Value) int {
	f, _ := starlark.AsFloat(v)
	return int(f)
}
