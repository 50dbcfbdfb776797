package connector

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
)

// A tableWriter writes records as rows of columns: CSV, or tab-separated fields. The elements of a tuple are
// columns, tuples in it flattened; the members of a dict are columns under their names; everything else is one
// column. A container in a column is written as JSON.
//
// With fixed columns a dict gives those, empty where it has none, and a tuple must have as many. Otherwise the
// first dict of a part decides, and the part says so in Columns and Shapes: the sink alone knows what its file
// began with.
type tableWriter struct {
	csv     bool
	columns []string
	json    jsonWriter
	scratch []byte

	// The fields of a record column with these keys, in the order that is wanted; -1: none.
	want, keys []string
	fields     []int
}

func (w *tableWriter) appendRows(part *EncodedPart, c *chunk.Column, lo, hi int) error {
	if w.columns != nil {
		part.Columns = w.columns
	}
	for i := lo; i < hi && len(part.Shapes) < 2; i++ {
		if err := w.appendRow(part, c, i); err != nil {
			d := load(c, i)
			return newEncodeError(i, &d, err)
		}
		part.Records++
	}
	return nil
}

func (w *tableWriter) appendRow(part *EncodedPart, c *chunk.Column, i int) error {
	start := len(part.Data)
	d := load(c, i)
	var err error
	switch {
	case d.kind != chunk.Record:
		err = w.appendUnnamed(part, &d, i)
	case d.column != nil:
		err = w.appendColumnRecord(part, &d, i)
	default:
		err = w.appendNamed(part, &d, i)
	}
	if w.csv && len(part.Data) == start {
		part.Data = append(part.Data, '"', '"') // an empty line would be no record
	}
	part.Data = append(part.Data, '\n')
	return err
}

// appendUnnamed appends a tuple or a single value.
func (w *tableWriter) appendUnnamed(part *EncodedPart, d *datum, record int) error {
	if w.columns == nil && !part.accepts(nil, record, d) {
		return nil
	}
	start := len(part.Data)
	var width int
	var err error
	if d.kind == chunk.Tuple {
		part.Data, width, err = w.appendTuple(part.Data, d, 0)
	} else {
		width = 1
		part.Data, err = w.appendValue(part.Data, d)
	}
	if err == nil && w.columns != nil && width != len(w.columns) {
		part.Data = part.Data[:start]
		err = fmt.Errorf("it has %s, but columns=%s names %d", count(width, "column"), listing(w.columns), len(w.columns))
	}
	return err
}

// appendTuple appends the elements of a tuple as cells and counts them. An empty tuple is an empty cell.
func (w *tableWriter) appendTuple(dst []byte, d *datum, depth int) ([]byte, int, error) {
	if depth > maxDepth {
		return dst, 0, fmt.Errorf("nested deeper than %d", maxDepth)
	}
	cells := 0
	for i := range d.width() {
		if i > 0 {
			dst = append(dst, w.separator())
		}
		n, err := 1, error(nil)
		if d.column != nil && d.column.Fields[i].Kind <= chunk.Bytes {
			dst, err = w.appendCell(dst, &d.column.Fields[i], d.row)
		} else {
			dst, n, err = w.appendElement(dst, d, i, depth)
		}
		if err != nil {
			return dst, 0, below(indexed(i), err)
		}
		cells += n
	}
	return dst, max(cells, 1), nil
}

// appendElement appends an element of a tuple that may be a tuple too.
func (w *tableWriter) appendElement(dst []byte, d *datum, i, depth int) ([]byte, int, error) {
	e := d.element(i)
	if e.kind == chunk.Tuple {
		return w.appendTuple(dst, &e, depth+1)
	}
	dst, err := w.appendValue(dst, &e)
	return dst, 1, err
}

// appendColumnRecord appends a record that stands in a column.
func (w *tableWriter) appendColumnRecord(part *EncodedPart, d *datum, record int) error {
	c := d.column
	if w.columns == nil && !same(part.Columns, c.Names) && !part.accepts(c.Names, record, d) {
		return nil
	}
	w.order(part.Columns, c.Names)
	for n, f := range w.fields {
		if n > 0 {
			part.Data = append(part.Data, w.separator())
		}
		if f < 0 {
			continue
		}
		var err error
		if part.Data, err = w.appendCell(part.Data, &c.Fields[f], d.row); err != nil {
			return below(named(c.Names[f]), err)
		}
	}
	return nil
}

// order finds the fields of records with these keys in the order that is wanted.
func (w *tableWriter) order(want, keys []string) {
	if same(w.want, want) && same(w.keys, keys) {
		return
	}
	w.want, w.keys, w.fields = want, keys, w.fields[:0]
	for _, column := range want {
		w.fields = append(w.fields, slices.Index(keys, column))
	}
}

// same reports whether two slices are one.
func same(a, b []string) bool {
	return len(a) == len(b) && len(a) > 0 && &a[0] == &b[0]
}

