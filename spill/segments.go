package spill

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"

	"github.com/flowsh/flowsh/engine/host"
)

// SegmentsOptions sets what seldom needs setting; nil and zero fields mean the defaults.
type SegmentsOptions struct {
	// SegmentSize is the number of bytes after which a new file is begun; 64 MiB by default. A chunk is never
	// cut, so one that is larger has a file of its own.
	SegmentSize int64
	// Reserve is the number of bytes that stay free on the disk; 64 MiB by default.
	Reserve int64
	// Lock keeps other stores out of the folder of OpenSegments, which must be on the machine's own file system.
	Lock bool
}

// Segments is a Store in plain files: chunks are appended to the current segment, their places are kept in
// memory, and a segment is removed when none of its chunks is left. Those of NewSegments are scratch space: nothing
// survives Close or a crash, and Sync does nothing. What OpenSegments was given is found again in its folder, also when
// the process was killed.
//
// When the disk has less than the reserve left, or the system reports it full, Put returns an error that wraps
// ErrFull. A chunk whose bytes are gone from the file is ErrNotFound.
type Segments struct {
	host   *host.Host
	parent string
	size   int64
	kept   string // folder that stays; "": a folder of their own, which goes
	locked bool   // the folder, against other stores

	// write makes appends happen one after another, and is locked before mu. It guards dir, space, serial and
	// the current segment's end.
	write  sync.Mutex
	dir    string // empty before the first Put and after Close removed it
	space  *reserve
	serial int
	frame  []byte
	lock   *dirLock

	mu      sync.Mutex // guards what follows and the counts in segments; never held over a system call
	current *segment
	all     map[*segment]struct{}
	index   map[string]place
	bytes   int64
	closed  bool
}

// place is where a chunk stands.
type place struct {
	*segment
	offset int64
	length int
}

// NewSegments returns a store whose files will be in a folder with a random name and mode 0700 below parent.
// Nothing is touched before the first Put; Close removes that folder, but not parent.
func NewSegments(h *host.Host, parent string, o *SegmentsOptions) *Segments {
	return newSegments(h, parent, "", o)
}

func newSegments(h *host.Host, parent, kept string, o *SegmentsOptions) *Segments {
	var set SegmentsOptions
	if o != nil {
		set = *o
	}
	if set.SegmentSize <= 0 {
		set.SegmentSize = 64 * mib
	}
	if set.Reserve <= 0 {
		set.Reserve = 64 * mib
	}
	return &Segments{
		host:   h,
		parent: parent,
		kept:   kept,
		locked: set.Lock,
		size:   set.SegmentSize,
		space:  &reserve{fs: h.FS, keep: set.Reserve},
		all:    make(map[*segment]struct{}),
		index:  make(map[string]place),
	}
}

// Put implements Store.
func (s *Segments) Put(id string, data []byte) error {
	s.write.Lock()
	defer s.write.Unlock()

	at, err := s.append(id, data)
	if err != nil {
		return err
	}
	s.mu.Lock()
	idle := s.forget(id)
	s.index[id] = at
	at.live++
	s.bytes += int64(at.length)
	s.mu.Unlock()
	s.remove(idle)
	return nil
}

// append writes data to the end of the current segment, or to a new one.
func (s *Segments) append(id string, data []byte) (place, error) {
	if err := s.makeDir(); err != nil {
		return place{}, err
	}
	need := len(data)
	if s.kept != "" {
		need += frameSize + len(id)
	}
	if err := s.space.take(int64(need)); err != nil {
		return place{}, err
	}
	seg, err := s.writable(need)
	if err != nil {
		return place{}, s.space.explain(err, int64(need))
	}
	if s.kept != "" {
		s.frame = appendFrame(s.frame[:0], seg.end, id, data)
	}
	if err := s.writeTo(seg, s.frame, data); err != nil {
		s.retire(seg) // nobody knows where its end is
		return place{}, s.space.explain(fmt.Errorf("write spilled chunk: %w", err), int64(need))
	}
	return place{segment: seg, offset: seg.end - int64(len(data)), length: len(data)}, nil
}

// makeDir makes the folder before the first write.
func (s *Segments) makeDir() error {
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	switch {
	case closed:
		return ErrClosed
	case s.dir != "":
		return nil
	}
	if s.kept != "" {
		return s.makeKept()
	}
	var name [8]byte
	s.host.Random(name[:])
	dir := filepath.Join(s.parent, "flowsh-"+hex.EncodeToString(name[:]))
	s.space.dir = dir
	if err := s.createDir(dir); err != nil {
		err = fmt.Errorf("make spill folder: %w", err)
		return errors.Join(s.space.explain(err, 1), s.host.FS.RemoveAll(dir))
	}
	s.dir = dir
	return nil
}

func (s *Segments) createDir(dir string) error {
	if err := s.host.Fault(pointCreate); err != nil {
		return err
	}
	if err := s.host.FS.MkdirAll(dir); err != nil {
		return err
	}
	return s.host.FS.Chmod(dir, 0o700)
}

