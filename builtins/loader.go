package builtins

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/flowsh/flowsh/engine/kernel"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// A loader is what the files of one script share.
type loader struct {
	options     Options
	env         *Env
	predeclared starlark.StringDict
	definitions map[string]*definition // by position
	units       map[string]*unit       // by path
	chain       []string               // files that are loading, outermost first
	scripts     []string
	spent       uint64 // steps of files that are loaded
	threads     kernel.Threads
	exceeded    atomic.Pointer[error] // the limit for all files that stopped them
	bundle      *bundle
	session     *evaluation // nil: no prompt

	line       *commandLine
	args       []Arg
	rest       string   // name of the argument that takes the files
	files      []string // what it took
	readsFiles bool     // a source without path reads the files instead

	settings Settings
	warnings []string
	secrets  []string
}

func newLoader(path string, o Options) *loader {
	now := o.Now
	if now.IsZero() {
		now = time.Unix(0, 0)
	}
	env := &Env{Host: o.Host, Dir: filepath.Dir(path), Now: now.UTC(), Seed: o.Seed}
	l := &loader{
		options: o, env: env, definitions: map[string]*definition{}, units: map[string]*unit{},
		chain: []string{filepath.Clean(path)}, scripts: []string{path}, bundle: newBundle(), line: newCommandLine(o.Args),
	}
	l.settings.Seed = o.Seed
	l.predeclared = predeclared(env)
	return l
}

// predeclared are all names that a script finds besides Starlark's own.
func predeclared(env *Env) starlark.StringDict {
	all := universe(env)
	for _, o := range sources {
		all[o.name] = starlark.NewBuiltin(o.name, o.call)
	}
	for name, f := range map[string]function{
		"from_enumerable": fromEnumerable, "from_enumerables": fromEnumerables,
		"arg": declareArg, "options": setOptions, "step": defineStep, "result": result, "lookup": makeLookup,
	} {
		all[name] = starlark.NewBuiltin(name, f)
	}
	return all
}

// leftOver checks what the script left of the command line: flowsh's own flags, and files that nobody reads.
func (l *loader) leftOver() ([]string, error) {
	known, unknown := l.line.leftOver()
	if len(unknown) > 0 {
		return nil, usage(l.flagHint(unknown[0]), "unknown flag %s", unknown[0])
	}
	files := l.line.files()
	switch {
	case l.rest != "" && strings.Join(files, "\x00") != strings.Join(l.files, "\x00"):
		return nil, mistake("declare every argument before it", "arg %q takes the rest of the command line before all flags are known", l.rest)
	case l.rest == "" && len(files) > 0 && !l.readsFiles:
		return nil, usage(`a source without a path reads them, or arg("files", rest = True)`, "unexpected argument %q: this job reads no files from the command line", files[0])
	}
	return known, nil
}

func (l *loader) flagHint(flag string) string {
	var names []string
	for _, a := range l.args {
		names = append(names, "--"+a.Name)
	}
	switch hint := didYouMean(flag, names); {
	case hint != "":
		return hint
	case l.options.EarlyFlag != nil && l.options.EarlyFlag(flag):
		return flag + " stands before the script"
	}
	if len(names) == 0 {
		return "this job declares no flags"
	}
	return "this job has " + strings.Join(names, ", ")
}

func (l *loader) warn(at syntax.Position, format string, args ...any) {
	l.warnings = append(l.warnings, at.String()+": "+fmt.Sprintf(format, args...))
}

// resolved notes the value of an argument.
func (l *loader) resolved(d *declaration, v starlark.Value) {
	if !d.Secret {
		l.bundle.argument(d.Name, v.String())
		return
	}
	l.bundle.argument(d.Name, "")
	if text := plainText(v); text != "" {
		l.secrets = append(l.secrets, text)
	}
}

// masked hides secret values in what an error says.
func (l *loader) masked(err error) error {
	mask := NewMask(l.secrets)
	var all LoadErrors
	switch e := err.(type) {
	case *LoadError:
		all = LoadErrors{e}
	case LoadErrors:
		all = e
	}
	for _, e := range all {
		e.Message, e.Hint, e.Backtrace = mask.Text(e.Message), mask.Text(e.Hint), mask.Text(e.Backtrace)
	}
	return err
}
