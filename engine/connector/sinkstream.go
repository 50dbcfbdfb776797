package connector

import "io"

// A stream is one output as text: the heading, rows in the order of its columns, and for tables their alignment.
type stream struct {
	heading
	aligner *aligner // nil but for tables
	w       io.Writer
	bytes   int64
	scratch []byte
}

func newStream(l *layout, w io.Writer) *stream {
	s := &stream{heading: heading{layout: l}, w: w}
	if l.Format == "table" {
		s.aligner = &aligner{w: w}
		s.w = s.aligner
	}
	return s
}

// write puts out a part.
func (s *stream) write(part *EncodedPart) error {
	row, err := s.admit(part)
	if err != nil {
		return err
	}
	if err := s.head(row); err != nil {
		return err
	}
	data := s.reorder(part, s.scratch)
	if len(part.Data) > 0 && len(data) > 0 && &data[0] != &part.Data[0] {
		s.scratch = data
	}
	return s.text(data)
}

// finish puts out what is still held.
func (s *stream) finish() error {
	if err := s.head(s.last()); err != nil || s.aligner == nil {
		return err
	}
	return s.aligner.flush()
}

func (s *stream) head(row []byte) error {
	if len(row) > 0 && s.aligner != nil {
		s.aligner.heading = true
	}
	return s.text(row)
}

func (s *stream) text(data []byte) error {
	if len(data) == 0 {
		return nil
	}
	s.bytes += int64(len(data))
	_, err := s.w.Write(data)
	return err
}
