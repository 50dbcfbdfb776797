package connector

import (
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/flowsh/flowsh/engine/host"
	"github.com/zeebo/xxh3"
)

// The steps of a sink at which tests make it fail.
var (
	pointCreate  = host.NewPoint("sink.create")
	pointWrite   = host.NewPoint("sink.write")
	pointSync    = host.NewPoint("sink.sync")
	pointRename  = host.NewPoint("sink.rename")
	pointSyncDir = host.NewPoint("sink.syncdir")
)

const temporarySuffix = ".tmp"

// temporaryName is a new name beside name: hidden, and told from others by a random id.
func temporaryName(h *host.Host, name string) string {
	const longest = 64 // of the name that is repeated: a file name has a limit
	var id [8]byte
	h.Random(id[:])
	base := filepath.Base(name)
	if len(base) > longest {
		base = strings.ToValidUTF8(base[:longest], "")
	}
	return filepath.Join(filepath.Dir(name), "."+base+"."+hex.EncodeToString(id[:])+temporarySuffix)
}

func isTemporary(name string) bool {
	base := filepath.Base(name)
	return strings.HasPrefix(base, ".") && strings.HasSuffix(base, temporarySuffix)
}

// underTemporary reports whether a path leads to a temporary file, or into a temporary folder.
func underTemporary(name string) bool { return isTemporary(name) || isTemporary(filepath.Dir(name)) }

// A stagedFile is a file that is written under a temporary name and then moved to its own.
type stagedFile struct {
	host   *host.Host
	name   string
	temp   string    // the temporary name; equal to name inside a staged folder
	file   host.File // nil while it is closed
	made   bool
	size   int64
	sum    xxh3.Hasher
	placed bool // it stands under its own name
}

// create makes the temporary file.
func (s *stagedFile) create() error {
	if err := s.host.Fault(pointCreate); err != nil {
		return err
	}
	f, err := s.host.FS.Create(s.temp)
	if err != nil {
		return err
	}
	s.file, s.made = f, true
	return nil
}

// reopen opens the temporary file again to go on writing.
func (s *stagedFile) reopen() error {
	f, err := s.host.FS.Append(s.temp)
	if err == nil {
		s.file = f
	}
	return err
}

// Write appends to the temporary file, which must be open.
func (s *stagedFile) Write(data []byte) (int, error) {
	if err := s.host.Fault(pointWrite); err != nil {
		return 0, err
	}
	n, err := s.file.Write(data)
	s.size += int64(n)
	s.sum.Write(data[:n])
	return n, err
}

// close closes the temporary file without making it durable.
func (s *stagedFile) close() error {
	if s.file == nil {
		return nil
	}
	f := s.file
	s.file = nil
	return f.Close()
}

// prepare makes the temporary file durable, gives it the mode that any new file would have, and closes it.
func (s *stagedFile) prepare() error {
	if s.file == nil {
		if err := s.reopen(); err != nil {
			return err
		}
	}
	if err := s.host.Fault(pointSync); err != nil {
		return err
	}
	if err := s.host.FS.Chmod(s.temp, 0o666&^s.host.FS.Umask()); err != nil {
		return err
	}
	if err := s.file.Sync(); err != nil {
		return err
	}
	return s.close()
}

// commit moves the file to its name. A file that is gone is done, if what stands under the name is it.
func (s *stagedFile) commit() error {
	if err := s.host.Fault(pointRename); err != nil {
		return err
	}
	_, err := s.host.FS.Stat(s.temp)
	switch {
	case err == nil:
		err = s.host.FS.Rename(s.temp, s.name)
		s.placed = err == nil
	case errors.Is(err, fs.ErrNotExist) && s.stands():
		err = nil
	}
	return err
}

// stands reports whether the file under the final name has the contents that were written.
func (s *stagedFile) stands() bool {
	info, err := s.host.FS.Stat(s.name)
	if err != nil || info.IsDir() || info.Size() != s.size {
		return false
	}
	f, err := s.host.FS.Open(s.name)
	if err != nil {
		return false
	}
	defer f.Close()
	sum := xxh3.New()
	n, err := io.Copy(sum, f)
	return err == nil && n == s.size && sum.Sum64() == s.sum.Sum64()
}

// abort removes the file under both names.
func (s *stagedFile) abort() error {
	closed := s.close()
	if !s.made {
		return closed
	}
	if s.placed && s.stands() {
		closed = errors.Join(closed, remove(s.host, s.name))
	}
	return errors.Join(closed, remove(s.host, s.temp))
}

// remove removes a file that may be gone already.
func remove(h *host.Host, name string) error {
	if err := h.FS.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
