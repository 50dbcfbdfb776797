package kernel

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// elsewhere runs the calling test once more in a process of its own and returns what work prints there.
func elsewhere(t *testing.T, work func()) string {
	t.Helper()
	const mark = "FLOWSH_TEST_CHILD"
	if os.Getenv(mark) == t.Name() {
		work()
		os.Exit(0)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+strings.ReplaceAll(t.Name(), "/", "$/^")+"$")
	cmd.Env = append(os.Environ(), mark+"="+t.Name(), "GOMEMLIMIT=512MiB")
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s%s", err, out.String(), problems.String())
	}
	return out.String()
}

// checkHashes computes hashes, lanes and the order of dicts in two processes, whose maps are seeded
// differently.
func checkHashes(t *testing.T) {
	work := func() {
		g, source := script(t, "def f(s): return (hash(s), {s: 1, s + 'b': 2, 'a': 3}, set([s, 'c', s + s]))\ndef k(a, b, c): return (a, 'a long text of more than twelve bytes')")
		for _, kernels := range []string{"on", "off"} {
			lane := sourced(t, Lane, g["k"], source)
			lane.Lanes = 64
			chain := &Chain{Steps: []Step{sourced(t, Map, g["f"], source), lane}}
			var out Output
			err := NewRunner(chain, env(), kernels).Run(records(t, "['abc', '', 'another text of more than twelve bytes']"), &out)
			fmt.Println(texts(&out.Column), out.Lanes, err)
		}
	}
	first := elsewhere(t, work)
	if second := elsewhere(t, work); first != second || !strings.Contains(first, "96354") {
		t.Errorf("one process gives\n%sanother\n%s", first, second)
	}
	if lines := strings.Split(first, "\n"); lines[0] != lines[1] {
		t.Errorf("compiled: %s\ninterpreted: %s", lines[0], lines[1])
	}
}

// checkPanicOfBuiltin lets replace ask for more memory than there is: a Go panic, which is the error of its record on
// both tiers, in the middle of a batch, in a chain and in a reducer.
func checkPanicOfBuiltin(t *testing.T) {
	const between = "----\n"
	out := elsewhere(t, func() {
		body := "\n    s = 'x' * (1 << n)\n    return len(s.replace('', s))"
		g, source := script(t, "def f(n):"+body)
		for _, kernels := range []string{"on", "off"} {
			chain := &Chain{Steps: []Step{sourced(t, Map, g["f"], source)}}
			var out Output
			err := NewRunner(chain, env(), kernels).Run(records(t, "[3, 4, 25, 5]"), &out)
			fmt.Println(texts(&out.Column), errors.Is(err, ErrPanic), err)
			fmt.Print(between)
			r := reducerOf(t, "def f(acc, n):"+body+" + acc\ninitial = 0")
			r.Kernels = kernels
			state, err := foldAll(r, records(t, "[3, 4, 5, 25]"))
			fmt.Println(state, errors.Is(err, ErrPanic), err)
			fmt.Print(between)
		}
	})
	runs := strings.Split(out, between)
	if len(runs) != 5 || runs[0] != runs[2] || runs[1] != runs[3] || strings.Count(out, "true job.star:3:30: ") != 4 {
		t.Errorf("got\n%s", out)
	}
}
