package kernel

import (
	"github.com/flowsh/flowsh/engine/chunk"
	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
	"go.starlark.net/syntax"
)

// Documents returns the paths of the members that the chain's functions read of what json.decode makes of a record
// that is a text. ok is false if they do anything else with the text than to decode it, or need more of the document
// than members of constant names.
func (c *Chain) Documents() (paths [][]string, ok bool) {
	if len(c.Steps) == 0 {
		return nil, false
	}
	s := &c.Steps[0]
	if s.Kind != Map && s.Kind != FlatMap {
		return nil, false
	}
	if s.Kind == Map && isDecode(s.Fn.Callable) {
		rest := &Chain{Steps: c.Steps[1:], Columns: c.Columns, Into: c.Into, Discard: c.Discard}
		paths, ok = rest.Fields()
		return paths, ok && !rest.Passes() // what leaves the chain is whole
	}
	fn, plain := s.Fn.Callable.(*starlark.Function)
	if !plain || s.Fn.Source == nil || s.Fn.Spread > 0 || s.Fn.Using {
		return nil, false
	}
	params, body := partsOf(s.Fn.Source(fn))
	if len(params) == 0 {
		return nil, false
	}
	line, isName := params[0].(*syntax.Ident)
	if !isName || bindingOf(line) == nil {
		return nil, false
	}
	var u fieldUse
	b := &bodyUse{fieldUse: &u, source: s.Fn.Source, fn: fn, text: line}
	b.param = b.document(body)
	for _, node := range body {
		syntax.Walk(node, b.visit)
	}
	paths = u.all()
	return paths, !u.whole && len(paths) > 0
}

// isDecode says that a function is json.decode.
func isDecode(fn starlark.Callable) bool {
	b, ok := fn.(*starlark.Builtin)
	return ok && b.Receiver() == nil && b.Name() == "json.decode"
}

// document finds the variable that the decoded text is assigned to, if there is one that nothing else is assigned
// to.
func (b *bodyUse) document(body []syntax.Node) (variable *syntax.Ident) {
	assigned := map[*syntax.Ident]int{}
	for _, node := range body {
		syntax.Walk(node, func(n syntax.Node) bool {
			switch n := n.(type) {
			case *syntax.AssignStmt:
				b.countTargets(n.LHS, assigned)
				if id, ok := unparen(n.LHS).(*syntax.Ident); ok && n.Op == syntax.EQ && b.decodes(n.RHS) && variable == nil && bindingOf(id) != nil {
					variable = bindingOf(id).First
				}
			case *syntax.ForStmt:
				b.countTargets(n.Vars, assigned)
			case *syntax.ForClause:
				b.countTargets(n.Vars, assigned)
			case *syntax.DefStmt:
				b.countTargets(n.Name, assigned)
			}
			return true
		})
	}
	if variable == nil || assigned[variable] != 1 {
		return nil
	}
	return variable
}

// countTargets counts how often variables, which go by their first occurrence, are assigned to.
func (b *bodyUse) countTargets(target syntax.Expr, counts map[*syntax.Ident]int) {
	syntax.Walk(target, func(n syntax.Node) bool {
		if id, ok := n.(*syntax.Ident); ok && bindingOf(id) != nil {
			counts[bindingOf(id).First]++
		}
		return true
	})
}

// decodes says that an expression is json.decode of the text.
func (b *bodyUse) decodes(e syntax.Expr) bool {
	call, ok := unparen(e).(*syntax.CallExpr)
	if !ok || b.text == nil || len(call.Args) != 1 {
		return false
	}
	arg, ok := unparen(call.Args[0]).(*syntax.Ident)
	if !ok || bindingOf(arg) == nil || bindingOf(arg).First != b.text {
		return false
	}
	dot, ok := unparen(call.Fn).(*syntax.DotExpr)
	if !ok {
		return false
	}
	id, ok := dot.X.(*syntax.Ident)
	if !ok {
		return false
	}
	module, ok := b.outside(id).(*starlarkstruct.Module)
	if !ok {
		return false
	}
	callee, _ := module.Members[dot.Name.Name].(starlark.Callable)
	return isDecode(callee)
}

// outside is the value of a name that is bound outside of the function, or predeclared; nil for any other.
func (b *bodyUse) outside(id *syntax.Ident) starlark.Value {
	if v := b.constant(id); v != nil {
		return v
	}
	if binding := bindingOf(id); binding != nil && binding.Scope == resolve.Predeclared {
		return b.fn.Module().Predeclared()[id.Name]
	}
	return nil
}

// assigns takes the statement that decodes the text into its variable.
func (b *bodyUse) assigns(stmt *syntax.AssignStmt) bool {
	id, ok := unparen(stmt.LHS).(*syntax.Ident)
	return ok && b.param != nil && bindingOf(id) != nil && bindingOf(id).First == b.param && b.decodes(stmt.RHS)
}

// docOf is the operand of json.decode of the record, if the batch holds what that gives; its type is nil if not.
func (c *compiler) docOf(x operand, line int32) operand {
	if c.document == nil || !x.held || x.typ.kind != str || x.at != c.record {
		return operand{}
	}
	return c.fromColumn(c.document, []int{inDocuments}, func(f *frame) int64 {
		i := f.in.DocumentAt[f.row]
		if i < 0 {
			f.bail(errorRaised, line)
		}
		return int64(i)
	}, line)
}

// inDocuments begins the paths of columns of documents.
const inDocuments = -1

// documentType is the type of what json.decode gives for the lines of a batch; nil if the batch does not hold it.
func documentType(in *chunk.Batch, loose bool) *Type {
	if in.Documents == nil {
		return nil
	}
	return typeOf(in.Documents, []int{inDocuments}, loose)
}
