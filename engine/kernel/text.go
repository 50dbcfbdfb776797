package kernel

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"go.starlark.net/lib/time"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

func isSpace(r rune) bool { return unicode.IsSpace(r) }

// method compiles x.name(args...).
func (s *scope) method(x operand, name string, args []operand, e *syntax.CallExpr) operand {
	line := lineOf(e)
	if x.typ.kind == unknown {
		return never()
	}
	for _, a := range args {
		if a.typ.kind == unknown {
			return never()
		}
	}
	switch x.typ.kind {
	case str:
		return s.textMethod(x, name, args, e)
	case list_:
		return s.listMethod(x, name, args, e)
	case row:
		if k, ok := args0(args); ok && name == "get" && len(args) <= 2 {
			return s.rowGet(x, k, args[1:], line)
		}
	case boxedAny:
		if _, ok := textResults[name]; ok && name != "index" && name != "count" && name != "format" {
			return s.textMethod(operand{typ: strType, text: s.texts(x, line)}, name, args, e)
		}
	}
	return s.boxedMethod(x, name, args, line)
}

// textResults is the methods of strings with the types of their results; unknown: it is compiled by name.
var textResults = map[string]*Type{
	"capitalize": strType, "count": intType, "endswith": boolType, "find": intType, "format": strType,
	"index": intType, "isalnum": boolType, "isalpha": boolType, "isdigit": boolType, "islower": boolType,
	"isspace": boolType, "istitle": boolType, "isupper": boolType, "join": strType, "lower": strType,
	"lstrip": strType, "partition": unknownType, "removeprefix": strType, "removesuffix": strType,
	"replace": strType, "rfind": intType, "rindex": intType, "rpartition": unknownType, "rsplit": unknownType,
	"rstrip": strType, "split": unknownType, "splitlines": unknownType, "startswith": boolType, "strip": strType,
	"title": strType, "upper": strType,
}

func (s *scope) textMethod(x operand, name string, args []operand, e *syntax.CallExpr) operand {
	line := lineOf(e)
	t, known := textResults[name]
	if !known {
		return s.boxedMethod(x, name, args, line)
	}
	if allOf(args, str) {
		if o := s.textNative(x, name, args, e); o.typ != nil {
			return o
		}
	}
	if name == "split" && len(args) == 2 && args[0].typ.kind == str {
		if k, ok := args[1].constantInt(); ok && k >= 0 && k < 1<<31 {
			sep := separatorOf(args[0])
			sep.limit = int(k)
			return s.splitBy(x, sep, e)
		}
	}
	if k, ok := x.constant.(starlark.String); ok && name == "format" {
		if l, ok := layoutOfBraces(string(k)); ok {
			if o := s.fill(l, args, line); o.typ != nil {
				return o
			}
		}
	}
	if name == "join" && len(args) == 1 {
		return s.joinTexts(x, s.through(args[0]), line)
	}
	if t.kind == unknown {
		t = anyType
	}
	return s.callMethod(x, name, args, t, line)
}

func allOf(args []operand, k kind) bool {
	for _, a := range args {
		if a.typ.kind != k {
			return false
		}
	}
	return true
}

// textNative is a method of a string whose arguments are strings; its type is nil if it is left to the method.
func (s *scope) textNative(x operand, name string, args []operand, e *syntax.CallExpr) operand {
	line := lineOf(e)
	g := x.text
	switch len(args) {
	case 0:
		if name == "lower" || name == "upper" {
			return changeCase(g, name)
		}
		if edit := editing[name]; edit != nil {
			return operand{typ: strType, text: func(f *frame) string { return edit(g(f)) }}
		}
		if name == "split" {
			return s.splitWords(x, e)
		}
		if name == "splitlines" {
			return s.splitLines(x, e)
		}
		return operand{}
	case 1:
		return s.textNativeOne(x, name, args[0], e)
	case 2:
		if name != "replace" {
			return operand{}
		}
		from, to := args[0].text, args[1].text
		return operand{typ: strType, text: func(f *frame) string {
			u := g(f)
			a := from(f)
			b := to(f)
			if len(a) == 0 || len(b) > 1<<20 {
				f.bail(otherType, line)
			}
			return strings.ReplaceAll(u, a, b)
		}}
	}
	return operand{}
}

