package kernel

import (
	"slices"

	"go.starlark.net/lib/time"
	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
	"go.starlark.net/syntax"
)

// call compiles a call.
func (s *scope) call(e *syntax.CallExpr) operand {
	if dot, ok := unparen(e.Fn).(*syntax.DotExpr); ok {
		return s.dotCall(e, dot)
	}
	if lambda, ok := unparen(e.Fn).(*syntax.LambdaExpr); ok {
		return s.inlineLambda(e, lambda, s.arguments(e))
	}
	fn := s.expr(e.Fn)
	callee, ok := fn.callee()
	if !ok {
		refuseAt(e, "calls what is not known before the job runs")
	}
	return s.callOf(callee, e)
}

func (s *scope) callOf(callee starlark.Callable, e *syntax.CallExpr) operand {
	switch fn := callee.(type) {
	case *starlark.Function:
		return s.inlineNamed(e, fn)
	case *starlark.Builtin:
		if fn.Receiver() == nil {
			return s.builtin(fn, e)
		}
	}
	refuseAt(e, "calls %s", callee.Name())
	return operand{}
}

// dotCall compiles x.name(...): a function of a module, or a method.
func (s *scope) dotCall(e *syntax.CallExpr, dot *syntax.DotExpr) operand {
	if s.isState(dot.X) {
		return s.stateMethod(dot.Name.Name, e)
	}
	x := s.expr(dot.X)
	if m, ok := x.constant.(*starlarkstruct.Module); ok {
		member, err := m.Attr(dot.Name.Name)
		callee, ok := member.(starlark.Callable)
		if err != nil || !ok {
			return never()
		}
		return s.callOf(callee, e)
	}
	return s.method(s.certain(x, s.line), dot.Name.Name, s.arguments(e), e)
}

// attribute compiles x.name where it is not called.
func (s *scope) attribute(e *syntax.DotExpr) operand {
	x := s.expr(e.X)
	if m, ok := x.constant.(*starlarkstruct.Module); ok {
		if v, err := m.Attr(e.Name.Name); err == nil && v != nil {
			return s.constant(v)
		}
	}
	if x.typ.kind != boxedAny {
		refuseAt(e, "uses the attribute %s", e.Name.Name)
	}
	g, name, line := x.value, e.Name.Name, s.line
	return operand{typ: anyType, value: func(f *frame) starlark.Value {
		switch x := g(f).(type) {
		case *starlarkstruct.Struct, time.Time, time.Duration:
			if v, err := x.(starlark.HasAttrs).Attr(name); err == nil && v != nil {
				return v
			}
		}
		f.bail(otherType, line)
		return nil
	}}
}

// arguments compiles the arguments of a call that takes them by position.
func (s *scope) arguments(e *syntax.CallExpr) []operand {
	if !positionalArgs(e.Args) {
		refuseAt(e, "passes an argument by name or with a star")
	}
	return s.exprs(e.Args)
}

// inline compiles a call of a function of the script into the code around it.
func (s *scope) inline(site syntax.Node, fn *starlark.Function, args []operand) operand {
	inner := s.children[site]
	if inner == nil {
		inner = s.instance(fn, s.depth+1)
		s.children[site] = inner
	}
	return inner.enter(args, site)
}

// inlineNamed is inline for arguments that may be passed by name. The operand of one that is not passed has no type.
func (s *scope) inlineNamed(e *syntax.CallExpr, fn *starlark.Function) operand {
	if positionalArgs(e.Args) {
		return s.inline(e, fn, s.exprs(e.Args))
	}
	args := make([]operand, fn.NumParams())
	wrong := false
	for i, a := range e.Args {
		at := i
		if named, ok := a.(*syntax.BinaryExpr); ok && named.Op == syntax.EQ {
			at, a = parameter(fn, named.X.(*syntax.Ident).Name), named.Y
		} else if !positionalArgs(e.Args[i : i+1]) {
			refuseAt(e, "passes arguments with a star")
		}
		o := s.expr(a)
		if at < 0 || at >= len(args) || args[at].typ != nil {
			wrong = true
			continue
		}
		args[at] = o
	}
	if wrong {
		return never()
	}
	return s.inline(e, fn, args)
}

// parameter is the number of a function's parameter of a name, -1 if there is none.
func parameter(fn *starlark.Function, name string) int {
	for i := range fn.NumParams() {
		if p, _ := fn.Param(i); p == name {
			return i
		}
	}
	return -1
}

// instance is a new scope for a function of the script.
func (c *compiler) instance(fn *starlark.Function, depth int) *scope {
	var def *resolve.Function
	if c.source != nil {
		switch n := c.source(fn).(type) {
		case *syntax.DefStmt:
			def, _ = n.Function.(*resolve.Function)
		case *syntax.LambdaExpr:
			def, _ = n.Function.(*resolve.Function)
		}
	}
	if def == nil {
		refuse(c.line, "calls %s, whose text is not known", fn.Name())
	}
	inner := c.newScope(def, fn.Module())
	inner.closure, inner.depth = fn, depth
	return inner
}

