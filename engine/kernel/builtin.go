package kernel

import (
	"strconv"

	"github.com/flowsh/flowsh/engine/scan"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// builtin compiles a call of a builtin function.
func (s *scope) builtin(fn *starlark.Builtin, e *syntax.CallExpr) operand {
	if universal(fn) {
		switch fn.Name() {
		case "sorted", "min", "max":
			return s.ordering(fn, e)
		case "any", "all":
			if len(e.Args) == 1 && positionalArgs(e.Args) {
				return s.anyAll(e, fn.Name() == "all")
			}
		case "len":
			if len(e.Args) == 1 && positionalArgs(e.Args) {
				x := s.indexed(e.Args[0])
				if o, ok := s.lengthOf(x); ok {
					return o
				}
				return s.builtinOf(fn, []operand{x}, e)
			}
		case "list", "tuple":
			if fn.Name() == "list" && len(e.Args) == 1 && positionalArgs(e.Args) {
				return s.collect(s.sequence(e.Args[0], true), e)
			}
		}
	}
	if fn.Name() == "attempt" && !universal(fn) {
		return s.attempt(fn, e)
	}
	if !positionalArgs(e.Args) {
		return s.callNamed(fn, e)
	}
	return s.builtinOf(fn, s.exprs(e.Args), e)
}

// universal says that a builtin is Starlark's own.
func universal(fn *starlark.Builtin) bool {
	return starlark.Universe[fn.Name()] == starlark.Value(fn)
}

// builtinOf compiles a call of a builtin with arguments that were compiled before.
func (s *scope) builtinOf(fn *starlark.Builtin, args []operand, at syntax.Node) operand {
	line := lineOf(at)
	for i := range args {
		if args[i].typ.kind == unknown {
			return never()
		}
	}
	if !universal(fn) {
		return s.native(fn, args, at)
	}
	if v := fold(fn, args); v != nil {
		return s.constant(v)
	}
	if len(args) == 1 {
		if o := s.builtinOne(fn.Name(), s.certain(args[0], line), line); o.typ != nil {
			return o
		}
	}
	t, pure := pureBuiltins[fn.Name()]
	switch {
	case fn.Name() == "fail":
		return never()
	case !pure:
		refuse(line, "uses %s", fn.Name())
	}
	return s.callBoxed(fn, args, t, line)
}

// fold calls a builtin of scalars that are known; nil: it cannot.
func fold(fn *starlark.Builtin, args []operand) starlark.Value {
	if len(args) != 1 || args[0].constant == nil || args[0].typ.kind >= tuple {
		return nil
	}
	if fn.Name() == "print" || fn.Name() == "fail" {
		return nil
	}
	v, err := starlark.Call(new(starlark.Thread), fn, starlark.Tuple{args[0].constant}, nil)
	if err != nil {
		return nil
	}
	switch v.(type) {
	case starlark.Bool, starlark.Int, starlark.Float, starlark.String, starlark.Bytes:
		return v
	}
	return nil
}

// pureBuiltins is the functions that a call may be left to, with the types of their results.
var pureBuiltins = map[string]*Type{
	"abs": anyType, "bool": boolType, "chr": strType, "enumerate": anyType, "float": floatType, "hash": intType,
	"int": anyType, "len": intType, "max": anyType, "min": anyType, "ord": intType, "range": anyType, "repr": strType,
	"reversed": anyType, "str": strType, "type": strType, "tuple": anyType, "zip": anyType, "dict": anyType,
	"set": anyType, "bytes": bytesType, "sorted": anyType, "list": anyType, "any": boolType, "all": boolType,
}

// builtinOne is a builtin of one argument that is compiled for the argument's type; its type is nil if it is not.
func (c *compiler) builtinOne(name string, x operand, line int32) operand {
	switch name {
	case "len":
		return c.length(x)
	case "int":
		return c.toInt(x, line)
	case "float":
		return c.toFloat(x, line)
	case "bool":
		return operand{typ: boolType, truth: c.truthOf(x)}
	case "str":
		return c.toStr(x)
	case "abs":
		return c.absolute(x, line)
	}
	return operand{}
}

func (c *compiler) length(x operand) operand {
	r := operand{typ: intType}
	switch x.typ.kind {
	case str, byteStr:
		g := x.text
		r.int = func(f *frame) int64 { return int64(len(g(f))) }
	case list_:
		g := x.list
		r.int = func(f *frame) int64 { return int64(g(f).n) }
	case tuple:
		return after(c.evaluate(x), c.constant(starlark.MakeInt(len(x.typ.elems))))
	default:
		return operand{}
	}
	return r
}

func (c *compiler) toInt(x operand, line int32) operand {
	r := operand{typ: intType}
	switch x.typ.kind {
	case integer:
		return x
	case str:
		g := x.text
		r.vector = vectorToInt(&x)
		r.int = func(f *frame) int64 {
			n, ok := parseInt(g(f))
			if !ok {
				f.bail(badNumber, line)
			}
			return n
		}
	case boolean:
		g := x.truth
		r.int = func(f *frame) int64 {
			if g(f) {
				return 1
			}
			return 0
		}
	case float:
		g := x.float
		r.int = func(f *frame) int64 {
			v := g(f)
			if !(v > -1<<62 && v < 1<<62) {
				f.bail(overflow, line)
			}
			return int64(v)
		}
	case boxedAny:
		g := x.value
		r.int = func(f *frame) int64 {
			switch v := g(f).(type) {
			case starlark.Int:
				if n, ok := v.Int64(); ok {
					return n
				}
			case starlark.String:
				if n, ok := parseInt(string(v)); ok {
					return n
				}
			case starlark.Float:
				if v > -1<<62 && v < 1<<62 {
					return int64(v)
				}
			}
			f.bail(badNumber, line)
			return 0
		}
	default:
		return operand{}
	}
	return r
}

// parseInt reads a decimal number of up to 18 digits; what is more, or odd, is the interpreter's.
func parseInt(s string) (int64, bool) {
	if n, ok := scan.ShortInt(s); ok {
		return n, true
	}
	digits := s
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		digits = s[1:]
	}
	if len(digits) == 0 || len(digits) > 18 {
		return 0, false
	}
	var n int64
	for i := range len(digits) {
		d := digits[i] - '0'
		if d > 9 {
			return 0, false
		}
		n = 10*n + int64(d)
	}
	if s[0] == '-' {
		n = -n
	}
	return n, true
}

