package scan

import (
	"encoding/json"
	"math/big"
	"strings"
	"unicode/utf8"

	"go.starlark.net/starlark"
)

// string reads a string literal. A body of ASCII without backslashes is taken as it stands, control characters
// too; any other must pass encoding/json, which is what the library asks.
func (d *JSON) string() (string, bool) {
	body, simple, ok := d.literal()
	if !ok || simple {
		return body, ok
	}
	if plainUTF8(body) {
		return body, true
	}
	return unquote(d.text[d.at-len(body)-2 : d.at])
}

// literal steps over a string literal and returns what stands between its quotes. simple reports a body of ASCII
// without backslashes.
func (d *JSON) literal() (body string, simple, ok bool) {
	start := d.at + 1
	end := plainPrefix(d.text, start)
	if simple = end < len(d.text) && d.text[end] == '"'; !simple {
		if end = closingQuote(d.text, end); end == len(d.text) {
			return "", false, false
		}
	}
	d.at = end + 1
	return d.text[start:end], simple, true
}

// plainUTF8 reports whether a string body means itself to encoding/json.
func plainUTF8(body string) bool {
	for i := range len(body) {
		if body[i] < ' ' || body[i] == '\\' {
			return false
		}
	}
	return utf8.ValidString(body)
}

// unquote decodes a string literal with its quotes. Everything but plain short escapes is left to encoding/json.
func unquote(literal string) (string, bool) {
	if s, ok := unescape(literal[1 : len(literal)-1]); ok {
		return s, true
	}
	var s string
	err := json.Unmarshal([]byte(literal), &s)
	return s, err == nil
}

var jsonEscapes = [256]byte{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t',
}

// unescape replaces two-character escapes in valid UTF-8 without control characters.
func unescape(body string) (string, bool) {
	if !utf8.ValidString(body) {
		return "", false
	}
	out := make([]byte, 0, len(body))
	for i := 0; i < len(body); i++ {
		b := body[i]
		switch {
		case b < ' ':
			return "", false
		case b == '\\':
			i++
			if b = jsonEscapes[body[i]]; b == 0 {
				return "", false
			}
		}
		out = append(out, b)
	}
	return View(out), true
}

// number reads a number literal: the longest run of digits and the characters . e E + -. Without one of the
// latter it is an int of any size.
func (d *JSON) number() (starlark.Value, bool) {
	text, float := d.numberText()
	if text == "" {
		return nil, false
	}
	if float {
		x, err := ParseFloat(text)
		return starlark.Float(x), err == nil
	}
	if len(text) <= 18 {
		return starlark.MakeInt64(smallInt(text)), true
	}
	x, ok := new(big.Int).SetString(text, 10)
	if !ok {
		return nil, false
	}
	return starlark.MakeBigInt(x), true
}

// numberText steps over a number literal. It returns "" for one that is not plainly valid.
func (d *JSON) numberText() (text string, float bool) {
	end, float := numberEnd(d.text, d.at)
	if end < 0 {
		return "", false
	}
	text = d.text[d.at:end]
	d.at = end
	return text, float
}

// smallInt is the value of at most 18 digits after an optional '-'.
func smallInt(text string) (n int64) {
	digits := strings.TrimPrefix(text, "-")
	for i := range len(digits) {
		n = n*10 + int64(digits[i]-'0')
	}
	if len(digits) < len(text) {
		return -n
	}
	return n
}

func isDigit(b byte) bool { return b-'0' < 10 }
