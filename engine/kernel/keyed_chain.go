package kernel

import "go.starlark.net/starlark"

// shade is what is known of the records that leave a chain's steps, whatever comes into it.
func (c *Chain) shade() *shade {
	x := anything
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
	}
	return anything
}
