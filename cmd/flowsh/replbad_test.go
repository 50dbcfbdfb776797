package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestPromptBadInput types at the prompt of a cluster what people should not, and goes on.
func TestPromptBadInput(t *testing.T) {
	c := startCluster(t, 1, "-m256MiB", "-j1")
	writeFile(t, c.dir, "esc.txt", "\x1b]0;title\x07\n")
	k := newKeyboard(t, c.dir, "attach", c.state.Master)
	k.sees("Starlark")

	k.types("x = [1,\r") // half of a list
	k.sees("...")
	k.types("\x03")
	k.gives("2 + 3", "5")
	k.gives("1 +* 2", "<prompt>:2:4: got '*', want primary expression", "3 + 4", "7")
	k.gives("def f(:", "<prompt>:3:8: got ':'", "4 + 5", "9")
	k.gives(
		":jbos", "flowsh: no command is called :jbos here; did you mean jobs?",
		":retry", "flowsh: which job? flowsh retry JOB",
		":result job-77", "flowsh: there is no job job-77",
	)

	// So much is not shown.
	k.types("from_enumerable(range(3000)).map(lambda n: print(\"y\" * 1000) or n).count()\r")
	k.sees("flowsh: warning: the job prints more than 1 MiB: the rest is not shown")
	k.sees("3000\n") // behind what says how far it is

	// A flow that stands alone shows its first records, and takes no more.
	k.types("from_enumerable(range(3000000))\r")
	k.sees("0\n1\n2\n")
	k.sees("...")

	// What would be done by a terminal is shown.
	k.types("lines(\"esc.txt\")\r")
	k.sees("\"\\x1b]0;title\\a\"")
	k.types("lines(\"esc.txt\").show()\r")
	k.sees("record\n\\x1b]0;title\\a")
	k.types("print(\"\\x1b]0;title\\a\")\r")
	k.sees("\n\\x1b]0;title\\a")
	k.types("lines(\"esc.txt\").map(lambda l: print(l) or int(l)).count()\r")
	k.sees("\\x1b]0;title\\a")
	k.sees("invalid literal with base 10: \\x1b]0;title\\a")
	k.types(":quit\r")
	k.ends()
	if strings.Contains(k.seen, "\x1b]") {
		t.Errorf("the terminal was told %q", k.seen)
	}
}

// TestPromptWithoutMaster types while the master is away: the prompt stays, and finds the master when it is back.
func TestPromptWithoutMaster(t *testing.T) {
	dir := t.TempDir()
	master := func(listen string) (address string, kill func()) {
		cmd := (&realCluster{TB: t, dir: dir}).command("master", "--works", "--listen", listen, "--state", "state", "--announce", "addresses", "-m256MiB", "--allow-read=/")
		if err := os.Remove(filepath.Join(dir, "addresses")); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		kill = func() {
			_ = cmd.Process.Kill() // it may have ended
			_ = cmd.Wait()
		}
		t.Cleanup(kill)
		for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			if text, err := os.ReadFile(filepath.Join(dir, "addresses")); err == nil {
				address, _, _ = strings.Cut(string(text), "\n")
				return address, kill
			}
		}
		t.Fatal("the master does not begin")
		return "", nil
	}
	address, kill := master("127.0.0.1:0")
	k := newKeyboard(t, dir, "attach", address)
	k.sees("Starlark")
	k.gives("x = [7, 8]", "", "from_enumerable(x).sum()", "15", "job = from_enumerable(x)", "", ":submit", "job-2")
	k.types(":result job-2\r")
	k.sees("7\n8\nread")
	kill()
	k.gives(":jobs", "flowsh: no master at", "from_enumerable(x).sum()", "flowsh: no master at", "x[0]", "7")
	_, kill = master(address)
	k.gives("from_enumerable(x).max()", "8")
	k.types(":result job-2\r")
	k.sees("7\n8\n")
	k.types(":quit\r")
	k.ends()
	kill()
}

// TestPromptKilled kills a prompt whose job runs: the job goes on, and another prompt has its result.
func TestPromptKilled(t *testing.T) {
	c := startCluster(t, 1, "-m256MiB", "-j1")
	args, want := c.work(6, 400, 400)
	script, err := os.ReadFile(filepath.Join(c.dir, args[0]))
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, c.dir, "session.star", strings.Replace(string(script), `arg("input", rest = True)`, `"input*.txt"`, 1))
	k := newKeyboard(t, c.dir, "attach", c.state.Master)
	k.sees("Starlark")
	k.gives(":load session.star", "", ":submit", "job-1")
	k.types(":tail job-1\r") // it is looked at
	if err := k.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	k = newKeyboard(t, c.dir, "attach", c.state.Master)
	k.sees("Starlark")
	k.types(":result job-1\r")
	k.sees(strings.TrimSuffix(want, "\n"))
	k.types(":jobs\r")
	k.sees("job-1  complete")
	k.types(":quit\r")
	k.ends()
}
