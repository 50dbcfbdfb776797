package builtins

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.starlark.net/starlark"
)

// A lesson is what to write instead of something that people try.
type lesson struct{ text, hint string }

// syntaxLessons are found by a part of the parser's message.
var syntaxLessons = []lesson{
	{"got import", `Starlark has no import: write load("helpers.star", "name")`},
	{"got from", `Starlark has no import: write load("helpers.star", "name")`},
	{"got try", "Starlark has no try: attempt(f, x, default = None) gives a default where f fails"},
	{"got except", "Starlark has no try: attempt(f, x, default = None) gives a default where f fails"},
	{"got yield", "return a list: flat_map emits its elements"},
	{"got class", "Starlark has no classes: use a dict, or struct(field = value)"},
	{"got raise", `write fail("message")`},
	{"got with", `files are read by sources such as lines("path")`},
	{"got global", "globals cannot change: return the value"},
	{"got nonlocal", "return the value, or keep it in a list or dict"},
	{"got del", "write d.pop(key)"},
	{"got is,", "write x == None, or type(x) == \"string\""},
	{"got string literal, want newline", `Starlark has no f-strings: write sprintf("%s", x); calls need parentheses: print("x")`},
	{"not an identifier", "a parameter cannot be a tuple: write `lambda k, v: ...`, a pair is spread over both"},
	{"got ':', want ')'", "parameters have no types"},
	{"got '**'", "Starlark has no power operator: write math.pow(x, y), or x * x"},
	{"got def, want", "a def stands on lines of its own: write a lambda here"},
	{"after expression, want EOF", "-e is one expression, whose value is the job: write lambdas, or put the rest into a script"},
	{"unexpected input character '!'", "write not"},
	{"got '&', want primary", "write and"},
	{"does not associate", "write a < b and b < c"},
}

// runtimeLessons are found by a part of the interpreter's message.
var runtimeLessons = []lesson{
	{"flow value is not iterable", "a flow has no records while the script loads: use its methods, or using = flow to give a function all of them"},
	{"unknown binary op: flow + flow", "join flows end to end by a.concat(b)"},
	{"unhashable: flow", "a flow cannot be a key; keep flows in a list or as the values of a dict"},
	{"has no len", "a flow's length is not known while the script loads: write flow.count()"},
	{"unhashable type: list", "a list cannot be a key: use a tuple"},
	{"unhashable: list", "a list cannot be a key: use a tuple"},
	{"invalid method name: flow", "the operators of flows are listed by `flowsh help`"},
}

// unknownNames are names that people of other languages use.
var unknownNames = map[string]string{
	"map":          "map is a method of flows; in plain code write [f(x) for x in list]",
	"filter":       "filter is a method of flows; in plain code write [x for x in list if f(x)]",
	"reduce":       "reduce is a method of flows; in plain code write a for loop in a def",
	"open":         `files are read by sources: lines("path"), csv("path"), jsonl("path"), text("path")`,
	"input":        "standard input is read by a source without a path: lines()",
	"args":         `arguments are declared one by one: arg("name", default = ..., help = "...")`,
	"env":          `the environment is read through an argument: arg("dsn", env = "PG_DSN")`,
	"isinstance":   `write type(x) == "string"`,
	"fixed":        `write sprintf("%.2f", x) for text, windows.fixed("1h") for a window`,
	"merge":        "join flows end to end by a.concat(b); merge = is how a reducer combines two states",
	"window":       "windows are windows.fixed(...), windows.sliding(...), windows.session(...)",
	"partition":    "partition is a method of flows: flow.partition(key)",
	"join":         "join is a method of flows: left.join(right, on)",
	"bounded_join": "join is a method of flows: left.join(right, on)",
	"window_join":  "join is a method of flows: left.join(right, on, window = windows.fixed(...))",
	"from_stages":  "a flow begins at a source: lines(path), csv(path), jsonl(path), from_enumerable(list)",
	"from_specs":   "a flow begins at a source: lines(path), csv(path), jsonl(path), from_enumerable(list)",
	"fsum":         "write sum(list): it adds floats exactly, as flow.sum() does",
	"format":       `write sprintf("%.2f", x)`,
	"exit":         `write fail("message")`,
	"test":         "the module test exists only in files named *_test.star, which flowsh test runs",
	"true":         "write True", "false": "write False", "null": "write None", "nil": "write None",
}

