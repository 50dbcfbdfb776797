package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// canary is a secret that JSON and Starlark write in other ways than it is: those must be hidden, too.
const canary = "ca\"na\\ry-7f3a"

var canaryForms = []string{canary, `ca\"na\\ry-7f3a`, `ca\\\"na\\\\ry-7f3a`}

// leaky is a script that does with its secret what it should not.
const leaky = `token = arg("token", env = "TOKEN", secret = True)
how = arg("how", default = "print")
print("loads with", token)

def use(line):
    print("the token is", token, [token])
    if how == "fail":
        fail("no access with", token)
    if how == "record":
        return int(token)
    if how == "raise":
        return {}[(line, token)]
    return line

job = lines(arg("input", rest = True)).map(lambda l: l + token if how == "record" else l).map(use)
`

// TestSecrets runs scripts that do with a secret what they should not, here and on a cluster, and looks for it in
// whatever they say and in every file that they leave.
func TestSecrets(t *testing.T) {
	c := startCluster(t, 1, "-m256MiB", "-j1")
	t.Setenv("TOKEN", canary)
	writeFile(t, c.dir, "leaky.star", leaky)
	writeFile(t, c.dir, "in.txt", "a\nb\n")
	said := func(args ...string) string {
		cmd := c.command(args...)
		text, _ := cmd.CombinedOutput() // many fail
		for _, form := range canaryForms {
			if at := bytes.Index(text, []byte(form)); at >= 0 {
				t.Errorf("flowsh %q says %q", args, text[max(0, at-80):min(len(text), at+80)])
			}
		}
		return string(text)
	}
	for _, how := range []string{"print", "fail", "record", "raise"} {
		for _, flags := range [][]string{
			{"--trace", "trace.json", "--intercept", "jsonl:events.jsonl"},
			{"--json"},
			{"--on-error", "drop"},
			{"submit", "--intercept", "jsonl:events.jsonl", "--intercept", "log", "--trace", "tasks.json"},
			{"submit", "--json"},
		} {
			if text := said(append(flags, "leaky.star", "--how", how, "in.txt")...); !strings.Contains(text, "the token is ***") {
				t.Errorf("%s %q: %s", how, flags, text)
			}
		}
		id := strings.TrimSpace(said("submit", "--detach", "leaky.star", "--how", how, "in.txt"))
		id = id[strings.LastIndexByte(id, '\n')+1:]
		for _, args := range [][]string{{"result", id}, {"result", "--json", id}, {"logs", id}, {"receipts", id}, {"receipts", "--json", id}, {"trace", "0.0.0", id}, {"plan", "--json", id}, {"explain", "--dot", id}} {
			said(args...)
		}
	}
	for _, flags := range [][]string{{"--on-error", "dead.jsonl"}, {"submit", "--on-error", "dead2.jsonl"}} {
		said(append(flags, "leaky.star", "--how", "fail", "in.txt")...)
	}
	said("jobs")
	said("jobs", "--json")
	said("explain", "leaky.star", "in.txt")
	said("explain", "--analyze", "leaky.star", "in.txt")
	said("--help", "leaky.star")
	said("check", "leaky.star")
	prompt := c.command("attach")
	prompt.Stdin = strings.NewReader("token = arg(\"token\", env = \"TOKEN\", secret = True); print(token)\nfrom_enumerable([token]).show()\ntoken\n[token]\nfrom_enumerable([token])\nfail(token)\n")
	if text, _ := prompt.CombinedOutput(); bytes.Contains(text, []byte("7f3a")) {
		t.Errorf("the prompt says %s", text)
	}
	// A secret that a script makes a record of is data, which goes as soon as the workers know that its job has ended.
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if jobs, _ := filepath.Glob(filepath.Join(c.dir, "flowsh-cluster-*", "flowsh-node-*", outputsFolder, "*")); len(jobs) == 0 {
			break
		}
	}
	leavesNoSecret(t, c.dir)
}

// leavesNoSecret looks for the canary in all files below a folder. What the master keeps to run its jobs again has their
// secrets, and nobody else may read it.
func leavesNoSecret(t *testing.T, dir string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // executors still end
			return nil
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		files++
		if info, err := os.Stat(path); filepath.Base(path) == "bundle" && err == nil && info.Mode().Perm() == 0o600 {
			return nil
		}
		for _, form := range canaryForms {
			if at := bytes.Index(text, []byte(form)); at >= 0 {
				t.Errorf("%s has %q", path, text[max(0, at-80):min(len(text), at+80)])
				break
			}
		}
		return nil
	})
	if err != nil || files < 5 {
		t.Errorf("%d files, %v", files, err)
	}
}
