package engine

import "sync"

// A sequence delivers units in the order of their numbers, whichever worker finishes them, one at a time. No
// more than window units are between their start and their delivery.
type sequence struct {
	mu         sync.Mutex
	changed    sync.Cond
	window     int64
	next       int64 // the number to deliver next
	pending    map[int64]*unit
	delivering bool
	stopped    bool
}

func newSequence(window int) *sequence {
	s := &sequence{window: int64(window), pending: map[int64]*unit{}}
	s.changed.L = &s.mu
	return s
}

// admit waits until unit n may start; it reports false once the sequence has stopped.
func (s *sequence) admit(n int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n-s.next >= s.window && !s.stopped {
		s.changed.Wait()
	}
	return !s.stopped
}

// done takes a finished unit and delivers all whose turn has come. After deliver has failed nothing more is
// delivered and the error is returned, once.
func (s *sequence) done(u *unit, deliver func(*unit) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending[u.number] = u
	if s.delivering {
		return nil
	}
	s.delivering = true
	defer func() { s.delivering = false }()
	for !s.stopped {
		u, ok := s.pending[s.next]
		if !ok {
			return nil
		}
		delete(s.pending, s.next)
		s.mu.Unlock()
		err := deliver(u)
		s.mu.Lock()
		if err != nil {
			s.stopped = true
			s.changed.Broadcast()
			return err
		}
		s.next++
		s.changed.Broadcast()
	}
	return nil
}

// stop lets everybody go who waits.
func (s *sequence) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	s.changed.Broadcast()
}
