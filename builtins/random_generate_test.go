package builtins_test

import (
	"encoding/csv"
	"fmt"
	"slices"
	"strings"

	"go.starlark.net/starlark"
)

// A kind says which operators a flow's records suit.
type kind int

const (
	ofAnything kind = iota // lists and dicts among it
	ofNumbers              // ints and floats
	ofWords                // strings
	ofScalars              // what can be a key: None, bools, numbers, strings, tuples of those
	ofPairs                // of a word or a small int, and a number
	ofRows                 // dicts with the fields "k", a word, and "n", a number
)

// Samples of records, as they are written in a script.
var (
	sampleNumbers = []string{
		"0", "1", "-1", "2", "3", "7", "10", "100", "-100", "2147483647", "2147483648", "-2147483649", "9007199254740992",
		"9007199254740993", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809",
		"(1 << 70)", "0.0", "-0.0", "1.0", "2.0", "0.1", "0.2", "0.30000000000000004", "-1.5", "1e16", "-1e16", "1e300",
		"1e-300", "5e-324", "9007199254740992.0", "9223372036854775808.0", `float("nan")`, `float("inf")`,
	}
	sampleWords = []string{
		"a", "b", "c", "the", "sun", "und", "", " ", "a b", "é", "日本語", "naïve café", "𝄞", "x\ty", "A", "aaaaaaaaaaaaaaaa",
		"aaaaaaaaaaaaaaaaa", strings.Repeat("long ", 30), "0", "1", "-0.0", "None", "\"q\"", "back\\slash", ",", "NUL\x00byte",
	}
	sampleScalars = []string{"None", "True", "False", "()", "(1,)", `("a", 1)`, `("a", 1.0)`, `((1, None), "x")`, "(0.0,)", "(-0.0,)"}
	sampleOthers  = []string{"[]", "[1, 2]", `["a", None, [1.5]]`, "{}", `{"a": 1}`, `{"k": [1, {"z": (1, 2)}], "n": -0.0}`, `{1: 2, (1, 2): "t"}`, `b"bytes"`}
)

func (g *generator) pick(from []string) string { return from[g.IntN(len(from))] }

// many is a number of records: mostly few, now and then enough to spill.
func (g *generator) many() int {
	switch g.IntN(40) {
	case 0, 1, 2:
		return 0
	case 3:
		return 1000 + g.IntN(2000)
	case 4, 5, 6, 7:
		return g.IntN(300)
	}
	return 1 + g.IntN(30)
}

// source begins a flow, or goes on with one that has a name.
func (g *generator) source() randomFlow {
	if len(g.flows) > 0 && g.IntN(3) == 0 {
		return g.some()
	}
	switch g.IntN(8) {
	case 5:
		return g.tabFile()
	case 6:
		return g.wholeFiles()
	case 7:
		return g.lists()
	case 0:
		return g.linesFile()
	case 1:
		return g.csvFile()
	case 2:
		return g.jsonFile()
	}
	return g.list()
}

// literal is a record of a kind as a script writes it.
func (g *generator) literal(k kind) string {
	switch k {
	case ofNumbers:
		if g.IntN(2) == 0 {
			return fmt.Sprint(g.IntN(20))
		}
		return g.pick(sampleNumbers)
	case ofWords:
		return starlark.String(g.pick(sampleWords)).String()
	case ofScalars:
		return []string{g.pick(sampleScalars), g.literal(ofNumbers), g.literal(ofWords)}[g.IntN(3)]
	case ofPairs:
		return fmt.Sprintf("(%s, %s)", []string{fmt.Sprint(g.IntN(5)), g.literal(ofWords)}[g.IntN(2)], g.literal(ofNumbers))
	case ofRows:
		return fmt.Sprintf(`{"k": %s, "n": %s}`, g.literal(ofWords), g.literal(ofNumbers))
	}
	return []string{g.pick(sampleOthers), g.literal(ofScalars), g.literal(ofRows)}[g.IntN(3)]
}

func (g *generator) list() randomFlow {
	k := kind(g.IntN(int(ofRows) + 1))
	n := g.many()
	distinct := make([]string, 1+g.IntN(40)) // values come again, and loading stays fast
	for i := range distinct {
		distinct[i] = g.literal(k)
	}
	places := make([]string, n)
	for i := range places {
		places[i] = fmt.Sprint(g.IntN(len(distinct)))
	}
	name := fmt.Sprintf("list%d", len(g.lines))
	g.lines = append(g.lines, fmt.Sprintf("%s = [[%s][i] for i in [%s]]", name, strings.Join(distinct, ", "), strings.Join(places, ", ")))
	text := strings.TrimPrefix(g.lines[len(g.lines)-1], name+" = ")
	return randomFlow{expr: "from_enumerable(" + name + ")", kind: k, want: g.elements(text), known: true}
}

