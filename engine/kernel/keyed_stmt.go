package kernel

import (
	"maps"
	"slices"

	"go.starlark.net/resolve"
	"go.starlark.net/syntax"
)

// block reads statements. ends reports that control never comes out at their end.
func (r *keyedReader) block(stmts []syntax.Stmt) (ends bool) {
	for i, stmt := range stmts {
		r.dirty = false
		made := r.makesKey(stmt)
		if r.statement(stmt, i == 0) {
			return true
		}
		if made != "" && i+1 < len(stmts) && r.changesKey(stmts[i+1]) == made {
			r.d.merged[stmt] = true
		}
		if r.dirty {
			r.forget(nil)
		}
	}
	return false
}

func (r *keyedReader) statement(stmt syntax.Stmt, first bool) (ends bool) {
	r.line = lineOf(stmt)
	switch stmt := stmt.(type) {
	case *syntax.ExprStmt:
		if _, doc := stmt.X.(*syntax.Literal); doc && first {
			return false
		}
		r.evaluated(stmt.X)
	case *syntax.AssignStmt:
		r.assignment(stmt)
	case *syntax.ReturnStmt:
		r.returns(stmt)
		return true
	case *syntax.IfStmt:
		return r.ifStmt(stmt)
	case *syntax.ForStmt:
		r.forStmt(stmt)
	case *syntax.BranchStmt:
		return stmt.Token != syntax.PASS
	default:
		refuseAt(stmt, "has a statement that may do anything")
	}
	return false
}

// evaluated reads an expression that stands for itself.
func (r *keyedReader) evaluated(e syntax.Expr) {
	if r.stateCall(e, true) {
		return
	}
	if x := r.expr(e); x.stateful() && x.kind != entry {
		refuseAt(e, "does nothing with %s", r.stateName)
	}
}

func (r *keyedReader) returns(stmt *syntax.ReturnStmt) {
	switch {
	case r.effect && (stmt.Result == nil || isNone(stmt.Result)), r.stateCall(stmt.Result, false):
		return
	case r.d != nil && r.d.Keyed && stmt.Result != nil && !r.isState(stmt.Result):
		refuseAt(stmt, "returns something else than %s", r.stateName)
	}
	var x shade
	switch {
	case r.d == nil && stmt.Result == nil:
		x = anything
	case stmt.Result == nil:
		refuseAt(stmt, "returns None")
	default:
		x = r.expr(stmt.Result)
	}
	switch {
	case r.d == nil:
		r.result = joinFree(r.result, x)
	case !r.d.Keyed && !x.stateful():
		refuseAt(stmt, "returns something else than %s", r.stateName)
	case !r.d.Keyed:
		r.keep(x)
	}
}

// keep notes how the parts of what becomes the state were changed.
func (r *keyedReader) keep(x shade) {
	for i, p := range r.partsOf(x) {
		if p.index != i {
			refuse(r.line, "moves a number of %s", r.stateName)
		}
		if p.other != "" {
			refuse(r.line, "keeps the first of several values")
		}
		r.d.Parts[i].Kind = r.joinKind(r.d.Parts[i].Kind, p.part)
	}
}

// forget drops what was read of keys, and of the state, before something that it may depend on changed: a variable,
// or if id is nil anything.
func (r *keyedReader) forget(id *syntax.Ident) {
	for key := range r.ensured {
		if id == nil && !plainKey(key) || id != nil && mentions(key, id) {
			delete(r.ensured, key)
		}
	}
	for i := range r.vars {
		x := &r.vars[i]
		if (x.kind == entry || x.kind == part || x.kind == allParts) && x.key != "" && (id == nil && !plainKey(x.key) || id != nil && mentions(x.key, id)) {
			*x = shade{kind: stale}
		}
	}
}

// plainKey says that the text of a key is that of a variable, a constant or a tuple of such.
func plainKey(text string) bool {
	for _, what := range []string{"([", "([:", "(.", "(call", " at "} {
		if containsText(text, what) {
			return false
		}
	}
	return true
}

// changed makes values stale that were read of a state that has changed since.
func (r *keyedReader) changed() {
	for i := range r.vars {
		x := &r.vars[i]
		switch {
		case x.kind == part || x.kind == allParts, x.kind == entry && r.d.Keyed && r.d.Shape != ListOf:
			*x = shade{kind: stale}
		}
	}
}

