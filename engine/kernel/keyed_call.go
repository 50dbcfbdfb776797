package kernel

import (
	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// call reads a call: of a method of the state, of max and min with a part of it, or of anything with values that
// do not depend on it.
func (r *keyedReader) call(e *syntax.CallExpr) shade {
	switch fn := unparen(e.Fn).(type) {
	case *syntax.DotExpr:
		if r.isState(fn.X) {
			return r.stateMethod(fn.Name.Name, e)
		}
		return r.method(fn, e)
	case *syntax.Ident:
		if b, ok := fn.Binding.(*resolve.Binding); ok && b.Scope == resolve.Universal {
			return r.universal(fn, e)
		}
	}
	r.free(e.Fn)
	args := r.freeArguments(e)
	callee, _ := r.constant(e.Fn).(starlark.Callable)
	switch fn := callee.(type) {
	case *starlark.Function:
		r.dirty = true
		return r.helper(fn, e, args)
	case *starlark.Builtin:
		return anything
	}
	if b, ok := unparen(e.Fn).(*syntax.Ident); ok {
		if at, ok := b.Binding.(*resolve.Binding); ok && at.Scope == resolve.Predeclared {
			return anything
		}
	}
	refuseAt(e, "calls what is not known before the job runs")
	return anything
}

// freeArguments reads arguments that must not depend on the state. Of a lambda all that matters is that it does
// not know the state.
func (r *keyedReader) freeArguments(e *syntax.CallExpr) []shade {
	args := make([]shade, len(e.Args))
	for i, a := range e.Args {
		switch x := a.(type) {
		case *syntax.BinaryExpr:
			if x.Op == syntax.EQ {
				a = x.Y
			}
		case *syntax.UnaryExpr:
			if x.Op == syntax.STAR || x.Op == syntax.STARSTAR {
				a = x.X
			}
		}
		if lambda, ok := unparen(a).(*syntax.LambdaExpr); ok {
			r.lambda(lambda)
			args[i] = anything
			continue
		}
		args[i] = r.free(a)
	}
	return args
}

// lambda looks for what a function in the text must not use.
func (r *keyedReader) lambda(e *syntax.LambdaExpr) {
	syntax.Walk(e, func(n syntax.Node) bool {
		id, ok := n.(*syntax.Ident)
		if !ok {
			return true
		}
		b, _ := id.Binding.(*resolve.Binding)
		switch {
		case b == nil:
		case b.Scope == resolve.Universal && id.Name == "print", b.Scope == resolve.Predeclared && id.Name == "random":
			refuseAt(id, "uses %s", id.Name)
		case b.Scope == resolve.Free && r.d != nil:
			for i, v := range r.fn.Locals {
				if v.First != nil && v.First.Name == id.Name && r.vars[i].stateful() {
					refuseAt(id, "uses %s in a function of its own", id.Name)
				}
			}
		case b.Scope == resolve.Global:
			if fn, ok := r.constant(id).(*starlark.Function); ok {
				r.called(fn, nil)
			}
		}
		return true
	})
}

// changing is the methods that change what they belong to.
var changing = map[string]bool{
	"append": true, "extend": true, "insert": true, "remove": true, "pop": true, "clear": true,
	"popitem": true, "setdefault": true, "update": true, "add": true, "discard": true,
}

func (r *keyedReader) method(fn *syntax.DotExpr, e *syntax.CallExpr) shade {
	if id, ok := unparen(fn.X).(*syntax.Ident); ok {
		if b, ok := id.Binding.(*resolve.Binding); ok && b.Scope == resolve.Predeclared {
			r.name(id)
			r.freeArguments(e)
			return anything
		}
	}
	x := r.free(fn.X)
	r.freeArguments(e)
	switch name := fn.Name.Name; {
	case changing[name]:
		r.dirty = true
		return x.element(-1)
	case name == "split" || name == "splitlines" || name == "rsplit":
		elem := anything
		return shade{kind: free, elem: &elem}
	case name == "count" || name == "find" || name == "rfind":
		return anInt
	}
	return anything
}

// universal reads a call of one of Starlark's own functions.
func (r *keyedReader) universal(fn *syntax.Ident, e *syntax.CallExpr) shade {
	r.name(fn)
	if (fn.Name == "max" || fn.Name == "min") && len(e.Args) > 1 && positionalArgs(e.Args) {
		return r.extreme(fn.Name, e)
	}
	args := r.freeArguments(e)
	switch fn.Name {
	case "len", "hash", "ord":
		return anInt
	case "int":
		return anInt
	case "abs":
		return shade{kind: free, whole: len(args) == 1 && args[0].whole}
	case "range":
		elem := anInt
		return shade{kind: free, elem: &elem}
	case "list", "sorted", "reversed", "tuple", "set":
		if len(args) > 0 {
			elem := args[0].element(-1)
			return shade{kind: free, elem: &elem}
		}
	case "enumerate":
		elem := shade{kind: free, elems: []shade{anInt, anything}}
		if len(args) > 0 {
			elem.elems[1] = args[0].element(-1)
		}
		return shade{kind: free, elem: &elem}
	}
	return anything
}

// extreme reads max(...) or min(...), of which one argument may be a part of the state.
func (r *keyedReader) extreme(name string, e *syntax.CallExpr) shade {
	var kept *shade
	whole := true
	var texts []string
	for _, a := range e.Args {
		x := r.expr(a)
		if x.stateful() {
			p := r.partOf(x)
			if kept != nil {
				refuseAt(e, "compares numbers of %s", r.stateName)
			}
			kept = &p
			continue
		}
		whole = whole && x.whole
		texts = append(texts, r.textOf(a))
	}
	if kept == nil {
		return shade{kind: free, whole: whole}
	}
	kind := PartMost
	if name == "min" {
		kind = PartLeast
	}
	kept.part = r.joinKind(kept.part, kind)
	kept.whole = kept.whole && whole
	kept.added = append(kept.added[:len(kept.added):len(kept.added)], texts...)
	for _, text := range texts {
		if text == kept.other {
			kept.other = ""
		}
	}
	if !kept.whole {
		refuseAt(e, "compares what is not known to be an int")
	}
	return *kept
}

// helper reads a function of the script that is called with values that do not depend on the state.
func (r *keyedReader) helper(fn *starlark.Function, e *syntax.CallExpr, args []shade) shade {
	if !positionalArgs(e.Args) {
		args = nil
	}
	return r.called(fn, args)
}

// called is what a function returns. Functions that are too deep to be read return anything, and may do anything.
func (r *keyedReader) called(fn *starlark.Function, args []shade) shade {
	if r.depth >= maxReadDepth {
		refuse(r.line, "calls functions too deep, or itself")
	}
	inner := newKeyedReader(nil, r.source, fn)
	inner.depth = r.depth + 1
	for i := range inner.fn.Params {
		if i < len(args) {
			inner.vars[i] = args[i]
		}
	}
	if ends := inner.block(inner.fn.Body); !ends {
		return anything
	}
	return inner.result
}
