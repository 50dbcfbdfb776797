package kernel

import (
	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// A signal says how a statement ended.
type signal uint8

const (
	goOn signal = iota
	breakLoop
	continueLoop
	returned
)

// A statement runs and says how it ended.
type statement func(*frame) signal

// block compiles statements. ends reports that control never comes out at their end.
func (s *scope) block(stmts []syntax.Stmt) (run statement, ends bool) {
	list, ends := s.statements(stmts)
	return inTurn(list), ends
}

func (s *scope) statements(stmts []syntax.Stmt) (list []statement, ends bool) {
	for i, stmt := range stmts {
		run, ends := s.statement(stmt, i == 0)
		if run != nil {
			list = append(list, run)
		}
		if ends {
			return list, true
		}
	}
	return list, false
}

func inTurn(list []statement) statement {
	switch len(list) {
	case 0:
		return func(*frame) signal { return goOn }
	case 1:
		return list[0]
	case 2:
		a, b := list[0], list[1]
		return func(f *frame) signal {
			if sig := a(f); sig != goOn {
				return sig
			}
			return b(f)
		}
	case 3:
		a, b, c := list[0], list[1], list[2]
		return func(f *frame) signal {
			if sig := a(f); sig != goOn {
				return sig
			}
			if sig := b(f); sig != goOn {
				return sig
			}
			return c(f)
		}
	}
	return func(f *frame) signal {
		for _, run := range list {
			if sig := run(f); sig != goOn {
				return sig
			}
		}
		return goOn
	}
}

// simple is a statement that always goes on.
func simple(run code) statement {
	return func(f *frame) signal { run(f); return goOn }
}

// statement compiles one; nil: there is nothing to do.
func (s *scope) statement(stmt syntax.Stmt, first bool) (run statement, ends bool) {
	s.visit(stmt)
	if s.rows != nil && s.rows.delta.merged[stmt] {
		return nil, false
	}
	switch stmt := stmt.(type) {
	case *syntax.ExprStmt:
		if _, doc := stmt.X.(*syntax.Literal); doc && first {
			return nil, false
		}
		if run, ok := s.stateCall(stmt.X); ok {
			return simple(run), false
		}
		return simple(s.evaluate(s.expr(stmt.X))), false
	case *syntax.AssignStmt:
		return s.assign(stmt), false
	case *syntax.ReturnStmt:
		return s.returns(stmt), true
	case *syntax.IfStmt:
		return s.ifStmt(stmt)
	case *syntax.ForStmt:
		return s.forStmt(stmt), false
	case *syntax.BranchStmt:
		return branch(stmt)
	}
	refuseAt(stmt, "has a statement that is not compiled")
	return nil, false
}

func branch(stmt *syntax.BranchStmt) (statement, bool) {
	switch stmt.Token {
	case syntax.BREAK:
		return func(*frame) signal { return breakLoop }, true
	case syntax.CONTINUE:
		return func(*frame) signal { return continueLoop }, true
	}
	return nil, false
}

func (s *scope) returns(stmt *syntax.ReturnStmt) statement {
	if s.emit != nil {
		if stmt.Result == nil {
			if s.rows != nil {
				return func(*frame) signal { return returned }
			}
			return func(f *frame) signal { fails(f); return returned }
		}
		run := s.emit(stmt.Result)
		return func(f *frame) signal { run(f); return returned }
	}
	result := operand{typ: noneType}
	if stmt.Result != nil {
		result = s.expr(stmt.Result)
	}
	if _, function := result.callee(); function {
		refuseAt(stmt, "returns a function")
	}
	s.widen(s.result, result.typ)
	run := storeAt(s.convert(result, s.result.typ, s.line), s.result.at)
	return func(f *frame) signal { run(f); return returned }
}

func (s *scope) ifStmt(stmt *syntax.IfStmt) (statement, bool) {
	if in, ok := s.asksState(stmt.Cond); ok {
		if in {
			return s.block(stmt.False)
		}
		return s.block(stmt.True)
	}
	if id, e := s.alternatives(stmt); id != nil {
		return s.assignExpr(id, e), false
	}
	cond := s.condition(stmt.Cond)
	before := append([]bool(nil), s.assigned...)
	yes, yesEnds := s.block(stmt.True)
	afterYes := append([]bool(nil), s.assigned...)
	copy(s.assigned, before)
	if stmt.False == nil {
		if !yesEnds {
			intersect(s.assigned, afterYes)
		}
		return branchOn(cond, yes, nil), false
	}
	no, noEnds := s.block(stmt.False)
	switch {
	case noEnds:
		copy(s.assigned, afterYes)
	case !yesEnds:
		intersect(s.assigned, afterYes)
	}
	return branchOn(cond, yes, no), yesEnds && noEnds
}

// alternatives is a statement that does nothing but assign one of two values to a variable, as the assignment of a
// conditional expression; nil: it does something else.
func (s *scope) alternatives(stmt *syntax.IfStmt) (*syntax.Ident, *syntax.CondExpr) {
	if s.rows != nil || len(stmt.True) != 1 || len(stmt.False) != 1 {
		return nil, nil
	}
	yes, isYes := stmt.True[0].(*syntax.AssignStmt)
	no, isNo := stmt.False[0].(*syntax.AssignStmt)
	if !isYes || !isNo || yes.Op != syntax.EQ || no.Op != syntax.EQ {
		return nil, nil
	}
	id, isName := unparen(yes.LHS).(*syntax.Ident)
	other, isSame := unparen(no.LHS).(*syntax.Ident)
	if !isName || !isSame || id.Name != other.Name || id.Binding.(*resolve.Binding).Scope != resolve.Local {
		return nil, nil
	}
	s.visit(no)
	s.visit(yes)
	return id, &syntax.CondExpr{If: stmt.If, Cond: stmt.Cond, True: yes.RHS, False: no.RHS}
}

// branchOn runs one of two statements; no may be nil.
func branchOn(cond operand, yes, no statement) statement {
	if cond.test != nil {
		return cond.test.branch(yes, no)
	}
	test := cond.truth
	if no == nil {
		return func(f *frame) signal {
			if test(f) {
				return yes(f)
			}
			return goOn
		}
	}
	return func(f *frame) signal {
		if test(f) {
			return yes(f)
		}
		return no(f)
	}
}

func intersect(a, b []bool) {
	for i := range a {
		a[i] = a[i] && b[i]
	}
}

// assign compiles = and the operators with it.
func (s *scope) assign(stmt *syntax.AssignStmt) statement {
	if stmt.Op != syntax.EQ {
		return s.augment(stmt)
	}
	targets, unpacks := targetsOf(stmt.LHS)
	if run, ok := s.stateCall(stmt.RHS); ok {
		return simple(run)
	}
	if id, ok := unparen(stmt.LHS).(*syntax.Ident); ok {
		return s.assignExpr(id, stmt.RHS)
	}
	value := s.expr(stmt.RHS)
	if !unpacks {
		return simple(s.assignElement(stmt.LHS, value))
	}
	if value.parts != nil && len(targets) <= maxPart {
		return simple(s.unpackParts(targets, value.parts))
	}
	return simple(s.unpack(targets, value, stmt.OpPos.Line))
}

// assignExpr is the statement name = expression. A conditional expression becomes two assignments.
func (s *scope) assignExpr(id *syntax.Ident, e syntax.Expr) statement {
	cond, ok := unparen(e).(*syntax.CondExpr)
	if !ok {
		value := s.expr(e)
		value.apart = !s.reads(e, id)
		return s.assignName(id, value)
	}
	s.visit(cond)
	test := s.condition(cond.Cond)
	v, at := s.local(id)
	before := s.assigned[at]
	yes, formIfTrue := s.assignArm(id, cond.True)
	s.assigned[at] = before
	no, formIfFalse := s.assignArm(id, cond.False)
	if test.test != nil && formIfTrue != nil && formIfFalse != nil {
		if run := test.test.choose(formIfTrue, formIfFalse, v.at, lineOf(id)); run != nil {
			return run
		}
	}
	return branchOn(test, yes, no)
}

// assignArm is assignExpr of one of two expressions, with its form if it has one.
func (s *scope) assignArm(id *syntax.Ident, e syntax.Expr) (statement, *form) {
	if _, ok := unparen(e).(*syntax.CondExpr); ok {
		return s.assignExpr(id, e), nil
	}
	value := s.expr(e)
	value.apart = !s.reads(e, id)
	run := s.assignName(id, value)
	v, _ := s.local(id)
	if r, ok := value.formOf(); ok && v.typ.kind == integer && value.typ.kind == integer {
		return run, &r
	}
	return run, nil
}

// reads says that an expression may read a variable that is assigned to.
func (s *scope) reads(e syntax.Expr, id *syntax.Ident) bool {
	b := id.Binding.(*resolve.Binding)
	if b.Scope != resolve.Local {
		return true
	}
	found := false
	syntax.Walk(e, func(n syntax.Node) bool {
		if other, ok := n.(*syntax.Ident); ok && other.Name == id.Name {
			found = true
		}
		return !found
	})
	return found
}

// assignName is the statement that lets a variable be an operand.
func (s *scope) assignName(id *syntax.Ident, value operand) statement {
	v, i := s.local(id)
	if put, ok := s.cutInto(v, value.parts); ok {
		s.assigned[i] = true
		return simple(put)
	}
	put := s.assignTo(id, value)
	if v.typ.kind != integer || value.typ.kind != integer {
		return simple(put)
	}
	if c := value.either; c != nil {
		return branchOn(c.cond, storeInt(c.yes, v.at, id), storeInt(c.no, v.at, id))
	}
	return storeInt(value, v.at, id)
}

// storeInt is the statement that puts an int into a variable.
func storeInt(value operand, to slot, id *syntax.Ident) statement {
	if value.form != nil {
		if run := value.form.store(to, lineOf(id)); run != nil {
			return run
		}
	}
	g := value.int
	return func(f *frame) signal {
		f.slots[to&slotMask].n = g(f)
		return goOn
	}
}

// targetsOf is the targets of an assignment that takes a sequence apart.
func targetsOf(e syntax.Expr) (targets []syntax.Expr, unpacks bool) {
	switch e := unparen(e).(type) {
	case *syntax.TupleExpr:
		return e.List, true
	case *syntax.ListExpr:
		return e.List, true
	}
	return nil, false
}

// local is the variable that an assignment to a name changes.
func (s *scope) local(id *syntax.Ident) (*variable, int) {
	b, ok := id.Binding.(*resolve.Binding)
	if !ok || b.Scope != resolve.Local && b.Scope != resolve.Cell {
		refuseAt(id, "assigns to %s, which is not its own", id.Name)
	}
	return s.vars[b.Index], b.Index
}

// assignTo lets a variable be an operand. The operand may read the variable, so what has several parts is put
// aside first.
func (s *scope) assignTo(id *syntax.Ident, value operand) code {
	if _, function := value.callee(); function {
		refuseAt(id, "uses a function as a value")
	}
	v, i := s.local(id)
	s.widen(v, value.typ)
	s.nameLists(v.typ)
	value = s.convert(value, v.typ, lineOf(id))
	s.assigned[i] = true
	if value.typ.width > 1 && !value.held && !value.apart {
		put, held := s.place(operand{typ: value.typ, into: store(value)})
		move := storeAt(held, v.at)
		return func(f *frame) { put(f); move(f) }
	}
	if value.typ.width == 0 {
		return s.evaluate(value)
	}
	return storeAt(value, v.at)
}

// assignTarget assigns to any single target.
func (s *scope) assignTarget(target syntax.Expr, value operand) code {
	switch t := unparen(target).(type) {
	case *syntax.Ident:
		return s.assignTo(t, value)
	case *syntax.TupleExpr:
		return s.unpack(t.List, value, lineOf(t))
	case *syntax.ListExpr:
		return s.unpack(t.List, value, lineOf(t))
	}
	return s.assignElement(target, value)
}

// unpack assigns the elements of a sequence to targets, from left to right.
func (s *scope) unpack(targets []syntax.Expr, value operand, line int32) code {
	value = s.certain(value, line)
	switch value.typ.kind {
	case unknown:
		for _, t := range targets {
			s.assignTarget(t, never())
		}
		return fails
	case tuple:
		if len(value.typ.elems) != len(targets) {
			for _, t := range targets {
				s.assignTarget(t, never())
			}
			return fails
		}
		put, held := s.place(operand{typ: value.typ, into: store(value)})
		if value.held {
			put, held = s.copyOf(value, targets)
		}
		codes := []code{some(put)}
		for i, t := range targets {
			codes = append(codes, s.assignTarget(t, held.element(i)))
		}
		return sequenceOf(codes)
	case list_:
		return s.unpackList(targets, value, line)
	}
	return s.unpackBoxed(targets, value, line)
}

// copyOf leaves a held tuple where it is, unless it is taken apart into variables that it might be one of.
func (s *scope) copyOf(value operand, targets []syntax.Expr) (code, operand) {
	for _, t := range targets {
		id, ok := unparen(t).(*syntax.Ident)
		if !ok {
			return nil, value
		}
		if v, _ := s.local(id); v.at <= value.at && int(value.at) < int(v.at)+max(v.typ.width, 1) {
			at := s.slots(value.typ.width)
			return storeAt(value, at), heldIn(value.typ, at)
		}
	}
	return nil, value
}

func (s *scope) unpackList(targets []syntax.Expr, value operand, line int32) code {
	at := s.slots(1)
	put := storeAt(value, at)
	n := len(targets)
	codes := []code{func(f *frame) {
		put(f)
		if f.slots[at&slotMask].list().n != n {
			f.bail(errorRaised, line)
		}
	}}
	for i, t := range targets {
		codes = append(codes, s.assignTarget(t, fromList(value.typ.elem.of(), func(f *frame) (*list, int) {
			return f.slots[at&slotMask].list(), i
		})))
	}
	return sequenceOf(codes)
}

func (s *scope) unpackBoxed(targets []syntax.Expr, value operand, line int32) code {
	g := s.box(value, line).value
	at := s.slots(len(targets))
	codes := []code{func(f *frame) {
		seq, ok := g(f).(starlark.Indexable)
		if _, text := seq.(starlark.String); !ok || text || seq.Len() != len(targets) {
			f.bail(errorRaised, line)
		}
		for i := range targets {
			f.slots[int(at)+i].setValue(seq.Index(i))
		}
	}}
	for i, t := range targets {
		codes = append(codes, s.assignTarget(t, heldIn(anyType, at+slot(i))))
	}
	return sequenceOf(codes)
}

// augment compiles x += y and its like.
func (s *scope) augment(stmt *syntax.AssignStmt) statement {
	op := stmt.Op - syntax.PLUS_EQ + syntax.PLUS
	id, ok := unparen(stmt.LHS).(*syntax.Ident)
	if !ok {
		return simple(s.augmentElement(stmt, op))
	}
	x := s.expr(id)
	y := s.expr(stmt.RHS)
	if x.typ.kind == list_ && op == syntax.PLUS {
		return simple(s.extend(x, y, stmt.OpPos.Line))
	}
	return s.assignName(id, s.augmented(op, x, y, stmt.OpPos.Line))
}

// augmented is what x op= y assigns to x. Where it changes x in place, that is x itself.
func (s *scope) augmented(op syntax.Token, x, y operand, line int32) operand {
	if x.typ.kind != boxedAny || op != syntax.PLUS && op != syntax.PIPE {
		return s.binary(op, x, y, line)
	}
	if !s.keeps || y.typ.kind == unknown {
		return s.binary(op, notContainer(x, line), y, line)
	}
	g, h := x.value, s.box(y, line).value
	return operand{typ: anyType, value: func(f *frame) starlark.Value {
		u := g(f)
		w := h(f)
		if v, done := f.addInPlace(u, w, op == syntax.PIPE, line); done {
			return v
		}
		v, err := starlark.Binary(op, u, w)
		if err != nil {
			f.bail(errorRaised, line)
		}
		f.count(max(starlark.Len(v), 0))
		return v
	}}
}

// notContainer is a boxed value that is no list or dict: += and |= change those in place.
func notContainer(x operand, line int32) operand {
	g := x.value
	return operand{typ: anyType, value: func(f *frame) starlark.Value {
		v := g(f)
		switch v.(type) {
		case *starlark.List, *starlark.Dict:
			f.bail(otherType, line)
		}
		return v
	}}
}
