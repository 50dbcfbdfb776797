package connector

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"time"
	"unicode/utf8"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/value"
	"github.com/parquet-go/parquet-go"
	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"
)

// A columnKind is the type of a column of a Parquet file.
type columnKind uint8

const (
	unknownColumn columnKind = iota // nothing but None was seen
	boolColumn
	intColumn
	floatColumn
	textColumn
	bytesColumn
	timeColumn
	listColumn
	groupColumn
)

var columnKindNames = [...]string{"None", "bool", "int", "float", "str", "bytes", "time", "list", "dict"}

// maxParquetColumns is how many columns a file has at most, those inside others among them.
const maxParquetColumns = 10_000

// A parquetColumn is a column of a Parquet file: a leaf, a list of its element, or a group of fields.
type parquetColumn struct {
	name    string
	kind    columnKind
	element *parquetColumn
	fields  []*parquetColumn          // of a group, in the order in which they were seen
	byName  map[string]*parquetColumn // fields
	leaf    int                       // number of the first leaf
}

// add adds a field to a group.
func (c *parquetColumn) add(name string) *parquetColumn {
	f := &parquetColumn{name: name}
	if c.byName == nil {
		c.byName = map[string]*parquetColumn{}
	}
	c.fields = append(c.fields, f)
	c.byName[name] = f
	return f
}

// kindOf is the kind of column that holds a value.
func kindOf(v starlark.Value) (columnKind, error) {
	switch v := v.(type) {
	case nil, starlark.NoneType:
		return unknownColumn, nil
	case starlark.Bool:
		return boolColumn, nil
	case starlark.Int:
		if _, ok := v.Int64(); !ok {
			return 0, errors.New("an int of more than 64 bits does not fit a Parquet file: write str(x)")
		}
		return intColumn, nil
	case starlark.Float:
		return floatColumn, nil
	case starlark.String:
		if !utf8.ValidString(string(v)) {
			return 0, errors.New("a str of a Parquet file is UTF-8: write bytes(x)")
		}
		return textColumn, nil
	case starlark.Bytes:
		return bytesColumn, nil
	case startime.Time:
		return timeColumn, nil
	case starlark.Tuple, *starlark.List, *starlark.Set:
		return listColumn, nil
	}
	if unbox(v).kind == chunk.Record {
		return groupColumn, nil
	}
	return 0, fmt.Errorf("a %s does not fit a Parquet file: write str(x)", v.Type())
}

// see makes a column able to hold a value, if it can be both that and what was seen before.
func (c *parquetColumn) see(v starlark.Value) error {
	kind, err := kindOf(v)
	if err != nil || kind == unknownColumn {
		return err
	}
	switch {
	case c.kind == unknownColumn:
		c.kind = kind
	case c.kind == intColumn && kind == floatColumn:
		c.kind = floatColumn
	case c.kind == floatColumn && kind == intColumn:
	case c.kind != kind:
		return fmt.Errorf("it is %s, and before it came %s: a column has one type", value.Article(columnKindNames[kind]), value.Article(columnKindNames[c.kind]))
	}
	switch kind {
	case listColumn:
		if c.element == nil {
			c.element = &parquetColumn{name: "element"}
		}
		n := 0
		for e := range starlark.Elements(v.(starlark.Iterable)) {
			if err := c.element.see(e); err != nil {
				return below(indexed(n), err)
			}
			n++
		}
	case groupColumn:
		return c.seeFields(v)
	}
	return nil
}

func (c *parquetColumn) seeFields(v starlark.Value) error {
	d := unbox(v)
	items, err := itemsOf(&d)
	if err != nil {
		return err
	}
	for _, item := range items {
		name := string(item[0].(starlark.String))
		f := c.byName[name]
		if f == nil {
			if err := parquetName(name); err != nil {
				return err
			}
			if len(c.fields) == maxParquetColumns {
				return fmt.Errorf("it has column number %d: a Parquet file has columns of few names, write a list of pairs", maxParquetColumns+1)
			}
			f = c.add(name)
		}
		if err := f.see(item[1]); err != nil {
			return below(named(name), err)
		}
	}
	return nil
}

// number gives the leaves their numbers, from n on, and returns the next one.
func (c *parquetColumn) number(n int) int {
	c.leaf = n
	switch c.kind {
	case listColumn:
		return c.element.number(n)
	case groupColumn:
		if len(c.fields) == 0 {
			c.kind = unknownColumn // of empty dicts
			return n + 1
		}
		for _, f := range c.fields {
			n = f.number(n)
		}
		return n
	}
	return n + 1
}

// node is the column in the schema. Columns of which nothing is known hold text, which is nowhere there.
func (c *parquetColumn) node() parquet.Node {
	switch c.kind {
	case boolColumn:
		return parquet.Optional(parquet.Leaf(parquet.BooleanType))
	case intColumn:
		return parquet.Optional(parquet.Leaf(parquet.Int64Type))
	case floatColumn:
		return parquet.Optional(parquet.Leaf(parquet.DoubleType))
	case bytesColumn:
		return parquet.Optional(parquet.Leaf(parquet.ByteArrayType))
	case timeColumn:
		return parquet.Optional(parquet.Timestamp(parquet.Nanosecond))
	case listColumn:
		return parquet.Optional(parquet.List(c.element.node()))
	case groupColumn:
		return parquet.Optional(c.group())
	}
	return parquet.Optional(parquet.String())
}

