package connector

import (
	linked "container/list"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
)

const (
	maxOpenFiles = 128      // of one sink, whatever the number of keys
	maxHeld      = 32 << 20 // text that waits in memory, over all keys
	maxHeldByKey = 64 << 10 // text that waits for one key
	maxFileName  = 255      // bytes of a name on the usual file systems
)

// A keySink writes one file per key, all renamed at Commit. Few of them are open at a time, and text gathers in
// memory before a file is opened for it. Compression waits for Prepare: ten thousand compressors at once would
// not fit into memory.
type keySink struct {
	*sinkBase
	parents        parentage
	prefix, suffix string // of the target, around the key
	files          []*keyFile
	byName         map[string]*keyFile
	open           linked.List // of *keyFile: the one written last in front
	held, maxHeld  int
	compressed     *stagedFile // being made by Prepare
}

// A keyFile is the output of one key.
type keyFile struct {
	*stagedFile
	sink   *keySink
	stream *stream
	held   []byte
	place  *linked.Element // in the sink's list of open files, nil while it is closed
}

func newKeySink(base *sinkBase) (Sink, error) {
	prefix, suffix, _ := strings.Cut(base.layout.Target, "{}")
	s := &keySink{
		sinkBase: base, parents: parentage{host: base.host},
		prefix: prefix, suffix: suffix, byName: map[string]*keyFile{}, maxHeld: maxHeld,
	}
	if err := checkWritable(base.host, filepath.Dir(prefix+"x")); err != nil {
		return nil, s.fail(err)
	}
	return s, nil
}

func (s *keySink) NewEncoder() Encoder {
	e := s.newEncoder()
	e.parts = map[string]int{}
	e.name = func(key string) string { return s.prefix + escapeKey(key) + s.suffix }
	return e
}

func (s *keySink) Write(e *Encoded) error {
	for i := range e.Parts {
		if err := s.write(&e.Parts[i]); err != nil {
			return s.fail(err)
		}
	}
	s.records.Add(int64(e.Records))
	s.pool.put(e)
	return nil
}

func (s *keySink) write(part *EncodedPart) error {
	f, err := s.file(part)
	if err != nil {
		return err
	}
	before := f.stream.bytes
	if err := f.stream.write(part); err != nil {
		return err
	}
	s.bytes.Add(f.stream.bytes - before)
	if s.held > s.maxHeld {
		return s.flush()
	}
	return nil
}

// file finds or begins the file of a part.
func (s *keySink) file(part *EncodedPart) (*keyFile, error) {
	if f := s.byName[part.Name]; f != nil {
		return f, nil
	}
	if err := s.check(part); err != nil {
		return nil, err
	}
	if err := s.parents.require(filepath.Dir(part.Name)); err != nil {
		return nil, err
	}
	staged := &stagedFile{host: s.host, name: part.Name, temp: temporaryName(s.host, part.Name)}
	f := &keyFile{sink: s, stagedFile: staged}
	f.stream = newStream(s.layout, f)
	s.files = append(s.files, f)
	s.byName[part.Name] = f
	return f, s.use(f)
}

// check refuses a file that is one too many, or that cannot have its name.
func (s *keySink) check(part *EncodedPart) error {
	var err error
	switch {
	case len(s.files) >= s.layout.MaxFiles:
		err = fmt.Errorf("it would be file number %d: take a by= with fewer keys, or say max_files=", len(s.files)+1)
	case len(filepath.Base(part.Name)) > maxFileName:
		err = fmt.Errorf("a file name has at most %d bytes: take a by= with shorter keys", maxFileName)
	default:
		return checkFile(s.host, part.Name)
	}
	key := strings.TrimSuffix(strings.TrimPrefix(part.Name, s.prefix), s.suffix)
	return &EncodeError{Target: s.layout.Target, Record: part.first, Text: "with the key " + value.Cut(starlark.String(key), value.CutLimit), Err: err}
}

