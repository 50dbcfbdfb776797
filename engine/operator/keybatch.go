package operator

import (
	"encoding/binary"
	"slices"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
)

// An entry is a key as tables have it. A key is a text and whether it is the text of a string: that of another
// value is its canonical key. Of a longer text than inline, b is where it stands in the arena of its table; in a
// keyBatch b is not used then.
type entry struct {
	hash uint64
	a, b uint64 // the first bytes of the text, zeros after its end
	size uint64 // twice the length, plus notString
}

const (
	isString  = 0
	notString = 1
	mostShort = inline<<1 | notString // size of entries that hold all of their texts
)

// short reports whether the entry holds all of its text.
func (e *entry) short() bool { return e.size <= mostShort }

func (e *entry) length() int { return int(e.size >> 1) }

// appendCanonical appends the canonical key; text is that of a long one.
func (e *entry) appendCanonical(dst []byte, text string) []byte {
	if !e.short() {
		return appendCanonical(dst, text, e.size)
	}
	if e.size&notString == 0 {
		dst = append(dst, stringTags[e.length()])
	}
	return e.appendText(dst)
}

// appendText appends a text that the entry holds.
func (e *entry) appendText(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, e.a)
	dst = binary.LittleEndian.AppendUint64(dst, e.b)
	return dst[:len(dst)-inline+e.length()]
}

// runKeys is how many keys are looked up together.
const runKeys = 128

// A keyBatch holds the keys of some records, ready for tables: as entries with their hashes.
type keyBatch struct {
	keys    []entry
	texts   []string // nil if all are short; of short ones it need not be set
	inexact []bool   // of keys that their entries do not give back; nil if none
	// originals has the keys as the records had them, from index lo on, where inexact is set.
	originals *chunk.Column
	lo        int
	buf       []byte
	views     []string // memory of texts
	loose     []bool   // memory of inexact
}

func (k *keyBatch) reset(n int) {
	k.keys = slices.Grow(k.keys[:0], n)
	k.texts, k.inexact, k.originals = nil, nil, nil
	k.buf, k.views, k.loose = k.buf[:0], k.views[:0], k.loose[:0]
}

// load takes keys lo to hi of a column. Of an error, which is that of a key, those before it are taken: len(k.keys)
// tells how many.
func (k *keyBatch) load(c *chunk.Column, lo, hi int) error {
	k.reset(hi - lo)
	switch c.Kind {
	case chunk.String:
		k.loadStrings(c.Strings[lo:hi])
	case chunk.Int:
		k.loadInts(c.Ints[lo:hi])
	case chunk.Null:
		k.loadNone(hi - lo)
	default:
		return k.loadValues(c, lo, hi)
	}
	return nil
}

func (k *keyBatch) loadStrings(texts []string) {
	keys := k.keys[:len(texts)]
	longest := uint64(0)
	for i := 0; i < len(texts); i++ {
		if i += loadShort(keys[i:], texts[i:]); i == len(texts) {
			break
		}
		keys[i] = entryOf(texts[i], isString)
		longest = max(longest, keys[i].size)
	}
	k.keys = keys
	if longest > mostShort {
		k.texts = texts
	}
}

func (k *keyBatch) loadInts(ints []int64) {
	keys := k.keys[:len(ints)]
	for i, n := range ints {
		var text [inline]byte // AppendKeyInt leaves zeros after the key
		size := uint64(len(value.AppendKeyInt(text[:0], n)))<<1 | notString
		a, b := binary.LittleEndian.Uint64(text[:]), binary.LittleEndian.Uint64(text[8:])
		keys[i] = entry{hashShort(a, b, size), a, b, size}
	}
	k.keys = keys
}

// loadNone is for records without a key: all have the same.
func (k *keyBatch) loadNone(n int) {
	if n == 0 {
		return
	}
	k.buf, _, _ = value.AppendKey(k.buf, starlark.None) // None is a key
	k.add(view(k.buf), notString, true)
	for range n - 1 {
		k.keys = append(k.keys, k.keys[0])
	}
	k.texts, k.inexact = nil, nil
}

