package connector

import (
	"io"

	"github.com/flowsh/flowsh/engine/scan"
)

// countsLines reports whether readers count lines: for origin, and where a record can be wrong.
func (s *fileSource) countsLines() bool { return s.spec.Origin || s.spec.Format != "lines" }

// seek goes to the first record that begins at start or later. It begins one byte before, where a line end shows
// that a record begins right at start; what a quote means there, and the number of the line, only the text
// before can tell.
func (r *runReader) seek(start int64) error {
	if start > int64(len(scan.BOM)) {
		from := start - 1
		if r.source.spec.Format == "csv" || r.source.spec.Origin {
			m, err := r.source.markAt(r.ctx, r.in.known, from)
			if err != nil {
				return r.in.whole(cause(err))
			}
			r.cut, r.lines = m.cut, m.lines
		} else {
			r.cut.SkipByte()
			r.lines = -1
		}
		if _, err := r.in.file.Seek(from, io.SeekStart); err != nil {
			return r.in.whole(cause(err))
		}
		r.offset = from
	}
	return r.skipTo(start)
}

// skipTo leaves records behind until one ends at start or later.
func (r *runReader) skipTo(start int64) error {
	for {
		if r.fed == len(r.buf) {
			r.drop(len(r.buf))
			if r.eof || r.done {
				r.done = true
				return nil
			}
			if err := r.fill(); err != nil {
				return err
			}
		}
		n := r.cut.First(r.buf[r.fed:])
		if n == 0 {
			r.fed = len(r.buf)
			continue
		}
		r.drop(r.fed + n)
		if r.offset >= start {
			r.done = r.done || r.offset >= r.end
			return nil
		}
	}
}
