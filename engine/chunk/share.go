package chunk

import (
	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
)

// unshared gives c, or the same values boxed if two fields of one of its tuples hold the same dict, list or set:
// fields are written apart, and a state that refers to one list twice must not come back with two lists.
func unshared(c *Column) *Column {
	boxed := collectBoxed(c, nil)
	if len(boxed) < 2 {
		return c
	}
	var s sharing
	for i := range c.N {
		if s.across(boxed, i) {
			return boxedCopy(c)
		}
	}
	return c
}

// collectBoxed appends the columns inside c that hold boxed values.
func collectBoxed(c *Column, boxed []*Column) []*Column {
	if c.Kind == Any {
		return append(boxed, c)
	}
	for i := range c.Fields {
		boxed = collectBoxed(&c.Fields[i], boxed)
	}
	return boxed
}

func boxedCopy(c *Column) *Column {
	values := make([]starlark.Value, c.N)
	for i := range values {
		values[i] = c.At(i)
	}
	return &Column{Kind: Any, N: c.N, Values: values}
}

// A sharing knows in which column the containers of a row were met.
type sharing struct {
	seen   value.Memo[int]
	column int
}

// across reports whether two of the columns reach the same container in row i.
func (s *sharing) across(columns []*Column, i int) bool {
	s.seen.Reset()
	for n, c := range columns {
		s.column = n
		if s.visit(c.Values[i]) {
			return true
		}
	}
	return false
}

// visit walks a value and reports whether a part of it belongs to an earlier column. Every container is walked
// once, so cycles end.
func (s *sharing) visit(v starlark.Value) bool {
	id, ok := value.Identify(v)
	if !ok {
		return false
	}
	if column, ok := s.seen.Get(id); ok {
		return column != s.column
	}
	s.seen.Put(id, s.column)
	switch v := v.(type) {
	case starlark.Tuple:
		return s.visitAll(v.Elements())
	case *starlark.List:
		return s.visitAll(v.Elements())
	case *starlark.Dict: // keys hold nothing that changes
		for _, e := range v.Entries() {
			if s.visit(e) {
				return true
			}
		}
	case *starlarkstruct.Struct:
		for _, e := range v.Entries() {
			if s.visit(e) {
				return true
			}
		}
	}
	return false
}

func (s *sharing) visitAll(elements func(func(starlark.Value) bool)) bool {
	for e := range elements {
		if s.visit(e) {
			return true
		}
	}
	return false
}
