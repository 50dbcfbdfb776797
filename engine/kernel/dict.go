package kernel

import (
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// dictDisplay makes a dict. Dicts are Starlark's own: most that a record function makes are records.
func (s *scope) dictDisplay(e *syntax.DictExpr) operand {
	var keys, values []func(*frame) starlark.Value
	line := lineOf(e)
	for _, entry := range e.List {
		s.visit(entry)
		kv := entry.(*syntax.DictEntry)
		k := s.expr(kv.Key)
		v := s.expr(kv.Value)
		if k.typ.kind == unknown || v.typ.kind == unknown {
			return never()
		}
		keys = append(keys, s.box(k, line).value)
		values = append(values, s.box(v, line).value)
	}
	return operand{typ: anyType, value: func(f *frame) starlark.Value {
		d := starlark.NewDict(len(keys))
		for i, key := range keys {
			k := key(f)
			if d.SetKey(k, values[i](f)) != nil || d.Len() != i+1 {
				f.bail(errorRaised, line) // no key, or one that is there already
			}
		}
		return d
	}}
}

// dictComprehension makes a dict of a sequence of pairs.
func (s *scope) dictComprehension(e *syntax.Comprehension) operand {
	entry := e.Body.(*syntax.DictEntry)
	line := lineOf(e)
	at, d := s.slots(2), s.slots(1)
	q := s.comprehended(e, func() operand {
		s.visit(entry)
		k := s.expr(entry.Key)
		v := s.expr(entry.Value)
		if k.typ.kind == unknown || v.typ.kind == unknown {
			return never()
		}
		return s.tupleOf([]operand{s.box(k, line), s.box(v, line)})
	})
	if q.elem.kind == unknown {
		return never()
	}
	loop := q.each(at, func(f *frame) bool {
		to := f.slots[d&slotMask].value().(*starlark.Dict)
		if to.SetKey(f.slots[at&slotMask].value(), f.slots[(at+1)&slotMask].value()) != nil {
			f.bail(errorRaised, line)
		}
		return true
	})
	return operand{typ: anyType, value: func(f *frame) starlark.Value {
		f.slots[d&slotMask].setValue(starlark.NewDict(0))
		loop(f)
		return f.slots[d&slotMask].value()
	}}
}
