package connector

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/lib/time"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
)

const (
	// maxDepth is how deep a record may be nested that is written as text. A list that contains itself is
	// deeper.
	maxDepth = 1000
	// maxText is the longest text of one record: values that share parts grow when they are written out.
	maxText = 1 << 28
)

// A fieldError is a part of a record that has no text in the sink's format.
type fieldError struct {
	path []string // selectors from the value outwards: ["c"] before ["user"]
	err  error
}

func (e *fieldError) Error() string { return e.field() + ": " + e.err.Error() }
func (e *fieldError) Unwrap() error { return e.err }

// maxSelectors is how many selectors of a part are shown; what lies between the first and the last is left out.
const maxSelectors = 10

// field is the selector of the part as a script writes it: ["user"][3].
func (e *fieldError) field() string {
	path := slices.Clone(e.path)
	slices.Reverse(path)
	if len(path) > maxSelectors {
		path = slices.Concat(path[:maxSelectors-1], []string{"..."}, path[len(path)-1:])
	}
	return strings.Join(path, "")
}

// below says that err arose in an element of a container.
func below(selector string, err error) error {
	inner, ok := err.(*fieldError)
	if !ok {
		inner = &fieldError{err: err}
	}
	inner.path = append(inner.path, selector)
	return inner
}

func named(key string) string  { return "[" + strconv.Quote(key) + "]" }
func indexed(index int) string { return "[" + strconv.Itoa(index) + "]" }

// A jsonWriter turns values into JSON, without white space and with the members of a dict in their order.
type jsonWriter struct {
	keys  []string // of the records that came last: they seldom change
	heads [][]byte // of those keys: {"a": and then ,"b":
	limit int      // of the text of a container in a record; 0: maxText
}

// appendCell appends value i of a column.
func (w *jsonWriter) appendCell(dst []byte, c *chunk.Column, i, depth int) ([]byte, error) {
	switch c.Kind {
	case chunk.String:
		return appendQuoted(dst, c.Strings[i])
	case chunk.Int:
		return strconv.AppendInt(dst, c.Ints[i], 10), nil
	}
	d := load(c, i)
	return w.append(dst, &d, depth)
}

// append appends a value that stands at a depth.
func (w *jsonWriter) append(dst []byte, d *datum, depth int) ([]byte, error) {
	switch d.kind {
	case chunk.String:
		return appendQuoted(dst, d.text)
	case chunk.Int, chunk.Bool:
		return appendScalar(dst, d), nil
	case chunk.Float:
		if math.IsInf(d.float, 0) || d.float != d.float {
			return dst, fmt.Errorf("%s has no JSON form: write None or a str", appendFloat(nil, d.float))
		}
		return appendFloat(dst, d.float), nil
	case chunk.Null:
		return append(dst, "null"...), nil
	case chunk.Bytes:
		return dst, errors.New("bytes have no JSON form: write str(...) of them, or list(x.elems())")
	}
	if depth > maxDepth {
		return dst, fmt.Errorf("nested deeper than %d: does it contain itself?", maxDepth)
	}
	start := len(dst)
	dst, err := w.appendContainer(dst, d, depth)
	if err == nil {
		err = w.checkLength(len(dst) - start)
	}
	return dst, err
}

func (w *jsonWriter) checkLength(n int) error {
	if limit := cmp.Or(w.limit, maxText); n > limit {
		return fmt.Errorf("its text is longer than %d bytes: write several records", limit)
	}
	return nil
}

func (w *jsonWriter) appendContainer(dst []byte, d *datum, depth int) ([]byte, error) {
	switch d.kind {
	case chunk.Tuple:
		return w.appendTuple(dst, d, depth)
	case chunk.Record:
		return w.appendRecord(dst, d, depth)
	}
	switch v := d.value.(type) {
	case starlark.Int:
		return appendRare(dst, v), nil
	case time.Time, time.Duration:
		dst = append(dst, '"')
		return append(appendRare(dst, v), '"'), nil
	case starlark.Iterable:
		return w.appendIterable(dst, v, depth)
	}
	return dst, fmt.Errorf("a %s has no JSON form: write what it stands for", d.value.Type())
}

func (w *jsonWriter) appendTuple(dst []byte, d *datum, depth int) ([]byte, error) {
	var err error
	dst = append(dst, '[')
	for i := range d.width() {
		if i > 0 {
			dst = append(dst, ',')
		}
		if d.column != nil {
			dst, err = w.appendCell(dst, &d.column.Fields[i], d.row, depth+1)
		} else {
			dst, err = w.appendBoxed(dst, d.value.(starlark.Tuple)[i], depth+1)
		}
		if err != nil {
			return dst, below(indexed(i), err)
		}
	}
	return append(dst, ']'), nil
}

