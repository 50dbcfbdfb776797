package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/spill"
	"github.com/zeebo/xxh3"
)

// An Attempt names one try at a task.
type Attempt struct {
	Task   TaskKey `json:"task"`
	Number int     `json:"number"`
}

// An Output says what a complete attempt gave: its commit.
type Output struct {
	Pieces int    `json:"pieces"`
	Bytes  int64  `json:"bytes"`
	Hash   uint64 `json:"hash"`             // XXH3 of the pieces, one after another
	Read   int64  `json:"read,omitempty"`   // records
	Failed int64  `json:"failed,omitempty"` // records
}

// A Worker does tasks of one job and keeps what they give until it is released. Its methods may be called
// concurrently.
type Worker interface {
	// Do does a task. The error says that the machine failed, or ctx is done; ErrLost that the worker is gone.
	Do(ctx context.Context, a Attempt, t engine.Task) (Output, error)
	// Fetch gives the pieces of a complete attempt in order. get must not keep what it gets.
	Fetch(ctx context.Context, a Attempt, o Output, get func(piece []byte) error) error
	// Release forgets what an attempt gave, if there is anything. It does not wait.
	Release(a Attempt)
}

// A Runner is a worker that does tasks in this process and keeps what they give in a store.
type Runner struct {
	executor *engine.Executor
	store    spill.Store
	retained *retained // where what tasks give goes as long as it can; nil: nowhere
	stuck    func(error)

	doing   sync.Mutex // an executor does one task at a time
	mu      sync.Mutex
	outputs map[Attempt]int // pieces in the store
}

// NewRunner makes a runner. Both the executor and the store are the caller's to close. stuck is called when a function
// of the script cannot be stopped, and must end the process.
func NewRunner(e *engine.Executor, s spill.Store, stuck func(error)) *Runner {
	return &Runner{executor: e, store: s, stuck: stuck, outputs: map[Attempt]int{}}
}

func (a Attempt) piece(i int) string {
	return fmt.Sprintf("task/%d/%d/%d/%d", a.Task.Group, a.Task.Index, a.Number, i)
}

// retain has what tasks give outlive this process, with what an earlier one has left.
func (r *Runner) retain(kept *retained) {
	r.retained = kept
	if kept == nil {
		return
	}
	for _, o := range kept.offers {
		r.outputs[o.Attempt] = o.Output.Pieces
	}
}

func (r *Runner) put(id string, piece []byte) error {
	if r.retained.Put(id, piece) == nil {
		return nil
	}
	return r.store.Put(id, piece)
}

func (r *Runner) get(id string, buf []byte) ([]byte, error) {
	if data, err := r.retained.Get(id, buf); err == nil {
		return data, nil
	}
	return r.store.Get(id, buf)
}

// Do implements Worker.
func (r *Runner) Do(ctx context.Context, a Attempt, t engine.Task) (Output, error) {
	r.doing.Lock()
	defer r.doing.Unlock()
	if ctx.Err() != nil {
		return Output{}, context.Cause(ctx)
	}
	var out Output
	hash := xxh3.New()
	counts, err := r.executor.Run(ctx, t, func(piece []byte) error {
		if err := r.put(a.piece(out.Pieces), piece); err != nil {
			return err
		}
		out.Pieces++
		out.Bytes += int64(len(piece))
		_, _ = hash.Write(piece) // a hash takes everything
		return nil
	})
	r.mu.Lock()
	r.outputs[a] = out.Pieces
	r.mu.Unlock()
	if stuck := (*engine.StuckError)(nil); errors.As(err, &stuck) {
		r.stuck(stuck)
	}
	if err != nil {
		r.Release(a)
		return Output{}, err
	}
	out.Hash, out.Read, out.Failed = hash.Sum64(), counts.Read, counts.Failed
	r.retained.keep(a, out)
	return out, nil
}

// Fetch implements Worker.
func (r *Runner) Fetch(ctx context.Context, a Attempt, o Output, get func(piece []byte) error) error {
	var buf []byte
	for i := range o.Pieces {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var err error
		if buf, err = r.get(a.piece(i), buf[:0]); err != nil {
			return err
		}
		if err := get(buf); err != nil {
			return err
		}
	}
	return nil
}

// Release implements Worker.
func (r *Runner) Release(a Attempt) {
	r.mu.Lock()
	n := r.outputs[a]
	delete(r.outputs, a)
	r.mu.Unlock()
	_ = r.retained.Delete(a.commit()) // what is left over goes with the store
	for i := range n {
		_ = r.retained.Delete(a.piece(i))
		_ = r.store.Delete(a.piece(i))
	}
}
