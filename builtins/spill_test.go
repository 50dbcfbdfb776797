package builtins_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flowsh/flowsh/builtins"
	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/host"
)

// Every store on disk gives the same bytes, on real files, and leaves none of its own.
func TestStores(t *testing.T) {
	dir := t.TempDir()
	var text strings.Builder
	const rows = 200_000
	for i := range rows {
		fmt.Fprintf(&text, "%d line %d\n", i*7919%rows, i)
	}
	input := filepath.Join(dir, "in.txt")
	if err := os.WriteFile(input, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	script := `
rows = lines(arg("input")).map(lambda l: l.split())
job = rows.sort(lambda r: int(r[0])).map(lambda r: (r[0], r[2])).concat(
    rows.reduce(0, lambda acc, r: acc + int(r[2]), by = lambda r: int(r[0]) % 150000))
`
	var want []byte
	for _, store := range []string{"segments", "badger"} {
		spillDir := t.TempDir()
		got := runReal(t, script, input, engine.Options{Cores: 2, Memory: 32 << 20, Spill: store, SpillDir: spillDir})
		if want == nil {
			want = runReal(t, script, input, engine.Options{Cores: 2})
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, want %d others", store, len(got), len(want))
		}
		left, err := os.ReadDir(spillDir)
		if err != nil {
			t.Fatal(err)
		}
		if len(left) > 0 {
			t.Errorf("%s: left behind: %v", store, left)
		}
	}
}

// unwatched is a clock at which nobody who looks now and then ever looks.
type unwatched struct{ host.Clock }

func (unwatched) After(time.Duration) <-chan time.Time { return nil }

func runReal(t *testing.T, script, input string, o engine.Options) []byte {
	t.Helper()
	h := host.New()
	h.Clock = unwatched{h.Clock} // a budget is for a process that has nothing else in it
	var out bytes.Buffer
	h.Stdout = &out
	job, err := builtins.Load("job.star", []byte(script), builtins.Options{Host: h, Args: []string{"--input", input}})
	if err != nil {
		t.Fatal(err)
	}
	o.Host = h
	if _, err := runOn(context.Background(), job.Program, o); err != nil {
		t.Fatalf("%s: %v", o.Spill, err)
	}
	return out.Bytes()
}

// A sort holds a record twice: as it is, and as what it is ordered by. Both must fit into one chunk.
func TestLongRecordsSpill(t *testing.T) {
	var text strings.Builder
	for _, c := range []string{"c", "a", "b"} {
		text.WriteString(strings.Repeat(c, 9<<20) + "\n")
	}
	w := newWorld(t, map[string]string{"n.txt": text.String()}, "")
	_, err := w.run(`job = lines("n.txt").sort().map(lambda s: (s[0], len(s)))`, engine.Options{Cores: 1, Memory: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := w.stdout.String(), "a\t9437184\nb\t9437184\nc\t9437184\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
