package builtins

import (
	"errors"
	"fmt"

	"go.starlark.net/starlark"
)

// maxElements bounds what one call of a builtin goes through or makes: about 2 GiB of list.
const maxElements = 1 << 27

// Some of Starlark's own functions could exhaust memory, the stack or time in a single call, where no limit of
// steps reaches. Here they fail on arguments of that kind, and are otherwise the library's. They take the
// library's place in the universe, as the library allows before anything is evaluated, and so are found wherever
// its own are.
func init() {
	for _, name := range []string{"fail", "print", "repr", "str"} {
		bound(name, texts)
	}
	for _, name := range []string{"all", "any", "bytes", "enumerate", "list", "max", "min", "reversed", "set", "sorted", "tuple", "zip"} {
		bound(name, elements)
	}
}

// bound puts a check in front of a function of the library. It fails, or says how many steps the call costs
// besides its own.
func bound(name string, check func(starlark.Tuple) (uint64, error)) {
	library := starlark.Universe[name].(*starlark.Builtin)
	starlark.Universe[name] = starlark.NewBuiltin(name, func(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		cost, err := check(args)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		v, err := library.CallInternal(t, args, kwargs)
		t.Steps += cost
		return v, err
	})
}

// texts checks values that are about to become text.
func texts(args starlark.Tuple) (uint64, error) {
	for _, v := range args {
		switch v.(type) {
		case starlark.String, starlark.Int, starlark.Float, starlark.Bool, starlark.NoneType:
			continue
		}
		m := measure{left: maxText, values: maxValues}
		err := m.value(v, 0)
		if errors.Is(err, errNesting) {
			m = measure{left: maxText, values: maxCyclicValues, cycles: true}
			err = m.value(v, 0)
		}
		if err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// elements counts the elements of iterables that are about to be gone through.
func elements(args starlark.Tuple) (uint64, error) {
	n := 0
	for _, v := range args {
		length := 0
		switch v := v.(type) {
		case starlark.Int, starlark.Float, starlark.String, *starlark.Function:
			continue
		case *starlark.List:
			length = v.Len()
		case starlark.Sequence:
			length = v.Len()
		}
		if length > maxElements {
			return 0, fmt.Errorf("%d elements are too many for one call, which takes %d", length, maxElements)
		}
		n += length
	}
	return uint64(n), nil
}
