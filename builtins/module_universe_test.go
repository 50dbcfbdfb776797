package builtins

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/flowsh/flowsh/engine/kernel"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

var testEnv = &Env{Dir: "jobs", Now: time.Date(2024, 2, 29, 12, 30, 0, 5, time.UTC), Seed: 1}

var testOptions = &syntax.FileOptions{Set: true, TopLevelControl: true, Recursion: true}

// A counter is a source of random numbers that counts.
type counter uint64

func (c *counter) Uint64() uint64 { *c++; return uint64(*c) }

func newTestThread() *starlark.Thread {
	t := &starlark.Thread{Name: "test"}
	t.SetLocal(kernel.RandomLocal, new(counter))
	return t
}

func testUniverse() starlark.StringDict {
	d := universe(testEnv)
	d["eq"] = starlark.NewBuiltin("eq", assertEqual)
	d["panics"] = builtin("panics", func(*starlark.Thread, *starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
		panic("a bug")
	})
	d["nested"] = starlark.NewBuiltin("nested", nestedList)
	return d
}

// assertEqual fails unless its arguments are equal and of one type.
func assertEqual(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var got, want starlark.Value
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "got", &got, "want", &want); err != nil {
		return nil, err
	}
	if same, err := starlark.Equal(got, want); err != nil || !same || got.Type() != want.Type() {
		return nil, fmt.Errorf("got %v, want %v", got, want)
	}
	return starlark.None, nil
}

// nestedList is a list in a list in a list, n deep.
func nestedList(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var n int
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "n", &n); err != nil {
		return nil, err
	}
	list := starlark.NewList(nil)
	for range n - 1 {
		list = starlark.NewList([]starlark.Value{list})
	}
	return list, nil
}

// TestModules runs testdata/module_*.star. Lines of --- separate the pieces of a file; where a line of a piece
// ends in ### "regexp", the piece must fail there with such a message.
func TestModules(t *testing.T) {
	files, err := filepath.Glob("testdata/module_*.star")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			line := 0
			for piece := range strings.SplitSeq(string(text), "---\n") {
				runPiece(t, file, strings.Repeat("\n", line)+piece)
				line += strings.Count(piece, "\n") + 1
			}
		})
	}
}

func runPiece(t *testing.T, file, source string) {
	t.Helper()
	line, want := expectedError(t, source)
	_, err := starlark.ExecFileOptions(testOptions, newTestThread(), file, source, testUniverse())
	switch {
	case err == nil && want != "":
		t.Errorf("%s:%d: no error, want %q", file, line, want)
	case err == nil:
	case want == "":
		t.Errorf("%s: %s", file, traceback(err))
	case !regexp.MustCompile(want).MatchString(err.Error()):
		t.Errorf("%s:%d: got %q, want %q", file, line, err, want)
	default:
		if at := errorLine(err); at != line {
			t.Errorf("%s:%d: failed at line %d: %v", file, line, at, err)
		}
	}
}

func expectedError(t *testing.T, source string) (line int, want string) {
	t.Helper()
	for i, text := range strings.Split(source, "\n") {
		if _, quoted, ok := strings.Cut(text, "### "); ok {
			want, err := strconv.Unquote(strings.TrimSpace(quoted))
			if err != nil {
				t.Fatalf("line %d: %v", i+1, err)
			}
			return i + 1, want
		}
	}
	return 0, ""
}

func traceback(err error) string {
	var e *starlark.EvalError
	if errors.As(err, &e) {
		return e.Backtrace()
	}
	return err.Error()
}

// errorLine is the line of the innermost call of the script.
func errorLine(err error) int {
	var e *starlark.EvalError
	if !errors.As(err, &e) {
		return 0
	}
	calls := slices.Clone(e.CallStack)
	slices.Reverse(calls)
	for _, c := range calls {
		if c.Pos.Line > 0 {
			return int(c.Pos.Line)
		}
	}
	return 0
}

// eval evaluates one expression with the given names.
func eval(t testing.TB, expr string, names starlark.StringDict) (starlark.Value, error) {
	t.Helper()
	d := testUniverse()
	for name, v := range names {
		d[name] = v
	}
	return starlark.EvalOptions(testOptions, newTestThread(), "test.star", expr, d)
}

func mustEval(t testing.TB, expr string, names starlark.StringDict) starlark.Value {
	t.Helper()
	v, err := eval(t, expr, names)
	if err != nil {
		t.Fatalf("%s: %s", expr, traceback(err))
	}
	return v
}
