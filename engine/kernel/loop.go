package kernel

import (
	"slices"
	"unicode/utf8"

	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// A sequence is something that a loop goes through. Where it can be, it is never made: the words of a text, the
// numbers of a range and the results of a comprehension come one by one.
type sequence struct {
	elem *Type
	// each makes a loop that puts every element into slots and runs the body. The body reports whether to go on,
	// and the loop whether it came to its end.
	each func(to slot, body func(*frame) bool) func(*frame) bool
	// list is the sequence itself if it exists as a list.
	list func(*frame) *list
	// split says that it is the parts of a text that stands in slots; nil: it is not known to be.
	split *textSplit
}

// sequence compiles what a loop goes through. Only if the loop is lazy, which is to say that it goes through all
// of it and changes nothing that it could depend on, do the results of a comprehension come one by one.
func (s *scope) sequence(e syntax.Expr, lazy bool) sequence {
	switch x := unparen(e).(type) {
	case *syntax.CallExpr:
		if q, ok := s.callSequence(x, lazy); ok {
			return q
		}
	case *syntax.Comprehension:
		if !x.Curly && lazy {
			s.visit(x)
			return s.comprehension(x)
		}
	case *syntax.ListExpr:
		s.visit(x)
		return s.display(ownUnless(lazy, s.exprs(x.List)))
	}
	return s.through(ownUnless(lazy, []operand{s.expr(e)})[0])
}

// callSequence recognises calls whose results need not be made into a list.
func (s *scope) callSequence(e *syntax.CallExpr, lazy bool) (sequence, bool) {
	if dot, ok := e.Fn.(*syntax.DotExpr); ok && dot.Name.Name == "split" && len(e.Args) <= 1 && positionalArgs(e.Args) {
		s.visit(e)
		x := s.certain(s.expr(dot.X), s.line)
		args := s.exprs(e.Args)
		if x.typ.kind == str && (len(args) == 0 || args[0].typ.kind == str) {
			return s.splitSequence(x, args), true
		}
		return s.through(s.method(x, dot.Name.Name, args, e)), true
	}
	id, ok := e.Fn.(*syntax.Ident)
	if !ok || !positionalArgs(e.Args) {
		return sequence{}, false
	}
	switch b, _ := id.Binding.(*resolve.Binding); {
	case b == nil || b.Scope != resolve.Universal:
	case id.Name == "range" && len(e.Args) >= 1 && len(e.Args) <= 3:
		s.visit(e)
		return s.rangeSequence(s.exprs(e.Args)), true
	case id.Name == "enumerate" && len(e.Args) == 1:
		s.visit(e)
		return s.enumerated(s.sequence(e.Args[0], lazy)), true
	}
	return sequence{}, false
}

// ownUnless is operands for a loop, with copies of variables, which the loop's body may assign to, unless it is lazy.
func ownUnless(lazy bool, elems []operand) []operand {
	if lazy {
		return elems
	}
	own := slices.Clone(elems)
	for i := range own {
		own[i].held = false
		own[i].elems = ownUnless(false, own[i].elems)
	}
	return own
}

// positionalArgs says that all arguments are passed by position.
func positionalArgs(args []syntax.Expr) bool {
	for _, a := range args {
		switch a := a.(type) {
		case *syntax.BinaryExpr:
			if a.Op == syntax.EQ {
				return false
			}
		case *syntax.UnaryExpr:
			if a.Op == syntax.STAR || a.Op == syntax.STARSTAR {
				return false
			}
		}
	}
	return true
}

// through goes through the value of an operand.
func (c *compiler) through(o operand) sequence {
	line := c.line
	o = c.certain(o, line)
	switch o.typ.kind {
	case unknown:
		return sequence{elem: unknownType, each: func(slot, func(*frame) bool) func(*frame) bool {
			return func(f *frame) bool { fails(f); return true }
		}}
	case list_:
		return c.throughList(o)
	case tuple:
		put, held := c.hold(o)
		elems := make([]operand, len(o.typ.elems))
		for i := range elems {
			elems[i] = held.element(i)
		}
		q := c.display(elems)
		each := q.each
		q.each = func(to slot, body func(*frame) bool) func(*frame) bool {
			loop := each(to, body)
			if put == nil {
				return loop
			}
			return func(f *frame) bool { put(f); return loop(f) }
		}
		return q
	case boxedAny, row:
		return c.throughBoxed(c.box(o, line), line)
	}
	return sequence{elem: unknownType, each: func(slot, func(*frame) bool) func(*frame) bool {
		return func(f *frame) bool { f.bail(otherType, line); return true }
	}}
}

func (c *compiler) throughList(o operand) sequence {
	elem, g := o.typ.elem.of(), o.list
	width := elem.width
	return sequence{elem: elem, list: g, each: func(to slot, body func(*frame) bool) func(*frame) bool {
		return func(f *frame) bool {
			l := g(f)
			l.locks++
			whole := true
			for i := 0; i < l.n && whole; i++ {
				if width == 1 {
					f.slots[to&slotMask] = l.cells[i]
				} else {
					copy(f.slots[to:int(to)+width], l.at(i, width))
				}
				whole = body(f)
			}
			l.locks--
			return whole
		}
	}}
}

func (c *compiler) throughBoxed(o operand, line int32) sequence {
	g := o.value
	return sequence{elem: anyType, each: func(to slot, body func(*frame) bool) func(*frame) bool {
		return func(f *frame) bool {
			it := starlark.Iterate(g(f))
			if it == nil {
				f.bail(otherType, line)
			}
			defer it.Done()
			var v starlark.Value
			for it.Next(&v) {
				f.spend(1)
				f.slots[to&slotMask].setValue(v)
				if !body(f) {
					return false
				}
			}
			return true
		}
	}}
}

// display goes through operands that stand in the text, which are all evaluated before the first is used.
func (c *compiler) display(elems []operand) sequence {
	elem := unknownType
	puts := make([]code, 0, len(elems))
	for i, o := range elems {
		if o.typ.kind == unknown {
			elem = unknownType
			puts = append(puts, fails)
			break
		}
		var put code
		if put, elems[i] = c.hold(o); put != nil {
			puts = append(puts, put)
		}
		elem = c.join(elem, o.typ)
	}
	if elem.kind == unknown && len(elems) > 0 {
		elems = nil
	}
	line := c.line
	return sequence{elem: elem, each: func(to slot, body func(*frame) bool) func(*frame) bool {
		stores := make([]code, len(elems))
		for i, o := range elems {
			stores[i] = storeAt(c.convert(o, elem, line), to)
		}
		evaluate := sequenceOf(puts)
		return func(f *frame) bool {
			evaluate(f)
			for _, put := range stores {
				put(f)
				if !body(f) {
					return false
				}
			}
			return true
		}
	}}
}

// rangeSequence is the numbers of range(...).
func (c *compiler) rangeSequence(args []operand) sequence {
	line := c.line
	first, last, step := c.rangeBounds(args, line)
	return sequence{elem: intType, each: func(to slot, body func(*frame) bool) func(*frame) bool {
		return func(f *frame) bool {
			i, end, by := first(f), last(f), step(f)
			if by == 0 || beyond(i) || beyond(end) || beyond(by) {
				f.bail(outOfRange, line)
			}
			for ; by > 0 && i < end || by < 0 && i > end; i += by {
				f.spend(1)
				f.slots[to&slotMask].n = i
				if !body(f) {
					return false
				}
			}
			return true
		}
	}}
}

// beyond says that sums of two such numbers could overflow.
func beyond(n int64) bool { return n > 1<<61 || n < -1<<61 }

func (c *compiler) rangeBounds(args []operand, line int32) (first, last, step func(*frame) int64) {
	number := func(n int64) func(*frame) int64 { return func(*frame) int64 { return n } }
	first, step = number(0), number(1)
	switch len(args) {
	case 1:
		return first, c.ints(args[0], line), step
	case 2:
		return c.ints(args[0], line), c.ints(args[1], line), step
	}
	return c.ints(args[0], line), c.ints(args[1], line), c.ints(args[2], line)
}

// enumerated goes through pairs of numbers from 0 and elements.
func (c *compiler) enumerated(q sequence) sequence {
	return sequence{elem: tupleOf([]*Type{intType, q.elem}), each: func(to slot, body func(*frame) bool) func(*frame) bool {
		count := c.slots(1)
		loop := q.each(to+1, func(f *frame) bool {
			f.slots[to&slotMask].n = f.slots[count&slotMask].n
			f.slots[count&slotMask].n++
			return body(f)
		})
		return func(f *frame) bool {
			f.slots[count&slotMask].n = 0
			return loop(f)
		}
	}}
}

// splitSequence is the parts of text.split() or text.split(separator).
func (c *compiler) splitSequence(x operand, args []operand) sequence {
	line := c.line
	g := x.text
	if len(args) == 0 {
		return sequence{elem: strType, split: textSplitOf(x, separator{words: true}), each: func(to slot, body func(*frame) bool) func(*frame) bool {
			return func(f *frame) bool {
				rest := g(f)
				for {
					var word string
					if word, rest = nextWord(rest); word == "" {
						return true
					}
					f.slots[to&slotMask].setText(word)
					if !body(f) {
						return false
					}
				}
			}
		}}
	}
	sep := separatorOf(args[0])
	q := sep.sequence(x, line)
	q.split = textSplitOf(x, sep)
	return q
}

// sequence is the parts of a text, which are cut off one by one.
func (s separator) sequence(x operand, line int32) sequence {
	g := x.text
	return sequence{elem: strType, each: func(to slot, body func(*frame) bool) func(*frame) bool {
		return func(f *frame) bool {
			rest := g(f)
			sep := s.given(f, line)
			for i := 0; ; i++ {
				part, behind, found := s.next(i, rest, sep)
				f.slots[to&slotMask].setText(part)
				if !body(f) {
					return false
				}
				if !found {
					return true
				}
				rest = behind
			}
		}
	}}
}

// asciiSpace holds what unicode.IsSpace says of ASCII.
var asciiSpace = [256]bool{'\t': true, '\n': true, '\v': true, '\f': true, '\r': true, ' ': true}

// nextWord is the first word of a text, as strings.Fields separates words, and what stands after it; "" if there
// is no more.
func nextWord(s string) (word, rest string) {
	i := 0
	for i < len(s) && asciiSpace[s[i]] {
		i++
	}
	switch j := endOfWord(s, i); {
	case j == len(s):
		return s[i:], ""
	case s[j] >= utf8.RuneSelf:
		return nextWordUnicode(s[i:])
	default:
		return s[i:j], s[j+1:]
	}
}

func nextWordUnicode(s string) (word, rest string) {
	start := -1
	for i, r := range s {
		switch space := isSpace(r); {
		case start < 0 && !space:
			start = i
		case start >= 0 && space:
			return s[start:i], s[i:]
		}
	}
	if start < 0 {
		return "", ""
	}
	return s[start:], ""
}

// forStmt compiles a loop.
func (s *scope) forStmt(stmt *syntax.ForStmt) statement {
	outside := append([]bool(nil), s.assigned...)
	defer func() { copy(s.assigned, outside) }()
	if run := s.countingLoop(stmt); run != nil {
		return run
	}
	before := s.nodes
	seq := s.sequence(stmt.X, false)
	at, bind := s.loopVariable(stmt.Vars, seq.elem)
	body, _ := s.block(stmt.Body)
	cost := (s.nodes - before + 1) * nodeSteps
	loop := seq.each(at, func(f *frame) bool {
		f.spend(cost)
		if bind != nil {
			bind(f)
		}
		switch sig := body(f); sig {
		case breakLoop:
			f.sig = goOn
			return false
		case returned:
			f.sig = returned
			return false
		}
		return true
	})
	return func(f *frame) signal {
		if loop(f) {
			return goOn
		}
		return f.sig
	}
}

// loopVariable is where a loop puts its elements, and what then assigns them to the loop's variables.
func (s *scope) loopVariable(vars syntax.Expr, elem *Type) (at slot, bind code) {
	if id, ok := unparen(vars).(*syntax.Ident); ok {
		v, i := s.local(id)
		s.widen(v, elem)
		s.nameLists(v.typ)
		s.assigned[i] = true
		if equal(v.typ, elem) {
			return v.at, nil
		}
	}
	at = s.slots(elem.width)
	return at, s.assignTarget(vars, heldIn(elem, at))
}

// countingLoop is a loop over range(n) with a single variable: the innermost form of computations.
func (s *scope) countingLoop(stmt *syntax.ForStmt) statement {
	call, ok := unparen(stmt.X).(*syntax.CallExpr)
	if !ok || len(call.Args) != 1 {
		return nil
	}
	fn, ok := call.Fn.(*syntax.Ident)
	id, one := unparen(stmt.Vars).(*syntax.Ident)
	if !ok || !one || fn.Name != "range" || fn.Binding.(*resolve.Binding).Scope != resolve.Universal {
		return nil
	}
	before := s.nodes
	line := s.line
	last := s.ints(s.expr(call.Args[0]), line)
	v, i := s.local(id)
	s.widen(v, intType)
	if v.typ != intType {
		return nil
	}
	s.assigned[i] = true
	list, _ := s.statements(stmt.Body)
	head, body := splitBody(list)
	cost := (s.nodes - before + 4) * nodeSteps
	at := v.at
	return func(f *frame) signal {
		end := last(f)
		for n := int64(0); n < end; n++ {
			if f.fuel -= cost; f.fuel < 0 {
				f.refuel()
			}
			f.slots[at&slotMask].n = n
			sig := head(f)
			if sig == goOn {
				sig = body(f)
			}
			switch sig {
			case breakLoop:
				return goOn
			case returned:
				return returned
			}
		}
		return goOn
	}
}

// splitBody is the first statement of a loop's body and the others, so that a body of two takes no call of its own.
func splitBody(list []statement) (first, others statement) {
	if len(list) < 2 {
		return func(*frame) signal { return goOn }, inTurn(list)
	}
	return list[0], inTurn(list[1:])
}

// comprehension goes through the results of one.
func (s *scope) comprehension(e *syntax.Comprehension) sequence {
	return s.comprehended(e, func() operand { return s.expr(e.Body) })
}

// comprehended goes through what result is for each round of a comprehension.
func (s *scope) comprehended(e *syntax.Comprehension, result func() operand) sequence {
	outside := append([]bool(nil), s.assigned...)
	before := s.nodes
	type clause struct {
		seq  sequence
		at   slot
		bind code
		test func(*frame) bool
	}
	var clauses []clause
	for _, n := range e.Clauses {
		switch n := n.(type) {
		case *syntax.ForClause:
			seq := s.sequence(n.X, false)
			at, bind := s.loopVariable(n.Vars, seq.elem)
			clauses = append(clauses, clause{seq: seq, at: at, bind: bind})
		case *syntax.IfClause:
			clauses = append(clauses, clause{test: s.truth(n.Cond)})
		}
	}
	o := result()
	if _, function := o.callee(); function {
		refuseAt(e, "uses a function as a value")
	}
	cost := (s.nodes - before + 1) * nodeSteps
	copy(s.assigned, outside)
	return sequence{elem: o.typ, each: func(to slot, body func(*frame) bool) func(*frame) bool {
		put := storeAt(o, to)
		run := func(f *frame) bool { put(f); return body(f) }
		for i := len(clauses) - 1; i >= 0; i-- {
			cl, inner := clauses[i], run
			if cl.test != nil {
				run = func(f *frame) bool { return !cl.test(f) || inner(f) }
				continue
			}
			run = cl.seq.each(cl.at, func(f *frame) bool {
				f.spend(cost)
				if cl.bind != nil {
					cl.bind(f)
				}
				return inner(f)
			})
		}
		return run
	}}
}

// listDisplay makes a list of a display or a comprehension.
func (s *scope) listDisplay(e syntax.Expr) operand {
	if comp, ok := e.(*syntax.Comprehension); ok && comp.Curly {
		return s.dictComprehension(comp)
	}
	s.nodes-- // sequence visits it again
	if s.keeps {
		return s.collectValues(s.sequence(e, true))
	}
	return s.collect(s.sequence(e, true), e)
}

// collectValues makes a list of Starlark's own of a sequence.
func (s *scope) collectValues(q sequence) operand {
	if q.elem.kind == unknown {
		q.elem = noneType // it has no elements
	}
	from, at := s.slots(q.elem.width), s.slots(1)
	box := s.box(heldIn(q.elem, from), s.line).value
	loop := q.each(from, func(f *frame) bool {
		f.count(cellBytes)
		return f.slots[at&slotMask].value().(*starlark.List).Append(box(f)) == nil
	})
	return operand{typ: anyType, value: func(f *frame) starlark.Value {
		f.slots[at&slotMask].setValue(new(starlark.List))
		loop(f)
		return f.slots[at&slotMask].value()
	}}
}

// collect makes a new list of a sequence.
func (s *scope) collect(q sequence, site syntax.Node) operand {
	elems := s.elements(site)
	s.grow(elems, q.elem)
	elem := elems.of()
	width := elem.width
	from, at := s.slots(q.elem.width), s.slots(1)
	to := from
	convert := code(nil)
	if !equal(q.elem, elem) {
		to = s.slots(width)
		convert = storeAt(s.convert(heldIn(q.elem, from), elem, lineOf(site)), to)
	}
	loop := q.each(from, func(f *frame) bool {
		if convert != nil {
			convert(f)
		}
		cells := f.slots[at&slotMask].list().push(&f.memory, width)
		copy(cells, f.slots[to:int(to)+width])
		return true
	})
	return operand{typ: listOf(elems), list: func(f *frame) *list {
		l := f.newList()
		f.slots[at&slotMask].setList(l)
		loop(f)
		return f.slots[at&slotMask].list()
	}}
}
