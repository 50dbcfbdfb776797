package kernel

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// A generator writes random Starlark functions. Most expressions have the type that is wanted where they stand, and
// some do not.
type generator struct {
	*rand.Rand
	out    strings.Builder
	vars   map[string]string // in scope, with the type that they were given first
	names  []string
	indent int
	budget int
	loops  int
	plain  bool // calls no helper
	fresh  int
}

var (
	someTypes = []string{"int", "int", "int", "str", "str", "float", "bool", "list", "tuple", "words", "dict", "pairs", "maybe", "bytes", "set"}
	someInts  = []string{
		"0", "1", "2", "3", "7", "-1", "-2", "10", "63", "2147483647", "2147483648", "-2147483648", "9007199254740993",
		"9223372036854775807", "(-9223372036854775807 - 1)", "4611686018427387904", "9223372036854775808", "(1 << 100)",
	}
	someFloats = []string{"0.0", "-0.0", "1.5", "-2.5", "1e300", "float('nan')", "float('inf')", "9007199254740992.0", "0.1", "1.0", "2.0"}
	someTexts  = []string{"''", "'a'", "'b,c'", "' x y '", "'\u00e9\u00df'", "'12'", "'-7'", "','", "'A b C'", "'a\\u00a0b'", "'0x1'", "' '", "'1.5'", "'k'", "'\u0130'", "'\u00e9'[:1]", "'long text of more than a few bytes, with a comma'"}
	someBytes  = []string{"b''", "b'ab'", "b'\\xff'"}
	someRows   = []string{
		"{'a': 1, 'b': 'x y', 'l': [1, 2], 'd': {'a': 1}, 't': (1, 'a'), 'n': None}",
		"{'a': 7, 'b': '', 'l': [], 'd': {}, 't': (2, 'b'), 'n': None}",
		"{'a': 2, 'b': 'k', 'l': [3], 'd': {'k': 5}, 't': (1, 'a'), 'n': 4}",
		"{'a': 9223372036854775808, 'b': 'k', 'l': [3], 'd': {'k': 5}, 't': (1, 'a'), 'n': None}",
		"{'a': 'text', 'b': 'k', 'l': [3], 'd': {'k': 5}, 't': (1, 'a'), 'n': None}",
		"{'b': 'k', 'a': 1.5}", "{}",
	}
)

// functions is the text of functions f0, f1 ... of one parameter each but the first, with a helper. Each takes
// what the one before it most likely returns; results is the types of those.
func (g *generator) functions(n int, params, types []string) (text string, results []string) {
	g.out.Reset()
	g.helper()
	for i := range n {
		typ := g.pick(someTypes)
		g.function(fmt.Sprintf("f%d", i), params, types, typ)
		params, types, results = []string{"a"}, []string{typ}, append(results, typ)
	}
	return g.out.String(), results
}

// function writes a function of so many parameters.
func (g *generator) function(name string, params, types []string, result string) {
	g.vars, g.names = map[string]string{}, nil
	for i, p := range params {
		g.declare(p, types[i])
	}
	g.line("def %s(%s):", name, strings.Join(params, ", "))
	g.indent++
	g.budget = 4 + g.IntN(14)
	g.block(3)
	g.line("return %s", g.expr(result, 3))
	g.indent--
}

func (g *generator) helper() {
	g.plain = true
	defer func() { g.plain = false }()
	g.vars, g.names = map[string]string{}, nil
	g.declare("p", "int")
	g.declare("q", "str")
	g.line("def h(p, q = 'd'):")
	g.indent++
	g.budget = 2
	g.block(1)
	g.line("return %s", g.expr(g.pick([]string{"int", "str", "tuple"}), 2))
	g.indent--
	g.line("def sum3(l):")
	g.line("    s = 0")
	g.line("    for x in l[:3]:")
	g.line("        s += x")
	g.line("    return s")
	g.line("C = %s", g.pick([]string{"['a', 'b', 'k']", "[1, 2, 3]", "('x', 2)", "5", "'const'", "1.5", "None", "{'a': 1, 'k': 2}", "[]", "[1, 'a']"}))
}

func (g *generator) pick(list []string) string { return list[g.IntN(len(list))] }

func (g *generator) line(format string, args ...any) {
	g.out.WriteString(strings.Repeat("    ", g.indent))
	fmt.Fprintf(&g.out, format, args...)
	g.out.WriteByte('\n')
}

