package builtins

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// A Session is a script that is typed in parts. Each part is run behind all parts before it, from the beginning: what is
// typed means what it would mean in a file, and may be saved as one. Only what flows gave to collect() is remembered
// and not computed again. A part that fails is not kept. A Session is used by one goroutine at a time.
type Session struct {
	options SessionOptions
	parts   []sessionPart
	names   starlark.StringDict // that the parts define
	secrets []string
}

// SessionOptions are what a session needs to know.
type SessionOptions struct {
	Options
	// Run runs what a part asks for.
	Run func(ctx context.Context, c *Call) error
	// Collected is how many bytes of records may be collected; 0: any number.
	Collected int64
}

// A sessionPart is a part with what its calls gave, in their order.
type sessionPart struct {
	text  string
	given []starlark.Value
}

// The methods of flows that run them.
const (
	CallCollect = "collect" // gives a list of the records
	CallShow    = "show"    // prints the first records, aligned
	CallRun     = "run"     // writes what the flow, as a job, would write
	CallExplain = "explain" // prints the plan
	CallLook    = "look"    // is what a flow that stands alone means: its first records are printed
)

// A Call is a method of a flow that runs it.
type Call struct {
	*Job           // whose only output is the flow
	Method  string // CallCollect, ...
	Most    int    // records that are shown; one more than that may come, to tell that there are more
	Receive func(*chunk.Column) error

	evaluation *evaluation
}

// An evaluation is one run of a session's text.
type evaluation struct {
	*Session
	ctx   context.Context
	parts []sessionPart
	begin []int32 // line of each part's first line
	calls []int   // how many each part has made so far
	main  *unit
}

// sessionPath is what positions call the text of a session.
const sessionPath = "<prompt>"

// NewSession begins a session without parts.
func NewSession(o SessionOptions) *Session { return &Session{options: o} }

// Text is everything that was typed and did not fail, as a script.
func (s *Session) Text() string { return joined(s.parts) }

// Names lists what the session's parts define, in order.
func (s *Session) Names() []string { return s.names.Keys() }

// Lookup is the value of a name that the parts define; nil if there is none.
func (s *Session) Lookup(name string) starlark.Value { return s.names[name] }

// Secrets are values of secret arguments, also of parts that failed or were forgotten, to be masked wherever text goes out.
func (s *Session) Secrets() []string { return s.secrets }

func (s *Session) learn(secrets []string) {
	for _, secret := range secrets {
		if !slices.Contains(s.secrets, secret) {
			s.secrets = append(s.secrets, secret)
		}
	}
}

// Lines is the number of lines that were typed.
func (s *Session) Lines() int { return strings.Count(s.Text(), "\n") }

// Reset forgets everything.
func (s *Session) Reset() { s.parts, s.names = nil, nil }