func (k *keyBatch) loadValues(c *chunk.Column, lo, hi int) error {
	k.originals, k.lo = c, lo
	for i := lo; i < hi; i++ {
		start := len(k.buf)
		if c.Kind == chunk.Any {
			if s, ok := c.Values[i].(starlark.String); ok {
				k.add(string(s), isString, true)
				continue
			}
		}
		buf, exact, err := appendKey(k.buf, c, i)
		if err != nil {
			return err
		}
		k.buf = buf
		k.add(view(buf[start:]), notString, exact)
	}
	return nil
}

// loadCanonical takes all keys of a column of canonical ones. originals has the records' own where the canonical
// ones do not give them back, and None where they do.
func (k *keyBatch) loadCanonical(c, originals *chunk.Column) {
	k.reset(c.N)
	k.originals, k.lo = originals, 0
	if originals.Kind != chunk.Null {
		for i, key := range c.Strings[:c.N] {
			text, kind := textOf(key)
			k.add(text, kind, originals.At(i) == starlark.None)
		}
		return
	}
	longest := uint64(0)
	for _, key := range c.Strings[:c.N] {
		text, kind := textOf(key)
		e := entryOf(text, kind)
		k.keys, k.views = append(k.keys, e), append(k.views, text)
		longest = max(longest, e.size)
	}
	if longest > mostShort {
		k.texts = k.views
	}
}

// loadGroups takes the keys of groups of a table.
func (k *keyBatch) loadGroups(t *Table, groups []int32) {
	k.reset(len(groups))
	for _, g := range groups {
		e := &t.entries[g]
		k.keys = append(k.keys, *e)
		if len(t.arena) > 0 {
			k.views = append(k.views, t.longText(e))
		}
	}
	if len(k.views) > 0 {
		k.texts = k.views
	}
}

// add takes a key by its text, which must not change as long as the batch is in use.
func (k *keyBatch) add(text string, kind uint64, exact bool) {
	k.keys = append(k.keys, entryOf(text, kind))
	k.views = append(k.views, text)
	k.texts = k.views
	k.loose = append(k.loose, !exact)
	if !exact || k.inexact != nil {
		k.inexact = k.loose
	}
}

// entryOf is the entry of a text.
func entryOf(text string, kind uint64) entry {
	a, b := headOf(text)
	e := entry{a: a, b: b, size: uint64(len(text))<<1 | kind}
	if e.short() {
		e.hash = hashShort(a, b, e.size)
	} else {
		e.hash = hashLong(text, a, b, e.size)
	}
	return e
}

// bucket is the bucket of all keys, if they are of the same and not none.
func (k *keyBatch) bucket(depth int) (b int, ok bool) {
	if len(k.keys) == 0 {
		return 0, false
	}
	b = bucketOf(k.keys[0].hash, depth)
	for i := range k.keys {
		if bucketOf(k.keys[i].hash, depth) != b {
			return 0, false
		}
	}
	return b, true
}

// arrange takes the keys of another batch in a new order.
func (k *keyBatch) arrange(from *keyBatch, order []int32) {
	k.reset(len(order))
	k.keys = gather(k.keys, from.keys, order)
	if from.texts != nil {
		k.views = gather(k.views, from.texts, order)
		k.texts = k.views
	}
	if from.inexact != nil {
		k.loose = gather(k.loose, from.inexact, order)
		k.inexact = k.loose
	}
}

// slice is a view of keys lo to hi.
func (k *keyBatch) slice(lo, hi int) keyBatch {
	s := keyBatch{keys: k.keys[lo:hi], originals: k.originals, lo: k.lo + lo}
	if k.texts != nil {
		s.texts = k.texts[lo:hi]
	}
	if k.inexact != nil {
		s.inexact = k.inexact[lo:hi]
	}
	return s
}

// original gives key i as the record had it, nil if its entry gives it back.
func (k *keyBatch) original(i int) starlark.Value {
	if k.inexact == nil || !k.inexact[i] {
		return nil
	}
	return keep(k.originals.At(k.lo + i))
}

// appendCanonical appends canonical key i.
func (k *keyBatch) appendCanonical(dst []byte, i int) []byte {
	e, text := &k.keys[i], ""
	if !e.short() {
		text = k.texts[i]
	}
	return e.appendCanonical(dst, text)
}
