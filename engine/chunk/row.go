package chunk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"

	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/lib/time"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
)

// A row is a value in msgpack. None, bool, int, float, str, bytes, tuple (array) and dict (map) have types there;
// the rest are extensions of these numbers.
const (
	extInt      = 1 // beyond 64 bits: a byte 1 if negative, magnitude, big-endian
	extList     = 2 // array
	extSet      = 3 // array
	extStruct   = 4 // constructor, map from name to value
	extTime     = 5 // see time.go
	extDuration = 6 // nanoseconds, 8 bytes
	extRange    = 7 // start, stop, step: 8 bytes each
	extRef      = 8 // number of a container that began earlier in the same row: 4 bytes
)

// The bytes with which msgpack says what follows.
const (
	mpFixMap   = 0x80
	mpFixArray = 0x90
	mpFixStr   = 0xa0
	mpNil      = 0xc0
	mpFalse    = 0xc2
	mpTrue     = 0xc3
	mpBin8     = 0xc4
	mpExt8     = 0xc7
	mpExt32    = 0xc9
	mpFloat64  = 0xcb
	mpUint8    = 0xcc
	mpUint16   = 0xcd
	mpUint32   = 0xce
	mpUint64   = 0xcf
	mpInt8     = 0xd0
	mpInt16    = 0xd1
	mpInt32    = 0xd2
	mpInt64    = 0xd3
	mpFixExt4  = 0xd6
	mpFixExt8  = 0xd7
	mpStr8     = 0xd9
	mpArray16  = 0xdc
	mpArray32  = 0xdd
	mpMap16    = 0xde
	mpMap32    = 0xdf
	mpNegFix   = 0xe0
)

var (
	errDeep   = fmt.Errorf("nested more than %d deep", MaxDepth)
	errLoop   = errors.New("holds a struct that holds itself: use a dict")
	errShared = fmt.Errorf("has more than %d parts, or is nested more than %d deep, when what is shared in it is written out", maxWeight, MaxDepth)
)

// A rowEncoder writes values one after another. With refs a container that occurs twice in a value is written
// once, and cycles can be written; without, the bytes depend on what the value equals alone.
type rowEncoder struct {
	dst  []byte
	refs bool
	seen value.Memo[int] // numbers of the containers of the value
	shape
}

// row appends one value, of which dst must not take more than limit bytes.
func (e *rowEncoder) row(v starlark.Value, depth, limit int) error {
	e.beginRow()
	if err := e.value(v, depth, limit); err != nil {
		return err
	}
	return e.checkSize(limit)
}

func (e *rowEncoder) beginRow() {
	e.seen.Reset()
	e.reset()
}

func (e *rowEncoder) checkSize(limit int) error {
	if len(e.dst) > limit {
		return ErrTooLarge
	}
	return nil
}

func (e *rowEncoder) value(v starlark.Value, depth, limit int) error {
	switch v := v.(type) {
	case starlark.String:
		e.string(string(v))
	case starlark.Int:
		e.int(v)
	case starlark.Float:
		e.float(float64(v))
	case starlark.NoneType:
		e.dst = append(e.dst, mpNil)
	case starlark.Bool:
		e.bool(bool(v))
	case starlark.Bytes:
		e.bytes(string(v))
	case time.Time:
		e.time(v)
	case time.Duration:
		e.dst = binary.BigEndian.AppendUint64(append(e.dst, mpFixExt8, extDuration), uint64(v))
	case starlark.Tuple, *starlark.List, *starlark.Dict, *starlark.Set, *starlarkstruct.Struct:
		return e.container(v, depth, limit)
	default:
		return e.other(v)
	}
	return nil
}

// container writes what has parts, or a reference to where it began before.
func (e *rowEncoder) container(v starlark.Value, depth, limit int) error {
	if depth >= MaxDepth {
		return errDeep
	}
	if err := e.checkSize(limit); err != nil {
		return err
	}
	id, ok := value.Identify(v)
	if !ok || !e.refs {
		return e.parts(v, depth, limit)
	}
	if number, ok := e.seen.Get(id); ok {
		return e.ref(v, number, depth)
	}
	number := e.begin(max(0, starlark.Len(v)), depth)
	e.seen.Put(id, number)
	if err := e.parts(v, depth, limit); err != nil {
		return err
	}
	e.end(number)
	return nil
}

