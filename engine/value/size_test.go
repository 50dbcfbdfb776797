package value_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
)

func TestSizeIsNearTheHeap(t *testing.T) {
	const n = 5_000
	kinds := map[string]func(i int) starlark.Value{
		"dicts of 3": func(i int) starlark.Value {
			d := new(starlark.Dict)
			for k := range 3 {
				d.SetKey(starlark.MakeInt(k), starlark.Float(i))
			}
			return d
		},
		"dicts of 100": func(i int) starlark.Value {
			d := new(starlark.Dict)
			for k := range 100 {
				d.SetKey(starlark.MakeInt(k), starlark.None)
			}
			return d
		},
		"lists of 10": func(i int) starlark.Value {
			elements := make([]starlark.Value, 10)
			for i := range elements {
				elements[i] = starlark.None
			}
			return starlark.NewList(elements)
		},
		"pairs": func(i int) starlark.Value {
			return starlark.Tuple{starlark.String(fmt.Sprint("word", i)), starlark.MakeInt(i)}
		},
		"big ints": func(i int) starlark.Value { return starlark.MakeInt64(1<<40 + int64(i)) },
	}
	for name, kind := range kinds {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		kept := make([]starlark.Value, n)
		for i := range kept {
			kept[i] = kind(i)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		heap := float64(after.HeapAlloc-before.HeapAlloc)/n - 16
		size := float64(value.Size(kept[n/2]))
		if size < 0.6*heap || size > 1.7*heap {
			t.Errorf("%s: Size says %.0f bytes, the heap holds %.0f", name, size, heap)
		}
		runtime.KeepAlive(kept)
	}
}

func TestSizeCountsSharedPartsOnce(t *testing.T) {
	big := starlark.NewList(make([]starlark.Value, 1000))
	for i := range 1000 {
		big.SetIndex(i, starlark.None)
	}
	one := value.Size(starlark.Tuple{big})
	if two := value.Size(starlark.Tuple{big, big}); two > one+32 {
		t.Errorf("a list referred to twice counts %d, once %d", two, one)
	}
	wide := starlark.Tuple{starlark.MakeInt(1)}
	for range 60 {
		wide = starlark.Tuple{wide, wide}
	}
	if got := value.Size(wide); got > 10_000 {
		t.Errorf("61 pairs that share parts count %d bytes", got)
	}
}

func TestSizeOfCyclesAndDepth(t *testing.T) {
	loop := starlark.NewList(nil)
	loop.Append(loop)
	if got := value.Size(loop); got > 100 {
		t.Errorf("a list that holds itself counts %d bytes", got)
	}
	deep := starlark.NewList(nil)
	for range 200_000 {
		deep = starlark.NewList([]starlark.Value{deep})
	}
	if got := value.Size(deep); got < 12_000_000 {
		t.Errorf("200,000 nested lists count %d bytes", got)
	}
}

func TestSizeOfScalarsDoesNotAllocate(t *testing.T) {
	values := []starlark.Value{starlark.String("word"), starlark.MakeInt(7), starlark.Float(1), starlark.None}
	if n := testing.AllocsPerRun(100, func() {
		for _, v := range values {
			value.Size(v)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
