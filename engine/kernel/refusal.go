package kernel

import (
	"fmt"

	"go.starlark.net/syntax"
)

// A Refusal says what keeps a function from being compiled: it runs on the interpreter instead, with the same
// results.
type Refusal struct {
	What string // "uses print"
	Line int32  // in the script; 0 if it is no single place
	Step int    // of the chain, with its columns behind the steps
	bug  bool   // the compiler panicked
}

func (r *Refusal) Error() string {
	if r.Line == 0 {
		return r.What
	}
	return fmt.Sprintf("%s, line %d", r.What, r.Line)
}

// refuse ends the compilation.
func refuse(line int32, format string, args ...any) {
	panic(&Refusal{What: fmt.Sprintf(format, args...), Line: line})
}

// refuseAt ends the compilation at a node.
func refuseAt(n syntax.Node, format string, args ...any) {
	refuse(lineOf(n), format, args...)
}

func lineOf(n syntax.Node) int32 {
	if n == nil {
		return 0
	}
	start, _ := n.Span()
	return start.Line
}