func (g *generator) declare(name, typ string) {
	if _, known := g.vars[name]; !known {
		g.names = append(g.names, name)
		g.vars[name] = typ
	}
}

func (g *generator) block(depth int) {
	g.line("pass")
	for range 1 + g.IntN(4) {
		if g.budget--; g.budget < 0 {
			return
		}
		g.statement(depth)
	}
}

// scoped writes a block whose new variables are not used behind it.
func (g *generator) scoped(depth int) {
	n := len(g.names)
	g.indent++
	g.block(depth)
	g.indent--
	for _, name := range g.names[n:] {
		delete(g.vars, name)
	}
	g.names = g.names[:n]
}

func (g *generator) statement(depth int) {
	switch n := g.IntN(20); {
	case n < 8 || depth == 0:
		g.assignment()
	case n < 11:
		g.line("if %s:", g.expr("bool", 2))
		g.scoped(depth - 1)
		if g.IntN(2) == 0 {
			g.line("else:")
			g.scoped(depth - 1)
		}
	case n < 14 && (g.loops == 0 || g.loops == 1 && g.IntN(3) == 0):
		g.loop(depth)
	case n < 15 && g.loops > 0:
		g.line("if %s:", g.expr("bool", 1))
		g.line("    %s", g.pick([]string{"break", "continue"}))
	case n < 16:
		g.line("if %s:", g.expr("bool", 1))
		g.line("    return %s", g.expr(g.pick(someTypes), 2))
	case n < 18:
		g.change()
	default:
		t := g.pick(someTypes)
		u := g.pick(someTypes)
		a, b := g.target(t), g.target(u)
		g.line("%s, %s = %s, %s", a, b, g.expr(t, 2), g.expr(u, 2))
		g.declare(a, t)
		g.declare(b, u)
	}
}

// target is a variable to assign to, an old one of the type or a new one.
func (g *generator) target(typ string) string {
	if g.IntN(3) > 0 {
		if name, ok := g.variable(typ); ok {
			return name
		}
	}
	if g.IntN(60) == 0 && len(g.names) > 0 {
		return g.pick(g.names)
	}
	g.fresh++
	return fmt.Sprintf("v%d", g.fresh)
}

func (g *generator) assignment() {
	t := g.pick(someTypes)
	if g.IntN(3) == 0 {
		if name, ok := g.variable(t); ok {
			op := g.pick([]string{"+=", "+=", "-=", "*=", "//=", "%="})
			g.line("%s %s %s", name, op, g.expr(t, 2))
			return
		}
	}
	name := g.target(t)
	g.line("%s = %s", name, g.expr(t, 3))
	g.declare(name, t)
}

// change changes a list or a dict.
func (g *generator) change() {
	if name, ok := g.variable("words"); ok && g.IntN(2) == 0 {
		g.line(g.pick([]string{"%s.append(%s)", "%s.append(%s)", "%s.insert(0, %s)", "%s.extend([%s])"}), name, g.expr("str", 2))
		return
	}
	if name, ok := g.variable("pairs"); ok && g.IntN(2) == 0 {
		g.line("%s.append((%s, %s))", name, g.expr("str", 1), g.expr("int", 1))
		return
	}
	if name, ok := g.variable("dict"); ok && g.IntN(3) > 0 {
		k := g.expr("str", 1)
		g.line(g.pick([]string{"%s[%s] = %s", "%[1]s[%[2]s] = %[1]s.get(%[2]s, 0) + %[3]s", "%s[%s] += %s", "%s.setdefault(%s, %s)", "%s.pop(%s, %s)"}), name, k, g.expr("int", 1))
		return
	}
	if name, ok := g.variable("list"); ok {
		v := g.expr("int", 2)
		g.line(g.pick([]string{"%s.append(%s)", "%s.extend([%s])", "%s[0] = %s", "%s[-1] += %s", "%s += [%s]", "%s.insert(1, %s)", "%s += (%s,)"}), name, v)
		return
	}
	g.assignment()
}

