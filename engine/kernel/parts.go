package kernel

import (
	"strings"

	"go.starlark.net/resolve"
	"go.starlark.net/syntax"
)

// A parts says how the list of a split is used where only some of its elements are, by numbers in the text: it is not
// made, and the text is cut no further than to the last of them.
type parts struct {
	text func(*frame) string // nil: the parts stand in the slots of held
	of   *vector             // of the texts; nil: there is none
	sep  separator
	held *cutting
	line int32
}

// A separator is what a text is split by: white space, one byte that is known, or some text.
type separator struct {
	words bool
	one   bool
	char  byte
	known string // "": it depends on the record
	text  func(*frame) string
	limit int // splits at most; -1: all
}

// A cutting is a variable that holds parts. What is used of them is found out pass by pass.
type cutting struct {
	used    [maxPart]bool
	last    int  // the greatest index that is used
	counted bool // len() is used
	whole   bool // the list itself is needed after all
	at      slot // how many parts there are, as far as they were counted; then those that are used
}

// maxPart bounds the indexes of parts that get slots.
const maxPart = 48

func separatorOf(o operand) separator {
	s := separator{text: o.text, limit: -1}
	if o.constant != nil {
		s.known = o.text(nil)
		if s.one = len(s.known) == 1; s.one {
			s.char = s.known[0]
		}
	}
	return s
}

// next cuts part i off; found is false if there is no separator behind it, or for words, if there is no word.
func (s *separator) next(i int, rest, sep string) (part, behind string, found bool) {
	switch {
	case i == s.limit:
		return rest, "", false
	case s.words:
		part, behind = nextWord(rest)
		return part, behind, part != ""
	case s.one:
		if at := strings.IndexByte(rest, s.char); at >= 0 {
			return rest[:at], rest[at+1:], true
		}
		return rest, "", false
	}
	return strings.Cut(rest, sep)
}

// given is the separator for a record, which may not be empty.
func (s *separator) given(f *frame, line int32) string {
	if s.words || s.known != "" {
		return s.known
	}
	sep := s.text(f)
	if sep == "" {
		f.bail(errorRaised, line)
	}
	return sep
}

// count is how many parts there are if rest is what stands behind n of them.
func (s *separator) count(n int, rest, sep string) int {
	if !s.words {
		n += strings.Count(rest, sep) + 1
		if s.limit >= 0 {
			n = min(n, s.limit+1)
		}
		return n
	}
	for ; ; n++ {
		var word string
		if word, rest = nextWord(rest); word == "" {
			return n
		}
	}
}

// element is a part by a number in the text; ok is false if the list is needed for it.
func (p *parts) element(c *compiler, k int64) (o operand, ok bool) {
	if p.held != nil {
		return p.held.element(c, k, p.line)
	}
	switch {
	case k >= 0 && k < maxPart:
		return operand{typ: strType, text: p.part(int(k))}, true
	case k == -1 && p.sep.one && p.sep.limit < 0:
		g, char := p.text, p.sep.char
		return operand{typ: strType, text: func(f *frame) string {
			u := g(f)
			return u[strings.LastIndexByte(u, char)+1:]
		}}, true
	}
	return operand{}, false
}

// part finds part k.
func (p *parts) part(k int) func(*frame) string {
	g, line, s := p.text, p.line, p.sep
	if s.one && s.limit < 0 {
		return partBetween(g, s.char, k, line)
	}
	return func(f *frame) string {
		rest := g(f)
		sep := s.given(f, line)
		for i := range k {
			var found bool
			if _, rest, found = s.next(i, rest, sep); !found {
				f.bail(outOfRange, line)
			}
		}
		part, _, found := s.next(k, rest, sep)
		if s.words && !found {
			f.bail(outOfRange, line)
		}
		return part
	}
}

// partBetween is part k of a text that is split at a byte.
func partBetween(g func(*frame) string, char byte, k int, line int32) func(*frame) string {
	return func(f *frame) string {
		rest := g(f)
		for range k {
			at := strings.IndexByte(rest, char)
			if at < 0 {
				f.bail(outOfRange, line)
			}
			rest = rest[at+1:]
		}
		if at := strings.IndexByte(rest, char); at >= 0 {
			return rest[:at]
		}
		return rest
	}
}

func (v *cutting) element(c *compiler, k int64, line int32) (operand, bool) {
	if k < 0 || k >= maxPart {
		return operand{}, false
	}
	i := int(k)
	if !v.used[i] {
		v.used[i], v.last, c.moved = true, max(v.last, i), true
	}
	n, at := v.at, v.place(i)
	return operand{typ: strType, text: func(f *frame) string {
		if f.slots[n&slotMask].n <= k {
			f.bail(outOfRange, line)
		}
		return f.slots[at&slotMask].text()
	}}, true
}

// length is len(parts).
func (v *cutting) length(c *compiler) operand {
	if !v.counted {
		v.counted, c.moved = true, true
	}
	return heldIn(intType, v.at)
}

// place is where part i stands.
func (v *cutting) place(i int) slot {
	at := v.at + 1
	for _, used := range v.used[:i] {
		if used {
			at++
		}
	}
	return at
}

