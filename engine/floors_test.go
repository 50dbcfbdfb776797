package engine

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const modulePath = "github.com/flowsh/flowsh"

// floors lists every package of the module. A package imports only packages of lower floors, so that each can be
// read and tested with what lies below it and nothing else. Tests may import their own floor too.
var floors = map[string]int{
	"engine/value":         0, // what a record is
	"engine/host":          0, // the world outside
	"engine/host/prefault": 0, // pages of the program before they are touched
	"engine/chunk":         1, // records in batches
	"engine/scan":          1, // text into records
	"gossip":               1, // members of a cluster
	"engine/transport":     1, // frames between them
	"spill":                2, // chunks on disk
	"engine/kernel":        2, // functions over batches
	"engine/connector":     2, // sources and sinks
	"engine/operator":      3, // state that can spill
	"engine":               4, // graph, plan, run
	"engine/cluster":       5, // run on several machines
	"engine/flock":         5, // named processes
	"builtins":             6, // what a script says
	"cmd/flowsh":           7, // what a command line says
}

// A home is where a heavy module lives: it costs much to link, or its rules are hard to keep, so the rest of the
// program sees an interface in its place.
type home struct {
	module   string
	packages []string
	reason   string
}

var homes = []home{
	{"github.com/hashicorp/serf", []string{"gossip"}, "membership comes from gossip's own types, so that tests run without a network"},
	{"github.com/dgraph-io/badger", []string{"spill"}, "everything else stores chunks through spill.Store"},
	{"github.com/vmihailenco/msgpack", []string{"engine/chunk", "engine/transport"}, "its generic decoder must never see bytes from outside"},
	{"github.com/chzyer/readline", []string{"cmd/flowsh"}, "only the command talks to a terminal"},
	{"github.com/alecthomas/kong", []string{"cmd/flowsh"}, "only the command has a command line"},
}

// A ban is an import that the floors allow and something else forbids, except in tests.
type ban struct{ from, to, reason string }

var bans = []ban{
	{"builtins", "engine/cluster", "a script cannot know where it runs"},
}

// An importEdge is one import: from is a package of this module, to any import path.
type importEdge struct {
	file     string
	from, to string
	test     bool
}

func TestFloors(t *testing.T) {
	edges, packages := readImports(t, "..")
	for _, dir := range packages {
		if _, ok := floors[dir]; !ok {
			t.Errorf("package %s has no floor: add it to the table in engine/floors_test.go, or put its code where it belongs", dir)
		}
	}
	for _, e := range edges {
		if err := e.check(); err != nil {
			t.Error(err)
		}
	}
}

func (e importEdge) check() error {
	for _, h := range homes {
		if within(e.to, h.module) && !slices.Contains(h.packages, e.from) {
			return fmt.Errorf("%s imports %s, which lives in %s alone: %s", e.file, e.to, strings.Join(h.packages, " and "), h.reason)
		}
	}
	if !within(e.to, modulePath) {
		return nil
	}
	to := strings.TrimPrefix(strings.TrimPrefix(e.to, modulePath), "/")
	for _, b := range bans {
		if e.from == b.from && to == b.to && !e.test {
			return fmt.Errorf("%s imports %s: %s", e.file, to, b.reason)
		}
	}
	return e.checkFloor(to)
}

func (e importEdge) checkFloor(to string) error {
	above, from := floors[to]-floors[e.from], floors[e.from]
	switch {
	case above < 0, e.test && above == 0:
		return nil
	case above == 0:
		return fmt.Errorf("%s imports %s of its own floor %d: move what both need to a lower one", e.file, to, from)
	}
	return fmt.Errorf("%s, on floor %d, imports %s, on floor %d: a package imports only lower floors; "+
		"move what it needs down, or let the upper one pass it in", e.file, from, to, floors[to])
}

// within tells whether an import path is a module or a package in it.
func within(importPath, module string) bool {
	return importPath == module || strings.HasPrefix(importPath, module+"/")
}

// readImports parses every Go file of the module at root, whatever its build tags, and returns its imports and
// its packages in order. It does not ask the go command, whose answers the test cache cannot see change.
func readImports(t *testing.T, root string) (edges []importEdge, packages []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != root && !ours(name):
			return fs.SkipDir
		case d.IsDir() || filepath.Ext(name) != ".go":
			return nil
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		found, err := fileImports(name, filepath.ToSlash(rel))
		edges = append(edges, found...)
		packages = append(packages, path.Dir(filepath.ToSlash(rel)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(packages)
	return edges, slices.Compact(packages)
}

// ours tells whether a folder can hold packages of this module.
func ours(dir string) bool {
	base := filepath.Base(dir)
	if base == "testdata" || base == "vendor" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
		return false
	}
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err != nil
}

func fileImports(name, rel string) ([]importEdge, error) {
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
	if err != nil {
		return nil, err
	}
	var edges []importEdge
	for _, spec := range file.Imports {
		to, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		if from := path.Dir(rel); to != path.Join(modulePath, from) { // an external test imports what it tests
			edges = append(edges, importEdge{file: rel, from: from, to: to, test: strings.HasSuffix(rel, "_test.go")})
		}
	}
	return edges, nil
}

func TestFloorsRefuse(t *testing.T) {
	for _, c := range []struct {
		from, to string
		test     bool
		want     string // in the message; empty if the import is allowed
	}{
		{"engine", modulePath + "/spill", false, ""},
		{"engine", "os", false, ""},
		{"spill", modulePath + "/engine/kernel", false, "of its own floor 2"},
		{"spill", modulePath + "/engine/kernel", true, ""},
		{"spill", modulePath + "/engine", false, "on floor 4: a package imports only lower floors"},
		{"spill", modulePath + "/engine", true, "on floor 4: a package imports only lower floors"},
		{"builtins", modulePath + "/engine/cluster", false, "cannot know where it runs"},
		{"cmd/flowsh", modulePath + "/engine/cluster", false, ""},
		{"spill", "github.com/dgraph-io/badger/v4", false, ""},
		{"engine", "github.com/dgraph-io/badger/v4/options", false, "lives in spill alone: everything else"},
		{"engine", "github.com/dgraph-io/badgerette", false, ""},
		{"engine/transport", "github.com/vmihailenco/msgpack/v5", false, ""},
		{"engine/operator", "github.com/vmihailenco/msgpack/v5", true, "lives in engine/chunk and engine/transport alone"},
	} {
		err := importEdge{file: c.from + "/x.go", from: c.from, to: c.to, test: c.test}.check()
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s may import %s, but: %v", c.from, c.to, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s imports %s: %v, want an error with %q", c.from, c.to, err, c.want)
		}
	}
}
