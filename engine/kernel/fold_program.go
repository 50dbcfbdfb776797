package kernel

import (
	"slices"

	"github.com/flowsh/flowsh/engine/value"

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
	closed  bool  // the next state is of the type of the first argument: the next record goes on with it
	emits   bool  // the next state stands behind a list of records in the result
	cost    int64
	used    int // slots
	columns [][]int
}

// A role is what the result of a function of a reducer is to the reducer.
type role int

const (
	gives role = iota // a value
	folds             // the next state
	scans             // (records, next state)
	lists             // as scans, where no state can keep a list: the records need be no list of Starlark's
)

// maxClosing is how often the type of a state may grow until its function gives the same type.
const maxClosing = 4

// compileCall compiles a function of a reducer. If the type of its first argument can grow until the result is of
// the same type, it is compiled for that. The error is a *Refusal.
func compileCall(fn *Func, using starlark.Value, env *Env, own []*Type, input *Type, role role) (*call, error) {
	if role == scans && !holdsAny(own[0]) {
		if p, err := closeCall(fn, using, env, own, input, lists); err == nil && p.closed {
			return p, nil
		}
	}
	return closeCall(fn, using, env, own, input, role)
}

// closeCall is compileCall for a role as it is.
func closeCall(fn *Func, using starlark.Value, env *Env, own []*Type, input *Type, role role) (*call, error) {
	p, result, err := buildCall(fn, using, env, own, input, role)
	if err != nil || p.closed {
		return p, err
	}
	open := p
	for range maxClosing {
		next := role.state(result)
		if next == nil {
			break
		}
		wider := new(compiler).join(own[0], next)
		if loosens(wider, own[0]) || !stateType(wider) {
			break
		}
		own = []*Type{wider}
		if p, result, err = buildCall(fn, using, env, own, input, role); err != nil {
			break
		}
		if p.closed {
			return p, nil
		}
	}
	return open, nil
}

// state is the type of the next state in a result; nil: there is none.
func (r role) state(result *Type) *Type {
	switch {
	case r == folds:
		return result
	case (r == scans || r == lists) && result.kind == tuple && len(result.elems) == 2 && result.elems[0].kind == list_:
		return result.elems[1]
	}
	return nil
}

// closes says that a next state can be brought into the cells of the state before.
func closes(state, next *Type) bool {
	return equal(next, state) || next.kind != none && equal(new(compiler).join(state, next), state)
}

// owned says that boxed values of a type are no views: what was boxed before may be one.
func owned(t *Type) bool {
	switch t.kind {
	case none, boolean, integer, float, str, byteStr:
		return true
	case list_:
		return owned(t.elem.of())
	case tuple, optional:
		return !slices.ContainsFunc(t.elems, func(e *Type) bool { return !owned(e) })
	}
	return false
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
func buildCall(fn *Func, using starlark.Value, env *Env, own []*Type, input *Type, role role) (*call, *Type, error) {
	b := newBuilder(new(Chain), env)
	c := b.compiler
	c.keeps = role != lists
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
		if next := role.state(o.typ); next != nil && closes(own[0], next) {
			p.closed, p.emits = true, role != folds
			wanted := own[0]
			if p.emits {
				wanted = tupleOf([]*Type{o.typ.elems[0], own[0]})
			}
			o = c.convert(o, wanted, c.line)
		}
		if role == lists && p.emits { // nobody changes the list of records any more when it is boxed
			c.noteBoxed(o.typ.elems[0].elem.of())
			c.noteBoxed(o.typ.elems[1])
		} else {
			c.noteBoxed(o.typ)
		}
		put, held := c.place(o)
		p.run, p.out = some(put), held.at
		if o.typ.width == 0 {
			p.run = c.evaluate(o)
		}
		p.result = c.boxer(o.typ, c.line, 0)
		p.views = p.views && !(c.keeps && owned(o.typ))
		if role != gives {
			p.first, p.width = c.boxer(own[0], c.line, 0), own[0].width
			if box := p.first; !c.keeps {
				p.first = func(f *frame, cells []cell) starlark.Value { return value.Detach(box(f, cells)) }
			}
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
