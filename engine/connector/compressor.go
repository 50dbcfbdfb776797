package connector

import (
	"cmp"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
)

// writeSize is the size of the pieces in which output reaches compressors and files. It is fixed, so that
// compressed bytes do not depend on how records were cut into batches.
const writeSize = 256 << 10

// newCompressor turns what the encoders of a layout wrote into what its file holds. Levels and block sizes are fixed
// here, and nothing runs on a number of cores: the same text gives the same bytes everywhere. Close ends the stream
// and leaves w open.
func newCompressor(l *layout, w io.Writer) (io.WriteCloser, error) {
	out := &stickyWriter{w: w}
	if l.Format == "parquet" {
		return &compressor{stream: &parquetFile{layout: l, w: out}, out: out}, nil
	}
	stream, err := newCompressedStream(l.Compression, out)
	if err != nil {
		return nil, err
	}
	return &compressor{stream: stream, out: out}, nil
}

func newCompressedStream(name string, w io.Writer) (io.WriteCloser, error) {
	switch name {
	case "gz":
		return gzip.NewWriterLevel(w, 6)
	case "zst":
		return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault),
			zstd.WithWindowSize(4<<20), zstd.WithZeroFrames(true))
	case "xz":
		return xz.NewWriter(w)
	case "lz4":
		z := lz4.NewWriter(w)
		err := z.Apply(lz4.BlockSizeOption(lz4.Block1Mb), lz4.ConcurrencyOption(1), lz4.CompressionLevelOption(lz4.Fast))
		return z, err
	}
	return plainWriter{w}, nil
}

type plainWriter struct{ io.Writer }

func (plainWriter) Close() error { return nil }

// A compressor reports every error of the writer below it, which not every library does.
type compressor struct {
	stream io.WriteCloser
	out    *stickyWriter
}

func (c *compressor) Write(data []byte) (int, error) {
	n, err := c.stream.Write(data)
	return n, cmp.Or(c.out.err, err)
}

func (c *compressor) Close() error {
	err := c.stream.Close()
	return cmp.Or(c.out.err, err)
}

// A stickyWriter remembers the first error.
type stickyWriter struct {
	w   io.Writer
	err error
}

func (s *stickyWriter) Write(data []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.w.Write(data)
	s.err = err
	return n, err
}

// A pieceWriter gathers what is written to it and passes it on in pieces of writeSize, and a last one that may be
// shorter.
type pieceWriter struct {
	w   io.Writer
	buf []byte
}

func (p *pieceWriter) Write(data []byte) (int, error) {
	written := len(data)
	for len(p.buf)+len(data) >= writeSize {
		piece := data[:writeSize-len(p.buf)]
		data = data[len(piece):]
		if len(p.buf) > 0 {
			p.buf = append(p.buf, piece...)
			piece = p.buf
			p.buf = p.buf[:0]
		}
		if _, err := p.w.Write(piece); err != nil {
			return 0, err
		}
	}
	p.buf = append(p.buf, data...)
	return written, nil
}

// flush passes on what is left.
func (p *pieceWriter) flush() error {
	if len(p.buf) == 0 {
		return nil
	}
	_, err := p.w.Write(p.buf)
	p.buf = p.buf[:0]
	return err
}
