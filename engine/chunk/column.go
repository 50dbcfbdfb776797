package chunk

import (
	"fmt"
	"slices"

	"go.starlark.net/starlark"
)

// A Kind says which slice of a Column holds its values.
type Kind uint8

// The kinds of a column. Any holds whatever the typed kinds cannot: big integers, dicts, mixed types.
const (
	Empty Kind = iota // no value yet; the first one decides
	Null
	Bool
	Int
	Float
	String
	Bytes
	Tuple
	Record // frozen dicts with the string keys Names, in that order
	Any
	Maybe // None where Bools says false, else the value of the one column in Fields; chunks hold it as Any
)

var kindNames = [...]string{"empty", "null", "bool", "int", "float", "string", "bytes", "tuple", "record", "any", "maybe"}

func (k Kind) String() string { return kindNames[k] }

// A Column holds N values of one kind. The zero Column is empty and ready for use. Only the slice that belongs
// to Kind is in use; Bytes values are held in Strings. A value of another kind turns the whole column into Any,
// so appending never fails.
//
// A record that lacks a key has nil in its place, and the column of that key is of kind Any. Only sources make such
// records, and chunks do not hold them.
//
// Strings may be views into a block's memory: they stay valid while the column is referenced, and holding one
// holds the whole block. What outlives the batch must be copied (value.Detach).
//
// A Column is not safe for concurrent use while it is appended to; after that it is read-only by convention.
type Column struct {
	Kind    Kind
	N       int
	Bools   []bool
	Ints    []int64
	Floats  []float64
	Strings []string
	Fields  []Column // Tuple, Record: one column per element or key, all of length N; Maybe: one, whose value is any where there is None
	Names   []string // Record: the keys; read-only, shared by the batches of a source
	Values  []starlark.Value

	stale int // up to here Strings may hold texts of the time before the last Reset
}

// Reset empties the column and keeps its memory. Texts stay there until those of the next batch take their place, and
// what is left of them then goes with the Reset after it: overwriting is cheaper than clearing.
func (c *Column) Reset() {
	stale := c.stale
	if n := len(c.Strings); n > 0 || c.Kind != Empty {
		if n < stale {
			clear(c.Strings[n:min(stale, cap(c.Strings))])
		}
		stale = n
	}
	clear(c.Values)
	for i := range c.Fields {
		c.Fields[i].Reset()
	}
	*c = Column{
		Bools: c.Bools[:0], Ints: c.Ints[:0], Floats: c.Floats[:0], Strings: c.Strings[:0],
		Fields: c.Fields[:0], Values: c.Values[:0],
		stale: stale,
	}
}

// Append adds one value, which must be frozen or never change again.
func (c *Column) Append(v starlark.Value) {
	switch v := v.(type) {
	case starlark.String:
		if c.Kind == String || c.become(String) {
			c.Strings = append(c.Strings, string(v))
			c.N++
			return
		}
	case starlark.Int:
		if i, ok := v.Int64(); ok && (c.Kind == Int || c.become(Int)) {
			c.Ints = append(c.Ints, i)
			c.N++
			return
		}
	case starlark.Float:
		if c.Kind == Float || c.become(Float) {
			c.Floats = append(c.Floats, float64(v))
			c.N++
			return
		}
	case starlark.Bool:
		if c.Kind == Bool || c.become(Bool) {
			c.Bools = append(c.Bools, bool(v))
			c.N++
			return
		}
	case starlark.NoneType:
		if c.Kind == Null || c.become(Null) {
			c.N++
			return
		}
	case starlark.Bytes:
		if c.Kind == Bytes || c.become(Bytes) {
			c.Strings = append(c.Strings, string(v))
			c.N++
			return
		}
	case starlark.Tuple:
		if c.Kind == Tuple && len(v) == len(c.Fields) || c.Kind == Empty && columnsOf(v, maxLevels) <= maxFields && c.becomeTuple(len(v)) {
			for i, f := range v {
				c.Fields[i].Append(f)
			}
			c.N++
			return
		}
	}
	c.box()
	c.Values = append(c.Values, v)
	c.N++
}

