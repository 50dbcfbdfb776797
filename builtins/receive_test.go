package builtins_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/connector"
)

// received runs a script whose outputs are received; enough ends an output behind so many columns, 0 none.
func received(t *testing.T, o engine.Options, script string, enough int) (map[string][]string, *world) {
	t.Helper()
	w := newWorld(t, map[string]string{"poem.txt": strings.Repeat(poem+"\n", 50)}, "")
	var mu sync.Mutex
	all, calls := map[string][]string{}, map[string]int{}
	o.Receive = func(output string, records *chunk.Column) error {
		mu.Lock()
		defer mu.Unlock()
		for i := range records.N {
			all[output] = append(all[output], records.At(i).String())
		}
		if calls[output]++; calls[output] == enough {
			return connector.ErrClosedOutput
		}
		return nil
	}
	if _, err := w.run(script, o); err != nil {
		t.Fatal(err)
	}
	return all, w
}

func TestReceive(t *testing.T) {
	const script = `
words = lines("poem.txt").flat_map(lambda l: l.split())
job = [words.count(by = lambda w: w), words.map(len).write("lengths.csv"), words.filter(lambda w: w == "none").write("none.txt")]
`
	for name, o := range executors {
		t.Run(name, func(t *testing.T) {
			all, w := received(t, o, script, 0)
			if got := all["-"]; len(got) != 8 || got[0] != `("the", 200)` {
				t.Errorf("counts: %v", got)
			}
			if got := all["lengths.csv"]; len(got) != 700 || !slices.Equal(got[:5], []string{"3", "3", "3", "3", "4"}) {
				t.Errorf("lengths: %d, %v", len(got), got[:5])
			}
			if _, err := w.FS.Stat("lengths.csv"); err == nil || w.stdout.Len() > 0 {
				t.Errorf("files were written: %v, %q", err, w.stdout.String())
			}
		})
	}
}

func TestReceiverHasHadEnough(t *testing.T) {
	all, _ := received(t, engine.Options{Cores: 2, BlockSize: 64}, `job = lines("poem.txt")`, 2)
	if n := len(all["-"]); n == 0 || n > 100 {
		t.Errorf("%d records", n)
	}
}

func TestReceiverFails(t *testing.T) {
	w := newWorld(t, map[string]string{"poem.txt": poem}, "")
	broken := errors.New("broken")
	_, err := w.run(`job = lines("poem.txt")`, engine.Options{Receive: func(string, *chunk.Column) error { return broken }})
	if !errors.Is(err, broken) {
		t.Error(err)
	}
}
