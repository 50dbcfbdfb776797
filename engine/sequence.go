package engine

import "sync"

// A sequence delivers units in the order of their numbers, whichever worker finishes them, one at a time. No
// more than window units are between their start and their delivery, and none starts beside others if the input of all of
// them would take more than limit bytes, were it as long as the last.
type sequence struct {
	mu         sync.Mutex
	changed    sync.Cond
	window     int64
	limit      int64
	held       int64 // bytes of input
	last       int64 // bytes of the unit that started last
	next       int64 // the number to deliver next
	pending    map[int64]*unit
	delivering bool
	stopped    bool
}

func newSequence(window int, limit int64) *sequence {
	s := &sequence{window: int64(window), limit: limit, pending: map[int64]*unit{}}
	s.changed.L = &s.mu
	return s
}

// admit waits until unit n may start; it reports false once the sequence has stopped.
func (s *sequence) admit(n int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.mayStart(n) && !s.stopped {
		s.changed.Wait()
	}
	return !s.stopped
}

// admits reports whether admit would let unit n start without waiting.
func (s *sequence) admits(n int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.stopped && s.mayStart(n)
}

func (s *sequence) mayStart(n int64) bool {
	return n-s.next < s.window && (s.held+s.last <= s.limit || n <= s.next)
}

// widen lets n times as many units be under way. It is called before any starts.
func (s *sequence) widen(n int) { s.window *= int64(n) }

// hold counts the input of a unit that was admitted, until it is delivered.
func (s *sequence) hold(u *unit) {
	switch {
	case u.block != nil:
		u.held = u.block.Held()
	case u.piece != nil:
		u.held = int64(len(u.piece))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held, s.last = s.held+u.held, u.held
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
		held := u.held
		s.mu.Unlock()
		err := deliver(u)
		s.mu.Lock()
		s.held -= held
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
