package kernel

import (
	"slices"

	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// Fields returns the paths of the members that the functions of the chain read of a record: {"user", "id"} for
// r["user"]["id"]. ok is false if they need the whole record, or do anything with it but read members of constant
// names. A function cannot tell a record that holds only the members at these paths from the whole one.
func (c *Chain) Fields() (paths [][]string, ok bool) {
	var f fieldUse
	for i := range c.Steps {
		switch s := &c.Steps[i]; s.Kind {
		case Sample:
		case Filter, Reject, Lane, Route:
			f.function(s.Fn)
		case Map, FlatMap:
			f.function(s.Fn)
			return f.all(), !f.whole // what it returns is another record
		default:
			return nil, false
		}
	}
	for i := range c.Columns {
		f.function(c.Columns[i].Fn)
	}
	switch {
	case c.Into != nil:
		f.function(c.Into)
	case c.Readers != nil:
		for _, r := range c.Readers {
			f.reader(r)
		}
	case !c.Discard:
		f.whole = true
	}
	return f.all(), !f.whole
}

// Members are the keys of the members that readers read of their record; ok is false if they need the whole record.
func Members(readers []Reader) (keys []string, ok bool) {
	var f fieldUse
	for _, r := range readers {
		f.reader(r)
	}
	for _, path := range f.paths {
		if !slices.Contains(keys, path[0]) {
			keys = append(keys, path[0])
		}
	}
	return keys, !f.whole && len(readers) > 0
}

// Passes reports whether records leave the chain as they came.
func (c *Chain) Passes() bool { return !c.Discard && c.Keeps() }

// Keeps reports whether no step makes other records, even if they do not leave the chain.
func (c *Chain) Keeps() bool { return c.changes() < 0 }

// changes is the first step whose function makes other records, -1 if there is none.
func (c *Chain) changes() int {
	return slices.IndexFunc(c.Steps, func(s Step) bool { return s.Kind == Map || s.Kind == FlatMap || s.Kind == MapValues })
}

// How far functions that pass the record on are followed.
const (
	maxHelpers = 4   // deep
	maxBodies  = 256 // in all
)

// A fieldUse collects what functions read of a record.
type fieldUse struct {
	paths  [][]string
	tested [][]string // of members of which it matters only whether they are there
	whole  bool       // all of the record is needed
	bodies int        // looked at so far
}

func (u *fieldUse) add(path []string) {
	if !slices.ContainsFunc(u.paths, func(p []string) bool { return slices.Equal(p, path) }) {
		u.paths = append(u.paths, path)
	}
}

// all is the paths of all members that are read. One that is only tested for is there if something in it is read.
func (u *fieldUse) all() [][]string {
	for _, path := range u.tested {
		within := func(p []string) bool { return len(p) > len(path) && slices.Equal(p[:len(path)], path) }
		if !slices.ContainsFunc(u.paths, within) {
			u.add(path)
		}
	}
	return u.paths
}

func (u *fieldUse) function(f *Func) {
	fn, ok := f.Callable.(*starlark.Function)
	switch {
	case f.Selector != nil:
		u.selector(f.Selector)
	case ok && f.Source != nil && f.Spread == 0:
		u.parameter(f.Source, fn, f.Own, nil, 0)
	default:
		u.whole = true
	}
}

// reader collects what a function reads of a field of its tuple.
func (u *fieldUse) reader(r Reader) {
	fn, ok := r.Fn.Callable.(*starlark.Function)
	switch {
	case r.Fn.Selector != nil:
		u.element(r.Fn.Selector, r.Parameter)
	case ok && r.Fn.Source != nil && r.Fn.Spread > r.Parameter:
		u.parameter(r.Fn.Source, fn, r.Fn.Own+r.Parameter, nil, 0)
	default:
		u.whole = true
	}
}

// element is selector of a tuple with the record as a field.
func (u *fieldUse) element(s *Selector, field int) {
	switch {
	case s.Elements != nil:
		for _, e := range s.Elements {
			u.element(e, field)
		}
	case !s.ByIndex || s.Index == field || s.Index < 0:
		u.whole = true
	}
}

func (u *fieldUse) selector(s *Selector) {
	switch {
	case s.Whole, s.ByIndex:
		u.whole = true
	case s.Elements != nil:
		for _, e := range s.Elements {
			u.selector(e)
		}
	default:
		u.add([]string{s.Field})
	}
}

// parameter collects what a function reads of its parameter n, which is what stands at a path of the record.
func (u *fieldUse) parameter(source Source, fn *starlark.Function, n int, path []string, depth int) {
	params, body := partsOf(source(fn))
	if u.bodies++; u.bodies > maxBodies || depth > maxHelpers || n >= len(params) {
		u.whole = true
		return
	}
	param := params[n]
	if withDefault, ok := param.(*syntax.BinaryExpr); ok {
		param = withDefault.X
	}
	id, ok := param.(*syntax.Ident)
	if !ok || bindingOf(id) == nil {
		u.whole = true
		return
	}
	b := &bodyUse{fieldUse: u, source: source, fn: fn, param: id, path: path, depth: depth}
	for _, node := range body {
		syntax.Walk(node, b.visit)
	}
}

// partsOf takes a function's syntax tree apart; there is nothing of one that is not known.
func partsOf(tree syntax.Node) (params []syntax.Expr, body []syntax.Node) {
	switch t := tree.(type) {
	case *syntax.LambdaExpr:
		return t.Params, []syntax.Node{t.Body}
	case *syntax.DefStmt:
		for _, s := range t.Body {
			body = append(body, s)
		}
		return t.Params, body
	}
	return nil, nil
}

func bindingOf(id *syntax.Ident) *resolve.Binding {
	b, _ := id.Binding.(*resolve.Binding)
	return b
}

// A bodyUse is a walk through the body of a function that has the record, or something in it, as a parameter.
type bodyUse struct {
	*fieldUse
	source Source
	fn     *starlark.Function
	param  *syntax.Ident
	text   *syntax.Ident // the parameter that the record is decoded from; nil: param is the parameter
	path   []string      // of what the parameter stands for
	depth  int
	inner  bool // inside a function of the function, which has free variables of its own
}

// visit is called by syntax.Walk. What reads a member by a constant name is accounted for here; the parameter by
// itself, wherever the walk meets it, is the whole of it.
func (b *bodyUse) visit(n syntax.Node) bool {
	switch n := n.(type) {
	case *syntax.Ident:
		if b.is(n) {
			b.needs(b.path)
		}
		if binding := bindingOf(n); b.text != nil && binding != nil && binding.First == b.text {
			b.whole = true
		}
	case *syntax.AssignStmt:
		return !b.assigns(n)
	case *syntax.IndexExpr:
		return !b.reads(n)
	case *syntax.BinaryExpr:
		return !b.tests(n) && !b.isNone(n)
	case *syntax.CallExpr:
		return !b.reads(n) && !b.passes(n)
	case *syntax.LambdaExpr, *syntax.DefStmt:
		if !b.inner {
			within := *b
			within.inner = true
			syntax.Walk(n, within.visit)
			return false
		}
	}
	return true
}

// is reports whether a name is the parameter's, in the function itself or in one inside it.
func (b *bodyUse) is(id *syntax.Ident) bool {
	binding := bindingOf(id)
	return binding != nil && binding.First == b.param && id != b.param
}

func (b *bodyUse) needs(path []string) {
	if len(path) == 0 {
		b.whole = true
		return
	}
	b.add(path)
}

// reads takes an expression that reads a member, such as r["a"] or r.get("a", 0)["b"].
func (b *bodyUse) reads(e syntax.Expr) bool {
	path, rest, ok := b.member(e)
	if !ok {
		return false
	}
	b.needs(path)
	b.walk(rest)
	return true
}

func (b *bodyUse) walk(exprs []syntax.Expr) {
	for _, e := range exprs {
		syntax.Walk(e, b.visit)
	}
}

// member is the path at which an expression reads, and the expressions inside of it that are evaluated besides.
func (b *bodyUse) member(e syntax.Expr) (path []string, rest []syntax.Expr, ok bool) {
	switch e := unparen(e).(type) {
	case *syntax.Ident:
		return b.path, nil, b.is(e)
	case *syntax.IndexExpr:
		if path, rest, ok = b.member(e.X); ok {
			path, ok = b.step(path, e.Y)
		}
	case *syntax.CallExpr:
		if b.decodes(e) {
			return b.path, nil, true
		}
		dot, isDot := e.Fn.(*syntax.DotExpr)
		if !isDot || dot.Name.Name != "get" || len(e.Args) < 1 || len(e.Args) > 2 || !positionalOnly(e.Args) {
			return nil, nil, false
		}
		if path, rest, ok = b.member(dot.X); ok {
			path, ok = b.step(path, e.Args[0])
			rest = append(rest, e.Args[1:]...)
		}
	}
	return path, rest, ok
}

func (b *bodyUse) step(path []string, key syntax.Expr) ([]string, bool) {
	name, ok := b.constant(key).(starlark.String)
	if !ok {
		return nil, false
	}
	return append(slices.Clone(path), string(name)), true
}

// tests takes a test of membership: "a" in r.
func (b *bodyUse) tests(e *syntax.BinaryExpr) bool {
	if e.Op != syntax.IN && e.Op != syntax.NOT_IN {
		return false
	}
	path, rest, ok := b.member(e.Y)
	if ok {
		path, ok = b.step(path, e.X)
	}
	if !ok {
		return false
	}
	b.tested = append(b.tested, path)
	b.walk(rest)
	return true
}

// isNone takes a comparison with None of the record, of which no member matters to that.
func (b *bodyUse) isNone(e *syntax.BinaryExpr) bool {
	if e.Op != syntax.EQL && e.Op != syntax.NEQ || len(b.path) > 0 || b.text != nil {
		return false
	}
	x, y := unparen(e.X), unparen(e.Y)
	if saysNone(x) {
		x, y = y, x
	}
	id, ok := x.(*syntax.Ident)
	return ok && b.is(id) && saysNone(y)
}

// saysNone reports that an expression is None itself.
func saysNone(e syntax.Expr) bool {
	id, ok := e.(*syntax.Ident)
	if !ok || id.Name != "None" {
		return false
	}
	binding := bindingOf(id)
	return binding != nil && binding.Scope == resolve.Universal
}

// passes takes a call of a function of the script with the record, or something in it, as an argument.
func (b *bodyUse) passes(call *syntax.CallExpr) bool {
	callee, ok := b.constant(call.Fn).(*starlark.Function)
	if !ok || !positionalOnly(call.Args) || len(call.Args) > positional(callee) {
		return false
	}
	for n, arg := range call.Args {
		path, rest, ok := b.member(arg)
		if !ok {
			syntax.Walk(arg, b.visit)
			continue
		}
		b.walk(rest)
		b.parameter(b.source, callee, n, path, b.depth+1)
	}
	return true
}

// positionalOnly says that no argument has a name or is unpacked.
func positionalOnly(args []syntax.Expr) bool {
	return !slices.ContainsFunc(args, func(arg syntax.Expr) bool {
		switch a := arg.(type) {
		case *syntax.BinaryExpr:
			return a.Op == syntax.EQ
		case *syntax.UnaryExpr:
			return a.Op == syntax.STAR || a.Op == syntax.STARSTAR
		}
		return false
	})
}

// constant is the value of a literal string, or of a name that is bound outside of the function; nil for anything
// else. Such names never change once the module is loaded.
func (b *bodyUse) constant(e syntax.Expr) starlark.Value {
	switch e := unparen(e).(type) {
	case *syntax.Literal:
		if text, ok := e.Value.(string); ok && e.Token == syntax.STRING {
			return starlark.String(text)
		}
	case *syntax.Ident:
		binding := bindingOf(e)
		switch {
		case binding == nil:
		case binding.Scope == resolve.Global:
			return b.fn.Globals()[e.Name]
		case binding.Scope == resolve.Free && !b.inner:
			_, v := b.fn.FreeVar(binding.Index)
			return v
		}
	}
	return nil
}
