package kernel

import (
	"slices"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

func containsText(text, what string) bool { return strings.Contains(text, what) }

// membership recognises key in state, key not in state and not key in state.
func (r *keyedReader) membership(e syntax.Expr) (key string, in, ok bool) {
	switch e := unparen(e).(type) {
	case *syntax.UnaryExpr:
		if e.Op == syntax.NOT {
			key, in, ok = r.membership(e.X)
			return key, !in, ok
		}
	case *syntax.BinaryExpr:
		if (e.Op == syntax.IN || e.Op == syntax.NOT_IN) && r.isState(e.Y) {
			r.free(e.X)
			return r.textOf(e.X), e.Op == syntax.IN, true
		}
	}
	return "", false, false
}

// keyStmt reads an if statement that asks whether the state has a key.
func (r *keyedReader) keyStmt(stmt *syntax.IfStmt, key string, in bool) {
	there, missing := stmt.True, stmt.False
	if !in {
		there, missing = missing, there
	}
	made := r.keyMade(missing)
	if made == nil || r.textOf(unparen(made.LHS).(*syntax.IndexExpr).Y) != key {
		refuseAt(stmt, "does more for a new key than to give it a value")
	}
	if len(there) == 0 {
		if other := r.startOf(made.RHS); other != "" {
			refuseAt(stmt, "keeps the first value of a key")
		}
		r.d.stores(key)
		r.ensured[key] = true
		return
	}
	r.shape(made.RHS)
	r.asking[key] = true
	r.stored = nil
	before := slices.Clone(r.vars)
	for _, s := range there {
		r.addition(s)
	}
	for i := range r.vars {
		if r.vars[i].stateful() && r.vars[i].kind != before[i].kind {
			r.vars[i] = shade{kind: stale}
		}
	}
	delete(r.asking, key)
	r.compareChanges(key, made.RHS)
	r.ensured[key] = true
}

// addition reads a statement that may only read a key of the state, or add to it.
func (r *keyedReader) addition(stmt syntax.Stmt) {
	a, ok := stmt.(*syntax.AssignStmt)
	if !ok {
		refuseAt(stmt, "does more for a key than to add to it")
	}
	if _, element := unparen(a.LHS).(*syntax.IndexExpr); !element {
		if x := r.expr(a.RHS); a.Op != syntax.EQ || !x.stateful() {
			refuseAt(stmt, "does more for a key than to add to it")
		}
	}
	r.statement(stmt, false)
}

// keyMade is the only statement of a block if that gives a key of the state a value.
func (r *keyedReader) keyMade(block []syntax.Stmt) *syntax.AssignStmt {
	if len(block) != 1 {
		return nil
	}
	a, ok := block[0].(*syntax.AssignStmt)
	if !ok || a.Op != syntax.EQ {
		return nil
	}
	if e, ok := unparen(a.LHS).(*syntax.IndexExpr); ok && r.isState(e.X) {
		return a
	}
	return nil
}

// compareChanges tests that a key which is missing gets what would be added to it if it were there.
func (r *keyedReader) compareChanges(key string, made syntax.Expr) {
	values := r.valuesOf(made)
	if len(values) != len(r.d.Parts) {
		refuse(r.line, "gives a new key another kind of value")
	}
	for i, v := range values {
		var added []string
		kind := PartKept
		for _, p := range r.stored {
			if p.key != key {
				refuse(r.line, "changes several keys at a time")
			}
			if p.index == i {
				added = append(added, p.added...)
				kind = p.part
			}
		}
		x := r.free(v)
		zero, constant := r.constantInt(v)
		switch {
		case kind == PartKept && constant && zero == 0:
		case len(added) == 1 && added[0] == r.textOf(v) && x.whole && !x.null && kind != PartKept:
		default:
			refuseAt(v, "gives a new key another value than what is added to old ones")
		}
	}
}

// valuesOf is the parts of a value in the text.
func (r *keyedReader) valuesOf(e syntax.Expr) []syntax.Expr {
	switch x := unparen(e).(type) {
	case *syntax.TupleExpr:
		return x.List
	case *syntax.ListExpr:
		return x.List
	}
	return []syntax.Expr{e}
}

// shape notes how the values of keys hold their parts.
func (r *keyedReader) shape(e syntax.Expr) {
	shape, n := Scalar, 1
	switch x := unparen(e).(type) {
	case *syntax.TupleExpr:
		shape, n = TupleOf, len(x.List)
	case *syntax.ListExpr:
		shape, n = ListOf, len(x.List)
	}
	r.shaped(shape, n)
}

func (r *keyedReader) shaped(shape Shape, n int) {
	d := r.d
	switch {
	case n == 0 || n > maxParts:
		refuse(r.line, "keeps values that are no ints")
	case d.Parts == nil:
		d.Shape, d.Parts = shape, make([]Part, n)
	case d.Shape != shape || len(d.Parts) != n:
		refuse(r.line, "keeps values of several kinds")
	}
}

// startOf reads what stands for the value of a key that is missing. other is its text if it is not constant.
func (r *keyedReader) startOf(e syntax.Expr) (other string) {
	if t, ok := r.constant(e).(starlark.Tuple); ok {
		r.shaped(TupleOf, len(t))
		for i, v := range t {
			r.startsAt(i, v)
		}
		return ""
	}
	r.shape(e)
	values := r.valuesOf(e)
	for i, v := range values {
		if n := r.constantNumber(v); n != nil {
			r.startsAt(i, n)
			continue
		}
		if x := r.free(v); r.d.Shape != Scalar || !x.whole || x.null {
			refuseAt(v, "keeps values that are not known to be ints")
		}
		other = r.textOf(v)
	}
	return other
}

// startsAt notes a constant that stands for a part of a missing key.
func (r *keyedReader) startsAt(i int, n starlark.Value) {
	d := r.d
	if !d.startsWith(n) {
		refuse(r.line, "keeps values that are no ints")
	}
	if old := d.starts[i]; old != nil && !identical(old, n) {
		refuse(r.line, "starts keys with several values")
	}
	d.starts[i] = n
}

// orDefault recognises state.get(key) or 0.
func (r *keyedReader) orDefault(e *syntax.BinaryExpr) (shade, bool) {
	call, ok := unparen(e.X).(*syntax.CallExpr)
	if e.Op != syntax.OR || !ok || len(call.Args) != 1 || !positionalArgs(call.Args) {
		return shade{}, false
	}
	dot, ok := unparen(call.Fn).(*syntax.DotExpr)
	if !ok || dot.Name.Name != "get" || !r.isState(dot.X) {
		return shade{}, false
	}
	if r.constantNumber(e.Y) == nil {
		refuseAt(e, "starts keys with what is not 0")
	}
	r.free(call.Args[0])
	r.startOf(e.Y)
	return shade{kind: entry, key: r.textOf(call.Args[0])}, true
}

// stateMethod reads a call of a method of the state.
func (r *keyedReader) stateMethod(name string, e *syntax.CallExpr) shade {
	if !positionalArgs(e.Args) || len(e.Args) == 0 {
		refuseAt(e, "uses %s.%s", r.stateName, name)
	}
	r.free(e.Args[0])
	key := r.textOf(e.Args[0])
	switch {
	case name == "get" && len(e.Args) == 2:
		x := shade{kind: entry, key: key, other: r.startOf(e.Args[1])}
		x.loose = r.d.Shape == ListOf && !r.ensured[key]
		return x
	case name == "get" && len(e.Args) == 1 && (r.ensured[key] || r.asking[key]):
		return shade{kind: entry, key: key}
	case name == "setdefault" && len(e.Args) == 2:
		if r.startOf(e.Args[1]) != "" {
			refuseAt(e, "keeps the first value of a key")
		}
		r.d.stores(key)
		r.ensured[key] = true
		return shade{kind: entry, key: key}
	}
	refuseAt(e, "uses %s.%s", r.stateName, name)
	return shade{}
}

// eitherKey reads a conditional expression that asks whether the state has a key.
func (r *keyedReader) eitherKey(key string, there, missing syntax.Expr) shade {
	r.shape(missing)
	r.asking[key] = true
	x := r.expr(there)
	delete(r.asking, key)
	if x.kind == entry && x.key == key {
		x.other = r.startOf(missing)
		return x
	}
	if !x.stateful() {
		refuseAt(there, "replaces a key of %s", r.stateName)
	}
	r.stored = r.partsOf(x)
	r.compareChanges(key, missing)
	return x
}

// makesKey is the text of the key that a statement makes if it is missing, and does nothing else; "" for others.
func (r *keyedReader) makesKey(stmt syntax.Stmt) string {
	switch stmt := stmt.(type) {
	case *syntax.IfStmt:
		if len(stmt.False) > 0 || r.keyMade(stmt.True) == nil {
			return ""
		}
		if key, in, ok := r.membership(stmt.Cond); ok && !in {
			return key
		}
	case *syntax.ExprStmt:
		call, ok := unparen(stmt.X).(*syntax.CallExpr)
		if !ok || len(call.Args) != 2 {
			return ""
		}
		if dot, ok := unparen(call.Fn).(*syntax.DotExpr); ok && dot.Name.Name == "setdefault" && r.isState(dot.X) {
			return r.textOf(call.Args[0])
		}
	}
	return ""
}

// changesKey is the text of the key whose value a statement changes; "" for others.
func (r *keyedReader) changesKey(stmt syntax.Stmt) string {
	a, ok := stmt.(*syntax.AssignStmt)
	if !ok {
		return ""
	}
	e, ok := unparen(a.LHS).(*syntax.IndexExpr)
	if !ok {
		return ""
	}
	if inner, ok := unparen(e.X).(*syntax.IndexExpr); ok {
		e = inner
	}
	if !r.isState(e.X) {
		return ""
	}
	return r.textOf(e.Y)
}