// foreignMembers are names that modules have in other systems.
var foreignMembers = map[string]string{
	"agg.avg":            "did you mean agg.mean?",
	"agg.average":        "did you mean agg.mean?",
	"agg.std":            "did you mean agg.stddev?",
	"agg.variance":       "did you mean agg.var?",
	"agg.median":         "write agg.quantile(of, 0.5)",
	"agg.percentile":     "write agg.quantile(of, q), with q from 0 to 1",
	"agg.count_distinct": "write agg.approx_distinct(of), or agg.set(of) for the values",
	"agg.nunique":        "write agg.approx_distinct(of), or agg.set(of) for the values",
	"agg.collect":        "did you mean agg.list?",
	"agg.collect_list":   "did you mean agg.list?",
	"agg.array_agg":      "did you mean agg.list?",
	"agg.collect_set":    "did you mean agg.set?",
	"windows.tumbling":   "did you mean windows.fixed?",
	"windows.tumble":     "did you mean windows.fixed?",
	"windows.hopping":    "did you mean windows.sliding?",
	"windows.hop":        "did you mean windows.sliding?",
	"windows.sessions":   "did you mean windows.session?",
	"windows.global":     "leave window = away: then all records are in one",
	"json.loads":         "did you mean json.decode?",
	"json.parse":         "did you mean json.decode?",
	"json.dumps":         "did you mean json.encode?",
	"json.stringify":     "did you mean json.encode?",
}

// connectors are outside systems that a script may name although this build cannot reach them: true for those
// whose records never end.
var connectors = map[string]bool{
	"kafka": true, "nats": true, "redis": true, "sqs": true, "rabbitmq": true,
	"postgres": false, "s3": false, "parquet": false,
}

const noConnectors = "this build has no connectors: it reads lines, csv, tsv, jsonl, text and lists, and writes text, tsv, csv, jsonl and parquet"

func syntaxHint(message string) string { return find(syntaxLessons, message) }

func (u *unit) runtimeHint(message string) string {
	if f := unbound.FindStringSubmatch(message); f != nil {
		return u.unboundHint(f[1], f[2])
	}
	return find(runtimeLessons, message)
}

func find(lessons []lesson, message string) string {
	for _, l := range lessons {
		if strings.Contains(message, l.text) {
			return l.hint
		}
	}
	return ""
}

var (
	undefinedName = regexp.MustCompile(`^undefined: (\w+)(?: \(did you mean (\w+)\?\))?$`)
	unbound       = regexp.MustCompile(`^(global|local) variable (\w+) referenced before assignment$`)
	reassigned    = regexp.MustCompile(`^cannot reassign (?:global|top-level|local) (\w+)(?: declared at .*?(\d+:\d+))?$`)
)

// nameHint rewords what the resolver says of a name, and says what to write.
func (u *unit) nameHint(message string) (text, hint string) {
	if strings.Contains(message, "support while loops") {
		return "while is not part of the language", "write `for _ in range(n): ... break`"
	}
	if f := undefinedName.FindStringSubmatch(message); f != nil {
		return "undefined: " + f[1], u.undefinedHint(f[1], f[2])
	}
	if f := reassigned.FindStringSubmatch(message); f != nil {
		return message, reassignHint(f[1])
	}
	return message, ""
}

func (u *unit) undefinedHint(name, similar string) string {
	if continuous, ok := connectors[name]; ok {
		return connectorHint(name, continuous)
	}
	if hint := unknownNames[name]; hint != "" {
		return hint
	}
	if similar != "" {
		return "did you mean " + similar + "?"
	}
	return didYouMean(name, u.names())
}

// unboundHint is about a name that has no value yet, often because the script gives it a meaning of its own.
func (u *unit) unboundHint(scope, name string) string {
	place := map[string]string{"global": "the whole file", "local": "the whole function"}[scope]
	if slices.Contains(u.names(), name) {
		return name + " = ... hides the predeclared " + name + " in " + place + ": use another name"
	}
	return unknownNames[name]
}

func connectorHint(name string, continuous bool) string {
	hint := name + ` is a connector, which comes by load("@` + name + `", "` + name + `"); ` + noConnectors
	if continuous {
		return hint + "; a job that reads " + name + " runs for ever, and this build runs jobs that end"
	}
	return hint
}

// names are the predeclared and universal names, in order.
func (u *unit) names() []string {
	all := slices.Collect(maps.Keys(u.predeclared))
	all = slices.AppendSeq(all, maps.Keys(starlark.Universe))
	slices.Sort(all)
	return slices.Compact(all)
}

func reassignHint(name string) string {
	if s, ok := parseStage(name); ok && s.stage() {
		return "a second stage of the same name gets digits: " + s.base + nextDigits(s.digits) + "; stages run in the order of the file"
	}
	return "a global is assigned once: put the loop into a def, or use another name"
}
