package builtins_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/cluster"
	"github.com/flowsh/flowsh/engine/host"
	"github.com/flowsh/flowsh/engine/operator"
)

// A foldWatch is around a worker, and knows what is folded there.
type foldWatch struct {
	cluster.Worker
	folded *atomic.Int32
	fold   func(n int32, do func() (cluster.Output, error)) (cluster.Output, error) // the n-th of all workers; nil: it is done
	piece  func(piece []byte) []byte                                                // of a range that is fetched; nil: as it is
}

func (f *foldWatch) Do(ctx context.Context, a cluster.Attempt, t engine.Task, in []cluster.Input) (cluster.Output, error) {
	do := func() (cluster.Output, error) { return f.Worker.Do(ctx, a, t, in) }
	if t.Fold == nil {
		return do()
	}
	n := f.folded.Add(1)
	if f.fold != nil {
		return f.fold(n, do)
	}
	return do()
}

func (f *foldWatch) Fetch(ctx context.Context, a cluster.Attempt, parts []cluster.Part, get cluster.Taker) error {
	return f.Worker.Fetch(ctx, a, parts, func(part int, piece []byte) error {
		if part > 0 && f.piece != nil {
			piece = f.piece(slices.Clone(piece))
		}
		return get(part, piece)
	})
}

// keysAndNumbers is lines of few and of many keys, and of numbers that are floats now and then.
func keysAndNumbers() string {
	var b strings.Builder
	for i := range 600 {
		key := fmt.Sprintf("key %d", i*i%97)
		if i%3 == 0 {
			key = fmt.Sprintf("a key of its own, %d", i)
		}
		fmt.Fprintf(&b, "%s\t%d\n", key, i*7919%1000)
	}
	return b.String()
}

const keyScript = `
def parse(line):
    key, _, n = line.partition("\t")
    return (key, int(n))

def tenths(key, n): return (key, n / 10)

def text(state, key, n):
    return state + str(n) + ","

def told(state, key, n):
    if n % 100 == 7:
        print(key, n)
    counter("folded")
    return state + n

def careful(state, key, n):
    if n > 990:
        fail("%d is too much" % n)
    return state + str(n)

def late(key, n):
    if n == 994:
        fail("it is late")
    return (key, n)

flow = lines("in.txt").map(parse)
job = `

// TestWorkersFold runs jobs whose state by key is folded by three workers: bytes, prints, counters and errors are those of
// one core.
func TestWorkersFold(t *testing.T) {
	for _, flow := range []string{
		`flow.count(by = 0)`,
		`flow.sum(1, by = 0)`,
		`flow.map(tenths).sum(1, by = 0)`,
		`flow.map(tenths).mean(1, by = 0)`,
		`flow.min(1, by = 0)`,
		`flow.max(1, by = 0)`,
		`flow.uniq(0)`,
		`flow.uniq()`,
		`flow.group_by(0, value = 1)`,
		`flow.summarize(by = 0, n = count(), most = max(1), kinds = count_distinct(1))`,
		`flow.reduce("", text, by = 0)`,
		`flow.reduce(0.5, lambda state, key, n: state + n / 3, by = 0)`,
		`flow.reduce([], lambda state, key, n: state + [n], by = 0, merge = lambda a, b: a + b)`,
		`flow.reduce(0, told, by = 0)`,
		`flow.reduce(0, lambda state, key, n: state + n, by = lambda key, n: (n % 2, key)).take(40)`,
		`flow.filter(lambda key, n: False).count(by = 0)`,
		`flow.take_sort(2, key = 1, by = 0)`,
		`flow.take_sort(3, key = lambda key, n: (n % 10, key), by = lambda key, n: len(key), reverse = True, as_list = True)`,
		`flow.take_sort(2, key = lambda key, n: None if n % 7 == 0 else n / 2, by = 0, nulls = "last")`,
		`flow.take_sort(2, key = lambda key, n: str(n) if n in (331, 994) else n, by = 0)`, // does not compare
		`flow.take_sort(2, key = lambda key, n: None if n == 994 else n, by = 0)`,          // has no order
		`flow.count(by = lambda key, n: {1: 1.0, 2: True}.get(n % 3, n % 3))`,
		`flow.reduce("", careful, by = 0)`,                                 // fails in several ranges
		`flow.map(late).reduce("", careful, by = 0)`,                       // and in the source's stage
		`flow.map(late).count(by = 0)`,                                     // there alone
		`flow.reduce(0, told, by = lambda key, n: [n] if n == 331 else n)`, // in a key
		`flow.map(late, on_error = "bad.jsonl").reduce(0, told, by = 0)`,   // and is given up
		`flow.sum(0, by = 0)`, // of what is no number
	} {
		t.Run(flow, func(t *testing.T) {
			outcome := func(o engine.Options) (text string, folded int32) {
				w := newWorld(t, map[string]string{"in.txt": keysAndNumbers()}, "")
				watch := new(atomic.Int32)
				if m, ok := o.Tasks.(*inMemory); ok {
					m.wrap = func(_ int, worker cluster.Worker) cluster.Worker { return &foldWatch{Worker: worker, folded: watch} }
				}
				summary, err := w.run(keyScript+flow, o)
				text = fmt.Sprintf("%s%v\n%q\n", w.stdout.String(), err, w.printed)
				if err == nil {
					text += fmt.Sprint(summary.Audit(), summary.Counted)
				}
				return text, watch.Load()
			}
			want, _ := outcome(engine.Options{Cores: 1})
			for name, o := range map[string]engine.Options{
				"compiled":    {Cores: 1, SplitSize: 1500, BlockSize: 200, Tasks: &inMemory{workers: 3, folds: true}},
				"interpreted": {Cores: 1, SplitSize: 1500, BlockSize: 200, Kernels: "off", Tasks: &inMemory{workers: 3, folds: true}},
				"a cluster":   {Cores: 1, SplitSize: 1500, BlockSize: 200, Tasks: &inMemory{workers: 3, folds: true, dies: 40000, agents: true}},
				"spilling":    {Cores: 1, Memory: 64 << 10, SplitSize: 1500, BlockSize: 200, Tasks: &inMemory{workers: 3, folds: true}},
			} {
				got, folded := outcome(o)
				if got != want {
					t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
				}
				if strings.Contains(want, "<nil>") && folded < operator.Ranges && name != "a cluster" {
					t.Errorf("%s: workers have folded %d ranges", name, folded)
				}
			}
		})
	}
}

