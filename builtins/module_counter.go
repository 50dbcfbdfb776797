package builtins

import (
	"errors"
	"fmt"

	"github.com/flowsh/flowsh/engine/kernel"
	"go.starlark.net/starlark"
)

// longestCounter is the longest name of a counter in bytes, and largestCount the most that one call may count.
const (
	longestCounter = 200
	largestCount   = 1 << 53
)

// countNamed lets a counter of the job grow.
func countNamed(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	name, n := "", starlark.MakeInt(1)
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "name", &name, "n?", &n); err != nil {
		return nil, err
	}
	by, exact := n.Int64()
	if !exact || by >= largestCount || by <= -largestCount {
		return nil, fmt.Errorf("%s: %v is not between -2**53 and 2**53", b.Name(), n)
	}
	if name == "" || len(name) > longestCounter {
		return nil, fmt.Errorf("%s: a name has 1 to %d bytes, not %d", b.Name(), longestCounter, len(name))
	}
	if name == kernel.OtherCounters {
		return nil, fmt.Errorf("%s: %s is what counters without a name of their own add up to", b.Name(), name)
	}
	add, ok := t.Local(kernel.CounterLocal).(func(string, int64))
	if !ok {
		return nil, errors.New(b.Name() + ": counters count what a job does: call it in a function that the job runs, not while the script loads")
	}
	if by != 0 {
		add(name, by)
	}
	return starlark.None, nil
}
