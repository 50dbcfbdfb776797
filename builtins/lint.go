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
	Rule     string `json:"rule"` // unused, no-input, frozen-global, float-sum, float-merge, nondeterministic
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
		l.addedFloats(op)
		l.clocked(op)
	}
	for _, function := range l.ofRecords() {
		l.changes(function)
		l.asksTheTime(function)
	}
	slices.SortFunc(l.findings, func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.Rule, b.Rule), strings.Compare(a.Position, b.Position), strings.Compare(a.Text, b.Text))
	})
	return slices.Compact(l.findings) // a function inside another may be met twice
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

// addedFloats finds reducers that add up floats: the sum depends on the order, so that parts of the input cannot be added
// up apart, and with merge= on the parts.
func (l *linter) addedFloats(op *engine.Op) {
	if op.Kind != engine.OpReduce {
		return
	}
	_, float := l.program.Values[engine.Ref{Op: op.ID, Param: "initial"}].(starlark.Float)
	at, adds, merges := "", false, false
	walk(l.param(op, "f"), func(n syntax.Node) {
		if x, y, pos := added(n); x != nil && !adds && (float || isFloat(x) || isFloat(y)) {
			at, adds = pos.String(), true
		}
	})
	walk(l.param(op, "merge"), func(n syntax.Node) {
		x, _, _ := added(n)
		merges = merges || x != nil
	})
	switch {
	case op.Funcs["merge"] != "":
		if !float && !(adds && merges) {
			return
		}
		l.find(op.At, "float-merge", "merge= adds up floats of parts, whose number depends on the input", "use .sum(...), which is exact, or leave merge= out")
	case adds:
		l.find(at, "float-sum", "floats are added up one after the other: the sum is rounded at each step, and parts of the input are not added up apart", "use .sum(...) or .mean(...), which are exact and use all cores")
	}
}

// param is the tree of a function of an operator; nil if it has none, or one that is not of the script.
func (l *linter) param(op *engine.Op, name string) syntax.Node {
	f := l.program.Funcs[engine.Ref{Op: op.ID, Param: name}]
	if f == nil {
		return nil
	}
	if fn, ok := f.Callable.(*starlark.Function); ok {
		return l.tree(fn)
	}
	return nil
}

// walk calls f for a function's tree, which may be nil, and all nodes in it.
func walk(function syntax.Node, f func(n syntax.Node)) {
	if function == nil {
		return
	}
	syntax.Walk(function, func(n syntax.Node) bool {
		if n != nil {
			f(n)
		}
		return true
	})
}

// added are the two sides of an addition, nil if the node is none.
func added(n syntax.Node) (x, y syntax.Expr, at syntax.Position) {
	switch n := n.(type) {
	case *syntax.BinaryExpr:
		if n.Op == syntax.PLUS {
			return n.X, n.Y, n.OpPos
		}
	case *syntax.AssignStmt:
		if n.Op == syntax.PLUS_EQ {
			return n.LHS, n.RHS, n.OpPos
		}
	}
	return nil, nil, at
}

// isFloat says that an expression is a float by its look: 0.5, float(x), or acc.get(key, 0.0).
func isFloat(e syntax.Expr) bool {
	switch e := e.(type) {
	case *syntax.ParenExpr:
		return isFloat(e.X)
	case *syntax.Literal:
		return e.Token == syntax.FLOAT
	case *syntax.CallExpr:
		switch fn := e.Fn.(type) {
		case *syntax.Ident:
			return fn.Name == "float"
		case *syntax.DotExpr:
			return (fn.Name.Name == "get" || fn.Name.Name == "setdefault") && len(e.Args) == 2 && isFloat(e.Args[1])
		}
	}
	return false
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

// ofRecords are the trees of the functions that run while records flow: those of operators, and what those use of the
// script.
func (l *linter) ofRecords() (trees []syntax.Node) {
	seen := map[syntax.Node]bool{}
	var reach func(tree syntax.Node)
	reach = func(tree syntax.Node) {
		if tree == nil || seen[tree] {
			return
		}
		seen[tree] = true
		trees = append(trees, tree)
		walk(tree, func(n syntax.Node) {
			if id, ok := n.(*syntax.Ident); ok {
				if used, ok := l.global(id).(*starlark.Function); ok {
					reach(l.tree(used))
				}
			}
		})
	}
	for i := range l.program.Graph.Ops {
		op := &l.program.Graph.Ops[i]
		for name := range op.Funcs {
			reach(l.param(op, name))
		}
	}
	return trees
}

// global is the value of a name of the script's top level, nil if it is none.
func (l *linter) global(id *syntax.Ident) starlark.Value {
	if b, ok := id.Binding.(*resolve.Binding); ok && b.Scope == resolve.Global {
		return l.globals[id.Name]
	}
	return nil
}

// changes finds what a function changes of the script's lists, dicts and sets, which are frozen while records flow.
func (l *linter) changes(function syntax.Node) {
	walk(function, func(n syntax.Node) {
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
		for {
			index, ok := changed.(*syntax.IndexExpr)
			if !ok {
				break
			}
			changed = index.X
		}
		id, ok := changed.(*syntax.Ident)
		if !ok {
			return
		}
		switch l.global(id).(type) {
		case *starlark.List, *starlark.Dict, *starlark.Set:
			l.find(id.NamePos.String(), "frozen-global", id.Name+" cannot change while records flow", "keep what records add up to in a reduce or a scan")
		}
	})
}

// asksTheTime finds calls of time.now.
func (l *linter) asksTheTime(function syntax.Node) {
	walk(function, func(n syntax.Node) {
		dot, ok := n.(*syntax.DotExpr)
		if !ok || dot.Name.Name != "now" {
			return
		}
		id, ok := dot.X.(*syntax.Ident)
		if !ok || id.Name != "time" {
			return
		}
		if b, ok := id.Binding.(*resolve.Binding); ok && (b.Scope == resolve.Predeclared || b.Scope == resolve.Universal) {
			l.find(id.NamePos.String(), "nondeterministic", "time.now() is when the job began: another run gives other results", "take the time as an argument where runs are to be the same")
		}
	})
}
