package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/flowsh/flowsh/engine/host"
)

// A keyboard types to a flowsh on a terminal of its own, and sees its screen.
type keyboard struct {
	*testing.T
	cmd *exec.Cmd
	tty *os.File

	mu   sync.Mutex
	seen string // what was not waited for yet, without escapes
	done chan struct{}
}

var escapes = regexp.MustCompile(`\x1b\[[?0-9;]*[A-Za-z]|\r|\x07`)

func newKeyboard(t *testing.T, dir string, args ...string) *keyboard {
	t.Helper()
	k := &keyboard{T: t, cmd: exec.Command("flowsh", args...), done: make(chan struct{})}
	k.cmd.Dir = dir
	k.cmd.Env = append(os.Environ(), "TMPDIR="+dir, "TERM=xterm", "HOME="+dir)
	var err error
	if k.tty, err = pty.StartWithSize(k.cmd, &pty.Winsize{Rows: 40, Cols: 100}); err != nil {
		t.Skipf("no terminal: %v", err)
	}
	go func() {
		defer close(k.done)
		buf := make([]byte, 4096)
		for {
			n, err := k.tty.Read(buf)
			k.mu.Lock()
			old := max(0, len(k.seen)-32) // an escape may come in two parts
			k.seen = k.seen[:old] + escapes.ReplaceAllString(k.seen[old:]+string(buf[:n]), "")
			k.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = k.cmd.Process.Kill() // it may have ended
		_ = k.cmd.Wait()
		_ = k.tty.Close()
		<-k.done
	})
	return k
}

// sees waits for a text on the screen, and returns what stands before it.
func (k *keyboard) sees(want string) string {
	k.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		k.mu.Lock()
		if before, after, ok := strings.Cut(k.seen, want); ok {
			k.seen = after
			k.mu.Unlock()
			return before
		}
		seen := k.seen
		k.mu.Unlock()
		if time.Now().After(end) {
			k.Fatalf("the screen does not show %q but\n%s", want, seen[max(0, len(seen)-2000):])
		}
	}
}

// types sends keys.
func (k *keyboard) types(keys string) {
	if _, err := io.WriteString(k.tty, keys); err != nil {
		k.Fatal(err)
	}
}

// gives types lines, each answered by what is on the screen behind it.
func (k *keyboard) gives(pairs ...string) {
	k.Helper()
	for i := 0; i < len(pairs); i += 2 {
		k.types(pairs[i] + "\n")
		k.sees("\n" + pairs[i+1])
	}
}

// ends waits for the end of flowsh.
func (k *keyboard) ends() {
	k.Helper()
	stuck := time.AfterFunc(time.Minute, func() { _ = k.cmd.Process.Kill() }) // it may have ended
	defer stuck.Stop()
	if err := k.cmd.Wait(); err != nil {
		k.Errorf("it ends with %v", err)
	}
}

func TestPrompt(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir, "t.txt", "a b\nb c\nc c\n")
	writeFile(t, dir, "job.star", "def shout(l):\n    return l.upper()\n\njob = lines(\"t.txt\").map(shout)\n")
	k := newKeyboard(t, dir)
	k.sees("Starlark")
	k.gives(
		"1 + 2", "3",
		"words = lines(\"t.txt\").flat_map(lambda l: l.split())", "",
		"words.count(by = lambda w: w)", "(\"a\", 1)\n(\"b\", 2)\n(\"c\", 3)",
		"words.take(1)", "\"a\"",
		":load job.star", "",
		"shout(\"x\")", "\"X\"",
		":run", "A B\nB C\nC C\nread 3 records",
		"nosuch", "<prompt>:10:1: undefined: nosuch",
		":nosuch", "flowsh: no command is called :nosuch here",
		":set rate none", "flowsh: a rate of none",
		":set rate 1000000", "",
		":jobs", "flowsh: no command is called :jobs here; flowsh attach",
		"help(lines)", "lines(",
		"secret = arg(\"key\", default = \"hidden-1\", secret = True)", "",
		"secret", "\"***\"",
		"arg(\"pin\", default = \"hidden-2\", secret = True) + 1", "<prompt>:13",
	)
	k.types("wor\t.ta\t(1)\n")
	k.sees("\"a\"")
	k.types("lines(\"t.\t\").count()\n")
	k.sees("\n3")
	k.types(":sav\t out.star\n")
	k.sees("flowsh>")
	k.types("def f():\n")
	k.sees("...")
	k.types("\x03")
	k.gives("2 + 2", "4", "for i in range(2): print(i)\n", "0\n1")
	k.types("from_enumerable(range(100000)).map(lambda x: [i for i in range(1000000)]).count()\n")
	k.sees("records")
	k.types("\x03")
	k.sees("interrupted by SIGINT")
	k.gives("3 + 3", "6")
	k.sees("flowsh>") // a terminal that is not read from takes Ctrl-D for the end of a line
	k.types("\x04")
	k.ends()

	saved, err := os.ReadFile(filepath.Join(dir, "out.star"))
	if err != nil || !strings.Contains(string(saved), "shout") || strings.Contains(string(saved), "nosuch") {
		t.Errorf("saved: %v %q", err, saved)
	}
	info, err := os.Stat(filepath.Join(dir, ".flowsh_history"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("history: %v %v", info, err)
	}
	history, err := os.ReadFile(filepath.Join(dir, ".flowsh_history"))
	if err != nil || !strings.Contains(string(history), "words.take(1)") || strings.Contains(string(history), "hidden") {
		t.Errorf("history: %v %q", err, history)
	}
}

