package builtins

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
)

var decimals = module("decimal", map[string]function{
	"format": decimalFormat,
	"parse":  decimalParse,
}, nil)

const (
	maxDecimalDigits = 1000
	maxDecimalText   = 100_000 // bytes; converting takes time by the square of it
)

// decimalParse reads a decimal number as an int of its smallest units: ("-0.50", 2) is -50.
func decimalParse(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var text string
	var digits int
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "s", &text, "digits", &digits); err != nil {
		return nil, err
	}
	if err := checkDigits(digits); err != nil {
		return nil, fmt.Errorf("%s: %w", b.Name(), err)
	}
	n, err := parseDecimal(text, digits)
	if err != nil {
		return nil, fmt.Errorf("%s: %s %w", b.Name(), value.Cut(starlark.String(text), 60), err)
	}
	return n, nil
}

func checkDigits(digits int) error {
	if digits < 0 || digits > maxDecimalDigits {
		return fmt.Errorf("digits must be from 0 to %d, not %d", maxDecimalDigits, digits)
	}
	return nil
}

func parseDecimal(text string, digits int) (starlark.Int, error) {
	if len(text) > maxDecimalText {
		return starlark.Int{}, fmt.Errorf("is longer than %d bytes", maxDecimalText)
	}
	unsigned := strings.TrimLeft(text, "+-")
	whole, fraction, _ := strings.Cut(unsigned, ".")
	if len(text)-len(unsigned) > 1 || whole+fraction == "" || !isDigits(whole) || !isDigits(fraction) {
		return starlark.Int{}, fmt.Errorf("is not a decimal number like -12.50")
	}
	if kept := strings.TrimRight(fraction, "0"); len(kept) > digits {
		return starlark.Int{}, fmt.Errorf("has %d decimals, and %d are asked for", len(kept), digits)
	}
	fraction = fraction[:min(len(fraction), digits)]
	units := whole + fraction + strings.Repeat("0", digits-len(fraction))
	if text[0] == '-' {
		units = "-" + units
	}
	return parseInt(units), nil
}

func isDigits(s string) bool {
	return strings.Trim(s, "0123456789") == ""
}

// parseInt reads an optional minus and decimal digits, of which there may be none.
func parseInt(s string) starlark.Int {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return starlark.MakeInt64(n)
	}
	n, _ := new(big.Int).SetString(s, 10)
	return starlark.MakeBigInt(n)
}

// decimalFormat writes an int of smallest units as a decimal number: (-50, 2) is "-0.50".
func decimalFormat(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var n starlark.Int
	var digits int
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "n", &n, "digits", &digits); err != nil {
		return nil, err
	}
	if err := checkDigits(digits); err != nil {
		return nil, fmt.Errorf("%s: %w", b.Name(), err)
	}
	return starlark.String(formatDecimal(n, digits)), nil
}

func formatDecimal(n starlark.Int, digits int) string {
	units, negative := strings.CutPrefix(n.String(), "-")
	if missing := digits + 1 - len(units); missing > 0 {
		units = strings.Repeat("0", missing) + units
	}
	point := len(units) - digits
	text := units[:point]
	if digits > 0 {
		text += "." + units[point:]
	}
	if negative {
		text = "-" + text
	}
	return text
}
