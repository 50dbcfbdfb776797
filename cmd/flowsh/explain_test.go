package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestExplainExamples compares what flowsh explain says of every example with testdata/explain. UPDATE=1 rewrites it.
func TestExplainExamples(t *testing.T) {
	scripts, err := filepath.Glob(examples + "/*.star")
	if err != nil || len(scripts) == 0 {
		t.Fatal("no examples", err)
	}
	for _, path := range scripts {
		name := filepath.Base(path)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr strings.Builder
			cmd := exec.Command("flowsh", "explain", name)
			cmd.Dir, cmd.Stdout, cmd.Stderr = examples, &stdout, &stderr
			if err := cmd.Run(); err != nil || stderr.Len() > 0 {
				t.Fatalf("%v\n%s", err, &stderr)
			}
			golden(t, filepath.Join("testdata/explain", strings.TrimSuffix(name, ".star")+".txt"), stdout.String())
		})
	}
}

// TestExplainedAreExamples fails on an explanation whose example is gone.
func TestExplainedAreExamples(t *testing.T) {
	explained, _ := filepath.Glob("testdata/explain/*.txt")
	for _, path := range explained {
		script := filepath.Join(examples, strings.TrimSuffix(filepath.Base(path), ".txt")+".star")
		if _, err := os.Stat(script); err != nil {
			t.Errorf("%s has no example: %v", path, err)
		}
	}
}
