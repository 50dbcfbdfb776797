package builtins

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	sktime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"
)

var argTypes = []string{"int", "float", "bool", "str", "list", "duration", "bytes"}

// typeOf is the argument type that a value has.
func typeOf(v starlark.Value) string {
	switch v.(type) {
	case starlark.String:
		return "str"
	case starlark.Tuple:
		return "list"
	case sktime.Duration:
		return "duration"
	}
	return v.Type()
}

// maxDigits of an int on the command line: more is a mistake, and costs quadratic time.
const maxDigits = 10_000

// parseArgument reads the text of an argument. bytes is a size such as 64MiB, as an int.
func parseArgument(typ, text string) (starlark.Value, error) {
	switch typ {
	case "int":
		i, ok := new(big.Int).SetString(text[:min(len(text), maxDigits)], 10)
		if !ok || len(text) > maxDigits {
			return nil, fmt.Errorf("%q is not an int", text)
		}
		return starlark.MakeBigInt(i), nil
	case "float":
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is not a float", text)
		}
		return starlark.Float(f), nil
	case "bool":
		b, err := parseBool(text)
		return starlark.Bool(b), err
	case "duration":
		d, err := time.ParseDuration(text)
		if err != nil {
			return nil, fmt.Errorf("%q is not a duration such as 90s or 1h30m", text)
		}
		return sktime.Duration(d), nil
	case "bytes":
		n, err := parseSize(text)
		return starlark.MakeInt64(n), err
	case "list":
		return stringsOf([]string{text}), nil
	}
	return starlark.String(text), nil
}

func parseBool(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "true", "yes", "on", "1":
		return true, nil
	case "false", "no", "off", "0":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither true nor false", text)
}

var sizeUnits = []struct {
	suffix string
	bytes  float64
}{
	{"KiB", 1 << 10},
	{"MiB", 1 << 20},
	{"GiB", 1 << 30},
	{"TiB", 1 << 40},
	{"kB", 1e3},
	{"KB", 1e3},
	{"MB", 1e6},
	{"GB", 1e9},
	{"TB", 1e12},
	{"B", 1},
	{"", 1},
}

func parseSize(text string) (int64, error) {
	for _, u := range sizeUnits {
		number, ok := strings.CutSuffix(text, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err == nil && n >= 0 && n*u.bytes < math.MaxInt64 {
			return int64(n * u.bytes), nil
		}
		break
	}
	return 0, fmt.Errorf("%q is not a size such as 64MiB", text)
}

// plainText is a value as it would stand on the command line.
func plainText(v starlark.Value) string {
	if s, ok := starlark.AsString(v); ok {
		return s
	}
	list, ok := v.(starlark.Sequence)
	if !ok {
		return v.String()
	}
	var words []string
	for e := range starlark.Elements(list) {
		words = append(words, plainText(e))
	}
	return strings.Join(words, " ")
}

func stringsOf(texts []string) *starlark.List {
	list := make([]starlark.Value, len(texts))
	for i, t := range texts {
		list[i] = starlark.String(t)
	}
	return starlark.NewList(list)
}

// placeholder is a value of the type, with which a script loads far enough to tell all its arguments.
func (d *declaration) placeholder() starlark.Value {
	if d.Rest {
		return stringsOf([]string{"-"})
	}
	switch d.Type {
	case "int", "bytes":
		return starlark.MakeInt(0)
	case "float":
		return starlark.Float(0)
	case "bool":
		return starlark.False
	case "list":
		return stringsOf(nil)
	case "duration":
		return sktime.Duration(0)
	}
	return starlark.String("")
}