// editing is the methods without arguments that give a text.
var editing = map[string]func(string) string{
	"strip":  strings.TrimSpace,
	"lstrip": func(s string) string { return strings.TrimLeftFunc(s, unicode.IsSpace) },
	"rstrip": func(s string) string { return strings.TrimRightFunc(s, unicode.IsSpace) },
}

// changeCase is lower() or upper(). ASCII text is changed without a detour through characters.
func changeCase(g func(*frame) string, name string) operand {
	first, last, whole := byte('A'), byte('Z'), strings.ToLower
	if name == "upper" {
		first, last, whole = 'a', 'z', strings.ToUpper
	}
	return operand{typ: strType, text: func(f *frame) string {
		s := g(f)
		changes := false
		for i := range len(s) {
			if s[i] >= utf8.RuneSelf || len(s) > textBlock/4 {
				return whole(s)
			}
			changes = changes || s[i] >= first && s[i] <= last
		}
		if !changes {
			return s
		}
		b := f.room(len(s))[:len(s)]
		for i := range len(s) {
			b[i] = s[i]
			if b[i] >= first && b[i] <= last {
				b[i] ^= 'a' ^ 'A'
			}
		}
		return view(b, &f.memory)
	}}
}

func (s *scope) textNativeOne(x operand, name string, arg operand, e *syntax.CallExpr) operand {
	line := lineOf(e)
	g, h := x.text, arg.text
	r := operand{typ: strType}
	switch name {
	case "split":
		return s.splitBy(x, separatorOf(arg), e)
	case "partition", "rpartition":
		return s.partition(x, arg, name == "rpartition", line)
	case "startswith":
		return operand{typ: boolType, truth: func(f *frame) bool { u := g(f); return strings.HasPrefix(u, h(f)) }}
	case "endswith":
		return operand{typ: boolType, truth: func(f *frame) bool { u := g(f); return strings.HasSuffix(u, h(f)) }}
	case "find":
		return operand{typ: intType, found: needleOf(arg, x), int: func(f *frame) int64 { u := g(f); return int64(strings.Index(u, h(f))) }}
	case "rfind":
		return operand{typ: intType, int: func(f *frame) int64 { u := g(f); return int64(strings.LastIndex(u, h(f))) }}
	case "count":
		return operand{typ: intType, int: func(f *frame) int64 { u := g(f); return int64(strings.Count(u, h(f))) }}
	case "removeprefix":
		r.text = func(f *frame) string { u := g(f); return strings.TrimPrefix(u, h(f)) }
	case "removesuffix":
		r.text = func(f *frame) string { u := g(f); return strings.TrimSuffix(u, h(f)) }
	case "strip":
		r.text = trimming(g, h, strings.Trim, editing[name])
	case "lstrip":
		r.text = trimming(g, h, strings.TrimLeft, editing[name])
	case "rstrip":
		r.text = trimming(g, h, strings.TrimRight, editing[name])
	default:
		return operand{}
	}
	return r
}

// trimming removes characters of a set, which is white space if the set is empty.
func trimming(g, h func(*frame) string, trim func(s, set string) string, space func(string) string) func(*frame) string {
	return func(f *frame) string {
		u := g(f)
		if set := h(f); set != "" {
			return trim(u, set)
		}
		return space(u)
	}
}

// splitWords makes the list of a text's words.
func (s *scope) splitWords(x operand, e *syntax.CallExpr) operand {
	elems := s.elements(e)
	s.grow(elems, strType)
	if elems.of().kind != str {
		return s.collect(s.splitSequence(x, nil), e)
	}
	g := x.text
	p := &parts{text: g, of: x.vector, sep: separator{words: true, limit: -1}, line: lineOf(e)}
	return operand{typ: listOf(elems), parts: p, list: func(f *frame) *list {
		rest := g(f)
		l := f.newList()
		l.cells = f.take(countWords(rest))[:0]
		for {
			var word string
			if word, rest = nextWord(rest); word == "" {
				return l
			}
			l.push(&f.memory, 1)[0].setText(word)
		}
	}}
}