func (e *rowEncoder) parts(v starlark.Value, depth, limit int) error {
	switch v := v.(type) {
	case starlark.Tuple:
		return e.tuple(v, depth, limit)
	case *starlark.List:
		return e.extension(extList, v.Len(), v.Elements(), depth, limit)
	case *starlark.Set:
		return e.extension(extSet, v.Len(), v.Elements(), depth, limit)
	case *starlark.Dict:
		return e.dict(v, depth, limit)
	case *starlarkstruct.Struct:
		return e.structure(v, depth, limit)
	}
	panic("chunk: no container: " + v.Type())
}

// ref refers to container number. A struct cannot be made before its fields are, so none may hold itself.
func (e *rowEncoder) ref(v starlark.Value, number, depth int) error {
	if _, ok := v.(*starlarkstruct.Struct); ok && !e.extents[number].complete {
		return errLoop
	}
	if !e.refer(number, depth) {
		return errShared
	}
	e.dst = binary.BigEndian.AppendUint32(append(e.dst, mpFixExt4, extRef), uint32(number))
	return nil
}

func (e *rowEncoder) tuple(t starlark.Tuple, depth, limit int) error {
	e.count(mpFixArray, mpArray16, len(t))
	for _, v := range t {
		if err := e.value(v, depth+1, limit); err != nil {
			return err
		}
	}
	return nil
}

func (e *rowEncoder) dict(d *starlark.Dict, depth, limit int) error {
	e.count(mpFixMap, mpMap16, d.Len())
	for k, v := range d.Entries() {
		if err := e.value(k, depth+1, limit); err != nil {
			return err
		}
		if err := e.value(v, depth+1, limit); err != nil {
			return err
		}
	}
	return nil
}

func (e *rowEncoder) structure(s *starlarkstruct.Struct, depth, limit int) error {
	start := e.beginExt(extStruct)
	if _, ok := s.Constructor().(starlark.Callable); ok {
		return fmt.Errorf("struct made by %s cannot be stored: use struct(...) or a dict", s.Constructor())
	}
	if err := e.value(s.Constructor(), depth+1, limit); err != nil {
		return err
	}
	e.count(mpFixMap, mpMap16, s.Len())
	for name, v := range s.Entries() {
		e.string(name)
		if err := e.value(v, depth+1, limit); err != nil {
			return fmt.Errorf("field %s: %w", name, err)
		}
	}
	e.endExt(start)
	return nil
}

func (e *rowEncoder) extension(kind byte, n int, elements func(func(starlark.Value) bool), depth, limit int) error {
	start := e.beginExt(kind)
	e.count(mpFixArray, mpArray16, n)
	for v := range elements {
		if err := e.value(v, depth+1, limit); err != nil {
			return err
		}
	}
	e.endExt(start)
	return nil
}

// beginExt leaves room for the length, which endExt fills in.
func (e *rowEncoder) beginExt(kind byte) (start int) {
	e.dst = append(e.dst, mpExt32, 0, 0, 0, 0, kind)
	return len(e.dst)
}

func (e *rowEncoder) endExt(start int) {
	binary.BigEndian.PutUint32(e.dst[start-5:], uint32(len(e.dst)-start))
}

// count writes the head of an array or a map: fix holds up to 15, wide is followed by 2 bytes, wide+1 by 4.
func (e *rowEncoder) count(fix, wide byte, n int) {
	switch {
	case n < 16:
		e.dst = append(e.dst, fix+byte(n))
	case n <= math.MaxUint16:
		e.dst = binary.BigEndian.AppendUint16(append(e.dst, wide), uint16(n))
	default:
		e.dst = binary.BigEndian.AppendUint32(append(e.dst, wide+1), uint32(n))
	}
}

func (e *rowEncoder) string(s string) {
	if len(s) < 32 {
		e.dst = append(e.dst, mpFixStr+byte(len(s)))
	} else {
		e.length(mpStr8, len(s))
	}
	e.dst = append(e.dst, s...)
}

