package kernel

import (
	"github.com/flowsh/flowsh/engine/chunk"
	"go.starlark.net/starlark"
)

// A call is a function of a reducer compiled for types of its own arguments and of the record. It holds nothing that
// changes, so that all folders of a reducer share it.
type call struct {
	own     []*Type // of the arguments that stand before the record, each a starlark.Value
	at      []slot  // where those stand
	take    []unboxer
	input   *Type // of the record; nil: the function takes none
	load    code
	run     code // leaves the result at out
	result  boxer
	out     slot
	first   boxer // of the first argument
	width   int   // cells that it takes
	views   bool  // what a record holds comes as it is, because the arguments can keep nothing
	closed  bool  // the result is of the type of the first argument: the next record goes on with it
	cost    int64
	used    int // slots
	columns [][]int
}

// maxClosing is how often the type of a state may grow until its function gives the same type.
const maxClosing = 4

// compileCall compiles a function of a reducer. If the type of its first argument can grow until the result is of
// the same type, it is compiled for that. The error is a *Refusal.
func compileCall(fn *Func, using starlark.Value, env *Env, own []*Type, input *Type, folds bool) (*call, error) {
	p, result, err := buildCall(fn, using, env, own, input, folds)
	if err != nil || !folds || p.closed {
		return p, err
	}
	open := p
	for range maxClosing {
		c := new(compiler)
		wider := c.join(own[0], result)
		if loosens(wider, own[0]) || !stateType(wider) {
			break
		}
		own = []*Type{wider}
		if p, result, err = buildCall(fn, using, env, own, input, folds); err != nil {
			break
		}
		if p.closed {
			return p, nil
		}
	}
	return open, nil
}

// loosens says that a type holds Values of unknown type where another one does not.
func loosens(t, than *Type) bool {
	switch {
	case t.kind == boxedAny:
		return than.kind != boxedAny
	case t.kind == optional && than.kind != optional:
		return than.kind == none && holdsAny(t) || than.kind != none && loosens(t.elems[0], than)
	case t.kind != than.kind || len(t.elems) != len(than.elems):
		return holdsAny(t)
	}
	for i := range t.elems {
		if loosens(t.elems[i], than.elems[i]) {
			return true
		}
	}
	return false
}

// holdsAny says that values of a type hold Values of unknown type, which may be containers.
func holdsAny(t *Type) bool {
	if t.kind == boxedAny {
		return true
	}
	for _, e := range t.elems {
		if holdsAny(e) {
			return true
		}
	}
	return false
}

// stateType says that Values can be brought into cells of a type.
func stateType(t *Type) bool {
	switch t.kind {
	case none, boolean, integer, float, str, byteStr, boxedAny:
		return true
	case tuple, optional:
		for _, e := range t.elems {
			if !stateType(e) {
				return false
			}
		}
		return true
	}
	return false
}

// buildCall compiles a function for types as they are. It gives the type of the result too.
func buildCall(fn *Func, using starlark.Value, env *Env, own []*Type, input *Type, folds bool) (*call, *Type, error) {
	b := newBuilder(new(Chain), env)
	c := b.compiler
	c.keeps = true
	for _, t := range own {
		c.detach = c.detach || holdsAny(t)
	}
	callee, ok := fn.Callable.(*starlark.Function)
	if !ok {
		return nil, nil, &Refusal{What: "is a function that is not the script's"}
	}
	var p *call
	var result *Type
	err := c.compile(func() {
		p = &call{own: own, input: input, views: !c.detach}
		var args []operand
		for _, t := range own {
			at := c.slots(t.width)
			p.at = append(p.at, at)
			p.take = append(p.take, unboxerOf(t))
			args = append(args, heldIn(t, at))
		}
		if input != nil {
			record := heldIn(input, c.slots(input.width))
			if input.width == 0 {
				record.held = false
			}
			b.record = record.at
			p.load = c.loader(input, nil, record.at)
			more, unspread := b.spread(fn, record)
			if unspread {
				refuse(0, "gets records of another shape")
			}
			args = append(args, more...)
			if fn.Using {
				args = append(args, b.constant(using))
			}
		}
		o := b.scope(0, callee, fn).enter(args, nil)
		if o.typ.kind == unknown {
			p.run, result = fails, unknownType
			p.result = func(f *frame, _ []cell) starlark.Value { fails(f); return nil }
			return
		}
		result = o.typ
		if folds && o.typ.kind != none && equal(new(compiler).join(own[0], o.typ), own[0]) || folds && equal(o.typ, own[0]) {
			p.closed = true
			o = c.convert(o, own[0], c.line)
		}
		c.noteBoxed(o.typ)
		put, held := c.place(o)
		p.run, p.out = some(put), held.at
		if o.typ.width == 0 {
			p.run = c.evaluate(o)
		}
		p.result = c.boxer(o.typ, c.line, 0)
		if folds {
			p.first, p.width = c.boxer(own[0], c.line, 0), own[0].width
		}
		p.cost = c.nodes * nodeSteps
		p.used = c.next
	})
	if err != nil {
		return nil, nil, err
	}
	p.columns = c.paths
	return p, result, nil
}

// accepts says that the call was compiled for records as in a column.
func (p *call) accepts(records *chunk.Column) bool {
	return p.input == nil && records == nil || p.input != nil && records != nil && fits(records, p.input)
}

// enter puts the own arguments into their slots, if they are of the types that the call was compiled for.
func (p *call) enter(f *frame, own []starlark.Value) bool {
	if len(own) != len(p.own) {
		return false
	}
	for i, v := range own {
		at := int(p.at[i])
		if !p.take[i](v, f.slots[at:at+p.own[i].width]) {
			return false
		}
	}
	return true
}