func (g *generator) elements(text string) []starlark.Value {
	all, _ := spread(g.plain.function(text).value)
	return all
}

func (g *generator) file(suffix, text string) string {
	name := fmt.Sprintf("in%d%s", len(g.files), suffix)
	g.files[name] = text
	return name
}

func (g *generator) linesFile() randomFlow {
	var b strings.Builder
	f := randomFlow{kind: ofWords, known: true}
	for range g.many() {
		line := ""
		for range g.IntN(6) {
			line += g.pick(sampleWords) + " "
		}
		f.want = append(f.want, starlark.String(line))
		b.WriteString(line + []string{"\n", "\r\n"}[g.IntN(2)])
	}
	text := b.String()
	if g.IntN(2) == 0 {
		text = strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
		if n := len(f.want); n > 0 && f.want[n-1] == starlark.String("") {
			f.want = f.want[:n-1] // the end of a line is not a line
		}
	}
	f.expr = fmt.Sprintf("lines(%q)", g.file(".txt", text))
	if g.IntN(4) == 0 {
		f.expr = strings.TrimSuffix(f.expr, ")") + ", origin = True).map(lambda at, line: (at.line, line))"
		f.kind = ofAnything
		for i, line := range f.want {
			f.want[i] = starlark.Tuple{starlark.MakeInt(i + 1), line}
		}
	}
	return f
}

func (g *generator) tabFile() randomFlow {
	var b strings.Builder
	b.WriteString("k\tn\n")
	f := randomFlow{kind: ofRows, known: true}
	for range g.many() {
		word, n := fmt.Sprintf("w%d", g.IntN(6)), g.IntN(50)
		fmt.Fprintf(&b, "%s\t%d\n", word, n)
		f.want = append(f.want, row(word, starlark.MakeInt(n)))
	}
	f.expr = fmt.Sprintf(`tsv(%q, types = {"n": int})`, g.file(".tsv", b.String()))
	return f
}

// wholeFiles are pairs of a file's name and its content.
func (g *generator) wholeFiles() randomFlow {
	f := randomFlow{kind: ofAnything, known: true}
	var names []string
	for range 1 + g.IntN(3) {
		content := strings.Repeat(g.pick(sampleWords)+"\n", g.IntN(9))
		name := g.file(".txt", content)
		names = append(names, starlark.String(name).String())
		f.want = append(f.want, starlark.Tuple{starlark.String(name), starlark.String(content)})
	}
	f.expr = "text([" + strings.Join(names, ", ") + "])"
	return f
}

// lists are several lists end to end.
func (g *generator) lists() randomFlow {
	a, b := g.list(), g.list()
	k := a.kind
	if b.kind != k {
		k = ofAnything
	}
	name := func(f randomFlow) string {
		return strings.TrimSuffix(strings.TrimPrefix(f.expr, "from_enumerable("), ")")
	}
	return randomFlow{expr: fmt.Sprintf("from_enumerables([%s, %s])", name(a), name(b)), kind: k, want: slices.Concat(a.want, b.want), known: true}
}

func (g *generator) csvFile() randomFlow {
	var b strings.Builder
	w := csv.NewWriter(&b)
	w.UseCRLF = g.IntN(2) == 0
	_ = w.Write([]string{"k", "n"})
	f := randomFlow{kind: ofRows, known: true}
	for range g.many() {
		word, n := strings.ReplaceAll(g.pick(sampleWords), "\x00", "\n"), g.IntN(50)
		_ = w.Write([]string{word, fmt.Sprint(n)})
		f.want = append(f.want, row(word, starlark.MakeInt(n)))
	}
	w.Flush()
	f.expr = fmt.Sprintf(`csv(%q, types = {"n": int})`, g.file(".csv", b.String()))
	if w.UseCRLF { // encoding/csv writes the newline of a field as CR LF then
		for i, v := range f.want {
			k, _, _ := v.(*starlark.Dict).Get(starlark.String("k"))
			n, _, _ := v.(*starlark.Dict).Get(starlark.String("n"))
			f.want[i] = row(strings.ReplaceAll(string(k.(starlark.String)), "\n", "\r\n"), n)
		}
	}
	return f
}

