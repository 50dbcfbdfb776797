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

// listRun is how many values of a list are one block, if nobody says otherwise.
const listRun = 4096

// A listSource reads the values of an iterable. The iterable is frozen, so it can be walked more than once and
// by several goroutines.
type listSource struct {
	values starlark.Iterable
	run    int // values in a block
}

// NewList makes a source of the values of an iterable, read as they are needed: the elements of a list, tuple,
// set or range, the (key, value) pairs of a dict. The iterable and its values are frozen. A value that cannot be
// iterated is an error. A block holds run values, by default 4096.
func NewList(values starlark.Value, run int, _ *host.Host) (Source, error) {
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
	return &listSource{iterable, run}, nil
}

// Splits implements Source: a list is one split.
func (s *listSource) Splits(context.Context) ([]Split, error) {
	end := int64(-1)
	if sequence, ok := s.values.(starlark.Sequence); ok {
		end = int64(sequence.Len())
	}
	return []Split{{End: end}}, nil
}

// Open implements Source.
func (s *listSource) Open(ctx context.Context, splits []Split) (Reader, error) {
	r := &listReader{ctx: ctx, run: s.run}
	if len(splits) > 0 {
		r.split, r.values = &splits[0], s.values.Iterate()
		r.mapping, _ = s.values.(starlark.IterableMapping)
	}
	return r, nil
}

// A listReader cuts a list into runs.
type listReader struct {
	ctx     context.Context
	split   *Split
	values  starlark.Iterator
	mapping starlark.Mapping // where values are its keys; nil for others
	at      int64
	run     int
}

// Next implements Reader.
func (r *listReader) Next() (*Block, error) {
	if err := r.ctx.Err(); err != nil {
		return nil, err
	}
	if r.values == nil {
		return nil, io.EOF
	}
	b := &Block{Split: r.split, Base: base(r.split, r.at), Offset: r.at}
	for b.Values.N < r.run {
		v, ok, err := r.record()
		if err != nil {
			return nil, fmt.Errorf("from_enumerable: value %d: %w", r.at+int64(b.Values.N), err)
		}
		if !ok {
			break
		}
		v.Freeze()
		b.Values.Append(v)
	}
	if b.Values.N == 0 {
		return nil, io.EOF
	}
	r.at += int64(b.Values.N)
	return b, nil
}

// record is the next value, paired with what the mapping has for it.
func (r *listReader) record() (v starlark.Value, ok bool, err error) {
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
