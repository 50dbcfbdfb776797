package builtins_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/host"
	"github.com/flowsh/flowsh/spill"
)

// everyOutput writes to every kind of output, in folders that exist and that do not, and spills for every operator
// that can.
const everyOutput = `
words = lines("in.txt").flat_map(lambda line: line.split())
counts = words.count(by = lambda w: w)
job = [
    counts.write("new/counts.tsv"),
    words.sort().write("parts/", format = "text"),
    words.write("by-{}.txt", by = lambda w: w[-1:]),
    counts.concat(counts.map(lambda w, n: w), words.reduce([], lambda acc, w: acc + [w], by = lambda w: w[-3:])),
]`

// scarce makes the job of everyOutput spill.
var scarce = engine.Options{Cores: 2, Memory: 160 << 10, BlockSize: 4096}

func manyWords() string {
	var b strings.Builder
	for i := range 700 {
		fmt.Fprintf(&b, "word%d ", i*7919%601)
		if i%10 == 9 {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// A faults injects an error at one passage of one point, and counts the passages of all.
type faults struct {
	mu      sync.Mutex
	passed  map[host.Point]int
	point   host.Point
	passage int
	fired   bool
}

var errBroken = errors.New("broken by the test")

func (f *faults) inject(p host.Point) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.passed[p]++
	if p != f.point || f.passed[p] != f.passage {
		return nil
	}
	f.fired = true
	return errBroken
}

// outputs is what a run left: stdout and all files but the input.
func (w *world) outputs(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{"-": w.stdout.String()}
	for _, name := range w.list(t, ".") {
		if name != "in.txt" {
			all[name] = ""
			if !strings.HasSuffix(name, "/") {
				all[name] = w.read(t, name)
			}
		}
	}
	return all
}

// leavesNothing checks that a run that failed left no name behind.
func (w *world) leavesNothing(t *testing.T) {
	t.Helper()
	left := w.outputs(t)
	delete(left, "-")
	if len(left) > 0 {
		t.Errorf("left behind: %q", slices.Sorted(maps.Keys(left)))
	}
}

// runsAgain runs the job in the same place and wants what it gives where nothing fails.
func (w *world) runsAgain(t *testing.T, o engine.Options, want map[string]string) {
	t.Helper()
	w.Inject = nil
	w.stdout.Reset()
	if _, err := w.run(everyOutput, o); err != nil {
		t.Fatal(err)
	}
	w.gives(t, want)
}

func (w *world) gives(t *testing.T, want map[string]string) {
	t.Helper()
	got := w.outputs(t)
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if d := difference(want[name], got[name]); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	if len(got) != len(want) {
		t.Errorf("outputs %q, not %q", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
}

// TestFaults makes every step of a commit, a spill and a manifest fail at its first, second and last passage.
func TestFaults(t *testing.T) {
	files := map[string]string{"in.txt": manyWords()}
	w := newWorld(t, files, "")
	counted := &faults{passed: map[host.Point]int{}}
	w.Inject = counted.inject
	if _, err := w.run(everyOutput, scarce); err != nil {
		t.Fatal(err)
	}
	want := w.outputs(t)
	for _, p := range host.Points() {
		passages := counted.passed[p]
		if passages == 0 {
			// Only a store that is to be kept is synced, and only a master keeps a journal.
			if p != "spill.sync" && !strings.HasPrefix(string(p), "journal.") {
				t.Errorf("the job never passes %s", p)
			}
			continue
		}
		for _, n := range slices.Compact([]int{1, min(2, passages), passages}) {
			t.Run(fmt.Sprintf("%s %d of %d", p, n, passages), func(t *testing.T) {
				if w := breakAt(t, files, want, p, n); w != nil && n == passages {
					w.runsAgain(t, scarce, want)
				}
			})
		}
	}
}

// breakAt is the world after a run that failed; nil if it did not.
func breakAt(t *testing.T, files, want map[string]string, p host.Point, passage int) *world {
	t.Helper()
	w := newWorld(t, files, "")
	f := &faults{passed: map[host.Point]int{}, point: p, passage: passage}
	w.Inject = f.inject
	_, err := w.run(everyOutput, scarce)
	switch {
	case err == nil && (!f.fired || p == "spill.remove"):
		w.gives(t, want) // there were fewer passages this time, or what could not be removed was in nobody's way
		return nil
	case !errors.Is(err, errBroken):
		t.Fatalf("got %v", err)
	}
	w.leavesNothing(t)
	return w
}

func TestFullDisk(t *testing.T) {
	files := map[string]string{"in.txt": strings.Repeat(manyWords(), 8)} // enough to spill whatever the timing
	w := newWorld(t, files, "")
	if _, err := w.run(everyOutput, engine.Options{Cores: 2}); err != nil {
		t.Fatal(err)
	}
	want, used := w.outputs(t), w.FS.(*host.MemFS).Used()
	input := int64(len(files["in.txt"]))
	for _, c := range []struct {
		name  string
		limit int64
		o     engine.Options
		err   error
	}{
		{"at the first output", input, engine.Options{Cores: 2}, syscall.ENOSPC},
		{"between the outputs", (input + used) / 2, engine.Options{Cores: 2}, syscall.ENOSPC},
		{"at the last byte", used - 1, engine.Options{Cores: 2}, syscall.ENOSPC},
		{"where it spills", used + 64<<20, scarce, spill.ErrFull},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, files, "")
			w.FS.(*host.MemFS).SetLimit(c.limit)
			if _, err := w.run(everyOutput, c.o); !errors.Is(err, c.err) {
				t.Fatalf("got %v, want %v", err, c.err)
			}
			w.leavesNothing(t)
			w.FS.(*host.MemFS).SetLimit(1 << 40)
			w.runsAgain(t, c.o, want)
		})
	}
}

// A changingFS changes a file after its nth read.
type changingFS struct {
	host.FS
	mu     sync.Mutex
	reads  int
	change func()
}

func (c *changingFS) Open(name string) (host.File, error) {
	f, err := c.FS.Open(name)
	return &changingFile{f, c}, err
}

type changingFile struct {
	host.File
	fs *changingFS
}

func (f *changingFile) Read(p []byte) (int, error) {
	n, err := f.File.Read(p)
	f.fs.read()
	return n, err
}

func (f *changingFile) ReadAt(p []byte, at int64) (int, error) {
	n, err := f.File.ReadAt(p, at)
	f.fs.read()
	return n, err
}

func (c *changingFS) read() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reads--; c.reads == 0 {
		c.change()
	}
}

func TestInputThatChanges(t *testing.T) {
	for reads := 2; reads <= 5; reads++ { // the first finds out how the file is compressed
		w := newWorld(t, map[string]string{"in.txt": manyWords()}, "")
		memory := w.FS
		w.FS = &changingFS{FS: memory, reads: reads, change: func() {
			f, err := memory.Append("in.txt")
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := f.Write([]byte("one more line\n")); err != nil {
				t.Error(err)
			}
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		}}
		_, err := w.run(everyOutput, engine.Options{Cores: 2, BlockSize: 512, SplitSize: 2048})
		if err == nil || !strings.Contains(err.Error(), "in.txt: the file changed while it was read") {
			t.Errorf("after %d reads: got %v", reads, err)
		}
		w.leavesNothing(t)
	}
}
