package spill

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/zeebo/xxh3"

	"github.com/flowsh/flowsh/engine/host"
)

// A segment that is kept begins with segmentMagic. A frame stands in front of each of its chunks: the lengths of the id and
// of the chunk, a hash over the place, the lengths, the id and the chunk, and the id.
const (
	segmentMagic = "flowsh segment 1\n"
	frameSize    = 4 + 4 + 8
	mostID       = 32 << 10
)

// OpenSegments returns a store in the folder dir, which stays at Close, with the chunks that an earlier store has left there,
// also one whose process was killed; what has not reached the disk may be lost with the machine. A chunk that is damaged
// is not there. One that was deleted may be there again, and one that was replaced as it was before: ids are to name one
// content. Nothing is made before the first Put. With Lock, two stores on one folder are ErrInUse: here if there is a
// folder, else at the second's first Put.
func OpenSegments(h *host.Host, dir string, o *SegmentsOptions) (*Segments, error) {
	s := newSegments(h, filepath.Dir(dir), dir, o)
	_, err := h.FS.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s, nil
	case err == nil:
		err = s.makeKept()
	}
	if err == nil {
		err = s.find()
	}
	if err != nil {
		_ = s.Close() // the error says why
		return nil, fmt.Errorf("open spill folder: %w", err)
	}
	return s, nil
}

// first is where the first chunk of a segment begins, or its frame.
func (s *Segments) first() int64 {
	if s.kept == "" {
		return 0
	}
	return int64(len(segmentMagic))
}

// makeKept makes the folder that stays, unless it is there, and locks it.
func (s *Segments) makeKept() error {
	s.space.dir = s.kept
	if err := s.createDir(s.kept); err != nil {
		return s.space.explain(fmt.Errorf("make spill folder: %w", err), 1)
	}
	if s.locked {
		lock, err := lockDir(s.kept)
		if err != nil {
			return err
		}
		s.lock = lock
	}
	s.dir = s.kept
	return nil
}

// find finds the chunks of all segments in the folder. Nothing is added to those.
func (s *Segments) find() error {
	files, err := s.host.FS.ReadDir(s.dir)
	if err != nil {
		return err
	}
	for _, f := range files { // in the order of their names, which is that of their making
		var serial int
		if !strings.HasSuffix(f.Name(), segmentSuffix) {
			continue
		}
		if _, err := fmt.Sscanf(f.Name(), segmentName, &serial); err != nil {
			continue
		}
		s.serial = max(s.serial, serial)
		if err := s.findIn(filepath.Join(s.dir, f.Name())); err != nil {
			return err
		}
	}
	return nil
}

func (s *Segments) findIn(path string) error {
	if err := s.host.Fault(pointRead); err != nil {
		return err
	}
	file, err := s.host.FS.Open(path)
	if err != nil {
		return err
	}
	seg := &segment{file: file}
	s.all[seg] = struct{}{}
	err = scanSegment(file, func(id string, offset int64, length int) {
		s.remove(s.forget(id))
		s.index[id] = place{segment: seg, offset: offset, length: length}
		seg.live++
		s.bytes += int64(length)
	})
	s.retire(seg)
	return err
}

// scanSegment gives the chunks of a file that are whole. What follows a frame whose lengths cannot be is not found.
func scanSegment(file host.File, found func(id string, offset int64, length int)) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	input := bufio.NewReaderSize(file, mib)
	head := make([]byte, len(segmentMagic))
	if _, err := io.ReadFull(input, head); err != nil || string(head) != segmentMagic {
		return unlessShort(err)
	}
	var body []byte
	for at := int64(len(segmentMagic)); info.Size()-at >= frameSize; {
		var frame [frameSize]byte
		if _, err := io.ReadFull(input, frame[:]); err != nil {
			return unlessShort(err)
		}
		ids, length := int64(binary.LittleEndian.Uint32(frame[:])), int64(binary.LittleEndian.Uint32(frame[4:]))
		if ids > mostID || ids+length > info.Size()-at-frameSize {
			return nil
		}
		if int64(cap(body)) < ids+length {
			body = make([]byte, ids+length)
		}
		body = body[:ids+length]
		if _, err := io.ReadFull(input, body); err != nil {
			return unlessShort(err)
		}
		if binary.LittleEndian.Uint64(frame[8:]) == frameHash(at, frame[:8], body[:ids], body[ids:]) {
			found(string(body[:ids]), at+frameSize+ids, int(length))
		}
		at += frameSize + ids + length
	}
	return nil
}

// unlessShort is an error, unless it says that a file ends early.
func unlessShort(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

func appendFrame(dst []byte, at int64, id string, data []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(id)))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(data)))
	dst = binary.LittleEndian.AppendUint64(dst, frameHash(at, dst, []byte(id), data))
	return append(dst, id...)
}

func frameHash(at int64, parts ...[]byte) uint64 {
	h := xxh3.NewSeed(uint64(at))
	for _, p := range parts {
		_, _ = h.Write(p) // a hash takes everything
	}
	return h.Sum64()
}

// IDs are the ids of all chunks, in order.
func (s *Segments) IDs() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.index))
}
