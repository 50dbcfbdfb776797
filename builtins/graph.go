package builtins

import (
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/kernel"
	"go.starlark.net/starlark"
)

// A grapher turns the flows of steps into operators, each flow of a step into one.
type grapher struct {
	u       *unit
	program *engine.Program
	ids     map[*Flow]int // of the current step
	stdin   *Flow         // the source that reads it
	targets map[string]*Flow
}

// graph makes the program of steps.
func (u *unit) graph(steps []*step) (*engine.Program, error) {
	g := &grapher{u: u, targets: map[string]*Flow{}, program: &engine.Program{
		Graph:  &engine.Graph{Version: engine.GraphVersion, Name: u.settings.Name, Seed: u.settings.Seed},
		Funcs:  map[engine.Ref]*kernel.Func{},
		Values: map[engine.Ref]starlark.Value{},
		Script: u.path,
	}}
	if g.program.Graph.Name == "" {
		g.program.Graph.Name = strings.TrimSuffix(filepath.Base(u.path), ".star")
	}
	for _, s := range steps {
		if err := g.step(s); err != nil {
			return nil, err
		}
	}
	g.program.Graph.Bundle = u.bundle.sum(u.line.files(), u.env.Now, u.settings.Seed)
	return g.program, nil
}

func (g *grapher) step(s *step) error {
	g.ids = map[*Flow]int{}
	out := engine.Step{Name: s.name, After: slices.Clone(s.after), Result: -1}
	first := len(g.program.Graph.Ops)
	for _, f := range s.flows {
		id, err := g.op(f)
		if err != nil {
			return err
		}
		out.Outputs = append(out.Outputs, id)
		if !f.written() {
			out.Result = id
		}
	}
	for _, op := range g.program.Graph.Ops[first:] {
		if op.Kind == engine.OpResult && !slices.Contains(out.After, op.Result) {
			out.After = append(out.After, op.Result)
		}
	}
	g.program.Graph.Steps = append(g.program.Graph.Steps, out)
	return nil
}

// op is the operator of a flow, made when it is first met; its inputs come before it.
func (g *grapher) op(f *Flow) (int, error) {
	if id, ok := g.ids[f]; ok {
		return id, nil
	}
	op := f.op
	op.In = make([]int, 0, len(f.in))
	for _, in := range f.in {
		id, err := g.op(in)
		if err != nil {
			return 0, err
		}
		op.In = append(op.In, id)
	}
	if f.side != nil {
		id, err := g.op(f.side.flow)
		if err != nil {
			return 0, err
		}
		op.Using = &engine.Using{Op: id, Lookup: f.side.dict, Many: f.side.many}
	}
	if err := g.ends(f, &op); err != nil {
		return 0, err
	}
	if op.OnError != nil && *op.OnError != (engine.ErrorRules{}) {
		op.OnError = g.u.settings.limit(op.OnError)
	}
	op.ID = len(g.program.Graph.Ops)
	g.refer(f, &op)
	g.program.Graph.Ops = append(g.program.Graph.Ops, op)
	g.ids[f] = op.ID
	return op.ID, nil
}

// refer names the functions and values of an operator and puts them into the program.
func (g *grapher) refer(f *Flow, op *engine.Op) {
	add := func(param string, fn *boundFunc) {
		if op.Funcs == nil {
			op.Funcs = map[string]string{}
		}
		op.Funcs[param] = fn.text
		g.program.Funcs[engine.Ref{Op: op.ID, Param: param}] = fn.Func
	}
	for i := range f.funcs {
		add(f.funcs[i].param, &f.funcs[i])
	}
	if f.side != nil && f.side.key != nil {
		add("using.key", f.side.key)
	}
	if f.side != nil && f.side.val != nil {
		add("using.value", f.side.val)
	}
	for _, v := range f.values {
		g.program.Values[engine.Ref{Op: op.ID, Param: v.param}] = v.Value
	}
}

// ends completes what only the whole job decides of sources and sinks, and checks it.
func (g *grapher) ends(f *Flow, op *engine.Op) error {
	if op.Sink != nil && op.Sink.Target != "-" {
		to := path.Clean(op.Sink.Target)
		if other := g.targets[to]; other != nil && other != f {
			return mistakeAt(f.at, "", "two flows are written to %s; the other one at %s", op.Sink.Target, other.at)
		}
		g.targets[to] = f
	}
	if op.Source == nil || op.Source.Format == "list" {
		return nil
	}
	spec := *op.Source
	op.Source = &spec
	if len(spec.Paths) == 0 {
		spec.Paths = g.u.commandFiles()
		op.Source.Paths = spec.Paths
	}
	if !slices.Contains(spec.Paths, "-") {
		return nil
	}
	if g.u.session != nil {
		return mistakeAt(f.at, `give it a path: lines("access.log")`, "standard input is the prompt's own")
	}
	if g.stdin != nil {
		return mistakeAt(f.at, "use one flow twice, or the result of a step", "stdin can be read once, and the source at %s reads it", g.stdin.at)
	}
	g.stdin = f
	return nil
}

// commandFiles are what a source without a path reads: the files on the command line, else stdin.
func (l *loader) commandFiles() []string {
	l.readsFiles = true
	if files := l.line.files(); l.rest == "" && len(files) > 0 {
		return files
	}
	return []string{"-"}
}
