package kernel

import (
	"slices"
	"strings"
	"testing"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// loadWithTrees runs a script and returns its frozen globals and a Source of its functions.
func loadWithTrees(t testing.TB, src string) (starlark.StringDict, Source) {
	t.Helper()
	options := &syntax.FileOptions{Recursion: true, Set: true}
	tree, program, err := starlark.SourceProgramOptions(options, "job.star", src, func(string) bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	globals, err := program.Init(new(starlark.Thread), nil)
	if err != nil {
		t.Fatal(err)
	}
	globals.Freeze()
	nodes := map[syntax.Position]syntax.Node{}
	syntax.Walk(tree, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.DefStmt:
			nodes[n.Def] = n
		case *syntax.LambdaExpr:
			nodes[n.Lambda] = n
		}
		return true
	})
	return globals, func(f *starlark.Function) syntax.Node { return nodes[f.Position()] }
}

// describe is what Fields gives, as text: paths with dots, in order; "whole" if the whole record is needed.
func describe(paths [][]string, ok bool) string {
	if !ok {
		return "whole"
	}
	var texts []string
	for _, path := range paths {
		texts = append(texts, strings.Join(path, "."))
	}
	slices.Sort(texts)
	return strings.Join(texts, " ")
}

func TestFieldsOfFunctions(t *testing.T) {
	const prelude = `
FIELD = "status"
NUMBER = 1
def use(e): return e["a"] + e["b"]
def deeper(e, x): return use(e) + x
def second(x, e = None): return e["z"]
def keep(e): return [e]
def again(e): return again(e) if e["a"] else 0
def star(*e): return e
def reader(field): return lambda r: r[field]
def leak(e):
    found = e
    return found["a"]
def rebind(e):
    e = e["a"]
    return e["b"]
def body(e):
    """Documented."""
    if e["kind"] != "x":
        return []
    total = 0
    for item in e["items"]:
        total += item["n"] * e.get("factor", 1)
    return [(e["user"]["id"], total)]
def nested(e):
    def inner(x): return x + e["base"]
    return [inner(x) for x in e["list"]]
def shadow(e):
    return [e for e in [1, 2]] + [(lambda e: e)(3)]
`
	for _, c := range []struct{ fn, want string }{
		{`lambda r: r["a"]`, "a"},
		{`lambda r: (r)["a"] + (r["b"])`, "a b"},
		{`lambda r: r["a"]["b"]`, "a.b"},
		{`lambda r: r["a"]["b"] + len(r["a"])`, "a a.b"},
		{`lambda r: r["a"][0]["b"]`, "a"},
		{`lambda r: r["a"].get("b")`, "a.b"},
		{`lambda r: r.get("a")`, "a"},
		{`lambda r: r.get("a", r["b"])`, "a b"},
		{`lambda r: r.get("a", {})["b"]`, "a.b"},
		{`lambda r: r.get("a", {}).get("b", r["c"])`, "a.b c"},
		{`lambda r: r.get("a", r)`, "whole"},
		{`lambda r: r.get(*["a"])`, "whole"},
		{`lambda r: r.get("a", default = 1)`, "whole"},
		{`lambda r: "a" in r`, "a"},
		{`lambda r: "b" not in r["a"]`, "a.b"},
		{`lambda r: r["x"] in r`, "whole"},
		{`lambda r: "a" in r["b"]["c"] and r["d"] in "xyz"`, "b.c.a d"},
		{`lambda r: r["items"][r["n"]]`, "items n"},
		{`lambda r: r["text"].split()`, "text"},
		{`lambda r: r[FIELD]`, "status"},
		{`lambda r: r[NUMBER]`, "whole"},
		{`lambda r: r["a" + "b"]`, "whole"},
		{`lambda r: r[b"a"]`, "whole"},
		{`lambda r: [r[k] for k in ["a", "b"]]`, "whole"},
		{`lambda r: [x + r["n"] for x in r["xs"] if x > r["min"]]`, "min n xs"},
		{`lambda r: sorted(r["xs"], key = lambda x: x[r["by"]])`, "by xs"},
		{`lambda r: 1`, ""},
		{`lambda r: r`, "whole"},
		{`lambda r: (r["a"], r)`, "whole"},
		{`lambda r: r | {"x": 1}`, "whole"},
		{`lambda r: r["a"] if r else 0`, "whole"},
		{`lambda r: len(r)`, "whole"},
		{`lambda r: r.keys()`, "whole"},
		{`lambda r: r.pop("a")`, "whole"},
		{`lambda r: [k for k in r]`, "whole"},
		{`lambda r: lambda: r`, "whole"},
		{`lambda r: str(r)`, "whole"},
		{`lambda r: r == {"a": 1}`, "whole"},
		{`lambda r: r["a"] if r != None else 0`, "a"},
		{`lambda r: None == (r) or r["a"] == None`, "a"},
		{`lambda r: r["a"]["b"] if r["a"] != None else 0`, "a a.b"},
		{`lambda r: r == r["a"]`, "whole"},
		{`lambda r: r in [None]`, "whole"},
		{`lambda r: r["a":]`, "whole"},
		{`lambda r: {"k": r["a"], r["b"]: 0}`, "a b"},
		{`lambda r: use(r)`, "a b"},
		{`lambda r: use(r["in"])`, "in.a in.b"},
		{`lambda r: use(r.get("in", {}))`, "in.a in.b"},
		{`lambda r: deeper(r, r["x"])`, "a b x"},
		{`lambda r: second(1, r)`, "z"},
		{`lambda r: second(1, e = r)`, "whole"},
		{`lambda r: second(e = r["q"], x = 1)`, "q"},
		{`lambda r: keep(r["q"])`, "q"},
		{`lambda r: keep(r)`, "whole"},
		{`lambda r: again(r)`, "whole"},
		{`lambda r: star(r)`, "whole"},
		{`lambda r: use(*[r])`, "whole"},
		{`lambda r: (lambda e: e["a"])(r)`, "whole"},
		{`lambda r, other = 1: r["a"]`, "a"},
		{`lambda *r: r`, "whole"},
		{`reader("f")`, "f"},
		{`leak`, "whole"},
		{`rebind`, "whole"},
		{`body`, "factor items kind user.id"},
		{`nested`, "base list"},
		{`shadow`, ""},
		{`"name"`, "name"},
		{`("a", ("b", "c"))`, "a b c"},
		{`("a", 0)`, "whole"},
		{`0`, "whole"},
		{`len`, "whole"},
		{`lambda a, b: a["x"]`, "whole"},
	} {
		t.Run(c.fn, func(t *testing.T) {
			globals, source := loadWithTrees(t, prelude+"f = "+c.fn)
			s := step(t, Map, globals["f"])
			s.Fn.Recognise(source)
			chain := &Chain{Steps: []Step{s}}
			if got := describe(chain.Fields()); got != c.want {
				t.Errorf("reads %q, want %q", got, c.want)
			}
		})
	}
}

