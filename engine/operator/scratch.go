package operator

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/host"
)

var (
	pointSpill = host.NewPoint("operator.spill")
	pointLoad  = host.NewPoint("operator.load")
)

// A scratch is an operator's place in the store. It is safe for concurrent use.
type scratch struct {
	Memory
	next    atomic.Uint64
	buffers sync.Pool
}

// A frame is a spilled chunk: columns of as many rows.
type frame struct {
	id   uint64
	rows int
	kind frameKind
	// bytes is what keys and values take in memory, if that was noted.
	bytes int64
	first chunk.Ordinal // of its rows
	// key is that of the first row, if the frame is of a sorted run and noted is set; it is too long otherwise.
	key   string
	noted bool
}

// frameKind says what the values of a frame are.
type frameKind uint8

const (
	frameStates frameKind = iota
	frameRecords
	frameTexts // there are none beside the keys, whose texts are the records, and no ordinals
)

// Bounds of a frame. A merge holds one of each run, so they depend on the share.
const (
	leastFrame = 2 << 10
	mostFrame  = 256 << 10
	frameRows  = 4096
)

func newScratch(m Memory) *scratch {
	return &scratch{Memory: m, buffers: sync.Pool{New: func() any { return new([]byte) }}}
}

// frameBytes is the size that frames should have.
func (s *scratch) frameBytes() int64 { return min(mostFrame, max(leastFrame, s.Share/512)) }

func (s *scratch) fault(p host.Point) error {
	if s.Host == nil {
		return nil
	}
	return s.Host.Fault(p)
}

func (s *scratch) name(id uint64) string { return fmt.Sprintf("%s/%d", s.ID, id) }

// put writes a frame.
func (s *scratch) put(kind frameKind, cols []*chunk.Column, ords []chunk.Ordinal) (frame, error) {
	f := frame{id: s.next.Add(1), rows: len(ords), kind: kind}
	if len(ords) > 0 {
		f.first = ords[0]
	}
	if err := s.fault(pointSpill); err != nil {
		return f, fmt.Errorf("spilling: %w", err)
	}
	buf := s.buffers.Get().(*[]byte)
	defer s.buffers.Put(buf)
	data, err := chunk.AppendFrame((*buf)[:0], s.chunkID(f.id), cols, ords, s.Compression)
	if err != nil {
		return f, fmt.Errorf("state over this operator's share of memory cannot be spilled: %w", err)
	}
	*buf = data
	if err := s.Store.Put(s.name(f.id), data); err != nil {
		return f, fmt.Errorf("spilling: %w", err)
	}
	return f, nil
}

func (s *scratch) chunkID(id uint64) chunk.ID {
	return chunk.ID{Job: s.ID[:min(len(s.ID), chunk.MaxJob)], Sequence: id}
}

// take reads a frame and forgets it.
func (s *scratch) take(f frame, cols []*chunk.Column) ([]chunk.Ordinal, error) {
	ords, err := s.read(f, cols)
	if err != nil {
		return nil, err
	}
	return ords, s.Store.Delete(s.name(f.id))
}

// read reads a frame and leaves it where it is.
func (s *scratch) read(f frame, cols []*chunk.Column) ([]chunk.Ordinal, error) {
	if err := s.fault(pointLoad); err != nil {
		return nil, fmt.Errorf("reading spilled state: %w", err)
	}
	name := s.name(f.id)
	buf := s.buffers.Get().(*[]byte)
	defer s.buffers.Put(buf)
	data, err := s.Store.Get(name, (*buf)[:0])
	if err != nil {
		return nil, fmt.Errorf("reading spilled chunk %s: %w", name, err)
	}
	*buf = data
	ords, err := chunk.DecodeFrame(data, cols)
	if err == nil && f.rows != unknownRows && f.kind != frameTexts && len(ords) != f.rows {
		err = fmt.Errorf("%w: %d rows instead of %d", chunk.ErrCorrupt, len(ords), f.rows)
	}
	if err != nil {
		return nil, fmt.Errorf("reading spilled chunk %s: %w", name, err)
	}
	return ords, nil
}

// drop forgets frames that are not wanted any more.
func (s *scratch) drop(frames []frame) error {
	var errs []error
	for _, f := range frames {
		errs = append(errs, s.Store.Delete(s.name(f.id)))
	}
	return errors.Join(errs...)
}
