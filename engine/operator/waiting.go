package operator

import (
	"unsafe"

	"github.com/flowsh/flowsh/engine/chunk"
)

// Records of keys that do not repeat are bound by cache misses, for the tables of all buckets together are larger
// than any cache. So the records that go to a bucket wait until there are some hundreds, which are folded at once.
//
// A waiting holds records by bucket, with their ordinals and, of values, at most a number for each.
type waiting struct {
	rows    int // that a bucket takes
	kind    chunk.Kind
	buckets []waitingBucket
	long    int64 // capacity of the arenas
}

type waitingBucket struct {
	keys   []entry // b is where a long text stands in arena
	ords   []chunk.Ordinal
	ints   []int64
	floats []float64
	arena  []byte
	held   int64 // capacity of arena, as counted
}

const (
	mostWaiting  = 500 // records of a bucket; not a power of two, or all buckets would use the same cache sets
	leastWaiting = 30
	waitingArena = 64 << 10
	sizeWaiting  = int64(unsafe.Sizeof(entry{})+unsafe.Sizeof(chunk.Ordinal{})) + 8
)

func (w *waiting) size() int64 { return int64(len(w.buckets)*w.rows)*sizeWaiting + w.long }

// room is how many records of a bucket may wait if all may take so many bytes, 0 if that is not worth it.
func room(bytes int64) int {
	rows := int(min(mostWaiting, bytes/(Buckets*sizeWaiting)))
	if rows < leastWaiting {
		return 0
	}
	return rows
}

// open makes room for records with values of a kind. Nothing waits.
func (w *waiting) open(kind chunk.Kind, rows int) {
	if w.kind == kind && w.rows == rows && w.buckets != nil {
		return
	}
	*w = waiting{rows: rows, kind: kind, buckets: make([]waitingBucket, Buckets)}
	keys, ords := make([]entry, Buckets*rows), make([]chunk.Ordinal, Buckets*rows)
	ints, floats := []int64(nil), []float64(nil)
	switch kind {
	case chunk.Int:
		ints = make([]int64, Buckets*rows)
	case chunk.Float:
		floats = make([]float64, Buckets*rows)
	}
	for b := range w.buckets {
		w.buckets[b] = waitingBucket{
			keys: part(keys, b, rows), ords: part(ords, b, rows), ints: part(ints, b, rows), floats: part(floats, b, rows),
		}
	}
}

// part is an empty slice of its own part of a larger one.
func part[T any](s []T, number, size int) []T {
	if s == nil {
		return nil
	}
	return s[number*size : number*size : (number+1)*size]
}

// add takes key i of a batch, with value at of a column.
func (b *waitingBucket) add(keys *keyBatch, i int, ord chunk.Ordinal, kind chunk.Kind, values *chunk.Column, at int) {
	e := keys.keys[i]
	if !e.short() {
		e.b = uint64(len(b.arena))
		b.arena = append(b.arena, keys.texts[i]...)
	}
	b.keys = append(b.keys, e)
	b.ords = append(b.ords, ord)
	switch kind {
	case chunk.Int:
		b.ints = append(b.ints, values.Ints[at])
	case chunk.Float:
		b.floats = append(b.floats, values.Floats[at])
	}
}

// records gives what waits in the form that tables take; k is scratch.
func (b *waitingBucket) records(k *keyBatch, kind chunk.Kind) Keyed {
	k.reset(0)
	k.keys = b.keys
	if len(b.arena) > 0 {
		for i := range b.keys {
			text := ""
			if e := &b.keys[i]; !e.short() {
				text = view(b.arena[e.b:][:e.length()])
			}
			k.views = append(k.views, text)
		}
		k.texts = k.views
	}
	values := chunk.Column{Kind: kind, N: len(b.keys), Ints: b.ints, Floats: b.floats}
	return Keyed{Values: values, Ordinals: b.ords}
}

func (b *waitingBucket) reset() {
	b.keys, b.ords, b.arena = b.keys[:0], b.ords[:0], b.arena[:0]
	b.ints, b.floats = b.ints[:0], b.floats[:0]
}

// keeps says whether these records can wait, and with what values.
func (p *Partial) keeps(in *Keyed) (kind chunk.Kind, ok bool) {
	if p.g.Ordered || !exactKeys(&in.Keys) || room(p.mostBytes()) == 0 {
		return 0, false
	}
	if p.patient == nil {
		agg, err := p.g.New()
		if err != nil {
			return 0, false
		}
		if p.patient, ok = agg.(patientAggregate); !ok {
			p.patient = impatient{}
		}
	}
	return p.patient.keeps(in.Values.Kind)
}

// impatient stands for an aggregate that does not let records wait.
type impatient struct{}

func (impatient) keeps(chunk.Kind) (chunk.Kind, bool) { return 0, false }

// exactKeys reports whether no key is equal to one that looks different, as 1.0 is to 1.
func exactKeys(c *chunk.Column) bool {
	switch c.Kind {
	case chunk.Null, chunk.Bool, chunk.Int, chunk.String, chunk.Bytes:
		return true
	case chunk.Tuple:
		for f := range c.Fields {
			if !exactKeys(&c.Fields[f]) {
				return false
			}
		}
		return true
	}
	return false
}

// wait lets records wait, with values of a kind. They have Ordinals.
func (p *Partial) wait(in *Keyed, kind chunk.Kind) error {
	w := &p.waiting
	if w.kind != kind {
		if err := p.flushWaiting(); err != nil {
			return err
		}
	}
	if w.buckets == nil || w.kind != kind {
		w.open(kind, room(p.mostBytes()))
	}
	for lo := 0; lo < in.Keys.N; lo += runKeys {
		failed := p.keys.load(&in.Keys, lo, min(lo+runKeys, in.Keys.N))
		for i := range p.keys.keys {
			number := bucketOf(p.keys.keys[i].hash, p.g.depth)
			b := &w.buckets[number]
			b.add(&p.keys, i, in.Ordinals[lo+i], kind, &in.Values, lo+i)
			if len(b.keys) == w.rows || len(b.arena) > waitingArena {
				if err := p.foldWaiting(number); err != nil {
					return err
				}
			}
		}
		if failed != nil {
			return &RecordError{Ordinal: in.Ordinals[lo+len(p.keys.keys)], Err: failed}
		}
	}
	return nil
}

// flushWaiting folds all that waits.
func (p *Partial) flushWaiting() error {
	for number := range p.waiting.buckets {
		if err := p.foldWaiting(number); err != nil {
			return err
		}
	}
	return nil
}

// foldWaiting folds what waits for a bucket.
func (p *Partial) foldWaiting(number int) error {
	b := &p.waiting.buckets[number]
	if len(b.keys) == 0 {
		return nil
	}
	in := b.records(&p.waited, p.waiting.kind)
	if err := p.g.addLocked(&p.g.buckets[number], &in, &p.waited, frameRecords); err != nil {
		return err
	}
	p.waiting.long += int64(cap(b.arena)) - b.held
	b.held = int64(cap(b.arena))
	b.reset()
	return nil
}
