package connector

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"time"

	"github.com/flowsh/flowsh/engine/scan"
)

// An inputFile is what a source knows about one of its files. It is safe for concurrent use.
type inputFile struct {
	path string

	mu     sync.Mutex
	stamp  *stamp
	header *header
	marks  []mark // ascending
}

// A stamp changes when a file does.
type stamp struct {
	size     int64
	modified time.Time
}

func stampOf(info fs.FileInfo) stamp { return stamp{info.Size(), info.ModTime()} }

// A mark is the state of a reader that has read everything before offset.
type mark struct {
	offset int64
	lines  int64 // newlines before offset
	cut    scan.Cutter
}

// file returns what is known about a path.
func (s *fileSource) file(path string) *inputFile {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, ok := s.files[path]
	if !ok {
		f = &inputFile{path: path}
		s.files[path] = f
	}
	return f
}

func (f *inputFile) setStamp(st stamp) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stamp == nil {
		f.stamp = &st
	}
}

// check compares the file with what it was when it was first looked at.
func (f *inputFile) check(info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return nil
	}
	now := stampOf(info)
	f.setStamp(now)
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case now.size != f.stamp.size:
		return fmt.Errorf("%w: it had %d bytes and now has %d", errChanged, f.stamp.size, now.size)
	case !now.modified.Equal(f.stamp.modified):
		return fmt.Errorf("%w: it was written to at %s", errChanged, now.modified.UTC().Format(time.RFC3339Nano))
	}
	return nil
}

// errChanged begins the messages about input that does not stand still.
var errChanged = errors.New("the file changed while it was read; run the job again when it is complete")

// markAt returns the state of a reader at offset of a plain file. It reads on from the last mark before it, so
// asking for ascending offsets reads the file once.
func (s *fileSource) markAt(ctx context.Context, f *inputFile, offset int64) (mark, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m, n := mark{cut: s.cutter()}, 0
	for n < len(f.marks) && f.marks[n].offset <= offset {
		m = f.marks[n]
		n++
	}
	if m.offset == offset {
		return m, nil
	}
	if err := s.readOn(ctx, f.path, &m, offset); err != nil {
		return mark{}, err
	}
	f.marks = append(f.marks[:n], append([]mark{m}, f.marks[n:]...)...)
	return m, nil
}

// readOn moves a mark to a later offset.
func (s *fileSource) readOn(ctx context.Context, path string, m *mark, to int64) error {
	file, err := s.host.FS.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	buf := make([]byte, min(to-m.offset, defaultBlock))
	for m.offset < to {
		if err := ctx.Err(); err != nil {
			return err
		}
		part := buf[:min(to-m.offset, int64(len(buf)))]
		if m.offset == 0 && len(part) > len(scan.BOM) {
			part = part[:len(scan.BOM)]
		}
		if _, err := file.ReadAt(part, m.offset); err != nil && err != io.EOF {
			return err
		} else if err == io.EOF {
			return errChanged
		}
		m.step(part)
	}
	return nil
}

// step moves over bytes that follow the mark.
func (m *mark) step(p []byte) {
	if m.offset == 0 && string(p) == scan.BOM {
		m.cut.SkipBOM()
	} else {
		m.cut.Last(p)
	}
	m.lines += int64(bytes.Count(p, newline))
	m.offset += int64(len(p))
}

var newline = []byte{'\n'}
