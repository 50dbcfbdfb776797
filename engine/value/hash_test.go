package value_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine/value"
)

// The vectors are part of the language: they may be added to, never changed. UPDATE=1 fills in new lines.
func TestHashVectors(t *testing.T) {
	const path = "testdata/hash.tsv"
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var updated strings.Builder
	for i, line := range strings.SplitAfter(string(data), "\n") {
		if line == "" || i == 0 {
			updated.WriteString(line)
			continue
		}
		expr, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		key, _ := mustKey(t, mustEval(t, expr))
		hash := value.HashKey(key)
		got := fmt.Sprintf("%s\t%x\t%016x\t%d\n", expr, key, hash, value.Lane(hash, 64))
		if got != line && os.Getenv("UPDATE") == "" {
			t.Errorf("%s:%d: got %swant %s", path, i+1, got, line)
		}
		updated.WriteString(got)
	}
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, []byte(updated.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLanesAreEven(t *testing.T) {
	const lanes, keys = 64, 64_000
	var counts [lanes]int
	for i := range keys {
		counts[value.Lane(value.HashKey(value.AppendKeyInt(nil, int64(i))), lanes)]++
	}
	for lane, n := range counts {
		if n < keys/lanes*8/10 || n > keys/lanes*12/10 {
			t.Errorf("lane %d has %d of %d keys", lane, n, keys)
		}
	}
}
