package connector

import (
	"fmt"
	"path/filepath"

	"github.com/flowsh/flowsh/engine/host"
)

// A fileSink writes one file: under a temporary name beside it, renamed at Commit.
type fileSink struct {
	*sinkBase
	parents parentage
	file    *stagedFile
	out     *output
}

func newFileSink(base *sinkBase) (Sink, error) {
	s := &fileSink{sinkBase: base, parents: parentage{host: base.host}}
	err := checkFile(base.host, base.layout.Target)
	if err == nil {
		err = checkWritable(base.host, filepath.Dir(base.layout.Target))
	}
	if err != nil {
		return nil, s.fail(err)
	}
	return s, nil
}

// checkFile reports a folder that stands where a file is to be.
func checkFile(h *host.Host, name string) error {
	if info, err := h.FS.Stat(name); err == nil && info.IsDir() {
		return fmt.Errorf("%s is a folder: name a file in it, or end the path in / for a folder of parts", name)
	}
	return nil
}

func (s *fileSink) begin() error {
	if s.out != nil {
		return nil
	}
	name := s.layout.Target
	if err := s.parents.require(filepath.Dir(name)); err != nil {
		return err
	}
	s.file = &stagedFile{host: s.host, name: name, temp: temporaryName(s.host, name)}
	if err := s.file.create(); err != nil {
		return err
	}
	var err error
	s.out, err = newOutput(s.layout, s.file)
	return err
}

func (s *fileSink) Write(e *Encoded) error {
	if err := s.begin(); err != nil {
		return s.fail(err)
	}
	for i := range e.Parts {
		if err := s.out.write(&e.Parts[i]); err != nil {
			return s.fail(err)
		}
	}
	s.records.Add(int64(e.Records))
	s.bytes.Store(s.out.bytes)
	s.pool.put(e)
	return nil
}

func (s *fileSink) Prepare() error {
	if err := s.begin(); err != nil {
		return s.fail(err)
	}
	if err := s.out.finish(); err != nil {
		return s.fail(err)
	}
	s.bytes.Store(s.out.bytes)
	return s.fail(s.file.prepare())
}

func (s *fileSink) Commit() error {
	if err := s.file.commit(); err != nil {
		return s.fail(err)
	}
	if err := s.parents.sync(filepath.Dir(s.file.name)); err != nil {
		return s.fail(err)
	}
	return s.fail(s.parents.syncMade())
}

func (s *fileSink) Abort() error {
	var err error
	if s.file != nil {
		err = s.file.abort()
	}
	s.parents.abort()
	return s.fail(err)
}
