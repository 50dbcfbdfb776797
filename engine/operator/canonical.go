package operator

import (
	"encoding/binary"
	"unsafe"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
)

// appendKey appends the canonical key of value i, without boxing where the kind of the column allows.
func appendKey(dst []byte, c *chunk.Column, i int) (key []byte, exact bool, err error) {
	switch c.Kind {
	case chunk.String:
		return value.AppendKeyString(dst, c.Strings[i]), true, nil
	case chunk.Int:
		return value.AppendKeyInt(dst, c.Ints[i]), true, nil
	case chunk.Float:
		key, exact = value.AppendKeyFloat(dst, c.Floats[i])
		return key, exact, nil
	case chunk.Tuple:
		if flat(c) {
			return appendKeyFields(dst, c, i)
		}
	}
	return value.AppendKey(dst, c.At(i))
}

// flat reports whether a tuple column has only elements that are cheap to encode one by one.
func flat(c *chunk.Column) bool {
	for f := range c.Fields {
		switch c.Fields[f].Kind {
		case chunk.String, chunk.Int, chunk.Float, chunk.Bool, chunk.Null:
		default:
			return false
		}
	}
	return true
}

func appendKeyFields(dst []byte, c *chunk.Column, i int) (key []byte, exact bool, err error) {
	key, exact = value.AppendKeyTuple(dst, len(c.Fields)), true
	for f := range c.Fields {
		var same bool
		if key, same, err = appendKey(key, &c.Fields[f], i); err != nil {
			return dst, false, err
		}
		exact = exact && same
	}
	return key, exact, nil
}

// stringTags has the byte that stands in front of a string in its canonical key, by the string's length, for
// strings so short that it is only one byte. longTag stands in front of the length of a longer one.
var stringTags, longTag = func() (tags []byte, long byte) {
	var text [256]byte
	for n := range text {
		key := value.AppendKeyString(nil, string(text[:n]))
		if len(key) != n+1 {
			return tags, key[0]
		}
		tags = append(tags, key[0])
	}
	panic("operator: canonical keys have changed")
}()

// textOf gives the text of a canonical key and whether it is that of a string.
func textOf(key string) (text string, kind uint64) {
	n := len(key) - 1
	switch {
	case n < 0:
	case n < len(stringTags) && key[0] == stringTags[n]:
		return key[1:], isString
	case key[0] == longTag:
		length, width := binary.Uvarint(bytesOf(key[1:min(len(key), 1+binary.MaxVarintLen64)]))
		if width > 0 && length == uint64(n-width) {
			return key[1+width:], isString
		}
	}
	return key, notString
}

// appendCanonical appends the canonical key of a text; size is that of its entry.
func appendCanonical(dst []byte, text string, size uint64) []byte {
	if size&notString != 0 {
		return append(dst, text...)
	}
	return value.AppendKeyString(dst, text)
}

// appendText appends the value of a text to a column. A string becomes a view of it.
func appendText(dst *chunk.Column, text string, size uint64) error {
	if size&notString == 0 {
		dst.AppendString(text)
		return nil
	}
	v, err := value.DecodeKey(bytesOf(text))
	if err != nil {
		return err
	}
	dst.Append(v)
	return nil
}

// keyText is a canonical key for an error message.
func keyText(key []byte) string {
	v, err := value.DecodeKey(key)
	if err != nil {
		v = starlark.Bytes(key)
	}
	return value.Cut(v, 80)
}

// view is a string of bytes that do not change as long as it is used.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// bytesOf is the bytes of a string, to be read only.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
