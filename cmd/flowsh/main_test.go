package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"flowsh": main})
}

// TestScripts runs the command line as a person does: testdata/script holds a script for each topic.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		ContinueOnError:     true,
		UpdateScripts:       os.Getenv("UPDATE") != "",
		Condition: func(name string) (bool, error) {
			if name != "root" {
				return false, fmt.Errorf("no condition is called %s", name)
			}
			return os.Geteuid() == 0, nil
		},
		Setup: func(env *testscript.Env) error {
			examples, err := filepath.Abs("../../scripts/examples")
			env.Setenv("EXAMPLES", examples)
			env.Defer(func() { endCluster(env.Getenv("TMPDIR")) })
			return err
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"status": runForStatus,
			"bytes":  writeBytes,
			"server": serveHooks,
			"gzip":   compress,
			"cut":    cutFile,
			"files":  listFiles,
			"same":   sameOutput,
		},
	})
}

// endCluster ends a cluster that a script which failed has left running.
func endCluster(tmp string) {
	if state, err := readState(filepath.Join(tmp, fmt.Sprintf("flowsh-cluster-%d", os.Getuid()))); err == nil {
		_ = state.kill() // it may have ended
	}
}

// runForStatus is "status N PROGRAM ARG...": the program must end with exit status N.
func runForStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N program args...")
	}
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if fmt.Sprint(got) != args[0] {
		ts.Fatalf("exit status %d, want %s", got, args[0])
	}
}

// writeBytes is "bytes FILE TEXT [TIMES]": TEXT has the escapes of a Go string.
func writeBytes(ts *testscript.TestScript, _ bool, args []string) {
	text, err := strconv.Unquote(`"` + strings.ReplaceAll(args[1], `"`, `\"`) + `"`)
	ts.Check(err)
	times := 1
	if len(args) > 2 {
		times, err = strconv.Atoi(args[2])
		ts.Check(err)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), bytes.Repeat([]byte(text), times), 0o644))
}

// serveHooks is "server NAME FILE": $NAME is the URL of a server that adds what is posted to it to FILE, a line each.
func serveHooks(ts *testscript.TestScript, _ bool, args []string) {
	f, err := os.Create(ts.MkAbs(args[1]))
	ts.Check(err)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		if err == nil {
			_, err = fmt.Fprintf(f, "%s %s %s\n", r.Method, r.URL, text)
		}
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	ts.Setenv(args[0], server.URL)
	ts.Defer(func() {
		server.Close()
		_ = f.Close() // what is missing is seen
	})
}

// compress is "gzip FILE": makes FILE.gz.
func compress(ts *testscript.TestScript, _ bool, args []string) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(ts.ReadFile(args[0])))
	ts.Check(err)
	ts.Check(w.Close())
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".gz"), b.Bytes(), 0o644))
}

// cutFile is "cut FILE": throws away the second half of FILE.
func cutFile(ts *testscript.TestScript, _ bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Check(os.Truncate(ts.MkAbs(args[0]), info.Size()/2))
}

// listFiles is "files DIR [NAME...]": these files, and no others, hidden ones included, are below DIR.
func listFiles(ts *testscript.TestScript, _ bool, args []string) {
	got, err := filesBelow(ts.MkAbs(args[0]))
	ts.Check(err)
	if !slices.Equal(got, args[1:]) {
		ts.Fatalf("%s holds %q, want %q", args[0], got, args[1:])
	}
}

func filesBelow(root string) ([]string, error) {
	var names []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name, _ := filepath.Rel(root, path)
			names = append(names, name)
		}
		return err
	})
	return names, err
}

// sameOutput is "same ARG...": flowsh with these arguments prints the same bytes however it is run.
func sameOutput(ts *testscript.TestScript, _ bool, args []string) {
	run := func(env string, flags ...string) string {
		ts.Check(ts.Exec("env", slices.Concat([]string{env, "flowsh", "-q"}, flags, args)...))
		return ts.ReadFile("stdout")
	}
	want := run("A=1")
	for _, flags := range [][]string{{"--cores=1"}, {"--cores=2"}, {"--cores=7"}, {"--mem=64MiB"}, {"--kernels=off"}, {"--kernels=verify"}, {}} {
		if got := run("A=1", flags...); got != want {
			ts.Fatalf("with %v flowsh prints\n%s\nwithout\n%s", flags, got, want)
		}
	}
	if got := run("GOMAXPROCS=1"); got != want {
		ts.Fatalf("with GOMAXPROCS=1 flowsh prints\n%s\nwithout\n%s", got, want)
	}
}