func (c *compiler) toFloat(x operand, line int32) operand {
	r := operand{typ: floatType}
	switch x.typ.kind {
	case float:
		return x
	case integer:
		g := x.int
		r.vector = vectorToFloat(&x)
		r.float = func(f *frame) float64 { return float64(g(f)) }
	case str:
		g := x.text
		r.vector = vectorToFloat(&x)
		r.float = func(f *frame) float64 {
			v, ok := parseFloat(g(f))
			if !ok {
				f.bail(badNumber, line)
			}
			return v
		}
	case boxedAny:
		g := x.value
		r.float = func(f *frame) float64 {
			switch v := g(f).(type) {
			case starlark.Int:
				if n, ok := v.Int64(); ok {
					return float64(n)
				}
			case starlark.Float:
				return float64(v)
			case starlark.String:
				if x, ok := parseFloat(string(v)); ok {
					return x
				}
			}
			f.bail(badNumber, line)
			return 0
		}
	default:
		return operand{}
	}
	return r
}

// parseFloat reads decimal numbers; words such as inf are the interpreter's.
func parseFloat(s string) (float64, bool) {
	if s == "" || s[len(s)-1] > '9' && s[len(s)-1] != '.' {
		return 0, false
	}
	v, err := scan.ParseFloat(s)
	return v, err == nil
}

