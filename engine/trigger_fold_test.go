package engine

import (
	"errors"
	"runtime"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/kernel"
	"go.starlark.net/starlark"
)

// TestScanPlacesRecordsAsItNeeds folds the first record of many, and expects memory for that one alone.
func TestScanPlacesRecordsAsItNeeds(t *testing.T) {
	fn := &kernel.Func{Returns: -1, Callable: starlark.NewBuiltin("fails", func(*starlark.Thread, *starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
		return nil, errors.New("no more")
	})}
	fn.Own = 1
	graph := &Graph{Ops: []Op{{Kind: OpScan}}}
	s := &stageRun{Stage: &Stage{}, run: &stepRun{jobRun: &jobRun{graph: graph, options: Options{Memory: 1 << 20}}}}
	f := &stepper{
		stage: s, op: &graph.Ops[0], states: map[string]*running{},
		folder: kernel.NewFolder(&kernel.Reducer{Name: "scan", Fn: fn, Initial: starlark.None}, &kernel.Env{}),
	}
	const n = 1 << 16
	out := &kernel.Output{Len: n, Batch: chunk.Batch{Column: chunk.Column{Kind: chunk.Null, N: n}}}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := f.next(out)
	runtime.ReadMemStats(&after)
	if err == nil {
		t.Error("no record failed")
	}
	if bytes := after.TotalAlloc - before.TotalAlloc; bytes > n {
		t.Errorf("it took %d bytes for one record of %d", bytes, n)
	}
}
