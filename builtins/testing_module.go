package builtins

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/connector"
	"github.com/flowsh/flowsh/engine/host"
	"github.com/flowsh/flowsh/engine/kernel"
	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"
)

// testModule is the module test, which exists only in files named *_test.star.
var testModule = module("test", map[string]function{
	"run": inTest((*testRun).job), "eq": inTest((*testRun).equal),
	"fails": inTest((*testRun).fails), "golden": inTest((*testRun).golden),
}, nil)

type testFunction func(r *testRun, thread *starlark.Thread, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error)

func inTest(f testFunction) function {
	return func(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		r, err := whileTesting(thread, b)
		if err != nil {
			return nil, err
		}
		return f(r, thread, b.Name(), args, kwargs)
	}
}

// job is test.run(path, input = None, args = {}, now = None, failing = {}): the records that a job puts out.
func (r *testRun) job(_ *starlark.Thread, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var path string
	var input, now starlark.Value
	words, failing := new(starlark.Dict), new(starlark.Dict)
	if err := starlark.UnpackArgs(name, args, kwargs, "path", &path, "input?", &input, "args?", &words, "now?", &now, "failing?", &failing); err != nil {
		return nil, err
	}
	o := r.file.options.Options
	o.Host = r.host()
	var err error
	if o.Args, err = flagsOf(words); err != nil {
		return nil, err
	}
	if o.Now, err = clockOf(now, o.Now); err != nil {
		return nil, err
	}
	path = r.path(path)
	source, err := r.file.unit.read(path)
	if err != nil {
		return nil, mistake("the path is relative to "+filepath.Base(r.file.unit.path), "%v", err)
	}
	job, err := Load(path, source, o)
	if err != nil {
		return nil, mistake("", "%s: the job does not load: %v", name, err)
	}
	if err := replaceInput(job.Program, input); err != nil {
		return nil, err
	}
	if err := letFail(job.Program, failing); err != nil {
		return nil, err
	}
	return r.records(name, job, o.Host)
}

// host is the host of the tests, with a log of its own and an empty stdin: tests do not wait for the keyboard.
func (r *testRun) host() *host.Host {
	h := *r.file.options.Host
	h.Stdin = strings.NewReader("")
	var mu sync.Mutex
	h.Emit = func(e host.Event) {
		mu.Lock()
		defer mu.Unlock()
		switch e := e.(type) {
		case engine.Printed:
			r.print(e.Text)
		case engine.Warning:
			r.print("warning: " + e.Text)
		}
	}
	return &h
}

// flagsOf writes a dict of arguments as the words of a command line.
func flagsOf(words *starlark.Dict) (flags []string, err error) {
	for _, item := range words.Items() {
		name, ok := starlark.AsString(item[0])
		if !ok {
			return nil, mistake(`args = {"limit": 3}`, "args: the name of an argument must be a string, not %s", item[0])
		}
		name = dashes(name)
		switch v := item[1].(type) {
		case starlark.NoneType:
		case starlark.Bool:
			if !v {
				name = "no-" + name
			}
			flags = append(flags, "--"+name)
		case *starlark.List:
			for e := range v.Elements() {
				flags = append(flags, "--"+name+"="+plainText(e))
			}
		default:
			flags = append(flags, "--"+name+"="+plainText(v))
		}
	}
	return flags, nil
}

// clockOf is the start of the job: a time, or its text by RFC 3339.
func clockOf(v starlark.Value, otherwise time.Time) (time.Time, error) {
	switch v := v.(type) {
	case nil, starlark.NoneType:
		return otherwise, nil
	case startime.Time:
		return time.Time(v), nil
	case starlark.String:
		if t, err := time.Parse(time.RFC3339Nano, string(v)); err == nil {
			return t, nil
		}
	}
	return time.Time{}, mistake(`now = "2026-01-31T12:00:00Z"`, "now: want a time, not %s", v)
}

// replaceInput makes sources give the records of input: of a list to the job's only source, of a dict to those with
// these paths.
func replaceInput(p *engine.Program, input starlark.Value) error {
	if input == nil || input == starlark.None {
		return nil
	}
	sources := sourcesOf(p)
	if d, ok := input.(*starlark.Dict); ok {
		return replaceByPath(p, sources, d)
	}
	list, ok := input.(starlark.Iterable)
	if !ok {
		return mistake(`input = ["a b", "a"]`, "input: want a list of records, or a dict of lists by path, not %s", input.Type())
	}
	if len(sources) != 1 {
		return mistake("input = {path: list}", "input: the job has %d sources (%s): say which", len(sources), strings.Join(sourceNames(p, sources), ", "))
	}
	replaceSource(p, sources[0], list)
	return nil
}

