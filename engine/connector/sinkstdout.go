package connector

import (
	"errors"
	"io"
	"syscall"

	"github.com/flowsh/flowsh/engine/host"
)

// A streamSink writes to stdout, a device or a pipe as the records come: what is out cannot be taken back. A job
// that fails has written a correct prefix.
type streamSink struct {
	*sinkBase
	w      io.Writer // nil: the target is opened at the first write
	file   host.File
	stream *stream
	out    *output // for compressed output
}

func (s *streamSink) begin() error {
	if s.stream != nil {
		return nil
	}
	if s.w == nil {
		f, err := s.open()
		if err != nil {
			return err
		}
		s.w = f
	}
	if !s.layout.converted() {
		s.stream = newStream(s.layout, s.w)
		return nil
	}
	var err error
	if s.out, err = newOutput(s.layout, s.w); err == nil {
		s.stream = s.out.stream
	}
	return err
}

func (s *streamSink) open() (io.Writer, error) {
	if s.layout.Target == "/dev/stderr" {
		return s.host.Stderr, nil
	}
	f, err := s.host.FS.Append(s.layout.Target)
	s.file = f
	return f, err
}

func (s *streamSink) Write(e *Encoded) error {
	if err := s.begin(); err != nil {
		return s.failStream(err)
	}
	for i := range e.Parts {
		if err := s.host.Fault(pointWrite); err != nil {
			return s.failStream(err)
		}
		if err := s.stream.write(&e.Parts[i]); err != nil {
			return s.failStream(err)
		}
	}
	s.records.Add(int64(e.Records))
	s.bytes.Store(s.stream.bytes)
	s.pool.put(e)
	return nil
}

func (s *streamSink) failStream(err error) error {
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe) {
		return ErrClosedOutput
	}
	return s.fail(err)
}

func (s *streamSink) Prepare() error {
	if err := s.begin(); err != nil {
		return s.failStream(err)
	}
	finish := s.stream.finish
	if s.out != nil {
		finish = s.out.finish
	}
	if err := finish(); err != nil {
		return s.failStream(err)
	}
	s.bytes.Store(s.stream.bytes)
	return s.failStream(s.close())
}

func (s *streamSink) Commit() error { return nil }
func (s *streamSink) Abort() error  { return s.failStream(s.close()) }

func (s *streamSink) close() error {
	if s.file == nil {
		return nil
	}
	f := s.file
	s.file = nil
	return f.Close()
}
