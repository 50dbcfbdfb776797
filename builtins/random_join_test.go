package builtins_test

import (
	"slices"

	"go.starlark.net/starlark"
)

// joinKeys are pairs of keys that can be equal.
var joinKeys = [][2]string{
	{"lambda x: size(x) % 5", "lambda x: float(size(x) % 5)"},
	{"lambda x: (size(x) % 2, type(x))", "lambda x: (float(size(x) % 2), type(x))"},
	{"repr", "repr"},
	{"lambda x: None if size(x) % 2 else size(x)", "lambda x: size(x) % 7 if size(x) % 3 else None"},
	{"lambda x: 1 if size(x) % 9 else size(x)", "lambda x: 1"},
}

// pairings are functions of pairs.
var pairings = []string{"", "lambda l, r: (r, l)", "lambda l, r: [l] if r == None else l", `lambda l, r: (l, "one") if not (l and r) else "both"`}

// pairingsOf are functions of pairs that look into right records of a kind.
var pairingsOf = map[kind][]string{
	ofPairs: {"lambda l, r: r[1] if r else l", "lambda l, r: (r[0] if r != None else -1, l)"},
	ofRows:  {`lambda l, r: r["n"] if r else l`, `lambda l, r: (r.get("k", 0) if r != None else "none", r == None)`},
}

// matched joins a flow with another one, or with itself.
func (g *generator) matched(f randomFlow) randomFlow {
	f = g.name(f)
	other := f
	switch {
	case len(g.flows) > 0 && g.bool():
		other = g.some()
	case g.bool():
		other = g.filtered(other)
	}
	how := g.pick([]string{"inner", "left", "right", "full", "semi", "anti"})
	keys := joinKeys[g.IntN(len(joinKeys))]
	on, otherOn := g.plain.function(keys[0]), g.plain.function(keys[1])
	if members := map[kind]string{ofPairs: "(1, 0)", ofRows: `("n", "k")`}[f.kind]; members != "" && other.kind == f.kind && g.bool() {
		keys = [2]string{members, members}
		on = g.plain.function("lambda x: tuple([x[i] for i in " + members + "])")
		otherOn = on
	}
	pairing := g.pick(slices.Concat(pairings, pairingsOf[other.kind]))
	if how == "semi" || how == "anti" {
		pairing = ""
	}
	want, ok := g.plain.join(f.want, other.want, on, otherOn, how)
	if !ok || len(want) > 20_000 {
		return g.taken(f)
	}
	call := "." + g.pick([]string{"join", "join", "bounded_join", "window_join"}) + "(" + other.expr + ", on = " + keys[0] + ", other_on = " + keys[1] + `, how = "` + how + `"`
	if pairing != "" {
		fn := g.plain.function(pairing)
		for i, pair := range want {
			want[i] = g.plain.must(fn, nil, pair)
		}
		call += ", f = " + pairing
	}
	kind := ofAnything
	if how == "semi" || how == "anti" {
		kind = f.kind
	}
	joined := f.then(kind, want, "%s)", call)
	joined.known = f.known && other.known
	return joined
}

// join goes through all pairs. It is not ok if there are too many.
func (p *plain) join(left, right []starlark.Value, on, otherOn function, how string) (want []starlark.Value, ok bool) {
	if len(left)*len(right) > 2_000_000 {
		return nil, false
	}
	keysOf := func(records []starlark.Value, f function) (keys []string) {
		for _, r := range records {
			keys = append(keys, keyOf(p.must(f, nil, r)))
		}
		return keys
	}
	leftKeys, rightKeys := keysOf(left, on), keysOf(right, otherOn)
	met := make([]bool, len(right))
	for i, l := range left {
		lone := true
		for j, r := range right {
			if leftKeys[i] != rightKeys[j] {
				continue
			}
			lone, met[j] = false, true
			if how != "semi" && how != "anti" {
				want = append(want, starlark.Tuple{l, r})
			}
		}
		switch {
		case lone && (how == "left" || how == "full"):
			want = append(want, starlark.Tuple{l, starlark.None})
		case lone && how == "anti", !lone && how == "semi":
			want = append(want, l)
		}
	}
	for j, r := range right {
		if !met[j] && (how == "right" || how == "full") {
			want = append(want, starlark.Tuple{starlark.None, r})
		}
	}
	return want, true
}
