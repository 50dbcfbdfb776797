package value

import (
	"encoding/binary"
	"errors"
	"math"
	"math/big"
	gotime "time"

	"go.starlark.net/lib/time"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
)

// ErrKey is what DecodeKey returns for bytes that are not a canonical key.
var ErrKey = errors.New("not a canonical key")

// DecodeKey gives the value of a canonical key. If AppendKey called the key exact it is the value that went in;
// otherwise it is the plainest one equal to it: an int for a float, UTC for another zone.
//
// key may come from outside. Bytes that AppendKey would not have written are refused with ErrKey. The value
// does not refer to key.
func DecodeKey(key []byte) (starlark.Value, error) {
	d := keyDecoder{rest: key, budget: uint64(len(key))}
	v := d.value(0)
	if d.failed || len(d.rest) > 0 {
		return nil, ErrKey
	}
	return v, nil
}

// A keyDecoder takes a key apart from the front. Once it failed everything else fails too.
type keyDecoder struct {
	rest   []byte
	budget uint64 // elements that may still be claimed: each takes a byte, so nesting cannot multiply claims
	failed bool
}

func (d *keyDecoder) fail() starlark.Value {
	d.failed, d.rest = true, nil
	return starlark.None
}

// take cuts off n bytes; it gives nil after a failure.
func (d *keyDecoder) take(n uint64) []byte {
	if n > uint64(len(d.rest)) {
		d.fail()
		return nil
	}
	head := d.rest[:n]
	d.rest = d.rest[n:]
	return head
}

func (d *keyDecoder) byte() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *keyDecoder) uint64() uint64 {
	if b := d.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (d *keyDecoder) uvarint() uint64 {
	n, size := binary.Uvarint(d.rest)
	if size <= 0 || size > 1 && d.rest[size-1] == 0 { // the last byte of the shortest form is not 0
		d.fail()
		return 0
	}
	d.rest = d.rest[size:]
	return n
}

// claim reports whether n elements can still follow.
func (d *keyDecoder) claim(n uint64) bool {
	if n > uint64(len(d.rest)) || n > d.budget {
		d.fail()
		return false
	}
	d.budget -= n
	return true
}

func (d *keyDecoder) value(depth int) starlark.Value {
	switch tag := d.byte(); {
	case tag >= keyString0:
		return starlark.String(d.take(uint64(tag - keyString0)))
	case tag >= keyTuple0:
		return d.tuple(uint64(tag-keyTuple0), depth)
	case keyInt <= tag && tag <= keyInt+8:
		return starlark.MakeUint64(d.magnitude(int(tag - keyInt)))
	case keyNegInt <= tag && tag <= keyNegInt+8:
		return starlark.MakeUint64(d.magnitude(int(tag - keyNegInt))).Not()
	default:
		return d.long(tag, depth)
	}
}

// long decodes what keeps its length outside the tag.
func (d *keyDecoder) long(tag byte, depth int) starlark.Value {
	switch tag {
	case keyNone:
		return starlark.None
	case keyFalse, keyTrue:
		return starlark.Bool(tag == keyTrue)
	case keyBytes:
		return starlark.Bytes(d.take(d.uvarint()))
	case keyString:
		return d.longString()
	case keyDuration:
		return time.Duration(d.uint64())
	case keyTime:
		return d.time()
	case keyTuple:
		n := d.uvarint()
		if n < shortTuple {
			return d.fail()
		}
		return d.tuple(n, depth)
	case keyStruct:
		return d.structure(depth)
	case keyFloat:
		return d.float()
	case keyNaN:
		return starlark.Float(math.NaN())
	case keyBigInt:
		return d.bigInt()
	case keyNegBigInt:
		return d.bigInt().Not()
	}
	return d.fail()
}

func (d *keyDecoder) magnitude(n int) (m uint64) {
	b := d.take(uint64(n))
	for i, digit := range b {
		m |= uint64(digit) << (8 * i)
	}
	if len(b) > 0 && b[len(b)-1] == 0 {
		d.fail()
	}
	return m
}

func (d *keyDecoder) bigInt() starlark.Int {
	b := d.take(d.uvarint())
	if len(b) <= 8 || b[0] == 0 {
		d.fail()
		return starlark.MakeInt(0)
	}
	return starlark.MakeBigInt(new(big.Int).SetBytes(b))
}

func (d *keyDecoder) float() starlark.Value {
	f := math.Float64frombits(d.uint64())
	if f != f || f == math.Trunc(f) && !math.IsInf(f, 0) {
		return d.fail()
	}
	return starlark.Float(f)
}

func (d *keyDecoder) longString() starlark.Value {
	n := d.uvarint()
	if n < shortString {
		return d.fail()
	}
	return starlark.String(d.take(n))
}

func (d *keyDecoder) time() starlark.Value {
	seconds := int64(d.uint64())
	b := d.take(4)
	if b == nil || binary.BigEndian.Uint32(b) >= uint32(gotime.Second) {
		return d.fail()
	}
	return fromInstant(seconds, binary.BigEndian.Uint32(b))
}

func (d *keyDecoder) tuple(n uint64, depth int) starlark.Value {
	if depth >= MaxDepth || !d.claim(n) {
		return d.fail()
	}
	t := make(starlark.Tuple, n)
	for i := range t {
		t[i] = d.value(depth + 1)
		if d.failed {
			return starlark.None
		}
	}
	return t
}

func (d *keyDecoder) structure(depth int) starlark.Value {
	if depth >= MaxDepth {
		return d.fail()
	}
	constructor := d.value(depth + 1)
	n := d.uvarint()
	if !d.claim(n) {
		return starlark.None
	}
	fields := make([]starlark.Tuple, n)
	for i := range fields {
		name, ok := d.value(depth + 1).(starlark.String)
		if !ok || i > 0 && name <= fields[i-1][0].(starlark.String) {
			return d.fail()
		}
		fields[i] = starlark.Tuple{name, d.value(depth + 1)}
	}
	if d.failed {
		return starlark.None
	}
	return starlarkstruct.FromKeywords(constructor, fields)
}
