package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestResume kills a run, and runs the job again, with a script that was changed at another place: it gives what it would
// have given, and does not do again what was done.
func TestResume(t *testing.T) {
	dir := t.TempDir()
	script := "def work(line):\n    n = int(line)\n    for i in range(60000):\n        n = (n * 31 + i) % 1000003\n    return n % 1000\n\njob = lines(arg(\"input\", rest = True)).count(by = work).map(lambda p: (p, time.now().unix))\n"
	writeFile(t, dir, "work.star", script)
	args := []string{"work.star", "-j1"}
	for i := range 20 {
		var text strings.Builder
		for n := range 300 {
			fmt.Fprintln(&text, i*1000+n)
		}
		args = append(args, fmt.Sprintf("in%02d.txt", i))
		writeFile(t, dir, args[len(args)-1], text.String())
	}
	run := func(args ...string) (*exec.Cmd, *strings.Builder, *strings.Builder) {
		cmd := exec.Command("flowsh", args...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "XDG_CACHE_HOME="+dir+"/cache", "HOME="+dir)
		var stdout, stderr strings.Builder
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		return cmd, &stdout, &stderr
	}
	withoutTime := func(text string) string { return regexp.MustCompile(`\t\d+\n`).ReplaceAllString(text, "\n") }

	plain, want, _ := run(args...)
	if err := plain.Run(); err != nil {
		t.Fatal(err)
	}
	resumed := append(args, "--resume", "--intercept", "jsonl:events.jsonl")
	killed, _, _ := run(resumed...)
	if err := killed.Start(); err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); time.Since(began) < 20*time.Second; time.Sleep(5 * time.Millisecond) {
		events, _ := os.ReadFile(filepath.Join(dir, "events.jsonl"))
		if strings.Count(string(events), `"received"`) > 2 { // so many tasks are done
			break
		}
	}
	again, _, said := run(resumed...)
	if err := again.Run(); err == nil || !strings.Contains(said.String(), "this job runs with --resume already") {
		t.Errorf("two at a time: %v %s", err, said)
	}
	_ = killed.Process.Kill() // it may have ended
	_ = killed.Wait()

	writeFile(t, dir, "work.star", "# what is behind the tasks has changed\n"+strings.Replace(script, "unix))", "unix)).map(lambda p: p)", 1))
	again, got, said := run(resumed...)
	if err := again.Run(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	if withoutTime(got.String()) != withoutTime(want.String()) {
		t.Error("another result")
	}
	parts := regexp.MustCompile(`(\d+) tasks? of an earlier run`).FindStringSubmatch(said.String())
	if len(parts) != 2 {
		t.Fatalf("it says %s", said)
	}
	if n, _ := strconv.Atoi(parts[1]); n < 1 {
		t.Errorf("it says %s", said)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "cache/flowsh/*")); len(left) > 0 {
		t.Errorf("it leaves %q", left)
	}

	stdin, _, said := run("-e", "lines().count()", "--resume")
	if err := stdin.Run(); err == nil || !strings.Contains(said.String(), "cannot be read again") {
		t.Errorf("stdin: %v %s", err, said)
	}
}
