package value

import (
	"unsafe"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
)

// An Identity tells one container from another, equal one. Identities compare with ==; they keep what they
// identify in memory.
type Identity struct {
	address unsafe.Pointer
	length  int // of a tuple, for tuples may begin at the same place; -1 for the rest
}

// Identify gives the identity of a dict, list, set, struct or non-empty tuple. Everything else has none: it has
// no parts of its own.
func Identify(v starlark.Value) (id Identity, ok bool) {
	switch v := v.(type) {
	case starlark.Tuple:
		return Identity{unsafe.Pointer(unsafe.SliceData(v)), len(v)}, len(v) > 0
	case *starlark.List:
		return Identity{unsafe.Pointer(v), -1}, true
	case *starlark.Dict:
		return Identity{unsafe.Pointer(v), -1}, true
	case *starlark.Set:
		return Identity{unsafe.Pointer(v), -1}, true
	case *starlarkstruct.Struct:
		return Identity{unsafe.Pointer(v), -1}, true
	}
	return Identity{}, false
}

// A Memo remembers something about containers that were met on a walk, so that shared ones are looked at once
// and cycles end. The zero Memo is empty. It is not safe for concurrent use.
type Memo[T any] struct {
	few  []memoEntry[T] // in use until there are too many to look through
	many map[Identity]T
}

type memoEntry[T any] struct {
	id Identity
	of T
}

const fewEntries = 16

// Get gives what was put for id.
func (m *Memo[T]) Get(id Identity) (of T, ok bool) {
	if m.many != nil {
		of, ok = m.many[id]
		return of, ok
	}
	for i := range m.few {
		if m.few[i].id == id {
			return m.few[i].of, true
		}
	}
	return of, false
}

// Put remembers what belongs to an id that is not known yet.
func (m *Memo[T]) Put(id Identity, of T) {
	if m.many == nil && len(m.few) < fewEntries {
		m.few = append(m.few, memoEntry[T]{id, of})
		return
	}
	if m.many == nil {
		m.many = make(map[Identity]T, 4*fewEntries)
		for _, e := range m.few {
			m.many[e.id] = e.of
		}
	}
	m.many[id] = of
}

// Reset forgets everything and keeps memory for the next walk.
func (m *Memo[T]) Reset() {
	clear(m.few)
	m.few, m.many = m.few[:0], nil
}
