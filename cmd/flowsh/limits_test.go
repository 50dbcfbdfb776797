package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// callers are where a script can call a function: while it loads, and per record in a step, a key and a state.
var callers = map[string]string{
	"load":   "attack(None)\njob = from_enumerable([1, 2, 3])\n",
	"map":    "job = from_enumerable([1, 2, 3]).map(attack)\n",
	"key":    "job = from_enumerable([1, 2, 3]).count(by = lambda r: attack(r))\n",
	"reduce": "def add(state, r):\n    attack(r)\n    return state\n\njob = from_enumerable([1, 2, 3]).reduce(0, add)\n",
}

const (
	everywhere = "load map key reduce"
	memory     = `the job holds \d+ MiB, more than its memory budget of 64 MiB`
)

// attacks are the functions in testdata/limits. Each must end with exit status 4 and name a limit, or fail by a
// rule of the language: status 1, or 2 while the script loads.
var attacks = []struct {
	name, callers string
	limit         bool
	message       string
	flags         []string
}{
	{"repeat", everywhere, false, "repeat count .* too large", nil},
	{"shift", everywhere, false, "shift count too large", nil},
	{"range_list", everywhere, false, "list: 1099511627776 elements are too many", nil},
	{"range_max", everywhere, false, "max: 1152921504606846976 elements are too many", nil},
	{"while", "load", false, "while is not part of the language", nil},
	{"nested_text", everywhere, false, "str: nested more than 1000 deep", nil},
	{"shared_text", "map reduce", false, "repr: too many values", nil},
	{"cyclic", everywhere, false, "comparison exceeded maximum recursion depth", nil},
	{"json_decode", everywhere, false, "json.decode: nested more than 1000 deep", nil},
	{"json_encode", everywhere, false, "json.encode: nested more than 1000 deep", nil},
	{"recursion", everywhere, true, "more than 1000 (deep|calls)", nil},
	{"loop", everywhere, true, "more than 1000000 steps", []string{"--max-steps=1000000"}},
	{"costly_steps", everywhere, true, "more than 5000000 steps", []string{"--max-steps=5000000"}},
	{"comprehension", everywhere, true, memory, nil},
	{"strings", "map", true, memory, nil},
	{"doubling", "key", true, memory, nil},
	{"sort", "load", true, memory, nil},
	{"join", "map", true, memory, nil},
	{"format", "reduce", true, memory, nil},
	{"nested_key", "key", true, memory, nil},
	{"big_integers", "map reduce", true, "longer than --timeout", []string{"--timeout=500ms"}},
}

// needsProcess are attacks that nothing can stop inside the process that they strike: no Starlark step ends, and
// the runtime cannot recover. A separate process with limits of its own can.
var needsProcess = map[string]string{
	`("a" * (1 << 20)).replace("a", "b" * (1 << 16))`: "one allocation of 64 GiB, which ends the process at once",
	`[0] * (1 << 29)`:                         "one copy of 8 GiB, during which no goroutine runs on a machine of few cores",
	`n = n * n, 40 times`:                     "a multiplication takes minutes but no memory: only --timeout ends it",
	`"%s" % x, of x = [x] five million times`: "takes time with the square of the depth but no memory: only --timeout ends it",
	`values nested some ten million deep`:     "walked by the library's recursion: a stack can grow faster than it can be watched",
}

// TestLimits runs each attack in a process of its own, one at a time.
func TestLimits(t *testing.T) {
	for _, kernels := range []string{"off", "on"} {
		t.Run(kernels, func(t *testing.T) { testLimits(t, kernels) })
	}
	for attack, reason := range needsProcess {
		t.Run(attack, func(t *testing.T) { t.Skip("not run: " + reason) })
	}
}

func testLimits(t *testing.T, kernels string) {
	for _, a := range attacks {
		text, err := os.ReadFile(filepath.Join("testdata", "limits", a.name+".star"))
		if err != nil {
			t.Fatal(err)
		}
		for caller := range strings.FieldsSeq(a.callers) {
			t.Run(a.name+"/"+caller, func(t *testing.T) {
				job := filepath.Join(t.TempDir(), "job.star")
				if err := os.WriteFile(job, []byte(string(text)+"\n"+callers[caller]), 0o644); err != nil {
					t.Fatal(err)
				}
				want := statusFailed
				switch {
				case a.limit:
					want = statusLimit
				case caller == "load":
					want = statusUsage
				}
				attackWith(t, want, a.message, append(a.flags, "--kernels="+kernels, "--mem=64MiB", "--quiet", job))
			})
		}
	}
}

func attackWith(t *testing.T, status int, message string, args []string) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var stderr bytes.Buffer
	// An attack that succeeds is to end its own process and not to harm the machine: hence the limit on its data.
	cmd := exec.CommandContext(ctx, "sh", append([]string{"-c", `ulimit -d 2097152 && exec flowsh "$@"`, "flowsh"}, args...)...)
	cmd.Stderr = &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if got := cmd.ProcessState.ExitCode(); got != status {
		t.Errorf("exit status %d, want %d", got, status)
	}
	text := stderr.String()
	if !regexp.MustCompile(message).MatchString(text) {
		t.Errorf("it says %q, want %q", text, message)
	}
	if !strings.Contains(text, "--timeout") && !strings.Contains(text, "job.star:") {
		t.Errorf("it does not say where: %q", text)
	}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok && runtime.GOOS == "linux" {
		perCore := int64(768) // three records strike at a time, at most, and each makes up to 512 MiB in one step
		if most := usage.Maxrss >> 10; most > perCore*int64(min(3, runtime.NumCPU())) {
			t.Errorf("it took %d MiB", most)
		}
	}
}