// TestHeadFoldsTheLittle gives three workers a job of few keys: the head folds their state, and asks nobody.
func TestHeadFoldsTheLittle(t *testing.T) {
	w := newWorld(t, map[string]string{"in.txt": keysAndNumbers()}, "")
	folded := new(atomic.Int32)
	_, err := w.run(keyScript+"flow.count(by = 0)", engine.Options{Cores: 1, SplitSize: 1500, Tasks: &inMemory{
		workers: 3, wrap: func(_ int, worker cluster.Worker) cluster.Worker { return &foldWatch{Worker: worker, folded: folded} },
	}})
	if err != nil || folded.Load() > 0 {
		t.Errorf("%v, %d ranges were folded by workers", err, folded.Load())
	}
}

// TestFaultyFolds has workers fold of which some do things wrong: what they have of the ranges is given again by others.
func TestFaultyFolds(t *testing.T) {
	script := keyScript + `flow.reduce("", text, by = 0)`
	files := map[string]string{"in.txt": keysAndNumbers()}
	calm := newWorld(t, files, "")
	if _, err := calm.run(script, engine.Options{Cores: 1}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		make func(number int, f *foldWatch)
		kind string // of receipts that must be there
		err  string
	}{
		{"a worker dies in its fold, with what it has done", func(number int, f *foldWatch) {
			dead := false
			f.fold = func(n int32, do func() (cluster.Output, error)) (cluster.Output, error) {
				out, err := do()
				if dead = dead || number == 1 && n > 3; dead {
					return cluster.Output{}, cluster.ErrLost
				}
				return out, err
			}
		}, cluster.ReceiptRetried, ""},
		{"bits of ranges are wrong", func(int, *foldWatch) {}, cluster.ReceiptLost, ""},
		{"a machine fails at every fold", func(number int, f *foldWatch) {
			if number == 1 {
				f.fold = func(int32, func() (cluster.Output, error)) (cluster.Output, error) {
					return cluster.Output{}, errDiskFull
				}
			}
		}, cluster.ReceiptFailed, ""},
		{"ranges are always wrong", func(_ int, f *foldWatch) {
			f.piece = func(piece []byte) []byte { piece[len(piece)/2] ^= 8; return piece }
		}, cluster.ReceiptLost, `task \d+ was lost 5 times in a row; the last time: what it gave could not be fetched`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, files, "")
			var mu sync.Mutex
			kinds := map[string]bool{}
			w.Emit = func(e host.Event) {
				if r, ok := e.(cluster.Receipt); ok {
					mu.Lock()
					defer mu.Unlock()
					kinds[r.Kind] = true
				}
			}
			folded, wrong := new(atomic.Int32), new(atomic.Int32)
			_, err := w.run(script, engine.Options{Cores: 1, SplitSize: 1500, BlockSize: 200, Tasks: &inMemory{
				workers: 3, folds: true, wrap: func(number int, worker cluster.Worker) cluster.Worker {
					f := &foldWatch{Worker: worker, folded: folded}
					if c.name == "bits of ranges are wrong" {
						f.piece = func(piece []byte) []byte {
							if n := wrong.Add(1); n == 9 || n == 30 || n == 60 {
								piece[len(piece)/2] ^= 8
							}
							return piece
						}
					}
					c.make(number, f)
					return f
				},
			}})
			switch {
			case c.err != "" && (err == nil || !regexp.MustCompile(c.err).MatchString(err.Error())):
				t.Errorf("error %v, want %s", err, c.err)
			case c.err != "":
				if at := (*engine.StageError)(nil); !errors.As(err, &at) || at.Chunk == "" {
					t.Errorf("the error names no chunk: %+v", at)
				}
			case c.err == "" && (err != nil || w.stdout.String() != calm.stdout.String()):
				t.Errorf("%v, %d bytes instead of %d", err, w.stdout.Len(), calm.stdout.Len())
			}
			if !kinds[c.kind] {
				t.Errorf("no receipt says %s, but %v", c.kind, slices.Sorted(maps.Keys(kinds)))
			}
		})
	}
}