// An orderedGroup is a group whose fields have an order; that of the library sorts them by name.
type orderedGroup struct {
	parquet.Group
	fields []parquet.Field
}

func (g *orderedGroup) Fields() []parquet.Field { return g.fields }

type groupField struct {
	parquet.Node
	name string
}

func (f *groupField) Name() string                      { return f.name }
func (f *groupField) Value(reflect.Value) reflect.Value { return reflect.Value{} } // rows are made without reflection

func (c *parquetColumn) group() parquet.Node {
	g := &orderedGroup{Group: parquet.Group{}}
	for _, f := range c.fields {
		field := &groupField{f.node(), f.name}
		g.Group[f.name] = field
		g.fields = append(g.fields, field)
	}
	return g
}

// record appends a record's values to the leaves of the root.
func (c *parquetColumn) record(leaves [][]parquet.Value, v starlark.Value) error {
	return c.members(leaves, v, 0, 0, 0)
}

// append appends a value to the leaves of a column: repeated is the repetition level of its first one, depth how many
// lists it is in, defined the definition level of what it is in.
func (c *parquetColumn) append(leaves [][]parquet.Value, v starlark.Value, repeated, depth, defined int) error {
	kind, err := kindOf(v)
	switch {
	case err != nil:
		return err
	case kind == unknownColumn:
		c.none(leaves, repeated, defined)
		return nil
	case kind == groupColumn && c.kind == groupColumn:
		return c.members(leaves, v, repeated, depth, defined+1)
	case kind == listColumn && c.kind == listColumn:
		return c.list(leaves, v.(starlark.Iterable), repeated, depth, defined+1)
	case kind == groupColumn && c.kind == unknownColumn && starlark.Len(v) == 0:
		c.none(leaves, repeated, defined) // of a column of empty dicts
		return nil
	}
	leaf, err := c.value(v, kind)
	if err != nil {
		return err
	}
	leaves[c.leaf] = append(leaves[c.leaf], leaf.Level(repeated, defined+1, c.leaf))
	return nil
}

// value is the value of a leaf.
func (c *parquetColumn) value(v starlark.Value, kind columnKind) (parquet.Value, error) {
	switch v := v.(type) {
	case starlark.Bool:
		if c.kind == kind {
			return parquet.BooleanValue(bool(v)), nil
		}
	case starlark.Int:
		n, _ := v.Int64() // kindOf says that it fits
		if c.kind == intColumn {
			return parquet.Int64Value(n), nil
		}
		if c.kind == floatColumn {
			const exact = 1 << 53
			if n > exact || n < -exact {
				return parquet.Value{}, fmt.Errorf("the int %d among floats would lose digits: write str(x), or float(x)", n)
			}
			return parquet.DoubleValue(float64(n)), nil
		}
	case starlark.Float:
		if c.kind == floatColumn {
			return parquet.DoubleValue(float64(v)), nil
		}
	case starlark.String:
		if c.kind == kind {
			return parquet.ByteArrayValue([]byte(v)), nil
		}
	case starlark.Bytes:
		if c.kind == kind {
			return parquet.ByteArrayValue([]byte(v)), nil
		}
	case startime.Time:
		if c.kind == kind {
			return nanoseconds(time.Time(v))
		}
	}
	return parquet.Value{}, fmt.Errorf("it is %s, and the column is one of %s, as the first records say", value.Article(columnKindNames[kind]), columnKindNames[c.kind])
}

// nanoseconds is a time since 1970 in UTC.
func nanoseconds(t time.Time) (parquet.Value, error) {
	n := t.UnixNano()
	if !time.Unix(0, n).Equal(t) || n == math.MinInt64 {
		return parquet.Value{}, fmt.Errorf("the time %s is not between 1678 and 2262: write str(x)", t)
	}
	return parquet.Int64Value(n), nil
}

// none appends nothing, for all leaves below a column.
func (c *parquetColumn) none(leaves [][]parquet.Value, repeated, defined int) {
	switch c.kind {
	case listColumn:
		c.element.none(leaves, repeated, defined)
	case groupColumn:
		for _, f := range c.fields {
			f.none(leaves, repeated, defined)
		}
	default:
		leaves[c.leaf] = append(leaves[c.leaf], parquet.NullValue().Level(repeated, defined, c.leaf))
	}
}

func (c *parquetColumn) list(leaves [][]parquet.Value, list starlark.Iterable, repeated, depth, defined int) error {
	n := 0
	for e := range starlark.Elements(list) {
		if err := c.element.append(leaves, e, repeated, depth+1, defined+1); err != nil {
			return below(indexed(n), err)
		}
		n++
		repeated = depth + 1
	}
	if n == 0 {
		c.element.none(leaves, repeated, defined)
	}
	return nil
}

func (c *parquetColumn) members(leaves [][]parquet.Value, v starlark.Value, repeated, depth, defined int) error {
	d := unbox(v)
	items, err := itemsOf(&d)
	if err != nil {
		return err
	}
	for _, item := range items {
		if name := string(item[0].(starlark.String)); c.byName[name] == nil {
			return fmt.Errorf("it has a column %q, which the first records have not: say columns=", name)
		}
	}
	for i, f := range c.fields {
		if err := f.append(leaves, member(items, i, f.name), repeated, depth, defined); err != nil {
			return below(named(f.name), err)
		}
	}
	return nil
}
