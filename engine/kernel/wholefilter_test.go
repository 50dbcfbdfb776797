package kernel

import (
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"go.starlark.net/starlark"
)

// purchases is a chain that sums up what some events hold, and events.
func purchases(t testing.TB, n int) (*Chain, *chunk.Batch) {
	g, source := script(t, "def bought(e): return e['type'] == 'purchase'\ndef user(e): return e['user']\ndef amount(e): return e['amount']")
	filter := sourced(t, Map, g["bought"], source)
	filter.Kind = Filter
	chain := &Chain{Steps: []Step{filter}, Columns: []Step{sourced(t, Map, g["user"], source), sourced(t, Map, g["amount"], source)}, Discard: true}
	in := new(chunk.Batch)
	in.BecomeRecord([]string{"type", "user", "amount"})
	for i := range n {
		kind, amount := "search", starlark.Value(starlark.MakeInt(0))
		if i%5 == 0 {
			kind, amount = "purchase", starlark.Float(float64(i)+0.5)
		}
		in.Fields[0].AppendString(kind)
		in.Fields[1].AppendInt(int64(i * 7919 % 1000))
		in.Fields[2].Append(amount)
		in.N++
	}
	return chain, in
}

// A filter by equality and what is read of the records that pass are taken for all records at once; what had values of
// several types before has one type.
func TestFiltersAreTakenAtOnce(t *testing.T) {
	chain, in := purchases(t, 100)
	r, out := newCompiled(chain, env(), NewInterpreter(chain, env(), true), true), new(Output)
	if err := r.Run(in, out); err != nil {
		t.Fatal(err)
	}
	passed := r.current.whole.filters[0].passed
	if passed.N != 20 || out.Len != 20 || out.Columns[1].Kind != chunk.Float || out.Columns[1].Floats[19] != 95.5 || out.Relative[19] != 95 {
		t.Errorf("%d of 100 pass, %d leave, amounts are %v %v", passed.N, out.Len, out.Columns[1].Kind, out.Columns[1].Floats)
	}
	if c := out.Counts[0]; c.In != 100 || c.Out != 20 || c.Filtered != 80 {
		t.Errorf("the filter counts %+v", c)
	}
}

// BenchmarkWholeFilter sums up what one in five records holds.
func BenchmarkWholeFilter(b *testing.B) {
	chain, in := purchases(b, 10_000)
	r, out := NewRunner(chain, env(), "on"), new(Output)
	b.ReportAllocs()
	for b.Loop() {
		out.Reset()
		if err := r.Run(in, out); err != nil {
			b.Fatal(err)
		}
	}
}
