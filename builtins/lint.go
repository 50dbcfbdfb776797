package builtins

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/connector"
	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// A Finding is something in a script that loads, and that its author should look at.
type Finding struct {
	Position string `json:"position"`
	Rule     string `json:"rule"` // unused, no-input, frozen-global, float-merge, nondeterministic
	Text     string `json:"text"`
	Hint     string `json:"hint,omitempty"` // what to write instead
}

// Findings looks for mistakes that show neither when the script loads nor on every input. It looks for the input files,
// and reads none.
func (j *Job) Findings(ctx context.Context) []Finding {
	if j.Program == nil {
		return nil
	}
	l := &linter{unit: j.unit, script: j.script, program: j.Program}
	l.unusedFunctions()
	for i := range j.Program.Graph.Ops {
		op := &j.Program.Graph.Ops[i]
		l.missingInput(ctx, op)
		l.mergedFloats(op)
		l.clocked(op)
	}
	l.changedGlobals()
	slices.SortFunc(l.findings, func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.Rule, b.Rule), strings.Compare(a.Position, b.Position))
	})
	return l.findings
}

type linter struct {
	*unit
	script   *script
	program  *engine.Program
	findings []Finding
}

func (l *linter) find(at, rule, text, hint string) {
	l.findings = append(l.findings, Finding{at, rule, text, hint})
}

func (l *linter) unusedFunctions() {
	if l.script.tree == nil {
		return
	}
	for _, e := range l.unused(l.script) {
		l.find(e.Pos.String(), "unused", e.Message, e.Hint)
	}
}

func (l *linter) missingInput(ctx context.Context, op *engine.Op) {
	if op.Source == nil || op.Source.Format == "list" || slices.Contains(op.Source.Paths, "-") {
		return
	}
	source, err := connector.NewSource(*op.Source, l.options.Host)
	if err == nil {
		_, err = source.Splits(ctx)
	}
	if err != nil {
		l.find(op.At, "no-input", err.Error(), "")
	}
}

// mergedFloats finds merges of floats, which are not associative.
func (l *linter) mergedFloats(op *engine.Op) {
	_, float := l.program.Values[engine.Ref{Op: op.ID, Param: "initial"}].(starlark.Float)
	if float && op.Funcs["merge"] != "" {
		l.find(op.At, "float-merge", "merge= adds up floats of parts, whose number depends on the input", "use .sum(...), which is exact, or leave merge= out")
	}
}

func (l *linter) clocked(op *engine.Op) {
	if note := op.ClockNote(); note != "" {
		l.find(op.At, "nondeterministic", note, "windows by time = of the records give the same result every time")
	}
}

// changing are the methods that change their list, dict or set.
var changing = []string{
	"add", "append", "clear", "discard", "extend", "insert", "pop", "popitem", "remove", "setdefault", "update",
}

// changedGlobals finds functions of records that change what the script made while it loaded, which is frozen then.
func (l *linter) changedGlobals() {
	seen := map[syntax.Node]bool{}
	for _, op := range l.program.Graph.Ops {
		for param := range op.Funcs {
			f := l.program.Funcs[engine.Ref{Op: op.ID, Param: param}]
			if fn, ok := f.Callable.(*starlark.Function); ok {
				l.changes(l.tree(fn), seen)
			}
		}
	}
}

func (l *linter) changes(function syntax.Node, seen map[syntax.Node]bool) {
	if function == nil || seen[function] {
		return
	}
	seen[function] = true
	syntax.Walk(function, func(n syntax.Node) bool {
		var changed syntax.Expr
		switch n := n.(type) {
		case *syntax.CallExpr:
			if dot, ok := n.Fn.(*syntax.DotExpr); ok && slices.Contains(changing, dot.Name.Name) {
				changed = dot.X
			}
		case *syntax.AssignStmt:
			if index, ok := n.LHS.(*syntax.IndexExpr); ok {
				changed = index.X
			}
		}
		if id, ok := changed.(*syntax.Ident); ok && l.container(id) {
			l.find(id.NamePos.String(), "frozen-global", id.Name+" cannot change while records flow", "keep what records add up to in a reduce or a scan")
		}
		return true
	})
}

// container says that a name is a global that holds a list, dict or set.
func (l *linter) container(id *syntax.Ident) bool {
	b, ok := id.Binding.(*resolve.Binding)
	if !ok || b.Scope != resolve.Global {
		return false
	}
	switch l.globals[id.Name].(type) {
	case *starlark.List, *starlark.Dict, *starlark.Set:
		return true
	}
	return false
}
