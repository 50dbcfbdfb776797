package kernel

import (
	"go.starlark.net/starlark"
)

// An operand is the code of an expression, in the form that suits its type. Each evaluation calls one of its
// functions once; only an operand that is held or constant may be evaluated more often.
type operand struct {
	typ      *Type
	constant starlark.Value // what it always is; nil: it depends on the record
	held     bool           // it stands in slots from at on
	at       slot
	apart    bool                    // it does not read the variable that it is assigned to
	elems    []operand               // of a tuple display, in the order of their evaluation
	form     *form                   // integer: how it is made of a variable; nil: not so simply
	sum      *[2]func(*frame) string // str: the two texts that it is the sum of; nil: it is no such sum
	parts    *parts                  // list: it need not be made for some of its elements; nil: it is no split
	either   *choice                 // integer: it is one of two; nil: not so simply
	needle   *needle                 // boolean: what must stand in a variable for it to be true; nil: nothing is known
	absent   *needle                 // boolean: what must stand in a variable for it to be false; nil: nothing is known
	found    *needle                 // integer: what must stand in a variable for it to be 0 or more; it is -1 otherwise
	test     *test                   // boolean: how it is made of a variable; nil: not so simply
	vector   *vector                 // how it is computed for all records at once; nil: not so simply
	boxes    *vector                 // boxedAny: the column of the input that has it; nil: it is no such thing
	sure     bool                    // tuple: it is known that it cannot fail
	pick     func(i int) operand     // tuple: one of its elements, for less than all of them; nil: there is no such way

	do    code // none: for its effect; nil: no effect
	int   func(*frame) int64
	float func(*frame) float64
	truth func(*frame) bool // boolean
	text  func(*frame) string
	list  func(*frame) *list
	value func(*frame) starlark.Value // boxedAny
	into  func(*frame, slot)          // tuple, optional
}

// heldIn is a value that stands in slots.
func heldIn(t *Type, at slot) operand {
	o := operand{typ: t, held: true, at: at}
	switch t.kind {
	case boolean:
		o.truth = func(f *frame) bool { return f.slots[at&slotMask].truth() }
	case integer, row:
		o.int = func(f *frame) int64 { return f.slots[at&slotMask].n }
	case float:
		o.float = func(f *frame) float64 { return f.slots[at&slotMask].float() }
	case str, byteStr:
		o.text = func(f *frame) string { return f.slots[at&slotMask].text() }
	case list_:
		o.list = func(f *frame) *list { return f.slots[at&slotMask].list() }
	case boxedAny:
		o.value = func(f *frame) starlark.Value { return f.slots[at&slotMask].value() }
	case tuple, optional:
		width := slot(t.width)
		o.into = func(f *frame, to slot) {
			for i := range width { // a few cells: less work than a call of copy
				f.slots[(to+i)&slotMask] = f.slots[(at+i)&slotMask]
			}
		}
	case unknown:
		return never()
	}
	return o
}

// never is the operand of code that is not reached, or always raises an error.
func never() operand { return operand{typ: unknownType} }

func fails(f *frame) { f.bail(errorRaised, 0) }

// element is element i of a tuple that is held, or of a display.
func (o *operand) element(i int) operand {
	if o.elems != nil {
		return o.elems[i]
	}
	at := o.at
	for _, e := range o.typ.elems[:i] {
		at += slot(e.width)
	}
	e := heldIn(o.typ.elems[i], at)
	e.vector = o.vector.part(i, e.typ)
	return e
}

// after is an operand that is evaluated after some other code has run.
func after(first code, o operand) operand {
	if first == nil {
		return o
	}
	r := operand{typ: o.typ}
	switch o.typ.kind {
	case unknown:
		return o
	case none:
		do := o.do
		r.do = func(f *frame) {
			first(f)
			if do != nil {
				do(f)
			}
		}
	case boolean:
		g := o.truth
		r.truth = func(f *frame) bool { first(f); return g(f) }
	case integer, row:
		g := o.int
		r.int = func(f *frame) int64 { first(f); return g(f) }
	case float:
		g := o.float
		r.float = func(f *frame) float64 { first(f); return g(f) }
	case str, byteStr:
		g := o.text
		r.text = func(f *frame) string { first(f); return g(f) }
	case list_:
		g := o.list
		r.list = func(f *frame) *list { first(f); return g(f) }
	case boxedAny:
		g := o.value
		r.value = func(f *frame) starlark.Value { first(f); return g(f) }
	case tuple, optional:
		g := store(o)
		r.into = func(f *frame, to slot) { first(f); g(f, to) }
	}
	return r
}

