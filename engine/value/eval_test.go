package value_test

import (
	"go.starlark.net/lib/time"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
	"go.starlark.net/syntax"
)

// mustEval is the value of a Starlark expression.
func mustEval(t interface{ Fatalf(string, ...any) }, text string) starlark.Value {
	globals := starlark.StringDict{"struct": starlark.NewBuiltin("struct", starlarkstruct.Make), "time": time.Module}
	v, err := starlark.EvalOptions(&syntax.FileOptions{Set: true}, new(starlark.Thread), "test.star", text, globals)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}