// TestAttach is a tour: a flow on the cluster, its jobs, an interrupted one, a client that is killed, and one that comes
// back.
func TestAttach(t *testing.T) {
	c := startCluster(t, 2, "-m256MiB", "-j1")
	c.until("worker-2", true)
	writeFile(t, c.dir, "t.txt", "a b\nb c\nc c\n")
	k := newKeyboard(t, c.dir, "attach", c.state.Master)
	k.gives(
		"words = lines(\"t.txt\").flat_map(lambda l: l.split())", "",
		"rows = words.count(by = lambda w: w).collect()", "",
		"rows", "[(\"a\", 1), (\"b\", 2), (\"c\", 3)]",
		"from_enumerable(rows).map(lambda r: r[1]).sum()", "6",
		"from_enumerable([0]).map(lambda x: 1 // x)", "<prompt>:5:38: map: floored division by zero",
		"job = words.map(lambda w: w + str(len(rows)))", "",
		":submit", "job-",
		":nodes", "NAME",
	)
	k.sees("worker-2")
	k.types("from_enumerable(range(100000)).map(lambda x: [i for i in range(1000000)]).count()\n")
	k.sees("records")
	k.types("\x03")
	k.sees("interrupted by SIGINT")
	k.gives("1 + 1", "2")
	c.untilIn("jobs", "cancelled", true)
	k.gives(":pause", "")
	k.types("words.count()\n")
	k.sees("it is paused, and flowsh resume lets jobs begin again")
	k.types("\x03")
	if before := k.sees("interrupted by SIGINT"); strings.Contains(before, "whoever") {
		t.Errorf("the interruption is said twice: %q", before)
	}
	k.gives(":resume", "")
	if err := k.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	k = newKeyboard(t, c.dir, "attach", c.state.Master)
	k.sees("Starlark")
	k.types(":jobs\n")
	k.sees("cancelled")
	k.types(":result job-4\n")
	k.sees("a3\nb3\nb3\nc3\nc3\nc3")
	k.types(":tail job-4\n")
	k.sees("wrote 6 to stdout")
	k.types(":trace 0.0.0 job-4\n")
	for _, kind := range []string{"distributed", "sent", "processed", "returned", "received", "aggregated"} {
		k.sees(kind)
	}
	complete := &completer{&repl{cli: &cli{host: host.New()}, cluster: &clientLine{Master: c.state.Master}}}
	for text, want := range map[string]string{":ta": "tail", ":tail jo": "job-4", ":receipts o": "open", ":receipts of ": "worker-1", ":drain w": "worker-2"} {
		if _, all := complete.candidates(text); !slices.Contains(all, want) {
			t.Errorf("%s is completed to %q", text, all)
		}
	}
	k.types(":drain worker-2\n")
	c.until("worker-2", false)
	k.types(":top\n")
	if before := k.sees("1 worker, "); strings.Contains(before, "x1b") {
		t.Errorf("top shows %q", before)
	}
	k.types("\x03")
	k.sees("flowsh> ")
	if text := c.flowsh("receipts", "--open", "job-4"); text != "" {
		t.Errorf("open are %q", text)
	}
	c.flowsh("cluster", "down")
	k.gives(":jobs", "flowsh: no master at", "1 + 1", "2")
	k.types(":quit\n")
	k.ends()
}

func TestPromptOfAPipe(t *testing.T) {
	c := startCluster(t, 1, "-m256MiB", "-j1")
	cmd := c.command("attach", c.state.Master)
	cmd.Stdin = strings.NewReader("x = 2\nfrom_enumerable([1, 2]).map(lambda n: n * x)\n1 // 0\n3\n")
	out, err := cmd.Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != statusUsage || string(out) != "2\n4\n" {
		t.Errorf("%v, %q", err, out)
	}
}

func writeFile(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
