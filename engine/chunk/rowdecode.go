package chunk

import (
	"math"
	"math/big"

	"go.starlark.net/lib/time"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
)

// A rowDecoder reads what a rowEncoder wrote; bytes from outside cannot make it allocate more than a fixed
// multiple of their length, nest deeply, or build what Starlark could not. Strings are views of the bytes.
type rowDecoder struct {
	reader
	budget     uint64           // elements that may still be claimed: each takes a byte, so nesting cannot multiply claims
	containers []starlark.Value // by number; nil for a struct or set that is not complete
	shape
	mutable int // containers[mutable-1] is the innermost open list or dict; 0: none
	inKey   int // how many keys of dicts or sets surround the value
}

// row reads one value.
func (d *rowDecoder) row(depth int) starlark.Value {
	clear(d.containers)
	d.containers, d.mutable, d.inKey = d.containers[:0], 0, 0
	d.reset()
	return d.value(depth)
}

func (d *rowDecoder) bad() starlark.Value {
	d.fail()
	return starlark.None
}

func (d *rowDecoder) value(depth int) starlark.Value {
	switch tag := d.byte(); {
	case tag < mpFixMap:
		return starlark.MakeInt(int(tag))
	case tag < mpFixArray:
		return d.dict(int(tag-mpFixMap), depth)
	case tag < mpFixStr:
		return d.tuple(int(tag-mpFixArray), depth)
	case tag < mpNil:
		return starlark.String(d.view(int(tag - mpFixStr)))
	case tag >= mpNegFix:
		return starlark.MakeInt(int(int8(tag)))
	default:
		return d.tagged(tag, depth)
	}
}

func (d *rowDecoder) tagged(tag byte, depth int) starlark.Value {
	switch tag {
	case mpNil:
		return starlark.None
	case mpFalse, mpTrue:
		return starlark.Bool(tag == mpTrue)
	case mpFloat64:
		return starlark.Float(math.Float64frombits(d.bigEndian(8)))
	case mpUint8, mpUint16, mpUint32, mpUint64:
		return starlark.MakeUint64(d.bigEndian(1 << (tag - mpUint8)))
	case mpInt8, mpInt16, mpInt32, mpInt64:
		size := 1 << (tag - mpInt8)
		unused := 64 - 8*size
		return starlark.MakeInt64(int64(d.bigEndian(size)<<unused) >> unused)
	case mpStr8, mpStr8 + 1, mpStr8 + 2:
		return starlark.String(d.view(d.size(1 << (tag - mpStr8))))
	case mpBin8, mpBin8 + 1, mpBin8 + 2:
		return starlark.Bytes(d.view(d.size(1 << (tag - mpBin8))))
	case mpArray16, mpArray32:
		return d.tuple(d.size(2<<(tag-mpArray16)), depth)
	case mpMap16, mpMap32:
		return d.dict(d.size(2<<(tag-mpMap16)), depth)
	case mpExt8, mpExt8 + 1, mpExt8 + 2:
		return d.extension(d.size(1<<(tag-mpExt8)), depth)
	case mpFixExt4:
		return d.extension(4, depth)
	case mpFixExt8:
		return d.extension(8, depth)
	}
	return d.bad()
}

// size is a length or count written in so many bytes.
func (d *rowDecoder) size(width int) int {
	n := d.bigEndian(width)
	if n > uint64(len(d.rest)) {
		d.fail()
		return 0
	}
	return int(n)
}

// start notes that a container begins. It fails if there cannot be one of so many elements, so deep.
func (d *rowDecoder) start(n, depth int, v starlark.Value) (number int, ok bool) {
	if depth >= MaxDepth || n > len(d.rest) || uint64(n) > d.budget {
		d.fail()
		return 0, false
	}
	d.budget -= uint64(n)
	d.containers = append(d.containers, v)
	return d.begin(n, depth), true
}

// open notes that a list or dict takes elements; close takes what it returned.
func (d *rowDecoder) open(number int) (outer int) {
	outer, d.mutable = d.mutable, number+1
	return outer
}

func (d *rowDecoder) close(number, outer int) {
	d.mutable = outer
	d.end(number)
}

// elements reads into s, of which every element must be a value already.
func (d *rowDecoder) elements(s []starlark.Value, depth int) {
	for i := range s {
		if s[i] = d.value(depth + 1); d.failed {
			return
		}
	}
}

func (d *rowDecoder) key(depth int) starlark.Value {
	d.inKey++
	k := d.value(depth)
	d.inKey--
	return k
}

// tuple reads a tuple. The empty one is no container: it has no identity.
func (d *rowDecoder) tuple(n, depth int) starlark.Value {
	if n == 0 {
		if depth >= MaxDepth {
			d.fail()
		}
		return starlark.Tuple{}
	}
	if n > len(d.rest) {
		return d.bad()
	}
	t := make(starlark.Tuple, n)
	for i := range t {
		t[i] = starlark.None
	}
	number, ok := d.start(n, depth, t)
	if !ok {
		return starlark.None
	}
	d.elements(t, depth)
	d.end(number)
	return t
}

func (d *rowDecoder) list(depth int) starlark.Value {
	n := d.arrayHead()
	l := new(starlark.List)
	number, ok := d.start(n, depth, l)
	if !ok {
		return starlark.None
	}
	outer := d.open(number)
	for range n {
		_ = l.Append(d.value(depth + 1)) // cannot fail, the list is new
		if d.failed {
			return starlark.None
		}
	}
	d.close(number, outer)
	return l
}