func (e *rowEncoder) bytes(s string) {
	e.length(mpBin8, len(s))
	e.dst = append(e.dst, s...)
}

// length writes the head of a string, bytes or an extension: kind is followed by 1 byte, kind+1 by 2, kind+2 by 4.
func (e *rowEncoder) length(kind byte, n int) {
	switch {
	case n <= math.MaxUint8:
		e.dst = append(e.dst, kind, byte(n))
	case n <= math.MaxUint16:
		e.dst = binary.BigEndian.AppendUint16(append(e.dst, kind+1), uint16(n))
	default:
		e.dst = binary.BigEndian.AppendUint32(append(e.dst, kind+2), uint32(n))
	}
}

func (e *rowEncoder) bool(b bool) {
	if b {
		e.dst = append(e.dst, mpTrue)
	} else {
		e.dst = append(e.dst, mpFalse)
	}
}

// float writes every nan as the same one: a script cannot tell them apart.
func (e *rowEncoder) float(f float64) {
	e.dst = binary.BigEndian.AppendUint64(append(e.dst, mpFloat64), canonicalBits(f))
}

func canonicalBits(f float64) uint64 {
	if f != f {
		f = math.NaN()
	}
	return math.Float64bits(f)
}

func (e *rowEncoder) int(i starlark.Int) {
	if small, ok := i.Int64(); ok {
		e.int64(small)
	} else if large, ok := i.Uint64(); ok {
		e.dst = binary.BigEndian.AppendUint64(append(e.dst, mpUint64), large)
	} else {
		e.bigInt(i.BigInt())
	}
}

func (e *rowEncoder) bigInt(i *big.Int) {
	magnitude, negative := i.Bytes(), byte(0)
	if i.Sign() < 0 {
		negative = 1
	}
	e.length(mpExt8, 1+len(magnitude))
	e.dst = append(append(e.dst, extInt, negative), magnitude...)
}

func (e *rowEncoder) int64(i int64) {
	switch {
	case i >= 0:
		e.uint64(uint64(i))
	case i >= -32:
		e.dst = append(e.dst, byte(i))
	case i >= math.MinInt8:
		e.dst = append(e.dst, mpInt8, byte(i))
	case i >= math.MinInt16:
		e.dst = binary.BigEndian.AppendUint16(append(e.dst, mpInt16), uint16(i))
	case i >= math.MinInt32:
		e.dst = binary.BigEndian.AppendUint32(append(e.dst, mpInt32), uint32(i))
	default:
		e.dst = binary.BigEndian.AppendUint64(append(e.dst, mpInt64), uint64(i))
	}
}

func (e *rowEncoder) uint64(i uint64) {
	switch {
	case i < 128:
		e.dst = append(e.dst, byte(i))
	case i <= math.MaxUint8:
		e.dst = append(e.dst, mpUint8, byte(i))
	case i <= math.MaxUint16:
		e.dst = binary.BigEndian.AppendUint16(append(e.dst, mpUint16), uint16(i))
	case i <= math.MaxUint32:
		e.dst = binary.BigEndian.AppendUint32(append(e.dst, mpUint32), uint32(i))
	default:
		e.dst = binary.BigEndian.AppendUint64(append(e.dst, mpUint64), i)
	}
}

// other writes a range and refuses the rest.
func (e *rowEncoder) other(v starlark.Value) error {
	if start, stop, step, ok := rangeBounds(v); ok {
		e.length(mpExt8, 24)
		e.dst = append(e.dst, extRange)
		for _, n := range [...]int64{start, stop, step} {
			e.dst = binary.BigEndian.AppendUint64(e.dst, uint64(n))
		}
		return nil
	}
	switch v.(type) {
	case nil:
		return errors.New("no value where a value should be")
	case starlark.Callable:
		return fmt.Errorf("%s cannot be part of a record: call it, or use its name", v.Type())
	case starlark.Iterable:
		return fmt.Errorf("%s cannot be part of a record: use list(...)", v.Type())
	}
	return fmt.Errorf("%s cannot be part of a record: use a dict, a list or a tuple", v.Type())
}
