package kernel

import "go.starlark.net/syntax"

func (s *scope) dictDisplay(e *syntax.DictExpr) operand {
	refuseAt(e, "makes a dict")
	return operand{}
}

func (s *scope) dictComprehension(e *syntax.Comprehension) operand {
	refuseAt(e, "makes a dict")
	return operand{}
}

func (s *scope) dictElement(x, y operand, line int32) operand {
	refuse(line, "uses a dict")
	return operand{}
}

func (s *scope) setDictElement(x, y operand, put code, value operand, line int32) code {
	refuse(line, "uses a dict")
	return nil
}

func (s *scope) dictMethod(x operand, name string, args []operand, e *syntax.CallExpr) operand {
	refuse(lineOf(e), "uses a dict")
	return operand{}
}
