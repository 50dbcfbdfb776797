package value

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"go.starlark.net/lib/time"
	"go.starlark.net/starlark"
)

// Nulls says what None is worth in an order.
type Nulls uint8

// None is an error, less than everything, or greater than everything.
const (
	NullsError Nulls = iota
	NullsFirst
	NullsLast
)

// The first byte of an order key. Those of numbers stand in number.go. 0x00 is left to the ends of strings and
// sequences: it is less than whatever else could follow.
const (
	orderEnd       = 0x00
	orderNullFirst = 0x01
	orderFalse     = 0x02
	orderTrue      = 0x03
	orderString    = 0x04
	orderBytes     = 0x05
	orderTuple     = 0x06
	orderList      = 0x07
	orderTime      = 0x08
	orderDuration  = 0x09
	orderNullLast  = 0xfe
)

// A 0x00 inside a string is followed by escaped, the one that ends it by terminator.
const (
	terminator = 0x01
	escaped    = 0xff
)

var errNull = errors.New(`the value None has no order: pass nulls = "first" or nulls = "last", or leave such records out`)

// AppendOrder appends the order key of v to dst: bytes.Compare of two order keys is Starlark's comparison of the
// values, where it has one. Numbers compare exactly, ints of any size with floats, and nan is the greatest;
// strings and bytes bytewise; tuples and lists element by element; None, at any depth, as nulls says. Values of
// different classes (see ClassOf) have keys too, but their order means nothing.
//
// An order key says where it ends, so that several can be put one after another.
//
// The error says what has no order: None under NullsError, dicts, sets, structs, functions, and what is nested
// more than MaxDepth deep. dst is returned unchanged with it.
func AppendOrder(dst []byte, v starlark.Value, nulls Nulls) ([]byte, error) {
	key, err := appendOrder(dst, v, nulls, 0)
	if err != nil {
		return dst, err
	}
	return key, nil
}

// AppendOrderString is AppendOrder of a string.
func AppendOrderString(dst []byte, s string) []byte {
	return appendOrderText(append(dst, orderString), s)
}

// OrderedStringExtra is how many bytes the order key of a string is longer than the string, which holds no 0x00.
const OrderedStringExtra = 3

// OrderedString is the part of a string's order key that is the string. The string holds no 0x00.
func OrderedString(key string) string { return key[1 : len(key)-2] }

// BeginOrderTuple and EndOrderTuple stand around the order keys of the elements of a tuple, for callers that have
// the elements and not the tuple. They do not look whether the key is too long for AppendOrder.
func BeginOrderTuple(dst []byte) []byte { return append(dst, orderTuple) }

// EndOrderTuple ends what BeginOrderTuple began.
func EndOrderTuple(dst []byte) []byte { return append(dst, orderEnd) }

func appendOrder(dst []byte, v starlark.Value, nulls Nulls, depth int) ([]byte, error) {
	switch v := v.(type) {
	case starlark.String:
		return AppendOrderString(dst, string(v)), nil
	case starlark.Int:
		if i, ok := v.Int64(); ok {
			return AppendOrderInt(dst, i), nil
		}
		return appendOrderBig(dst, v.BigInt()), nil
	case starlark.Float:
		return AppendOrderFloat(dst, float64(v)), nil
	case starlark.Tuple:
		return appendOrderTuple(BeginOrderTuple(dst), v, nulls, depth)
	case *starlark.List:
		return appendOrderList(append(dst, orderList), v, nulls, depth)
	case starlark.NoneType:
		return appendOrderNull(dst, nulls)
	case starlark.Bool:
		if v {
			return append(dst, orderTrue), nil
		}
		return append(dst, orderFalse), nil
	case starlark.Bytes:
		return appendOrderText(append(dst, orderBytes), string(v)), nil
	case time.Time:
		seconds, nanoseconds := instant(v)
		dst = appendSigned(append(dst, orderTime), seconds)
		return binary.BigEndian.AppendUint32(dst, nanoseconds), nil
	case time.Duration:
		return appendSigned(append(dst, orderDuration), int64(v)), nil
	}
	return nil, errNoOrder(v)
}

func appendOrderNull(dst []byte, nulls Nulls) ([]byte, error) {
	switch nulls {
	case NullsFirst:
		return append(dst, orderNullFirst), nil
	case NullsLast:
		return append(dst, orderNullLast), nil
	}
	return nil, errNull
}

func appendOrderTuple(dst []byte, t starlark.Tuple, nulls Nulls, depth int) ([]byte, error) {
	start := len(dst)
	var err error
	for _, e := range t {
		if dst, err = appendOrderElement(dst, start, e, nulls, depth); err != nil {
			return nil, err
		}
	}
	return EndOrderTuple(dst), nil
}

func appendOrderList(dst []byte, l *starlark.List, nulls Nulls, depth int) ([]byte, error) {
	start := len(dst)
	var err error
	for i := range l.Len() {
		if dst, err = appendOrderElement(dst, start, l.Index(i), nulls, depth); err != nil {
			return nil, err
		}
	}
	return append(dst, orderEnd), nil
}

// appendOrderElement appends an element of a sequence that began at start.
func appendOrderElement(dst []byte, start int, e starlark.Value, nulls Nulls, depth int) ([]byte, error) {
	if depth >= MaxDepth {
		return nil, errDeep
	}
	dst, err := appendOrder(dst, e, nulls, depth+1)
	if err == nil && len(dst)-start > maxKey {
		return nil, errLong
	}
	return dst, err
}

func appendOrderText(dst []byte, s string) []byte {
	for {
		i := strings.IndexByte(s, orderEnd)
		if i < 0 {
			dst = append(dst, s...)
			return append(dst, orderEnd, terminator)
		}
		dst = append(dst, s[:i]...)
		dst = append(dst, orderEnd, escaped)
		s = s[i+1:]
	}
}

// appendSigned flips the sign, so that negative numbers come first.
func appendSigned(dst []byte, i int64) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(i)^1<<63)
}

func errNoOrder(v starlark.Value) error {
	switch v.(type) {
	case nil:
		return errors.New("no value has no order")
	case *starlark.Dict:
		return errors.New("dict has no order: compare one of its fields, or a tuple of them")
	case *starlark.Set:
		return errors.New("set has no order: compare its length, or a sorted list of its elements")
	case starlark.HasAttrs:
		return fmt.Errorf("%s has no order: compare one of its fields, or a tuple of them", v.Type())
	}
	return fmt.Errorf("%s has no order: compare a number, a string or a tuple of them", v.Type())
}
