package kernel

import (
	"strings"

	"github.com/flowsh/flowsh/engine/scan"
	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// natives is flowsh's own functions that depend on nothing but their arguments and keep nothing of them, with the
// types of their results. Compiled code calls them, or does what they do.
var natives = map[string]*Type{
	"decimal.format": strType, "decimal.parse": anyType,
	"json.decode": anyType, "json.encode": strType, "json.encode_indent": strType, "json.indent": strType,
	"re.find": anyType, "re.find_all": anyType, "re.groups": anyType, "re.replace": strType, "re.split": anyType,
	"re.test": boolType, "round": anyType, "sprintf": strType, "sum": anyType, "xxhash": intType,
	"ceil": anyType, "floor": anyType, "fabs": floatType, "mod": floatType, "pow": floatType,
	"copysign": floatType, "remainder": floatType, "exp": floatType, "sqrt": floatType, "acos": floatType, "asin": floatType,
	"atan": floatType, "atan2": floatType, "cos": floatType, "hypot": floatType, "sin": floatType, "tan": floatType,
	"degrees": floatType, "radians": floatType, "acosh": floatType, "asinh": floatType, "atanh": floatType,
	"cosh": floatType, "sinh": floatType, "tanh": floatType, "log": floatType, "gamma": floatType,
	"time.floor": anyType, "time.from_timestamp": anyType, "time.now": anyType, "time.parse_time": anyType,
	"parse_duration": anyType, "is_valid_timezone": boolType, "struct": anyType,
}

// callNamed leaves a call with arguments by name to a pure builtin.
func (s *scope) callNamed(fn *starlark.Builtin, e *syntax.CallExpr) operand {
	line := lineOf(e)
	t, known := natives[fn.Name()]
	if universal(fn) {
		t, known = pureBuiltins[fn.Name()]
	}
	if !known {
		refuse(line, "uses %s", fn.Name())
	}
	if t.kind != boxedAny { // what gives a scalar keeps nothing of its arguments
		s.transient++
		defer func() { s.transient-- }()
	}
	var values []func(*frame) starlark.Value
	var names []starlark.String // of the last arguments
	for i, a := range e.Args {
		if named, ok := a.(*syntax.BinaryExpr); ok && named.Op == syntax.EQ {
			names = append(names, starlark.String(named.X.(*syntax.Ident).Name))
			a = named.Y
		} else if !positionalArgs(e.Args[i : i+1]) {
			refuseAt(e, "passes arguments with a star")
		}
		o := s.expr(a)
		if o.typ.kind == unknown {
			return never()
		}
		values = append(values, s.box(o, line).value)
	}
	plain := len(values) - len(names)
	return s.expect(func(f *frame) starlark.Value {
		args, kwargs := make(starlark.Tuple, plain), make([]starlark.Tuple, len(names))
		for i, g := range values {
			if i < plain {
				args[i] = g(f)
			} else {
				kwargs[i-plain] = starlark.Tuple{names[i-plain], g(f)}
			}
		}
		v, err := starlark.Call(f.thread, fn, args, kwargs)
		if err != nil {
			f.bail(errorRaised, line)
		}
		f.count(max(starlark.Len(v), 0))
		return v
	}, t, line)
}

// native compiles a call of a builtin that is not Starlark's own.
func (s *scope) native(fn *starlark.Builtin, args []operand, at syntax.Node) operand {
	line := lineOf(at)
	t, known := natives[fn.Name()]
	if !known {
		refuse(line, "uses %s", fn.Name())
	}
	if strings.HasPrefix(fn.Name(), "re.") {
		if o := s.regular(fn.Name(), args, at); o.typ != nil {
			return o
		}
	}
	switch {
	case fn.Name() == "sprintf":
		if o := s.sprintf(args, line); o.typ != nil {
			return o
		}
	case fn.Name() == "json.decode" && len(args) == 1:
		if o := s.docOf(args[0], line); o.typ != nil {
			return o
		}
		return s.decodeJSON(args[0], line)
	case fn.Name() == "sum" && len(args) == 1:
		if o := s.sum(s.through(args[0]), line); o.typ != nil {
			return o
		}
	case fn.Name() == "round" && len(args) == 2 && args[0].typ.kind == float:
		t = floatType
	}
	if !s.keeps {
		s.transient++
		defer func() { s.transient-- }()
	}
	return s.callBoxed(fn, args, t, line)
}

// maxBrackets is how many brackets a JSON text may have that json.decode is not asked about: its limit of nesting.
const maxBrackets = 1000

// decodeJSON decodes with a decoder that knows the keys of earlier records. The result is frozen: a function that
// changes it is the interpreter's.
func (c *compiler) decodeJSON(x operand, line int32) operand {
	g, keeps := c.texts(x, line), c.keeps
	return operand{typ: anyType, value: func(f *frame) starlark.Value {
		text := g(f)
		if strings.Count(text, "[")+strings.Count(text, "{") > maxBrackets {
			f.bail(otherType, line)
		}
		if f.json == nil {
			f.json = scan.NewJSON()
		}
		v, err := f.json.Decode(text)
		if err != nil {
			f.bail(errorRaised, line)
		}
		if keeps {
			v = value.Copy(v)
		}
		return v
	}}
}

// sum adds ints; its type is nil for other elements, whose sum is rounded once.
func (s *scope) sum(q sequence, line int32) operand {
	if q.elem.kind != integer {
		return operand{}
	}
	at, total := s.slots(1), s.slots(1)
	loop := q.each(at, func(f *frame) bool {
		f.slots[total&slotMask].n = addInts(f, f.slots[total&slotMask].n, f.slots[at&slotMask].n, line)
		return true
	})
	return after(func(f *frame) {
		f.slots[total&slotMask].n = 0
		loop(f)
	}, heldIn(intType, total))
}

// attempt compiles attempt(f, args..., default = value) of a builtin that is pure.
func (s *scope) attempt(fn *starlark.Builtin, e *syntax.CallExpr) operand {
	line := lineOf(e)
	args, named := s.argumentsByName(e, "default")
	if len(args) == 0 {
		return never()
	}
	o := s.expr(args[0])
	callee, ok := o.constant.(*starlark.Builtin)
	if !ok || callee.Receiver() != nil || pureBuiltins[callee.Name()] == nil && natives[callee.Name()] == nil {
		refuse(line, "attempts a function that is not a pure builtin")
	}
	values := []func(*frame) starlark.Value{func(*frame) starlark.Value { return callee }}
	for _, arg := range s.exprs(args[1:]) {
		if arg.typ.kind == unknown {
			return never()
		}
		values = append(values, s.box(arg, line).value)
	}
	fallback := operand{typ: noneType, constant: starlark.None}
	if d := named["default"]; d != nil {
		fallback = s.expr(d)
	}
	other := s.box(fallback, line).value
	return operand{typ: anyType, value: func(f *frame) starlark.Value {
		tuple := make(starlark.Tuple, len(values))
		for i, g := range values {
			tuple[i] = g(f)
		}
		kwargs := []starlark.Tuple{{starlark.String("default"), other(f)}}
		v, err := starlark.Call(f.thread, fn, tuple, kwargs)
		if err != nil {
			f.bail(errorRaised, line)
		}
		return v
	}}
}
