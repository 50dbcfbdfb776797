package value_test

import (
	"testing"
	"unsafe"

	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
	"pgregory.net/rapid"
)

func TestCopyIsEqualAndFresh(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := drawValue(t, 3)
		v.Freeze()
		for name, copied := range map[string]starlark.Value{"Copy": value.Copy(v), "Detach": value.Detach(v)} {
			if copied.String() != v.String() || copied.Type() != v.Type() {
				t.Fatalf("%s(%v) = %v", name, v, copied)
			}
			if same, err := starlark.Equal(v, copied); err != nil || !same {
				t.Fatalf("%s(%v) is not equal to it", name, v)
			}
		}
	})
}

func TestCopyIsNotFrozen(t *testing.T) {
	v := mustEval(t, `{"a": [1], "b": ({}, set([1]))}`)
	v.Freeze()
	d := value.Copy(v).(*starlark.Dict)
	if err := d.SetKey(starlark.String("c"), starlark.None); err != nil {
		t.Error(err)
	}
	inner, _, _ := d.Get(starlark.String("b"))
	if err := inner.(starlark.Tuple)[0].(*starlark.Dict).SetKey(starlark.None, starlark.None); err != nil {
		t.Error(err)
	}
	if err := inner.(starlark.Tuple)[1].(*starlark.Set).Insert(starlark.None); err != nil {
		t.Error(err)
	}
	if got := v.String(); got != `{"a": [1], "b": ({}, set([1]))}` {
		t.Errorf("changing the copy changed the original: %s", got)
	}
}

func TestCopyKeepsSharingAndCycles(t *testing.T) {
	inner := starlark.NewList(nil)
	pair := starlark.Tuple{inner, inner}
	inner.Append(pair)
	copied := value.Copy(pair).(starlark.Tuple)
	if copied[0] != copied[1] {
		t.Error("the list that a tuple holds twice was copied twice")
	}
	if copied[0] == starlark.Value(inner) {
		t.Error("the list was not copied")
	}
	if back := copied[0].(*starlark.List).Index(0).(starlark.Tuple); &back[0] != &copied[0] {
		t.Error("the cycle leads out of the copy")
	}
}

func TestCopyCyclesThroughStructs(t *testing.T) {
	v := mustEval(t, `struct(items = [], key = {(1, "a"): struct(n = 1)})`)
	items, _ := v.(starlark.HasAttrs).Attr("items")
	items.(*starlark.List).Append(v)
	copied := value.Copy(v)
	items, _ = copied.(starlark.HasAttrs).Attr("items")
	if items.(*starlark.List).Index(0) != copied {
		t.Error("the struct in the list of the copy is not the copy")
	}
}

func TestCopyOfSharedPartsDoesNotMultiply(t *testing.T) {
	wide := starlark.Value(starlark.NewList([]starlark.Value{starlark.MakeInt(1)}))
	for range 60 {
		wide = starlark.NewList([]starlark.Value{wide, wide})
	}
	if got, want := value.Size(value.Copy(wide)), value.Size(wide); got != want {
		t.Errorf("the copy takes %d bytes, the original %d", got, want)
	}
	text := starlark.String(make([]byte, 1000))
	twice := value.Copy(starlark.Tuple{text, text}).(starlark.Tuple)
	a, b := string(twice[0].(starlark.String)), string(twice[1].(starlark.String))
	if unsafe.StringData(a) != unsafe.StringData(b) {
		t.Error("a long string referred to twice was copied twice")
	}
}

func TestCopyOfDeepValues(t *testing.T) {
	deep := starlark.NewList(nil)
	for range 200_000 {
		deep = starlark.NewList([]starlark.Value{deep})
	}
	if got, want := value.Size(value.Copy(deep)), value.Size(deep); got != want {
		t.Errorf("the copy takes %d bytes, the original %d", got, want)
	}
}

func TestDetachLeavesTheBlock(t *testing.T) {
	block := []byte("a word in a block")
	view := unsafe.String(&block[2], 4)
	v := starlark.Tuple{starlark.String(view), mustEval(t, "{}"), starlark.NewList([]starlark.Value{starlark.Bytes(view)})}
	v[1].(*starlark.Dict).SetKey(starlark.String(view), starlark.MakeInt(1))
	detached := value.Detach(v)
	clear(block)
	if got, want := detached.String(), `("word", {"word": 1}, [b"word"])`; got != want {
		t.Errorf("after the block was cleared: %s, want %s", got, want)
	}
}

func TestDetachReturnsNumbersAsTheyAre(t *testing.T) {
	values := []starlark.Value{starlark.None, starlark.MakeInt(1 << 40), starlark.Float(1.5), starlark.Tuple{starlark.True, starlark.MakeInt(1)}}
	if n := testing.AllocsPerRun(100, func() {
		for _, v := range values {
			value.Detach(v)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
