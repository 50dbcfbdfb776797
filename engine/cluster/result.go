package cluster

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/flowsh/flowsh/engine/host"
	"github.com/flowsh/flowsh/engine/transport"
)

var errNotEnded = errors.New("the job has not ended")

// A resultReader reads what a detached job has put out, from the frames in which the master keeps it.
type resultReader struct {
	file  io.Closer
	input *bufio.Reader
	buf   []byte
	rest  []byte // of buf
}

// openResult opens the output of the job whose folder it is.
func openResult(open func(string) (host.File, error), folder string) (io.ReadCloser, error) {
	f, err := open(filepath.Join(folder, "output"))
	if errors.Is(err, fs.ErrNotExist) {
		if bundle, err := open(filepath.Join(folder, "bundle")); err == nil {
			_ = bundle.Close() // it was only opened
			return nil, errors.New("its output is not kept: it has not begun, or it went to whoever submitted it; flowsh submit --detach keeps it")
		}
		return nil, &UnknownJobError{filepath.Base(folder)}
	}
	if err != nil {
		return nil, err
	}
	return &resultReader{file: f, input: bufio.NewReader(f)}, nil
}

// Read implements io.Reader. It fails at the end of the output unless the job has ended well.
func (r *resultReader) Read(data []byte) (int, error) {
	for len(r.rest) == 0 {
		var err error
		if r.buf, err = transport.ReadFrame(r.input, r.buf); err != nil || len(r.buf) == 0 {
			if errors.Is(err, io.EOF) {
				err = errNotEnded
			}
			return 0, fmt.Errorf("its output: %w", err)
		}
		switch r.buf[0] {
		case frameOutput:
			r.rest = r.buf[1:]
		case frameEnd:
			var end End
			if err := json.Unmarshal(r.buf[1:], &end); err != nil {
				return 0, err
			}
			if end.Status != 0 {
				return 0, fmt.Errorf("it ended with status %d", end.Status)
			}
			return 0, io.EOF
		}
	}
	n := copy(data, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// Close implements io.Closer.
func (r *resultReader) Close() error { return r.file.Close() }
