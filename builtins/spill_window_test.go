package builtins_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/operator"
)

// spillingWindows are jobs whose state is larger than the memory of TestWindowsSpill.
var spillingWindows = map[string]string{
	"windows of a reduce":     `.window(windows.fixed("5s", time = 0)).reduce([], lambda s, t, k: s + [t], by = 1)`,
	"windows of a count":      `.window(windows.sliding("20ms", every = "10ms", time = 0)).count(by = 1)`,
	"sessions":                `.window(windows.session("30ms", time = 0)).group_by(1, value = 0)`,
	"windows by count":        `.window(windows.count(3)).reduce("", lambda s, t, k: s + str(t), by = 1)`,
	"late":                    `.window(windows.fixed("50ms", time = 0, lateness = "100ms", late = "late.jsonl")).uniq(1)`,
	"states of a trigger":     `.trigger(every = 10).reduce([], lambda s, t, k: s + [(t, "some text")], by = 1).map(len)`,
	"states in windows":       `.window(windows.fixed("5s", time = 0)).trigger(f = lambda s, t, k: ("big" if (s or 0) == 20 else None, (s or 0) + 1)).reduce({}, lambda s, t, k: s | {str(t): k}, by = 1)`,
	"states of a scan":        `.scan([], lambda s, t, k: ([len(s)] if len(s) % 20 == 19 else [], s + ["a long text" + str(t)]), by = 1, flush = lambda s: [s[-1]])`,
	"states of lanes":         `.partition(1, lanes = 9).trigger(every = 100).reduce([], lambda s, t, k: s + [t]).on_trigger(lambda s, lane: ([(lane[0], len(s))], s))`,
	"states that are flushed": `.window(windows.fixed("4s", time = 0)).scan([], lambda s, t, k: ([], s + [str(t)]), by = 1, flush = lambda s: [s])`,
}

// TestWindowsSpill wants the same bytes whatever the memory.
func TestWindowsSpill(t *testing.T) {
	var in strings.Builder
	for i := range 1500 {
		fmt.Fprintf(&in, "%d k%d\n", i+i*7919%211, i*7919%61)
	}
	files := map[string]string{"in.txt": in.String()}
	for name, text := range spillingWindows {
		t.Run(name, func(t *testing.T) {
			script := `job = lines("in.txt").map(lambda l: (int(l.split()[0]), l.split()[1]))` + text
			run := func(o engine.Options) string {
				w := newWorld(t, files, "")
				if _, err := w.run(script, o); err != nil {
					t.Fatal(err)
				}
				return w.stdout.String()
			}
			want := run(engine.Options{Cores: 1})
			got := run(engine.Options{Cores: 2, Memory: 96 << 10, BlockSize: 4 << 10})
			if d := difference(want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestTooManyStates wants the limit to be named where only keys are left in memory.
func TestTooManyStates(t *testing.T) {
	for name, text := range map[string]string{
		"scan": `.scan(0, lambda n, l: ([], n + 1), by = lambda l: l)`, "trigger": `.trigger(every = 5).reduce(0, lambda n, l: n + 1, by = lambda l: l)`,
		"take": `.take(1, by = lambda l: l)`, "count": `.window(windows.count(3)).count(by = lambda l: l)`,
	} {
		t.Run(name, func(t *testing.T) {
			var in strings.Builder
			for i := range 5000 {
				fmt.Fprintln(&in, i)
			}
			w := newWorld(t, map[string]string{"in.txt": in.String()}, "")
			_, err := w.run(`job = lines("in.txt")`+text, engine.Options{Cores: 2, Memory: 256 << 10})
			var limit *operator.LimitError
			if !errors.As(err, &limit) || !strings.Contains(err.Error(), "use fewer keys") {
				t.Errorf("error %v", err)
			}
		})
	}
}
