package kernel

import (
	"github.com/flowsh/flowsh/engine/chunk"
	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// rows is how a reducer whose state is a dict is compiled. The state is taken to be empty all the time: what is
// read of it is what stands for a key that is missing, and what is stored into it is a row of the output.
type rows struct {
	delta *Delta
	state *variable
	row   func(key operand, parts []operand) code
}

// contribute compiles the call of a reducer with an empty state, and appends the parts of what it returns.
func (b *builder) contribute(d *Delta, record operand) code {
	whole := b.whole
	b.whole = nil
	args, unspread := b.spread(d.Fn, record)
	if unspread {
		return fails
	}
	k := len(b.chain.Steps) + len(b.chain.Columns)
	inner := b.scope(k, d.Fn.Callable.(*starlark.Function), d.Fn)
	state := b.constant(d.initial)
	if d.Shape == ListOf {
		list := d.initial.(*starlark.List)
		elems := make([]operand, list.Len())
		for i := range elems {
			elems[i] = b.constant(list.Index(i))
		}
		state = inner.collect(inner.display(elems), d.Fn.Source(inner.closure))
	}
	args = append([]operand{state}, args...)
	if d.Fn.Using {
		args = append(args, b.constant(d.Using))
	}
	put, held := b.hold(inner.enter(args, nil))
	parts := b.partsOf(d, held)
	if parts == nil {
		return fails
	}
	b.whole = whole.contribution(nil, parts)
	return sequenceOf(append([]code{some(put)}, b.appendParts(len(b.chain.Columns), parts)...))
}

// partsOf is the parts of a state; nil: it is none.
func (c *compiler) partsOf(d *Delta, state operand) (parts []operand) {
	switch {
	case d.Shape == Scalar:
		return []operand{state}
	case d.Shape == TupleOf && state.typ.kind == tuple && len(state.typ.elems) == len(d.Parts):
		for i := range d.Parts {
			parts = append(parts, state.element(i))
		}
	case d.Shape == ListOf && state.typ.kind == list_:
		n, g := len(d.Parts), state.list
		for i := range d.Parts {
			parts = append(parts, fromList(state.typ.elem.of(), func(f *frame) (*list, int) {
				l := g(f)
				if l.n != n {
					f.bail(otherType, 0)
				}
				return l, i
			}))
		}
	}
	return parts
}

// appendParts appends ints to the columns from number at on.
func (b *builder) appendParts(at int, parts []operand) []code {
	codes := make([]code, len(parts))
	for i, p := range parts {
		n := at + i
		switch p.typ.kind {
		case integer:
			g := p.int
			codes[i] = func(f *frame) { f.out.Columns[n].AppendInt(g(f)) }
		case float:
			g := p.float
			codes[i] = func(f *frame) { f.out.Columns[n].AppendFloat(g(f)) }
			if !b.chain.Delta.Ordered {
				codes[i] = fails
			}
		case boxedAny:
			g := p.value
			codes[i] = func(f *frame) {
				v := g(f)
				if !b.chain.Delta.takes(v) {
					f.bail(otherType, 0)
				}
				f.out.Columns[n].Append(v)
			}
		default:
			codes[i] = fails
		}
	}
	return codes
}

// contributeKeys compiles a reducer whose state is a dict: its changes are rows.
func (b *builder) contributeKeys(d *Delta, record operand) code {
	whole, changes := b.whole, 0
	b.whole = nil
	args, unspread := b.spread(d.Fn, record)
	if unspread {
		return fails
	}
	args = append([]operand{{typ: unknownType, held: true}}, args...)
	if d.Fn.Using {
		args = append(args, b.constant(d.Using))
	}
	k := len(b.chain.Steps) + len(b.chain.Columns)
	inner := b.scope(k, d.Fn.Callable.(*starlark.Function), d.Fn)
	inner.rows = &rows{delta: d, state: inner.vars[0], row: func(key operand, parts []operand) code {
		if changes++; changes == 1 && changesOnce(inner.fn.Body) {
			b.whole = whole.contribution(&key, parts)
		} else {
			b.whole = nil
		}
		return b.keyRow(d, key, parts)
	}}
	inner.emit = inner.endState
	bind := some(inner.bind(args, nil))
	body, _ := inner.block(inner.fn.Body)
	return func(f *frame) {
		bind(f)
		body(f)
		f.out.folded++
	}
}

// changesOnce says that a body is a single assignment, and then a return: all that can fail is in what is assigned.
func changesOnce(body []syntax.Stmt) bool {
	if len(body) == 3 {
		if e, ok := body[0].(*syntax.ExprStmt); ok {
			if _, doc := e.X.(*syntax.Literal); doc {
				body = body[1:]
			}
		}
	}
	if len(body) != 2 {
		return false
	}
	_, assigns := body[0].(*syntax.AssignStmt)
	_, returns := body[1].(*syntax.ReturnStmt)
	return assigns && returns
}

// keyRow appends a row.
func (b *builder) keyRow(d *Delta, key operand, parts []operand) code {
	at := len(b.chain.Columns)
	if len(parts) != len(d.Parts) || key.typ.kind == unknown {
		return fails
	}
	codes := b.appendParts(at+1, parts)
	codes = append(codes, b.appendTo(b.hashable(key), func(f *frame) *chunk.Column { return &f.out.Columns[at] }), b.complete())
	return sequenceOf(codes)
}

// hashable is a key that can be one.
func (b *builder) hashable(key operand) operand {
	if scalarKey(key.typ) {
		return b.frozen(key)
	}
	g, line := b.box(key, b.line).value, b.line
	return operand{typ: anyType, value: func(f *frame) starlark.Value {
		v := g(f)
		if _, err := v.Hash(); err != nil {
			f.bail(errorRaised, line)
		}
		v.Freeze()
		return v
	}}
}

// isState says that an expression is the name of the state.
func (s *scope) isState(e syntax.Expr) bool {
	if s.rows == nil {
		return false
	}
	id, ok := unparen(e).(*syntax.Ident)
	if !ok {
		return false
	}
	at, ok := id.Binding.(*resolve.Binding)
	return ok && (at.Scope == resolve.Local || at.Scope == resolve.Cell) && s.vars[at.Index] == s.rows.state
}

// asksState recognises conditions that ask whether the state has a key: it has none.
func (s *scope) asksState(e syntax.Expr) (in, ok bool) {
	switch e := unparen(e).(type) {
	case *syntax.UnaryExpr:
		if e.Op == syntax.NOT {
			in, ok = s.asksState(e.X)
			return !in, ok
		}
	case *syntax.BinaryExpr:
		if (e.Op == syntax.IN || e.Op == syntax.NOT_IN) && s.isState(e.Y) {
			return e.Op == syntax.IN, true
		}
	}
	return false, false
}

// stateMethod is get or setdefault of the state.
func (s *scope) stateMethod(name string, e *syntax.CallExpr) operand {
	if len(e.Args) == 1 {
		return s.constant(s.rows.delta.zero)
	}
	missing := s.expr(e.Args[1])
	if name != "setdefault" {
		return missing
	}
	if s.rows.delta.Shape == ListOf {
		refuseAt(e, "keeps a list of %s", s.rows.state.name)
	}
	put, held := s.hold(missing)
	return after(sequenceOf([]code{some(put), s.row(e.Args[0], held)}), held)
}

// row appends the row of a key whose value is changed.
func (s *scope) row(key syntax.Expr, state operand) code {
	parts := s.partsOf(s.rows.delta, state)
	if parts == nil {
		return fails
	}
	return s.rows.row(s.expr(key), parts)
}

// assignKey compiles state[key] = value.
func (s *scope) assignKey(e *syntax.IndexExpr, value operand) code {
	put, held := s.hold(value)
	return sequenceOf([]code{some(put), s.row(e.Y, held)})
}

// augmentKey compiles state[key] += value, and of a list or tuple state[key][i] += value; nil: it is neither.
func (s *scope) augmentKey(e *syntax.IndexExpr, stmt *syntax.AssignStmt, op syntax.Token) code {
	line := stmt.OpPos.Line
	if s.isState(e.X) {
		return s.assignKey(e, s.binary(op, s.constant(s.rows.delta.zero), s.expr(stmt.RHS), line))
	}
	if inner, ok := s.ofState(e.X); ok {
		return s.partRow(inner, e, func(old operand) operand { return s.binary(op, old, s.expr(stmt.RHS), line) })
	}
	return nil
}

// ofState recognises state[key].
func (s *scope) ofState(e syntax.Expr) (*syntax.IndexExpr, bool) {
	inner, ok := unparen(e).(*syntax.IndexExpr)
	return inner, ok && s.isState(inner.X)
}

// partRow appends the row of a key of whose value one part is changed.
func (s *scope) partRow(inner, e *syntax.IndexExpr, change func(old operand) operand) code {
	parts := make([]operand, len(s.rows.delta.Parts))
	for i, v := range s.rows.delta.zeros {
		parts[i] = s.constant(v)
	}
	at := s.expr(e.Y)
	i, ok := at.constantInt()
	if i < 0 {
		i += int64(len(parts))
	}
	if !ok || i < 0 || i >= int64(len(parts)) || s.rows.delta.Shape == Scalar {
		return fails
	}
	put, held := s.hold(change(parts[i]))
	parts[i] = held
	return sequenceOf([]code{some(put), s.rows.row(s.expr(inner.Y), parts)})
}
