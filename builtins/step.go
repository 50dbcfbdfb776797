package builtins

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/flowsh/flowsh/engine"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// A step is one commit of the job: the flows that it puts out.
type step struct {
	name   string // "" for the job of a script without steps
	at     syntax.Position
	after  []string
	flows  []*Flow
	result *Flow // what result(name) reads; nil until somebody asks
}

// plain is the step's flow that is not written, or nil.
func (s *step) plain() *Flow {
	i := slices.IndexFunc(s.flows, func(f *Flow) bool { return !f.written() })
	if i < 0 {
		return nil
	}
	return s.flows[i]
}

// defineStep is step(name, flow | [flows], after=None).
func defineStep(thread *starlark.Thread, fn *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	u, err := whileLoading(thread, "step")
	if err != nil {
		return nil, err
	}
	given, err := bindArguments("step", []string{"name", "flow", "after"}, args, kwargs)
	if err != nil {
		return nil, err
	}
	name, ok := starlark.AsString(given[0])
	if given[0] == nil || !ok || name == "" {
		return nil, mistake(`step("name", flow)`, "step needs a name, a string")
	}
	if given[1] == nil {
		return nil, mistake(`step("name", flow)`, "step %q needs a flow or a list of flows", name)
	}
	s := &step{name: name, at: thread.CallFrame(1).Pos}
	if s.flows, err = outputs("step "+name, given[1]); err != nil {
		return nil, err
	}
	if s.after, err = u.earlier(given[2]); err != nil {
		return nil, err
	}
	if old := u.step(name); old != nil {
		return nil, mistake("", "there is a step %q already, at %s", name, old.at)
	}
	u.steps = append(u.steps, s)
	return starlark.None, nil
}

// earlier reads after=: names of steps that were defined before.
func (u *unit) earlier(v starlark.Value) ([]string, error) {
	if v == nil || v == starlark.None {
		return nil, nil
	}
	names, err := stringList(v)
	if err != nil {
		return nil, mistake("", "step: after: %v", err)
	}
	for _, n := range names {
		if u.step(n) == nil {
			return nil, u.noStep(n)
		}
	}
	return names, nil
}

func (u *unit) step(name string) *step {
	i := slices.IndexFunc(u.steps, func(s *step) bool { return s.name == name })
	if i < 0 {
		return nil
	}
	return u.steps[i]
}

func (u *unit) noStep(name string) error {
	var names []string
	for _, s := range u.steps {
		names = append(names, s.name)
	}
	hint := didYouMean(name, names)
	if hint == "" && len(names) > 0 {
		hint = "the steps above are " + strings.Join(names, ", ")
	}
	return mistake(hint, "no step %q is defined above", name)
}

// jobID is how a cluster names jobs.
var jobID = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^job-[1-9][0-9]*$`) })

// result is result(name), the records of an earlier step's flow that is not written, or result(job=), the lines that an earlier
// job of the cluster has put out.
func result(thread *starlark.Thread, fn *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	u, err := whileLoading(thread, "result")
	if err != nil {
		return nil, err
	}
	given, err := bindArguments("result", []string{"name", "job"}, args, kwargs)
	if err != nil {
		return nil, err
	}
	if given[1] != nil {
		id, ok := starlark.AsString(given[1])
		if given[0] != nil || !ok || !jobID().MatchString(id) {
			return nil, mistake("flowsh jobs lists them", "result(job = ...) needs the name of a job alone, such as \"job-3\"")
		}
		at := thread.CallFrame(1).Pos
		return &Flow{op: engine.Op{Kind: engine.OpJobResult, At: at.String(), Result: id}, at: at}, nil
	}
	name, ok := starlark.AsString(given[0])
	if given[0] == nil || !ok {
		return nil, mistake("", "result needs the name of a step")
	}
	s := u.step(name)
	switch {
	case s == nil:
		return nil, u.noStep(name)
	case s.plain() == nil:
		return nil, mistake("give the step the flow itself too: step(name, [flow, flow.write(...)])", "step %q has no result: all its flows are written", name)
	case s.result == nil:
		at := thread.CallFrame(1).Pos
		s.result = &Flow{op: engine.Op{Kind: engine.OpResult, At: at.String(), Result: name}, at: at}
	}
	return s.result, nil
}

// outputs reads the value of job, or of a step: a flow or a list of flows, of which at most one is not written.
func outputs(what string, v starlark.Value) ([]*Flow, error) {
	if f, ok := v.(*Flow); ok {
		return []*Flow{f}, f.uncut()
	}
	list, ok := v.(starlark.Indexable)
	if _, text := v.(starlark.String); !ok || text {
		return nil, mistake(outputHint(v), "%s must be a flow or a list of flows, not %s", what, v.Type())
	}
	if list.Len() == 0 {
		return nil, mistake("", "%s is an empty list: there is nothing to do", what)
	}
	var flows []*Flow
	for i := range list.Len() {
		f, ok := list.Index(i).(*Flow)
		if !ok {
			return nil, mistake(outputHint(list.Index(i)), "%s must be a list of flows, but holds %s", what, list.Index(i).Type())
		}
		if err := f.uncut(); err != nil {
			return nil, err
		}
		flows = append(flows, f)
	}
	return flows, onePlain(what, flows)
}

func onePlain(what string, flows []*Flow) error {
	var plain *Flow
	for _, f := range flows {
		if f.written() && f.op.Sink.Target != "-" {
			continue
		}
		if plain != nil {
			return mistake("end all but one of them by .write(...)", "%s has two flows for stdout: %s and %s", what, plain, f)
		}
		plain = f
	}
	return nil
}

func outputHint(v starlark.Value) string {
	switch v.(type) {
	case starlark.Callable:
		return "call it"
	case starlark.Iterable:
		return "from_enumerable(x) makes a flow of a list"
	case starlark.NoneType:
		return "a function without `return` gives None"
	}
	return ""
}

// makeLookup is lookup(flow, key, value=None, many=False): a side input that is a dict.
func makeLookup(thread *starlark.Thread, fn *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	u, err := whileLoading(thread, "lookup")
	if err != nil {
		return nil, err
	}
	given, err := bindArguments("lookup", lookupOperator.names(), args, kwargs)
	if err != nil {
		return nil, err
	}
	d := &draft{u: u, operator: lookupOperator, given: given, Flow: &Flow{at: thread.CallFrame(1).Pos, side: &lookup{dict: true}}}
	if err := d.fill(); err != nil {
		return nil, err
	}
	d.side.flow = d.in[0]
	for i := range d.funcs {
		if d.funcs[i].param == "key" {
			d.side.key = &d.funcs[i]
		} else {
			d.side.val = &d.funcs[i]
		}
	}
	return d.side, nil
}

var lookupOperator = &operator{name: "lookup", params: []param{
	lookupFlow(), required(record("key")), record("value"), flag("many", func(d *draft) *bool { return &d.side.many }),
}}

func lookupFlow() param {
	p := right()
	p.name = "flow"
	return p
}
