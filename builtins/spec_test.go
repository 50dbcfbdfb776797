package builtins

import (
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine/value"
)

// TestHashesOfSpecification checks the test vectors of lang-spec.md.
func TestHashesOfSpecification(t *testing.T) {
	spec, err := os.ReadFile(specification)
	if err != nil {
		t.Fatal(err)
	}
	_, block, ok := strings.Cut(string(spec), "```hashes\n")
	block, _, _ = strings.Cut(block, "```")
	if !ok || strings.Count(block, "\n") < 40 {
		t.Fatal("lang-spec.md has no test vectors")
	}
	for line := range strings.Lines(block) {
		row := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		key, _, err := value.AppendKey(nil, mustEval(t, row[0], nil))
		if err != nil {
			t.Errorf("%s: %v", row[0], err)
			continue
		}
		hash := value.HashKey(key)
		got := []string{row[0], hex.EncodeToString(key), fmt.Sprintf("%016x", hash), fmt.Sprint(value.Lane(hash, 64))}
		if strings.Join(got, " ") != strings.Join(row, " ") {
			t.Errorf("got %s, want %s", got, row)
		}
	}
}
