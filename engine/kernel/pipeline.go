package kernel

import (
	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// A program is a chain compiled for records of one type. It belongs to one runner.
type program struct {
	chain    *Chain
	input    *Type
	document *Type          // of the batch's documents; nil: there are none
	load     func(f *frame) // puts record f.row of the input into its slots
	run      code           // takes the record in its slots through the chain
	cost     int64          // steps that a record takes outside of loops
	search   *search        // for the records that can pass the first filter; nil: all of them are looked at
	columns  [][]int        // paths of the columns of the input that are read
	counted  []int          // the steps whose records are counted as they pass
	whole    *wholeBatch    // how it takes all records at once; nil: not
}

// A builder compiles a chain.
type builder struct {
	*compiler
	chain  *Chain
	scopes []*scope    // of steps and columns; nil where there is no function of the script
	elems  []*variable // per step: an element of what a flat_map returned
	counts []bool
	search *search

	whole   *wholeBatch
	outcome Forecast // of the last pass
}

// compileChain compiles a chain for an input type, and a type of documents that is nil if there are none. The error is a *Refusal.
func compileChain(chain *Chain, env *Env, input, document *Type) (*program, error) {
	b := newBuilder(chain, env)
	b.document = document
	return b.build(input)
}

func newBuilder(chain *Chain, env *Env) *builder {
	c := &compiler{env: env, constants: map[*starlark.List]*elemType{}}
	n := len(chain.Steps)
	b := &builder{compiler: c, chain: chain, scopes: make([]*scope, n+len(chain.Columns)+1), elems: make([]*variable, n), counts: make([]bool, n)}
	for k := range b.elems {
		b.elems[k] = &variable{typ: unknownType}
	}
	return b
}

func (b *builder) build(input *Type) (*program, error) {
	c, n := b.compiler, len(b.chain.Steps)
	p := &program{chain: b.chain, input: input, document: b.document}
	err := c.compile(func() {
		record := heldIn(input, c.slots(input.width))
		if input.kind == row || input.width == 0 {
			record.held = input.kind == row
		}
		b.record = record.at
		b.search = nil
		b.whole = b.beginWhole(&record)
		p.load = c.loader(input, nil, record.at)
		p.run = b.push(0, record)
		p.cost = (c.nodes + int64(n)) * nodeSteps
	})
	p.columns, p.search, p.whole = c.paths, b.search, b.whole
	for k, counted := range b.counts {
		if counted {
			p.counted = append(p.counted, k)
		}
	}
	return p, err
}

// push takes a record through the steps from k on.
func (b *builder) push(k int, record operand) code {
	if k == len(b.chain.Steps) {
		return b.leave(record)
	}
	s := &b.chain.Steps[k]
	b.step = k
	switch s.Kind {
	case Sample:
		return b.sample(k, s, record)
	case FlatMap:
		return b.flatMap(k, s, record)
	}
	b.whole = b.whole.returns(record)
	put, record := b.hold(record)
	var run code
	switch s.Kind {
	case Map:
		run = b.push(k+1, b.frozen(b.apply(k, s, record)))
	case MapValues:
		run = b.mapValues(k, s, record)
	case Filter, Reject:
		run = b.filter(k, s, record)
	case Lane:
		run = b.partition(k, s, record)
	case Route:
		run = b.route(k, s, record)
	default:
		refuse(0, "is a step that is not compiled")
	}
	if put == nil {
		return run
	}
	return func(f *frame) { put(f); run(f) }
}

// frozen freezes what a step returned.
func (b *builder) frozen(o operand) operand {
	if _, function := o.callee(); function {
		refuse(b.line, "returns a function")
	}
	switch {
	case o.typ.kind == boxedAny && o.constant == nil:
		g := o.value
		return operand{typ: anyType, boxes: o.boxes, value: func(f *frame) starlark.Value {
			v := g(f)
			v.Freeze()
			return v
		}}
	case o.typ.reference() && o.constant == nil:
		put, held := b.place(o)
		freeze := freezer(o.typ, 0)
		at, width := int(held.at), o.typ.width
		return after(func(f *frame) {
			some(put)(f)
			freeze(f.slots[at : at+width])
		}, held)
	}
	return o
}

// freezer freezes the lists in cells of a type.
func freezer(t *Type, depth int) func([]cell) {
	if depth > maxNesting {
		refuse(0, "returns a list that may hold itself")
	}
	switch t.kind {
	case list_:
		return listFreezer(t.elem.of(), depth)
	case boxedAny:
		return func(c []cell) { c[0].value().Freeze() }
	case tuple, optional:
		var parts []func([]cell)
		at := 0
		if t.kind == optional {
			at = 1
		}
		for _, e := range t.elems {
			if e.reference() || e.kind == boxedAny {
				inner, from := freezer(e, depth+1), at
				parts = append(parts, func(c []cell) { inner(c[from:]) })
			}
			at += e.width
		}
		present := t.kind == tuple
		return func(c []cell) {
			if present || c[0].n != 0 {
				for _, freeze := range parts {
					freeze(c)
				}
			}
		}
	}
	return func([]cell) {}
}

func listFreezer(elem *Type, depth int) func([]cell) {
	if !elem.reference() && elem.kind != boxedAny {
		return func(c []cell) { c[0].list().frozen = true }
	}
	inner, width := freezer(elem, depth+1), elem.width
	return func(c []cell) {
		l := c[0].list()
		l.frozen = true
		for i := range l.n {
			inner(l.at(i, width))
		}
	}
}

// apply compiles the function of step or column k, called with a record.
func (b *builder) apply(k int, s *Step, record operand) operand {
	fn := s.Fn
	switch {
	case fn.Selector != nil:
		return b.selected(fn.Selector, record)
	case fn.Returns >= 0:
		if fn.Spread == 0 {
			return record
		}
		args, unspread := b.spread(fn, record)
		if unspread {
			return never()
		}
		return args[fn.Returns]
	}
	switch callee := fn.Callable.(type) {
	case *starlark.Function:
		args, unspread := b.arguments(s, record)
		if unspread {
			return never()
		}
		return b.scope(k, callee, fn).enter(args, nil)
	case *starlark.Builtin:
		if callee.Receiver() == nil && !fn.Using {
			return b.bare().builtinOf(callee, []operand{record}, nil)
		}
	}
	refuse(0, "is a function that is not the script's")
	return operand{}
}

// scope is the scope of the function of step or column k.
func (b *builder) scope(k int, callee *starlark.Function, fn *Func) *scope {
	if b.scopes[k] == nil {
		b.source = fn.Source
		b.scopes[k] = b.instance(callee, 0)
	}
	return b.scopes[k]
}

// bare is a scope for code that stands in no function.
func (b *builder) bare() *scope {
	return &scope{compiler: b.compiler, fn: &resolve.Function{}, children: map[syntax.Node]*scope{}, made: map[syntax.Node]*elemType{}}
}

// arguments is what a step calls its function with.
func (b *builder) arguments(s *Step, record operand) (args []operand, unspread bool) {
	args, unspread = b.spread(s.Fn, record)
	if s.Fn.Using {
		args = append(args, b.constant(s.Using))
	}
	return args, unspread
}

// spread is a record as arguments. unspread says that it can never be spread.
func (b *builder) spread(fn *Func, record operand) (args []operand, unspread bool) {
	if fn.Spread == 0 {
		return []operand{record}, false
	}
	if record.typ.kind == boxedAny {
		return b.spreadBoxed(fn.Spread, record), false
	}
	if record.typ.kind != tuple || len(record.typ.elems) != fn.Spread {
		return nil, true
	}
	for i := range fn.Spread {
		args = append(args, record.element(i))
	}
	return args, false
}

func (b *builder) spreadBoxed(n int, record operand) []operand {
	g := record.value
	args := make([]operand, n)
	for i := range args {
		args[i] = operand{typ: anyType, value: func(f *frame) starlark.Value {
			t, ok := g(f).(starlark.Tuple)
			if !ok || len(t) != n {
				f.bail(otherType, 0)
			}
			return t[i]
		}}
	}
	return args
}

// selected compiles a selector.
func (b *builder) selected(sel *Selector, record operand) operand {
	switch {
	case sel.Whole:
		return record
	case sel.Elements != nil:
		elems := make([]operand, len(sel.Elements))
		for i, e := range sel.Elements {
			elems[i] = b.selected(e, record)
		}
		if len(elems) == 0 {
			return b.constant(starlark.Tuple{})
		}
		return b.tupleOf(elems)
	case record.typ.kind == unknown:
		return never()
	case sel.ByIndex && record.typ.kind == tuple:
		return b.constantElement(record, int64(sel.Index))
	case !sel.ByIndex && record.typ.kind == row:
		return b.field(record, sel.Field, 0)
	case record.typ.kind == boxedAny:
		g := record.value
		return operand{typ: anyType, value: func(f *frame) starlark.Value {
			v, err := sel.Select(g(f))
			if err != nil {
				f.bail(noKey, 0)
			}
			return v
		}}
	case sel.ByIndex && record.typ.kind == list_:
		return b.listElement(record, b.constant(starlark.MakeInt(sel.Index)), 0)
	}
	return never()
}

func (b *builder) filter(k int, s *Step, record operand) code {
	b.counts[k] = true
	cond := b.apply(k, s, record)
	must := cond.needle
	if s.Kind == Reject {
		must = cond.absent
	}
	if must != nil && k == 0 && must.in == record.at {
		b.search = &search{needle: must.text}
	}
	b.whole = b.whole.selects(k, cond)
	test := b.truthOf(cond)
	next := b.push(k+1, record)
	pass := s.Kind == Filter
	return func(f *frame) {
		if test(f) == pass {
			f.passed[k]++
			next(f)
		}
	}
}

func (b *builder) mapValues(k int, s *Step, record operand) code {
	if record.typ.kind != tuple || len(record.typ.elems) != 2 {
		if record.typ.kind != unknown {
			refuse(0, "gets records that are not known to be pairs")
		}
		return fails
	}
	value := b.frozen(b.apply(k, s, record.element(1)))
	if value.typ.kind == unknown {
		return fails
	}
	return b.push(k+1, b.tupleOf([]operand{record.element(0), value}))
}

func (b *builder) sample(k int, s *Step, record operand) code {
	b.counts[k] = true
	put, record := b.hold(record)
	put = some(put)
	next := b.push(k+1, record)
	return func(f *frame) {
		put(f)
		o := chunk.Ordinal{Position: f.in.Base + uint64(f.in.RelativeAt(f.row)), Sibling: f.sibling[k]}
		f.sibling[k]++
		if float64(o.Hash(s.Seed)>>11)/(1<<53) < s.Fraction {
			f.passed[k]++
			next(f)
		}
	}
}

func (b *builder) partition(k int, s *Step, record operand) code {
	key := b.apply(k, s, record)
	next := b.push(k+1, record)
	if s.Loose && scalarKey(key.typ) {
		return sequenceOf([]code{b.evaluate(key), next})
	}
	lane := b.laneOf(key, s.Lanes)
	return func(f *frame) {
		f.lane = lane(f)
		next(f)
	}
}

// route leaves what is neither a lane nor None to the interpreter.
func (b *builder) route(k int, s *Step, record operand) code {
	b.counts[k] = true
	to, lanes := b.box(b.apply(k, s, record), 0).value, s.Lanes
	next := b.push(k+1, record)
	return func(f *frame) {
		v := to(f)
		if v == starlark.None {
			return
		}
		lane, err := routeTo(v, lanes)
		if err != nil {
			f.bail(errorRaised, 0)
		}
		f.passed[k]++
		f.lane = lane
		next(f)
	}
}

// scalarKey says that a value of a type always is a key.
func scalarKey(t *Type) bool {
	switch t.kind {
	case none, boolean, integer, float, str, byteStr:
		return true
	}
	return false
}

func (b *builder) laneOf(key operand, lanes int) func(*frame) uint32 {
	lane := func(key []byte) uint32 { return uint32(value.Lane(value.HashKey(key), lanes)) }
	switch key.typ.kind {
	case str:
		g := key.text
		return func(f *frame) uint32 {
			var room [64]byte
			return lane(value.AppendKeyString(room[:0], g(f)))
		}
	case integer:
		g := key.int
		return func(f *frame) uint32 {
			var room [16]byte
			return lane(value.AppendKeyInt(room[:0], g(f)))
		}
	}
	g := b.box(key, 0).value
	return func(f *frame) uint32 {
		lane, err := laneOf(g(f), lanes)
		if err != nil {
			f.bail(errorRaised, 0)
		}
		return lane
	}
}

// flatMap goes through what the function returns, and through no list where it returns a display, a
// comprehension or the parts of a text.
func (b *builder) flatMap(k int, s *Step, record operand) code {
	b.counts[k] = true
	put, record := b.hold(record)
	put = some(put)
	elem := b.elems[k]
	to := b.slots(elem.typ.width)
	var next code
	var cost int64
	var through []sequence
	whole := b.whole
	each := func(q sequence) code {
		through = append(through, q)
		b.widen(elem, q.elem)
		from, convert := to, nothing
		if !equal(q.elem, elem.typ) {
			from = b.slots(q.elem.width)
			convert = storeAt(b.convert(heldIn(q.elem, from), elem.typ, b.line), to)
		}
		loop := q.each(from, func(f *frame) bool {
			f.spend(cost)
			convert(f)
			f.passed[k]++
			next(f)
			return true
		})
		return func(f *frame) { loop(f) }
	}
	body := b.emitting(k, s, record, each)
	before := b.nodes
	part := heldIn(elem.typ, to)
	split := b.splits(k, &record, through)
	b.whole = whole.through(&part, split)
	next = b.push(k+1, b.frozen(part))
	cost = (b.nodes - before + 1) * nodeSteps
	if split != nil {
		split.cost = cost
	}
	return func(f *frame) { put(f); body(f) }
}

// emitting compiles the function of a flat_map; each makes the loop over what is returned.
func (b *builder) emitting(k int, s *Step, record operand, each func(sequence) code) code {
	fn, ok := s.Fn.Callable.(*starlark.Function)
	if !ok || s.Fn.Returns >= 0 {
		return each(b.returned(b.apply(k, s, record)))
	}
	args, unspread := b.arguments(s, record)
	if unspread {
		return fails
	}
	inner := b.scope(k, fn, s.Fn)
	inner.emit = func(e syntax.Expr) code { return each(inner.emitted(e)) }
	bind := some(inner.bind(args, nil))
	body, ends := inner.block(inner.fn.Body)
	return func(f *frame) {
		bind(f)
		if body(f) != returned && !ends {
			fails(f) // None is no list of records
		}
	}
}

// emitted is what a flat_map returns, as a sequence of records.
func (s *scope) emitted(e syntax.Expr) sequence {
	switch x := unparen(e).(type) {
	case *syntax.Comprehension:
		if !x.Curly {
			return s.sequence(e, true)
		}
	case *syntax.ListExpr:
		return s.sequence(e, true)
	case *syntax.CallExpr:
		if q, ok := s.callSequence(x, true); ok {
			return q
		}
	}
	return s.returned(s.expr(e))
}

// returned is a value that a flat_map returned, as a sequence of records: only lists, and what else emits
// elements of a kind of its own.
func (c *compiler) returned(o operand) sequence {
	switch o.typ.kind {
	case list_, unknown:
		return c.through(o)
	case boxedAny:
		g := o.value
		return sequence{elem: anyType, each: func(to slot, body func(*frame) bool) func(*frame) bool {
			return func(f *frame) bool {
				elements, ok := value.Spread(g(f))
				if !ok {
					f.bail(otherType, 0)
				}
				elements(func(v starlark.Value) bool {
					f.slots[to&slotMask].setValue(v)
					return body(f)
				})
				return true
			}
		}}
	}
	return c.through(never())
}

// leave appends a record that came through all steps, and its columns.
func (b *builder) leave(record operand) code {
	b.whole = b.whole.returns(record)
	put, record := b.hold(record)
	if record.typ.kind == unknown {
		return fails
	}
	b.whole = b.whole.leave(record)
	codes := []code{some(put)}
	b.outcome = Forecast{Record: columnOf(record.typ)}
	for i := range b.chain.Columns {
		s := &b.chain.Columns[i]
		b.step = len(b.chain.Steps) + i
		o := b.frozen(b.apply(len(b.chain.Steps)+i, s, record))
		b.outcome.Columns = append(b.outcome.Columns, columnOf(o.typ))
		b.whole = b.whole.column(o)
		codes = append(codes, b.appendTo(o, func(f *frame) *chunk.Column { return &f.out.Columns[i] }))
	}
	b.step = len(b.chain.Steps) + len(b.chain.Columns)
	switch d := b.chain.Delta; {
	case d != nil && d.Keyed:
		return sequenceOf(append(codes, b.contributeKeys(d, record)))
	case d != nil:
		codes = append(codes, b.contribute(d, record))
	case !b.chain.Discard:
		codes = append(codes, b.appendTo(b.noFunction(record), func(f *frame) *chunk.Column { return &f.out.Column }))
	}
	return sequenceOf(append(codes, b.complete()))
}

// complete ends a row of the output.
func (b *builder) complete() code {
	lanes := b.chain.laned()
	return func(f *frame) {
		f.out.Len++
		f.out.Relative = append(f.out.Relative, f.in.RelativeAt(f.row))
		if lanes || len(f.in.Lanes) > 0 {
			f.out.Lanes = append(f.out.Lanes, f.lane)
		}
	}
}

// noFunction leaves records that are functions to the interpreter, which refuses them.
func (b *builder) noFunction(o operand) operand {
	if o.typ.kind != boxedAny {
		return o
	}
	g := o.value
	return operand{typ: anyType, value: func(f *frame) starlark.Value {
		v := g(f)
		if _, function := v.(starlark.Callable); function {
			f.bail(otherType, 0)
		}
		return v
	}}
}