func (v *cutting) width() int { return int(v.place(maxPart) - v.at) }

// abandon has the list itself made from the next pass on.
func (v *cutting) abandon(c *compiler) {
	if !v.whole {
		v.whole, c.moved = true, true
	}
}

// cut is the code that puts the parts that are used into their slots.
func (v *cutting) cut(p *parts) code {
	g, s, line, n := p.text, p.sep, p.line, v.at
	places := make([]slot, v.last+1)
	for i := range places {
		if v.used[i] {
			places[i] = v.place(i)
		}
	}
	counted := v.counted
	if s.one && s.limit < 0 && !counted {
		return cutBytes(g, s.char, places, n)
	}
	return func(f *frame) {
		rest := g(f)
		sep := s.given(f, line)
		for i := 0; i < len(places); i++ {
			var part string
			var found bool
			if part, rest, found = s.next(i, rest, sep); !found && s.words {
				f.slots[n&slotMask].n = int64(i)
				return
			}
			if at := places[i]; at != 0 {
				f.slots[at&slotMask].setText(part)
			}
			if !found {
				f.slots[n&slotMask].n = int64(i + 1)
				return
			}
		}
		more := len(places)
		if counted {
			more = s.count(more, rest, sep)
		}
		f.slots[n&slotMask].n = int64(more)
	}
}

// cutBytes is cut at a byte, without counting.
func cutBytes(g func(*frame) string, char byte, places []slot, n slot) code {
	return func(f *frame) {
		rest := g(f)
		for i := 0; i < len(places); i++ {
			end := strings.IndexByte(rest, char)
			if end < 0 {
				if at := places[i]; at != 0 {
					f.slots[at&slotMask].setText(rest)
				}
				f.slots[n&slotMask].n = int64(i + 1)
				return
			}
			if at := places[i]; at != 0 {
				f.slots[at&slotMask].setText(rest[:end])
			}
			rest = rest[end+1:]
		}
		f.slots[n&slotMask].n = int64(len(places))
	}
}

// cutInto lets a variable be parts; ok is false if it has to be the list.
func (s *scope) cutInto(v *variable, p *parts) (put code, ok bool) {
	if p == nil || p.text == nil {
		return nil, false
	}
	if v.parts == nil {
		v.parts = &cutting{}
		s.moved = true
	}
	if v.typ.kind != unknown {
		v.parts.abandon(s.compiler)
	}
	if v.parts.whole {
		return nil, false
	}
	return v.parts.cut(p), true
}

// unpackParts assigns the parts of a text to as many targets.
func (s *scope) unpackParts(targets []syntax.Expr, p *parts) code {
	cut, values := s.cutParts(p, len(targets))
	codes := []code{cut}
	for i, t := range targets {
		codes = append(codes, s.assignTarget(t, values[i]))
	}
	return sequenceOf(codes)
}

// cutParts is the code that cuts a text into n parts, and these.
func (s *scope) cutParts(p *parts, n int) (cut code, values []operand) {
	all := cutting{counted: true, last: max(n-1, 0)}
	for i := range n {
		all.used[i] = true
	}
	all.at = s.slots(all.width())
	put, at, line := all.cut(p), all.at, p.line
	vectors := p.vectors(n)
	for i := range n {
		o := heldIn(strType, all.place(i))
		o.vector = vectors[i]
		values = append(values, o)
	}
	return func(f *frame) {
		if put(f); f.slots[at&slotMask].n != int64(n) {
			f.bail(errorRaised, line)
		}
	}, values
}

// indexed compiles an expression of which nothing but elements or the length is used: it may stand for parts.
func (s *scope) indexed(e syntax.Expr) operand {
	id, ok := unparen(e).(*syntax.Ident)
	if !ok {
		return s.expr(e)
	}
	b, ok := id.Binding.(*resolve.Binding)
	if !ok {
		return s.expr(e)
	}
	of, v, constant := s.variable(b, id)
	if constant != nil || v.arg != nil || v.parts == nil || v.parts.whole {
		return s.expr(e)
	}
	s.visit(id)
	of.mustBeAssigned(v, id)
	return operand{typ: unknownType, parts: &parts{held: v.parts, line: lineOf(id)}}
}

// lengthOf is len() of what indexed gave, if it is parts.
func (s *scope) lengthOf(x operand) (o operand, ok bool) {
	p := x.parts
	switch {
	case p == nil:
		return operand{}, false
	case p.held != nil:
		return p.held.length(s.compiler), true
	}
	g, sep, line := p.text, p.sep, p.line
	return operand{typ: intType, int: func(f *frame) int64 {
		text := g(f)
		return int64(sep.count(0, text, sep.given(f, line)))
	}}, true
}

// partOf is an element of what indexed gave, if it is parts.
func (s *scope) partOf(x operand, y operand) (o operand, ok bool) {
	if x.parts == nil {
		return operand{}, false
	}
	if k, constant := y.constantInt(); constant {
		if o, ok = x.parts.element(s.compiler, k); ok {
			return o, true
		}
	}
	if x.parts.held != nil {
		x.parts.held.abandon(s.compiler)
		return never(), true
	}
	return operand{}, false
}
