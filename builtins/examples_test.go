package builtins_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine"
)

// TestExamplesEverywhere runs every example in every way a job can run, on workers of which one is lost too: stdout and
// all files are the same.
func TestExamplesEverywhere(t *testing.T) {
	const examples = "../scripts/examples"
	files := map[string]string{}
	err := fs.WalkDir(os.DirFS(examples), "data", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(filepath.Join(examples, name))
		files[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	scripts, err := filepath.Glob(examples + "/*.star")
	if err != nil || len(scripts) == 0 {
		t.Fatal("no examples", err)
	}
	for _, path := range scripts {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		run := func(t *testing.T, o engine.Options) (*world, *engine.Summary) {
			w := newWorld(t, files, "")
			summary, err := w.run(string(text), o)
			if err != nil {
				t.Fatal(err)
			}
			return w, summary
		}
		t.Run(strings.TrimSuffix(filepath.Base(path), ".star"), func(t *testing.T) {
			t.Parallel()
			w, _ := run(t, engine.Options{Cores: 1})
			want := w.outputs(t)
			for name, o := range executors {
				t.Run(name, func(t *testing.T) {
					w, summary := run(t, o)
					w.gives(t, want)
					if !strings.Contains(summary.Audit(), "balance") {
						t.Errorf("audit: %s", summary.Audit())
					}
				})
			}
		})
	}
}
