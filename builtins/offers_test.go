package builtins_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/flowsh/flowsh/engine/cluster"
	"github.com/flowsh/flowsh/engine/host"
	"github.com/flowsh/flowsh/spill"
)

// A returning is a cluster of two workers whose disks survive them. The first task stays with one of them until the test
// lets it go on; the other does those that follow, whose outputs wait at it.
type returning struct {
	*restartable
	disks map[string]*host.MemFS
	stops map[string]context.CancelFunc
	first chan string   // the worker that has the first task
	gate  chan struct{} // closed when it may go on
	swept chan string   // folders that agents have removed

	mu       sync.Mutex
	returned int            // tasks that were accepted
	changed  *sync.Cond     // returned has
	reads    map[string]int // of each input, by workers
}

// An inputFS counts how often each input is opened, and keeps the first one back.
type inputFS struct {
	host.FS
	c    *returning
	name string // of the worker
}

func (f inputFS) Open(name string) (host.File, error) {
	base := path.Base(name)
	if strings.HasPrefix(base, "input") {
		f.c.mu.Lock()
		f.c.reads[base]++
		again := f.c.reads[base] > 1
		f.c.mu.Unlock()
		if base == "input0.txt" && !again {
			f.c.first <- f.name
			<-f.c.gate
		}
	}
	return f.FS.Open(name)
}

// A sweepingFS says which folders are removed.
type sweepingFS struct {
	host.FS
	c *returning
}

func (f sweepingFS) RemoveAll(name string) error {
	err := f.FS.RemoveAll(name)
	if strings.HasPrefix(name, "/outputs/") {
		f.c.swept <- name
	}
	return err
}

// Enabled implements slog.Handler.
func (c *returning) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements slog.Handler: the master says which outputs count.
func (c *returning) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "chunk "+cluster.ReceiptReturned {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.returned++
		c.changed.Broadcast()
	}
	return nil
}

// WithAttrs implements slog.Handler.
func (c *returning) WithAttrs([]slog.Attr) slog.Handler { return c }

// WithGroup implements slog.Handler.
func (c *returning) WithGroup(string) slog.Handler { return c }

// An endedPipe is a connection to an executor that ends when nobody needs it.
type endedPipe struct{ io.ReadWriteCloser }

func (endedPipe) Death() cluster.Death { return cluster.Death{} }

func (c *returning) worker(name string) {
	ctx, stop := context.WithCancel(c.ctx)
	c.stops[name] = stop
	disk := c.disks[name]
	if disk == nil {
		disk = host.NewMemFS()
		c.disks[name] = disk
	}
	c.node(ctx, name, func(a *cluster.Agent) {
		own := *a.Host
		own.FS = sweepingFS{disk, c}
		a.Host, a.Outputs = &own, "/outputs"
		spawn := c.executor(true, func(x *cluster.Executor) {
			x.Host.FS = inputFS{x.Host.FS, c, name}
			stays := own
			stays.FS = disk
			x.Retain = func(job string) (cluster.Retained, error) {
				return spill.OpenSegments(&stays, path.Join("/outputs", job), nil)
			}
		})
		a.Spawn = func(ctx context.Context) (io.ReadWriteCloser, error) {
			conn, err := spawn(ctx)
			return endedPipe{conn}, err
		}
	})
}

const returningAhead = 3*2 - 1 // tasks that may be done behind the first one

// killedAndBack runs a job whose worker is killed when it has the outputs of tasks that nobody has fetched, and comes back
// on its disk, which damage may have changed.
func killedAndBack(t *testing.T, damage func(t *testing.T, disk *host.MemFS)) *returning {
	ctx, cancel := context.WithCancel(t.Context())
	c := &returning{
		restartable: newRestartable(ctx, t, streams), disks: map[string]*host.MemFS{}, stops: map[string]context.CancelFunc{},
		first: make(chan string, 1), gate: make(chan struct{}), swept: make(chan string, 10), reads: map[string]int{},
	}
	c.changed = sync.NewCond(&c.mu)
	c.agent.Log = slog.New(c)
	defer c.running.Wait()
	defer cancel()
	var want strings.Builder
	for i := range restartInputs {
		want.WriteString(strings.Repeat(fmt.Sprintf("LINE %d\n", i), 3))
	}
	c.begin()
	names := []string{"one", "two"}
	for _, name := range names {
		c.worker(name)
	}
	go func() {
		busy := <-c.first
		victim := names[1-slices.Index(names, busy)]
		c.mu.Lock()
		for c.returned < returningAhead {
			c.changed.Wait()
		}
		c.mu.Unlock()
		c.stops[victim]()
		if damage != nil {
			damage(t, c.disks[victim])
		}
		c.worker(victim)
		c.mu.Lock()
		for c.returned < 2*returningAhead-map[bool]int{true: 1}[damage != nil] {
			c.changed.Wait()
		}
		c.mu.Unlock()
		close(c.gate)
	}()
	c.gives(want.String(), silent)
	for range names {
		<-c.swept
	}
	for name, disk := range c.disks {
		if left, _ := disk.ReadDir("/outputs"); len(left) > 0 {
			t.Errorf("%s keeps %s, whose job is over", name, left[0].Name())
		}
	}
	return c
}

// TestWorkerOffersWhatItHas kills a worker that has outputs which nobody has fetched yet: when it is back they are taken from
// it, and no task is done again.
func TestWorkerOffersWhatItHas(t *testing.T) {
	c := killedAndBack(t, nil)
	for name, n := range c.reads {
		if n != 1 {
			t.Errorf("%s was read %d times", name, n)
		}
	}
	if len(c.reads) != restartInputs {
		t.Errorf("%d inputs were read", len(c.reads))
	}
}

// TestDamagedOutputsAreNotOffered damages the output of one task while its worker is away: that task is done again, and no
// other.
func TestDamagedOutputsAreNotOffered(t *testing.T) {
	c := killedAndBack(t, func(t *testing.T, disk *host.MemFS) {
		jobs, err := disk.ReadDir("/outputs")
		if err != nil || len(jobs) != 1 {
			t.Errorf("%v, %v", jobs, err)
			return
		}
		name := path.Join("/outputs", jobs[0].Name(), "000001.seg")
		f, err := disk.Open(name)
		if err != nil {
			t.Error(err)
			return
		}
		data, err := io.ReadAll(f)
		if err != nil {
			t.Error(err)
		}
		data[strings.Index(string(data), "task/")+20] ^= 1
		if err := disk.Remove(name); err != nil {
			t.Error(err)
		}
		if f, err = disk.Create(name); err == nil {
			_, err = f.Write(data)
		}
		if err != nil {
			t.Error(err)
		}
	})
	again := 0
	for _, n := range c.reads {
		again += n - 1
	}
	if again != 1 {
		t.Errorf("%d tasks were done again", again)
	}
}