// AppendString adds a string.
func (c *Column) AppendString(s string) {
	if c.Kind == String || c.become(String) {
		c.Strings = append(c.Strings, s)
		c.N++
		return
	}
	c.Append(starlark.String(s))
}

// AppendInt adds an integer.
func (c *Column) AppendInt(i int64) {
	if c.Kind == Int || c.become(Int) {
		c.Ints = append(c.Ints, i)
		c.N++
		return
	}
	c.Append(starlark.MakeInt64(i))
}

// AppendFloat adds a float.
func (c *Column) AppendFloat(f float64) {
	if c.Kind == Float || c.become(Float) {
		c.Floats = append(c.Floats, f)
		c.N++
		return
	}
	c.Append(starlark.Float(f))
}

// AppendMissing adds nil to the column of a key that a record lacks.
func (c *Column) AppendMissing() {
	c.box()
	c.Values = append(c.Values, nil)
	c.N++
}

// Lacks reports whether some record lacks the key that the column belongs to.
func (c *Column) Lacks() bool { return c.Kind == Any && slices.Contains(c.Values[:c.N], nil) }

// Complete boxes records of which some lack keys, so that chunks can hold them.
func (c *Column) Complete() {
	if c.lacking() {
		c.box()
	}
}

func (c *Column) lacking() bool {
	return c.Kind == Record && slices.ContainsFunc(c.Fields, func(f Column) bool { return f.Lacks() || f.lacking() })
}

// AppendFrom adds value i of another column, without boxing where the kinds agree.
func (c *Column) AppendFrom(from *Column, i int) {
	if c.Kind == from.Kind || c.N == 0 && c.Kind == Empty {
		switch from.Kind {
		case String:
			c.AppendString(from.Strings[i])
			return
		case Int:
			c.AppendInt(from.Ints[i])
			return
		case Float:
			c.Kind, c.Floats, c.N = Float, append(c.Floats, from.Floats[i]), c.N+1
			return
		case Bytes:
			c.Kind, c.Strings, c.N = Bytes, append(c.Strings, from.Strings[i]), c.N+1
			return
		case Tuple:
			if c.Kind == Tuple && len(c.Fields) == len(from.Fields) || c.becomeTuple(len(from.Fields)) {
				for f := range c.Fields {
					c.Fields[f].AppendFrom(&from.Fields[f], i)
				}
				c.N++
				return
			}
		case Record:
			if c.Kind == Record && sameNames(c.Names, from.Names) || c.BecomeRecord(from.Names) {
				for f := range c.Fields {
					c.Fields[f].AppendFrom(&from.Fields[f], i)
				}
				c.N++
				return
			}
		}
	}
	c.Append(from.At(i))
}

// At boxes value i.
func (c *Column) At(i int) starlark.Value {
	switch c.Kind {
	case Null:
		return starlark.None
	case Bool:
		return starlark.Bool(c.Bools[i])
	case Int:
		return starlark.MakeInt64(c.Ints[i])
	case Float:
		return starlark.Float(c.Floats[i])
	case String:
		return starlark.String(c.Strings[i])
	case Bytes:
		return starlark.Bytes(c.Strings[i])
	case Tuple:
		t := make(starlark.Tuple, len(c.Fields))
		for f := range c.Fields {
			t[f] = c.Fields[f].At(i)
		}
		return t
	case Record:
		d := starlark.NewDict(len(c.Fields))
		for f := range c.Fields {
			if v := c.Fields[f].At(i); v != nil {
				_ = d.SetKey(starlark.String(c.Names[f]), v) // a string key of a new dict cannot fail
			}
		}
		d.Freeze()
		return d
	case Any:
		return c.Values[i]
	case Maybe:
		if !c.Bools[i] {
			return starlark.None
		}
		return c.Fields[0].At(i)
	}
	panic(fmt.Sprintf("chunk: At(%d) on an empty column", i))
}

