package engine

import (
	"context"
	"encoding/hex"
	"path/filepath"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/flowsh/flowsh/engine/operator"
	"github.com/flowsh/flowsh/spill"
)

// The memory budget: state may take half of it (each stage that holds state a part of that half), blocks in
// flight a part of the rest; what is left is for the collector, whose limit is the whole budget.
const (
	stateShare  = 2   // 1/2 of the budget for state
	storeShare  = 16  // 1/16 for chunks that wait in memory before they go to disk
	edgesShare  = 16  // 1/16 for batches that wait between stages that may not wait for each other
	blocksShare = 64  // 1/64 is the largest block, divided among cores and stages
	liveLimit   = 0.9 // of the budget: a live heap above it stops the job
	liveEvery   = 50 * time.Millisecond
)

// newStore is where chunks go that are not read at once: memory for the first few, then disk.
func newStore(o Options) spill.Store {
	return spill.NewTiered(o.Memory/storeShare, func() (spill.Store, error) {
		switch o.Spill {
		case "memory":
			return spill.NewMem(), nil
		case "badger":
			return openBadger(o)
		}
		return spill.NewSegments(o.Host, spillDir(o), nil), nil
	})
}

// openBadger opens a database in a folder of its own, which Close removes.
func openBadger(o Options) (spill.Store, error) {
	var name [8]byte
	o.Host.Random(name[:])
	return spill.OpenBadger(o.Host, filepath.Join(spillDir(o), "flowsh-"+hex.EncodeToString(name[:])), nil)
}

func spillDir(o Options) string {
	if o.SpillDir != "" {
		return o.SpillDir
	}
	return o.Host.FS.TempDir()
}

// limitHeap sets the collector to the budget and stops the job, through env.Interrupt, when what lives on the heap
// comes close to it. restore puts the collector's settings back.
func (r *jobRun) limitHeap(ctx context.Context) (restore func()) {
	limit := debug.SetMemoryLimit(r.options.Memory)
	done := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		r.watchHeap(ctx, done)
	}()
	return func() {
		close(done)
		<-stopped
		debug.SetMemoryLimit(limit)
	}
}

func (r *jobRun) watchHeap(ctx context.Context, done <-chan struct{}) {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	for {
		select {
		case <-done:
			return
		case <-ctx.Done():
			return
		case <-r.host.Clock.After(liveEvery):
		}
		metrics.Read(live)
		used := int64(live[0].Value.Uint64())
		if used > int64(liveLimit*float64(r.options.Memory)) {
			var err error = &operator.LimitError{
				What: "the job", Bytes: used, Share: r.options.Memory,
				Hint: "a function of the script holds too much at once: return smaller records, or raise --mem",
			}
			r.env.Interrupt.CompareAndSwap(nil, &err)
			return
		}
	}
}
