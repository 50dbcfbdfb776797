package kernel

import (
	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// A keyFinder gives the key of a state that a reducer changes, called with some arguments; nil where that fails.
type keyFinder func(args starlark.Tuple) starlark.Value

// finder makes a keyFinder of the expression of a key; nil: the expression is too hard.
func (r *keyedReader) finder(e syntax.Expr, depth int) keyFinder {
	if depth > maxReadDepth {
		return nil
	}
	find := func(e syntax.Expr) keyFinder { return r.finder(e, depth+1) }
	switch e := unparen(e).(type) {
	case *syntax.Literal:
		if v := constantOf(e); v != nil {
			return func(starlark.Tuple) starlark.Value { return v }
		}
	case *syntax.Ident:
		return r.nameFinder(e, depth)
	case *syntax.IndexExpr:
		return combine(find(e.X), find(e.Y), indexValue)
	case *syntax.BinaryExpr:
		return combine(find(e.X), find(e.Y), func(x, y starlark.Value) starlark.Value {
			v, err := starlark.Binary(e.Op, x, y)
			if err != nil {
				return nil
			}
			return v
		})
	case *syntax.SliceExpr:
		return r.sliceFinder(e, find(e.X))
	case *syntax.TupleExpr:
		elems := make([]keyFinder, len(e.List))
		for i, x := range e.List {
			if elems[i] = find(x); elems[i] == nil {
				return nil
			}
		}
		return func(args starlark.Tuple) starlark.Value {
			t := make(starlark.Tuple, len(elems))
			for i, elem := range elems {
				if t[i] = elem(args); t[i] == nil {
					return nil
				}
			}
			return t
		}
	case *syntax.CallExpr:
		return r.callFinder(e, depth)
	}
	return nil
}

func constantOf(e *syntax.Literal) starlark.Value {
	switch v := e.Value.(type) {
	case string:
		if e.Token == syntax.STRING {
			return starlark.String(v)
		}
	case int64:
		return starlark.MakeInt64(v)
	}
	return nil
}

func combine(x, y keyFinder, f func(x, y starlark.Value) starlark.Value) keyFinder {
	if x == nil || y == nil {
		return nil
	}
	return func(args starlark.Tuple) starlark.Value {
		u, v := x(args), y(args)
		if u == nil || v == nil {
			return nil
		}
		return f(u, v)
	}
}

// nameFinder finds an argument, a constant, or a variable that is assigned once.
func (r *keyedReader) nameFinder(id *syntax.Ident, depth int) keyFinder {
	if v := r.constant(id); v != nil {
		return func(starlark.Tuple) starlark.Value { return v }
	}
	b, ok := id.Binding.(*resolve.Binding)
	if !ok || b.Scope != resolve.Local && b.Scope != resolve.Cell {
		return nil
	}
	if r.fixed(b.Index) {
		return func(args starlark.Tuple) starlark.Value { return args[b.Index] }
	}
	var only syntax.Expr
	times, element := 0, -1
	is := func(target syntax.Expr) bool {
		t, ok := unparen(target).(*syntax.Ident)
		if !ok {
			return false
		}
		at, ok := t.Binding.(*resolve.Binding)
		return ok && (at.Scope == resolve.Local || at.Scope == resolve.Cell) && at.Index == b.Index
	}
	for _, stmt := range r.fn.Body {
		syntax.Walk(stmt, func(n syntax.Node) bool {
			switch n := n.(type) {
			case *syntax.AssignStmt:
				if is(n.LHS) && n.Op == syntax.EQ {
					only, times = n.RHS, times+1
				} else if is(n.LHS) {
					times += 2
				}
				targets, _ := targetsOf(n.LHS)
				for i, t := range targets {
					if is(t) {
						only, element, times = n.RHS, i, times+1
					}
				}
			case *syntax.ForStmt, *syntax.ForClause, *syntax.DefStmt, *syntax.LambdaExpr:
				times += 2 // it may be one of their variables
			}
			return true
		})
	}
	if times != 1 {
		return nil
	}
	value := r.finder(only, depth+1)
	if value == nil || element < 0 {
		return value
	}
	return func(args starlark.Tuple) starlark.Value {
		if seq, ok := value(args).(starlark.Indexable); ok && element < seq.Len() {
			return seq.Index(element)
		}
		return nil
	}
}

// sliceFinder is for slices of texts by numbers in the text of the script.
func (r *keyedReader) sliceFinder(e *syntax.SliceExpr, x keyFinder) keyFinder {
	var bounds [2]func(n int) int
	for i, end := range []syntax.Expr{e.Lo, e.Hi} {
		k, ok := r.constantInt(end)
		switch {
		case end == nil:
			bounds[i] = func(n int) int { return i * n }
		case !ok || k != int64(int32(k)):
			return nil
		case k < 0:
			bounds[i] = func(n int) int { return max(0, n+int(k)) }
		default:
			bounds[i] = func(n int) int { return min(n, int(k)) }
		}
	}
	if x == nil || e.Step != nil {
		return nil
	}
	return func(args starlark.Tuple) starlark.Value {
		text, ok := x(args).(starlark.String)
		if !ok {
			return nil
		}
		lo, hi := bounds[0](len(text)), bounds[1](len(text))
		return text[lo:max(lo, hi)]
	}
}

// callFinder is for calls of methods of texts and dicts, and of str, int and len.
func (r *keyedReader) callFinder(e *syntax.CallExpr, depth int) keyFinder {
	t := texter{fixed: r.fixed}
	if !positionalArgs(e.Args) || !t.repeatable(e) {
		return nil
	}
	args := r.finder(&syntax.TupleExpr{List: e.Args}, depth+1)
	if args == nil {
		return nil
	}
	var callee keyFinder
	switch fn := unparen(e.Fn).(type) {
	case *syntax.DotExpr:
		x := r.finder(fn.X, depth+1)
		if x == nil {
			return nil
		}
		callee = func(args starlark.Tuple) starlark.Value {
			if v, ok := x(args).(starlark.HasAttrs); ok {
				m, _ := v.Attr(fn.Name.Name)
				return m
			}
			return nil
		}
	case *syntax.Ident:
		if b, ok := fn.Binding.(*resolve.Binding); !ok || b.Scope != resolve.Universal {
			return nil
		}
		callee = func(starlark.Tuple) starlark.Value { return starlark.Universe[fn.Name] }
	default:
		return nil
	}
	return func(outer starlark.Tuple) starlark.Value {
		values, ok := args(outer).(starlark.Tuple)
		fn, called := callee(outer).(starlark.Callable)
		if !ok || !called {
			return nil
		}
		v, err := starlark.Call(new(starlark.Thread), fn, values, nil)
		if err != nil {
			return nil
		}
		return v
	}
}
