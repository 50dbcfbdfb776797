package operator

import "github.com/flowsh/flowsh/engine/chunk"

// Ordinal is the ordinal of record i.
func (k *Keyed) Ordinal(i int) chunk.Ordinal {
	if k.Batch == nil {
		return k.Ordinals[i]
	}
	i += k.from
	o := chunk.Ordinal{Position: k.Batch.Base + uint64(k.Batch.RelativeAt(i))}
	if len(k.Batch.Lanes) > 0 {
		o.Lane = k.Batch.Lanes[i]
	}
	if len(k.Batch.Relative) > 0 {
		o.Sibling = uint32(i - firstOfEqual(k.Batch.Relative, i))
	}
	return o
}

// ascending reports whether the ordinals are known to ascend without looking at them.
func (k *Keyed) ascending() bool { return k.Batch != nil && len(k.Batch.Lanes) == 0 }

// part is the values and ordinals of records lo to hi.
func (k *Keyed) part(lo, hi int) Keyed {
	p := Keyed{Values: k.Values, Batch: k.Batch, from: k.from + lo}
	if k.Batch == nil {
		p.Ordinals = k.Ordinals[lo:hi]
	}
	if k.Values.N >= hi {
		p.Values = k.Values.Slice(lo, hi)
	}
	return p
}

// expand gives the same records with Ordinals, for which it uses the memory of buf.
func (k *Keyed) expand(buf *[]chunk.Ordinal) *Keyed {
	if k.Batch == nil {
		return k
	}
	*buf = k.Batch.FirstOrdinals((*buf)[:0], k.Keys.N)
	return &Keyed{Keys: k.Keys, Values: k.Values, Ordinals: *buf}
}

// firstOfEqual is the index of the first of the numbers equal to number i among numbers that never decrease. There
// are mostly few, so it looks back in steps that double and then halve.
func firstOfEqual(numbers []uint32, i int) int {
	step := 1
	for i >= step && numbers[i-step] == numbers[i] {
		i -= step
		step *= 2
	}
	for ; step > 0; step /= 2 {
		if i >= step && numbers[i-step] == numbers[i] {
			i -= step
		}
	}
	return i
}