func (d *rowDecoder) dict(n, depth int) starlark.Value {
	dict := starlark.NewDict(min(n, maxPresize))
	number, ok := d.start(n, depth, dict)
	if !ok {
		return starlark.None
	}
	outer := d.open(number)
	for range n {
		k, v := d.key(depth+1), starlark.Value(nil)
		if v = d.value(depth + 1); d.failed {
			return starlark.None
		}
		if dict.SetKey(k, v) != nil {
			return d.bad()
		}
	}
	if dict.Len() != n {
		return d.bad()
	}
	d.close(number, outer)
	return dict
}

// maxPresize bounds the room that is made for entries before they were seen: an entry takes 60 times the memory
// of the 2 bytes that claim it.
const maxPresize = 64

func (d *rowDecoder) set(depth int) starlark.Value {
	n := d.arrayHead()
	set := starlark.NewSet(min(n, maxPresize))
	number, ok := d.start(n, depth, nil)
	if !ok {
		return starlark.None
	}
	for range n {
		if k := d.key(depth + 1); d.failed || set.Insert(k) != nil {
			return d.bad()
		}
	}
	if set.Len() != n {
		return d.bad()
	}
	d.containers[number] = set
	d.end(number)
	return set
}

func (d *rowDecoder) structure(depth int) starlark.Value {
	number, ok := d.start(0, depth, nil)
	if !ok {
		return starlark.None
	}
	constructor := d.value(depth + 1)
	n := d.mapHead()
	if d.failed || n > len(d.rest) || uint64(n) > d.budget {
		return d.bad()
	}
	d.budget -= uint64(n)
	fields := make([]starlark.Tuple, n)
	for i := range fields {
		name, ok := d.value(depth + 1).(starlark.String)
		if !ok || i > 0 && name <= fields[i-1][0].(starlark.String) {
			return d.bad()
		}
		fields[i] = starlark.Tuple{name, d.value(depth + 1)}
	}
	if d.failed {
		return starlark.None
	}
	s := starlarkstruct.FromKeywords(constructor, fields)
	d.containers[number] = s
	d.end(number)
	return s
}

// arrayHead is the number of elements in the array of a list or set.
func (d *rowDecoder) arrayHead() int {
	switch tag := d.byte(); {
	case mpFixArray <= tag && tag < mpFixStr:
		return int(tag - mpFixArray)
	case tag == mpArray16 || tag == mpArray32:
		return d.size(2 << (tag - mpArray16))
	}
	d.fail()
	return 0
}

func (d *rowDecoder) mapHead() int {
	switch tag := d.byte(); {
	case mpFixMap <= tag && tag < mpFixArray:
		return int(tag - mpFixMap)
	case tag == mpMap16 || tag == mpMap32:
		return d.size(2 << (tag - mpMap16))
	}
	d.fail()
	return 0
}

// extension reads an extension of n bytes after its kind; it must use up all of them.
func (d *rowDecoder) extension(n, depth int) starlark.Value {
	kind, end := d.byte(), len(d.rest)-n
	if end < 0 {
		return d.bad()
	}
	var v starlark.Value
	switch kind {
	case extList:
		v = d.list(depth)
	case extSet:
		v = d.set(depth)
	case extStruct:
		v = d.structure(depth)
	default:
		v = d.flat(kind, d.take(n), depth)
	}
	if len(d.rest) != end {
		return d.bad()
	}
	return v
}

// flat reads an extension that holds no other values.
func (d *rowDecoder) flat(kind byte, body []byte, depth int) starlark.Value {
	r := reader{rest: body}
	var v starlark.Value
	switch kind {
	case extInt:
		v = readBigInt(&r)
	case extTime:
		v = readTime(&r)
	case extDuration:
		v = time.Duration(r.bigEndian(8))
	case extRange:
		v = readRange(&r)
	case extRef:
		v = d.ref(r.bigEndian(4), depth)
	default:
		r.fail()
	}
	if r.failed || len(r.rest) > 0 || v == nil {
		d.failWith(r.cause)
		return starlark.None
	}
	return v
}

// ref gives a container that began before. One that is not complete may be meant only where a cycle can be: in
// a list or dict inside it, and not in a key.
func (d *rowDecoder) ref(number uint64, depth int) starlark.Value {
	if number >= uint64(len(d.containers)) {
		return nil
	}
	n := int(number)
	if open := !d.extents[n].complete; open && (d.inKey > 0 || d.mutable <= n) || !d.refer(n, depth) {
		return nil
	}
	return d.containers[n]
}

func readBigInt(r *reader) starlark.Value {
	negative := r.byte()
	i := new(big.Int).SetBytes(r.take(len(r.rest)))
	if negative > 1 || i.IsUint64() && negative == 0 {
		r.fail()
	}
	if negative == 1 {
		i.Neg(i)
	}
	return starlark.MakeBigInt(i)
}

func readRange(r *reader) starlark.Value {
	start, stop, step := int64(r.bigEndian(8)), int64(r.bigEndian(8)), int64(r.bigEndian(8))
	v, err := makeRange(start, stop, step)
	if err != nil {
		r.fail()
	}
	return v
}