// TestTasksAreFetchedAtOnce has the head fold: what a task gives in all ranges of the keys is asked for once.
func TestTasksAreFetchedAtOnce(t *testing.T) {
	w := newWorld(t, map[string]string{"in.txt": keysAndNumbers()}, "")
	fetched := new(atomic.Int32)
	script := `job = lines("in.txt").map(lambda l: l.split("\t")).count(by = 0)`
	if _, err := w.run(script, engine.Options{Cores: 1, SplitSize: 3000, BlockSize: 500, Tasks: &inMemory{
		workers: 2, wrap: func(_ int, worker cluster.Worker) cluster.Worker { return &fetchWatch{worker, fetched} },
	}}); err != nil {
		t.Fatal(err)
	}
	if n, tasks := int(fetched.Load()), (len(keysAndNumbers())+2999)/3000; n != tasks {
		t.Errorf("it was fetched %d times from workers, want once for each of %d tasks", n, tasks)
	}
}

// A fetchWatch counts what is fetched.
type fetchWatch struct {
	cluster.Worker
	n *atomic.Int32
}

func (f *fetchWatch) Fetch(ctx context.Context, a cluster.Attempt, parts []cluster.Part, get cluster.Taker) error {
	f.n.Add(1)
	return f.Worker.Fetch(ctx, a, parts, get)
}

// TestWorkersApart has workers fold that cannot reach each other: the head, which can, folds what they do not.
func TestWorkersApart(t *testing.T) {
	for _, flow := range []string{`flow.reduce("", text, by = 0)`, `flow.count(by = 0)`, `flow.reduce("", careful, by = 0)`} {
		t.Run(flow, func(t *testing.T) {
			outcome := func(o engine.Options) string {
				w := newWorld(t, map[string]string{"in.txt": keysAndNumbers()}, "")
				_, err := w.run(keyScript+flow, o)
				return fmt.Sprint(w.stdout.String(), err)
			}
			want := outcome(engine.Options{Cores: 1})
			got := outcome(engine.Options{Cores: 1, SplitSize: 1500, Tasks: &inMemory{workers: 3, folds: true, apart: true}})
			if got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// TestMasterKilledMidFold kills the master, and the head with it, when so much is kept of what workers gave: the job goes
// on, and no range is folded again that is kept.
func TestMasterKilledMidFold(t *testing.T) {
	script := `job = lines("input*.txt").reduce("", lambda state, line: state + line[-1:], by = lambda line: line)`
	calm := restarted(t, script, nil)
	want := calm.stdout.String()
	for _, n := range []int{1, restartInputs / 2, restartInputs, restartInputs + operator.Ranges/2, restartInputs + operator.Ranges} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			c := restartedFolding(t, script, func(where string) bool { return where == fmt.Sprint("kept ", n) })
			if c.kills != 1 || c.stdout.String() != want {
				t.Errorf("%d kills, %q instead of %q", c.kills, c.stdout.String(), want)
			}
			folds := 0
			for _, task := range c.whole {
				if len(path.Base(task)) > 1 { // numbers of folds come behind those of the inputs
					folds++
				}
			}
			if folds != operator.Ranges {
				t.Errorf("%d ranges were kept", folds)
			}
		})
	}
}
