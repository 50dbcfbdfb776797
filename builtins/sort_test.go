package builtins_test

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/cluster"
)

// A sortWatch is around workers, and counts what the head fetches of them: records as they are, and in sorted runs.
type sortWatch struct {
	mu            sync.Mutex
	plain, sorted int
}

type watchedSorter struct {
	cluster.Worker
	watch *sortWatch
}

var (
	recordsOfAPiece = regexp.MustCompile(`"len":(\d+)`)
	rowsOfAPiece    = regexp.MustCompile(`"sorted":\{"rows":(\d+)`)
)

func (w *watchedSorter) Fetch(ctx context.Context, a cluster.Attempt, parts []cluster.Part, get cluster.Taker) error {
	return w.Worker.Fetch(ctx, a, parts, func(part int, piece []byte) error {
		w.watch.mu.Lock()
		defer w.watch.mu.Unlock()
		for re, sum := range map[*regexp.Regexp]*int{recordsOfAPiece: &w.watch.plain, rowsOfAPiece: &w.watch.sorted} {
			if found := re.FindSubmatch(piece); found != nil {
				n, _ := strconv.Atoi(string(found[1]))
				*sum += n
			}
		}
		return get(part, piece)
	})
}

// sortable is lines of few and of many keys, with texts of all kinds.
func sortable() string {
	var b strings.Builder
	for i := range 600 {
		switch n := i * 7919 % 1000; {
		case i%50 == 7:
			fmt.Fprintf(&b, "long %s\t%d\n", strings.Repeat("x", n), n)
		case i%50 == 8:
			fmt.Fprintf(&b, "\x00 in it\x00\xff\t%d\n", n%3)
		case i%50 == 9:
			fmt.Fprintf(&b, "\t%d\n", n)
		default:
			fmt.Fprintf(&b, "key %d\t%d\n", i*i%97, n)
		}
	}
	return b.String()
}

const sortScript = `
def parse(line):
    key, _, n = line.partition("\t")
    return (key, int(n))

def unusual(key, n):
    if n % 5 == 0:
        return [float("nan"), -0.0, 0, 0.0, None, 1 << 70, float("-inf")][n // 5 % 7]
    return n

def told(key, n):
    if n % 100 == 7:
        print(key, n)
    counter("seen")
    return (n % 10, key)

def careful(key, n):
    if n > 990:
        fail("%d is too much" % n)
    return n

def mixed(key, n):
    return str(n) if n in (331, 994, 995) else n

def none(key, n):
    return None if n == 994 else n

def either(key, n):
    return None if n == 994 else mixed(key, n)

flow = lines("in.txt").map(parse)
job = `

// TestWorkersSort sorts on three workers: bytes, prints, counters and errors are those of one core, and the head gets nothing
// but sorted runs.
func TestWorkersSort(t *testing.T) {
	const all = 600
	for _, c := range []struct {
		flow string
		rows int // that the head gets in runs of the workers; 0: some fail, or each worker keeps some
	}{
		{`lines("in.txt").sort()`, all},
		{`lines("in.txt").sort(reverse = True)`, all},
		{`lines("in.txt").filter(lambda line: "\0" not in line).sort()`, all - all/50},
		{`lines("in.txt").sort(len)`, all},
		{`flow.sort()`, all},
		{`flow.sort(1)`, all},
		{`flow.sort(1, reverse = True)`, all},
		{`flow.sort(0)`, all},
		{`flow.sort(told)`, all},
		{`flow.sort(lambda key, n: True)`, all},
		{`flow.sort(unusual, nulls = "first")`, all},
		{`flow.sort(unusual, nulls = "last", reverse = True)`, all},
		{`flow.flat_map(lambda key, n: [{"key": key, "n": n, "half": n / 2}] * (n % 3)).sort("n")`, 597},
		{`flow.filter(lambda key, n: False).sort(1)`, 0},
		{`flow.sort(1).take(7)`, 0},
		{`flow.sort(1).take(0)`, 0},
		{`flow.sort(unusual, nulls = "first", reverse = True).take(300)`, 0},
		{`flow.take_sort(9, key = 1)`, 0},
		{`flow.take_sort(9, key = told, reverse = True)`, 0},
		{`flow.shuffle()`, all},
		{`flow.sample(n = 20)`, 0},
		{`flow.partition(0, lanes = 4).batch(50).map(repr)`, all},
		{`flow.partition(0, lanes = 4).sort(1)`, all},
		{`flow.sort(careful)`, 0},                                              // fails in a key
		{`flow.sort(mixed)`, 0},                                                // with those of other tasks
		{`flow.sort(lambda key, n: str(n) if n > 400 else n)`, 0},              // in the first task
		{`flow.sort(none)`, 0},                                                 // has no order
		{`flow.sort(either)`, 0},                                               // one of both
		{`flow.sort(lambda key, n: {"n": n})`, 0},                              // no order at all
		{`flow.map(lambda key, n: n).map(lambda n: 1 // (n - 994)).sort()`, 0}, // before the sort
		{`flow.map(told, on_error = "drop").filter(lambda n, key: 1 // (n - 3) == 0, on_error = "bad.jsonl").sort(0)`, 300},
	} {
		t.Run(c.flow, func(t *testing.T) {
			outcome := func(o engine.Options) (string, *sortWatch) {
				watch := new(sortWatch)
				if m, ok := o.Tasks.(*inMemory); ok {
					m.wrap = func(_ int, w cluster.Worker) cluster.Worker { return &watchedSorter{w, watch} }
				}
				w := newWorld(t, map[string]string{"in.txt": sortable()}, "")
				summary, err := w.run(sortScript+c.flow, o)
				text := fmt.Sprint(w.stdout.String(), w.printed, err)
				if err == nil {
					text += fmt.Sprint(summary.Audit(), summary.Counted)
				}
				if strings.Contains(c.flow, "bad.jsonl") {
					text += w.read(t, "bad.jsonl")
				}
				return text, watch
			}
			want, _ := outcome(engine.Options{Cores: 1})
			for name, o := range map[string]engine.Options{
				"compiled":    {Cores: 1, SplitSize: 1500, BlockSize: 200, Tasks: &inMemory{workers: 3}},
				"interpreted": {Cores: 1, SplitSize: 900, BlockSize: 2000, Kernels: "off", Tasks: &inMemory{workers: 3, dies: 3}},
				"spilling":    {Cores: 1, Memory: 64 << 10, SplitSize: 1500, BlockSize: 200, Tasks: &inMemory{workers: 3}},
			} {
				got, watch := outcome(o)
				if got != want {
					t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
				}
				if watch.plain > 0 || name != "interpreted" && c.rows > 0 && watch.sorted != c.rows {
					t.Errorf("%s: the head has got %d records as they are and %d in sorted runs, want %d", name, watch.plain, watch.sorted, c.rows)
				}
			}
		})
	}
}
