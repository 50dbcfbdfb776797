package builtins

import (
	"fmt"
	"strings"

	starlarkjson "go.starlark.net/lib/json"
	"go.starlark.net/starlark"
)

// jsonModule is the library's json, with limits where it would exhaust memory or the stack.
var jsonModule = module("json", map[string]function{
	"decode":        jsonDecode,
	"encode":        jsonEncode,
	"encode_indent": jsonEncodeIndent,
	"indent":        jsonIndent,
}, nil)

var (
	libraryDecode       = libraryJSON("decode")
	libraryEncode       = libraryJSON("encode")
	libraryEncodeIndent = libraryJSON("encode_indent")
	libraryIndent       = libraryJSON("indent")
)

func libraryJSON(name string) *starlark.Builtin {
	return starlarkjson.Module.Members[name].(*starlark.Builtin)
}

// jsonDecode treats a text that is nested too deep as any other invalid one.
func jsonDecode(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if len(args) > 0 {
		if text, ok := args[0].(starlark.String); ok && tooDeep(string(text)) {
			var x, fallback starlark.Value
			if err := starlark.UnpackArgs(b.Name(), args, kwargs, "x", &x, "default?", &fallback); err != nil {
				return nil, err
			}
			if fallback != nil {
				return fallback, nil
			}
			return nil, fmt.Errorf("%s: nested more than %d deep", b.Name(), maxNesting)
		}
	}
	return libraryDecode.CallInternal(t, args, kwargs)
}

// tooDeep says that brackets in a JSON text are nested more than maxNesting deep. Most texts have fewer than so
// many, which is quickly seen.
func tooDeep(text string) bool {
	if strings.Count(text, "[")+strings.Count(text, "{") <= maxNesting {
		return false
	}
	deepest, _ := brackets(text)
	return deepest > maxNesting
}

// brackets gives the depth of nesting of a JSON text and the number of its commas and brackets. In a text that
// is not valid JSON the figures hold up to the first error.
func brackets(text string) (deepest, marks int) {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[', c == '{':
			depth++
			marks++
			deepest = max(deepest, depth)
		case c == ']', c == '}':
			depth--
			marks++
		case c == ',':
			marks++
		}
	}
	return deepest, marks
}

func jsonEncode(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if err := checkEncode(b, args); err != nil {
		return nil, err
	}
	return libraryEncode.CallInternal(t, args, kwargs)
}

func jsonEncodeIndent(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if err := checkEncode(b, args); err != nil {
		return nil, err
	}
	text, err := libraryEncode.CallInternal(t, args, nil)
	if err != nil {
		return nil, err
	}
	if err := checkIndent(b, string(text.(starlark.String)), kwargs); err != nil {
		return nil, err
	}
	return libraryEncodeIndent.CallInternal(t, args, kwargs)
}

func checkEncode(b *starlark.Builtin, args starlark.Tuple) error {
	for _, x := range args {
		if err := checkText(x); err != nil {
			return fmt.Errorf("%s: %w", b.Name(), err)
		}
	}
	return nil
}

func jsonIndent(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if len(args) > 0 {
		if text, ok := args[0].(starlark.String); ok {
			if err := checkIndent(b, string(text), kwargs); err != nil {
				return nil, err
			}
		}
	}
	return libraryIndent.CallInternal(t, args, kwargs)
}

// checkIndent fails if the indented text could be longer than maxText: each comma and bracket begins a line, and
// none is indented more than the deepest.
func checkIndent(b *starlark.Builtin, text string, kwargs []starlark.Tuple) error {
	prefix, indent := "", "\t"
	if err := starlark.UnpackArgs(b.Name(), nil, kwargs, "prefix?", &prefix, "indent?", &indent); err != nil {
		return err
	}
	deepest, marks := brackets(text)
	line := len("\n ") + len(prefix) + deepest*len(indent)
	if len(text) > maxText || line > maxText || len(text)+marks*line > maxText {
		return fmt.Errorf("%s: %w", b.Name(), errText)
	}
	return nil
}
