package engine

import (
	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/kernel"
	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
)

// batcher makes lists of records. A list is full when it has size records, or where records are weighed, when
// their weights add up to size or more; the last one may be less. A list never spans two lanes.
type batcher struct {
	stage   *stageRun
	op      *Op
	size    int64
	laned   bool
	weighed bool
	list    []starlark.Value
	weight  float64
	lane    uint32
}

func (t *batcher) next(out *kernel.Output) (*chunk.Batch, error) {
	b := new(chunk.Batch)
	for i := range out.N {
		if err := t.stage.reached(i, b.N); err != nil {
			return b, err
		}
		if t.laned && out.Lanes[i] != t.lane {
			t.cut(b)
			t.lane = out.Lanes[i]
		}
		full, err := t.add(out, i)
		if err != nil {
			return b, err
		}
		if full {
			t.cut(b)
		}
	}
	return b, nil
}

// add reports whether the list is full with record i.
func (t *batcher) add(out *kernel.Output, i int) (full bool, err error) {
	if t.weighed {
		v := out.Columns[0].At(i)
		weight, ok := starlark.AsFloat(v)
		if !ok || !(weight >= 0) {
			return false, t.stage.complain(t.op, out, i, "weight must return a number that is not negative, not "+value.Cut(v, 60))
		}
		t.weight += weight
	}
	t.list = append(t.list, out.At(i))
	if t.weighed {
		return t.weight >= float64(t.size), nil
	}
	return int64(len(t.list)) == t.size, nil
}

func (t *batcher) cut(b *chunk.Batch) {
	if len(t.list) == 0 {
		return
	}
	list := starlark.NewList(t.list)
	list.Freeze()
	b.Append(list)
	if t.laned {
		b.Lanes = append(b.Lanes, t.lane)
	}
	t.list, t.weight = nil, 0
}

func (t *batcher) flush() (*chunk.Batch, error) {
	b := new(chunk.Batch)
	t.cut(b)
	return b, nil
}
