package kernel

import (
	"go.starlark.net/starlark"
)

// maxConstant is how many elements a constant list may have to be laid out anew for compiled code.
const maxConstant = 1 << 12

// constant is the operand of a frozen value.
func (c *compiler) constant(v starlark.Value) operand {
	o := operand{typ: anyType, constant: v}
	switch v := v.(type) {
	case starlark.NoneType:
		o.typ = noneType
		return o
	case starlark.Bool:
		b := bool(v)
		o.typ, o.truth = boolType, func(*frame) bool { return b }
		return o
	case starlark.Int:
		if i, ok := v.Int64(); ok {
			o.typ, o.int = intType, func(*frame) int64 { return i }
			return o
		}
	case starlark.Float:
		x := float64(v)
		o.typ, o.float = floatType, func(*frame) float64 { return x }
		return o
	case starlark.String:
		s := string(v)
		o.typ, o.text = strType, func(*frame) string { return s }
		return o
	case starlark.Bytes:
		s := string(v)
		o.typ, o.text = bytesType, func(*frame) string { return s }
		return o
	case starlark.Tuple:
		if t, ok := c.constantTuple(v); ok {
			return t
		}
	case *starlark.List:
		if l, ok := c.constantList(v); ok {
			return l
		}
	}
	o.value = func(*frame) starlark.Value { return v }
	return o
}

func (c *compiler) constantTuple(v starlark.Tuple) (operand, bool) {
	if len(v) > maxWidth {
		return operand{}, false
	}
	types := make([]*Type, len(v))
	elems := make([]operand, len(v))
	for i, e := range v {
		if _, function := e.(starlark.Callable); function {
			return operand{}, false
		}
		elems[i] = c.constant(e)
		types[i] = elems[i].typ
	}
	t := tupleOf(types)
	return operand{typ: t, constant: v, elems: elems}, t.width <= maxWidth && len(v) > 0
}

// constantList lays a list of scalars out.
func (c *compiler) constantList(v *starlark.List) (operand, bool) {
	if v.Len() > maxConstant {
		return operand{}, false
	}
	l := &list{frozen: true}
	elem := unknownType
	for i := range v.Len() {
		o := c.constant(v.Index(i))
		if o.typ.width != 1 || o.typ.kind >= tuple || elem != unknownType && elem != o.typ {
			return operand{}, false
		}
		elem = o.typ
		var m memory
		storeConstant(&l.push(&m, 1)[0], v.Index(i))
	}
	e := c.constants[v]
	if e == nil {
		e = &elemType{typ: elem}
		c.constants[v] = e
	}
	if !equal(e.of(), elem) {
		return operand{}, false
	}
	return operand{typ: listOf(e), constant: v, list: func(*frame) *list { return l }}, true
}

func storeConstant(to *cell, v starlark.Value) {
	switch v := v.(type) {
	case starlark.Bool:
		to.setTruth(bool(v))
	case starlark.Int:
		to.n, _ = v.Int64()
	case starlark.Float:
		to.setFloat(float64(v))
	case starlark.String:
		to.setText(string(v))
	case starlark.Bytes:
		to.setText(string(v))
	}
}

// callee is the function that an operand always is.
func (o *operand) callee() (starlark.Callable, bool) {
	f, ok := o.constant.(starlark.Callable)
	return f, ok
}
