package connector

import (
	"bytes"
	"context"
	"io"

	"github.com/flowsh/flowsh/engine/host"
)

// An input is an open file, or standard input.
type input struct {
	file  host.File // nil for stdin
	known *inputFile
	raw   counter
	text  io.Reader // what raw holds, decompressed
	zip   string    // the compression's name, "" for plain text
}

// A counter counts the bytes read through it and remembers the last ones.
type counter struct {
	from     io.Reader
	n        int64
	reported int64
	tail     []byte // the last bytes before any zeros at the end
	zeros    int    // the zeros at the end
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.n += int64(n)
	c.remember(p[:n])
	return n, err
}

const tailLen = 12

func (c *counter) remember(p []byte) {
	body := bytes.TrimRight(p[max(0, len(p)-4*tailLen):], "\x00")
	if len(body) == 0 {
		c.zeros += len(p)
		return
	}
	c.tail = append(c.tail, make([]byte, min(c.zeros, tailLen))...)
	c.tail = append(c.tail, body...)
	c.tail = append(c.tail[:0], c.tail[max(0, len(c.tail)-tailLen):]...)
	c.zeros = min(len(p), 4*tailLen) - len(body)
}

// openInput opens the file of a split at its beginning. A file that is one split is decompressed. Where reading may
// wait for others, it ends with ctx.
func (s *fileSource) openInput(ctx context.Context, split *Split) (*input, error) {
	in := &input{known: s.file(split.File)}
	if split.File == stdin {
		in.raw.from = newInterruptible(ctx, s.host.Stdin, s.host.Clock, s.spec.Linger)
	} else if err := in.open(ctx, s); err != nil {
		return nil, err
	}
	if split.End >= 0 {
		in.text = &in.raw
		return in, nil
	}
	var err error
	in.text, in.zip, err = decompressed(&in.raw)
	if err != nil {
		err = in.failed(err)
		in.release()
		return nil, err
	}
	return in, nil
}

func (in *input) open(ctx context.Context, s *fileSource) error {
	file, err := s.host.FS.Open(in.known.path)
	if err != nil {
		return in.whole(cause(err))
	}
	in.file, in.raw.from = file, file
	info, err := file.Stat()
	if err == nil {
		err = in.known.check(info)
	}
	if err != nil {
		file.Close()
		return in.whole(cause(err))
	}
	if !info.Mode().IsRegular() {
		in.raw.from = newInterruptible(ctx, file, s.host.Clock, s.spec.Linger)
	}
	return nil
}

func (in *input) close() error {
	if c, ok := in.text.(io.Closer); ok {
		c.Close() // releases a decompressor
	}
	if in.file == nil {
		return nil
	}
	return in.file.Close()
}

// release closes an input where another error, or none, is reported: it was only read.
func (in *input) release() { _ = in.close() }

// unchanged compares the file with what it was before.
func (in *input) unchanged() error {
	if in.file == nil {
		return nil
	}
	info, err := in.file.Stat()
	if err == nil {
		err = in.known.check(info)
	}
	if err != nil {
		return in.whole(cause(err))
	}
	return nil
}

// progress is the number of bytes that were read since it was last asked.
func (in *input) progress() int64 {
	n := in.raw.n - in.raw.reported
	in.raw.reported = in.raw.n
	return n
}

func (in *input) name() string { return displayName(in.known.path) }

// whole is an error about the file as such.
func (in *input) whole(err error) error { return &ReadError{File: in.name(), Offset: -1, Err: err} }

// at is an error about a place of the text.
func (in *input) at(offset int64, err error) error {
	e := &ReadError{File: in.name(), Offset: offset, Err: err}
	if in.zip != "" {
		e.Of = DecompressedBytes
	}
	return e
}

// failed is an error of reading on; its offset is that of the bytes on disk.
func (in *input) failed(err error) error {
	e := &ReadError{File: in.name(), Offset: in.raw.n}
	if in.zip != "" {
		err, e.Of = damaged(in.zip, err), CompressedBytes
	}
	e.Err = cause(err)
	return e
}
