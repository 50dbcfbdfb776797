package kernel

import (
	"fmt"
	"slices"

	"go.starlark.net/starlark"
)

// Known is what is known of records, whatever they are made of. The zero Known is nothing.
type Known struct{ shade *shade }

// KnownInt says that records are ints.
func KnownInt() Known { return Known{&anInt} }

// KnownPair says that records are pairs of a key, of which nothing is known, and a value.
func KnownPair(value Known) Known {
	x := shade{kind: free, elems: []shade{anything, anything}}
	if value.shade != nil {
		x.elems[1] = *value.shade
	}
	return Known{&x}
}

// Known is what is known of the records that leave the chain's steps.
func (c *Chain) Known() Known { return Known{c.shade()} }

// Known is what is known of the states.
func (d *Delta) Known() Known {
	if d.Ordered || d.Keyed {
		return Known{}
	}
	parts := make([]shade, len(d.Parts))
	for i, p := range d.Parts {
		parts[i] = anything
		if _, ok := p.Start.(starlark.Int); ok {
			parts[i] = anInt
		}
	}
	switch d.Shape {
	case Scalar:
		return Known{&parts[0]}
	case TupleOf:
		return Known{&shade{kind: free, elems: parts}}
	}
	return Known{}
}

// shade is what is known of the records that leave a chain's steps, whatever comes into it.
func (c *Chain) shade() *shade {
	x := shade{kind: free, ints: c.Ints}
	if c.In.shade != nil {
		x = *c.In.shade
	}
	for i := range c.Steps {
		switch s := &c.Steps[i]; s.Kind {
		case Map:
			x = s.Fn.shade(x)
		case FlatMap:
			all := s.Fn.shade(x)
			x = all.element(-1)
		case MapValues:
			value := anything
			if len(x.elems) == 2 {
				value = x.elems[1]
			}
			x = shade{kind: free, elems: []shade{x.element(0), s.Fn.shade(value)}}
		}
	}
	return &x
}

// shade is what is known of what a function makes of a record.
func (f *Func) shade(record shade) (result shade) {
	defer func() {
		switch cause := recover().(type) {
		case nil:
		case *Refusal:
			result = anything
		default:
			panic(cause)
		}
	}()
	if f.Selector != nil {
		return f.Selector.shade(record)
	}
	if b, ok := f.Callable.(*starlark.Builtin); ok && b.Receiver() == nil && (b.Name() == "len" || b.Name() == "int") {
		return anInt
	}
	fn, ok := f.Callable.(*starlark.Function)
	if !ok || f.Source == nil {
		return anything
	}
	r := newKeyedReader(nil, f.Source, fn)
	r.bindRecord(f, f.Own, record)
	if ends := r.block(r.fn.Body); !ends || r.result.kind == unset {
		return anything
	}
	return r.result
}

func (s *Selector) shade(record shade) shade {
	switch {
	case s.Whole:
		return record
	case s.Elements != nil:
		x := shade{kind: free, elems: make([]shade, len(s.Elements))}
		for i, e := range s.Elements {
			x.elems[i] = e.shade(record)
		}
		return x
	case s.ByIndex:
		return record.element(s.Index)
	case slices.Contains(record.ints, s.Field):
		return shade{kind: free, whole: true, null: true}
	}
	return anything
}

// text is what a function of a record returns, as text, for comparison with texts of a reducer that takes the same
// record in the same way; "": it is not known.
func (f *Func) text(reducer *Func) (text string) {
	switch {
	case f.Selector != nil:
		return f.Selector.text(reducer.Spread > 0)
	case f.Spread != reducer.Spread || f.Using:
		return ""
	}
	fn, ok := f.Callable.(*starlark.Function)
	own, _ := reducer.Callable.(*starlark.Function)
	if !ok || f.Source == nil || own == nil || fn.Module() != own.Module() || fn.NumFreeVars()+own.NumFreeVars() > 0 {
		return ""
	}
	defer func() {
		if _, refused := recover().(*Refusal); refused {
			text = ""
		}
	}()
	r := newKeyedReader(nil, f.Source, fn)
	result := onlyResult(r.fn.Body)
	if result == nil {
		return ""
	}
	r.record = f
	return r.textOf(result)
}

// text is the text of what a selector takes.
func (s *Selector) text(spread bool) string {
	switch {
	case s.Whole && !spread:
		return "$ "
	case s.Elements != nil || s.Whole:
		return ""
	case spread && s.ByIndex && s.Index >= 0:
		return fmt.Sprintf("$%d ", s.Index)
	case spread:
		return ""
	case s.ByIndex:
		return fmt.Sprintf("([ $  int64:%d)", s.Index)
	}
	return fmt.Sprintf("([ $  string:%q)", s.Field)
}
