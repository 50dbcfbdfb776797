package kernel

import (
	"fmt"
	"slices"

	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// A keyedReader goes through the text of a function as if it ran it, with shades in place of values. Whatever
// could make a reducer do more than add to its state ends the reading with a Refusal.
type keyedReader struct {
	d         *Delta // nil: the function is no reducer
	source    Source
	fn        *resolve.Function
	module    *starlark.Module
	closure   *starlark.Function
	vars      []shade // of fn.Locals
	writes    []bool  // of fn.Locals
	stateName string
	line      int32
	depth     int             // of calls
	ensured   map[string]bool // texts of keys that are there
	asking    map[string]bool // texts of keys that are there in the branch that is read
	dirty     bool            // a call of this statement may have changed a list or a dict
	record    *Func           // how records are passed; nil: not known
	loops     int             // around what is read
	several   bool            // a record may add to a part several times
	stored    []shade         // parts that were changed
	result    shade
	effect    bool // of a function that is called with the state: what it returns is not used
}

const maxReadDepth = 6

func newKeyedReader(d *Delta, source Source, fn *starlark.Function) *keyedReader {
	r := &keyedReader{d: d, source: source, closure: fn, module: fn.Module(), stateName: "the state", ensured: map[string]bool{}, asking: map[string]bool{}}
	switch n := source(fn).(type) {
	case *syntax.DefStmt:
		r.fn, _ = n.Function.(*resolve.Function)
	case *syntax.LambdaExpr:
		r.fn, _ = n.Function.(*resolve.Function)
	}
	if r.fn == nil {
		refuse(0, "calls %s, whose text is not known", fn.Name())
	}
	if r.fn.HasVarargs || r.fn.HasKwargs || r.fn.NumKwonlyParams > 0 {
		refuse(int32(r.fn.Pos.Line), "has a star among its parameters")
	}
	r.vars = make([]shade, len(r.fn.Locals))
	r.writes = written(r.fn)
	for i := range r.fn.Params {
		r.vars[i] = anything
	}
	return r
}

// fixed says that a local variable is a parameter that is never assigned to: records are frozen.
func (r *keyedReader) fixed(local int) bool { return local < len(r.fn.Params) && !r.writes[local] }

// reducer reads the function of a reducer.
func (r *keyedReader) reducer(red *Reducer, records *shade) {
	if len(r.fn.Params) < 2 {
		refuse(r.line, "takes too few parameters")
	}
	r.stateName = r.fn.Locals[0].First.Name
	r.record = red.Fn
	r.vars[0] = shade{kind: entry}
	if r.d.Keyed {
		r.vars[0] = shade{kind: dictState}
	}
	if records != nil {
		r.bindRecord(red.Fn, 1, *records)
	}
	if ends := r.block(r.fn.Body); !ends {
		refuse(int32(r.fn.Pos.Line), "does not return %s at its end", r.stateName)
	}
}

// bindRecord gives parameters from own on the shade of the record, or of its fields.
func (r *keyedReader) bindRecord(fn *Func, own int, record shade) {
	if fn.Spread == 0 {
		r.vars[own] = record
		return
	}
	for i := range fn.Spread {
		r.vars[own+i] = anything
		if record.elems != nil && len(record.elems) == fn.Spread {
			r.vars[own+i] = record.elems[i]
		}
	}
}

// free reads an expression that must not depend on the state.
func (r *keyedReader) free(e syntax.Expr) shade {
	if e == nil {
		return anything
	}
	x := r.expr(e)
	switch {
	case x.kind == dictState:
		refuseAt(e, "uses %s otherwise than by adding to one of its keys", r.stateName)
	case x.stateful():
		refuseAt(e, "uses a value of %s otherwise than by adding to it", r.stateName)
	}
	return x
}

func (r *keyedReader) expr(e syntax.Expr) shade {
	if line := lineOf(e); line > 0 {
		r.line = line
	}
	switch e := e.(type) {
	case *syntax.ParenExpr:
		return r.expr(e.X)
	case *syntax.Literal:
		if _, text := e.Value.(string); !text && e.Token == syntax.INT {
			return anInt
		}
		return anything
	case *syntax.Ident:
		return r.name(e)
	case *syntax.UnaryExpr:
		x := r.free(e.X)
		return shade{kind: free, whole: x.whole && e.Op != syntax.NOT}
	case *syntax.BinaryExpr:
		return r.binary(e)
	case *syntax.CondExpr:
		return r.conditional(e)
	case *syntax.TupleExpr:
		return r.display(e.List, TupleOf)
	case *syntax.ListExpr:
		return r.display(e.List, ListOf)
	case *syntax.IndexExpr:
		return r.index(e)
	case *syntax.SliceExpr:
		x := r.free(e.X)
		r.free(e.Lo)
		r.free(e.Hi)
		r.free(e.Step)
		return shade{kind: free, elem: x.elem}
	case *syntax.CallExpr:
		return r.call(e)
	case *syntax.DotExpr:
		r.free(e.X)
		return anything
	case *syntax.Comprehension:
		return r.comprehension(e)
	case *syntax.DictExpr:
		for _, entry := range e.List {
			r.free(entry.(*syntax.DictEntry).Key)
			r.free(entry.(*syntax.DictEntry).Value)
		}
		return anything
	}
	refuseAt(e, "makes a function")
	return anything
}

func (r *keyedReader) name(id *syntax.Ident) shade {
	b, ok := id.Binding.(*resolve.Binding)
	if !ok {
		refuseAt(id, "uses %s", id.Name)
	}
	switch b.Scope {
	case resolve.Local, resolve.Cell:
		x := r.vars[b.Index]
		if x.kind == unset {
			return anything
		}
		return x
	case resolve.Universal:
		if id.Name == "print" {
			refuseAt(id, "uses print")
		}
	case resolve.Predeclared:
		if id.Name == "random" {
			refuseAt(id, "uses random")
		}
	}
	if v := r.constant(id); v != nil {
		return shadeOf(v)
	}
	return anything
}

// constant is the value that a name always has, nil if it is a local variable or not known.
func (r *keyedReader) constant(e syntax.Expr) starlark.Value {
	id, ok := unparen(e).(*syntax.Ident)
	if !ok {
		return nil
	}
	b, _ := id.Binding.(*resolve.Binding)
	switch {
	case b == nil:
	case b.Scope == resolve.Global:
		return r.module.Globals()[id.Name]
	case b.Scope == resolve.Free && r.closure != nil && b.Index < r.closure.NumFreeVars():
		_, v := r.closure.FreeVar(b.Index)
		return v
	}
	return nil
}

// constantInt is the number that an expression always is.
func (r *keyedReader) constantInt(e syntax.Expr) (int64, bool) {
	switch e := unparen(e).(type) {
	case *syntax.Literal:
		i, ok := e.Value.(int64)
		return i, ok
	case *syntax.UnaryExpr:
		i, ok := r.constantInt(e.X)
		return -i, ok && e.Op == syntax.MINUS
	case *syntax.Ident:
		if i, ok := r.constant(e).(starlark.Int); ok {
			return i.Int64()
		}
	}
	return 0, false
}

func (r *keyedReader) binary(e *syntax.BinaryExpr) shade {
	if (e.Op == syntax.IN || e.Op == syntax.NOT_IN) && r.isState(e.Y) {
		refuseAt(e, "asks which keys %s has", r.stateName)
	}
	if x, ok := r.orDefault(e); ok {
		return x
	}
	x, y := r.expr(e.X), r.expr(e.Y)
	switch {
	case x.stateful() && !y.stateful() && (e.Op == syntax.PLUS || e.Op == syntax.MINUS):
		return r.add(x, y, e.Op, e.Y)
	case y.stateful() && !x.stateful() && e.Op == syntax.PLUS:
		return r.add(y, x, e.Op, e.X)
	case x.stateful() || y.stateful():
		refuseAt(e, "uses %s otherwise than by adding to its numbers", r.stateName)
	}
	switch e.Op {
	case syntax.PLUS, syntax.MINUS, syntax.STAR, syntax.SLASHSLASH, syntax.PERCENT, syntax.AMP, syntax.PIPE, syntax.CIRCUMFLEX, syntax.LTLT, syntax.GTGT:
		return shade{kind: free, whole: x.whole && y.whole}
	case syntax.AND, syntax.OR:
		return joinFree(x, y)
	}
	return anything
}

// add is a part to which something is added.
func (r *keyedReader) add(x, y shade, op syntax.Token, what syntax.Expr) shade {
	p := r.partOf(x)
	if p.other != "" {
		refuse(r.line, "adds to a key that need not be 0 at first")
	}
	p.part = r.joinKind(p.part, PartSum)
	p.whole = p.whole && y.whole
	text := r.textOf(what)
	if op == syntax.MINUS {
		text = "less " + text
	}
	p.added = append(p.added[:len(p.added):len(p.added)], text)
	r.mustBeInt(p, what)
	return p
}

// mustBeInt sees to it that what may be no int is added in order: once by each record.
func (r *keyedReader) mustBeInt(p shade, what syntax.Expr) {
	if r.loops > 0 || len(p.added) > 1 {
		r.several = true
	}
	if !p.whole {
		r.d.Ordered = true
	}
	if r.several && r.d.Ordered {
		refuseAt(what, "adds what is not known to be an int, several times")
	}
}

// constantNumber is the number that an expression always is; nil: it is none.
func (r *keyedReader) constantNumber(e syntax.Expr) starlark.Value {
	if n, ok := r.constantInt(e); ok {
		return starlark.MakeInt64(n)
	}
	switch e := unparen(e).(type) {
	case *syntax.Literal:
		if x, ok := e.Value.(float64); ok {
			return starlark.Float(x)
		}
	case *syntax.Ident:
		if x, ok := r.constant(e).(starlark.Float); ok {
			return x
		}
	}
	return nil
}

func (r *keyedReader) conditional(e *syntax.CondExpr) shade {
	if key, in, ok := r.membership(e.Cond); ok {
		there, missing := e.True, e.False
		if !in {
			there, missing = missing, there
		}
		return r.eitherKey(key, there, missing)
	}
	r.free(e.Cond)
	a := r.expr(e.True)
	b := r.expr(e.False)
	if p, other := a, b; r.d != nil && (p.stateful() != other.stateful()) {
		refuseAt(e, "replaces %s", r.stateName)
	}
	return r.join(a, b)
}

func (r *keyedReader) display(list []syntax.Expr, shape Shape) shade {
	elems := make([]shade, len(list))
	some := false
	for i, e := range list {
		elems[i] = r.expr(e)
		some = some || elems[i].stateful()
	}
	if !some {
		x := shade{kind: free, elems: elems}
		if shape == ListOf {
			x.elems = nil
			all := shade{}
			for _, e := range elems {
				all = joinFree(all, e)
			}
			if all.kind == free || len(elems) == 0 {
				x.elem = &all
			}
		}
		return x
	}
	if shape != r.d.Shape || len(elems) != len(r.d.Parts) {
		refuse(r.line, "makes another kind of state")
	}
	all := make([]shade, len(elems))
	for i, x := range elems {
		if !x.stateful() {
			refuse(r.line, "replaces a number of %s", r.stateName)
		}
		if x.kind != part {
			r.partsOf(x)
			refuse(r.line, "makes another kind of state")
		}
		if x.index != i || x.key != elems[0].key {
			refuse(r.line, "moves a number of %s", r.stateName)
		}
		all[i] = x
	}
	return shade{kind: allParts, key: all[0].key, elems: all}
}

func (r *keyedReader) index(e *syntax.IndexExpr) shade {
	x := r.expr(e.X)
	line := r.line
	switch x.kind {
	case dictState:
		r.free(e.Y)
		key := r.textOf(e.Y)
		if !r.ensured[key] && !r.asking[key] {
			refuse(line, "reads a key of %s that may be missing", r.stateName)
		}
		return shade{kind: entry, key: key}
	case entry, allParts:
		all := r.partsOf(x)
		i, ok := r.constantInt(e.Y)
		if i < 0 {
			i += int64(len(all))
		}
		if r.d.Shape == Scalar || !ok || i < 0 || i >= int64(len(all)) {
			refuse(line, "reads a number of %s that is not known", r.stateName)
		}
		return all[i]
	case part, stale:
		r.partsOf(x)
		refuse(line, "uses a number of %s otherwise than by adding to it", r.stateName)
	}
	r.free(e.Y)
	if name, ok := unparen(e.Y).(*syntax.Literal); ok && slices.Contains(x.ints, fmt.Sprint(name.Value)) {
		return shade{kind: free, whole: true, null: true}
	}
	if i, ok := r.constantInt(e.Y); ok {
		return x.element(int(i))
	}
	return x.element(-1)
}

func (r *keyedReader) comprehension(e *syntax.Comprehension) shade {
	for _, clause := range e.Clauses {
		switch c := clause.(type) {
		case *syntax.ForClause:
			seq := r.free(c.X)
			r.assign(c.Vars, seq.element(-1))
		case *syntax.IfClause:
			r.free(c.Cond)
		}
	}
	if entry, ok := e.Body.(*syntax.DictEntry); ok {
		r.free(entry.Key)
		r.free(entry.Value)
		return anything
	}
	elem := r.free(e.Body)
	return shade{kind: free, elem: &elem}
}

// isState says that an expression is the name of the state, a dict.
func (r *keyedReader) isState(e syntax.Expr) bool {
	id, ok := unparen(e).(*syntax.Ident)
	if !ok {
		return false
	}
	b, ok := id.Binding.(*resolve.Binding)
	return ok && (b.Scope == resolve.Local || b.Scope == resolve.Cell) && r.vars[b.Index].kind == dictState
}
