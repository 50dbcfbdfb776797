package kernel

import (
	"strings"

	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
)

// ownValue is a value that refers to no memory of a block.
func ownValue(v starlark.Value) starlark.Value {
	switch v := v.(type) {
	case starlark.String:
		return starlark.String(strings.Clone(string(v)))
	case starlark.NoneType, starlark.Bool, starlark.Int, starlark.Float:
		return v
	}
	return value.Detach(v)
}

// A mutator does what a method does that changes its receiver, and writes that down; nil is an error, or what is not
// compiled.
type mutator func(f *frame, recv starlark.Value, args starlark.Tuple) starlark.Value

// mutators is the methods that change what they are called on.
var mutators = map[string]mutator{
	"append": mutateAppend, "extend": mutateExtend, "insert": mutateInsert, "remove": mutateRemove, "pop": mutatePop,
	"clear": mutateClear, "add": mutateAdd, "discard": mutateDiscard, "setdefault": mutateDefault, "update": mutateUpdate,
	"popitem": mutatePopItem,
}

// byView is the methods whose first argument is only looked at, or made one's own where it is kept.
var byView = map[string]bool{"get": true, "setdefault": true, "add": true, "discard": true, "pop": true, "index": true, "count": true}

func mutateAppend(f *frame, recv starlark.Value, args starlark.Tuple) starlark.Value {
	l, ok := recv.(*starlark.List)
	if !ok || len(args) != 1 || !f.journal.append(l, args[0]) {
		return nil
	}
	return starlark.None
}

func mutateExtend(f *frame, recv starlark.Value, args starlark.Tuple) starlark.Value {
	l, ok := recv.(*starlark.List)
	if !ok || len(args) != 1 || !f.extendList(l, args[0]) {
		return nil
	}
	return starlark.None
}

// extendList is l.extend(v).
func (f *frame) extendList(l *starlark.List, v starlark.Value) bool {
	n := l.Len()
	if method, err := l.Attr("extend"); err == nil {
		if _, err = starlark.Call(f.thread, method, starlark.Tuple{v}, nil); err == nil {
			f.journal.grown(l, n)
			f.spend(int64(l.Len() - n))
			return true
		}
	}
	return false
}

func mutateInsert(f *frame, recv starlark.Value, args starlark.Tuple) starlark.Value {
	l, ok := recv.(*starlark.List)
	if !ok || len(args) != 2 {
		return nil
	}
	n := l.Len()
	v := callMutator(f, recv, "insert", args)
	if v != nil {
		at, _ := starlark.AsInt32(args[0])
		if at < 0 {
			at += n
		}
		f.journal.changes = append(f.journal.changes, change{kind: listInserted, list: l, at: max(0, min(at, n))})
	}
	return v
}

func mutateRemove(f *frame, recv starlark.Value, args starlark.Tuple) starlark.Value {
	l, ok := recv.(*starlark.List)
	if !ok || len(args) != 1 {
		return shrink(f, recv, "remove", args)
	}
	for i := range l.Len() {
		same, err := starlark.Equal(l.Index(i), args[0])
		if err != nil {
			return nil
		}
		if same {
			return f.takeOut(l, i, "remove", args)
		}
	}
	return nil
}

// takeOut calls a method that takes element i out of a list.
func (f *frame) takeOut(l *starlark.List, i int, name string, args starlark.Tuple) starlark.Value {
	c := change{kind: listRemoved, list: l, at: i, old: l.Index(i)}
	v := callMutator(f, l, name, args)
	if v != nil {
		f.journal.changes = append(f.journal.changes, c)
	}
	return v
}

func mutatePop(f *frame, recv starlark.Value, args starlark.Tuple) starlark.Value {
	l, ok := recv.(*starlark.List)
	if !ok {
		return shrink(f, recv, "pop", args)
	}
	at := starlark.Value(starlark.MakeInt(-1))
	if len(args) == 1 {
		at = args[0]
	}
	i, ok := indexOf(at, l.Len())
	if !ok || len(args) > 1 {
		return nil
	}
	return f.takeOut(l, i, "pop", args)
}

