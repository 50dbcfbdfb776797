package builtins

import (
	"regexp"
	"sync"

	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// examine finds what is wrong in a file that has run, to err.
func (u *unit) examine(tree syntax.Node, err error) error {
	if err == nil || noMember().MatchString(err.Error()) {
		if foreign := u.members(tree); foreign != nil {
			return foreign
		}
	}
	if err != nil {
		return err
	}
	return u.patterns(tree)
}

var noMember = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`module has no \.\w+ field or method`)
})

// members finds names of modules that those of other systems have, with what to write. They would fail for the first record,
// where they stand in a function.
func (u *unit) members(tree syntax.Node) error {
	var errs LoadErrors
	syntax.Walk(tree, func(n syntax.Node) bool {
		dot, ok := n.(*syntax.DotExpr)
		if !ok {
			return true
		}
		if id, ok := dot.X.(*syntax.Ident); ok && predeclaredName(id, id.Name) {
			name := id.Name + "." + dot.Name.Name
			if hint := foreignMembers[name]; hint != "" {
				errs = append(errs, mistakeAt(dot.Name.NamePos, hint, "there is no %s", name))
			}
		}
		return true
	})
	return errs.orNil()
}

// patterns finds what is wrong with the calls of the module re in a file that has run: names that it does not have,
// and constant patterns that do not compile. They would fail for the first record, which may come late.
func (u *unit) patterns(tree syntax.Node) error {
	var errs LoadErrors
	syntax.Walk(tree, func(n syntax.Node) bool {
		if call, ok := n.(*syntax.CallExpr); ok {
			if e := u.checkPattern(call); e != nil {
				errs = append(errs, e)
			}
		}
		return true
	})
	return errs.orNil()
}

func (u *unit) checkPattern(call *syntax.CallExpr) *LoadError {
	dot, ok := call.Fn.(*syntax.DotExpr)
	if !ok || !predeclaredName(dot.X, "re") {
		return nil
	}
	name := dot.Name.Name
	if hint := elsewhere[name]; hint != "" {
		return mistakeAt(dot.Name.NamePos, hint, "there is no re.%s", name)
	}
	pattern, at, ok := u.constantPattern(call)
	if !ok {
		return nil
	}
	re, err := compilePattern(pattern)
	switch {
	case err != nil:
		return mistakeAt(at, "", "re.%s: %v", name, err)
	case name == "groups" && re.NumSubexp() == 0:
		return mistakeAt(at, "", "re.groups: %v", errNoGroups(re))
	}
	return nil
}

// constantPattern is the pattern of a call where the text of the script says it: as a literal or a global.
func (u *unit) constantPattern(call *syntax.CallExpr) (pattern string, at syntax.Position, ok bool) {
	for i, arg := range call.Args {
		if named, isNamed := arg.(*syntax.BinaryExpr); isNamed && named.Op == syntax.EQ {
			if named.X.(*syntax.Ident).Name != "pattern" {
				continue
			}
			arg = named.Y
		} else if i > 0 {
			continue
		}
		at, _ = arg.Span()
		switch x := arg.(type) {
		case *syntax.Literal:
			pattern, ok = x.Value.(string)
			ok = ok && x.Token == syntax.STRING
		case *syntax.Ident:
			if b, bound := x.Binding.(*resolve.Binding); bound && b.Scope == resolve.Global {
				pattern, ok = starlark.AsString(u.globals[x.Name])
			}
		}
	}
	return pattern, at, ok
}

// predeclaredName says that an expression is a predeclared name, which no name of the script hides.
func predeclaredName(x syntax.Expr, name string) bool {
	id, ok := x.(*syntax.Ident)
	if !ok || id.Name != name {
		return false
	}
	b, ok := id.Binding.(*resolve.Binding)
	return ok && b.Scope == resolve.Predeclared
}

func compilePattern(pattern string) (*regexp.Regexp, error) {
	return new(regexps).compile(pattern)
}