// appendNamed appends a dict or struct.
func (w *tableWriter) appendNamed(part *EncodedPart, d *datum, record int) error {
	items, err := itemsOf(d)
	if err != nil {
		return err
	}
	if w.columns == nil && len(items) == 0 {
		return errors.New("it has no members, and so no columns: leave it out, or write jsonl")
	}
	if w.columns == nil && !part.accepts(keysOf(items, part.Columns), record, d) {
		return nil
	}
	for n, column := range part.Columns {
		if n > 0 {
			part.Data = append(part.Data, w.separator())
		}
		v := member(items, n, column)
		if v == nil {
			continue
		}
		cell := unbox(v)
		if part.Data, err = w.appendValue(part.Data, &cell); err != nil {
			return below(named(column), err)
		}
	}
	return nil
}

// appendCell appends value i of a column as one cell.
func (w *tableWriter) appendCell(dst []byte, c *chunk.Column, i int) ([]byte, error) {
	switch c.Kind {
	case chunk.String, chunk.Bytes:
		return w.appendText(dst, c.Strings[i]), nil
	case chunk.Int:
		return strconv.AppendInt(dst, c.Ints[i], 10), nil
	}
	d := load(c, i)
	return w.appendValue(dst, &d)
}

// appendValue appends one value as a cell.
func (w *tableWriter) appendValue(dst []byte, d *datum) ([]byte, error) {
	switch {
	case d.kind == chunk.String || d.kind == chunk.Bytes:
		return w.appendText(dst, d.text), nil
	case d.scalar():
		return appendScalar(dst, d), nil
	}
	var err error
	if w.scratch, err = w.json.append(w.scratch[:0], d, 0); err != nil {
		return dst, err
	}
	return w.appendText(dst, string(w.scratch)), nil
}

func (w *tableWriter) appendText(dst []byte, s string) []byte {
	if w.csv {
		return appendCSV(dst, s)
	}
	return appendEscaped(dst, s)
}

// appendCSV appends a cell of RFC 4180, in quotes only where they are needed.
func appendCSV(dst []byte, s string) []byte {
	if !needsQuotes(s) {
		return append(dst, s...)
	}
	dst = append(dst, '"')
	for i := range len(s) {
		if s[i] == '"' {
			dst = append(dst, '"')
		}
		dst = append(dst, s[i])
	}
	return append(dst, '"')
}

func needsQuotes(s string) bool {
	for i := range len(s) {
		switch s[i] {
		case ',', '"', '\n', '\r':
			return true
		}
	}
	return false
}

func (w *tableWriter) separator() byte {
	if w.csv {
		return ','
	}
	return '\t'
}

// begin makes a record the first of its part.
func (p *EncodedPart) begin(columns []string, record int, d *datum) {
	p.Columns = columns
	shape := Shape{Record: record, Columns: columns}
	if p.Name == "" { // among the files of keys there may be a part for nearly every record
		shape.Text = value.Cut(d.box(), value.CutLimit)
	}
	p.Shapes = append(p.Shapes, shape)
}

// accepts reports whether a record with these columns, in any order, can stand in the part: it is the first, or
// is like the first. If it cannot, it begins a new shape.
func (p *EncodedPart) accepts(columns []string, record int, d *datum) bool {
	if len(p.Shapes) == 0 {
		p.begin(columns, record, d)
		return true
	}
	if sameSet(p.Columns, columns) {
		return true
	}
	p.Shapes = append(p.Shapes, Shape{Record: record, Columns: columns, Text: value.Cut(d.box(), value.CutLimit), at: p.Records})
	return false
}

// sameSet reports whether two lists without duplicates have the same elements.
func sameSet(a, b []string) bool {
	if len(a) != len(b) || (a == nil) != (b == nil) {
		return false
	}
	for i, s := range a {
		if b[i] != s && !slices.Contains(b, s) {
			return false
		}
	}
	return true
}

// itemsOf lists the members of a dict or struct, which become columns.
func itemsOf(d *datum) ([]starlark.Tuple, error) {
	var items []starlark.Tuple
	switch v := d.value.(type) {
	case *starlarkstruct.Struct:
		for _, name := range v.AttrNames() {
			x, _ := v.Attr(name) // it is there: AttrNames says so
			items = append(items, starlark.Tuple{starlark.String(name), x})
		}
	case starlark.IterableMapping:
		items = v.Items()
	}
	for _, item := range items {
		if _, ok := item[0].(starlark.String); !ok {
			return nil, fmt.Errorf("the key %s is of type %s, and columns are named by strings: write str(key)", value.Cut(item[0], value.CutLimit), item[0].Type())
		}
	}
	return items, nil
}

// keysOf lists the keys of a record; it is the slice expected if that is the same list.
func keysOf(items []starlark.Tuple, expected []string) []string {
	if slices.EqualFunc(items, expected, func(item starlark.Tuple, key string) bool {
		return string(item[0].(starlark.String)) == key
	}) {
		return expected
	}
	keys := make([]string, len(items))
	for i, item := range items {
		keys[i] = string(item[0].(starlark.String))
	}
	return keys
}

// member is the value of a column, which is probably number n; nil if there is none.
func member(items []starlark.Tuple, n int, column string) starlark.Value {
	if n < len(items) && string(items[n][0].(starlark.String)) == column {
		return items[n][1]
	}
	for _, item := range items {
		if string(item[0].(starlark.String)) == column {
			return item[1]
		}
	}
	return nil
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// listing writes names as a list of the script's language.
func listing(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = strconv.Quote(name)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
