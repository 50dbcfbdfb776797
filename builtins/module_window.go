package builtins

import (
	"errors"
	"fmt"
	"strings"

	"github.com/flowsh/flowsh/engine/kernel"
	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"
)

// A windowing describes how a flow is cut into windows. It is immutable.
type windowing struct {
	kind     string            // "fixed", "sliding", "session", "count" or "periodic"
	size     startime.Duration // of a window; the gap of a session; the period of a periodic one
	every    startime.Duration // sliding: from start to start
	n        int64             // count: records of a window
	time     starlark.Value    // function or selector of a record's time
	fn       *kernel.Func      // time, bound
	lateness startime.Duration // how long a window waits for late records
	late     string            // "include", or the file for those that come later still; "" without a lateness
}

var windows = module("windows", map[string]function{
	"count":    newCountWindows,
	"fixed":    newTimeWindows("fixed", "size"),
	"periodic": newPeriodicWindows,
	"session":  newTimeWindows("session", "gap"),
	"sliding":  newTimeWindows("sliding", "size"),
}, nil)

func newTimeWindows(kind, size string) function {
	return func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		w := &windowing{kind: kind}
		params := []any{size, &w.size, "time", &w.time, "lateness?", &w.lateness, "late?", &w.late}
		if kind == "sliding" {
			params = append([]any{size, &w.size, "every", &w.every}, params[2:]...)
		}
		if err := starlark.UnpackArgs(b.Name(), args, kwargs, params...); err != nil {
			return nil, err
		}
		if err := w.check(size); err != nil {
			return nil, fmt.Errorf("%s: %w", b.Name(), err)
		}
		fn, err := kernel.Bind(w.time, kernel.Signature{Op: b.Name(), Param: "time", Field: true})
		if err != nil {
			return nil, err
		}
		w.fn = fn
		w.time.Freeze()
		return w, nil
	}
}

func (w *windowing) check(size string) error {
	switch {
	case w.size <= 0:
		return fmt.Errorf("%s must be over 0, not %v", size, w.size)
	case w.kind == "sliding" && w.every <= 0:
		return fmt.Errorf("every must be over 0, not %v", w.every)
	case w.lateness < 0:
		return fmt.Errorf("lateness must not be negative, and is %v", w.lateness)
	case w.lateness > 0 && w.late == "":
		return errors.New(`with lateness= say what becomes of records that come later still: late="include", or late="late.jsonl"`)
	}
	return nil
}

func newCountWindows(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	w := &windowing{kind: "count"}
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "n", &w.n); err != nil {
		return nil, err
	}
	if w.n <= 0 {
		return nil, fmt.Errorf("%s: n must be over 0, not %d", b.Name(), w.n)
	}
	return w, nil
}

func newPeriodicWindows(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	w := &windowing{kind: "periodic"}
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "every", &w.size); err != nil {
		return nil, err
	}
	if w.size <= 0 {
		return nil, fmt.Errorf("%s: every must be over 0, not %v", b.Name(), w.size)
	}
	return w, nil
}

// String is the windowing as a script writes it.
func (w *windowing) String() string {
	var args []string
	if w.kind == "count" {
		args = append(args, fmt.Sprint(w.n))
	} else {
		args = append(args, fmt.Sprintf("%q", w.size.String()))
	}
	if w.every != 0 {
		args = append(args, fmt.Sprintf("every=%q", w.every.String()))
	}
	if w.time != nil {
		args = append(args, "time="+w.time.String())
	}
	if w.lateness != 0 {
		args = append(args, fmt.Sprintf("lateness=%q", w.lateness.String()))
	}
	if w.late != "" {
		args = append(args, fmt.Sprintf("late=%q", w.late))
	}
	return "windows." + w.kind + "(" + strings.Join(args, ", ") + ")"
}

func (w *windowing) Type() string          { return "windows" }
func (w *windowing) Freeze()               {}
func (w *windowing) Truth() starlark.Bool  { return starlark.True }
func (w *windowing) Hash() (uint32, error) { return 0, fmt.Errorf("unhashable type: %s", w.Type()) }
