package kernel

import (
	"strconv"
	"strings"

	"go.starlark.net/starlark"
)

// A layout is a format that is known and holds nothing but text and places for plain strings and ints: the text
// before each place, and behind the last.
type layout struct {
	texts []string
	verbs []byte // s or d, one for each place
}

// layoutOf takes a format with the verbs %s, %d and %% apart; ok is false if it holds anything else.
func layoutOf(format string) (l layout, ok bool) {
	var text strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			text.WriteByte(format[i])
			continue
		}
		if i++; i == len(format) {
			return l, false
		}
		switch verb := format[i]; verb {
		case '%':
			text.WriteByte('%')
		case 's', 'd':
			l.texts, l.verbs = append(l.texts, text.String()), append(l.verbs, verb)
			text.Reset()
		default:
			return l, false
		}
	}
	l.texts = append(l.texts, text.String())
	return l, true
}

// layoutOfBraces takes a format of text.format with nothing but {} apart.
func layoutOfBraces(format string) (l layout, ok bool) {
	l.texts = strings.Split(format, "{}")
	for _, text := range l.texts {
		if strings.ContainsAny(text, "{}") {
			return l, false
		}
	}
	l.verbs = []byte(strings.Repeat("s", len(l.texts)-1))
	return l, true
}

// fill puts values into the places of a layout; its type is nil if not all of them are strings and ints that the
// verbs take as they are.
func (c *compiler) fill(l layout, values []operand) operand {
	if len(values) != len(l.verbs) {
		return operand{}
	}
	for i, v := range values {
		if v.typ.kind != integer && (v.typ.kind != str || l.verbs[i] == 'd') {
			return operand{}
		}
	}
	puts := make([]code, 0, len(values))
	fixed := 0
	parts := make([]func(f *frame, to []byte) []byte, len(values))
	texts := make([]func(f *frame) string, 0, len(values))
	for i, v := range values {
		put, held := c.hold(v)
		if put != nil {
			puts = append(puts, put)
		}
		if held.typ.kind == integer {
			fixed += len("-9223372036854775808")
			g := held.int
			parts[i] = func(f *frame, to []byte) []byte { return strconv.AppendInt(to, g(f), 10) }
			continue
		}
		g := held.text
		texts = append(texts, g)
		parts[i] = func(f *frame, to []byte) []byte { return append(to, g(f)...) }
	}
	for _, text := range l.texts {
		fixed += len(text)
	}
	evaluate := sequenceOf(puts)
	last := l.texts[len(parts)]
	return operand{typ: strType, text: func(f *frame) string {
		evaluate(f)
		n := fixed
		for _, g := range texts {
			n += len(g(f))
		}
		b := f.room(n)
		for i, part := range parts {
			b = part(f, append(b, l.texts[i]...))
		}
		return view(append(b, last...), &f.memory)
	}}
}

// sprintf compiles sprintf with a format that is known; its type is nil if it is left to the function.
func (c *compiler) sprintf(args []operand) operand {
	format, ok := args0(args)
	if !ok {
		return operand{}
	}
	l, ok := layoutOf(format)
	if !ok {
		return operand{}
	}
	return c.fill(l, args[1:])
}

// percent compiles format % values; its type is nil if it is left to the operator.
func (c *compiler) percent(x, y operand) operand {
	format, ok := x.constant.(starlark.String)
	if !ok {
		return operand{}
	}
	l, ok := layoutOf(string(format))
	if !ok {
		return operand{}
	}
	if y.typ.kind != tuple {
		return c.fill(l, []operand{y})
	}
	put, held := c.hold(y)
	values := make([]operand, len(y.typ.elems))
	for i := range values {
		values[i] = held.element(i)
	}
	r := c.fill(l, values)
	if r.typ == nil {
		return r
	}
	return after(put, r)
}
