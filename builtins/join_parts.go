package builtins

import (
	"fmt"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// joinParts is what aggregate does without a function: it joins two partial results by their type.
var joinParts = starlark.NewBuiltin("aggregate", func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var acc, part starlark.Value
	if err := starlark.UnpackPositionalArgs(b.Name(), args, kwargs, 2, &acc, &part); err != nil {
		return nil, err
	}
	return join2(acc, part)
})

// join2 merges dicts key by key, adds numbers, and puts lists, tuples, strings and bytes end to end; sets are united.
// Neither argument changes.
func join2(acc, part starlark.Value) (starlark.Value, error) {
	switch a := acc.(type) {
	case *starlark.Dict:
		if b, ok := part.(*starlark.Dict); ok {
			return joinDicts(a, b)
		}
	case *starlark.Set:
		if b, ok := part.(*starlark.Set); ok {
			return a.Union(b.Iterate())
		}
	case starlark.Int, starlark.Float:
		switch part.(type) {
		case starlark.Int, starlark.Float:
			return starlark.Binary(syntax.PLUS, acc, part)
		}
	case starlark.String, starlark.Bytes, starlark.Tuple, *starlark.List:
		if acc.Type() == part.Type() {
			return starlark.Binary(syntax.PLUS, acc, part)
		}
	}
	return nil, fmt.Errorf("parts of types %s and %s cannot be joined; give aggregate a function of (acc, part)", acc.Type(), part.Type())
}

func joinDicts(a, b *starlark.Dict) (starlark.Value, error) {
	all := starlark.NewDict(a.Len() + b.Len())
	for _, item := range a.Items() {
		if err := all.SetKey(item[0], item[1]); err != nil {
			return nil, err
		}
	}
	for _, item := range b.Items() {
		v := item[1]
		if old, found, err := all.Get(item[0]); err != nil {
			return nil, err
		} else if found {
			if v, err = join2(old, v); err != nil {
				return nil, fmt.Errorf("key %s: %w", item[0], err)
			}
		}
		if err := all.SetKey(item[0], v); err != nil {
			return nil, err
		}
	}
	return all, nil
}