func row(word string, n starlark.Value) *starlark.Dict {
	d := starlark.NewDict(2)
	_ = d.SetKey(starlark.String("k"), starlark.String(word))
	_ = d.SetKey(starlark.String("n"), n)
	return d
}

var jsonLines = []struct{ text, value string }{
	{`{"k": "a", "n": 1}`, `{"k": "a", "n": 1}`},
	{`{"k":"b","n":2.5}`, `{"k": "b", "n": 2.5}`},
	{`{"k": "\u00e9\ud834\udd1e", "n": -0.0, "more": [1, null, {"x": true}]}`, `{"k": "é𝄞", "n": -0.0, "more": [1, None, {"x": True}]}`},
	{`{"n": 9223372036854775808, "k": ""}`, `{"n": 9223372036854775808, "k": ""}`},
	{`  {"k": "c", "n": 1e3}  `, `{"k": "c", "n": 1000.0}`},
	{`{"k": "a", "n": -7}`, `{"k": "a", "n": -7}`},
}

func (g *generator) jsonFile() randomFlow {
	var b strings.Builder
	f := randomFlow{kind: ofRows, known: true}
	for range g.many() {
		line := jsonLines[g.IntN(len(jsonLines))]
		b.WriteString(line.text + "\n")
		f.want = append(f.want, g.plain.function(line.value).value)
	}
	f.expr = fmt.Sprintf("jsonl(%q)", g.file(".jsonl", b.String()))
	return f
}

// operator appends an operator that suits the flow's records.
func (g *generator) operator(f randomFlow) randomFlow {
	choices := []func(randomFlow) randomFlow{
		g.mapped, g.mapped, g.flatMapped, g.filtered, g.filtered, g.counted, g.reduced, g.reduced, g.scanned, g.grouped, g.unique,
		g.sorted, g.sorted, g.taken, g.taken, g.takenSorted, g.indexed, g.batched, g.mappedBatches, g.joined, g.partitioned,
		g.matched, g.matched, g.summed, g.summed, g.routed, g.departed, g.aggregated, g.weighed,
		g.sampled, g.shuffled, g.withSide, g.withLookup, g.caught, g.onLanes, g.onLanes, g.withNulls, g.used, g.caughtElsewhere,
	}
	if !g.fails {
		choices = append(choices, g.failing)
	}
	switch f.kind {
	case ofNumbers:
		choices = append(choices, g.measured, g.measured, g.arithmetic)
	case ofWords:
		choices = append(choices, g.split, g.split, g.wordCount)
	case ofPairs:
		choices = append(choices, g.mappedValues, g.measuredBy, g.measuredBy, g.foldedByKey)
	case ofRows:
		choices = append(choices, g.columns, g.measuredBy, g.measuredBy)
	}
	if len(f.want) > 6000 {
		choices = []func(randomFlow) randomFlow{g.taken}
	}
	return choices[g.IntN(len(choices))](f)
}

// then is the flow after an operator.
func (f randomFlow) then(k kind, want []starlark.Value, format string, args ...any) randomFlow {
	return randomFlow{expr: f.expr + fmt.Sprintf(format, args...), kind: k, want: want, known: f.known}
}

func (g *generator) each(f randomFlow, fn function, do func(record, result starlark.Value)) {
	for _, r := range f.want {
		do(r, g.plain.must(fn, nil, r))
	}
}

// mappedBy is the flow after a map.
func (g *generator) mappedBy(f randomFlow, k kind, text string) randomFlow {
	var want []starlark.Value
	g.each(f, g.plain.function(text), func(_, v starlark.Value) { want = append(want, v) })
	return f.then(k, want, ".map(%s)", text)
}

func (g *generator) mapped(f randomFlow) randomFlow {
	switch g.IntN(6) {
	case 0:
		return g.mappedBy(f, ofWords, "repr")
	case 1:
		return g.mappedBy(f, ofPairs, "lambda x: (size(x) % 5, size(x))")
	case 2:
		return g.mappedBy(f, ofRows, `lambda x: {"k": str(size(x) % 7), "n": size(x)}`)
	case 3:
		return g.mappedBy(f, ofAnything, "lambda x: [x, {type(x): x}]")
	case 4:
		return g.mappedBy(f, ofAnything, "lambda x: (x, x)")
	}
	return g.mappedBy(f, ofNumbers, "size")
}

