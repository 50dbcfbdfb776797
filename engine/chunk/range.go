package chunk

import (
	"fmt"

	"go.starlark.net/starlark"
)

// rangeBounds takes apart what range(...) gives. The interpreter does not export its type, but its text holds
// all there is to it.
func rangeBounds(v starlark.Value) (start, stop, step int64, ok bool) {
	if _, sequence := v.(starlark.Sequence); !sequence || v.Type() != "range" {
		return 0, 0, 0, false
	}
	text := v.String()
	if _, err := fmt.Sscanf(text, "range(%d, %d, %d)", &start, &stop, &step); err == nil {
		return start, stop, step, true
	}
	if _, err := fmt.Sscanf(text, "range(%d, %d)", &start, &stop); err == nil {
		return start, stop, 1, true
	}
	_, err := fmt.Sscanf(text, "range(%d)", &stop)
	return 0, stop, 1, err == nil
}

func makeRange(start, stop, step int64) (starlark.Value, error) {
	args := starlark.Tuple{starlark.MakeInt64(start), starlark.MakeInt64(stop), starlark.MakeInt64(step)}
	return starlark.Call(new(starlark.Thread), starlark.Universe["range"], args, nil)
}
