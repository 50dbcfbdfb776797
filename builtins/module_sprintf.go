package builtins

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.starlark.net/starlark"
)

// maxWidth bounds the width and the precision of a verb of sprintf.
const maxWidth = 1_000_000

// sprintf formats its arguments by C's rules.
func sprintf(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if len(kwargs) > 0 {
		return nil, fmt.Errorf("%s: takes no named arguments", b.Name())
	}
	if len(args) == 0 {
		return nil, fmt.Errorf("%s: missing argument for format", b.Name())
	}
	format, ok := args[0].(starlark.String)
	if !ok {
		return nil, fmt.Errorf("%s: the format must be a string, not %s", b.Name(), args[0].Type())
	}
	p := printer{rest: string(format), args: args[1:]}
	if err := p.print(); err != nil {
		return nil, fmt.Errorf("%s: %w", b.Name(), err)
	}
	return starlark.String(p.out), nil
}

// A printer works through a format.
type printer struct {
	rest string
	args starlark.Tuple
	used int
	out  []byte
}

func (p *printer) print() error {
	for {
		plain, after, found := strings.Cut(p.rest, "%")
		p.out = append(p.out, plain...)
		if !found {
			break
		}
		p.rest = after
		if err := p.directive(); err != nil {
			return err
		}
		if len(p.out) > maxText {
			return errText
		}
	}
	if left := len(p.args) - p.used; left > 0 {
		return fmt.Errorf("%d more arguments than the format has verbs", left)
	}
	return nil
}

// A directive is what stands between a % and its verb, and the verb.
type directive struct {
	minus, plus, space, zero, alt bool
	width                         int
	precision                     int // -1: none
	verb                          byte
	text                          string // all of it, for messages
}

func (p *printer) directive() error {
	start := p.rest
	d := directive{precision: -1}
	d.flags(&p.rest)
	var err error
	if d.width, err = p.number(); err != nil {
		return fmt.Errorf("width: %w", err)
	}
	if d.width < 0 { // by *
		d.width, d.minus = -d.width, true
	}
	if after, ok := strings.CutPrefix(p.rest, "."); ok {
		p.rest = after
		if d.precision, err = p.number(); err != nil {
			return fmt.Errorf("precision: %w", err)
		}
		d.precision = max(d.precision, -1) // a negative one, by *, is none
	}
	_, size := utf8.DecodeRuneInString(p.rest)
	verb := p.rest[:size]
	p.rest = p.rest[size:]
	d.text = "%" + start[:len(start)-len(p.rest)]
	if verb == "" || !strings.Contains("dixXocrsfeEgG%", verb) {
		return fmt.Errorf("%s is no verb: use d s r f e g x o c, or %%%% for a percent sign", d.text)
	}
	d.verb = verb[0]
	if d.verb == '%' {
		p.out = append(p.out, '%')
		return nil
	}
	arg, err := p.next()
	if err != nil {
		return fmt.Errorf("%s: %w", d.text, err)
	}
	if p.out, err = d.append(p.out, arg); err != nil {
		return fmt.Errorf("%s: argument %d: %w", d.text, p.used, err)
	}
	return nil
}

func (d *directive) flags(rest *string) {
	for ; *rest != ""; *rest = (*rest)[1:] {
		switch (*rest)[0] {
		case '-':
			d.minus = true
		case '+':
			d.plus = true
		case ' ':
			d.space = true
		case '0':
			d.zero = true
		case '#':
			d.alt = true
		default:
			return
		}
	}
}

// number reads a width or precision: digits, none for 0, or * for the next argument.
func (p *printer) number() (int, error) {
	if after, ok := strings.CutPrefix(p.rest, "*"); ok {
		p.rest = after
		arg, err := p.next()
		if err != nil {
			return 0, err
		}
		n, err := starlark.AsInt32(arg)
		if err != nil {
			return 0, fmt.Errorf("argument %d: %w", p.used, err)
		}
		return n, checkWidth(n)
	}
	n := 0
	for p.rest != "" && p.rest[0] >= '0' && p.rest[0] <= '9' && n <= maxWidth {
		n = 10*n + int(p.rest[0]-'0')
		p.rest = p.rest[1:]
	}
	return n, checkWidth(n)
}

func checkWidth(n int) error {
	if n > maxWidth || n < -maxWidth {
		return fmt.Errorf("more than %d", maxWidth)
	}
	return nil
}