func (g *generator) loop(depth int) {
	g.loops++
	defer func() { g.loops-- }()
	n := len(g.names)
	g.fresh++
	x := fmt.Sprintf("i%d", g.fresh)
	switch g.IntN(7) {
	case 0:
		g.line("for %s in range(%s):", x, g.pick([]string{"3", "0", "5", "len(C) if type(C) == 'list' else 2"}))
		g.declare(x, "int")
	case 1:
		g.line("for %s in range(%s, %s, %s):", x, g.pick(someInts[:6]), g.pick(someInts[:8]), g.pick([]string{"1", "2", "-1", "-3"}))
		g.declare(x, "int")
	case 2:
		g.line("for %s in %s:", x, g.expr("words", 2))
		g.declare(x, "str")
	case 3:
		g.line("for %s in %s:", x, g.expr("list", 2))
		g.declare(x, "int")
	case 4:
		g.line("for %s, %sw in enumerate(%s):", x, x, g.expr("words", 1))
		g.declare(x, "int")
		g.declare(x+"w", "str")
	case 5:
		g.line("for %s, %sw in %s:", x, x, g.expr("pairs", 1))
		g.declare(x, "str")
		g.declare(x+"w", "int")
	default:
		g.line("for %s in %s:", x, g.expr("dict", 1))
		g.declare(x, "str")
	}
	g.scoped(depth - 1)
	for _, name := range g.names[n:] {
		delete(g.vars, name)
	}
	g.names = g.names[:n]
}

func (g *generator) variable(typ string) (string, bool) {
	var fit []string
	for _, name := range g.names {
		if g.vars[name] == typ {
			fit = append(fit, name)
		}
	}
	if len(fit) == 0 {
		return "", false
	}
	return g.pick(fit), true
}

func (g *generator) expr(typ string, depth int) string {
	if g.IntN(200) == 0 {
		typ = g.pick(someTypes)
	}
	if name, ok := g.variable(typ); ok && g.IntN(5) < 2 {
		return name
	}
	if g.IntN(200) == 0 {
		return "C"
	}
	if depth <= 0 {
		return g.leaf(typ)
	}
	e := func(t string) string { return g.expr(t, depth-1) }
	if g.IntN(8) == 0 {
		return fmt.Sprintf("(%s if %s else %s)", e(typ), e("bool"), e(typ))
	}
	if g.IntN(16) == 0 {
		return fmt.Sprintf("(%s %s %s)", e(typ), g.pick([]string{"and", "or"}), e(typ))
	}
	form := g.pick(expressions[typ])
	if g.IntN(20) == 0 {
		form = g.pick(risky[typ])
	}
	for g.plain && strings.Contains(form, "h(") {
		form = g.pick(expressions[typ])
	}
	return g.fill(form, depth)
}

// fill replaces $type in a form by expressions; X is the variable of its comprehension.
func (g *generator) fill(form string, depth int) string {
	words := strings.Split(form, "$")
	var b strings.Builder
	b.WriteString(words[0])
	bound := ""
	if i := strings.Index(form, "@"); i >= 0 {
		g.fresh++
		bound = fmt.Sprintf("x%d", g.fresh)
		kind := form[i+1 : i+2]
		g.names = append(g.names, bound)
		g.vars[bound] = map[string]string{"i": "int", "s": "str"}[kind]
	}
	for _, w := range words[1:] {
		n := 0
		for n < len(w) && w[n] >= 'a' && w[n] <= 'z' {
			n++
		}
		b.WriteString(g.without(bound, strings.HasSuffix(b.String(), " in "), w[:n], depth-1))
		b.WriteString(w[n:])
	}
	r := b.String()
	if bound != "" {
		g.names = g.names[:len(g.names)-1]
		delete(g.vars, bound)
		r = strings.ReplaceAll(strings.ReplaceAll(r, "@i", bound), "@s", bound)
	}
	return r
}

// without is an expression, which does not use a comprehension's variable if it stands where the comprehension
// takes its elements from.
func (g *generator) without(bound string, source bool, typ string, depth int) string {
	if kind := g.vars[bound]; bound != "" && source {
		g.vars[bound] = ""
		defer func() { g.vars[bound] = kind }()
	}
	return g.expr(typ, depth)
}

