package kernel

import (
	"fmt"

	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// A compiler turns the functions of a chain into closures. Types are inferred by compiling: a pass takes the types
// that variables have so far, and lets them grow by what is assigned to them; the pass in which nothing grows is
// the program. Closures cost so little to make that the passes before it do not matter.
type compiler struct {
	env       *Env
	source    Source
	constants map[*starlark.List]*elemType

	record    slot    // where the chain's record stands
	document  *Type   // of what json.decode makes of the record; nil: the batch does not hold it
	paths     [][]int // of the columns of the input that are read
	moved     bool    // a type grew in this pass
	nodes     int64   // of the syntax trees compiled in this pass
	next      int     // the first free slot
	transient int     // > 0: what is boxed is looked at and forgotten
	keeps     bool    // what is boxed may be kept in a state: it is copied, and changes of it are written down
	detach    bool    // so may what a record holds
	line      int32   // of the statement being compiled
	step      int     // of the chain, with its columns behind the steps
}

const (
	maxPasses = 40
	maxNodes  = 20_000
	maxInline = 60 // calls in calls
	// nodeSteps is more than the interpreter's steps for a node of the tree, so code that has fuel left is code
	// that the interpreter would not have stopped.
	nodeSteps = 4
)

// slots reserves places of this pass.
func (c *compiler) slots(n int) slot {
	at := c.next
	if c.next += n; c.next > slotCount {
		refuse(c.line, "needs too many variables")
	}
	return slot(at)
}

// compile runs passes until the types stand still.
func (c *compiler) compile(pass func()) (err error) {
	defer func() {
		switch cause := recover().(type) {
		case nil:
		case *Refusal:
			cause.Step = c.step
			err = cause
		default:
			err = &Refusal{What: fmt.Sprintf("makes the compiler fail (%v)", cause), Line: c.line, Step: c.step, bug: true}
		}
	}()
	for range maxPasses {
		c.moved, c.nodes, c.next, c.line, c.step = false, 0, 0, 0, 0
		pass()
		if !c.moved {
			return nil
		}
	}
	return &Refusal{What: "has variables whose types do not settle", Step: c.step}
}

// A scope is one call of a function of the script, compiled in line: its variables have slots of their own, so
// that calls need no stack.
type scope struct {
	*compiler
	fn       *resolve.Function
	module   *starlark.Module
	closure  *starlark.Function // holds the values of free variables; nil: outer has them
	outer    *scope             // the call in whose text a lambda stands
	depth    int                // calls around this one
	vars     []*variable        // of fn.Locals
	writes   []bool             // of fn.Locals: the function assigns to it
	assigned []bool             // of fn.Locals: at the point that is compiled
	children map[syntax.Node]*scope
	made     map[syntax.Node]*elemType // the elements of lists that a node makes
	result   *variable
	rows     *rows                  // what changes of the state become, of a reducer; nil: it is none
	emit     func(syntax.Expr) code // what return does with its expression, instead of returning it
}

// A variable is a local variable of a scope, with the type of all that is assigned to it.
type variable struct {
	typ   *Type
	at    slot
	arg   *operand // the argument that it stands for, if the function never assigns to it
	parts *cutting // what is used of a list that is assigned to it
	name  string
}

func (c *compiler) newScope(fn *resolve.Function, module *starlark.Module) *scope {
	s := &scope{
		compiler: c, fn: fn, module: module,
		vars: make([]*variable, len(fn.Locals)), writes: written(fn), assigned: make([]bool, len(fn.Locals)),
		children: map[syntax.Node]*scope{}, made: map[syntax.Node]*elemType{}, result: &variable{typ: unknownType},
	}
	for i, b := range fn.Locals {
		s.vars[i] = &variable{typ: unknownType}
		if b.First != nil {
			s.vars[i].name = b.First.Name
		}
	}
	return s
}

// open begins a pass over the scope.
func (s *scope) open() {
	for i, v := range s.vars {
		v.arg, v.at = nil, 0
		if s.writes[i] {
			v.at = s.slots(v.typ.width)
		}
		if v.parts != nil && !v.parts.whole {
			v.parts.at = s.slots(v.parts.width())
		}
	}
	s.result.at = s.slots(s.result.typ.width)
	clear(s.assigned)
}

// widen lets a variable be of type t too.
func (c *compiler) widen(v *variable, t *Type) {
	if next := c.join(v.typ, t); !equal(next, v.typ) {
		v.typ, c.moved = next, true
	}
}

// elements is the type of the elements of lists that a node makes.
func (s *scope) elements(n syntax.Node) *elemType {
	e := s.made[n]
	if e == nil {
		e = &elemType{typ: unknownType}
		s.made[n] = e
	}
	return e
}

// written finds the locals that a function assigns to, other than by being called.
func written(fn *resolve.Function) []bool {
	set := make([]bool, len(fn.Locals))
	var target func(e syntax.Expr)
	target = func(e syntax.Expr) {
		switch e := unparen(e).(type) {
		case *syntax.Ident:
			if b, ok := e.Binding.(*resolve.Binding); ok && (b.Scope == resolve.Local || b.Scope == resolve.Cell) {
				set[b.Index] = true
			}
		case *syntax.TupleExpr:
			for _, x := range e.List {
				target(x)
			}
		case *syntax.ListExpr:
			for _, x := range e.List {
				target(x)
			}
		}
	}
	for _, stmt := range fn.Body {
		syntax.Walk(stmt, func(n syntax.Node) bool {
			switch n := n.(type) {
			case *syntax.AssignStmt:
				target(n.LHS)
			case *syntax.ForStmt:
				target(n.Vars)
			case *syntax.ForClause:
				target(n.Vars)
			case *syntax.DefStmt:
				target(n.Name)
				return false
			case *syntax.LambdaExpr:
				return false
			}
			return true
		})
	}
	return set
}

// variable finds what a name stands for: a variable with the scope that it belongs to, or a constant.
func (s *scope) variable(b *resolve.Binding, id *syntax.Ident) (of *scope, v *variable, constant starlark.Value) {
	switch b.Scope {
	case resolve.Local, resolve.Cell:
		return s, s.vars[b.Index], nil
	case resolve.Free:
		if s.closure == nil {
			return s.outer.variable(s.fn.FreeVars[b.Index], id)
		}
		_, constant = s.closure.FreeVar(b.Index)
	case resolve.Global:
		constant = s.module.Globals()[id.Name]
	case resolve.Predeclared:
		constant = s.module.Predeclared()[id.Name]
	case resolve.Universal:
		constant = starlark.Universe[id.Name]
	}
	if constant == nil {
		refuseAt(id, "uses %s before it has a value", id.Name)
	}
	return nil, nil, constant
}

// read is the operand of a name.
func (s *scope) read(id *syntax.Ident) operand {
	b, ok := id.Binding.(*resolve.Binding)
	if !ok {
		refuseAt(id, "uses %s", id.Name)
	}
	of, v, constant := s.variable(b, id)
	if constant != nil {
		return s.constant(constant)
	}
	if v.arg != nil {
		return *v.arg
	}
	of.mustBeAssigned(v, id)
	if v.parts != nil {
		v.parts.abandon(s.compiler)
	}
	return heldIn(v.typ, v.at)
}

func (s *scope) mustBeAssigned(v *variable, id *syntax.Ident) {
	for i := range s.vars {
		if s.vars[i] == v && !s.assigned[i] {
			refuseAt(id, "may use %s before it is assigned", id.Name)
		}
	}
}