func (g *generator) arithmetic(f randomFlow) randomFlow {
	return g.mappedBy(f, ofNumbers, g.pick([]string{"lambda x: x * 3", "lambda x: -x", "lambda x: x + 1", "lambda x: x * x", "lambda x: x if x > 0 else 0"}))
}

func (g *generator) columns(f randomFlow) randomFlow {
	if g.IntN(2) == 0 {
		return g.mappedBy(f, ofWords, `lambda r: r["k"]`)
	}
	return g.mappedBy(f, ofPairs, `lambda r: (r["k"], r["n"])`)
}

func (g *generator) split(f randomFlow) randomFlow {
	return g.flatMappedBy(f, ofWords, "lambda s: s.split()")
}

func (g *generator) flatMapped(f randomFlow) randomFlow {
	if g.IntN(2) == 0 {
		return g.flatMappedBy(f, f.kind, "lambda x: [x] * (size(x) % 3)")
	}
	return g.flatMappedBy(f, ofPairs, `lambda x: {"a": size(x), "b": 1.5}`)
}

func (g *generator) flatMappedBy(f randomFlow, k kind, text string) randomFlow {
	var want []starlark.Value
	g.each(f, g.plain.function(text), func(_, v starlark.Value) {
		all, _ := spread(v)
		want = append(want, all...)
	})
	return f.then(k, want, ".flat_map(%s)", text)
}

func (g *generator) filtered(f randomFlow) randomFlow {
	text := g.pick([]string{"lambda x: size(x) % 3 != 0", "lambda x: size(x) > 3", "lambda x: x", "lambda x: False"})
	keep := g.IntN(2) == 0
	var want []starlark.Value
	g.each(f, g.plain.function(text), func(r, v starlark.Value) {
		if bool(v.Truth()) == keep {
			want = append(want, r)
		}
	})
	return f.then(f.kind, want, ".%s(%s)", map[bool]string{true: "filter", false: "reject"}[keep], text)
}

func (g *generator) mappedValues(f randomFlow) randomFlow {
	text := "lambda n: [n]"
	fn := g.plain.function(text)
	var want []starlark.Value
	for _, r := range f.want {
		pair := r.(starlark.Tuple)
		want = append(want, starlark.Tuple{pair[0], g.plain.must(fn, nil, pair[1])})
	}
	return f.then(ofAnything, want, ".map_values(%s)", text)
}

// key is a function or selector whose results can be keys of the flow's records.
func (g *generator) key(f randomFlow) string {
	texts := []string{"lambda x: size(x) % 5", "size", "lambda x: (size(x) % 2, type(x))", "repr", "lambda x: float(size(x) % 3)"}
	switch f.kind {
	case ofWords, ofNumbers, ofScalars:
		texts = append(texts, "lambda x: x", "lambda x: (x, 1)")
	case ofPairs:
		texts = append(texts, "0", "(0, 1)", "lambda k, n: k", "lambda k, n: (n, k)", "1")
	case ofRows:
		texts = append(texts, `"k"`, `"n"`, `lambda r: r["k"]`)
	}
	return g.pick(texts)
}

// orderKey is a key whose results compare.
func (g *generator) orderKey(f randomFlow) string {
	texts := []string{"lambda x: size(x) % 5", "repr", "size", "lambda x: (-size(x), repr(x))"}
	switch f.kind {
	case ofWords, ofNumbers:
		texts = append(texts, "lambda x: x")
	case ofPairs:
		texts = append(texts, "1", "lambda k, n: n")
	case ofRows:
		texts = append(texts, `"k"`, `"n"`)
	}
	return g.pick(texts)
}

// keyFunction is the function of a key, (0, 1) being a tuple of selectors.
func (g *generator) keyFunction(text string) function {
	if text == "(0, 1)" {
		return g.plain.function("lambda x: (x[0], x[1])")
	}
	return g.plain.function(text)
}

func (g *generator) stableSorted(records []starlark.Value, key string, reverse bool) []starlark.Value {
	fn := g.keyFunction(key)
	type keyed struct{ key, record starlark.Value }
	var all []keyed
	for _, r := range records {
		all = append(all, keyed{g.plain.must(fn, nil, r), r})
	}
	slices.SortStableFunc(all, func(a, b keyed) int {
		if reverse {
			a, b = b, a
		}
		return compare(a.key, b.key)
	})
	sorted := make([]starlark.Value, len(all))
	for i, k := range all {
		sorted[i] = k.record
	}
	return sorted
}