func (g *generator) leaf(typ string) string {
	switch typ {
	case "int":
		return g.pick(someInts)
	case "float":
		return g.pick(someFloats)
	case "str":
		return g.pick(someTexts)
	case "bool":
		return g.pick([]string{"True", "False"})
	case "list":
		return g.pick([]string{"[1, 2]", "[]", "[3]", "[5, 1, 3]"})
	case "words":
		return g.pick([]string{"'a b'.split()", "['x', 'k']", "[]"})
	case "dict":
		return g.pick([]string{"{}", "{'a': 1}", "{'k': 2, 'a': 3}"})
	case "maybe":
		return g.pick([]string{"None", "1", "0"})
	case "bytes":
		return g.pick(someBytes)
	case "set":
		return g.pick([]string{"set([])", "set([1, 2])", "set(['a', 1.0])"})
	case "row":
		return g.pick(someRows)
	case "pairs":
		return g.pick([]string{"[('a', 1)]", "[]", "[('k', 2), ('a', 1)]"})
	}
	return g.pick([]string{"(1, 'a')", "(2, 'b')"})
}

// expressions is forms by the type of their value.
var expressions = map[string][]string{
	"int": {
		"($int + $int)", "($int - $int)", "($int * $int)", "(-$int)", "($int & $int)",
		"($int | $int)", "($int ^ $int)", "($int << 3)", "($int >> 2)", "len($str)", "len($words)", "len($list)",
		"abs($int)", "$str.find($str)", "$str.count($str)", "$tuple[0]",
		"h($int, $str)", "min($int, $int)", "max($int, $int)",
		"$dict.get($str, 0)", "len($dict)", "($int + 1)", "($int // 3)", "($int % -7)", "(1000 // $int)", "($int * 3)", "($int % 2)", "($int // 2)", "~$int",
		"(lambda z: z + $int)($int)", "int($bool)", "($maybe or $int)", "len($bytes)", "len($set)", "sum3($list)",
		"($row['a'] if type($row['a']) == 'int' else 1)", "$row.get('a', 5)", "len($row)", "hash($str)", "math.floor($float)", "math.ceil($float)", "json.decode(str($int))", "json.decode('[1, 2]')[1]", "json.decode(json.encode($row)).get('a', 3)",
		"len([(w, @i) for w, @i in $pairs if @i])",
	},
	"float": {
		"($float + $float)", "($float - $int)", "($int * $float)",
		"float($int)", "($float / 3)", "($int / 7.5)", "($float // 2)", "($float % 2.5)", "($int / 4)", "(-$float)", "abs($float)", "max($float, $float)", "min($float, $int)", "math.sqrt(abs($float))", "math.fabs($float)", "math.mod($float, 3.5)", "math.pow($float, 2)", "json.decode(json.encode($int) + '.5')",
	},
	"str": {
		"($str + $str)", "$str.strip()", "$str.strip($str)", "$str.lower()", "$str.upper()", "$str.lstrip()", "$str.rstrip($str)",
		"$str[1:-1]", "$str[::2]", "$str[::-1]", "$str[$int:0:-1]", "$dict.keys()[-1:][0]", "$str.replace($str, 'yz')", "str($int)", "str($float)", "str($bool)",
		"'-'.join($words)", "','.join([str(@i) for @i in $list])", "$tuple[1]", "$str.partition(',')[0]",
		"$str.rpartition(',')[2]", "('%s' % $int)", "('%d:%s' % ($int, $str))", "'{}'.format($float)", "$str.title()",
		"$str.removeprefix($str)", "repr($str)", "($str * 2)", "str($tuple)", "str($list)", "str($dict)", "max($str, $str)",
		"str($words)", "type($int)", "$row['b']", "$row.get('z', $str)", "('%r|%s' % ($float, $maybe))", "str($bytes)", "'{1}{0}'.format($int, $str)",
		"str($set)", "','.join([w for w, @i in $pairs])", "''.join($str.elems())", "str($row)", "json.encode($dict)", "json.encode($tuple)", "json.encode($list)", "json.encode($str)", "json.decode(json.encode($str))", "$str.capitalize()", "repr($bytes)", "('%x' % $int)", "str($maybe)",
	},
	"bool": {
		"($int == $int)", "($int < $int)", "($int >= $int)", "($int != $float)", "($int <= $float)", "($float > $float)",
		"($float == $float)", "($str == $str)", "($str < $str)", "($str in $str)", "($str not in $words)", "($int in $list)",
		"not $bool", "($bool and $bool)", "($bool or $bool)", "$str.startswith($str)", "$str.endswith($str)", "$str.isdigit()",
		"bool($str)", "bool($list)", "($tuple == $tuple)", "($list == $list)", "any([@i > 1 for @i in $list])",
		"all([$bool for @s in $words])", "($str in $dict)", "($int in (1, 2, 3))", "($str == None)", "($words == $words)",
		"bool($int)", "bool($dict)", "($dict == $dict)", "($maybe == None)", "($maybe != $int)", "('a' in $row)", "($row.get('n') == None)",
		"($int in $set)", "($bytes == $bytes)", "($bytes < $bytes)", "($set == $set)", "type($maybe) == 'int'", "($int in $dict.values())", "($pairs == $pairs)",
	},
	"list": {
		"[$int, $int]", "[$int]", "[$int for @i in $list]", "[len(@s) for @s in $words]", "[@i for @i in $list if $bool]", "$list[1:]", "$list[::-1]", "[[@i for @i in $list], []][0]",
		"sorted($list)", "list($list)", "($list + $list)", "[@i for @i in range(4)]", "list(range(3))",
		"sorted($list, reverse = True)", "sorted($list, key = lambda z: -z)", "$dict.values()", "[@i * $int for @i in $list]",
		"[@i + y for @i in $list for y in [1, $int]]", "[@i for w, @i in $pairs]", "list($bytes.elems())", "sorted($set)", "$row['l']", "$row.get('l', $list)", "$list[$int:][:2]", "[@i for @i in $list if @i > 1 if $bool]",
	},
	"words": {
		"$str.split()", "$str.split(',')", "[$str, $str]", "[@s.lower() for @s in $words]",
		"[$str for @s in $words if $bool]", "$str.splitlines()", "$words[1:]", "sorted($words)", "list($words)", "$dict.keys()",
		"sorted($words, key = len)", "list($dict)", "[$str for @i in $list]", "list($str.elems())", "[w for w, @i in $pairs]", "$row.keys()", "$str.rsplit(',', 1)", "$str.split(' ', 2)", "[x for y in [$words, $words] for x in y]",
	},
	"tuple": {"($int, $str)", "($int, $str)", "tuple([$int, $str])", "($float, $str)", "(1, $str) + ()", "$row['t']", "($int, $str)[::-1][::-1]", "[(@i, $str) for @i in [1]][0]"},
	"dict":  {"{$str: $int}", "{@s: $int for @s in $words}", "dict($pairs)", "{@s: len(@s) for @s in $words if $bool}", "$row['d']", "($dict | $dict)"},
	"maybe": {"($int if $bool else None)", "None", "$dict.get($str)", "$row['n']", "$row.get('zz')", "($maybe and $int)"},
	"bytes": {"bytes($str)", "$bytes[1:]", "($bytes + $bytes)", "$bytes[::-1]"},
	"set":   {"set($list)", "set($words)", "($set | $set)", "($set & $set)", "set([$int, $str])"},
	"row":   {"($row | {'a': $int})", "json.decode('{\"b\": \"x\", \"a\": 5, \"l\": [1]}')", "json.decode(json.encode($row))", "{'a': $int, 'b': $str, 'l': $list, 'd': $dict, 't': $tuple, 'n': $maybe}"},
	"pairs": {"[($str, $int)]", "[(@s, $int) for @s in $words]", "$dict.items()", "sorted($pairs)", "list(zip($words, $list))"},
}

