package kernel

import (
	"slices"

	"go.starlark.net/starlark"
)

// A journal holds what a call of compiled code has changed in containers that were there before, so that all of it
// can be undone. Only the latest call is in it.
type journal struct{ changes []change }

// A change is one that can be undone while everything that came after it is undone already.
type change struct {
	kind  changeKind
	list  *starlark.List
	dict  *starlark.Dict
	set   *starlark.Set
	at    int              // grown: the length before; otherwise an index
	key   starlark.Value   // put
	old   starlark.Value   // what stood there
	all   []starlark.Value // emptied list or set: what it held
	pairs []starlark.Tuple // emptied dict: what it held
}

type changeKind uint8

const (
	listGrown    changeKind = iota // elements were added behind the others
	listElement                    // an element was replaced
	listInserted                   // one was added
	listRemoved                    // one was taken out
	listEmptied
	dictReplaced // the value of a key was replaced
	dictAdded    // a key was added
	dictEmptied  // or keys were taken out
	setAdded
	setEmptied // or elements were taken out
)

// mostRestored is the size of a dict or set that is put together again to undo that something was taken out of it: where
// that stood does not show. What is taken out of a larger one is the interpreter's.
const mostRestored = 64

// undo takes all changes back, the last one first.
func (j *journal) undo() {
	for _, c := range slices.Backward(j.changes) {
		c.undo()
	}
	j.forget()
}

// forget accepts all changes.
func (j *journal) forget() {
	if len(j.changes) > 0 {
		clear(j.changes)
		j.changes = j.changes[:0]
	}
}

// undo never fails: the containers could be changed, and no loop over them is left.
func (c *change) undo() {
	switch c.kind {
	case listGrown:
		refill(c.list, elementsOf(c.list)[:c.at])
	case listElement:
		_ = c.list.SetIndex(c.at, c.old)
	case listInserted:
		refill(c.list, slices.Delete(elementsOf(c.list), c.at, c.at+1))
	case listRemoved:
		refill(c.list, slices.Insert(elementsOf(c.list), c.at, c.old))
	case listEmptied:
		refill(c.list, c.all)
	case dictReplaced:
		_ = c.dict.SetKey(c.key, c.old)
	case dictAdded:
		_, _, _ = c.dict.Delete(c.key)
	case dictEmptied:
		_ = c.dict.Clear()
		for _, p := range c.pairs {
			_ = c.dict.SetKey(p[0], p[1])
		}
	case setAdded:
		_, _ = c.set.Delete(c.key)
	case setEmptied:
		_ = c.set.Clear()
		for _, v := range c.all {
			_ = c.set.Insert(v)
		}
	}
}

func elementsOf(l *starlark.List) []starlark.Value {
	all := make([]starlark.Value, l.Len())
	for i := range all {
		all[i] = l.Index(i)
	}
	return all
}

func refill(l *starlark.List, all []starlark.Value) {
	_ = l.Clear()
	for _, v := range all {
		_ = l.Append(v)
	}
}

// append is list.append(v); false is an error.
func (j *journal) append(l *starlark.List, v starlark.Value) bool {
	n := l.Len()
	if l.Append(v) != nil {
		return false
	}
	j.grown(l, n)
	return true
}

func (j *journal) grown(l *starlark.List, before int) {
	if k := len(j.changes); k > 0 && j.changes[k-1].kind == listGrown && j.changes[k-1].list == l {
		return
	}
	j.changes = append(j.changes, change{kind: listGrown, list: l, at: before})
}

// put is dict[k] = v, where own makes a key that may be kept; false is an error.
func (j *journal) put(d *starlark.Dict, k, v starlark.Value, own func(starlark.Value) starlark.Value) bool {
	old, found, err := d.Get(k)
	if err != nil {
		return false
	}
	c := change{kind: dictReplaced, dict: d, key: k, old: old}
	if !found {
		k = own(k)
		c = change{kind: dictAdded, dict: d, key: k}
	}
	if d.SetKey(k, v) != nil {
		return false
	}
	j.changes = append(j.changes, c)
	return true
}

// setIndex is x[k] = v; false is an error, or what is not compiled.
func (j *journal) setIndex(x, k, v starlark.Value) bool {
	switch x := x.(type) {
	case *starlark.Dict:
		return j.put(x, k, v, ownValue)
	case *starlark.List:
		i, ok := indexOf(k, x.Len())
		if !ok {
			return false
		}
		c := change{kind: listElement, list: x, at: i, old: x.Index(i)}
		if x.SetIndex(i, v) != nil {
			return false
		}
		j.changes = append(j.changes, c)
		return true
	}
	return false
}

// indexOf is where an index of a sequence of n elements points to.
func indexOf(k starlark.Value, n int) (int, bool) {
	i, err := starlark.AsInt32(k)
	if err != nil {
		return 0, false
	}
	if i < 0 {
		i += n
	}
	return i, i >= 0 && i < n
}
