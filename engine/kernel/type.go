package kernel

import "strings"

// A kind is the outermost part of a Type.
type kind uint8

const (
	unknown  kind = iota // nothing was assigned yet; code of this type is never reached
	none                 // None
	boolean              // True, False
	integer              // an int that fits 64 bits
	float                // a float
	str                  // a string, as a view
	byteStr              // bytes, as a view
	tuple                // a tuple of known length: its elements, one after another
	list_                // a list, by reference
	dict_                // a dict, by reference
	optional             // None or a value of one other type
	row                  // a record of the input batch, by its number
	boxedAny             // anything, as a starlark.Value
)

var kindName = [...]string{"unknown", "None", "bool", "int", "float", "str", "bytes", "tuple", "list", "dict", "optional", "record", "any"}

// A Type is what compiled code knows of a value. Types are immutable but for the element types of lists,
// which grow while a program is compiled.
type Type struct {
	kind  kind
	elems []*Type   // tuple: the elements; optional: the type of what is there
	elem  *elemType // list: the elements
	row   *rowType  // row
	width int       // cells that a value takes
}

// A elemType is the type of the elements of all lists that may be the same list: lists that meet in one variable
// share it. It only ever grows.
type elemType struct {
	typ     *Type
	same    *elemType // the one that it was joined with; nil if it stands for itself
	changed bool      // some code changes such a list after it was made
	boxed   bool      // some code makes a starlark.Value of such a list
	named   bool      // some variable stands for such a list
	asValue bool      // such lists are starlark.Values from the start, because they are used under several names
}

// A rowType says where a record of the input stands: in the batch's column, or in a field of it.
type rowType struct {
	path  []int
	names []string
	elems []*Type
	used  []bool // fields that a program reads
}

var (
	unknownType = &Type{kind: unknown}
	noneType    = &Type{kind: none}
	boolType    = &Type{kind: boolean, width: 1}
	intType     = &Type{kind: integer, width: 1}
	floatType   = &Type{kind: float, width: 1}
	strType     = &Type{kind: str, width: 1}
	bytesType   = &Type{kind: byteStr, width: 1}
	anyType     = &Type{kind: boxedAny, width: 1}
)

func tupleOf(elems []*Type) *Type {
	t := &Type{kind: tuple, elems: elems}
	for _, e := range elems {
		t.width += e.width
	}
	return t
}

func optionalOf(t *Type) *Type {
	return &Type{kind: optional, elems: []*Type{t}, width: 1 + t.width}
}

func listOf(elem *elemType) *Type { return &Type{kind: list_, elem: elem, width: 1} }

// find is the element type that s was joined into.
func (s *elemType) find() *elemType {
	for s.same != nil {
		s = s.same
	}
	return s
}

// of is the type of the elements.
func (s *elemType) of() *Type { return s.find().typ }

func (t *Type) String() string {
	switch t.kind {
	case tuple:
		parts := make([]string, len(t.elems))
		for i, e := range t.elems {
			parts[i] = e.String()
		}
		return "(" + strings.Join(parts, ", ") + ")"
	case optional:
		return t.elems[0].String() + " or None"
	case list_:
		return "list of " + t.elem.of().kindName()
	}
	return t.kindName()
}

func (t *Type) kindName() string { return kindName[t.kind] }

// equal says that values of both types are laid out alike and are used alike.
func equal(a, b *Type) bool {
	if a == b {
		return true
	}
	if a.kind != b.kind || len(a.elems) != len(b.elems) {
		return false
	}
	switch a.kind {
	case list_:
		return a.elem.find() == b.elem.find()
	case row:
		return a.row == b.row
	}
	for i := range a.elems {
		if !equal(a.elems[i], b.elems[i]) {
			return false
		}
	}
	return true
}

// reference says that values of the type can be changed in place, or hold some that can.
func (t *Type) reference() bool {
	switch t.kind {
	case list_:
		return true
	case tuple, optional:
		for _, e := range t.elems {
			if e.reference() {
				return true
			}
		}
	}
	return false
}

// maxNesting bounds types that would grow for ever, as in x = (x, 1).
const (
	maxNesting = 6
	maxWidth   = 64
)

// join is the smallest type that holds the values of both.
func (c *compiler) join(a, b *Type) *Type {
	t := c.joined(a, b, 0)
	if t.width > maxWidth {
		return anyType
	}
	return t
}

func (c *compiler) joined(a, b *Type, depth int) *Type {
	switch {
	case equal(a, b), b.kind == unknown:
		return a
	case a.kind == unknown:
		return b
	case depth > maxNesting:
		return anyType
	case a.kind == none && b.kind == optional:
		return b
	case b.kind == none && a.kind == optional:
		return a
	case a.kind == none && b.kind != boxedAny:
		return optionalOf(b)
	case b.kind == none && a.kind != boxedAny:
		return optionalOf(a)
	case a.kind == optional || b.kind == optional:
		inner := c.joined(present(a), present(b), depth+1)
		if inner.kind == boxedAny {
			return anyType
		}
		return optionalOf(inner)
	case a.kind != b.kind:
		return anyType
	case a.kind == tuple && len(a.elems) == len(b.elems):
		elems := make([]*Type, len(a.elems))
		for i := range elems {
			elems[i] = c.joined(a.elems[i], b.elems[i], depth+1)
		}
		return tupleOf(elems)
	case a.kind == list_:
		c.unify(a.elem, b.elem)
		return a
	}
	return anyType
}

// present is what an optional type holds if it holds something.
func present(t *Type) *Type {
	if t.kind == optional {
		return t.elems[0]
	}
	return t
}

// unify makes two element types one.
func (c *compiler) unify(a, b *elemType) {
	a, b = a.find(), b.find()
	if a == b {
		return
	}
	c.moved = true
	b.same = a
	a.changed = a.changed || b.changed
	a.boxed = a.boxed || b.boxed
	a.named = a.named || b.named
	a.asValue = a.asValue || b.asValue
	a.typ = c.join(a.typ, b.typ)
}

// grow lets the elements be of type t too.
func (c *compiler) grow(s *elemType, t *Type) {
	s = s.find()
	if next := c.join(s.typ, t); !equal(next, s.typ) {
		s.find().typ, c.moved = next, true
	}
}