// risky is forms that are likely to fail.
var risky = map[string][]string{
	"int":   {"($int // $int)", "($int % $int)", "int($str)", "int($float)", "$list[0]", "$list[-1]", "$list[$int]", "$dict[$str]", "max($list)", "min([len(@s) for @s in $words])", "sorted($list)[0]", "$list.index($int)", "h($int)[0]", "$row['a']", "$bytes[$int]", "$maybe + 1"},
	"float": {"($float / $int)", "($int / $int)", "($float // $float)", "($float % $int)", "float($str)"},
	"str":   {"$str[$int]", "$str[$int:]", "$str[:$int]", "$words[0]", "$words[$int]", "min($words)", "sorted($words)[-1]", "h($int)"},
	"bool":  {"($tuple < $tuple)"},
	"list":  {"$list[:$int]"},
	"words": {"$str.split($str)"},
	"tuple": {"h($int)"},
	"dict":  {"{$str: $int, 'z': $int}"},
	"pairs": {"zip($words, $list)"},
	"maybe": {"($maybe + 1)", "-$maybe"},
	"bytes": {"($bytes * $int)[:9]", "bytes($list)"},
	"set":   {"set([$list])", "($set - $set)"},
	"row":   {"{$str: $int}", "json.decode($str)", "json.decode('{\"a\": ' + $str + '}')"},
}
