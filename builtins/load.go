package builtins

import (
	"github.com/flowsh/flowsh/engine"
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

	path   string
	unit   *unit
	script *script
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
	job := &Job{Doc: s.doc(), path: path, Help: u.line.help(), unit: u, script: s}
	err = u.within(func() error { return u.execute(s) })
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

// at gives an error the place of a global.
func (u *unit) at(pos syntax.Position, err error) error {
	err = u.explain(err)
	if e, ok := err.(*LoadError); ok && !e.Pos.IsValid() && !e.usage {
		e.Pos = pos
	}
	return err
}