func (r *keyedReader) assignment(stmt *syntax.AssignStmt) {
	if e, ok := unparen(stmt.LHS).(*syntax.IndexExpr); ok {
		r.assignElement(stmt, e)
		return
	}
	if stmt.Op == syntax.EQ {
		if r.isState(stmt.LHS) && r.stateCall(stmt.RHS, false) {
			return
		}
		r.assign(stmt.LHS, r.value(stmt.RHS).variable())
		return
	}
	id, ok := unparen(stmt.LHS).(*syntax.Ident)
	if !ok {
		refuseAt(stmt, "assigns to an attribute")
	}
	x := r.name(id)
	if x.stateful() {
		if x.kind == dictState || r.d.Shape != Scalar {
			refuseAt(stmt, "uses %s otherwise than by adding to its numbers", r.stateName)
		}
		r.assign(id, r.augmented(stmt, x))
		return
	}
	y := r.free(stmt.RHS)
	r.assign(id, shade{kind: free, whole: x.whole && y.whole && stmt.Op != syntax.SLASH_EQ})
}

// value reads what is assigned to a variable: all but the dict itself.
func (r *keyedReader) value(e syntax.Expr) shade {
	x := r.expr(e)
	if x.kind == dictState {
		refuseAt(e, "gives %s another name", r.stateName)
	}
	return x
}

// augmented is a part after += or -=.
func (r *keyedReader) augmented(stmt *syntax.AssignStmt, x shade) shade {
	y := r.free(stmt.RHS)
	switch stmt.Op {
	case syntax.PLUS_EQ:
		return r.add(x, y, syntax.PLUS, stmt.RHS)
	case syntax.MINUS_EQ:
		return r.add(x, y, syntax.MINUS, stmt.RHS)
	}
	refuseAt(stmt, "changes %s with %s", r.stateName, stmt.Op)
	return x
}

// assign lets a target be a value.
func (r *keyedReader) assign(target syntax.Expr, x shade) {
	switch t := unparen(target).(type) {
	case *syntax.Ident:
		b, ok := t.Binding.(*resolve.Binding)
		if !ok || b.Scope != resolve.Local && b.Scope != resolve.Cell {
			refuseAt(t, "assigns to %s, which is not its own", t.Name)
		}
		if r.vars[b.Index].kind == dictState {
			refuseAt(t, "gives %s another value", t.Name)
		}
		r.forget(t)
		r.vars[b.Index] = x
	case *syntax.TupleExpr:
		r.unpack(t.List, x)
	case *syntax.ListExpr:
		r.unpack(t.List, x)
	default:
		if x.stateful() {
			refuseAt(target, "keeps a value of %s", r.stateName)
		}
		if e, ok := t.(*syntax.IndexExpr); ok {
			if r.isState(e.X) {
				refuseAt(target, "replaces a key of %s", r.stateName)
			}
			r.free(e.X)
			r.free(e.Y)
			r.dirty = true
			return
		}
		refuseAt(target, "assigns to an attribute")
	}
}

func (r *keyedReader) unpack(targets []syntax.Expr, x shade) {
	var elems []shade
	switch {
	case x.stateful():
		if elems = r.partsOf(x); r.d.Shape == Scalar || len(elems) != len(targets) {
			refuse(r.line, "takes %s apart", r.stateName)
		}
	default:
		for i := range targets {
			elems = append(elems, x.element(i))
		}
	}
	for i, t := range targets {
		r.assign(t, elems[i])
	}
}

// assignElement reads x[y] = z and its like.
func (r *keyedReader) assignElement(stmt *syntax.AssignStmt, e *syntax.IndexExpr) {
	if r.isState(e.X) {
		r.assignKey(stmt, e)
		return
	}
	x := r.expr(e.X)
	if !x.stateful() {
		r.free(e.Y)
		if y := r.expr(stmt.RHS); y.stateful() {
			refuseAt(stmt, "keeps a value of %s", r.stateName)
		}
		r.dirty = true
		return
	}
	if x.kind != entry || r.d.Shape != ListOf || x.loose {
		r.partsOf(x)
		refuseAt(stmt, "changes an element of something else than %s", r.stateName)
	}
	if inner, ok := unparen(e.X).(*syntax.IndexExpr); ok {
		r.d.keyExpr = inner.Y
	}
	old := r.index(e)
	next := old
	if stmt.Op == syntax.EQ {
		next = r.expr(stmt.RHS)
		if !next.stateful() {
			refuseAt(stmt, "replaces a number of %s", r.stateName)
		}
		if next = r.partOf(next); next.index != old.index || next.key != old.key {
			refuseAt(stmt, "moves a number of %s", r.stateName)
		}
	} else {
		next = r.augmented(stmt, old)
	}
	r.keepPart(next, stmt)
}