// use opens a file to write to it, and closes the one that was not used for longest if too many are open.
func (s *keySink) use(f *keyFile) error {
	if f.place != nil {
		s.open.MoveToFront(f.place)
		return nil
	}
	if s.open.Len() >= maxOpenFiles {
		if err := s.open.Back().Value.(*keyFile).release(); err != nil {
			return err
		}
	}
	begin := f.reopen
	if !f.made {
		begin = f.create
	}
	if err := begin(); err != nil {
		return err
	}
	f.place = s.open.PushFront(f)
	return nil
}

// flush writes out all text that waits, in order of the files.
func (s *keySink) flush() error {
	for _, f := range s.files {
		if err := f.flush(); err != nil {
			return err
		}
	}
	return nil
}

// Write takes text of the file's stream.
func (f *keyFile) Write(data []byte) (int, error) {
	f.held = append(f.held, data...)
	f.sink.held += len(data)
	if len(f.held) < maxHeldByKey {
		return len(data), nil
	}
	return len(data), f.flush()
}

func (f *keyFile) flush() error {
	if len(f.held) == 0 {
		return nil
	}
	if err := f.sink.use(f); err != nil {
		return err
	}
	_, err := f.stagedFile.Write(f.held)
	f.sink.held -= len(f.held)
	f.held = nil
	return err
}

// release closes the file for now.
func (f *keyFile) release() error {
	if f.place != nil {
		f.sink.open.Remove(f.place)
		f.place = nil
	}
	return f.close()
}

func (s *keySink) Prepare() error {
	for _, step := range []func(*keyFile) error{s.finish, s.prepare} {
		for _, f := range s.files {
			if err := step(f); err != nil {
				return s.fail(err)
			}
		}
	}
	return nil
}

// finish writes what a file still holds and closes it.
func (s *keySink) finish(f *keyFile) error {
	if err := f.stream.finish(); err != nil {
		return err
	}
	if err := f.flush(); err != nil {
		return err
	}
	return f.release()
}

func (s *keySink) prepare(f *keyFile) error {
	if s.layout.converted() {
		if err := s.compress(f); err != nil {
			return err
		}
	}
	return f.prepare()
}

// compress puts a compressed file in the place of a plain one.
func (s *keySink) compress(f *keyFile) error {
	plain := f.stagedFile
	s.compressed = &stagedFile{host: s.host, name: plain.name, temp: temporaryName(s.host, plain.name)}
	if err := s.compressed.create(); err != nil {
		return err
	}
	if err := copyCompressed(s.layout, plain, s.compressed); err != nil {
		return err
	}
	f.stagedFile, s.compressed = s.compressed, nil
	return plain.abort()
}

func copyCompressed(l *layout, from, to *stagedFile) error {
	f, err := from.host.FS.Open(from.temp)
	if err != nil {
		return err
	}
	defer f.Close()
	c, err := newCompressor(l, to)
	if err != nil {
		return err
	}
	pieces := &pieceWriter{w: c}
	if _, err := io.CopyBuffer(pieces, f, make([]byte, writeSize)); err != nil {
		return err
	}
	if err := pieces.flush(); err != nil {
		return err
	}
	return c.Close()
}

func (s *keySink) Commit() error {
	var folders []string
	for _, f := range s.files {
		if err := f.commit(); err != nil {
			return s.fail(err)
		}
		folders = append(folders, filepath.Dir(f.name))
	}
	slices.Sort(folders)
	for _, dir := range slices.Compact(folders) {
		if err := s.parents.sync(dir); err != nil {
			return s.fail(err)
		}
	}
	return s.fail(s.parents.syncMade())
}

func (s *keySink) Abort() error {
	var err error
	for _, f := range s.files {
		err = errors.Join(err, f.release(), f.abort())
	}
	if s.compressed != nil {
		err = errors.Join(err, s.compressed.abort())
	}
	s.parents.abort()
	return s.fail(err)
}
