package scan

import (
	"fmt"
	"strings"

	"go.starlark.net/lib/json"
	"go.starlark.net/starlark"
)

// MaxDepth is how deep arrays and objects may nest. The library's decoder recurses without a limit, and a long
// run of '[' would end the process.
const MaxDepth = 10_000

const (
	maxKeys   = 4096 // interned keys of one decoder
	maxKeyLen = 64   // bytes of an interned key
)

// A JSON decodes JSON text into Starlark values, exactly as json.decode of go.starlark.net does: the same
// values, and for text that it refuses the same error, because whatever is not plainly valid is handed to it.
// The one difference is MaxDepth.
//
// Strings are views into the text; object keys are interned, so rows of one shape share them. A JSON is used by
// one goroutine at a time.
type JSON struct {
	text  string
	at    int
	depth int

	keys  map[string]*jsonKey
	head  jsonKey // stands before the first key of a row
	last  *jsonKey
	stack []starlark.Value // members and elements of the containers that are open
}

// A jsonKey is an interned key. next is the key that came after it the last time: rows of a file mostly have the
// same keys in the same order, so a comparison replaces a lookup.
type jsonKey struct {
	text  string
	value starlark.Value
	next  *jsonKey
}

// NewJSON makes a decoder.
func NewJSON() *JSON {
	return &JSON{keys: make(map[string]*jsonKey)}
}

// Decode decodes one value with blanks around it. The value is frozen. Errors are those of json.decode, which
// begin with "json.decode: at offset".
func (d *JSON) Decode(text string) (starlark.Value, error) {
	d.reset(text)
	v, ok := d.value()
	if !ok || !d.finished() {
		return decodeSlow(text)
	}
	v.Freeze()
	return v, nil
}

func (d *JSON) reset(text string) {
	d.text, d.at, d.depth, d.last = text, 0, 0, &d.head
	clear(d.stack)
	d.stack = d.stack[:0]
}

// finished reports whether nothing but blanks is left.
func (d *JSON) finished() bool {
	d.blanks()
	return d.at == len(d.text)
}

var (
	libraryThread starlark.Thread
	libraryDecode = json.Module.Members["decode"].(*starlark.Builtin)
)

// decodeSlow is the library's decoder behind the limit of depth.
func decodeSlow(text string) (starlark.Value, error) {
	if at := tooDeep(text); at >= 0 {
		return nil, fmt.Errorf("json.decode: at offset %d, nested deeper than %d", at, MaxDepth)
	}
	v, err := libraryDecode.CallInternal(&libraryThread, starlark.Tuple{starlark.String(text)}, nil)
	if err != nil {
		return nil, err
	}
	v.Freeze()
	return v, nil
}

// tooDeep is the offset of the first bracket that nests deeper than MaxDepth, or -1. Up to the first mistake in
// the text, brackets outside of strings match, so counting them is enough.
func tooDeep(text string) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			i = closingQuote(text, i+1)
		case '[', '{':
			if depth++; depth > MaxDepth {
				return i
			}
		case ']', '}':
			depth--
		}
	}
	return -1
}

// The methods below return false for anything that is not plainly valid.

func (d *JSON) blanks() { d.at = skipBlanks(d.text, d.at) }

// peek skips blanks and returns the next byte, 0 at the end.
func (d *JSON) peek() byte {
	if d.at < len(d.text) {
		if b := d.text[d.at]; b > ' ' {
			return b
		}
	}
	d.blanks()
	if d.at < len(d.text) {
		return d.text[d.at]
	}
	return 0
}

func (d *JSON) value() (starlark.Value, bool) {
	switch b := d.peek(); b {
	case '"':
		s, ok := d.string()
		return starlark.String(s), ok
	case '{':
		return d.object()
	case '[':
		return d.array()
	case 't':
		return starlark.True, d.word("true")
	case 'f':
		return starlark.False, d.word("false")
	case 'n':
		return starlark.None, d.word("null")
	default:
		if isDigit(b) || b == '-' {
			return d.number()
		}
		return nil, false
	}
}

func (d *JSON) word(w string) bool {
	if !strings.HasPrefix(d.text[d.at:], w) {
		return false
	}
	d.at += len(w)
	return true
}

// enter steps over an opening bracket; closed reports that its partner follows at once.
func (d *JSON) enter(partner byte) (closed, ok bool) {
	d.at++
	if d.depth++; d.depth > MaxDepth {
		return false, false
	}
	if d.peek() == partner {
		d.at++
		return true, true
	}
	return false, true
}

// more steps over what follows an element: a comma (more), or the closing bracket.
func (d *JSON) more(closing byte) (more, ok bool) {
	switch d.peek() {
	case ',':
		d.at++
		return true, true
	case closing:
		d.at++
		d.depth--
		return false, true
	}
	return false, false
}

func (d *JSON) array() (starlark.Value, bool) {
	closed, ok := d.enter(']')
	if !ok {
		return nil, false
	}
	if closed {
		d.depth--
		return starlark.NewList(nil), true
	}
	base := len(d.stack)
	for more := true; more; {
		v, ok := d.value()
		if !ok {
			return nil, false
		}
		d.stack = append(d.stack, v)
		if more, ok = d.more(']'); !ok {
			return nil, false
		}
	}
	elements := append([]starlark.Value(nil), d.stack[base:]...)
	d.stack = d.stack[:base]
	return starlark.NewList(elements), true
}

func (d *JSON) object() (starlark.Value, bool) {
	closed, ok := d.enter('}')
	if !ok {
		return nil, false
	}
	if closed {
		d.depth--
		return new(starlark.Dict), true
	}
	base := len(d.stack)
	for more := true; more; {
		key, ok := d.key()
		if !ok {
			return nil, false
		}
		v, ok := d.value()
		if !ok {
			return nil, false
		}
		d.stack = append(d.stack, d.intern(key), v)
		if more, ok = d.more('}'); !ok {
			return nil, false
		}
	}
	members := d.stack[base:]
	dict := starlark.NewDict(len(members) / 2)
	for i := 0; i < len(members); i += 2 {
		_ = dict.SetKey(members[i], members[i+1]) // a string key of a new dict cannot fail
	}
	d.stack = d.stack[:base]
	return dict, true
}

// key reads a member's key and the colon after it.
func (d *JSON) key() (string, bool) {
	if d.peek() != '"' {
		return "", false
	}
	key, ok := d.string()
	if !ok || d.peek() != ':' {
		return "", false
	}
	d.at++
	return key, true
}

// intern returns the key as a value, without allocating for one that was seen before.
func (d *JSON) intern(key string) starlark.Value {
	if next := d.last.next; next != nil && next.text == key {
		d.last = next
		return next.value
	}
	k, ok := d.keys[key]
	if !ok {
		if len(d.keys) == maxKeys || len(key) > maxKeyLen {
			return starlark.String(key)
		}
		text := strings.Clone(key) // a view would keep its block
		k = &jsonKey{text: text, value: starlark.String(text)}
		d.keys[text] = k
	}
	d.last.next = k
	d.last = k
	return k.value
}
