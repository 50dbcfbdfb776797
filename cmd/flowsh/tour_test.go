package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTour does what README.md says that can be done in ten minutes, in one folder, and sees what it says.
func TestTour(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, tour, _ := strings.Cut(string(text), "\n## Ten minutes\n")
	tour, _, _ = strings.Cut(tour, "\n## ")
	dir := t.TempDir()
	t.Cleanup(func() { endCluster(dir) })
	blocks := regexp.MustCompile("(?s)```console\n(.*?)```").FindAllStringSubmatch(tour, -1)
	if len(blocks) < 5 {
		t.Fatalf("%d blocks", len(blocks))
	}
	for _, block := range blocks {
		for _, part := range strings.Split("\n"+block[1], "\n$ ")[1:] {
			command, want, _ := strings.Cut(part, "\n")
			if strings.Contains(want, "flowsh> ") {
				typeTour(t, dir, command, want)
			} else {
				runTour(t, dir, command, want)
			}
		}
	}
}

func runTour(t *testing.T, dir, command, want string) {
	t.Helper()
	cmd := exec.Command("sh", "-c", command)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "TMPDIR="+dir, "HOME="+dir, "XDG_CACHE_HOME="+filepath.Join(dir, "cache"))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("$ %s\n%v %s", command, err, stderr.String())
	}
	if want != "" && !tourPattern(want).MatchString(strings.TrimRight(string(out), "\n")) {
		t.Errorf("$ %s\ngot\n%s\nwant\n%s", command, out, want)
	}
}

// tourPattern is what is printed, where ... stands for anything.
func tourPattern(want string) *regexp.Regexp {
	quoted := regexp.QuoteMeta(strings.TrimRight(want, "\n"))
	return regexp.MustCompile("(?s)^" + strings.ReplaceAll(quoted, `\.\.\.`, ".*") + "$")
}

// typeTour types lines at a prompt.
func typeTour(t *testing.T, dir, command, session string) {
	t.Helper()
	k := newKeyboard(t, dir, strings.Fields(command)[1:]...)
	k.sees("Starlark")
	for _, part := range strings.Split("\n"+session, "\nflowsh> ")[1:] {
		typed, want, _ := strings.Cut(part, "\n")
		k.types(typed + "\n")
		for line := range strings.Lines(want) {
			if line, _, _ = strings.Cut(line, "..."); strings.TrimSpace(line) != "" {
				k.sees(strings.TrimSpace(line))
			}
		}
	}
	k.ends()
}
