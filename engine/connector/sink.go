package connector

import (
	"errors"
	"io"
	"strings"
	"sync/atomic"

	"github.com/flowsh/flowsh/engine/host"
)

// NewSink makes the sink of a spec. stdout is where the target "-" goes. The spec's suffixes decide what it leaves
// open; a spec that does not fit together, a target that is in the way and a folder that cannot be written are
// errors here, before any work is done. Nothing is made before the first Write or Prepare.
//
// Records are written one per line: text as suits each record, tsv, csv, jsonl, or table for people; or as parquet. The bytes of
// an output depend on its records and the spec alone, not on how the records were cut into batches.
func NewSink(spec SinkSpec, h *host.Host, stdout io.Writer) (Sink, error) {
	l, err := resolve(spec)
	if err != nil {
		return nil, err
	}
	base := &sinkBase{layout: l, host: h}
	switch l.kind {
	case toStdout:
		return &streamSink{sinkBase: base, w: stdout}, nil
	case toFolder:
		return newFolderSink(base)
	case toKeys:
		return newKeySink(base)
	}
	if isStream(h, l.Target) {
		return &streamSink{sinkBase: base}, nil
	}
	return newFileSink(base)
}

// isStream reports whether a target is no file to be replaced but something to write into: a device, a pipe, or
// a descriptor of this process.
func isStream(h *host.Host, target string) bool {
	for _, descriptors := range []string{"/dev/stderr", "/dev/fd/", "/proc/self/fd/"} {
		if strings.HasPrefix(target, descriptors) {
			return true
		}
	}
	info, err := h.FS.Stat(target)
	return err == nil && !info.IsDir() && !info.Mode().IsRegular()
}

// A sinkBase is what all sinks share.
type sinkBase struct {
	layout  *layout
	host    *host.Host
	pool    encodedPool
	records atomic.Int64
	bytes   atomic.Int64
}

func (b *sinkBase) NewEncoder() Encoder { return b.newEncoder() }

func (b *sinkBase) newEncoder() *encoder {
	return &encoder{target: b.layout.Target, rows: b.layout.newRows(), pool: &b.pool}
}

// Written reports bytes of text, before compression.
func (b *sinkBase) Written() (records, bytes int64) { return b.records.Load(), b.bytes.Load() }

func (b *sinkBase) fail(err error) error {
	var record *EncodeError
	if errors.As(err, &record) || errors.Is(err, ErrClosedOutput) {
		return err
	}
	return writeError(b.layout.Target, err)
}

// An output is a stream with its compression, on the way into a file.
type output struct {
	*stream
	pieces     pieceWriter
	compressor io.WriteCloser
}

func newOutput(l *layout, w io.Writer) (*output, error) {
	c, err := newCompressor(l, w)
	if err != nil {
		return nil, err
	}
	o := &output{compressor: c, pieces: pieceWriter{w: c}}
	o.stream = newStream(l, &o.pieces)
	return o, nil
}

// finish puts out everything that is held back.
func (o *output) finish() error {
	if err := o.stream.finish(); err != nil {
		return err
	}
	if err := o.pieces.flush(); err != nil {
		return err
	}
	return o.compressor.Close()
}
