package value

import (
	"iter"

	"go.starlark.net/starlark"
)

// Spread gives the records that v stands for where many can: a dict its (key, value) pairs, a list, set, range
// or other iterable its elements. ok is false for everything else (a tuple, a string, bytes, None, a number):
// that is one record.
//
// While the sequence runs v cannot be changed by a script.
func Spread(v starlark.Value) (records iter.Seq[starlark.Value], ok bool) {
	switch v := v.(type) {
	case starlark.Tuple:
		return nil, false
	case *starlark.Dict:
		return pairs(v), true
	case starlark.IterableMapping:
		return func(yield func(starlark.Value) bool) {
			for _, item := range v.Items() {
				if !yield(item) {
					return
				}
			}
		}, true
	case starlark.Iterable:
		return starlark.Elements(v), true
	}
	return nil, false
}

func pairs(d *starlark.Dict) iter.Seq[starlark.Value] {
	return func(yield func(starlark.Value) bool) {
		for key, value := range d.Entries() {
			if !yield(starlark.Tuple{key, value}) {
				return
			}
		}
	}
}
