package chunk

import (
	"cmp"
	"encoding/binary"
	"math"
	"unsafe"
)

// A reader takes bytes apart from the front. After the first failure everything fails and gives zeros, so that
// decoders check once, before they believe a count.
type reader struct {
	rest   []byte
	failed bool
	cause  error // what failed, if not the form of the bytes
}

func (r *reader) fail() { r.failed, r.rest = true, nil }

func (r *reader) failWith(err error) {
	r.fail()
	r.cause = cmp.Or(r.cause, err)
}

// take cuts off n bytes; nil after a failure.
func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.rest) {
		r.fail()
		return nil
	}
	head := r.rest[:n:n]
	r.rest = r.rest[n:]
	return head
}

// view is take as a string that shares memory with the bytes. They are never written to again.
func (r *reader) view(n int) string {
	b := r.take(n)
	return unsafe.String(unsafe.SliceData(b), len(b))
}

func (r *reader) byte() byte {
	if len(r.rest) == 0 {
		r.fail()
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

func (r *reader) uvarint() uint64 {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

func (r *reader) varint() int64 {
	n := r.uvarint()
	return int64(n>>1) ^ -int64(n&1)
}

func (r *reader) uint32() uint32 { return uint32(r.upTo(math.MaxUint32)) }

// upTo is a number that is at most limit.
func (r *reader) upTo(limit uint32) int {
	n := r.uvarint()
	if n > uint64(limit) {
		r.fail()
		return 0
	}
	return int(n)
}

// bigEndian is an unsigned number of size bytes.
func (r *reader) bigEndian(size int) (n uint64) {
	for _, b := range r.take(size) {
		n = n<<8 | uint64(b)
	}
	return n
}

// string is a length and as many bytes.
func (r *reader) string() string { return r.view(r.upTo(math.MaxUint32)) }

func appendString(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}
