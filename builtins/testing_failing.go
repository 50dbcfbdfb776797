package builtins

import (
	"fmt"
	"slices"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/kernel"
	"go.starlark.net/starlark"
)

// letFail makes functions of a job fail for some records: failing are lists of records by the name of a function, or of
// an operator.
func letFail(p *engine.Program, failing *starlark.Dict) error {
	for _, item := range failing.Items() {
		name, _ := starlark.AsString(item[0])
		records, ok := item[1].(starlark.Iterable)
		if !ok {
			return mistake(`failing = {"parse": ["x"]}`, "failing: %s: want a list of records, not %s", item[0], item[1].Type())
		}
		var names []string
		found := false
		for ref, f := range p.Funcs {
			if f.Callable == nil {
				continue
			}
			names = append(names, f.Callable.Name(), f.Op)
			if name == f.Callable.Name() || name == f.Op {
				p.Funcs[ref] = failingFunc(f, slices.Collect(starlark.Elements(records)))
				found = true
			}
		}
		if !found {
			return mistake(didYouMean(name, names), "failing: the job calls no function %s for records", item[0])
		}
	}
	return nil
}

// failingFunc is f, but that it fails for records that are equal to one of these.
func failingFunc(f *kernel.Func, records []starlark.Value) *kernel.Func {
	failing := *f
	failing.Returns, failing.Source = -1, nil
	failing.Callable = starlark.NewBuiltin(f.Callable.Name(), func(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		record := starlark.Value(args[f.Own:][:max(f.Spread, 1)])
		if f.Spread == 0 {
			record = args[f.Own]
		}
		for _, r := range records {
			if same, err := starlark.Equal(r, record); err == nil && same {
				return nil, fmt.Errorf("the test lets %s fail for this record", b.Name())
			}
		}
		return starlark.Call(thread, f.Callable, args, kwargs)
	})
	return &failing
}
