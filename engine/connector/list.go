package connector

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/host"
	"go.starlark.net/starlark"
)

const (
	// listRun is how many values of a list are one block, if nobody says otherwise.
	listRun = 4096
	// listSplits is how many splits a list has, if nobody says how large they are: what is done with a value may take long.
	listSplits = 64
)

// A listSource reads the values of an iterable. The iterable is frozen, so it can be walked more than once and
// by several goroutines.
type listSource struct {
	values starlark.Iterable
	run    int   // values in a block
	split  int64 // values in a split; 0: so many that there are listSplits
}

// NewList makes a source of the values of an iterable, read as they are needed: the elements of a list, tuple,
// set or range, the (key, value) pairs of a dict. The iterable and its values are frozen. A value that cannot be
// iterated is an error. A block holds run values, by default 4096; a split holds split values, or by default a 64th.
func NewList(values starlark.Value, run int, split int64, _ *host.Host) (Source, error) {
	iterable, ok := values.(starlark.Iterable)
	if !ok {
		if _, ok := values.(starlark.String); ok {
			return nil, errors.New("from_enumerable: a str is one value, not many; write [s], s.elems() or s.splitlines()")
		}
		return nil, fmt.Errorf("from_enumerable: want a list, tuple, dict, set or range, not %s", values.Type())
	}
	values.Freeze()
	if run <= 0 {
		run = listRun
	}
	return &listSource{iterable, run, split}, nil
}

// Splits implements Source. An iterable whose length is not known is one split.
func (s *listSource) Splits(context.Context) ([]Split, error) {
	sequence, ok := s.values.(starlark.Sequence)
	if !ok {
		return []Split{{End: -1}}, nil
	}
	n := int64(sequence.Len())
	size := max(s.split, (n+maxSplits-1)/maxSplits)
	if s.split == 0 {
		size = (n + listSplits - 1) / listSplits
	}
	splits := []Split{{End: min(n, size)}}
	for start := size; start < n; start += size {
		splits = append(splits, Split{Index: len(splits), Start: start, End: min(n, start+size)})
	}
	return splits, nil
}

// Open implements Source.
func (s *listSource) Open(ctx context.Context, splits []Split) (Reader, error) {
	r := &listReader{ctx: ctx, run: s.run, splits: splits, values: s.values.Iterate()}
	r.mapping, _ = s.values.(starlark.IterableMapping)
	if indexed, ok := s.values.(starlark.Indexable); ok {
		r.indexed = indexed
	}
	return r, nil
}

// A listReader cuts a list into runs.
type listReader struct {
	ctx     context.Context
	splits  []Split // still to be read
	values  starlark.Iterator
	mapping starlark.Mapping   // where values are its keys; nil for others
	indexed starlark.Indexable // what values are the elements of; nil: they are only iterated
	at      int64              // how many values were passed
	run     int
}

// Next implements Reader.
func (r *listReader) Next() (*Block, error) {
	if err := r.ctx.Err(); err != nil {
		return nil, err
	}
	for ; len(r.splits) > 0; r.splits = r.splits[1:] {
		b, err := r.block(&r.splits[0])
		if b.Values.N > 0 || err != nil {
			return b, err
		}
	}
	return nil, io.EOF
}

// block reads the next values of a split; none are left if there are none.
func (r *listReader) block(split *Split) (*Block, error) {
	if err := r.skip(split.Start); err != nil {
		return nil, err
	}
	b := &Block{Split: split, Base: base(split, r.at), Offset: r.at}
	for b.Values.N < r.run && (split.End < 0 || r.at < split.End) {
		v, ok, err := r.record()
		if err != nil {
			return nil, fmt.Errorf("from_enumerable: value %d: %w", r.at, err)
		}
		if !ok {
			break
		}
		v.Freeze()
		b.Values.Append(v)
		r.at++
	}
	return b, nil
}

// skip passes values up to an index.
func (r *listReader) skip(to int64) error {
	if r.indexed != nil {
		r.at = max(r.at, to)
		return nil
	}
	for r.at < to {
		if _, ok, err := r.record(); err != nil || !ok {
			return err
		}
		r.at++
	}
	return nil
}

// record is the next value, paired with what the mapping has for it.
func (r *listReader) record() (v starlark.Value, ok bool, err error) {
	if r.indexed != nil {
		if r.at >= int64(r.indexed.Len()) {
			return nil, false, nil
		}
		return r.indexed.Index(int(r.at)), true, nil
	}
	if !r.values.Next(&v) {
		return nil, false, nil
	}
	if r.mapping == nil {
		return v, true, nil
	}
	of, _, err := r.mapping.Get(v)
	return starlark.Tuple{v, of}, true, err
}

// Close implements Reader.
func (r *listReader) Close() error {
	if r.values != nil {
		r.values.Done()
		r.values = nil
	}
	return nil
}

// NewDecoder implements Source.
func (s *listSource) NewDecoder() Decoder { return listDecoder{} }

// A listDecoder copies the values of a block, which need no decoding.
type listDecoder struct{}

// Decode implements Decoder.
func (listDecoder) Decode(b *Block, out *chunk.Batch, _ func(*RecordError) error) error {
	out.Reset()
	out.Base = b.Base
	out.Origin = &chunk.Origin{Base: b.Offset}
	for i := range b.Values.N {
		out.AppendFrom(&b.Values, i)
	}
	return nil
}
