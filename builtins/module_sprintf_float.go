package builtins

import (
	"math"
	"math/big"
	"strconv"
	"strings"

	"go.starlark.net/starlark"
)

// defaultPrecision is C's, for f, e and g.
const defaultPrecision = 6

func (d *directive) appendFloat(out []byte, arg starlark.Value) ([]byte, error) {
	n, err := decimalOf(arg)
	if err != nil {
		return nil, err
	}
	upper := d.verb == 'E' || d.verb == 'G'
	digits, negative := strings.CutPrefix(n.format(d), "-")
	finite := n.finite()
	if !finite {
		digits = strings.ToLower(strings.TrimPrefix(digits, "+"))
	}
	if upper {
		digits = strings.ToUpper(digits)
	}
	return d.pad(out, d.sign(negative), digits, finite), nil
}

// A numeral is a float, or an int that no float is equal to.
type numeral struct {
	float float64
	large *big.Float
}

func decimalOf(v starlark.Value) (numeral, error) {
	switch v := v.(type) {
	case starlark.Float:
		return numeral{float: float64(v)}, nil
	case starlark.Int:
		const exact = 1 << 53
		if i, ok := v.Int64(); ok && -exact <= i && i <= exact {
			return numeral{float: float64(i)}, nil
		}
		return numeral{large: new(big.Float).SetInt(v.BigInt())}, nil
	}
	return numeral{}, wantNumber(v)
}

func (n numeral) finite() bool {
	return n.large != nil || !math.IsInf(n.float, 0) && !math.IsNaN(n.float)
}

// text is the number, correctly rounded, as strconv's formats e and f write it.
func (n numeral) text(format byte, precision int) string {
	if n.large != nil {
		return n.large.Text(format, precision)
	}
	return strconv.FormatFloat(n.float, format, precision, 64)
}

func (n numeral) format(d *directive) string {
	precision := d.precision
	if precision < 0 {
		precision = defaultPrecision
	}
	verb := d.verb | 0x20 // lower case
	if verb == 'g' && n.finite() {
		return n.general(max(precision, 1), d.alt)
	}
	text := n.text(verb, precision)
	if d.alt && precision == 0 && n.finite() {
		text = withPoint(text)
	}
	return text
}

// general is C's %g: so many significant digits, in the format that suits the exponent after rounding, and
// without trailing zeros unless they are asked for.
func (n numeral) general(significant int, keep bool) string {
	scientific := n.text('e', significant-1)
	mantissa, exponent, _ := strings.Cut(scientific, "e")
	text, suffix := mantissa, "e"+exponent
	if x, _ := strconv.Atoi(exponent); -4 <= x && x < significant {
		text, suffix = n.text('f', significant-1-x), ""
	}
	switch {
	case keep && !strings.Contains(text, "."):
		text += "."
	case !keep && strings.Contains(text, "."):
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text + suffix
}

// withPoint puts a decimal point behind the whole digits of a number that has none.
func withPoint(text string) string {
	whole, exponent, scientific := strings.Cut(text, "e")
	if scientific {
		return whole + ".e" + exponent
	}
	return whole + "."
}
