package engine

import (
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/connector"
	"github.com/flowsh/flowsh/engine/kernel"
	"go.starlark.net/starlark"
)

// TestPoison checks that nothing of a released unit can be read, and that what waits for its turn stays whole.
func TestPoison(t *testing.T) {
	record := starlark.Tuple{starlark.String("key"), starlark.MakeInt(7), starlark.Float(1.5), starlark.True, starlark.NewList(nil)}
	fresh := func() (*worker, *unit) {
		w := &worker{out: new(kernel.Output)}
		w.out.Append(record)
		w.batch.Append(starlark.String("text"))
		return w, &unit{block: &connector.Block{Data: []byte("text\n")}}
	}
	w, u := fresh()
	w.poison(u)
	if got := w.out.At(0).String(); got != `("overwritten", -57005, -57005.0, False, "overwritten")` {
		t.Errorf("the output is %s", got)
	}
	if got := w.batch.At(0).String() + string(u.block.Data); got != `"overwritten"!!!!!` {
		t.Errorf("the input is %s", got)
	}

	w, u = fresh()
	u.dead = []kernel.Dead{{Record: starlark.String("text")}}
	w.out.Borrowed, w.out.Column = true, chunk.Column{}
	w.poison(u)
	if string(u.block.Data) != "text\n" || !strings.Contains(w.batch.At(0).String(), "overwritten") {
		t.Errorf("the block of a failed record is %q", u.block.Data)
	}
}
