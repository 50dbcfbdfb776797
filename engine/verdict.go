package engine

import (
	"context"
	"errors"
	"sync"
)

// A verdict decides which failure of a step is reported: of the stages that end a flow, that of the first, in the
// order of the plan, that fails. So it depends on the data alone, and not on which stage is the fastest. A stage
// that fails stops those behind it at once; the step ends when those before it have come to their end. A stage reads
// only stages before it: stopping those behind it changes nothing for it.
type verdict struct {
	stages []*stageRun
	over   context.CancelCauseFunc // ends the step

	mu      sync.Mutex
	cancels []context.CancelCauseFunc // per stage
	ended   []bool
	first   int // the first stage that has failed; len(stages): none
	err     error
}

// errOutranked is why a stage was stopped whose own failure would not be reported.
var errOutranked = errors.New("stopped by the failure of another output")

func newVerdict(stages []*stageRun, over context.CancelCauseFunc) *verdict {
	return &verdict{
		stages: stages, over: over, first: len(stages),
		cancels: make([]context.CancelCauseFunc, len(stages)), ended: make([]bool, len(stages)),
	}
}

// context makes the context of stage i. All are made before any stage runs.
func (v *verdict) context(ctx context.Context, i int) context.Context {
	ctx, v.cancels[i] = context.WithCancelCause(ctx)
	return ctx
}

// end takes how stage i ended. The error of a stage that others read reaches the verdict through them, if they come
// to it at all.
func (v *verdict) end(i int, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.ended[i] = true
	if err != nil && len(v.stages[i].Outputs) == 0 && i < v.first {
		v.first, v.err = i, err
		for _, cancel := range v.cancels[i+1:] {
			cancel(errOutranked)
		}
	}
	if v.err != nil && (v.settled() || errors.As(v.err, new(*MemoryError))) {
		v.over(v.err)
	}
}

// settled says that all stages that end a flow before the first that has failed have ended.
func (v *verdict) settled() bool {
	for i, s := range v.stages[:v.first] {
		if len(s.Outputs) == 0 && !v.ended[i] {
			return false
		}
	}
	return true
}

// failed says whether the step has failed, when all stages have ended.
func (v *verdict) failed() bool { return v.err != nil }

// close frees the contexts.
func (v *verdict) close() {
	for _, cancel := range v.cancels {
		cancel(nil)
	}
}