// countWords is at least a good guess at the number of words.
func countWords(s string) int {
	n, space := 0, true
	for i := range len(s) {
		now := asciiSpace[s[i]]
		if space && !now {
			n++
		}
		space = now
	}
	return n
}

// splitBy makes the list of the parts of a text.
func (s *scope) splitBy(x operand, sep separator, e *syntax.CallExpr) operand {
	elems := s.elements(e)
	s.grow(elems, strType)
	line := lineOf(e)
	if elems.of().kind != str {
		return s.collect(sep.sequence(x, line), e)
	}
	g := x.text
	return operand{typ: listOf(elems), parts: &parts{text: g, of: x.vector, sep: sep, line: line}, list: func(f *frame) *list {
		rest := g(f)
		between := sep.given(f, line)
		l := f.newList()
		l.n = sep.count(0, rest, between)
		l.cells = f.take(l.n)
		for i := range l.n {
			var part string
			part, rest, _ = sep.next(i, rest, between)
			l.cells[i].setText(part)
		}
		return l
	}}
}

// splitLines keeps carriage returns, as the interpreter does.
func (s *scope) splitLines(x operand, e *syntax.CallExpr) operand {
	g := x.text
	q := sequence{elem: strType, each: func(to slot, body func(*frame) bool) func(*frame) bool {
		return func(f *frame) bool {
			for rest := g(f); rest != ""; {
				line, after, _ := strings.Cut(rest, "\n")
				f.slots[to&slotMask].setText(line)
				if !body(f) {
					return false
				}
				rest = after
			}
			return true
		}
	}}
	return s.collect(q, e)
}

func (s *scope) partition(x, separator operand, last bool, line int32) operand {
	g, h := x.text, separator.text
	r := operand{typ: tupleOf([]*Type{strType, strType, strType})}
	if known := separatorOf(separator).known; known != "" {
		r.sure, r.vector = x.held, vectorOfPartition(&x, known, last)
	}
	r.into = func(f *frame, to slot) {
		u := g(f)
		sep := h(f)
		if sep == "" {
			f.bail(errorRaised, line)
		}
		before, middle, behind := partitioned(u, sep, last)
		f.slots[to&slotMask].setText(before)
		f.slots[(to+1)&slotMask].setText(middle)
		f.slots[(to+2)&slotMask].setText(behind)
	}
	r.pick = func(i int) operand {
		return operand{typ: strType, text: func(f *frame) string {
			u := g(f)
			sep := h(f)
			if sep == "" {
				f.bail(errorRaised, line)
			}
			before, middle, behind := partitioned(u, sep, last)
			return [...]string{before, middle, behind}[i]
		}}
	}
	return r
}

// partitioned is a text before, in and behind a separator: its first one, or its last.
func partitioned(text, sep string, last bool) (before, middle, behind string) {
	var at int
	switch {
	case last:
		at = strings.LastIndex(text, sep)
	case len(sep) == 1:
		at = strings.IndexByte(text, sep[0])
	default:
		at = strings.Index(text, sep)
	}
	switch {
	case at >= 0:
		return text[:at], sep, text[at+len(sep):]
	case last:
		return "", "", text
	}
	return text, "", ""
}

// pureMethods is the methods of values of unknown type that are called: they change nothing but their receiver.
var pureMethods = map[string]bool{
	"get": true, "items": true, "keys": true, "values": true, "pop": true, "setdefault": true, "update": true,
	"append": true, "extend": true, "insert": true, "remove": true, "index": true, "clear": true, "popitem": true,
	"union": true, "intersection": true, "difference": true, "add": true, "discard": true, "elems": true,
	"issubset": true, "issuperset": true, "symmetric_difference": true, "count": true, "codepoints": true,
	"elem_ords": true, "codepoint_ords": true, "in_location": true,
}