// writable returns the segment that the next n bytes go to, and its end for them.
func (s *Segments) writable(n int) (*segment, error) {
	s.mu.Lock()
	seg := s.current
	empty := seg != nil && seg.live == 0 && seg.reads == 0
	s.mu.Unlock()
	if seg != nil && empty && seg.end > 0 && s.kept == "" {
		return seg, s.rewind(seg)
	}
	if seg != nil && (seg.end == s.first() || seg.end+int64(n) <= s.size) {
		return seg, nil
	}
	if seg != nil {
		s.retire(seg)
	}
	return s.create()
}

// rewind starts a segment again whose chunks are all gone, so that a queue that is kept nearly empty stays in
// one file.
func (s *Segments) rewind(seg *segment) error {
	if _, err := seg.file.Seek(0, io.SeekStart); err != nil {
		s.retire(seg)
		return fmt.Errorf("write spilled chunk: %w", err)
	}
	seg.end = 0
	return nil
}

func (s *Segments) create() (*segment, error) {
	if err := s.host.Fault(pointCreate); err != nil {
		return nil, fmt.Errorf("make spill file in %s: %w", s.dir, err)
	}
	s.serial++
	file, err := s.host.FS.Create(filepath.Join(s.dir, fmt.Sprintf(segmentName, s.serial)))
	if err != nil {
		return nil, fmt.Errorf("make spill file: %w", err)
	}
	seg := &segment{file: file}
	s.mu.Lock()
	s.current = seg
	s.all[seg] = struct{}{}
	s.mu.Unlock()
	if s.kept == "" {
		return seg, nil
	}
	if err := s.writeTo(seg, []byte(segmentMagic)); err != nil {
		s.retire(seg)
		return nil, fmt.Errorf("make spill file: %w", err)
	}
	return seg, nil
}

// writeTo appends parts to a segment.
func (s *Segments) writeTo(seg *segment, parts ...[]byte) error {
	if err := s.host.Fault(pointWrite); err != nil {
		return err
	}
	for _, data := range parts {
		if len(data) == 0 {
			continue
		}
		n, err := seg.file.Write(data)
		if err == nil && n < len(data) {
			err = io.ErrShortWrite
		}
		if err != nil {
			return err
		}
		seg.end += int64(n)
	}
	return nil
}

// Get implements Store.
func (s *Segments) Get(id string, buf []byte) ([]byte, error) {
	at, err := s.borrow(id)
	if err != nil {
		return buf, err
	}
	defer s.giveBack(at.segment)
	return s.read(at, id, buf)
}

// borrow keeps the chunk's segment from being removed until giveBack.
func (s *Segments) borrow(id string) (place, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return place{}, ErrClosed
	}
	at, ok := s.index[id]
	if !ok {
		return place{}, notFound(id)
	}
	at.reads++
	return at, nil
}

func (s *Segments) giveBack(seg *segment) {
	s.mu.Lock()
	seg.reads--
	idle := s.ifIdle(seg)
	s.mu.Unlock()
	s.remove(idle)
}

func (s *Segments) read(at place, id string, buf []byte) ([]byte, error) {
	if err := s.host.Fault(pointRead); err != nil {
		return buf, fmt.Errorf("read spilled chunk %q: %w", id, err)
	}
	grown := slices.Grow(buf, at.length)
	n, err := at.file.ReadAt(grown[len(buf):len(buf)+at.length], at.offset)
	switch {
	case n == at.length:
		return grown[:len(buf)+n], nil
	case err == nil, errors.Is(err, io.EOF), errors.Is(err, fs.ErrNotExist):
		return buf, fmt.Errorf("%w: it ends early in %s", notFound(id), at.file.Name())
	}
	return buf, fmt.Errorf("read spilled chunk %q: %w", id, err)
}

// Delete implements Store.
func (s *Segments) Delete(id string) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ErrClosed
	}
	idle := s.forget(id)
	s.mu.Unlock()
	s.remove(idle)
	return nil
}

// Bytes implements Store. It does not count what is left of segments in which some chunks were deleted.
func (s *Segments) Bytes() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes
}

// Sync implements Store. It does nothing.
func (s *Segments) Sync() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	return nil
}

// Close implements Store.
func (s *Segments) Close() error {
	s.write.Lock()
	defer s.write.Unlock()
	s.closeFiles()
	if s.kept != "" {
		if s.lock != nil {
			s.lock.unlock()
			s.lock = nil
		}
		return nil
	}
	if s.dir == "" {
		return nil
	}
	if err := s.removeDir(); err != nil {
		return fmt.Errorf("remove spill folder %s: %w", s.dir, err)
	}
	s.dir = ""
	return nil
}

func (s *Segments) removeDir() error {
	if err := s.host.Fault(pointRemove); err != nil {
		return err
	}
	return s.host.FS.RemoveAll(s.dir)
}
