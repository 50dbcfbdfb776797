package builtins

import (
	"bytes"
	"path/filepath"
	"strings"

	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// dialect is standard Starlark with recursion, sets and control flow at the top level.
func dialect() *syntax.FileOptions {
	return &syntax.FileOptions{Set: true, TopLevelControl: true, Recursion: true}
}

// A script is the text of one file, parsed.
type script struct {
	tree    *syntax.File
	expr    syntax.Expr // instead of tree and program
	program *starlark.Program
	restore func() // the tree, once it is compiled
}

// parse reads the text of the file and resolves its names.
func (u *unit) parse(source []byte) (*script, error) {
	source = bytes.TrimPrefix(source, []byte("\ufeff"))
	u.units[filepath.Clean(u.path)] = u
	if u.main {
		u.bundle.file("", source)
	}
	s := &script{}
	tree, err := s.syntax(u.dialect(), u.path, source, u.options.Expr && u.main)
	if err != nil {
		return nil, u.explain(err)
	}
	if u.session != nil && u.main {
		u.session.nameValues(s.tree)
	}
	if u.main {
		if err := u.otherForm(s.tree); err != nil {
			return nil, err
		}
		u.flags(tree)
	}
	s.restore = u.layouts(tree)
	u.define(tree, source)
	if s.tree != nil {
		s.program, err = starlark.FileProgram(s.tree, u.predeclared.Has)
		s.restore()
	}
	return s, u.explain(err)
}

// dialect lets what is typed at a prompt bind its names again.
func (u *unit) dialect() *syntax.FileOptions {
	d := dialect()
	d.GlobalReassign = u.session != nil && u.main
	return d
}

func (s *script) syntax(d *syntax.FileOptions, path string, source []byte, expr bool) (tree syntax.Node, err error) {
	if expr {
		s.expr, err = d.ParseExpr(path, source, 0)
		return s.expr, err
	}
	s.tree, err = d.Parse(path, source, 0)
	return s.tree, err
}

// flags tells the command line which flags take a value.
func (u *unit) flags(tree syntax.Node) {
	declared := map[string]bool{}
	argumentFlags(tree, declared)
	u.line.takesValue = func(name string) (bool, bool) {
		if takes, ok := declared[name]; ok {
			return takes, true
		}
		if base, ok := strings.CutPrefix(name, "no-"); ok {
			if takes, ok := declared[base]; ok && !takes {
				return false, true
			}
		}
		if u.options.RunFlags == nil {
			return false, false
		}
		return u.options.RunFlags(name)
	}
}

// otherForm refuses scripts that are not what is wanted, by their name or by what they define.
func (u *unit) otherForm(tree *syntax.File) error {
	switch test := strings.HasSuffix(u.path, testSuffix); {
	case test && !u.tests:
		return &LoadError{Message: u.path + " is a test, not a job", Hint: "flowsh test runs it", Err: &FormError{Form: "test"}}
	case !test && u.tests:
		return &LoadError{Message: u.path + " is not a test", Hint: "tests are in files named *" + testSuffix}
	}
	if tree == nil {
		return nil
	}
	for _, stmt := range tree.Stmts {
		def, ok := stmt.(*syntax.DefStmt)
		if ok && (def.Name.Name == "handle_call" || def.Name.Name == "handle_cast" || def.Name.Name == "handle_info") {
			e := mistakeAt(def.Name.NamePos, "this build runs jobs only", "%s makes this a process, not a job", def.Name.Name)
			e.Err = &FormError{Form: "process"}
			return e
		}
	}
	return nil
}

// doc is the docstring of the file.
func (s *script) doc() string {
	if s.tree == nil || len(s.tree.Stmts) == 0 {
		return ""
	}
	if e, ok := s.tree.Stmts[0].(*syntax.ExprStmt); ok {
		if lit, ok := e.X.(*syntax.Literal); ok {
			text, _ := lit.Value.(string)
			return strings.TrimSpace(text)
		}
	}
	return ""
}

// bindings are the file's globals in the order of the text.
func (s *script) bindings() []*resolve.Binding {
	if s.tree == nil {
		return nil
	}
	return s.tree.Module.(*resolve.Module).Globals
}

// position is where a global is bound first.
func (s *script) position(name string) syntax.Position {
	for _, b := range s.bindings() {
		if b.First.Name == name {
			return b.First.NamePos
		}
	}
	return syntax.Position{}
}