// boxedMethod leaves a method call to the value's own method.
func (s *scope) boxedMethod(x operand, name string, args []operand, line int32) operand {
	if !pureMethods[name] && textResults[name] == nil {
		refuse(line, "calls .%s on a value of unknown type", name)
	}
	return s.callMethod(s.box(x, line), name, args, anyType, line)
}

// callMethod calls a method of a value of one of Starlark's own types.
func (c *compiler) callMethod(x operand, name string, args []operand, t *Type, line int32) operand {
	if t.kind != boxedAny {
		c.transient++
		defer func() { c.transient-- }()
	}
	g := c.box(x, line).value
	values := make([]func(*frame) starlark.Value, len(args))
	for i, o := range args {
		looked := i == 0 && byView[name] && o.typ.kind < tuple
		if looked {
			c.transient++
		}
		values[i] = c.box(o, line).value
		if looked {
			c.transient--
		}
	}
	if mutate := mutators[name]; mutate != nil && c.keeps {
		return c.mutation(g, mutate, values, line)
	}
	return c.expect(func(f *frame) starlark.Value {
		recv := g(f)
		tuple := make(starlark.Tuple, len(values))
		for i, g := range values {
			tuple[i] = g(f)
		}
		if d, ok := recv.(*starlark.Dict); ok && name == "get" {
			return dictGet(f, d, tuple, line)
		}
		return callOwn(f, recv, name, tuple, line)
	}, t, line)
}

// mutation calls a method that changes its receiver.
func (c *compiler) mutation(recv func(*frame) starlark.Value, mutate mutator, args []func(*frame) starlark.Value, line int32) operand {
	change := func(f *frame, x starlark.Value, args starlark.Tuple) starlark.Value {
		v := mutate(f, x, args)
		if v == nil {
			f.bail(frozenValue, line)
		}
		return v
	}
	o := operand{typ: anyType}
	switch len(args) {
	case 0:
		o.value = func(f *frame) starlark.Value { return change(f, recv(f), nil) }
	case 1:
		o.value = func(f *frame) starlark.Value {
			x := recv(f)
			f.args[0] = args[0](f)
			return change(f, x, f.args[:1])
		}
	case 2:
		o.value = func(f *frame) starlark.Value {
			x := recv(f)
			a := args[0](f)
			f.args[1] = args[1](f)
			f.args[0] = a
			return change(f, x, f.args[:])
		}
	default:
		return never()
	}
	return o
}

func dictGet(f *frame, d *starlark.Dict, args starlark.Tuple, line int32) starlark.Value {
	if len(args) != 1 && len(args) != 2 {
		f.bail(errorRaised, line)
	}
	v, found, err := d.Get(args[0])
	switch {
	case err != nil:
		f.bail(errorRaised, line)
	case found:
		return v
	case len(args) == 2:
		return args[1]
	}
	return starlark.None
}

func callOwn(f *frame, recv starlark.Value, name string, args starlark.Tuple, line int32) starlark.Value {
	switch recv.(type) {
	case starlark.String, starlark.Bytes, *starlark.List, *starlark.Dict, *starlark.Set, time.Time, time.Duration:
	default:
		f.bail(otherType, line)
	}
	method, err := recv.(starlark.HasAttrs).Attr(name)
	if err != nil || method == nil {
		f.bail(errorRaised, line)
	}
	if _, formatted := recv.(time.Time); formatted && name == "format" && len(args) > 0 {
		if layout, ok := args[0].(starlark.String); ok && IsCLayout(string(layout)) {
			f.bail(errorRaised, line)
		}
	}
	v, err := starlark.Call(f.thread, method, args, nil)
	if err != nil {
		f.bail(errorRaised, line)
	}
	f.count(max(starlark.Len(v), 0))
	return v
}

// IsCLayout says that the layout of a time is one of C's strftime, with %Y for the year, and not one of Go's.
func IsCLayout(layout string) bool {
	for {
		i := strings.IndexByte(layout, '%')
		if i < 0 || i+1 == len(layout) {
			return false
		}
		layout = layout[i+1:]
		if c := layout[0] | 0x20; c >= 'a' && c <= 'z' {
			return true
		}
	}
}
