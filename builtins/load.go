package builtins

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/flowsh/flowsh/engine"
	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// The forms of a script.
const (
	Pipeline   = "pipeline"   // the global job, or steps, say what runs
	Definition = "definition" // functions named map, filter, reduce ... are the stages
)

// A Job is a loaded script.
type Job struct {
	Program  *engine.Program // nil if Help is set
	Form     string          // Pipeline or Definition; "" if Help is set
	Doc      string          // the script's docstring
	Args     []Arg           // in the order of their declaration
	RunFlags []string        // words after the script that are flowsh's own flags
	Help     bool            // --help stands after the script
	Settings Settings
	Files    []string // the script and what it loads, in the order of loading
	Warnings []string // what the user should know although the script loads
	Secrets  []string // values of secret arguments, to be masked wherever text goes out

	path string
}

// Load turns the text of a script into a job. It runs the script's top level, which opens nothing but the files
// that the script loads; sources and sinks are only described.
//
// Errors are *LoadError, or LoadErrors if there are several. Load may be called concurrently.
func Load(path string, source []byte, o Options) (*Job, error) {
	u := newLoader(path, o).newUnit(path, true)
	s, err := u.parse(source)
	if err != nil {
		return nil, err
	}
	job := &Job{Doc: s.doc(), path: path, Help: u.line.help()}
	err = u.execute(s)
	if err == nil && !job.Help {
		err = u.complete(job, s)
	}
	if err != nil && !job.Help {
		return nil, u.masked(err)
	}
	job.Args, job.Settings, job.Files, job.Warnings, job.Secrets = u.args, u.settings, u.scripts, u.warnings, u.secrets
	return job, nil
}

// complete makes the job of what the script's top level left behind.
func (u *unit) complete(job *Job, s *script) (err error) {
	var steps []*step
	if job.Form, steps, err = u.form(s); err != nil {
		return err
	}
	program, err := u.graph(steps)
	if err != nil {
		return err
	}
	job.Program = program
	job.RunFlags, err = u.leftOver()
	return err
}

// form decides which form the script has, and what its steps are.
func (u *unit) form(s *script) (form string, steps []*step, err error) {
	job, hasJob := u.globals["job"]
	switch {
	case hasJob && len(u.steps) > 0:
		return "", nil, mistakeAt(s.position("job"), "the last step is the job: leave job out", "there are steps and a job")
	case hasJob:
		flows, err := outputs("job", job)
		if err != nil {
			return "", nil, u.at(s.position("job"), err)
		}
		return Pipeline, []*step{{flows: flows, at: s.position("job")}}, u.pipeline(s)
	case len(u.steps) > 0:
		return Pipeline, u.steps, u.pipeline(s)
	}
	flow, err := u.defined(s)
	if err != nil {
		return "", nil, err
	}
	return Definition, []*step{{flows: []*Flow{flow}, at: flow.at}}, nil
}

// pipeline refuses what only the definition form has.
func (u *unit) pipeline(s *script) error {
	if _, ok := u.globals["from_enumerable"]; ok && s.tree != nil {
		return mistakeAt(s.position("from_enumerable"), "begin the flow by from_enumerable(...) or lines(...), or leave job out",
			"from_enumerable is a stage of the definition form, but this script has a job")
	}
	return nil
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
	if hint := didYouMean(flag, names); hint != "" {
		return hint
	}
	if len(names) == 0 {
		return "this job declares no flags"
	}
	return "this job has " + strings.Join(names, ", ")
}

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
	bundle      *bundle

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
		chain: []string{path}, scripts: []string{path}, bundle: newBundle(), line: newCommandLine(o.Args),
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

// parse reads the text of the file and resolves its names.
func (u *unit) parse(source []byte) (*script, error) {
	source = bytes.TrimPrefix(source, []byte("\ufeff"))
	u.units[u.path] = u
	if u.main {
		u.bundle.file("", source)
	}
	s := &script{}
	tree, err := s.syntax(u.path, source, u.options.Expr && u.main)
	if err != nil {
		return nil, u.explain(err)
	}
	if u.main {
		if err := otherForm(u.path, s.tree); err != nil {
			return nil, err
		}
		u.flags(tree)
	}
	u.define(tree, source)
	if s.tree != nil {
		s.program, err = starlark.FileProgram(s.tree, u.predeclared.Has)
	}
	return s, u.explain(err)
}

func (s *script) syntax(path string, source []byte, expr bool) (tree syntax.Node, err error) {
	if expr {
		s.expr, err = dialect().ParseExpr(path, source, 0)
		return s.expr, err
	}
	s.tree, err = dialect().Parse(path, source, 0)
	return s.tree, err
}

// flags tells the command line which flags take a value.
func (u *unit) flags(tree syntax.Node) {
	declared := map[string]bool{}
	argumentFlags(tree, declared)
	u.line.takesValue = func(name string) (bool, bool) {
		if takes, ok := declared[name]; ok {
			return takes, true
		}
		if base, ok := strings.CutPrefix(name, "no-"); ok {
			if takes, ok := declared[base]; ok && !takes {
				return false, true
			}
		}
		if u.options.RunFlags == nil {
			return false, false
		}
		return u.options.RunFlags(name)
	}
}

// otherForm refuses scripts that are no jobs, by their name or by what they define.
func otherForm(path string, tree *syntax.File) error {
	if strings.HasSuffix(path, "_test.star") {
		return &LoadError{Message: path + " is a test, not a job", Hint: "this build cannot run tests of scripts"}
	}
	if tree == nil {
		return nil
	}
	for _, stmt := range tree.Stmts {
		def, ok := stmt.(*syntax.DefStmt)
		if ok && (def.Name.Name == "handle_call" || def.Name.Name == "handle_cast" || def.Name.Name == "handle_info") {
			return mistakeAt(def.Name.NamePos, "this build runs jobs only", "%s makes this a process, not a job", def.Name.Name)
		}
	}
	return nil
}

// doc is the docstring of the file.
func (s *script) doc() string {
	if s.tree == nil || len(s.tree.Stmts) == 0 {
		return ""
	}
	if e, ok := s.tree.Stmts[0].(*syntax.ExprStmt); ok {
		if lit, ok := e.X.(*syntax.Literal); ok {
			text, _ := lit.Value.(string)
			return strings.TrimSpace(text)
		}
	}
	return ""
}

// bindings are the file's globals in the order of the text.
func (s *script) bindings() []*resolve.Binding {
	if s.tree == nil {
		return nil
	}
	return s.tree.Module.(*resolve.Module).Globals
}

// position is where a global is bound first.
func (s *script) position(name string) syntax.Position {
	for _, b := range s.bindings() {
		if b.First.Name == name {
			return b.First.NamePos
		}
	}
	return syntax.Position{}
}

// at gives an error the place of a global.
func (u *unit) at(pos syntax.Position, err error) error {
	err = u.explain(err)
	if e, ok := err.(*LoadError); ok && !e.Pos.IsValid() && !e.usage {
		e.Pos = pos
	}
	return err
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
	if len(l.secrets) == 0 {
		return err
	}
	var all LoadErrors
	switch e := err.(type) {
	case *LoadError:
		all = LoadErrors{e}
	case LoadErrors:
		all = e
	}
	for _, e := range all {
		for _, s := range l.secrets {
			e.Message = strings.ReplaceAll(e.Message, s, "***")
			e.Hint = strings.ReplaceAll(e.Hint, s, "***")
			e.Backtrace = strings.ReplaceAll(e.Backtrace, s, "***")
		}
	}
	return err
}