func (p *printer) next() (starlark.Value, error) {
	if p.used == len(p.args) {
		return nil, fmt.Errorf("there is no argument %d", p.used+1)
	}
	p.used++
	return p.args[p.used-1], nil
}

// append formats one argument.
func (d *directive) append(out []byte, arg starlark.Value) ([]byte, error) {
	switch d.verb {
	case 's', 'r':
		return d.appendText(out, arg)
	case 'c':
		return d.appendChar(out, arg)
	case 'd', 'i', 'x', 'X', 'o':
		return d.appendInt(out, arg)
	default:
		return d.appendFloat(out, arg)
	}
}

func (d *directive) appendText(out []byte, arg starlark.Value) ([]byte, error) {
	if err := checkText(arg); err != nil {
		return nil, err
	}
	text := ""
	if d.verb == 's' {
		text = textOf(arg)
	} else {
		text = arg.String()
	}
	if d.precision >= 0 {
		text = firstPoints(text, d.precision)
	}
	return d.pad(out, "", text, false), nil
}

// textOf is Starlark's str(v).
func textOf(v starlark.Value) string {
	switch v := v.(type) {
	case starlark.String:
		return string(v)
	case starlark.Bytes:
		return string([]rune(string(v))) // a byte that is not UTF-8 becomes U+FFFD
	}
	return v.String()
}

// firstPoints is the first n code points of s.
func firstPoints(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}

func (d *directive) appendChar(out []byte, arg starlark.Value) ([]byte, error) {
	switch arg := arg.(type) {
	case starlark.String:
		if utf8.RuneCountInString(string(arg)) == 1 {
			return d.pad(out, "", string(arg), false), nil
		}
		return nil, errors.New("want a string of one code point")
	case starlark.Int:
		if n, err := starlark.AsInt32(arg); err == nil && utf8.ValidRune(rune(n)) {
			return d.pad(out, "", string(rune(n)), false), nil
		}
		return nil, fmt.Errorf("%v is not a code point", arg)
	}
	return nil, fmt.Errorf("want an int or a string of one code point, not %s", arg.Type())
}

func (d *directive) appendInt(out []byte, arg starlark.Value) ([]byte, error) {
	n, err := intOf(arg)
	if err != nil {
		return nil, err
	}
	digits, negative := strings.CutPrefix(formatInt(n, d.base()), "-")
	if d.verb == 'X' {
		digits = strings.ToUpper(digits)
	}
	if d.precision == 0 && digits == "0" {
		digits = ""
	}
	prefix := ""
	if d.alt && digits != "0" && d.base() == 16 {
		prefix = "0" + string(d.verb)
	}
	if missing := d.precision - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	if d.alt && d.verb == 'o' && !strings.HasPrefix(digits, "0") {
		digits = "0" + digits
	}
	return d.pad(out, d.sign(negative)+prefix, digits, d.precision < 0), nil
}

func intOf(v starlark.Value) (starlark.Int, error) {
	switch v.(type) {
	case starlark.Int, starlark.Float:
		return starlark.NumberToInt(v) // a float is cut to a whole number
	}
	return starlark.Int{}, wantNumber(v)
}

func wantNumber(v starlark.Value) error {
	if _, ok := v.(starlark.String); ok {
		return errors.New("want a number, not a string: convert it with int() or float()")
	}
	return fmt.Errorf("want a number, not %s", v.Type())
}

func (d *directive) base() int {
	switch d.verb {
	case 'x', 'X':
		return 16
	case 'o':
		return 8
	}
	return 10
}

func formatInt(n starlark.Int, base int) string {
	if i, ok := n.Int64(); ok {
		return strconv.FormatInt(i, base)
	}
	return n.BigInt().Text(base)
}

func (d *directive) sign(negative bool) string {
	switch {
	case negative:
		return "-"
	case d.plus:
		return "+"
	case d.space:
		return " "
	}
	return ""
}

// pad appends sign and digits, or text, in the directive's width. It counts code points.
func (d *directive) pad(out []byte, sign, digits string, zeros bool) []byte {
	missing := d.width - len(sign) - utf8.RuneCountInString(digits)
	switch {
	case d.minus:
		out = append(append(out, sign...), digits...)
		return fill(out, missing, ' ')
	case d.zero && zeros:
		out = fill(append(out, sign...), missing, '0')
		return append(out, digits...)
	default:
		out = append(fill(out, missing, ' '), sign...)
		return append(out, digits...)
	}
}

func fill(out []byte, n int, with byte) []byte {
	for range n {
		out = append(out, with)
	}
	return out
}
