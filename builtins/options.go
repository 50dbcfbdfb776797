package builtins

import (
	"strconv"
	"strings"
	"time"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/host"
	"go.starlark.net/starlark"
)

// Options are what Load needs to know besides the text.
type Options struct {
	Host *host.Host
	Args []string // everything that follows the script on the command line
	Now  time.Time
	Seed int64 // of the job, where the script sets none
	// MaxSteps stops a script that loads for ever; 0 means engine.DefaultMaxSteps.
	MaxSteps uint64
	// Memory is the budget of the process in bytes while the script loads; 0: none. A script that exceeds it in a
	// single operation may still be at it when Load has returned its error.
	Memory int64
	// LoadTime is how long the script may take to load; 0: for ever. A script that is in the middle of a single operation
	// then may still be at it when Load has returned its error.
	LoadTime time.Duration
	// RunFlags knows flowsh's own flags, by name without dashes ("cores", "j"), that may also follow the
	// script. nil: there are none.
	RunFlags func(name string) (takesValue, known bool)
	// EarlyFlag knows the flags of flowsh's that a script cannot follow, with their dashes. nil: there are none.
	EarlyFlag func(flag string) bool
	// Expr says that the source is one expression, whose value is the job.
	Expr bool
}

func (o Options) maxSteps() uint64 {
	if o.MaxSteps == 0 {
		return engine.DefaultMaxSteps
	}
	return o.MaxSteps
}

// Settings are what the script says about its run, by options() or by the constants of the definition form. The
// command line overrides them.
type Settings struct {
	Name    string             // "" if the script gives none
	OnError *engine.ErrorRules // nil: the script does not say
	// MaxErrors and MaxShare limit failed records, by number and by share of the input; 0: no limit. They are
	// also part of OnError.
	MaxErrors int64
	MaxShare  float64
	Format    string // of the unwritten flow; "": by record
	Seed      int64
}

// setOptions is options(name=, on_error=, max_errors=, format=, seed=).
func setOptions(thread *starlark.Thread, fn *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	u, err := whileLoading(thread, fn.Name())
	if err != nil {
		return nil, err
	}
	given, err := bindArguments("options", optionNames, args, kwargs)
	if err != nil {
		return nil, err
	}
	if u.optioned {
		return nil, mistake("say all in one call", "options() is called twice")
	}
	u.optioned = true
	if !u.main {
		return starlark.None, nil
	}
	for i, v := range given {
		if v == nil || v == starlark.None {
			continue
		}
		if err := optionSetters[i].set(&u.settings, v); err != nil {
			return nil, mistake("", "options: %s: %v", optionSetters[i].name, err)
		}
	}
	u.settings.combine()
	return starlark.None, nil
}

var optionSetters = []struct {
	name string
	set  func(*Settings, starlark.Value) error
}{
	{"name", func(s *Settings, v starlark.Value) error { return unpack(v, &s.Name) }},
	{"on_error", func(s *Settings, v starlark.Value) (err error) { s.OnError, err = errorRules(v); return err }},
	{"max_errors", func(s *Settings, v starlark.Value) (err error) {
		s.MaxErrors, s.MaxShare, err = maxErrors(v)
		return err
	}},
	{"format", func(s *Settings, v starlark.Value) (err error) { s.Format, err = formatName(v); return err }},
	{"seed", func(s *Settings, v starlark.Value) error { return unpack(v, &s.Seed) }},
}

var optionNames = func() []string {
	names := make([]string, len(optionSetters))
	for i, o := range optionSetters {
		names[i] = o.name
	}
	return names
}()

// combine puts the limits into the rules that they limit.
func (s *Settings) combine() {
	if s.OnError != nil {
		s.OnError = s.limit(s.OnError)
	}
}

// limit is rules with the job's limits.
func (s *Settings) limit(rules *engine.ErrorRules) *engine.ErrorRules {
	r := *rules
	r.MaxErrors, r.MaxShare = s.MaxErrors, s.MaxShare
	return &r
}

// errorRules reads on_error: "fail", "drop", or the file that takes failed records.
func errorRules(v starlark.Value) (*engine.ErrorRules, error) {
	s, ok := starlark.AsString(v)
	switch {
	case !ok || s == "":
		return nil, mistake("", `want "fail", "drop" or a file for failed records, not %s`, v)
	case s == "fail":
		return &engine.ErrorRules{}, nil
	case s == "drop":
		return &engine.ErrorRules{Drop: true}, nil
	case !strings.ContainsAny(s, "./"):
		return nil, mistake("", `want "fail", "drop" or a file such as "bad.jsonl", not %s`, v)
	}
	return &engine.ErrorRules{File: s}, nil
}

// maxErrors reads max_errors: a number of records, or a share such as "1%".
func maxErrors(v starlark.Value) (count int64, share float64, err error) {
	wrong := mistake("", `want a number of records or a share such as "1%%", not %s`, v)
	switch v := v.(type) {
	case starlark.Int:
		n, ok := v.Int64()
		if !ok || n < 1 {
			return 0, 0, wrong
		}
		return n, 0, nil
	case starlark.String:
		text, ok := strings.CutSuffix(string(v), "%")
		p, err := strconv.ParseFloat(text, 64)
		if !ok || err != nil || !(p > 0 && p <= 100) {
			return 0, 0, wrong
		}
		return 0, p / 100, nil
	}
	return 0, 0, wrong
}

func unpack[T any](v starlark.Value, into *T) error { return starlark.UnpackArg(v, into) }
