package builtins

import (
	"slices"
	"strconv"
	"strings"

	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// The names that the definition form gives a meaning. The list is closed: a new one would turn somebody's helper
// into a stage.
var (
	stageNames    = []string{"from_enumerable", "map", "flat_map", "filter", "reject", "map_values", "map_batch", "partition", "reduce", "scan", "uniq", "sort", "aggregate"}
	modifierNames = []string{"initial", "by", "merge", "emit", "on_trigger", "window", "trigger", "flush"}
	constantNames = []string{"on_error", "format"}
)

// stageParams are the parameters that stages fill, where that is not f.
var stageParams = map[string]string{"partition": "key", "uniq": "key", "sort": "key"}

// A stageName is a name of the definition form, such as map2: a word and the digits that tell it from others.
type stageName struct{ base, digits string }

// parseStage takes a stage's or modifier's name apart; ok is false for all other names.
func parseStage(name string) (s stageName, ok bool) {
	base := strings.TrimRight(name, "0123456789")
	s = stageName{base, name[len(base):]}
	return s, s.stage() || slices.Contains(modifierNames, base)
}

func (s stageName) stage() bool { return slices.Contains(stageNames, s.base) }

// folds says that the stage keeps a state, so that modifiers can belong to it.
func (s stageName) folds() bool { return s.base == "reduce" || s.base == "scan" }

func (s stageName) String() string { return s.base + s.digits }

func nextDigits(digits string) string {
	n, err := strconv.Atoi(digits)
	if err != nil || n < 1 {
		n = 1
	}
	return strconv.Itoa(n + 1)
}

// A stage is a global of the script that is a stage or a modifier.
type stage struct {
	stageName
	at    syntax.Position
	value starlark.Value
}

// defined is the flow of a script in the definition form: its stages in the order of the text.
func (u *unit) defined(s *script) (*Flow, error) {
	stages, modifiers := u.stages(s)
	if len(stages) == 0 {
		return nil, u.noJob(s)
	}
	if err := errorsOf(u.unused(s), strays(stages, modifiers)); err != nil {
		return nil, err
	}
	if err := u.constants(s); err != nil {
		return nil, err
	}
	flow, stages, err := u.begin(stages)
	for _, st := range stages {
		if err == nil {
			flow, err = u.stage(flow, st, modifiers)
		}
	}
	return flow, u.explain(err)
}

func errorsOf(lists ...LoadErrors) error { return slices.Concat(lists...).orNil() }

func (u *unit) stages(s *script) (stages, modifiers []stage) {
	for _, b := range s.bindings() {
		name, ok := parseStage(b.First.Name)
		v := u.globals[b.First.Name]
		switch {
		case !ok || v == nil:
		case name.stage():
			stages = append(stages, stage{name, b.First.NamePos, v})
		default:
			modifiers = append(modifiers, stage{name, b.First.NamePos, v})
		}
	}
	return stages, modifiers
}

func (u *unit) noJob(s *script) error {
	hint := "define map, filter, reduce ... or set job = lines().map(...)"
	for _, b := range s.bindings() {
		if n := nearest(b.First.Name, append(slices.Clone(stageNames), "job")); n != "" {
			return mistakeAt(b.First.NamePos, "did you mean "+n+"?", "no job: %s is no stage", b.First.Name)
		}
	}
	return &LoadError{Message: u.path + ": no job", Hint: hint}
}

// begin makes the flow that the stages work on: from_enumerable's, or the lines of the files on the command line.
func (u *unit) begin(stages []stage) (*Flow, []stage, error) {
	i := slices.IndexFunc(stages, func(s stage) bool { return s.base == "from_enumerable" })
	if i < 0 {
		o := findSource("lines")
		f, err := o.build(u, stages[0].at, nil, make([]starlark.Value, len(o.params)), nil)
		return f, stages, err
	}
	st := stages[i]
	if st.digits != "" {
		return nil, nil, mistakeAt(st.at, "return from_enumerables([a, b]) from from_enumerable", "a job has one source: %s", st)
	}
	v := st.value
	if fn, ok := v.(starlark.Callable); ok {
		if def := u.function(fn); def != nil && !def.returns {
			return nil, nil, mistakeAt(st.at, "add `return lines(...)`", "from_enumerable returns nothing")
		}
		var err error
		if v, err = u.call(fn); err != nil {
			return nil, nil, err
		}
	}
	f, err := u.enumerable(st.at.String(), v)
	if e, ok := err.(*LoadError); ok {
		e.Pos = st.at
	}
	return f, slices.Delete(slices.Clone(stages), i, i+1), err
}

// call runs a function of the script while it loads.
func (u *unit) call(fn starlark.Callable) (v starlark.Value, err error) {
	err = u.guard(func() error {
		v, err = starlark.Call(u.thread, fn, nil, nil)
		return err
	})
	return v, err
}

// stage adds one stage with its modifiers to the flow.
func (u *unit) stage(in *Flow, st stage, modifiers []stage) (*Flow, error) {
	if st.base == "aggregate" && st.value == starlark.None {
		st.base, st.value = "reject", onlyObserved
	}
	o := findOperator(st.base)
	param := "f"
	if p := stageParams[st.base]; p != "" {
		param = p
	}
	given := make([]starlark.Value, len(o.params))
	given[slices.Index(o.names(), param)] = st.value
	where := places{}
	for _, m := range modifiers {
		if !st.folds() || m.digits != st.digits {
			continue
		}
		var err error
		if in, err = u.modify(in, o, given, m); err != nil {
			return nil, err
		}
		where[m.base] = m.at
	}
	return o.build(u, st.at, in, given, where)
}

// onlyObserved drops the results of a job that has no aggregator: its interceptors have seen what came of each chunk.
var onlyObserved = starlark.NewBuiltin("aggregate", func(*starlark.Thread, *starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
	return starlark.True, nil
})

// modify gives a reduce or scan one of its parameters, or puts a window or trigger before it.
func (u *unit) modify(in *Flow, o *operator, given []starlark.Value, m stage) (*Flow, error) {
	switch m.base {
	case "window":
		return findOperator("window").build(u, m.at, in, []starlark.Value{m.value}, nil)
	case "trigger":
		values := []starlark.Value{m.value, nil, nil, nil, nil}
		if _, ok := m.value.(starlark.Callable); ok {
			values = []starlark.Value{nil, nil, m.value, nil, nil}
		}
		return findOperator("trigger").build(u, m.at, in, values, nil)
	}
	i := slices.Index(o.names(), m.base)
	if i < 0 {
		return nil, mistakeAt(m.at, "", "%s is nothing that %s has", m, o.name)
	}
	if def := u.function(m.value); def != nil && !def.returns {
		return nil, mistakeAt(m.at, "add `return <value>`", "%s returns nothing", m)
	}
	given[i] = m.value
	return in, nil
}

// strays are modifiers without a reduce or scan of the same digits, or with two of them.
func strays(stages, modifiers []stage) (errs LoadErrors) {
	for _, m := range modifiers {
		owners := 0
		for _, st := range stages {
			if st.folds() && st.digits == m.digits {
				owners++
			}
		}
		switch {
		case owners == 0:
			errs = append(errs, mistakeAt(m.at, "call a helper something else", "%s belongs to reduce%s or scan%s, which this script does not define", m, m.digits, m.digits))
		case owners > 1:
			errs = append(errs, mistakeAt(m.at, "tell them apart by digits: reduce2, "+m.base+"2", "%s belongs to both reduce%s and scan%s", m, m.digits, m.digits))
		}
	}
	return errs
}

// constants reads the globals on_error and format.
func (u *unit) constants(s *script) error {
	for _, name := range constantNames {
		v := u.globals[name]
		if v == nil {
			continue
		}
		i := slices.Index(optionNames, name)
		if err := optionSetters[i].set(&u.settings, v); err != nil {
			return mistakeAt(s.position(name), "", "%s: %v", name, err)
		}
	}
	u.settings.combine()
	return nil
}

// unused are the functions at the top level that are no stages and that nothing refers to: misspelt stages,
// as likely as not.
func (u *unit) unused(s *script) (errs LoadErrors) {
	for _, stmt := range s.tree.Stmts {
		id := functionName(stmt)
		if id == nil || meant(id.Name) || refers(s.tree, id) {
			continue
		}
		hint := didYouMean(id.Name, slices.Concat(stageNames, modifierNames))
		if hint == "" {
			hint = "remove it, or begin its name with _"
		}
		errs = append(errs, mistakeAt(id.NamePos, hint, "%s is no stage, and nothing uses it", id.Name))
	}
	return errs
}

// functionName is the name that a statement gives to a def or a lambda.
func functionName(stmt syntax.Stmt) *syntax.Ident {
	switch stmt := stmt.(type) {
	case *syntax.DefStmt:
		return stmt.Name
	case *syntax.AssignStmt:
		if _, ok := stmt.RHS.(*syntax.LambdaExpr); ok {
			id, _ := stmt.LHS.(*syntax.Ident)
			return id
		}
	}
	return nil
}

// meant says that a function need not be used by the script itself.
func meant(name string) bool {
	_, ok := parseStage(name)
	return ok || strings.HasPrefix(name, "_") || strings.HasPrefix(name, "on_") || strings.HasPrefix(name, "test_") ||
		slices.Contains(constantNames, name)
}

// refers says that anything but the function itself mentions it.
func refers(tree *syntax.File, id *syntax.Ident) bool {
	found := false
	syntax.Walk(tree, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.DefStmt:
			return n.Name != id && !found
		case *syntax.Ident:
			b, ok := n.Binding.(*resolve.Binding)
			found = found || ok && n != id && b.First == id
		}
		return !found
	})
	return found
}
