package connector

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
)

// partSize is how much text, before compression, a part of a folder holds at least before the next one begins.
const partSize = 256 << 20

// A folderSink writes a folder of parts, part-00000 and so on: under a temporary name beside it, renamed at
// Commit. Parts are cut between records, by the length of their text alone.
type folderSink struct {
	*sinkBase
	parents parentage
	name    string // of the folder, without the final slash
	temp    string
	size    int64
	parts   []*stagedFile
	out     *output // the last part, nil after it was finished
	filled  int64   // text of records in the last part
	written int64   // text in finished parts
	placed  bool
}

func newFolderSink(base *sinkBase) (Sink, error) {
	name := filepath.Clean(base.layout.Target)
	s := &folderSink{
		sinkBase: base, parents: parentage{host: base.host}, size: partSize,
		name: name, temp: temporaryName(base.host, name),
	}
	err := s.checkFree()
	if err == nil {
		err = checkWritable(base.host, filepath.Dir(name))
	}
	if err != nil {
		return nil, s.fail(err)
	}
	return s, nil
}

// checkFree reports something that stands where the folder is to be. An empty folder does no harm.
func (s *folderSink) checkFree() error {
	info, err := s.host.FS.Stat(s.name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is a file: remove it, or end the path without / to replace it", s.name)
	}
	entries, err := s.host.FS.ReadDir(s.name)
	if err == nil && len(entries) > 0 {
		err = errors.New("the folder is not empty: remove it, or name another")
	}
	return err
}

func (s *folderSink) NewEncoder() Encoder {
	e := s.newEncoder()
	e.ends = true
	return e
}

func (s *folderSink) Write(e *Encoded) error {
	for i := range e.Parts {
		if err := s.write(&e.Parts[i]); err != nil {
			return s.fail(err)
		}
	}
	s.records.Add(int64(e.Records))
	s.pool.put(e)
	return nil
}

// write puts out records, and begins the next part wherever one has its size.
func (s *folderSink) write(p *EncodedPart) error {
	rest := *p
	for rest.Records > 0 {
		if err := s.begin(); err != nil {
			return err
		}
		piece := rest
		if n := s.fitting(&rest); n < rest.Records {
			piece, rest = split(rest, n)
		} else {
			rest = EncodedPart{}
		}
		if err := s.out.write(&piece); err != nil {
			return err
		}
		s.bytes.Store(s.written + s.out.bytes)
		s.filled += int64(len(piece.Data))
		if s.filled >= s.size {
			if err := s.endPart(); err != nil {
				return err
			}
		}
	}
	return nil
}

// fitting is the number of records that go into the part at hand: at least one.
func (s *folderSink) fitting(p *EncodedPart) int {
	full := int64(p.base) + s.size - s.filled
	n, _ := slices.BinarySearchFunc(p.ends, full, func(end int, full int64) int { return cmp.Compare(int64(end), full) })
	return min(n+1, p.Records)
}

// split cuts a part after n records.
func split(p EncodedPart, n int) (head, tail EncodedPart) {
	head, tail = p, p
	at := p.ends[n-1]
	head.Records, head.Data, head.ends = n, p.Data[:at-p.base], p.ends[:n]
	tail.Records, tail.Data, tail.ends, tail.base = p.Records-n, p.Data[at-p.base:], p.ends[n:], at
	return head, tail
}

func (s *folderSink) begin() error {
	if s.out != nil {
		return nil
	}
	if len(s.parts) == 0 {
		if err := s.parents.require(filepath.Dir(s.name)); err != nil {
			return err
		}
		if err := s.host.FS.MkdirAll(s.temp); err != nil {
			return err
		}
	}
	name := fmt.Sprintf("part-%05d%s", len(s.parts), s.layout.suffix())
	f := &stagedFile{host: s.host, name: filepath.Join(s.name, name), temp: filepath.Join(s.temp, name)}
	s.parts = append(s.parts, f)
	if err := f.create(); err != nil {
		return err
	}
	var err error
	s.out, err = newOutput(s.layout, f)
	return err
}

func (s *folderSink) endPart() error {
	if err := s.out.finish(); err != nil {
		return err
	}
	s.written += s.out.bytes
	s.out, s.filled = nil, 0
	s.bytes.Store(s.written)
	return s.parts[len(s.parts)-1].prepare()
}

// Prepare makes the parts durable. A folder has at least one, so that it can be read back.
func (s *folderSink) Prepare() error {
	if s.out == nil && len(s.parts) == 0 {
		if err := s.begin(); err != nil {
			return s.fail(err)
		}
	}
	if s.out != nil {
		if err := s.endPart(); err != nil {
			return s.fail(err)
		}
	}
	return s.fail(s.parents.sync(s.temp))
}

func (s *folderSink) Commit() error {
	if err := s.place(); err != nil {
		return s.fail(err)
	}
	if err := s.parents.sync(filepath.Dir(s.name)); err != nil {
		return s.fail(err)
	}
	return s.fail(s.parents.syncMade())
}

// place renames the folder. One that is gone is done, if what stands under the name is it.
func (s *folderSink) place() error {
	if err := s.host.Fault(pointRename); err != nil {
		return err
	}
	_, err := s.host.FS.Stat(s.temp)
	if errors.Is(err, fs.ErrNotExist) && s.stands() {
		return nil
	}
	if err != nil {
		return err
	}
	if err := s.checkFree(); err != nil {
		return err
	}
	if err := remove(s.host, s.name); err != nil { // an empty folder: a rename does not replace it everywhere
		return err
	}
	err = s.host.FS.Rename(s.temp, s.name)
	s.placed = err == nil
	return err
}

func (s *folderSink) stands() bool {
	for _, part := range s.parts {
		if !part.stands() {
			return false
		}
	}
	return true
}

func (s *folderSink) Abort() error {
	var err error
	for _, part := range s.parts {
		part.placed = s.placed
		err = errors.Join(err, part.abort())
	}
	if s.placed {
		_ = s.host.FS.Remove(s.name) // fails if others have put something there: that stays
	}
	err = errors.Join(err, s.host.FS.RemoveAll(s.temp))
	s.parents.abort()
	return s.fail(err)
}