// store puts an operand into slots, which it does not read.
func store(o operand) func(*frame, slot) {
	switch o.typ.kind {
	case unknown:
		return func(f *frame, _ slot) { fails(f) }
	case none:
		if o.do == nil {
			return func(*frame, slot) {}
		}
		do := o.do
		return func(f *frame, _ slot) { do(f) }
	case tuple:
		if o.elems != nil {
			return storeElements(o)
		}
	}
	switch {
	case o.truth != nil:
		g := o.truth
		return func(f *frame, to slot) { f.slots[to&slotMask].setTruth(g(f)) }
	case o.int != nil:
		g := o.int
		return func(f *frame, to slot) { f.slots[to&slotMask].n = g(f) }
	case o.float != nil:
		g := o.float
		return func(f *frame, to slot) { f.slots[to&slotMask].setFloat(g(f)) }
	case o.text != nil:
		g := o.text
		return func(f *frame, to slot) { f.slots[to&slotMask].setText(g(f)) }
	case o.list != nil:
		g := o.list
		return func(f *frame, to slot) { f.slots[to&slotMask].setList(g(f)) }
	case o.value != nil:
		g := o.value
		return func(f *frame, to slot) { f.slots[to&slotMask].setValue(g(f)) }
	}
	return o.into
}

func storeElements(o operand) func(*frame, slot) {
	stores := make([]func(*frame, slot), len(o.elems))
	for i, e := range o.elems {
		stores[i] = store(e)
	}
	offsets := make([]slot, len(o.elems))
	for i, e := range o.elems[:max(len(o.elems)-1, 0)] {
		offsets[i+1] = offsets[i] + slot(e.typ.width)
	}
	return func(f *frame, to slot) {
		for i, s := range stores {
			s(f, to+offsets[i])
		}
	}
}

// storeAt is store into a place that is known; scalars get there without a second call.
func storeAt(o operand, to slot) code {
	switch {
	case o.elems != nil:
		codes := make([]code, 0, len(o.elems))
		for _, e := range o.elems {
			codes = append(codes, storeAt(e, to))
			to += slot(e.typ.width)
		}
		return sequenceOf(codes)
	case o.held && o.at == to:
		return nothing
	case o.int != nil:
		g := o.int
		return func(f *frame) { f.slots[to&slotMask].n = g(f) }
	case o.text != nil:
		g := o.text
		return func(f *frame) { f.slots[to&slotMask].setText(g(f)) }
	case o.list != nil:
		g := o.list
		return func(f *frame) { f.slots[to&slotMask].setList(g(f)) }
	}
	g := store(o)
	return func(f *frame) { g(f, to) }
}

func nothing(*frame) {}

// sequenceOf runs one code after another.
func sequenceOf(codes []code) code {
	switch len(codes) {
	case 0:
		return nothing
	case 1:
		return codes[0]
	case 2:
		a, b := codes[0], codes[1]
		return func(f *frame) { a(f); b(f) }
	case 3:
		a, b, c := codes[0], codes[1], codes[2]
		return func(f *frame) { a(f); b(f); c(f) }
	}
	return func(f *frame) {
		for _, run := range codes {
			run(f)
		}
	}
}

// effect evaluates an operand for its effects and errors alone.
func effect(o operand) code {
	switch {
	case o.typ.kind == unknown:
		return fails
	case o.held || o.constant != nil:
		return nothing
	case o.typ.kind == none:
		if o.do == nil {
			return nothing
		}
		return o.do
	case o.elems != nil:
		codes := make([]code, len(o.elems))
		for i, e := range o.elems {
			codes[i] = effect(e)
		}
		return sequenceOf(codes)
	case o.truth != nil:
		g := o.truth
		return func(f *frame) { g(f) }
	case o.int != nil:
		g := o.int
		return func(f *frame) { g(f) }
	case o.float != nil:
		g := o.float
		return func(f *frame) { g(f) }
	case o.text != nil:
		g := o.text
		return func(f *frame) { g(f) }
	case o.list != nil:
		g := o.list
		return func(f *frame) { g(f) }
	case o.value != nil:
		g := o.value
		return func(f *frame) { g(f) }
	}
	return nil // tuples and optionals are evaluated into slots: see compiler.evaluate
}
