package value_test

import (
	"testing"

	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
)

func TestIdentify(t *testing.T) {
	tuple := starlark.Tuple{starlark.None, starlark.None}
	list := starlark.NewList(nil)
	same := [][2]starlark.Value{{list, list}, {tuple, tuple}, {tuple[:1], tuple[:1]}}
	for _, pair := range same {
		a, okA := value.Identify(pair[0])
		b, okB := value.Identify(pair[1])
		if a != b || !okA || !okB {
			t.Errorf("%v has two identities", pair[0])
		}
	}
	other := [][2]starlark.Value{{list, starlark.NewList(nil)}, {tuple, tuple[:1]}, {tuple, starlark.Tuple{starlark.None, starlark.None}}}
	for _, pair := range other {
		a, _ := value.Identify(pair[0])
		b, _ := value.Identify(pair[1])
		if a == b {
			t.Errorf("%v and %v have one identity", pair[0], pair[1])
		}
	}
	for _, v := range []starlark.Value{starlark.None, starlark.Tuple{}, starlark.String("a"), starlark.MakeInt(1)} {
		if _, ok := value.Identify(v); ok {
			t.Errorf("%v has an identity", v)
		}
	}
}

func TestMemo(t *testing.T) {
	var m value.Memo[int]
	lists := make([]*starlark.List, 100)
	for round := range 2 {
		for i := range lists {
			lists[i] = starlark.NewList(nil)
			id, _ := value.Identify(lists[i])
			if _, ok := m.Get(id); ok {
				t.Fatalf("round %d: list %d is known before it was put", round, i)
			}
			m.Put(id, i)
		}
		for i, l := range lists {
			id, _ := value.Identify(l)
			if got, ok := m.Get(id); !ok || got != i {
				t.Fatalf("round %d: list %d is remembered as %d, %v", round, i, got, ok)
			}
		}
		m.Reset()
	}
}