func (c *compiler) toStr(x operand) operand {
	r := operand{typ: strType}
	switch x.typ.kind {
	case str:
		return x
	case integer:
		g := x.int
		r.text = func(f *frame) string {
			n := g(f)
			return view(strconv.AppendInt(f.room(20), n, 10), &f.memory)
		}
	case boolean:
		g := x.truth
		r.text = func(f *frame) string { return starlark.Bool(g(f)).String() }
	case float:
		g := x.float
		r.text = func(f *frame) string { return starlark.Float(g(f)).String() }
	default:
		return operand{}
	}
	return r
}

func (c *compiler) absolute(x operand, line int32) operand {
	switch x.typ.kind {
	case integer:
		g := x.int
		return operand{typ: intType, int: func(f *frame) int64 {
			n := g(f)
			if n < 0 {
				n = -n
			}
			if n < 0 {
				f.bail(overflow, line)
			}
			return n
		}}
	}
	return operand{}
}

// callBoxed leaves a call of a pure builtin to the builtin. The result is of type t, or the record is given up.
func (c *compiler) callBoxed(fn starlark.Callable, args []operand, t *Type, line int32) operand {
	if t.kind != boxedAny { // what gives a scalar keeps nothing of its arguments
		c.transient++
		defer func() { c.transient-- }()
	}
	values := make([]func(*frame) starlark.Value, len(args))
	for i, o := range args {
		values[i] = c.box(o, line).value
	}
	return c.expect(func(f *frame) starlark.Value {
		tuple := make(starlark.Tuple, len(values))
		for i, g := range values {
			tuple[i] = g(f)
		}
		v, err := starlark.Call(f.thread, fn, tuple, nil)
		if err != nil {
			f.bail(errorRaised, line)
		}
		f.count(max(starlark.Len(v), 0))
		return v
	}, t, line)
}

// expect is a boxed value as an operand of the type that it should have.
func (c *compiler) expect(g func(*frame) starlark.Value, t *Type, line int32) operand {
	r := operand{typ: t}
	switch t.kind {
	case boxedAny:
		r.value = g
	case none:
		r.do = func(f *frame) { g(f) }
	case boolean:
		r.truth = func(f *frame) bool {
			v, ok := g(f).(starlark.Bool)
			if !ok {
				f.bail(otherType, line)
			}
			return bool(v)
		}
	case integer:
		r.int = c.ints(operand{typ: anyType, value: g}, line)
	case float:
		r.float = func(f *frame) float64 {
			v, ok := g(f).(starlark.Float)
			if !ok {
				f.bail(otherType, line)
			}
			return float64(v)
		}
	case str:
		r.text = c.texts(operand{typ: anyType, value: g}, line)
	case byteStr:
		r.text = func(f *frame) string {
			v, ok := g(f).(starlark.Bytes)
			if !ok {
				f.bail(otherType, line)
			}
			return string(v)
		}
	}
	return r
}

// anyAll compiles any(...) and all(...), which end as soon as they know.
func (s *scope) anyAll(e *syntax.CallExpr, all bool) operand {
	q := s.sequence(e.Args[0], false)
	at := s.slots(q.elem.width)
	test := s.truthOf(heldIn(q.elem, at))
	loop := q.each(at, func(f *frame) bool { return test(f) == all })
	return operand{typ: boolType, truth: func(f *frame) bool { return loop(f) == all }}
}

// joinTexts compiles separator.join(texts).
func (s *scope) joinTexts(x operand, q sequence, line int32) operand {
	at, acc := s.slots(q.elem.width), s.slots(1)
	item := s.texts(heldIn(q.elem, at), line)
	separator := x.text
	loop := q.each(at, func(f *frame) bool {
		f.slots[acc&slotMask].list().push(&f.memory, 1)[0].setText(item(f))
		return true
	})
	return operand{typ: strType, text: func(f *frame) string {
		sep := separator(f)
		l := f.newList()
		f.slots[acc&slotMask].setList(l)
		loop(f)
		n := 0
		for i := range l.cells {
			n += len(l.cells[i].text())
		}
		b := f.room(n + max(l.n-1, 0)*len(sep))
		for i := range l.cells {
			if i > 0 {
				b = append(b, sep...)
			}
			b = append(b, l.cells[i].text()...)
		}
		return view(b, &f.memory)
	}}
}
