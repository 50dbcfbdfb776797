package operator

import (
	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/value"
)

// Buckets is the number of parts that Groups divides its keys into, by hash.
const Buckets = 64

const (
	bucketBits = 6
	// maxDepth is how often a bucket may be divided again: the hash has no more bits.
	maxDepth = 9
)

// bucketOf is the bucket of a key in a table that was divided depth times.
func bucketOf(hash uint64, depth int) int {
	return int(hash << (bucketBits * depth) >> (64 - bucketBits))
}

// Routed is a run of records divided by bucket, in their order within each. It is filled by Groups.Route and
// emptied by Groups.Add; the zero Routed is ready for use and is reused without allocating. Its strings are
// views of what the records' were.
//
// It is used by one goroutine at a time, but for Add, which only reads it.
type Routed struct {
	records Keyed
	keys    keyColumn
	ends    [Buckets]int
	order   []int32
	hashes  []uint64
	route   []uint64 // hashes in the order of arrival
	key     []byte
}

// span gives the places of a bucket's records.
func (r *Routed) span(bucket int) (lo, hi int) {
	if bucket > 0 {
		lo = r.ends[bucket-1]
	}
	return lo, r.ends[bucket]
}

// Len is the number of records that go to a bucket.
func (r *Routed) Len(bucket int) int {
	lo, hi := r.span(bucket)
	return hi - lo
}

// fill divides records. Of an error, a *RecordError, the records before it are divided all the same.
func (r *Routed) fill(in *Keyed, keys *keyColumn, depth int) error {
	n, err := r.hash(keys)
	if err != nil {
		err = &RecordError{Ordinal: in.Ordinals[n], Err: err}
	}
	r.arrange(n, depth)
	r.gather(in, keys)
	return err
}

// hash takes the hashes of all keys up to one that is in error.
func (r *Routed) hash(keys *keyColumn) (n int, err error) {
	r.route = r.route[:0]
	for i := range keys.N {
		switch {
		case keys.canonical:
			r.key = append(r.key[:0], keys.Strings[i]...)
		case keys.Kind == chunk.String:
			r.key = value.AppendKeyString(r.key[:0], keys.Strings[i])
		default:
			if r.key, _, err = appendKey(r.key[:0], keys.Column, i); err != nil {
				return i, err
			}
		}
		r.route = append(r.route, value.HashKey(r.key))
	}
	return keys.N, nil
}

// arrange orders the first n records by bucket.
func (r *Routed) arrange(n, depth int) {
	var next [Buckets]int
	for _, h := range r.route[:n] {
		next[bucketOf(h, depth)]++
	}
	at := 0
	for b, count := range next {
		next[b] = at
		at += count
		r.ends[b] = at
	}
	if cap(r.order) < n {
		r.order, r.hashes = make([]int32, n), make([]uint64, n)
	}
	r.order, r.hashes = r.order[:n], r.hashes[:n]
	for i, h := range r.route[:n] {
		to := &next[bucketOf(h, depth)]
		r.order[*to], r.hashes[*to] = int32(i), h
		*to++
	}
}

// gather copies the records in their new order.
func (r *Routed) gather(in *Keyed, keys *keyColumn) {
	r.records.Keys.Reset()
	r.records.Values.Reset()
	r.records.Ordinals = r.records.Ordinals[:0]
	gatherColumn(&r.records.Keys, keys.Column, r.order)
	if in.Values.Kind != chunk.Empty {
		gatherColumn(&r.records.Values, &in.Values, r.order)
	}
	r.records.Ordinals = gather(r.records.Ordinals, in.Ordinals, r.order)
	r.keys = keyColumn{Column: &r.records.Keys, canonical: keys.canonical, hashes: r.hashes}
	if keys.canonical {
		r.keys.originals = new(chunk.Column)
		gatherColumn(r.keys.originals, keys.originals, r.order)
	}
}

// bucket is a view of the records that go to a bucket.
func (r *Routed) bucket(b int) (Keyed, keyColumn) {
	lo, hi := r.span(b)
	in := Keyed{Keys: r.records.Keys.Slice(lo, hi), Ordinals: r.records.Ordinals[lo:hi]}
	if r.records.Values.Kind != chunk.Empty {
		in.Values = r.records.Values.Slice(lo, hi)
	}
	keys := keyColumn{canonical: r.keys.canonical, hashes: r.keys.hashes[lo:hi]}
	if keys.canonical {
		originals := r.keys.originals.Slice(lo, hi)
		keys.originals = &originals
	}
	return in, keys
}
