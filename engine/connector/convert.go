package connector

import (
	"errors"
	"strconv"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/scan"
	"go.starlark.net/starlark"
)

// A conversion appends the value of a field's text. It appends nothing if it fails.
type conversion func(text string, out *chunk.Column) error

// conversions by the names of types. For all of them an empty field is None.
var conversions = map[string]conversion{
	"int":   orNone(asInt),
	"float": orNone(asFloat),
	"bool":  orNone(asBool),
	"str":   orNone(asText),
}

func orNone(convert conversion) conversion {
	return func(text string, out *chunk.Column) error {
		if text == "" {
			out.Append(starlark.None)
			return nil
		}
		return convert(text, out)
	}
}

func asText(text string, out *chunk.Column) error {
	out.AppendString(text)
	return nil
}

// asInt is Starlark's int(text).
func asInt(text string, out *chunk.Column) error {
	if len(text) <= 18 { // longer ones may be out of the range of int64
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			out.AppendInt(n)
			return nil
		}
	}
	return byBuiltin("int", text, out)
}

// asFloat is Starlark's float(text).
func asFloat(text string, out *chunk.Column) error {
	if c := text[len(text)-1]; c-'0' < 10 { // not nan, inf or infinity
		if x, err := scan.ParseFloat(text); err == nil {
			out.AppendFloat(x)
			return nil
		}
	}
	return byBuiltin("float", text, out)
}

func asBool(text string, out *chunk.Column) error {
	switch text {
	case "true", "1":
		out.Append(starlark.True)
	case "false", "0":
		out.Append(starlark.False)
	default:
		return errors.New("is not a bool: write true, false, 1 or 0")
	}
	return nil
}

var builtinThread starlark.Thread

// byBuiltin leaves what is not plain to the interpreter's own function: it says what is wrong, too.
func byBuiltin(name, text string, out *chunk.Column) error {
	convert := starlark.Universe[name].(*starlark.Builtin)
	v, err := convert.CallInternal(&builtinThread, starlark.Tuple{starlark.String(text)}, nil)
	if err != nil {
		return err
	}
	out.Append(v)
	return nil
}
