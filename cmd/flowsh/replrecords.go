package main

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/flowsh/flowsh/engine/chunk"
)

// Records travel from the head of a job to a prompt as chunks, each behind its length in four bytes, big-endian.

// mostRecords is how many bytes such a chunk has at most.
const mostRecords = 64 << 20

// writeRecords is what a head does with the records of the flow that a prompt asks for.
func writeRecords(w io.Writer) func(records *chunk.Column) error {
	var buf []byte
	var write func(records *chunk.Column) error
	write = func(records *chunk.Column) error {
		var err error
		buf, err = chunk.Append(append(buf[:0], 0, 0, 0, 0), chunk.ID{}, &chunk.Batch{Column: *records}, chunk.Options{})
		if errors.Is(err, chunk.ErrTooLarge) && records.N > 1 {
			first, second := records.Slice(0, records.N/2), records.Slice(records.N/2, records.N)
			return errors.Join(write(&first), write(&second))
		}
		if err != nil {
			return err
		}
		binary.BigEndian.PutUint32(buf, uint32(len(buf)-4))
		_, err = w.Write(buf)
		return err
	}
	return write
}

// A recordReader takes what writeRecords writes, cut anywhere.
type recordReader struct {
	receive func(*chunk.Column) error
	buf     []byte
}

var errRecords = errors.New("the master sends what are no records: is it another version of flowsh?")

// Write implements io.Writer.
func (r *recordReader) Write(data []byte) (int, error) {
	r.buf = append(r.buf, data...)
	for len(r.buf) >= 4 {
		n := int(binary.BigEndian.Uint32(r.buf))
		if n > mostRecords {
			return 0, errRecords
		}
		if len(r.buf) < 4+n {
			break
		}
		var b chunk.Batch
		if _, err := chunk.Decode(r.buf[4:4+n], &b); err != nil {
			return 0, errors.Join(errRecords, err)
		}
		if err := r.receive(&b.Column); err != nil {
			return 0, err
		}
		r.buf = append(r.buf[:0], r.buf[4+n:]...)
	}
	return len(data), nil
}
