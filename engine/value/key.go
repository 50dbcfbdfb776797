package value

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/bits"

	"go.starlark.net/lib/time"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
)

// The first byte of a canonical key says what follows. Integers and short strings, which are most keys, take
// their length into it. The bytes are part of the language (lang-spec.md), because the partition hash is taken
// over them: they never change.
const (
	keyNone      = 0x01
	keyFalse     = 0x02
	keyTrue      = 0x03
	keyBytes     = 0x04 // uvarint length, bytes
	keyString    = 0x05 // uvarint length, bytes; only from shortString bytes on
	keyDuration  = 0x06 // nanoseconds, 8 bytes
	keyTime      = 0x07 // seconds since year 1, 8 bytes; nanoseconds, 4 bytes
	keyTuple     = 0x08 // uvarint count, elements; only from shortTuple elements on
	keyStruct    = 0x09 // constructor, uvarint count, then name and value of each field
	keyFloat     = 0x0a // IEEE 754 bits, 8 bytes; only if not an integer
	keyNaN       = 0x0b
	keyInt       = 0x10 // + n: non-negative, n bytes of magnitude
	keyBigInt    = 0x19 // uvarint length, magnitude, big-endian
	keyNegInt    = 0x20 // + n: negative i, n bytes of -1-i
	keyNegBigInt = 0x29 // uvarint length, -1-i, big-endian
	keyTuple0    = 0x40 // + n: elements
	keyString0   = 0x80 // + n: bytes

	shortTuple  = 0x40
	shortString = 0x80
)

// yearOne is the time between the first second of the year 1 and 1970. Counting from the year 1 is how Go
// counts, so no time overflows.
const yearOne = 62135596800

// maxKey bounds a key, for a small value whose parts share other parts can have a key without end.
const maxKey = 16 << 20

var (
	errDeep = fmt.Errorf("nested more than %d deep", MaxDepth)
	errLong = fmt.Errorf("takes more than %d MiB as a key", maxKey>>20)
)

// AppendKey appends the canonical key of v to dst: two values have the same key exactly if Starlark takes them
// for the same dict key. So 1 and 1.0 share a key (compared exactly, beyond 2^53 too), as do 0.0 and -0.0, nan
// and nan, and the same moment in two time zones; True and 1 do not. A key says where it ends, so that keys of
// several values can be put one after another.
//
// exact reports that DecodeKey gives back v itself, not just a value equal to it.
//
// The error says what v cannot be a key and what to write instead. dst is returned unchanged with it.
func AppendKey(dst []byte, v starlark.Value) (key []byte, exact bool, err error) {
	key, exact, err = appendKey(dst, v, 0)
	if err != nil {
		return dst, false, err
	}
	return key, exact, nil
}

// AppendKeyString is AppendKey of a string.
func AppendKeyString(dst []byte, s string) []byte {
	if len(s) < shortString {
		dst = append(dst, keyString0+byte(len(s)))
	} else {
		dst = binary.AppendUvarint(append(dst, keyString), uint64(len(s)))
	}
	return append(dst, s...)
}

// AppendKeyInt is AppendKey of an int.
func AppendKeyInt(dst []byte, i int64) []byte {
	tag, magnitude := byte(keyInt), uint64(i)
	if i < 0 {
		tag, magnitude = keyNegInt, ^uint64(i)
	}
	return appendMagnitude(dst, tag, magnitude)
}

// AppendKeyFloat is AppendKey of a float.
func AppendKeyFloat(dst []byte, f float64) (key []byte, exact bool) {
	switch {
	case f != f:
		return append(dst, keyNaN), true
	case f != math.Trunc(f) || math.IsInf(f, 0):
		return binary.BigEndian.AppendUint64(append(dst, keyFloat), math.Float64bits(f)), true
	case math.MinInt64 <= f && f < math.MaxInt64+1:
		return AppendKeyInt(dst, int64(f)), false
	}
	i, _ := big.NewFloat(f).Int(nil)
	return appendKeyBig(dst, i), false
}

// AppendKeyTuple appends what stands before the keys of a tuple's n elements.
func AppendKeyTuple(dst []byte, n int) []byte {
	if n < shortTuple {
		return append(dst, keyTuple0+byte(n))
	}
	return binary.AppendUvarint(append(dst, keyTuple), uint64(n))
}

