package connector

import (
	"errors"
	"strconv"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/scan"
	"go.starlark.net/starlark"
)

// A conversion makes values of the texts of fields. An empty field is None.
type conversion struct {
	// one appends the value of a field's text. It appends nothing if it fails.
	one func(text string, out *chunk.Column) error
	// plain appends the values of texts up to the first that is not as simple as most, and returns how many; may be
	// nil.
	plain func(texts []string, out *chunk.Column) int
}

// conversions by the names of types.
var conversions = map[string]*conversion{
	"int":   {orNone(asInt), nil},
	"float": {orNone(asFloat), plainFloats},
	"bool":  {orNone(asBool), nil},
	"str":   {orNone(asText), nil},
}

// all appends the values of texts. After an error some of them may be appended.
func (c *conversion) all(texts []string, out *chunk.Column) error {
	for i := 0; i < len(texts); i++ {
		if c.plain != nil {
			if i += c.plain(texts[i:], out); i == len(texts) {
				break
			}
		}
		if err := c.one(texts[i], out); err != nil {
			return err
		}
	}
	return nil
}

// plainFloats takes short decimal numbers.
func plainFloats(texts []string, out *chunk.Column) (n int) {
	if out.Kind != chunk.Float && out.Kind != chunk.Empty {
		return 0
	}
	floats := out.Floats
	for _, text := range texts {
		x, ok := scan.ShortFloat(text)
		if !ok {
			break
		}
		floats = append(floats, x)
		n++
	}
	if n > 0 {
		out.Kind, out.Floats, out.N = chunk.Float, floats, out.N+n
	}
	return n
}

func orNone(convert func(string, *chunk.Column) error) func(string, *chunk.Column) error {
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