// keepPart notes a change of one part.
func (r *keyedReader) keepPart(p shade, stmt syntax.Stmt) {
	if p.other != "" {
		refuseAt(stmt, "keeps the first of several values")
	}
	if r.dirty && !plainKey(p.key) {
		refuseAt(stmt, "calls a function that may change the key")
	}
	r.d.Parts[p.index].Kind = r.joinKind(r.d.Parts[p.index].Kind, p.part)
	r.stored = append(r.stored, p)
	if p.part != PartKept {
		r.d.Parts[p.index].changes++
	}
	if r.d.stores(p.key); r.d.several {
		r.several = true
	}
	if r.several && r.d.Ordered {
		refuseAt(stmt, "adds what is not known to be an int, several times")
	}
	r.changed()
}

// assignKey reads state[key] = value and its like.
func (r *keyedReader) assignKey(stmt *syntax.AssignStmt, e *syntax.IndexExpr) {
	var x shade
	if stmt.Op == syntax.EQ {
		x = r.expr(stmt.RHS)
		r.free(e.Y)
		if !x.stateful() {
			refuseAt(stmt, "replaces a key of %s", r.stateName)
		}
	} else {
		x = r.augmented(stmt, r.index(e))
	}
	r.d.keyExpr = e.Y
	all := r.partsOf(x)
	if key := r.textOf(e.Y); all[0].key != key {
		refuseAt(stmt, "moves a value from one key of %s to another", r.stateName)
	}
	for i, p := range all {
		if p.index != i {
			refuseAt(stmt, "moves a number of %s", r.stateName)
		}
		r.keepPart(p, stmt)
	}
}

func (r *keyedReader) ifStmt(stmt *syntax.IfStmt) (ends bool) {
	if key, in, ok := r.membership(stmt.Cond); ok {
		r.keyStmt(stmt, key, in)
		return false
	}
	r.free(stmt.Cond)
	before, ensured := slices.Clone(r.vars), maps.Clone(r.ensured)
	yesEnds := r.block(stmt.True)
	after := r.vars
	r.vars, r.ensured = before, ensured
	noEnds := r.block(stmt.False)
	r.ensured = inBoth(r.ensured, ensured)
	switch {
	case yesEnds && noEnds:
		return true
	case yesEnds:
	case noEnds && stmt.False != nil:
		r.vars = after
	default:
		r.joinVars(after)
	}
	return false
}

// inBoth is the keys that are in both sets.
func inBoth(a, b map[string]bool) map[string]bool {
	maps.DeleteFunc(a, func(key string, _ bool) bool { return !b[key] })
	return a
}

func (r *keyedReader) joinVars(other []shade) {
	for i := range r.vars {
		a, b := r.vars[i], other[i]
		if a.kind != unset && b.kind != unset && a.kind != stale && b.kind != stale && a.stateful() != b.stateful() {
			r.vars[i] = shade{kind: stale}
			continue
		}
		r.vars[i] = r.join(a, b)
	}
}

// forStmt reads a loop twice: what the first round leaves behind may be read by the second.
func (r *keyedReader) forStmt(stmt *syntax.ForStmt) {
	seq := r.free(stmt.X)
	r.loops++
	defer func() { r.loops-- }()
	for range 2 {
		before, ensured := slices.Clone(r.vars), maps.Clone(r.ensured)
		syntax.Walk(stmt, func(n syntax.Node) bool {
			if a, ok := n.(*syntax.AssignStmt); ok {
				r.forgetTargets(a.LHS)
			}
			return true
		})
		r.forgetTargets(stmt.Vars)
		r.assign(stmt.Vars, seq.element(-1))
		r.block(stmt.Body)
		r.ensured = inBoth(r.ensured, ensured)
		r.joinVars(before)
	}
}

func (r *keyedReader) forgetTargets(target syntax.Expr) {
	switch t := unparen(target).(type) {
	case *syntax.Ident:
		r.forget(t)
	case *syntax.TupleExpr:
		for _, x := range t.List {
			r.forgetTargets(x)
		}
	case *syntax.ListExpr:
		for _, x := range t.List {
			r.forgetTargets(x)
		}
	}
}
