package builtins

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
)

// languageNames are all names that a script can use, as Names writes them.
func languageNames() []string {
	var names []string
	all := predeclared(testEnv)
	all["test"] = testModule
	for name, v := range all {
		names = append(names, name)
		m, ok := v.(*starlarkstruct.Module)
		if !ok {
			continue
		}
		for _, member := range m.AttrNames() {
			if !slices.Contains(mistakenNames, name+"."+member) {
				names = append(names, name+"."+member)
			}
		}
	}
	for name := range starlark.Universe {
		names = append(names, name)
	}
	for _, method := range flowMethodNames {
		names = append(names, "flow."+method)
	}
	for _, name := range stageNames {
		names = append(names, "def "+name)
	}
	for _, method := range sessionMethodNames {
		names = append(names, "flow."+method)
	}
	for _, hook := range HookNames {
		names = append(names, "def "+hook)
	}
	names = append(names, "help")
	names = slices.Concat(names, modifierNames, constantNames, []string{"job"})
	slices.Sort(names)
	return slices.Compact(names)
}

// mistakenNames are members that only say what to write instead.
var mistakenNames = []string{"re.compile", "re.findall", "re.match", "re.search", "re.sub"}

func TestReferenceIsComplete(t *testing.T) {
	want, got := languageNames(), Names()
	for _, name := range want {
		if !slices.Contains(got, name) {
			t.Errorf("%s has no entry in reference.md", name)
		}
	}
	for _, name := range got {
		if !slices.Contains(want, name) {
			t.Errorf("reference.md explains %s, which the language does not have", name)
		}
	}
	if twice := slices.Compact(slices.Clone(got)); len(twice) != len(got) {
		t.Error("reference.md explains a name twice")
	}
}

// TestSignatures compares the parameters in the headings of operators and sources with those that calls take.
func TestSignatures(t *testing.T) {
	signatures := map[string]string{}
	for _, e := range reference() {
		for i, name := range e.names {
			signatures[name] = e.signatures[i]
		}
	}
	check := func(name string, o *operator) {
		for _, param := range o.names() {
			if param == "stages" || name == "flow.aggregate" {
				continue
			}
			if !strings.Contains(signatures[name], param) {
				t.Errorf("%s has a parameter %s, but not in reference.md: %s", name, param, signatures[name])
			}
		}
	}
	for _, o := range operators {
		check("flow."+o.name, o)
	}
	for _, o := range sources {
		check(o.name, o)
	}
}

func TestReferenceFinds(t *testing.T) {
	for name, want := range map[string][]string{
		"sum":      {"sum(iterable, start=0)\n", "flow.sum(of=None, by=None)\n", "    1.0\n"},
		"map":      {"flow.map(f, using=None", "def map(record)\n"},
		"flow.map": {"flow.map("},
		"re.find":  {"re.find(pattern, s)\n", "  prints\n    12\n"},
		"find":     {"re.find(pattern, s)\n"},
		"csv":      {"  with orders.csv:\n    id,customer,amount\n"},
		"join":     {"flow.bounded_join(right, on", "  prints\n    19.99\tBern\n"},
		"None":     {"None\n"},
	} {
		text, ok := Reference(name)
		if !ok {
			t.Errorf("%s is not found", name)
		}
		for _, part := range want {
			if !strings.Contains(text, part) {
				t.Errorf("%s: no %q in\n%s", name, part, text)
			}
		}
		if strings.Contains(text, "`") {
			t.Errorf("%s: marks of Markdown in\n%s", name, text)
		}
	}
	if text, ok := Reference("nosuchname"); ok {
		t.Errorf("nosuchname is found: %s", text)
	}
	if text, _ := Reference("flow.map"); strings.Contains(text, "def map") {
		t.Errorf("flow.map finds the stage too:\n%s", text)
	}
}

const specification = "../lang-spec.md"

// TestSpecificationHoldsReference compares the end of lang-spec.md with reference.md; UPDATE=1 copies it.
func TestSpecificationHoldsReference(t *testing.T) {
	spec, err := os.ReadFile(specification)
	if err != nil {
		t.Fatal(err)
	}
	const heading = "\n# Reference\n\n"
	head, tail, ok := strings.Cut(string(spec), heading)
	if !ok {
		t.Fatal("lang-spec.md has no part called Reference")
	}
	if tail == referenceText {
		return
	}
	if os.Getenv("UPDATE") == "" {
		t.Fatal("lang-spec.md does not end with reference.md: run the test with UPDATE=1")
	}
	if err := os.WriteFile(specification, []byte(head+heading+referenceText), 0o666); err != nil {
		t.Fatal(err)
	}
}

// TestForeignMembers tests that what to write instead of a name of another system is in the language, and the name is not.
func TestForeignMembers(t *testing.T) {
	names := languageNames()
	for foreign, hint := range foreignMembers {
		module, _, _ := strings.Cut(foreign, ".")
		if !slices.Contains(names, module) || slices.Contains(names, foreign) {
			t.Errorf("%s is no name that a module lacks", foreign)
		}
		for _, word := range regexp.MustCompile(module+`\.\w+`).FindAllString(hint, -1) {
			if !slices.Contains(names, word) {
				t.Errorf("%s: there is no %s either", foreign, word)
			}
		}
	}
}
