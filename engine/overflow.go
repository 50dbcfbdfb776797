package engine

import (
	"errors"
	"fmt"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/spill"
)

// An overflow is the part of an edge, or of a step's result, that is kept encoded in the store.
type overflow struct {
	store       spill.Store
	name        string
	limit       int64 // bytes that an unbounded edge holds in memory before it spills
	compression chunk.Compression
	first, last int64 // sequence numbers of the chunks that wait: first <= n < last
	buf         []byte
}

func (o *overflow) id(n int64) string { return fmt.Sprintf("%s/%d", o.name, n) }

// takes says whether a batch, with which so many bytes would wait, goes to the store: once one is there, all later
// ones follow it.
func (o *overflow) takes(bytes int64) bool { return o.first < o.last || bytes > o.limit }

// push stores a batch, as several chunks if it is too large for one.
func (o *overflow) push(b *chunk.Batch) error {
	var err error
	o.buf, err = chunk.Append(o.buf[:0], chunk.ID{Sequence: uint64(o.last)}, b, chunk.Options{Compression: o.compression})
	if errors.Is(err, chunk.ErrTooLarge) && b.N > 1 {
		if err := o.push(part(b, 0, b.N/2)); err != nil {
			return err
		}
		return o.push(part(b, b.N/2, b.N))
	}
	if err != nil {
		return err
	}
	if err := o.store.Put(o.id(o.last), o.buf); err != nil {
		return err
	}
	o.last++
	return nil
}

func part(b *chunk.Batch, lo, hi int) *chunk.Batch {
	p := &chunk.Batch{Column: b.Slice(lo, hi), Base: b.Base}
	if len(b.Lanes) > 0 {
		p.Lanes = b.Lanes[lo:hi]
	}
	return p
}

// pop removes the first batch, nil if there is none.
func (o *overflow) pop() (*chunk.Batch, error) {
	if o.first == o.last {
		return nil, nil
	}
	b, err := o.at(o.first)
	if err != nil {
		return nil, err
	}
	err = o.store.Delete(o.id(o.first))
	o.first++
	return b, err
}

// at reads batch n and leaves it where it is.
func (o *overflow) at(n int64) (*chunk.Batch, error) {
	data, err := o.store.Get(o.id(n), nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.id(n), err)
	}
	b := new(chunk.Batch)
	if _, err := chunk.Decode(data, b); err != nil {
		return nil, fmt.Errorf("%s: %w", o.id(n), err)
	}
	return b, nil
}