func appendKey(dst []byte, v starlark.Value, depth int) (key []byte, exact bool, err error) {
	switch v := v.(type) {
	case starlark.String:
		return AppendKeyString(dst, string(v)), true, nil
	case starlark.Int:
		if i, ok := v.Int64(); ok {
			return AppendKeyInt(dst, i), true, nil
		}
		return appendKeyBig(dst, v.BigInt()), true, nil
	case starlark.Float:
		key, exact = AppendKeyFloat(dst, float64(v))
		return key, exact, nil
	case starlark.Tuple:
		return appendKeyTuple(dst, v, depth)
	case starlark.NoneType:
		return append(dst, keyNone), true, nil
	case starlark.Bool:
		if v {
			return append(dst, keyTrue), true, nil
		}
		return append(dst, keyFalse), true, nil
	case starlark.Bytes:
		dst = binary.AppendUvarint(append(dst, keyBytes), uint64(len(v)))
		return append(dst, v...), true, nil
	case time.Time:
		key, exact = appendKeyTime(dst, v)
		return key, exact, nil
	case time.Duration:
		return binary.BigEndian.AppendUint64(append(dst, keyDuration), uint64(v)), true, nil
	case *starlarkstruct.Struct:
		return appendKeyStruct(dst, v, depth)
	}
	return nil, false, errNoKey(v)
}

func appendMagnitude(dst []byte, tag byte, magnitude uint64) []byte {
	n := (bits.Len64(magnitude) + 7) / 8
	dst = binary.LittleEndian.AppendUint64(append(dst, tag+byte(n)), magnitude)
	return dst[:len(dst)-8+n]
}

// appendKeyBig may change i.
func appendKeyBig(dst []byte, i *big.Int) []byte {
	small, large := byte(keyInt), byte(keyBigInt)
	if i.Sign() < 0 {
		small, large = keyNegInt, keyNegBigInt
		i.Not(i)
	}
	if i.IsUint64() {
		return appendMagnitude(dst, small, i.Uint64())
	}
	magnitude := i.Bytes()
	dst = binary.AppendUvarint(append(dst, large), uint64(len(magnitude)))
	return append(dst, magnitude...)
}

func appendKeyTuple(dst []byte, t starlark.Tuple, depth int) (key []byte, exact bool, err error) {
	if depth >= MaxDepth {
		return nil, false, errDeep
	}
	start := len(dst)
	dst, exact = AppendKeyTuple(dst, len(t)), true
	for _, e := range t {
		var ok bool
		if dst, ok, err = appendKey(dst, e, depth+1); err != nil {
			return nil, false, err
		}
		if len(dst)-start > maxKey {
			return nil, false, errLong
		}
		exact = exact && ok
	}
	return dst, exact, nil
}

func appendKeyStruct(dst []byte, s *starlarkstruct.Struct, depth int) (key []byte, exact bool, err error) {
	if depth >= MaxDepth {
		return nil, false, errDeep
	}
	start := len(dst)
	if dst, exact, err = appendKey(append(dst, keyStruct), s.Constructor(), depth+1); err != nil {
		return nil, false, fmt.Errorf("constructor of struct: %w", err)
	}
	dst = binary.AppendUvarint(dst, uint64(s.Len()))
	for name, field := range s.Entries() {
		var ok bool
		dst = AppendKeyString(dst, name)
		if dst, ok, err = appendKey(dst, field, depth+1); err != nil {
			return nil, false, fmt.Errorf("field %s of struct: %w", name, err)
		}
		if len(dst)-start > maxKey {
			return nil, false, errLong
		}
		exact = exact && ok
	}
	return dst, exact, nil
}

func appendKeyTime(dst []byte, t time.Time) (key []byte, exact bool) {
	seconds, nanoseconds := instant(t)
	dst = binary.BigEndian.AppendUint64(append(dst, keyTime), uint64(seconds))
	return binary.BigEndian.AppendUint32(dst, nanoseconds), isUTC(t)
}

func errNoKey(v starlark.Value) error {
	switch v.(type) {
	case nil:
		return errors.New("no value cannot be a key")
	case *starlark.Dict:
		return errors.New("dict cannot be a key: use a tuple of its items")
	case *starlark.List:
		return errors.New("list cannot be a key: use a tuple")
	case *starlark.Set:
		return errors.New("set cannot be a key: use a tuple of its sorted elements")
	case starlark.Callable:
		return fmt.Errorf("%s cannot be a key: use its name", v.Type())
	case starlark.Iterable:
		return fmt.Errorf("%s cannot be a key: use a tuple", v.Type())
	}
	return fmt.Errorf("%s cannot be a key: use a string, a number or a tuple of them", v.Type())
}
