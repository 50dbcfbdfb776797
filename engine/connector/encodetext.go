package connector

import (
	"strconv"

	"github.com/flowsh/flowsh/engine/chunk"
)

// A textWriter writes each record in the form that suits it: a str as it is, a tuple as tab-separated fields, a
// container as a line of JSON.
type textWriter struct{ json jsonWriter }

func (w *textWriter) appendRows(part *EncodedPart, c *chunk.Column, lo, hi int) error {
	part.Records += hi - lo
	switch {
	case c.Kind == chunk.String:
		part.Data = appendLines(part.Data, c.Strings[lo:hi])
	case c.Kind == chunk.Int:
		for _, i := range c.Ints[lo:hi] {
			part.Data = append(strconv.AppendInt(part.Data, i, 10), '\n')
		}
	case c.Kind == chunk.Tuple && typed(c):
		for i := lo; i < hi; i++ {
			part.Data = append(appendFields(part.Data, c, i), '\n')
		}
	default:
		return w.appendAny(part, c, lo, hi)
	}
	return nil
}

func (w *textWriter) appendAny(part *EncodedPart, c *chunk.Column, lo, hi int) error {
	for i := lo; i < hi; i++ {
		d := load(c, i)
		dst, err := w.appendRecord(part.Data, &d)
		if err != nil {
			return newEncodeError(i, &d, err)
		}
		part.Data = append(dst, '\n')
	}
	return nil
}

func (w *textWriter) appendRecord(dst []byte, d *datum) ([]byte, error) {
	switch {
	case d.scalar():
		return appendScalar(dst, d), nil
	case d.flat(0):
		return appendFlat(dst, d), nil
	}
	return w.json.append(dst, d, 0)
}

// appendTextRecord appends a record as text without its line end: the name of a key.
func appendTextRecord(dst []byte, d *datum) ([]byte, error) {
	var w textWriter
	return w.appendRecord(dst, d)
}

func appendLines(dst []byte, lines []string) []byte {
	for _, s := range lines {
		dst = append(dst, s...)
		dst = append(dst, '\n')
	}
	return dst
}

// typed reports whether all values below a tuple column are scalars by the kind of their columns.
func typed(c *chunk.Column) bool {
	for f := range c.Fields {
		switch c.Fields[f].Kind {
		case chunk.Record, chunk.Any:
			return false
		case chunk.Tuple:
			if !typed(&c.Fields[f]) {
				return false
			}
		}
	}
	return true
}

// appendFields appends row i of a typed tuple column as tab-separated fields.
func appendFields(dst []byte, c *chunk.Column, i int) []byte {
	for f := range c.Fields {
		if f > 0 {
			dst = append(dst, '\t')
		}
		field := &c.Fields[f]
		switch field.Kind {
		case chunk.String:
			dst = appendEscaped(dst, field.Strings[i])
		case chunk.Int:
			dst = strconv.AppendInt(dst, field.Ints[i], 10)
		case chunk.Tuple:
			dst = appendFields(dst, field, i)
		default:
			d := load(field, i)
			dst = appendField(dst, &d)
		}
	}
	return dst
}

// appendFlat appends a flat tuple as tab-separated fields.
func appendFlat(dst []byte, d *datum) []byte {
	var e datum // not in the loop: recursion would make it escape
	for i := range d.width() {
		if i > 0 {
			dst = append(dst, '\t')
		}
		e = d.element(i)
		if e.kind == chunk.Tuple {
			dst = appendFlat(dst, &e)
		} else {
			dst = appendField(dst, &e)
		}
	}
	return dst
}

// appendField appends a scalar as a field of a tab-separated line.
func appendField(dst []byte, d *datum) []byte {
	if d.kind == chunk.String || d.kind == chunk.Bytes {
		return appendEscaped(dst, d.text)
	}
	return appendScalar(dst, d)
}

// escapes holds the second byte of the escape of each byte that cannot stand in a tab-separated field.
var escapes = [256]byte{'\t': 't', '\n': 'n', '\r': 'r', '\\': '\\'}

func appendEscaped(dst []byte, s string) []byte {
	done := 0
	for i := range len(s) {
		if e := escapes[s[i]]; e != 0 {
			dst = append(dst, s[done:i]...)
			dst = append(dst, '\\', e)
			done = i + 1
		}
	}
	return append(dst, s[done:]...)
}
