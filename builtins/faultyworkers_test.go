package builtins_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/cluster"
	"github.com/flowsh/flowsh/engine/host"
)

// A faulty worker does some things wrong. What is nil it does right.
type faulty struct {
	cluster.Worker
	do    func() error                          // before each task
	piece func(number int, piece []byte) []byte // of a fetch; nil: it is left out
	again bool                                  // each task is done twice
	n     atomic.Int32                          // pieces
}

func (f *faulty) Do(ctx context.Context, a cluster.Attempt, t engine.Task, in []cluster.Input) (cluster.Output, error) {
	if f.do != nil {
		if err := f.do(); err != nil {
			return cluster.Output{}, err
		}
	}
	if f.again {
		if _, err := f.Worker.Do(ctx, a, t, in); err != nil {
			return cluster.Output{}, err
		}
	}
	return f.Worker.Do(ctx, a, t, in)
}

func (f *faulty) Fetch(ctx context.Context, a cluster.Attempt, parts []cluster.Part, get cluster.Taker) error {
	return f.Worker.Fetch(ctx, a, parts, func(part int, piece []byte) error {
		if f.piece == nil {
			return get(part, piece)
		}
		if piece = f.piece(int(f.n.Add(1)), bytes.Clone(piece)); piece == nil {
			return nil
		}
		return get(part, piece)
	})
}

// errDiskFull is what a task says whose output does not fit into the spill folder of its worker.
var errDiskFull = fmt.Errorf("/spill: %w", syscall.ENOSPC)

// early changes some pieces, so that a task that is done again comes through in the end.
func early(change func([]byte) []byte) func(int, []byte) []byte {
	return func(n int, piece []byte) []byte {
		if n <= 2 {
			return change(piece)
		}
		return piece
	}
}

// TestFaultyWorkers runs a job on three workers of which some do things wrong: the bytes are those of good workers, or the
// job fails and says why.
func TestFaultyWorkers(t *testing.T) {
	calls := func(fail func(n int32) error) func() error {
		var n atomic.Int32
		return func() error { return fail(n.Add(1)) }
	}
	for _, c := range []struct {
		name   string
		faulty int // workers
		make   func() *faulty
		kind   string // of receipts that must be there
		err    string
	}{
		{"all are good", 0, nil, cluster.ReceiptAggregated, ""},
		{"the spill folder of one is full", 1, func() *faulty { return &faulty{do: func() error { return errDiskFull }} }, cluster.ReceiptFailed, ""},
		{"the spill folders of all are full", 3, func() *faulty { return &faulty{do: func() error { return errDiskFull }} }, cluster.ReceiptFailed, `task \d failed 4 times: on worker \d: /spill: no space left on device; on worker \d: .*; on worker \d: `},
		{"each machine fails at its third task", 3, func() *faulty {
			return &faulty{do: calls(func(n int32) error {
				if n == 3 { // a task can fail on all three, which is not too often
					return errors.New("no luck")
				}
				return nil
			})}
		}, cluster.ReceiptFailed, ""},
		{"a bit of an output is wrong", 2, func() *faulty {
			return &faulty{piece: early(func(p []byte) []byte { p[len(p)/2] ^= 4; return p })}
		}, cluster.ReceiptLost, ""},
		{"an output is short", 2, func() *faulty { return &faulty{piece: early(func(p []byte) []byte { return p[:len(p)-1] })} }, cluster.ReceiptLost, ""},
		{"a part of an output is missing", 2, func() *faulty { return &faulty{piece: early(func([]byte) []byte { return nil })} }, cluster.ReceiptLost, ""},
		{"outputs are always wrong", 3, func() *faulty {
			return &faulty{piece: func(_ int, p []byte) []byte { p[0]++; return p }}
		}, cluster.ReceiptLost, `task \d was lost 5 times in a row; the last time: what it gave could not be fetched`},
		{"each task is done twice", 3, func() *faulty { return &faulty{again: true} }, cluster.ReceiptAggregated, ""},
	} {
		for end, ops := range map[string]string{"count": `count(by = lambda w: w)`, "sort": `sort(len)`} {
			t.Run(c.name+"/"+end, func(t *testing.T) {
				w := newWorld(t, map[string]string{"in.txt": manyWords()}, "")
				var mu sync.Mutex
				var receipts []cluster.Receipt
				w.Emit = func(e host.Event) {
					if r, ok := e.(cluster.Receipt); ok {
						mu.Lock()
						defer mu.Unlock()
						receipts = append(receipts, r)
					}
				}
				script := `job = lines("in.txt").flat_map(lambda l: l.split()).` + ops
				if _, err := w.run(script, engine.Options{Cores: 1}); err != nil {
					t.Fatal(err)
				}
				want := w.stdout.String()
				w.stdout.Reset()
				summary, err := w.run(script, engine.Options{Cores: 1, SplitSize: 50, BlockSize: 20, Tasks: &inMemory{workers: 3, wrap: func(i int, worker cluster.Worker) cluster.Worker {
					if i >= c.faulty {
						return worker
					}
					f := c.make()
					f.Worker = worker
					return f
				}}})
				if !slices.ContainsFunc(receipts, func(r cluster.Receipt) bool { return r.Kind == c.kind }) {
					t.Errorf("no receipt says %s", c.kind)
				}
				if c.err != "" {
					if err == nil || !regexp.MustCompile(c.err).MatchString(err.Error()) {
						t.Errorf("error %v, want %s", err, c.err)
					}
					if at := (*engine.StageError)(nil); !errors.As(err, &at) || !regexp.MustCompile(`^\d\.\d\.\d+$`).MatchString(at.Chunk) {
						t.Errorf("the error names no chunk: %+v", at)
					}
					return
				}
				if err != nil || w.stdout.String() != want || !strings.HasSuffix(summary.Audit(), "every edge balances") {
					t.Errorf("%v, %d bytes instead of %d", err, w.stdout.Len(), len(want))
				}
			})
		}
	}
}

