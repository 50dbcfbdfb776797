package builtins_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/builtins"
	"github.com/flowsh/flowsh/engine"
)

// TestPlans compares how scripts are planned with testdata/plans/*.plan, which hold a script and its plan. UPDATE=1
// writes them anew.
func TestPlans(t *testing.T) {
	names, err := filepath.Glob("testdata/plans/*.plan")
	if err != nil || len(names) < 12 {
		t.Fatalf("%d plans, %v", len(names), err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".plan"), func(t *testing.T) {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			const separator = "--- plan\n"
			script, want, _ := strings.Cut(string(data), separator)
			got := planOf(t, script)
			if os.Getenv("UPDATE") == "1" {
				if err := os.WriteFile(name, []byte(script+separator+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if d := difference(want, got); d != "" {
				t.Errorf("%s\nUPDATE=1 accepts this plan:\n%s", d, got)
			}
		})
	}
}

func planOf(t *testing.T, script string) string {
	t.Helper()
	w := newWorld(t, map[string]string{"in.txt": "1\n", "a.txt": "", "b.txt": "2\n", "c.txt": "3\n", "names.jsonl": "{}\n"}, "")
	job, err := builtins.Load("job.star", []byte(script), builtins.Options{Host: w.Host})
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.Explain(job.Program, engine.Options{Host: w.Host})
	if err != nil {
		t.Fatal(err)
	}
	return e.Text()
}
