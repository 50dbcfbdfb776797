package operator

import (
	"encoding/binary"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
)

// Keys are looked up in runs: all of a run are encoded and hashed, then their slots touched, then compared, so
// that the cache misses of a run overlap.
const (
	runKeys  = 128
	runBytes = 64 << 10
)

// padding lets a key's first 16 bytes be loaded wherever it ends.
const padding = 16

// A keyColumn is a column of keys in one of two forms: as the records have them, or canonical, in a column of
// bytes. With canonical keys originals has the records' own where the canonical ones do not give them back, and
// None where they do.
type keyColumn struct {
	*chunk.Column
	canonical bool
	originals *chunk.Column
	hashes    []uint64 // of all keys; nil: not taken yet
}

// original is the key as the record had it; ok is false if its canonical key gives it back.
func (k *keyColumn) original(i int) (v starlark.Value, ok bool) {
	if !k.canonical {
		return k.At(i), true
	}
	v = k.originals.At(i)
	return v, v != starlark.None
}

// A keyRun holds the canonical keys of a run of records, one after another, with their hashes.
type keyRun struct {
	n       int
	buf     []byte // the keys, then padding
	ends    [runKeys]int
	hashes  [runKeys]uint64
	inexact [runKeys]bool // the record's key may not be what its canonical key decodes to
	loose   bool          // any of inexact
	sink    uint64        // what touched memory added up to
}

// encode takes keys from index lo on and reports the index at which the run ended. The error is that of key hi.
func (r *keyRun) encode(keys *keyColumn, lo int) (hi int, err error) {
	r.n, r.buf, r.loose = 0, r.buf[:0], false
	end := min(lo+runKeys, keys.N)
	switch {
	case keys.canonical:
		for hi = lo; hi < end && len(r.buf) < runBytes; hi++ {
			r.buf = append(r.buf, keys.Strings[hi]...)
			r.finish(keys.originals.Kind == chunk.Null)
		}
	case keys.Kind == chunk.String:
		for hi = lo; hi < end && len(r.buf) < runBytes; hi++ {
			r.buf = value.AppendKeyString(r.buf, keys.Strings[hi])
			r.finish(true)
		}
	case keys.Kind == chunk.Int:
		for hi = lo; hi < end; hi++ {
			r.buf = value.AppendKeyInt(r.buf, keys.Ints[hi])
			r.finish(true)
		}
	default:
		hi, err = r.encodeAny(keys.Column, lo, end)
	}
	r.pad()
	r.hash(keys.hashes, lo)
	return hi, err
}

func (r *keyRun) encodeAny(keys *chunk.Column, lo, end int) (hi int, err error) {
	for hi = lo; hi < end && len(r.buf) < runBytes; hi++ {
		var exact bool
		if r.buf, exact, err = appendKey(r.buf, keys, hi); err != nil {
			return hi, err
		}
		r.finish(exact)
	}
	return hi, nil
}

func (r *keyRun) finish(exact bool) {
	r.ends[r.n] = len(r.buf)
	r.inexact[r.n] = !exact
	r.loose = r.loose || !exact
	r.n++
}

func (r *keyRun) pad() {
	r.buf = append(r.buf, make([]byte, padding)...)[:len(r.buf)]
}

func (r *keyRun) hash(hashes []uint64, lo int) {
	if hashes != nil {
		copy(r.hashes[:r.n], hashes[lo:])
		return
	}
	start := 0
	for i, end := range r.ends[:r.n] {
		r.hashes[i] = value.HashKey(r.buf[start:end])
		start = end
	}
}

// A probe is a key on its way through a table: its hash, its first bytes in registers, and all of it.
type probe struct {
	hash uint64
	head [2]uint64
	key  []byte
}

// probe gives the key that ends at an index, and starts where the one before it ends.
func (r *keyRun) probe(i, start int) probe {
	end := r.ends[i]
	padded := r.buf[start : end+padding]
	return probe{hash: r.hashes[i], head: headOf(padded, end-start), key: padded[:end-start]}
}

// key is key i of the run.
func (r *keyRun) key(i int) []byte {
	if i == 0 {
		return r.buf[:r.ends[0]]
	}
	return r.buf[r.ends[i-1]:r.ends[i]]
}

// headMasks keep the first n of 16 bytes.
var headMasks = func() (masks [inline + 1][2]uint64) {
	for n := range masks {
		masks[n] = [2]uint64{1<<(8*min(n, 8)) - 1, 1<<(8*max(n-8, 0)) - 1}
	}
	return masks
}()

// headOf loads the first 16 of n bytes, zeros after the end. padded is at least 16 bytes long.
func headOf(padded []byte, n int) [2]uint64 {
	mask := &headMasks[min(n, inline)]
	return [2]uint64{
		binary.LittleEndian.Uint64(padded) & mask[0],
		binary.LittleEndian.Uint64(padded[8:]) & mask[1],
	}
}

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
// strings so short that it is only one byte.
var stringTags = func() (tags []byte) {
	var text [256]byte
	for n := range text {
		key := value.AppendKeyString(nil, string(text[:n]))
		if len(key) != n+1 {
			break
		}
		tags = append(tags, key[0])
	}
	return tags
}()

// appendDecoded appends the value of a canonical key. Strings, which most keys are, become views of key.
func appendDecoded(dst *chunk.Column, key string) error {
	if n := len(key) - 1; n >= 0 && n < len(stringTags) && key[0] == stringTags[n] {
		dst.AppendString(key[1:])
		return nil
	}
	v, err := value.DecodeKey([]byte(key))
	if err != nil {
		return err
	}
	dst.Append(v)
	return nil
}

// keyText is a key for an error message.
func keyText(key []byte) string {
	v, err := value.DecodeKey(key)
	if err != nil {
		v = starlark.Bytes(key)
	}
	return value.Cut(v, 80)
}
