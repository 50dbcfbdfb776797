package builtins

import (
	"errors"
	"fmt"
	"strings"

	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// A LoadError says why a script does not become a job, and what to write instead. Nobody retries it. If a limit
// stopped the script, kernel.ErrLimit is in its chain.
type LoadError struct {
	Pos       syntax.Position // not valid if the command line is at fault
	Message   string
	Hint      string // what to write instead, or ""
	Backtrace string // calls that led there, outermost first; "" if the script failed at its top level
	Err       error  // the cause, or nil

	usage bool // the command line is at fault, though the script found out
}

// Error is the position, the message, the hint on a line of its own, and the backtrace.
func (e *LoadError) Error() string {
	var b strings.Builder
	if e.Pos.IsValid() {
		b.WriteString(e.Pos.String() + ": ")
	}
	b.WriteString(e.Message)
	if e.Hint != "" {
		b.WriteString("\n  " + e.Hint)
	}
	if e.Backtrace != "" {
		b.WriteString("\n" + strings.TrimRight(e.Backtrace, "\n"))
	}
	return b.String()
}

func (e *LoadError) Unwrap() error { return e.Err }

// A FormError is in the chain of a LoadError about a script that is well but no job.
type FormError struct{ Form string } // test or process

func (e *FormError) Error() string { return "a script of the " + e.Form + " form is not a job" }

// LoadErrors are several errors of one script, in the order of the text. It is never empty.
type LoadErrors []*LoadError

// Error is all messages, one after the other.
func (l LoadErrors) Error() string {
	texts := make([]string, len(l))
	for i, e := range l {
		texts[i] = e.Error()
	}
	return strings.Join(texts, "\n")
}

// Unwrap lets errors.As find the first LoadError.
func (l LoadErrors) Unwrap() []error {
	list := make([]error, len(l))
	for i, e := range l {
		list[i] = e
	}
	return list
}

func (l LoadErrors) orNil() error {
	switch len(l) {
	case 0:
		return nil
	case 1:
		return l[0]
	}
	return l
}

// mistake is an error of the script at the place that is being executed; the position is filled in later.
func mistake(hint, format string, args ...any) *LoadError {
	return &LoadError{Message: fmt.Sprintf(format, args...), Hint: hint}
}

// mistakeAt is an error at a known place of the script.
func mistakeAt(pos syntax.Position, hint, format string, args ...any) *LoadError {
	e := mistake(hint, format, args...)
	e.Pos = pos
	return e
}

// usage is an error of the command line.
func usage(hint, format string, args ...any) *LoadError {
	e := mistake(hint, format, args...)
	e.usage = true
	return e
}

// explain turns an error of the parser, the resolver or the interpreter into one that teaches.
func (u *unit) explain(err error) error {
	var parse syntax.Error
	var names resolve.ErrorList
	var failed *starlark.EvalError
	var known *LoadError
	var several LoadErrors
	switch {
	case err == nil:
		return nil
	case errors.As(err, &several):
		return several
	case errors.As(err, &known):
		if !known.Pos.IsValid() && !known.usage && errors.As(err, &failed) {
			known.locate(failed)
		}
		return known
	case errors.As(err, &parse):
		return mistakeAt(parse.Pos, syntaxHint(parse.Msg), "%s", parse.Msg)
	case errors.As(err, &names):
		return u.explainNames(names)
	case errors.As(err, &failed):
		e := mistake(u.runtimeHint(failed.Msg), "%s", failed.Msg)
		e.Err = err
		e.locate(failed)
		return u.limited(e)
	}
	return &LoadError{Message: err.Error(), Err: err}
}

// locate takes position and backtrace from the interpreter's stack.
func (e *LoadError) locate(failed *starlark.EvalError) {
	frames := 0
	for _, f := range failed.CallStack {
		if f.Pos.Line > 0 {
			e.Pos = f.Pos
			frames++
		}
	}
	if frames > 1 {
		e.Backtrace = callText(failed.CallStack)
	}
}

// callText is a backtrace of at most 20 calls: a runaway recursion has a thousand.
func callText(stack starlark.CallStack) string {
	const ends = 10
	if len(stack) <= 2*ends {
		return stack.String()
	}
	omitted := fmt.Sprintf("  ... %d more calls\n", len(stack)-2*ends)
	tail := strings.TrimPrefix(stack[len(stack)-ends:].String(), "Traceback (most recent call last):\n")
	return stack[:ends].String() + omitted + tail
}

func (u *unit) explainNames(list resolve.ErrorList) error {
	var all LoadErrors
	for _, e := range list {
		message, hint := u.nameHint(e.Msg)
		all = append(all, mistakeAt(e.Pos, hint, "%s", message))
	}
	return all.orNil()
}
