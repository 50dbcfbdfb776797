package builtins

import (
	"errors"
	"fmt"
	"strings"
	"time"

	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"
)

// A windowing describes how a flow is cut into windows. It is immutable.
type windowing struct {
	kind     string         // "fixed", "sliding", "session", "count" or "periodic"
	size     time.Duration  // of a window; the gap of a session; the period of a periodic one
	every    time.Duration  // sliding: from start to start
	n        int64          // count: records of a window
	time     starlark.Value // function or selector of a record's time; nil for count and periodic
	lateness *time.Duration // how much older than those before it a record may be; nil: as much as it likes
	late     string         // "include", or the file for records that are too old; "" without a lateness
	fill     bool           // windows without records come out too
	idle     time.Duration  // how long windows wait for a source that gives nothing; 0: for ever
}

var windows = module("windows", map[string]function{
	"count":    newCountWindows,
	"fixed":    newTimeWindows("fixed", "size"),
	"periodic": newPeriodicWindows,
	"session":  newTimeWindows("session", "gap"),
	"sliding":  newTimeWindows("sliding", "size"),
}, nil)

// Bounds of a window's size: times are whole milliseconds in some flows, and stay in the range of 64 bits.
const (
	leastWindow = time.Millisecond
	mostWindow  = 87600 * time.Hour
	// mostOverlap is how many sliding windows a record may be in.
	mostOverlap = 10_000
)

func newTimeWindows(kind, size string) function {
	return func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		w := &windowing{kind: kind}
		var lateness, idle starlark.Value
		own, every := span{}, span{}
		params := []any{size, &own}
		if kind == "sliding" {
			params = append(params, "every", &every)
		}
		params = append(params, "time?", &w.time, "lateness?", &lateness, "late?", &w.late, "idle?", &idle)
		if kind != "session" {
			params = append(params, "fill?", &w.fill)
		}
		if err := starlark.UnpackArgs(b.Name(), args, kwargs, params...); err != nil {
			return nil, err
		}
		w.size, w.every = own.Duration, every.Duration
		err := w.allow(lateness, idle)
		if err == nil {
			err = w.check(size)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", b.Name(), err)
		}
		w.time.Freeze()
		return w, nil
	}
}

// allow sets how late records and silent sources may be.
func (w *windowing) allow(lateness, idle starlark.Value) error {
	var s span
	if given(lateness) {
		if err := s.Unpack(lateness); err != nil {
			return fmt.Errorf("lateness: %w", err)
		}
		w.lateness = &s.Duration
	}
	if !given(idle) {
		return nil
	}
	var d span
	if err := d.Unpack(idle); err != nil {
		return fmt.Errorf("idle: %w", err)
	}
	w.idle = d.Duration
	return checkSpan("idle", w.idle)
}

// given reports whether an argument that may be left out is there.
func given(v starlark.Value) bool { return v != nil && v != starlark.None }

func (w *windowing) check(size string) error {
	if err := checkSpan(size, w.size); err != nil {
		return err
	}
	if w.kind == "sliding" {
		if err := checkSpan("every", w.every); err != nil {
			return err
		}
	}
	switch {
	case w.time == nil || w.time == starlark.None:
		return errors.New(`needs time, the function or field that gives a record's time: time = "ts"`)
	case w.kind == "sliding" && w.every > w.size:
		return fmt.Errorf("every (%v) is over size (%v): records between two windows would be in none", w.every, w.size)
	case w.kind == "sliding" && (w.size-1)/w.every >= mostOverlap:
		return fmt.Errorf("every record would be in %d windows, more than %d: make every larger", (w.size-1)/w.every+1, mostOverlap)
	case w.lateness == nil && w.late != "":
		return errors.New(`late= says what becomes of late records, but without lateness= none is late`)
	case w.lateness == nil:
		return nil
	case *w.lateness < 0:
		return fmt.Errorf("lateness must not be negative, and is %v", *w.lateness)
	case w.late == "drop" || w.late == "fail":
		return fmt.Errorf(`late=%q: late records are never lost: write late="include", or a file for them: late="late.jsonl"`, w.late)
	case w.late == "":
		return errors.New(`with lateness= say what becomes of records that come later still: late="include", or late="late.jsonl"`)
	}
	return nil
}

func checkSpan(name string, d time.Duration) error {
	switch {
	case d <= 0:
		return fmt.Errorf("%s must be over 0, not %v", name, d)
	case d%leastWindow != 0:
		return fmt.Errorf("%s must be whole milliseconds, not %v", name, d)
	case d > mostWindow:
		return fmt.Errorf("%s must be at most %v, ten years, not %v", name, mostWindow, d)
	}
	return nil
}

func newCountWindows(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	w := &windowing{kind: "count"}
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "n", &w.n); err != nil {
		return nil, lateOrNot(b, kwargs, err)
	}
	if w.n <= 0 {
		return nil, fmt.Errorf("%s: n must be over 0, not %d", b.Name(), w.n)
	}
	return w, nil
}

func newPeriodicWindows(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	w := &windowing{kind: "periodic"}
	every, agreed := span{}, false
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "every", &every, "nondeterministic?", &agreed); err != nil {
		return nil, lateOrNot(b, kwargs, err)
	}
	w.size = every.Duration
	if err := checkSpan("every", w.size); err != nil {
		return nil, fmt.Errorf("%s: %w", b.Name(), err)
	}
	if !agreed {
		return nil, fmt.Errorf("%s: such windows go by the machine's clock, so every run gives other results: write nondeterministic = True, or windows.fixed(size, time = ...)", b.Name())
	}
	return w, nil
}

// lateOrNot words the error about arguments that only windows of time have.
func lateOrNot(b *starlark.Builtin, kwargs []starlark.Tuple, err error) error {
	for _, kw := range kwargs {
		if name := string(kw[0].(starlark.String)); name == "lateness" || name == "late" || name == "time" || name == "idle" {
			return fmt.Errorf("%s has no %s: its records have no time, so none is late; windows.fixed, sliding and session have it", b.Name(), name)
		}
	}
	return err
}

// A span is a duration as a script gives it: text such as "1h30m", or a value of the module time.
type span struct{ time.Duration }

// Unpack implements starlark.Unpacker.
func (s *span) Unpack(v starlark.Value) error {
	switch v := v.(type) {
	case startime.Duration:
		s.Duration = time.Duration(v)
		return nil
	case starlark.String:
		d, err := time.ParseDuration(string(v))
		if err != nil {
			return fmt.Errorf(`%s is no duration: units are h, m, s, ms, us and ns, as in "1h30m"; a day is "24h"`, v)
		}
		s.Duration = d
		return nil
	}
	return fmt.Errorf(`want a duration such as "500ms" or "1h30m", not %s`, v.Type())
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
	if w.lateness != nil {
		args = append(args, fmt.Sprintf("lateness=%q, late=%q", w.lateness.String(), w.late))
	}
	if w.fill {
		args = append(args, "fill=True")
	}
	if w.idle != 0 {
		args = append(args, fmt.Sprintf("idle=%q", w.idle.String()))
	}
	if w.kind == "periodic" {
		args = append(args, "nondeterministic=True")
	}
	return "windows." + w.kind + "(" + strings.Join(args, ", ") + ")"
}

func (w *windowing) Type() string          { return "windows" }
func (w *windowing) Freeze()               {}
func (w *windowing) Truth() starlark.Bool  { return starlark.True }
func (w *windowing) Hash() (uint32, error) { return 0, fmt.Errorf("unhashable type: %s", w.Type()) }