func (s *scope) inlineLambda(site syntax.Node, lambda *syntax.LambdaExpr, args []operand) operand {
	inner := s.children[site]
	if inner == nil {
		inner = s.newScope(lambda.Function.(*resolve.Function), s.module)
		inner.outer, inner.depth = s, s.depth+1
		s.children[site] = inner
	}
	return inner.enter(args, site)
}

// enter compiles the body of a scope, called with arguments.
func (s *scope) enter(args []operand, site syntax.Node) operand {
	bind := s.bind(args, site)
	if result, ok := s.onlyReturns(); ok {
		if result == nil {
			return after(bind, operand{typ: noneType})
		}
		return after(bind, s.expr(result))
	}
	if result, ok := s.straight(bind); ok {
		return result
	}
	body, ends := s.block(s.fn.Body)
	if !ends {
		s.widen(s.result, noneType)
	}
	return after(s.finish(bind, body, ends), heldIn(s.result.typ, s.result.at))
}

// finish is the code of a call that leaves its result in the result's slots.
func (s *scope) finish(bind code, body statement, ends bool) code {
	bind = some(bind)
	if ends {
		return func(f *frame) { bind(f); body(f) }
	}
	none := storeAt(s.convert(operand{typ: noneType}, s.result.typ, s.line), s.result.at)
	return func(f *frame) {
		bind(f)
		if body(f) != returned {
			none(f)
		}
	}
}

// onlyReturns is the expression of a body that does nothing but return it.
func (s *scope) onlyReturns() (syntax.Expr, bool) {
	body := s.fn.Body
	if len(body) == 2 {
		if e, ok := body[0].(*syntax.ExprStmt); ok {
			if _, doc := e.X.(*syntax.Literal); doc {
				body = body[1:]
			}
		}
	}
	if len(body) != 1 {
		return nil, false
	}
	r, ok := body[0].(*syntax.ReturnStmt)
	if !ok {
		return nil, false
	}
	return r.Result, true
}

// bind gives the parameters their arguments.
func (s *scope) bind(args []operand, site syntax.Node) code {
	if s.depth > maxInline {
		refuseAt(site, "calls functions too deep, or itself")
	}
	if s.fn.HasVarargs || s.fn.HasKwargs || s.fn.NumKwonlyParams > 0 {
		refuseAt(site, "calls a function with a star among its parameters")
	}
	s.open()
	var codes []code
	for i, p := range s.fn.Params {
		arg := never() // too few arguments
		if i < len(args) && args[i].typ != nil {
			arg = args[i]
		} else if _, plain := p.(*syntax.Ident); !plain && s.closure != nil {
			arg = s.constant(s.closure.ParamDefault(i))
		}
		if put := s.bindOne(i, arg, site); put != nil {
			codes = append(codes, put)
		}
	}
	if len(args) > len(s.fn.Params) {
		return fails
	}
	if codes == nil {
		return nil
	}
	return sequenceOf(codes)
}

func (s *scope) bindOne(i int, arg operand, site syntax.Node) code {
	v := s.vars[i]
	s.assigned[i] = true
	if s.rows != nil && v == s.rows.state {
		return nil // what is done to it are rows
	}
	if put, ok := s.cutInto(v, arg.parts); ok {
		return put
	}
	if !s.writes[i] {
		s.nameLists(arg.typ)
		put, held := s.hold(arg)
		v.arg = &held
		return put
	}
	if _, function := arg.callee(); function {
		refuseAt(site, "passes a function")
	}
	s.widen(v, arg.typ)
	s.nameLists(v.typ)
	return storeAt(s.convert(arg, v.typ, lineOf(site)), v.at)
}

// argumentsByName sorts the arguments of a builtin into those by position and those by name.
func (s *scope) argumentsByName(e *syntax.CallExpr, names ...string) (args []syntax.Expr, named map[string]syntax.Expr) {
	named = map[string]syntax.Expr{}
	for _, a := range e.Args {
		switch a := a.(type) {
		case *syntax.BinaryExpr:
			if a.Op == syntax.EQ {
				name := a.X.(*syntax.Ident).Name
				if !slices.Contains(names, name) {
					refuseAt(e, "passes the argument %s", name)
				}
				named[name] = a.Y
				continue
			}
		case *syntax.UnaryExpr:
			if a.Op == syntax.STAR || a.Op == syntax.STARSTAR {
				refuseAt(e, "passes arguments with a star")
			}
		}
		args = append(args, a)
	}
	return args, named
}

// apply compiles a call of a function that is an argument, such as a key: a lambda in the text or a function of
// the script.
func (s *scope) apply(fn syntax.Expr, args []operand) operand {
	fn = unparen(fn)
	if lambda, ok := fn.(*syntax.LambdaExpr); ok {
		return s.inlineLambda(fn, lambda, args)
	}
	o := s.expr(fn)
	callee, _ := o.callee()
	switch callee := callee.(type) {
	case *starlark.Function:
		return s.inline(fn, callee, args)
	case *starlark.Builtin:
		if callee.Receiver() == nil {
			return s.builtinOf(callee, args, fn)
		}
	}
	refuseAt(fn, "passes a function that is not known before the job runs")
	return operand{}
}