// careful workers do all tasks as those that have ended a process.
type careful struct{ cluster.Worker }

func (c careful) Do(ctx context.Context, a cluster.Attempt, t engine.Task, in []cluster.Input) (cluster.Output, error) {
	t.Care = new(engine.Care)
	return c.Worker.Do(ctx, a, t, in)
}

// TestCareChangesNothing runs jobs whose tasks are done with care by two of three workers.
func TestCareChangesNothing(t *testing.T) {
	for _, ops := range []string{
		`reduce(0, lambda n, l: n + len(l))`,
		`reduce(0, lambda n, l: n + len(l), by = lambda l: l[:1])`,
		`flat_map(lambda l: l.split()).count(by = lambda w: w)`,
		`map(lambda l: len(l)).sum()`,
		`flat_map(lambda l: l.split()).partition().reduce({}, add)`,
		`filter(lambda l: "a" in l).take_sort(3, key = lambda l: len(l))`,
	} {
		t.Run(ops, func(t *testing.T) {
			w := newWorld(t, map[string]string{"in.txt": manyWords()}, "")
			script := "def add(state, w):\n    state[w] = state.get(w, 0) + 1\n    return state\n\njob = lines(\"in.txt\")." + ops
			if _, err := w.run(script, engine.Options{Cores: 1}); err != nil {
				t.Fatal(err)
			}
			want := w.stdout.String()
			for _, folds := range []bool{false, true} {
				w.stdout.Reset()
				_, err := w.run(script, engine.Options{Cores: 1, SplitSize: 50, BlockSize: 20, Tasks: &inMemory{workers: 3, folds: folds, wrap: func(i int, worker cluster.Worker) cluster.Worker {
					if i == 0 {
						return worker
					}
					return careful{worker}
				}}})
				if err != nil || w.stdout.String() != want {
					t.Errorf("workers fold: %t: %v, %d bytes instead of %d", folds, err, w.stdout.Len(), len(want))
				}
			}
		})
	}
}
