package value

import (
	"strings"

	"go.starlark.net/starlark"
)

// A Class names what a value compares with, in words for an error message: "number" for int and float, "string",
// "None", "tuple(string, number)". In a tuple or list the last class stands for all elements that follow, so
// [1, 2, 3] is "list(number)".
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
	joined, ok := joinElements(elementsA, elementsB)
	if !ok {
		return a, false
	}
	return formatClass(nameA, joined), true
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
	var elements []Class
	repeats := 0 // of the last of elements
	for i := range s.Len() {
		c := classOf(s.Index(i), depth+1)
		if n := len(elements); n > 0 && elements[n-1] == c {
			repeats++
			continue
		}
		for ; repeats > 0; repeats-- {
			elements = append(elements, elements[len(elements)-1])
		}
		elements = append(elements, c)
	}
	return formatClass(name, elements)
}

// joinElements joins position by position; the last class of each side goes on for ever, an empty side fits all.
func joinElements(a, b []Class) ([]Class, bool) {
	if len(a) == 0 || len(b) == 0 {
		return append(a, b...), true
	}
	var joined []Class
	for i := range max(len(a), len(b)) {
		c, ok := JoinClass(a[min(i, len(a)-1)], b[min(i, len(b)-1)])
		if !ok {
			return a, false
		}
		joined = append(joined, c)
	}
	for n := len(joined); n > 1 && joined[n-1] == joined[n-2]; n = len(joined) {
		joined = joined[:n-1]
	}
	return joined, true
}

func formatClass(name string, elements []Class) Class {
	var b strings.Builder
	b.WriteString(name)
	b.WriteByte('(')
	for i, e := range elements {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(string(e))
	}
	b.WriteByte(')')
	return Class(b.String())
}

// parseClass takes a sequence's class apart. ok is false for a class without elements.
func parseClass(c Class) (name string, elements []Class, ok bool) {
	name, rest, ok := strings.Cut(string(c), "(")
	if !ok {
		return name, nil, false
	}
	rest = strings.TrimSuffix(rest, ")")
	for depth, start, i := 0, 0, 0; i <= len(rest) && rest != ""; i++ {
		switch {
		case i == len(rest) || rest[i] == ',' && depth == 0:
			elements = append(elements, Class(rest[start:i]))
			start = i + len(", ")
		case rest[i] == '(':
			depth++
		case rest[i] == ')':
			depth--
		}
	}
	return name, elements, true
}
