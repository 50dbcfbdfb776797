package connector

import (
	"context"
	"io"

	"github.com/flowsh/flowsh/engine/chunk"
)

// A fileReader reads runs of splits, file after file.
type fileReader struct {
	ctx    context.Context
	source *fileSource
	runs   [][]Split
	run    blockReader
	err    error
}

// A blockReader reads one run of splits of one file.
type blockReader interface {
	next() (*Block, error)
	close() error
}

// Next implements Reader.
func (r *fileReader) Next() (*Block, error) {
	for r.err == nil {
		if r.err = r.ctx.Err(); r.err != nil {
			break
		}
		if r.run == nil && !r.open() {
			break
		}
		b, err := r.run.next()
		if err == nil {
			return b, nil
		}
		if err != io.EOF {
			r.err = err
			break
		}
		r.err = r.Close()
	}
	return nil, r.err
}

// open begins the next run.
func (r *fileReader) open() bool {
	if len(r.runs) == 0 {
		r.err = io.EOF
		return false
	}
	r.run, r.err = r.source.openRun(r.ctx, r.runs[0])
	r.runs = r.runs[1:]
	return r.err == nil
}

// Close implements Reader.
func (r *fileReader) Close() error {
	if r.run == nil {
		return nil
	}
	err := r.run.close()
	r.run = nil
	return err
}

// openRun opens the file of some adjacent splits and goes to the first record that begins in them.
func (s *fileSource) openRun(ctx context.Context, splits []Split) (blockReader, error) {
	in, err := s.openInput(ctx, &splits[0])
	if err != nil {
		return nil, err
	}
	var run blockReader
	if s.spec.Format == "text" {
		run = &textReader{source: s, split: &splits[0], in: in}
	} else {
		run, err = s.newRun(ctx, splits, in)
	}
	if err != nil {
		in.release()
		return nil, err
	}
	return run, nil
}

// base is the position of an offset in the file that a split belongs to.
func base(split *Split, offset int64) uint64 {
	return uint64(split.Input)<<chunk.PositionBits + uint64(offset)
}

// A textReader gives the whole text of a file as one block.
type textReader struct {
	source *fileSource
	split  *Split
	in     *input
	done   bool
}

func (r *textReader) close() error { return r.in.close() }

func (r *textReader) next() (*Block, error) {
	if r.done {
		return nil, io.EOF
	}
	r.done = true
	limit := r.source.mostRecord()
	data, err := io.ReadAll(io.LimitReader(r.in.text, limit+1))
	if err != nil {
		return nil, r.in.failed(err)
	}
	if int64(len(data)) > limit {
		return nil, r.in.at(0, r.source.tooLong())
	}
	if err := r.in.unchanged(); err != nil {
		return nil, err
	}
	b := &Block{Split: r.split, Base: base(r.split, 0), Data: data, Read: r.in.progress(), held: int64(cap(data)), line: 1}
	if r.source.spec.Origin {
		b.Line = 1
	}
	return b, nil
}
