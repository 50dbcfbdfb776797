package operator

import (
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"go.starlark.net/starlark"
)

func TestRecordsWithoutAKeyAreOneGroup(t *testing.T) {
	var one Table
	var mixed chunk.Column
	mixed.Append(starlark.NewList(nil))
	mixed.Append(starlark.None)
	in := Keyed{Keys: mixed, Ordinals: []chunk.Ordinal{at(0), at(1)}}
	var k keyBatch
	if _, err := one.insertColumn(&k, &in, 1, 2, nil, nil); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 1, 300} {
		ords := make([]chunk.Ordinal, n)
		groups, err := one.Insert(&chunk.Column{Kind: chunk.Null, N: n}, ords, nil)
		if err != nil || len(groups) != n || one.Len() != 1 {
			t.Errorf("%d records: %d groups of %d, %v", n, len(groups), one.Len(), err)
		}
	}
}