func joined(parts []sessionPart) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString(p.text)
		if !strings.HasSuffix(p.text, "\n") {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// Job is the job that the text as a whole makes.
func (s *Session) Job(ctx context.Context) (*Job, error) {
	e := &evaluation{Session: s, ctx: ctx, parts: s.parts}
	u, script, err := e.run()
	if err != nil {
		return nil, err
	}
	job := &Job{Doc: script.doc(), path: sessionPath, unit: u, script: script}
	if err := u.complete(job, script); err != nil {
		return nil, u.masked(err)
	}
	job.Args, job.Settings, job.Secrets = u.args, u.settings, u.secrets
	return job, nil
}

// Eval runs a part. What it gives is the value of the expression that the part ends with, as text; "" if it does not
// end with one, or its value is None. A flow is looked at. ctx ends it; the error is its cause then, a *LoadError or
// what Run gave otherwise.
func (s *Session) Eval(ctx context.Context, text string) (string, error) {
	e := &evaluation{Session: s, ctx: ctx, parts: append(slices.Clone(s.parts), sessionPart{text: text})}
	u, script, err := e.run()
	s.learn(e.main.secrets)
	if err != nil {
		return "", err
	}
	var shown string
	if v := u.globals[lastValue]; e.endsWithValue(script) && v != starlark.None {
		if shown, err = e.look(v); err != nil {
			return "", err
		}
	}
	s.parts, s.names = e.parts, u.globals
	return shown, nil
}

// lastValue is the name of the last value that was shown.
const lastValue = "_"

// unit is the whole text as one file.
func (e *evaluation) unit() *unit {
	line := int32(1)
	for _, p := range e.parts {
		e.begin = append(e.begin, line)
		line += int32(strings.Count(strings.TrimSuffix(p.text, "\n"), "\n")) + 1
	}
	e.calls = make([]int, len(e.parts))
	l := newLoader(sessionPath, e.options.Options)
	l.session = e
	l.predeclared["help"] = starlark.NewBuiltin("help", help)
	e.main = l.newUnit(sessionPath, true)
	return e.main
}

// run runs all parts.
func (e *evaluation) run() (*unit, *script, error) {
	u := e.unit()
	script, err := u.parse([]byte(joined(e.parts)))
	if err != nil {
		return nil, nil, err
	}
	defer context.AfterFunc(e.ctx, func() { u.thread.Cancel("interrupted") })()
	return u, script, e.explained(u.within(func() error { return u.execute(script) }))
}

// explained is what Eval returns for an error of running.
func (e *evaluation) explained(err error) error {
	var ran *callError
	switch cause := context.Cause(e.ctx); {
	case err == nil:
		return nil
	case cause != nil:
		return cause
	case errors.As(err, &ran):
		return ran.error
	}
	return e.main.masked(err)
}

// nameValues gives the value of each part that ends with an expression a name.
func (e *evaluation) nameValues(tree *syntax.File) {
	for i, stmt := range tree.Stmts {
		x, ok := stmt.(*syntax.ExprStmt)
		if !ok {
			continue
		}
		start, _ := stmt.Span()
		if i+1 < len(tree.Stmts) {
			if next, _ := tree.Stmts[i+1].Span(); e.part(next.Line) == e.part(start.Line) {
				continue
			}
		}
		tree.Stmts[i] = &syntax.AssignStmt{OpPos: start, Op: syntax.EQ, LHS: &syntax.Ident{NamePos: start, Name: lastValue}, RHS: x.X}
	}
}

// endsWithValue says that the last part ends with an expression.
func (e *evaluation) endsWithValue(s *script) bool {
	if len(s.tree.Stmts) == 0 {
		return false
	}
	last, ok := s.tree.Stmts[len(s.tree.Stmts)-1].(*syntax.AssignStmt)
	if !ok || e.part(last.OpPos.Line) != len(e.parts)-1 {
		return false
	}
	name, ok := last.LHS.(*syntax.Ident)
	return ok && name.Name == lastValue && name.NamePos == last.OpPos
}

// part is the number of the part in which a line stands.
func (e *evaluation) part(line int32) int {
	i, found := slices.BinarySearch(e.begin, line)
	if !found {
		i--
	}
	return i
}

// at is the number of the part that is running.
func (e *evaluation) at() int {
	t := e.main.thread
	return e.part(t.CallFrame(t.CallStackDepth() - 1).Pos.Line)
}

// again says that what is running was run before: what it prints was seen.
func (e *evaluation) again() bool { return e.at() < len(e.parts)-1 }

// look is how a value is shown.
func (e *evaluation) look(v starlark.Value) (string, error) {
	f, ok := v.(*Flow)
	if !ok {
		return v.String(), nil
	}
	if f.written() || !f.cut.empty() {
		return f.String(), nil
	}
	most := 20
	if f.op.Kind == engine.OpTake && !f.has("by") {
		most = int(min(f.op.N, 1000))
	}
	var b strings.Builder
	err := e.main.guard(func() error {
		return e.first(f, CallLook, most, func(i int, record starlark.Value) {
			if i == most {
				b.WriteString("...\n")
			} else {
				b.WriteString(record.String() + "\n")
			}
		})
	})
	return strings.TrimSuffix(b.String(), "\n"), e.explained(err)
}

// first gives the first records of a flow, and one more if there are more, to see.
func (e *evaluation) first(f *Flow, method string, most int, see func(i int, record starlark.Value)) error {
	taken, err := findOperator("take").build(e.main, f.at, f, []starlark.Value{starlark.MakeInt(most + 1), nil}, nil)
	if err != nil {
		return err
	}
	i := 0
	return e.do(taken, &Call{Method: method, Most: most, Receive: func(c *chunk.Column) error {
		for n := range c.N {
			see(i, c.At(n))
			i++
		}
		return nil
	}})
}

// A callError is what became of a flow that was run. It is no error of the script's text.
type callError struct{ error }

func (e *callError) Unwrap() error { return e.error }

// do runs a flow.
func (e *evaluation) do(f *Flow, c *Call) error {
	flows, err := outputs(c.Method, f)
	if err != nil {
		return err
	}
	steps := []*step{{flows: flows, at: f.at}}
	if f.reads(engine.OpResult) {
		steps = slices.Concat(e.main.steps, steps)
		steps[len(steps)-1].name = c.Method
	}
	if c.Method != CallLook { // the text goes on to run: what functions see must not change any more
		e.main.thread.DebugFrame(e.main.thread.CallStackDepth() - 1).Callable().(*starlark.Function).Globals().Freeze()
	}
	program, err := e.main.graph(steps)
	if err != nil {
		return err
	}
	c.Job = &Job{Program: program, Form: Pipeline, Settings: e.main.settings, Secrets: e.main.secrets}
	c.evaluation = e
	if err := e.options.Run(e.ctx, c); err != nil {
		return &callError{err}
	}
	return nil
}

// reads says that a flow is of a kind, or reads one of it.
func (f *Flow) reads(kind engine.OpKind) bool {
	if f.op.Kind == kind || f.side != nil && f.side.flow.reads(kind) {
		return true
	}
	return slices.ContainsFunc(f.in, func(in *Flow) bool { return in.reads(kind) })
}

// sessionMethods are methods of flows that run them. They exist only in a session.
var sessionMethods = map[string]function{
	CallCollect: inSession(nil, (*evaluation).collect),
	CallShow:    inSession([]string{"n"}, (*evaluation).show),
	CallRun:     inSession(nil, (*evaluation).runFlow),
	CallExplain: inSession(nil, (*evaluation).explainFlow),
}

type sessionMethod func(e *evaluation, f *Flow, given []starlark.Value) (starlark.Value, error)

// inSession is a method whose value is remembered when the text is run again.
func inSession(params []string, do sessionMethod) function {
	return func(thread *starlark.Thread, fn *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		u, err := whileLoading(thread, fn.Name())
		if err != nil {
			return nil, err
		}
		if u.session == nil {
			return nil, unknownMethod(fn.Name())
		}
		given, err := bindArguments(fn.Name(), params, args, kwargs)
		if err != nil {
			return nil, err
		}
		e := u.session
		part := e.at()
		n := e.calls[part]
		e.calls[part]++
		if n < len(e.parts[part].given) {
			return again(e.parts[part].given[n]), nil
		}
		v, err := do(e, fn.Receiver().(*Flow), given)
		if err == nil {
			e.parts[part].given = append(slices.Clip(e.parts[part].given), v)
			v = again(v)
		}
		return v, err
	}
}

// again is a value that may be changed, without changing what is remembered.
func again(v starlark.Value) starlark.Value {
	if list, ok := v.(*starlark.List); ok {
		return starlark.NewList(slices.Collect(list.Elements()))
	}
	return v
}

// listSlot is what a list takes for an element, in bytes.
const listSlot = 16

func (e *evaluation) collect(f *Flow, _ []starlark.Value) (starlark.Value, error) {
	list := starlark.NewList(nil)
	var size int64
	err := e.do(f, &Call{Method: CallCollect, Receive: func(c *chunk.Column) error {
		for i := range c.N {
			record := c.At(i)
			record.Freeze()
			if size += listSlot + value.Size(record); e.options.Collected > 0 && size > e.options.Collected {
				return mistake("look at some by .show(), or put them into a file by .write(...).run()",
					"collect: more than %d MiB of records: they do not fit into memory", e.options.Collected>>20)
			}
			_ = list.Append(record) // it is not frozen
		}
		return nil
	}})
	return list, err
}

func (e *evaluation) show(f *Flow, given []starlark.Value) (starlark.Value, error) {
	most := 20
	if given[0] != nil {
		if err := starlark.AsInt(given[0], &most); err != nil || most < 1 || most > 10_000 {
			return nil, mistake("show(20)", "show: want a number of records from 1 to 10000, not %s", given[0])
		}
	}
	var t recordTable
	more := false
	err := e.first(f, CallShow, most, func(i int, record starlark.Value) {
		if i < most {
			t.add(record)
		} else {
			more = true
		}
	})
	if err != nil {
		return nil, err
	}
	text := t.String()
	if more {
		text += "...\n"
	}
	e.options.Host.Send(engine.Printed{Text: NewMask(e.main.secrets).Text(strings.TrimSuffix(text, "\n"))})
	return starlark.None, nil
}

func (e *evaluation) runFlow(f *Flow, _ []starlark.Value) (starlark.Value, error) {
	return starlark.None, e.do(f, &Call{Method: CallRun})
}

func (e *evaluation) explainFlow(f *Flow, _ []starlark.Value) (starlark.Value, error) {
	return starlark.None, e.do(f, &Call{Method: CallExplain})
}

// help is help(x = None): the reference of a name, or a function's own words.
func help(thread *starlark.Thread, fn *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	u, err := whileLoading(thread, fn.Name())
	if err != nil {
		return nil, err
	}
	given, err := bindArguments("help", []string{"x"}, args, kwargs)
	if err != nil || u.session.again() {
		return starlark.None, err
	}
	text, err := helpOn(given[0])
	if err == nil {
		u.options.Host.Send(engine.Printed{Text: strings.TrimSpace(text)})
	}
	return starlark.None, err
}

func helpOn(v starlark.Value) (string, error) {
	name := ""
	switch v := v.(type) {
	case nil:
		return "help(lines), help(\"flow.map\") or help(\"re.find\") explains a word of the language; :help lists the commands", nil
	case starlark.String:
		name = string(v)
	case *starlark.Function:
		return fmt.Sprintf("def %s, at %s\n%s", v.Name(), v.Position(), v.Doc()), nil
	case *starlark.Builtin:
		name = v.Name()
	case *Flow:
		return "a flow: " + v.String() + "\nits operators: " + strings.Join(slices.Sorted(slices.Values(append(v.AttrNames(), sessionMethodNames...))), ", "), nil
	default:
		name = v.Type()
		if m, ok := v.(starlark.HasAttrs); ok && name == "module" {
			return v.String() + ": " + strings.Join(m.AttrNames(), ", "), nil
		}
	}
	if text, ok := Reference(name); ok {
		return text, nil
	}
	var names []string
	for _, n := range Names() {
		names = append(names, n, n[strings.LastIndexByte(n, '.')+1:])
	}
	return "", mistake(didYouMean(name, names), "help: nothing is called %s", name)
}

var sessionMethodNames = []string{CallCollect, CallExplain, CallRun, CallShow}

// Predeclared lists the names that every script finds, in order.
func Predeclared() []string {
	return predeclared(&Env{}).Keys()
}

// Members lists what may stand behind a name and a dot: attributes of what a session has defined or every script finds,
// and otherwise the operators of flows.
func Members(name string, s *Session) []string {
	v := s.names[name]
	if v == nil {
		v = predeclared(&Env{})[name]
	}
	if m, ok := v.(starlark.HasAttrs); ok {
		if _, flow := v.(*Flow); !flow {
			return m.AttrNames()
		}
	}
	return slices.Sorted(slices.Values(append(slices.Clone(flowMethodNames), sessionMethodNames...)))
}
