package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const examples = "../../scripts/examples"

// TestExamples runs every example with its own data and compares what it prints, and the files it writes,
// with scripts/examples/expected. UPDATE=1 rewrites those.
func TestExamples(t *testing.T) {
	scripts, err := filepath.Glob(examples + "/*.star")
	if err != nil || len(scripts) == 0 {
		t.Fatal("no examples", err)
	}
	for _, path := range scripts {
		name := filepath.Base(path)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			golden(t, filepath.Join(examples, "expected", strings.TrimSuffix(name, ".star")+".txt"), runExample(t, name))
		})
	}
}

// TestExpectedHasExamples fails on expected output whose example is gone.
func TestExpectedHasExamples(t *testing.T) {
	expected, _ := filepath.Glob(examples + "/expected/*.txt")
	for _, path := range expected {
		script := filepath.Join(examples, strings.TrimSuffix(filepath.Base(path), ".txt")+".star")
		if _, err := os.Stat(script); err != nil {
			t.Errorf("%s has no example: %v", path, err)
		}
	}
}

// runExample runs a copy of the examples in a folder of its own and returns stdout, followed by the files that
// the script wrote.
func runExample(t *testing.T, name string, flags ...string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(examples)); err != nil {
		t.Fatal(err)
	}
	before, err := filesBelow(dir)
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr strings.Builder
	cmd := exec.Command("flowsh", slices.Concat(flags, []string{"-q", name})...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &stdout, &stderr
	if err := cmd.Run(); err != nil || stderr.Len() > 0 {
		t.Fatalf("%s: %v\n%s", name, err, &stderr)
	}
	after, err := filesBelow(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range after {
		if !slices.Contains(before, file) {
			text, err := os.ReadFile(filepath.Join(dir, file))
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&stdout, "== %s ==\n%s", file, text)
		}
	}
	return stdout.String()
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("prints\n%s\nwant, as in %s,\n%s", got, path, want)
	}
}

// TestSameBytes runs every example in ways that must not show in what comes out.
func TestSameBytes(t *testing.T) {
	ways := [][]string{{"--cores=1"}, {"--cores=2"}, {"--cores=5"}, {"--mem=64MiB"}, {"--mem=16MiB", "--cores=1"}, {"--kernels=off"}, {"--kernels=verify"}}
	scripts, _ := filepath.Glob(examples + "/*.star")
	for _, path := range scripts {
		name := filepath.Base(path)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := runExample(t, name)
			for _, flags := range ways {
				if got := runExample(t, name, flags...); got != want {
					t.Errorf("with %v it prints\n%s\nwithout\n%s", flags, got, want)
				}
			}
		})
	}
}
