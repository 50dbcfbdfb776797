package operator

import (
	"github.com/flowsh/flowsh/engine/chunk"
)

// Buckets is the number of parts that Groups divides its keys into, by hash.
const Buckets = 64

const (
	bucketBits = 6
	// maxDepth is how often a bucket may be divided again: the hash has no more bits.
	maxDepth = 9
)

// bucketOf is the bucket of a key in a table that was divided depth times. It takes the lowest bits of the hash,
// for tables take the highest.
func bucketOf(hash uint64, depth int) int {
	return int(hash >> (bucketBits * depth) % Buckets)
}

// Routed is a run of records divided by bucket, in their order within each. It is filled by Groups.Route and
// emptied by Groups.Add; the zero Routed is ready for use and is reused without allocating. Its strings are
// views of what the records' were.
//
// It is used by one goroutine at a time, but for Add, which only reads it.
type Routed struct {
	records   Keyed // without Keys
	keys      keyBatch
	loaded    keyBatch // keys in the order of arrival
	originals chunk.Column
	ords      []chunk.Ordinal
	ends      [Buckets]int
	order     []int32
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
func (r *Routed) fill(in *Keyed, depth int) error {
	err := r.loaded.load(&in.Keys, 0, in.Keys.N)
	if err != nil {
		err = &RecordError{Ordinal: in.Ordinal(len(r.loaded.keys)), Err: err}
	}
	r.divide(in.expand(&r.ords), depth)
	return err
}

// divide divides the records whose keys were loaded.
func (r *Routed) divide(in *Keyed, depth int) {
	keys := r.loaded.keys
	if cap(r.order) < len(keys) {
		r.order = make([]int32, len(keys))
	}
	r.order = r.order[:len(keys)]
	r.ends = arrangeByBucket(r.order, keys, depth)
	r.gather(in)
}

// arrangeByBucket gives the indexes of keys by bucket, in their order within each, and the end of each bucket.
func arrangeByBucket(order []int32, keys []entry, depth int) (ends [Buckets]int) {
	var next [Buckets]int
	for i := range keys {
		next[bucketOf(keys[i].hash, depth)]++
	}
	at := 0
	for b, count := range next {
		next[b] = at
		at += count
		ends[b] = at
	}
	for i := range keys {
		to := &next[bucketOf(keys[i].hash, depth)]
		order[*to] = int32(i)
		*to++
	}
	return ends
}

// gather copies the records in their new order.
func (r *Routed) gather(in *Keyed) {
	r.keys.arrange(&r.loaded, r.order)
	if r.keys.inexact != nil {
		r.originals.Reset()
		gatherColumn(&r.originals, r.loaded.originals, r.order)
		r.keys.originals = &r.originals
	}
	r.records.Values.Reset()
	if in.Values.Kind != chunk.Empty {
		gatherColumn(&r.records.Values, &in.Values, r.order)
	}
	r.records.Ordinals = gather(r.records.Ordinals[:0], in.Ordinals, r.order)
}

// bucket is a view of the records that go to a bucket.
func (r *Routed) bucket(b int) (Keyed, keyBatch) {
	lo, hi := r.span(b)
	in := Keyed{Ordinals: r.records.Ordinals[lo:hi]}
	if r.records.Values.Kind != chunk.Empty {
		in.Values = r.records.Values.Slice(lo, hi)
	}
	return in, r.keys.slice(lo, hi)
}
