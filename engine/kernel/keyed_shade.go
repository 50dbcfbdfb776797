package kernel

import (
	"slices"

	"go.starlark.net/starlark"
)

// A shade is what is known of a value before any record was seen: how it depends on the state of a reducer, and
// whether it is an int.
type shade struct {
	kind  shadeKind
	whole bool     // free: an int, if it is anything; of a part: what was added to it are ints
	null  bool     // free and whole: or None, which cannot be added
	elems []shade  // free: of a tuple, nil if it need not be one; of parts: the parts
	elem  *shade   // free: of a list or another sequence, nil if it need not be one; of kind unset if it is empty
	ints  []string // free: names of the members of a dict that are ints or None

	key   string   // of an entry, a part, parts: the text of the key
	index int      // of a part
	part  PartKind // of a part: how it was changed
	added []string // of a part: texts of what was added, or compared
	loose bool     // of an entry: it need not be in the state
	other string   // of a part: what stands for it where there is no key, if that is no constant
}

type shadeKind uint8

const (
	unset     shadeKind = iota // no value has come yet
	free                       // does not depend on the state
	dictState                  // the state, a dict
	entry                      // the value of a key, or the state if that is no dict
	part                       // a part of it, changed perhaps
	allParts                   // a tuple or list of all parts, changed perhaps
	stale                      // a part of what has been changed since: it is not to be used
)

var (
	anything = shade{kind: free}
	anInt    = shade{kind: free, whole: true}
)

// stateful says that a value depends on the state.
func (x *shade) stateful() bool { return x.kind > free }

// shadeOf is the shade of a constant.
func shadeOf(v starlark.Value) shade {
	switch v := v.(type) {
	case starlark.Int:
		return anInt
	case starlark.Tuple:
		x := shade{kind: free, elems: make([]shade, len(v))}
		for i, e := range v {
			x.elems[i] = shadeOf(e)
		}
		return x
	}
	return anything
}

// element is the shade of element i of a value that is free; -1: of any.
func (x *shade) element(i int) shade {
	switch {
	case x.elems != nil && i >= 0 && i < len(x.elems):
		return x.elems[i]
	case x.elem != nil && x.elem.kind == free:
		return *x.elem
	case x.elems != nil && i < 0:
		all := shade{}
		for _, e := range x.elems {
			all = joinFree(all, e)
		}
		if all.kind == free {
			return all
		}
	}
	return anything
}

// variable is the shade of a variable that gets the value: what is in its lists may change.
func (x shade) variable() shade {
	x.elem = nil
	if x.kind == free && x.elems != nil {
		elems := make([]shade, len(x.elems))
		for i, e := range x.elems {
			elems[i] = e.variable()
		}
		x.elems = elems
	}
	return x
}

// joinFree is what holds of both values, neither of which depends on the state.
func joinFree(a, b shade) shade {
	switch {
	case a.kind == unset:
		return b
	case b.kind == unset:
		return a
	}
	x := shade{kind: free, whole: a.whole && b.whole, null: a.null || b.null}
	if a.elems != nil && len(a.elems) == len(b.elems) {
		x.elems = make([]shade, len(a.elems))
		for i := range x.elems {
			x.elems[i] = joinFree(a.elems[i], b.elems[i])
		}
	}
	if a.elem != nil && b.elem != nil {
		e := joinFree(*a.elem, *b.elem)
		x.elem = &e
	}
	return x
}

// join is what holds of a value that is one of two.
func (r *keyedReader) join(a, b shade) shade {
	switch {
	case a.kind == unset || b.kind == unset || a.kind == free && b.kind == free:
		return joinFree(a, b)
	case a.kind == stale || b.kind == stale:
		return shade{kind: stale}
	case a.kind == dictState && b.kind == dictState:
		return a
	case a.kind == free || b.kind == free || a.kind == dictState || b.kind == dictState || a.key != b.key:
		refuse(r.line, "mixes %s with other values", r.stateName)
	case a.kind == entry && b.kind == entry:
		return a
	}
	x, y := r.partsOf(a), r.partsOf(b)
	joined := make([]shade, len(x))
	for i := range x {
		joined[i] = r.joinPart(x[i], y[i])
	}
	return r.fromParts(joined, a.key)
}

func (r *keyedReader) joinPart(a, b shade) shade {
	if a.index != b.index {
		refuse(r.line, "moves a part of %s", r.stateName)
	}
	a.part = r.joinKind(a.part, b.part)
	a.whole = a.whole && b.whole
	switch {
	case len(b.added) > len(a.added):
		a.added = b.added
	case len(a.added) == len(b.added) && len(a.added) > 0 && !slices.Equal(a.added, b.added):
		a.added = append([]string{"either"}, a.added[1:]...)
	}
	if a.other == "" {
		a.other = b.other
	}
	return a
}

// joinKind is how a part changes that changes in both ways.
func (r *keyedReader) joinKind(a, b PartKind) PartKind {
	switch {
	case a == PartKept:
		return b
	case b == PartKept || a == b:
		return a
	}
	refuse(r.line, "changes a number in two ways")
	return a
}

// partsOf is the parts of a value that depends on the state.
func (r *keyedReader) partsOf(x shade) []shade {
	switch x.kind {
	case allParts:
		return x.elems
	case part:
		if r.d.Shape == Scalar {
			return []shade{x}
		}
	case entry:
		all := make([]shade, len(r.d.Parts))
		for i := range all {
			all[i] = shade{kind: part, key: x.key, index: i, whole: true, other: x.other}
		}
		return all
	case stale:
		refuse(r.line, "uses what %s was before a change", r.stateName)
	}
	refuse(r.line, "uses %s otherwise than by adding to it", r.stateName)
	return nil
}

func (r *keyedReader) fromParts(all []shade, key string) shade {
	if r.d.Shape == Scalar {
		return all[0]
	}
	return shade{kind: allParts, key: key, elems: all}
}

// partOf is a value as the part that it is.
func (r *keyedReader) partOf(x shade) shade {
	if x.kind == entry && r.d.Shape == Scalar {
		return r.partsOf(x)[0]
	}
	if x.kind != part {
		r.partsOf(x)
		refuse(r.line, "uses %s otherwise than by adding to its numbers", r.stateName)
	}
	return x
}
