package kernel

import (
	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// passesState is where a call passes a dict that isState knows; ok is false if it passes none.
func passesState(e syntax.Expr, isState func(syntax.Expr) bool) (call *syntax.CallExpr, at int, ok bool) {
	if e == nil {
		return nil, 0, false
	}
	if call, ok = unparen(e).(*syntax.CallExpr); !ok {
		return nil, 0, false
	}
	for at, a := range call.Args {
		if isState(a) {
			return call, at, true
		}
	}
	return nil, 0, false
}

// stateCall reads a call of a function of the script with the state, a dict: what that does to it is read as if it
// stood in place of the call. The function returns the state, unless what it returns is not used (effect). false: it is
// no such call.
func (r *keyedReader) stateCall(e syntax.Expr, effect bool) bool {
	call, at, ok := passesState(e, r.isState)
	if !ok {
		return false
	}
	fn, ok := r.constant(call.Fn).(*starlark.Function)
	if !ok || !positionalArgs(call.Args) {
		refuseAt(call, "uses %s otherwise than by adding to one of its keys", r.stateName)
	}
	if r.depth >= maxReadDepth {
		refuseAt(call, "calls functions too deep, or itself")
	}
	r.d.several, r.several = true, true // keys that two functions name are not compared
	inner := newKeyedReader(r.d, r.source, fn)
	if at >= len(inner.fn.Params) {
		refuseAt(call, "passes too many arguments")
	}
	inner.depth, inner.loops, inner.several, inner.effect = r.depth+1, r.loops, true, effect
	inner.stateName = inner.fn.Locals[at].First.Name
	for i, a := range call.Args {
		switch {
		case i == at:
			inner.vars[i] = shade{kind: dictState}
		case i < len(inner.fn.Params):
			inner.vars[i] = r.free(a)
		default:
			r.free(a)
		}
	}
	for i := len(call.Args); i < len(inner.fn.Params); i++ {
		if v := fn.ParamDefault(i); v != nil {
			inner.vars[i] = shadeOf(v)
		}
	}
	if ends := inner.block(inner.fn.Body); !ends && !effect {
		refuse(int32(inner.fn.Pos.Line), "does not return %s at its end", inner.stateName)
	}
	r.dirty = true
	r.changed()
	return true
}

// isNone recognises None.
func isNone(e syntax.Expr) bool {
	id, ok := unparen(e).(*syntax.Ident)
	if !ok || id.Name != "None" {
		return false
	}
	b, ok := id.Binding.(*resolve.Binding)
	return ok && b.Scope == resolve.Universal
}

// stateCall compiles a call of a function with the state in line; false: it is no such call.
func (s *scope) stateCall(e syntax.Expr) (code, bool) {
	if s.rows == nil {
		return nil, false
	}
	call, at, ok := passesState(e, s.isState)
	if !ok {
		return nil, false
	}
	o := s.expr(call.Fn)
	callee, _ := o.callee()
	fn, ok := callee.(*starlark.Function)
	if !ok {
		refuseAt(call, "passes %s to what is not known before the job runs", s.rows.state.name)
	}
	inner := s.children[call]
	if inner == nil {
		inner = s.instance(fn, s.depth+1)
		inner.rows = &rows{delta: s.rows.delta, state: inner.vars[at], row: s.rows.row}
		inner.emit = inner.endState
		s.children[call] = inner
	}
	args := make([]operand, len(call.Args))
	for i, a := range call.Args {
		if i == at {
			args[i] = operand{typ: unknownType, held: true}
			continue
		}
		args[i] = s.expr(a)
	}
	bind := some(inner.bind(args, call))
	body, _ := inner.block(inner.fn.Body)
	return func(f *frame) { bind(f); body(f) }, true
}

// endState is a return of the state, or of what a function returns that is called with it.
func (s *scope) endState(e syntax.Expr) code {
	if run, ok := s.stateCall(e); ok {
		return run
	}
	return nothing
}
