package builtins

import (
	"errors"
	"fmt"
	"slices"

	"go.starlark.net/starlark"
)

// Bounds of what becomes text, counting what is shared each time that it occurs.
const (
	maxValues       = 1 << 25
	maxCyclicValues = 1 << 18 // fewer, because each is looked for among those around it
)

// maxNesting is how deep lists, dicts and the like may stand in each other where a builtin walks through them.
const maxNesting = 1000

var (
	errNesting = fmt.Errorf("nested more than %d deep, or contains itself", maxNesting)
	errDeep    = fmt.Errorf("nested more than %d deep", maxNesting)
	errValues  = errors.New("too many values, counting shared ones each time")
	errText    = errors.New("the text would be longer than 1 GiB")
)

// checkText fails if the text of v would be nested too deep or too long to be made. It walks what would be
// written, so a list that occurs twice counts twice, and stops at the limit.
func checkText(v starlark.Value) error {
	switch v.(type) {
	case starlark.String, starlark.Int, starlark.Float, starlark.Bool, starlark.NoneType:
		return nil
	}
	m := measure{left: maxText, values: maxValues}
	return m.value(v, 0)
}

// A measure counts down from the longest allowed text. Each byte of a string counts as its longest escape.
type measure struct {
	left   int
	values int              // how many more there may be
	cycles bool             // a list or dict inside itself is written as ..., and so no error
	path   []starlark.Value // with cycles: the lists and dicts around the value
}

const longestEscape = len(`\u001f`)

func (m *measure) value(v starlark.Value, depth int) error {
	if depth > maxNesting {
		if m.cycles {
			return errDeep
		}
		return errNesting
	}
	if m.values--; m.values < 0 {
		return errValues
	}
	m.left -= len("0,")
	if m.left < 0 {
		return errText
	}
	if m.cycles {
		switch v.(type) {
		case *starlark.List, *starlark.Dict:
			if slices.Contains(m.path, v) {
				return nil
			}
			m.path = append(m.path, v)
			defer func() { m.path = m.path[:len(m.path)-1] }()
		}
	}
	switch v := v.(type) {
	case starlark.String:
		m.left -= longestEscape * len(v)
	case starlark.Bytes:
		m.left -= longestEscape * len(v)
	case starlark.Int:
		if _, small := v.Int64(); !small {
			m.left -= v.BigInt().BitLen() / 3
		}
	case starlark.Tuple:
		for _, e := range v {
			if err := m.value(e, depth+1); err != nil {
				return err
			}
		}
	case starlark.Indexable: // list; range, whose elements are ints
		for i := range v.Len() {
			if err := m.value(v.Index(i), depth+1); err != nil {
				return err
			}
		}
	case *starlark.Dict:
		return m.dict(v, depth)
	case starlark.IterableMapping:
		return m.items(v, depth)
	case starlark.Iterable:
		return m.elements(v, depth)
	case starlark.HasAttrs:
		return m.attributes(v, depth)
	}
	return nil
}

func (m *measure) dict(d *starlark.Dict, depth int) error {
	for k, v := range d.Entries() {
		if err := m.value(k, depth+1); err != nil {
			return err
		}
		if err := m.value(v, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (m *measure) items(d starlark.IterableMapping, depth int) error {
	for _, item := range d.Items() {
		if err := m.value(item, depth); err != nil {
			return err
		}
	}
	return nil
}

func (m *measure) elements(s starlark.Iterable, depth int) error {
	for e := range starlark.Elements(s) {
		if err := m.value(e, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (m *measure) attributes(s starlark.HasAttrs, depth int) error {
	for _, name := range s.AttrNames() {
		m.left -= len(name)
		if v, err := s.Attr(name); err == nil && v != nil {
			if _, method := v.(starlark.Callable); method {
				continue
			}
			if err := m.value(v, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}