// Slice is a view of values lo to hi; neither column may be appended to afterwards.
func (c *Column) Slice(lo, hi int) Column {
	s := Column{Kind: c.Kind, N: hi - lo, Names: c.Names}
	switch c.Kind {
	case Bool:
		s.Bools = c.Bools[lo:hi:hi]
	case Int:
		s.Ints = c.Ints[lo:hi:hi]
	case Float:
		s.Floats = c.Floats[lo:hi:hi]
	case String, Bytes:
		s.Strings = c.Strings[lo:hi:hi]
	case Tuple, Record:
		s.Fields = make([]Column, len(c.Fields))
		for f := range c.Fields {
			s.Fields[f] = c.Fields[f].Slice(lo, hi)
		}
	case Any:
		s.Values = c.Values[lo:hi:hi]
	case Maybe:
		s.Bools, s.Fields = c.Bools[lo:hi:hi], []Column{c.Fields[0].Slice(lo, hi)}
	}
	return s
}

// Truncate drops all values from n on.
func (c *Column) Truncate(n int) {
	switch c.Kind {
	case Bool:
		c.Bools = c.Bools[:n]
	case Int:
		c.Ints = c.Ints[:n]
	case Float:
		c.Floats = c.Floats[:n]
	case String, Bytes:
		c.Strings = c.Strings[:n]
	case Tuple, Record:
		for f := range c.Fields {
			c.Fields[f].Truncate(n)
		}
	case Any:
		c.Values = c.Values[:n]
	case Maybe:
		c.Bools = c.Bools[:n]
		c.Fields[0].Truncate(n)
	}
	c.N = n
}

func (c *Column) become(k Kind) bool {
	if c.Kind != Empty {
		return false
	}
	c.Kind = k
	return true
}

// A tuple with more parts than these, or deeper, is boxed: a column takes more memory than an element.
const (
	maxFields = 64
	maxLevels = 8
)

// columnsOf counts the columns that a tuple would take; it is above maxFields for a tuple of too many levels.
func columnsOf(t starlark.Tuple, levels int) int {
	if levels == 0 || len(t) > maxFields {
		return maxFields + 1
	}
	n := len(t)
	for _, e := range t {
		if inner, ok := e.(starlark.Tuple); ok && n <= maxFields {
			n += columnsOf(inner, levels-1)
		}
	}
	return n
}

// sameNames compares keys, which batches of one source share.
func sameNames(a, b []string) bool { return &a[0] == &b[0] || slices.Equal(a, b) }

// becomeTuple turns an empty column into one of tuples. The empty tuple has no column that counts it: it is Any.
func (c *Column) becomeTuple(width int) bool {
	if width == 0 || !c.become(Tuple) {
		return false
	}
	c.setFields(width)
	return true
}

// BecomeRecord turns an empty column into one of records with these keys; it reports whether the column was
// empty and there is a key. The caller appends to every field and then adds to N.
func (c *Column) BecomeRecord(names []string) bool {
	if len(names) == 0 || !c.become(Record) {
		return false
	}
	c.Names = names
	c.setFields(len(names))
	return true
}

func (c *Column) setFields(width int) {
	if cap(c.Fields) >= width {
		c.Fields = c.Fields[:width]
		for i := range c.Fields {
			c.Fields[i].Reset()
		}
	} else {
		c.Fields = make([]Column, width)
	}
}

// box turns the column into one of kind Any.
func (c *Column) box() {
	if c.Kind == Any {
		return
	}
	values := c.Values[:0]
	for i := range c.N {
		values = append(values, c.At(i))
	}
	n := c.N
	c.Reset()
	c.Kind, c.N, c.Values = Any, n, values
}
