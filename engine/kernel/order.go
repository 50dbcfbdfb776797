package kernel

import (
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// ordering compiles sorted, min and max.
func (s *scope) ordering(fn *starlark.Builtin, e *syntax.CallExpr) operand {
	refuseAt(e, "uses %s", fn.Name())
	return operand{}
}

// native compiles a call of a builtin that is not Starlark's own.
func (s *scope) native(fn *starlark.Builtin, args []operand, at syntax.Node) operand {
	refuseAt(at, "uses %s", fn.Name())
	return operand{}
}

// rowGet compiles record.get(name[, default]) of a record of the input.
func (s *scope) rowGet(x operand, args []operand, line int32) operand {
	return operand{}
}
