package value

import (
	"strings"

	"go.starlark.net/starlark"
)

// A Class names what a value compares with, in words for an error message: "number" for int and float, "string",
// "None", "tuple(string, number)". A class that a tuple or list ends with several times stands for any number of
// elements, so [1, 2, 3] is "list(number...)".
type Class string

// The classes without elements. What has no order, like a dict, has its type's name for a class.
const (
	ClassNone   Class = "None"
	ClassNumber Class = "number"
)

// ClassOf is the class of a value that AppendOrder takes. It allocates only for tuples and lists.
func ClassOf(v starlark.Value) Class { return classOf(v, 0) }

// SameClass reports whether values of the two classes compare. None compares with everything; that it may occur
// at all is for AppendOrder to say.
func SameClass(a, b Class) bool {
	_, ok := JoinClass(a, b)
	return ok
}

// JoinClass gives the class of a flow that holds values of both classes, and whether they compare. None in
// either is filled in by the other, so the first value of a flow that does not fit the join of all before it is
// the same however the flow was cut.
func JoinClass(a, b Class) (Class, bool) {
	switch {
	case a == b, b == ClassNone:
		return a, true
	case a == ClassNone:
		return b, true
	}
	nameA, elementsA, okA := parseClass(a)
	nameB, elementsB, okB := parseClass(b)
	if !okA || !okB || nameA != nameB {
		return a, false
	}
	joined, ok := elementsA.join(elementsB)
	if !ok {
		return a, false
	}
	return joined.class(nameA), true
}

func classOf(v starlark.Value, depth int) Class {
	switch v := v.(type) {
	case starlark.Int, starlark.Float:
		return ClassNumber
	case starlark.NoneType:
		return ClassNone
	case starlark.Tuple:
		return classOfSequence("tuple", v, depth)
	case *starlark.List:
		return classOfSequence("list", v, depth)
	}
	return Class(v.Type())
}

func classOfSequence(name string, s starlark.Indexable, depth int) Class {
	if depth >= MaxDepth {
		return Class(name)
	}
	var e elements
	repeats := 0 // of the last of the first
	for i := range s.Len() {
		c := classOf(s.Index(i), depth+1)
		if n := len(e.first); n > 0 && e.first[n-1] == c {
			repeats++
			continue
		}
		for ; repeats > 0; repeats-- {
			e.first = append(e.first, e.first[len(e.first)-1])
		}
		e.first = append(e.first, c)
	}
	if repeats > 0 {
		e.rest = e.first[len(e.first)-1]
	}
	return e.class(name)
}

// elements is what is known of the elements of a sequence: the classes of the first ones, and that of all that
// follow, if there is one for them.
type elements struct {
	first []Class
	rest  Class
}

// at is the class of element i, "" if nothing is known of it.
func (e elements) at(i int) Class {
	if i < len(e.first) {
		return e.first[i]
	}
	return e.rest
}

// join joins element by element. What only one side knows of fits the other, which is shorter.
func (e elements) join(o elements) (joined elements, ok bool) {
	for i := range max(len(e.first), len(o.first)) + 1 {
		c, ok := e.at(i), true
		switch other := o.at(i); {
		case c == "":
			c = other
		case other != "":
			c, ok = JoinClass(c, other)
		}
		if !ok {
			return joined, false
		}
		if i < max(len(e.first), len(o.first)) {
			joined.first = append(joined.first, c)
		} else {
			joined.rest = c
		}
	}
	return joined, true
}

// class writes the class of a sequence, in one way only for what is known.
func (e elements) class(name string) Class {
	for n := len(e.first); n > 0 && e.rest != "" && e.first[n-1] == e.rest; n = len(e.first) {
		e.first = e.first[:n-1]
	}
	var b strings.Builder
	b.WriteString(name)
	b.WriteByte('(')
	for i, c := range e.first {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(string(c))
	}
	if e.rest != "" {
		if len(e.first) > 0 {
			b.WriteString(", ")
		}
		b.WriteString(string(e.rest) + andMore)
	}
	b.WriteByte(')')
	return Class(b.String())
}

const andMore = "..."

// parseClass takes a sequence's class apart. ok is false for a class without elements.
func parseClass(c Class) (name string, e elements, ok bool) {
	name, rest, ok := strings.Cut(string(c), "(")
	if !ok {
		return name, e, false
	}
	rest = strings.TrimSuffix(rest, ")")
	for depth, start, i := 0, 0, 0; i <= len(rest) && rest != ""; i++ {
		switch {
		case i == len(rest) || rest[i] == ',' && depth == 0:
			if all, more := strings.CutSuffix(rest[start:i], andMore); more {
				e.rest = Class(all)
			} else {
				e.first = append(e.first, Class(all))
			}
			start = i + len(", ")
		case rest[i] == '(':
			depth++
		case rest[i] == ')':
			depth--
		}
	}
	return name, e, true
}