func mutateClear(f *frame, recv starlark.Value, args starlark.Tuple) starlark.Value {
	l, ok := recv.(*starlark.List)
	if !ok {
		return shrink(f, recv, "clear", args)
	}
	c := change{kind: listEmptied, list: l, all: elementsOf(l)}
	v := callMutator(f, recv, "clear", args)
	if v != nil {
		f.journal.changes = append(f.journal.changes, c)
	}
	return v
}

func mutateDiscard(f *frame, recv starlark.Value, args starlark.Tuple) starlark.Value {
	return shrink(f, recv, "discard", args)
}

func mutatePopItem(f *frame, recv starlark.Value, args starlark.Tuple) starlark.Value {
	return shrink(f, recv, "popitem", args)
}

// shrink calls a method that takes something out of a dict or a set.
func shrink(f *frame, recv starlark.Value, name string, args starlark.Tuple) starlark.Value {
	c := change{}
	switch x := recv.(type) {
	case *starlark.Dict:
		c = change{kind: dictEmptied, dict: x}
		if x.Len() <= mostRestored {
			c.pairs = x.Items()
		}
	case *starlark.Set:
		c = change{kind: setEmptied, set: x}
		if x.Len() <= mostRestored {
			for v := range x.Elements() {
				c.all = append(c.all, v)
			}
		}
	default:
		return nil
	}
	if starlark.Len(recv) > mostRestored {
		return nil
	}
	v := callMutator(f, recv, name, args)
	if v != nil {
		f.journal.changes = append(f.journal.changes, c)
	}
	return v
}

func mutateAdd(f *frame, recv starlark.Value, args starlark.Tuple) starlark.Value {
	x, ok := recv.(*starlark.Set)
	if !ok || len(args) != 1 {
		return nil
	}
	found, err := x.Has(args[0])
	if err != nil {
		return nil
	}
	if found {
		if callMutator(f, recv, "add", args) == nil { // it may be frozen
			return nil
		}
		return starlark.None
	}
	v := ownValue(args[0])
	if x.Insert(v) != nil {
		return nil
	}
	f.journal.changes = append(f.journal.changes, change{kind: setAdded, set: x, key: v})
	return starlark.None
}

func mutateDefault(f *frame, recv starlark.Value, args starlark.Tuple) starlark.Value {
	d, ok := recv.(*starlark.Dict)
	if !ok || len(args) == 0 || len(args) > 2 {
		return nil
	}
	v, found, err := d.Get(args[0])
	if err != nil {
		return nil
	}
	if found {
		return v
	}
	v = starlark.None
	if len(args) == 2 {
		v = args[1]
	}
	if !f.journal.put(d, args[0], v, ownValue) {
		return nil
	}
	return v
}

// mutateUpdate is dict.update(another dict).
func mutateUpdate(f *frame, recv starlark.Value, args starlark.Tuple) starlark.Value {
	d, ok := recv.(*starlark.Dict)
	if !ok || len(args) != 1 || !f.updateDict(d, args[0]) {
		return nil
	}
	return starlark.None
}

func (f *frame) updateDict(d *starlark.Dict, v starlark.Value) bool {
	from, ok := v.(*starlark.Dict)
	if !ok || from == d || from.Len() == 0 {
		return false
	}
	f.spend(int64(from.Len()))
	for k, v := range from.Entries() {
		if !f.journal.put(d, k, v, func(k starlark.Value) starlark.Value { return k }) {
			return false
		}
	}
	return true
}

// callMutator calls a value's own method.
func callMutator(f *frame, recv starlark.Value, name string, args starlark.Tuple) starlark.Value {
	method, err := recv.(starlark.HasAttrs).Attr(name)
	if err != nil || method == nil {
		return nil
	}
	v, err := starlark.Call(f.thread, method, args, nil)
	if err != nil {
		return nil
	}
	return v
}

// addInPlace is x += y or x |= y of values of unknown type, which changes a list or dict in place.
func (f *frame) addInPlace(x, y starlark.Value, union bool, line int32) (v starlark.Value, done bool) {
	switch x := x.(type) {
	case *starlark.List:
		if union {
			return nil, false
		}
		if !f.extendList(x, y) {
			f.bail(errorRaised, line)
		}
		return x, true
	case *starlark.Dict:
		if !union {
			return nil, false
		}
		if !f.updateDict(x, y) {
			f.bail(errorRaised, line)
		}
		return x, true
	}
	return nil, false
}