func (w *jsonWriter) appendBoxed(dst []byte, v starlark.Value, depth int) ([]byte, error) {
	d := unbox(v)
	return w.append(dst, &d, depth)
}

func (w *jsonWriter) appendIterable(dst []byte, v starlark.Iterable, depth int) ([]byte, error) {
	dst = append(dst, '[')
	start := len(dst)
	iter := v.Iterate()
	defer iter.Done()
	var x starlark.Value
	var err error
	for i := 0; iter.Next(&x); i++ {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = w.appendBoxed(dst, x, depth+1); err != nil {
			return dst, below(indexed(i), err)
		}
		if err := w.checkLength(len(dst) - start); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

func (w *jsonWriter) appendRecord(dst []byte, d *datum, depth int) ([]byte, error) {
	if d.column != nil {
		return w.appendColumnRecord(dst, d, depth)
	}
	dst = append(dst, '{')
	var err error
	switch v := d.value.(type) {
	case *starlarkstruct.Struct:
		for i, name := range v.AttrNames() {
			x, _ := v.Attr(name) // it is there: AttrNames says so
			if dst, err = w.appendMember(dst, i, name, x, depth); err != nil {
				return dst, err
			}
		}
	case starlark.IterableMapping:
		for i, item := range v.Items() {
			key, ok := item[0].(starlark.String)
			if !ok {
				return dst, fmt.Errorf("the key %s is of type %s, and JSON's keys are strings: write str(key)", value.Cut(item[0], value.CutLimit), item[0].Type())
			}
			if dst, err = w.appendMember(dst, i, string(key), item[1], depth); err != nil {
				return dst, err
			}
		}
	}
	return append(dst, '}'), nil
}

func (w *jsonWriter) appendMember(dst []byte, i int, key string, x starlark.Value, depth int) ([]byte, error) {
	if i > 0 {
		dst = append(dst, ',')
	}
	dst, err := appendQuoted(dst, key)
	if err != nil {
		return dst, fmt.Errorf("a key: %w", err)
	}
	if dst, err = w.appendBoxed(append(dst, ':'), x, depth+1); err != nil {
		return dst, below(named(key), err)
	}
	return dst, nil
}

func (w *jsonWriter) appendColumnRecord(dst []byte, d *datum, depth int) ([]byte, error) {
	c := d.column
	if err := w.setKeys(c.Names); err != nil {
		return dst, err
	}
	heads := w.heads
	var err error
	for f := range c.Fields {
		dst = append(dst, heads[f]...)
		if dst, err = w.appendCell(dst, &c.Fields[f], d.row, depth+1); err != nil {
			return dst, below(named(c.Names[f]), err)
		}
	}
	return append(dst, '}'), nil
}

// setKeys prepares the text in front of each member of records with these keys.
func (w *jsonWriter) setKeys(keys []string) error {
	if len(w.keys) == len(keys) && &w.keys[0] == &keys[0] {
		return nil
	}
	heads := make([][]byte, len(keys))
	for i, key := range keys {
		head, err := appendQuoted([]byte{','}, key)
		if err != nil {
			return fmt.Errorf("a key: %w", err)
		}
		heads[i] = append(head, ':')
	}
	heads[0][0] = '{'
	w.keys, w.heads = keys, heads
	return nil
}

const hexDigits = "0123456789abcdef"

// plain says which bytes stand for themselves in a JSON string, as far as one byte can say it.
var plain = func() (table [256]bool) {
	for b := ' '; b < utf8.RuneSelf; b++ {
		table[b] = b != '"' && b != '\\'
	}
	return table
}()

// appendQuoted appends a JSON string. Only what JSON forbids is escaped; text that is not UTF-8 is an error.
func appendQuoted(dst []byte, s string) ([]byte, error) {
	dst = append(dst, '"')
	done, checked := 0, false
	for i := 0; i < len(s); i++ {
		b := s[i]
		if plain[b] {
			continue
		}
		if b >= utf8.RuneSelf {
			if !checked && !utf8.ValidString(s[i:]) {
				return dst, fmt.Errorf(`a str that is not UTF-8 has no JSON form: write "".join(s.codepoints()), which replaces the bad bytes`)
			}
			checked = true
			continue
		}
		dst = append(dst, s[done:i]...)
		dst = appendEscape(dst, b)
		done = i + 1
	}
	dst = append(dst, s[done:]...)
	return append(dst, '"'), nil
}

func appendEscape(dst []byte, b byte) []byte {
	switch b {
	case '"', '\\':
		return append(dst, '\\', b)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[b>>4], hexDigits[b&15])
}