func replaceByPath(p *engine.Program, sources []int, lists *starlark.Dict) error {
	names := sourceNames(p, sources)
	for _, item := range lists.Items() {
		path, _ := starlark.AsString(item[0])
		list, ok := item[1].(starlark.Iterable)
		if !ok {
			return mistake("", "input: %s: want a list of records, not %s", item[0], item[1].Type())
		}
		found := false
		for i, op := range sources {
			if names[i] == path {
				replaceSource(p, op, list)
				found = true
			}
		}
		if !found {
			hint := didYouMean(path, names)
			if hint == "" {
				hint = "its sources read " + strings.Join(names, ", ")
			}
			return mistake(hint, "input: no source of the job reads %s", item[0])
		}
	}
	return nil
}

// sourcesOf are the ops that read files, or where none does, those that read lists.
func sourcesOf(p *engine.Program) (files []int) {
	var lists []int
	for _, op := range p.Graph.Ops {
		switch {
		case op.Source == nil:
		case op.Source.Format == "list":
			lists = append(lists, op.ID)
		default:
			files = append(files, op.ID)
		}
	}
	if len(files) == 0 {
		return lists
	}
	return files
}

func replaceSource(p *engine.Program, op int, list starlark.Value) {
	p.Graph.Ops[op].Source = &connector.SourceSpec{Format: "list"}
	p.Values[engine.Ref{Op: op, Param: "list"}] = list
}

// sourceNames are what sources read, as input calls it.
func sourceNames(p *engine.Program, sources []int) []string {
	names := make([]string, len(sources))
	for i, op := range sources {
		names[i] = strings.Join(p.Graph.Ops[op].Source.Paths, " ")
		if names[i] == "" {
			names[i] = "a list"
		}
	}
	return names
}

