package kernel

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"go.starlark.net/starlark"
)

// A layout is a format that is known and holds nothing but text and places for plain strings, ints and decimals: the text
// before each place, and behind the last.
type layout struct {
	texts []string
	verbs []verb // one for each place
}

// A verb says what stands in a place.
type verb struct {
	letter   byte // s, d or f
	decimals int  // of an f
}

const (
	defaultDecimals = 6
	mostDecimals    = 20 // of formats that are compiled
)

// layoutOf takes a format with the verbs %s, %d and %% apart, and %f and the like of %.2f where there are decimals; ok is
// false if it holds anything else.
func layoutOf(format string, decimals bool) (l layout, ok bool) {
	var text strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			text.WriteByte(format[i])
			continue
		}
		i++
		digits, given := defaultDecimals, false
		if rest, found := strings.CutPrefix(format[i:], "."); found && decimals {
			end := strings.IndexByte(rest, 'f')
			n, err := strconv.ParseUint(rest[:max(end, 0)], 10, 8)
			if err != nil || n > mostDecimals {
				return l, false
			}
			digits, given = int(n), true
			i += len(".") + end
		}
		if i == len(format) {
			return l, false
		}
		switch letter := format[i]; {
		case letter == '%' && !given:
			text.WriteByte('%')
		case (letter == 's' || letter == 'd') && !given, letter == 'f' && decimals:
			l.texts, l.verbs = append(l.texts, text.String()), append(l.verbs, verb{letter, digits})
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
	l.verbs = slices.Repeat([]verb{{letter: 's'}}, len(l.texts)-1)
	return l, true
}

// takes reports whether a verb takes an operand as it is.
func (v verb) takes(o operand) bool {
	switch o.typ.kind {
	case integer:
		return true
	case str:
		return v.letter == 's'
	case float, boxedAny:
		return v.letter == 'f'
	}
	return false
}

// fill puts values into the places of a layout; its type is nil if not all of them are strings and numbers that the
// verbs take as they are.
func (c *compiler) fill(l layout, values []operand, line int32) operand {
	if len(values) != len(l.verbs) {
		return operand{}
	}
	for i, v := range values {
		if !l.verbs[i].takes(v) {
			return operand{}
		}
	}
	puts := make([]code, 0, len(values))
	fixed := 0
	parts := make([]func(f *frame, to []byte) []byte, len(values))
	sizes := make([]func(f *frame) int, 0, len(values))
	for i, v := range values {
		put, held := c.hold(v)
		if put != nil {
			puts = append(puts, put)
		}
		switch {
		case l.verbs[i].letter == 'f':
			g, decimals := decimalOf(held, line), l.verbs[i].decimals
			sizes = append(sizes, func(f *frame) int { return decimalSize(g(f)) + decimals })
			parts[i] = func(f *frame, to []byte) []byte { return strconv.AppendFloat(to, g(f), 'f', decimals, 64) }
		case held.typ.kind == integer:
			fixed += len("-9223372036854775808")
			g := held.int
			parts[i] = func(f *frame, to []byte) []byte { return strconv.AppendInt(to, g(f), 10) }
		default:
			g := held.text
			sizes = append(sizes, func(f *frame) int { return len(g(f)) })
			parts[i] = func(f *frame, to []byte) []byte { return append(to, g(f)...) }
		}
	}
	for _, text := range l.texts {
		fixed += len(text)
	}
	evaluate := sequenceOf(puts)
	last := l.texts[len(parts)]
	return operand{typ: strType, text: func(f *frame) string {
		evaluate(f)
		n := fixed
		for _, size := range sizes {
			n += size(f)
		}
		b := f.room(n)
		for i, part := range parts {
			b = part(f, append(b, l.texts[i]...))
		}
		return view(append(b, last...), &f.memory)
	}}
}

// decimalOf is a number that is written with decimals. Ints that no float is equal to, and floats that have no digits, give
// the record up.
func decimalOf(o operand, line int32) func(*frame) float64 {
	const exact = 1 << 53
	whole := func(f *frame, n int64) float64 {
		if n < -exact || n > exact {
			f.bail(otherType, line)
		}
		return float64(n)
	}
	finite := func(f *frame, x float64) float64 {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			f.bail(otherType, line)
		}
		return x
	}
	switch o.typ.kind {
	case integer:
		g := o.int
		return func(f *frame) float64 { return whole(f, g(f)) }
	case float:
		g := o.float
		return func(f *frame) float64 { return finite(f, g(f)) }
	}
	g := o.value
	return func(f *frame) float64 {
		switch v := g(f).(type) {
		case starlark.Float:
			return finite(f, float64(v))
		case starlark.Int:
			if n, ok := v.Int64(); ok {
				return whole(f, n)
			}
		}
		f.bail(otherType, line)
		return 0
	}
}

// decimalSize is how many bytes a number takes at most before its decimals.
func decimalSize(x float64) int {
	if math.Abs(x) < 1e15 {
		return len("-999999999999999.")
	}
	return len("-.") + 309
}

// sprintf compiles sprintf with a format that is known; its type is nil if it is left to the function.
func (c *compiler) sprintf(args []operand, line int32) operand {
	format, ok := args0(args)
	if !ok {
		return operand{}
	}
	l, ok := layoutOf(format, true)
	if !ok {
		return operand{}
	}
	return c.fill(l, args[1:], line)
}

// percent compiles format % values; its type is nil if it is left to the operator.
func (c *compiler) percent(x, y operand, line int32) operand {
	format, ok := x.constant.(starlark.String)
	if !ok {
		return operand{}
	}
	l, ok := layoutOf(string(format), false)
	if !ok {
		return operand{}
	}
	if y.typ.kind != tuple {
		return c.fill(l, []operand{y}, line)
	}
	put, held := c.hold(y)
	values := make([]operand, len(y.typ.elems))
	for i := range values {
		values[i] = held.element(i)
	}
	r := c.fill(l, values, line)
	if r.typ == nil {
		return r
	}
	return after(put, r)
}