func TestFieldsOfChains(t *testing.T) {
	globals, source := loadWithTrees(t, `
f = lambda r: r["f"]
g = lambda r: r["g"]
k = lambda r: r["k"]
whole = lambda r: r
fold = lambda acc, r: acc + r["x"]
keep = lambda acc, r: acc + [r]
`)
	steps := func(spec string) (all []Step) {
		for _, name := range strings.Fields(spec) {
			kind, fn, _ := strings.Cut(name, ":")
			s := Step{Kind: Sample}
			if fn != "" {
				kinds := map[string]StepKind{"map": Map, "flat_map": FlatMap, "filter": Filter, "reject": Reject, "values": MapValues, "lane": Lane}
				s = step(t, kinds[kind], globals[fn])
				s.Fn.Recognise(source)
			}
			all = append(all, s)
		}
		return all
	}
	for _, c := range []struct {
		steps, columns string
		discard        bool
		into           string
		want           string
	}{
		{"filter:f map:g", "", false, "", "f g"},
		{"filter:f reject:g sample lane:k map:f map:whole", "", false, "", "f g k"},
		{"flat_map:g", "map:k", false, "", "g"},
		{"map:whole filter:f", "", false, "", "whole"},
		{"filter:f", "", false, "", "whole"},
		{"filter:f", "map:k map:g", true, "", "f g k"},
		{"filter:f", "map:k map:whole", true, "", "whole"},
		{"filter:f", "map:k", false, "", "whole"},
		{"", "", true, "", ""},
		{"", "", false, "", "whole"},
		{"filter:f", "map:k", false, "fold", "f k x"},
		{"filter:f", "map:k", false, "keep", "whole"},
		{"map:f", "map:k", false, "keep", "f"},
		{"values:f", "", true, "", "whole"},
	} {
		chain := &Chain{Steps: steps(c.steps), Columns: steps(c.columns), Discard: c.discard}
		if c.into != "" {
			into, err := Bind(globals[c.into], Signature{Op: "reduce", Param: "f", Own: 1})
			if err != nil {
				t.Fatal(err)
			}
			into.Recognise(source)
			chain.Into = into
		}
		if got := describe(chain.Fields()); got != c.want {
			t.Errorf("%s | %s: reads %q, want %q", c.steps, c.columns, got, c.want)
		}
	}
}