// records runs a job: the records of its output, or where it has several, a dict of lists by target.
func (r *testRun) records(name string, job *Job, h *host.Host) (starlark.Value, error) {
	o := r.file.options.Engine
	o.Host, o.OnError = h, job.Settings.OnError
	outputs := newOutputs(job.Program.Graph)
	o.Receive = outputs.receive
	if _, err := engine.Run(r.ctx, job.Program, o); err != nil {
		return nil, mistake("", "%s: %v", name, err)
	}
	if len(outputs.targets) == 1 {
		return outputs.lists[outputs.targets[0]], nil
	}
	all := starlark.NewDict(len(outputs.targets))
	for _, target := range outputs.targets {
		if err := all.SetKey(starlark.String(target), outputs.lists[target]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// testOutputs are the records that a job puts out, by target.
type testOutputs struct {
	mu      sync.Mutex
	targets []string // in the order of the graph; files of dead letters behind them, in the order of their coming
	lists   map[string]*starlark.List
}

func newOutputs(g *engine.Graph) *testOutputs {
	o := &testOutputs{lists: map[string]*starlark.List{}}
	for i, step := range g.Steps {
		for _, op := range step.Outputs {
			if sink := g.Ops[op].Sink; sink != nil {
				o.list(sink.Target)
			} else if i == len(g.Steps)-1 {
				o.list("-")
			}
		}
	}
	return o
}

func (o *testOutputs) list(target string) *starlark.List {
	if o.lists[target] == nil {
		o.lists[target] = starlark.NewList(nil)
		o.targets = append(o.targets, target)
	}
	return o.lists[target]
}

func (o *testOutputs) receive(target string, records *chunk.Column) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	list := o.list(target)
	for i := range records.N {
		if err := list.Append(records.At(i)); err != nil {
			return err
		}
	}
	return nil
}

// equal is test.eq(got, want).
func (r *testRun) equal(_ *starlark.Thread, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var got, want starlark.Value
	if err := starlark.UnpackArgs(name, args, kwargs, "got", &got, "want", &want); err != nil {
		return nil, err
	}
	same, err := starlark.Equal(got, want)
	if err != nil {
		return nil, err
	}
	if same {
		return starlark.None, nil
	}
	where, g, w := firstDifference("", got, want)
	if where != "" {
		where = " at " + where
	}
	return nil, mistake("", "not equal%s\n  got  %s\n  want %s", where, shortValue(g), shortValue(w))
}

// firstDifference goes down to the first part in which two values differ; nil stands for a part that is not there.
func firstDifference(where string, got, want starlark.Value) (at string, g, w starlark.Value) {
	switch a := got.(type) {
	case starlark.Indexable:
		b, ok := want.(starlark.Indexable)
		if _, text := got.(starlark.String); !ok || text || got.Type() != want.Type() {
			break
		}
		for i := range max(a.Len(), b.Len()) {
			at := fmt.Sprintf("%s[%d]", where, i)
			switch {
			case i >= a.Len():
				return at, nil, b.Index(i)
			case i >= b.Len():
				return at, a.Index(i), nil
			}
			if same, err := starlark.Equal(a.Index(i), b.Index(i)); err != nil || !same {
				return firstDifference(at, a.Index(i), b.Index(i))
			}
		}
	case *starlark.Dict:
		b, ok := want.(*starlark.Dict)
		if !ok {
			break
		}
		for _, item := range slices.Concat(a.Items(), b.Items()) {
			at := fmt.Sprintf("%s[%s]", where, item[0])
			x, inA, _ := a.Get(item[0])
			y, inB, _ := b.Get(item[0])
			switch {
			case !inA:
				return at, nil, y
			case !inB:
				return at, x, nil
			}
			if same, err := starlark.Equal(x, y); err != nil || !same {
				return firstDifference(at, x, y)
			}
		}
	}
	return where, got, want
}

func shortValue(v starlark.Value) string {
	if v == nil {
		return "nothing"
	}
	const most = 1000
	text := v.String()
	if len(text) > most {
		return fmt.Sprintf("%s... (%d bytes)", text[:most], len(text))
	}
	return text
}

// fails is test.fails(f, pattern = ""): what f fails with.
func (r *testRun) fails(thread *starlark.Thread, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var f starlark.Callable
	var pattern string
	if err := starlark.UnpackArgs(name, args, kwargs, "f", &f, "pattern?", &pattern); err != nil {
		return nil, err
	}
	want, err := regexp.Compile(pattern)
	if err != nil {
		return nil, mistake("", "%s: %v", name, err)
	}
	v, err := starlark.Call(thread, f, nil, nil)
	switch {
	case err == nil:
		return nil, mistake("", "%s does not fail, it gives %s", f.Name(), shortValue(v))
	case r.ctx.Err() != nil || errors.Is(err, kernel.ErrLimit):
		return nil, err
	}
	text := messageOf(err)
	if !want.MatchString(text) {
		return nil, mistake("", "%s fails otherwise\n  got  %s\n  want %s", f.Name(), text, pattern)
	}
	return starlark.String(text), nil
}

// messageOf is what an error of the script says, without backtrace.
func messageOf(err error) string {
	var known *LoadError
	if errors.As(err, &known) {
		return known.Message
	}
	var failed *starlark.EvalError
	if errors.As(err, &failed) {
		return failed.Msg
	}
	return err.Error()
}

// golden is test.golden(records, path): the file holds the records as a job would write them.
func (r *testRun) golden(_ *starlark.Thread, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var records starlark.Iterable
	var path string
	if err := starlark.UnpackArgs(name, args, kwargs, "records", &records, "path", &path); err != nil {
		return nil, err
	}
	path = r.path(path)
	records.Freeze()
	memory := host.NewMemory()
	if err := r.write(memory, records, filepath.Base(path)); err != nil {
		return nil, mistake("", "%s: %v", name, err)
	}
	got, err := readText(memory, filepath.Base(path))
	if err != nil {
		return nil, err
	}
	want, err := readText(r.file.options.Host, path)
	switch {
	case err == nil && bytes.Equal(got, want):
		return starlark.None, nil
	case r.file.options.Update:
		return starlark.None, r.write(r.file.options.Host, records, path)
	case err != nil:
		return nil, mistake("flowsh test --update writes it", "%v", err)
	}
	g, w := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	i := 0
	for i < min(len(g), len(w))-1 && g[i] == w[i] {
		i++
	}
	return nil, mistake("flowsh test --update writes what it is now", "%s, line %d\n  got  %s\n  want %s", path, i+1, g[i], w[i])
}

// write writes records as a job does.
func (r *testRun) write(h *host.Host, records starlark.Iterable, path string) error {
	p := &engine.Program{
		Graph: &engine.Graph{
			Version: engine.GraphVersion, Name: "golden",
			Ops: []engine.Op{
				{ID: 0, Kind: engine.OpSource, Source: &connector.SourceSpec{Format: "list"}},
				{ID: 1, Kind: engine.OpWrite, In: []int{0}, Sink: &connector.SinkSpec{Target: path}},
			},
			Steps: []engine.Step{{Outputs: []int{1}, Result: -1}},
		},
		Values: map[engine.Ref]starlark.Value{{Op: 0, Param: "list"}: records},
	}
	_, err := engine.Run(r.ctx, p, engine.Options{Host: h, Memory: r.file.options.Engine.Memory})
	return err
}
