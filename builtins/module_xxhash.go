package builtins

import (
	"fmt"

	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
)

// xxhashKey is the hash by which partition chooses a lane: an int from 0 to 2**64-1, the same for equal keys, on
// every machine and for ever.
func xxhashKey(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var key starlark.Value
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "key", &key); err != nil {
		return nil, err
	}
	canonical, _, err := value.AppendKey(make([]byte, 0, 64), key)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.Name(), err)
	}
	return starlark.MakeUint64(value.HashKey(canonical)), nil
}
