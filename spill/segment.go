package spill

import "github.com/flowsh/flowsh/engine/host"

// A segment is one file of chunks. It may go when it is sealed, none of its chunks is left and nobody reads it.
type segment struct {
	file   host.File
	end    int64 // where the next chunk goes
	live   int   // chunks that were not deleted
	reads  int   // reads under way
	sealed bool  // nothing more is appended
}

// retire seals seg.
func (s *Segments) retire(seg *segment) {
	s.mu.Lock()
	seg.sealed = true
	if s.current == seg {
		s.current = nil
	}
	idle := s.ifIdle(seg)
	s.mu.Unlock()
	s.remove(idle)
}

// forget drops the chunk and returns its segment if that became idle. It is called with mu held.
func (s *Segments) forget(id string) *segment {
	old, ok := s.index[id]
	if !ok {
		return nil
	}
	delete(s.index, id)
	s.bytes -= int64(old.length)
	old.live--
	return s.ifIdle(old.segment)
}

// ifIdle returns seg if it can go, and makes sure that it is returned only once. It is called with mu held.
func (s *Segments) ifIdle(seg *segment) *segment {
	if !seg.sealed || seg.live > 0 || seg.reads > 0 {
		return nil
	}
	if _, ok := s.all[seg]; !ok {
		return nil
	}
	delete(s.all, seg)
	return seg
}

// remove closes and unlinks a segment that ifIdle returned; nil is none. An error loses nothing: what is not
// unlinked now goes with the folder at Close, and that reports what it cannot remove.
func (s *Segments) remove(seg *segment) {
	if seg == nil {
		return
	}
	_ = seg.file.Close()
	if s.host.Fault(pointRemove) == nil {
		_ = s.host.FS.Remove(seg.file.Name())
	}
}

// closeFiles forgets all chunks. A segment that is being read is closed when that is done.
func (s *Segments) closeFiles() {
	s.mu.Lock()
	s.closed, s.current, s.bytes = true, nil, 0
	clear(s.index)
	var idle []*segment
	for seg := range s.all {
		seg.sealed, seg.live = true, 0
		if s.ifIdle(seg) != nil {
			idle = append(idle, seg)
		}
	}
	s.mu.Unlock()
	for _, seg := range idle {
		_ = seg.file.Close()
	}
}

// The names of segments.
const (
	segmentName   = "%06d" + segmentSuffix
	segmentSuffix = ".seg"
)
