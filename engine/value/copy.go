package value

import (
	"strings"
	"unsafe"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
)

// Copy gives a deep copy of v that is not frozen. Inside it containers are shared, and refer to each other in
// cycles, as in v. Strings are copied too, so the copy holds no view of a block. Functions, and what else has
// no parts that a script could change, are not copied.
//
// v may be nested as deep as it likes, but for structs directly in structs, and keys, which take Go stack.
func Copy(v starlark.Value) starlark.Value {
	if flat, ok := copyScalar(v); ok {
		return flat
	}
	c := copier{}
	result := c.shell(v)
	for len(c.pending) > 0 {
		last := len(c.pending) - 1
		fill := c.pending[last]
		c.pending = c.pending[:last]
		c.fill(fill.from, fill.to)
	}
	return result
}

// Detach gives v, or a copy of it, such that the result refers to no memory of a block and shares nothing with v
// that a script could change. Numbers, None, times and tuples of those come back as they are.
func Detach(v starlark.Value) starlark.Value {
	if t, ok := v.(starlark.Tuple); ok && allFixed(t) {
		return v
	}
	return Copy(v)
}

// A copier makes copies in two moves, so that it needs no deep stack and cycles close: an empty shell for a
// container, and later what is in it.
type copier struct {
	done    Memo[starlark.Value]
	strings map[*byte]string // long strings that were copied, by where they begin
	pending []filling
}

type filling struct{ from, to starlark.Value }

// longString is the length from which on a string referred to twice is copied once.
const longString = 128

// shell gives the copy of v, which may still be empty.
func (c *copier) shell(v starlark.Value) starlark.Value {
	if flat, ok := c.scalar(v); ok {
		return flat
	}
	id, _ := Identify(v)
	if to, ok := c.done.Get(id); ok {
		return to
	}
	to := c.empty(v)
	c.done.Put(id, to)
	c.pending = append(c.pending, filling{v, to})
	return to
}

func (c *copier) empty(v starlark.Value) starlark.Value {
	switch v := v.(type) {
	case starlark.Tuple:
		return make(starlark.Tuple, len(v))
	case *starlark.List:
		return starlark.NewList(make([]starlark.Value, 0, v.Len()))
	case *starlark.Dict:
		return starlark.NewDict(v.Len())
	case *starlark.Set:
		return starlark.NewSet(v.Len())
	case *starlarkstruct.Struct:
		return c.structure(v)
	}
	return v
}

// structure needs only the shells of the fields: no struct refers to itself but through a container.
func (c *copier) structure(s *starlarkstruct.Struct) starlark.Value {
	fields := make([]starlark.Tuple, 0, s.Len())
	for name, field := range s.Entries() {
		fields = append(fields, starlark.Tuple{starlark.String(strings.Clone(name)), c.shell(field)})
	}
	constructor, _ := copyScalar(s.Constructor())
	return starlarkstruct.FromKeywords(constructor, fields)
}

func (c *copier) fill(from, to starlark.Value) {
	switch from := from.(type) {
	case starlark.Tuple:
		to := to.(starlark.Tuple)
		for i, e := range from {
			to[i] = c.shell(e)
		}
	case *starlark.List:
		to := to.(*starlark.List)
		for e := range from.Elements() {
			_ = to.Append(c.shell(e)) // cannot fail, nor can the inserts below: to is new, the key was a key before
		}
	case *starlark.Dict:
		to := to.(*starlark.Dict)
		for key, value := range from.Entries() {
			_ = to.SetKey(c.key(key), c.shell(value))
		}
	case *starlark.Set:
		to := to.(*starlark.Set)
		for e := range from.Elements() {
			_ = to.Insert(c.key(e))
		}
	}
}

// key copies a key whole, for it is hashed at once.
func (c *copier) key(v starlark.Value) starlark.Value {
	switch v := v.(type) {
	case starlark.Tuple:
		to := make(starlark.Tuple, len(v))
		for i, e := range v {
			to[i] = c.key(e)
		}
		return to
	case *starlarkstruct.Struct:
		fields := make([]starlark.Tuple, 0, v.Len())
		for name, field := range v.Entries() {
			fields = append(fields, starlark.Tuple{starlark.String(strings.Clone(name)), c.key(field)})
		}
		return starlarkstruct.FromKeywords(v.Constructor(), fields)
	}
	flat, _ := c.scalar(v)
	return flat
}

func (c *copier) scalar(v starlark.Value) (starlark.Value, bool) {
	switch s := v.(type) {
	case starlark.String:
		return starlark.String(c.string(string(s))), true
	case starlark.Bytes:
		return starlark.Bytes(c.string(string(s))), true
	}
	return v, !hasParts(v)
}

func (c *copier) string(s string) string {
	if len(s) < longString {
		return strings.Clone(s)
	}
	start := unsafe.StringData(s)
	if known := c.strings[start]; len(known) == len(s) {
		return known
	}
	if c.strings == nil {
		c.strings = make(map[*byte]string)
	}
	c.strings[start] = strings.Clone(s)
	return c.strings[start]
}

// copyScalar reports false for what has parts.
func copyScalar(v starlark.Value) (starlark.Value, bool) {
	switch s := v.(type) {
	case starlark.String:
		return starlark.String(strings.Clone(string(s))), true
	case starlark.Bytes:
		return starlark.Bytes(strings.Clone(string(s))), true
	}
	return v, !hasParts(v)
}

func hasParts(v starlark.Value) bool {
	switch v := v.(type) {
	case starlark.Tuple:
		return len(v) > 0
	case *starlark.List, *starlark.Dict, *starlark.Set, *starlarkstruct.Struct:
		return true
	}
	return false
}

// allFixed reports whether the tuple holds only what neither changes nor is text.
func allFixed(t starlark.Tuple) bool {
	for _, e := range t {
		switch e.(type) {
		case starlark.String, starlark.Bytes:
			return false
		}
		if hasParts(e) {
			return false
		}
	}
	return true
}
