package spill

import "sync"

// sizes knows how long each stored chunk is.
type sizes struct {
	mu  sync.Mutex
	of  map[string]int
	sum int64
}

func newSizes() *sizes { return &sizes{of: make(map[string]int)} }

func (s *sizes) get(id string) (n int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, ok = s.of[id]
	return n, ok
}

func (s *sizes) set(id string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sum += int64(n - s.of[id])
	s.of[id] = n
}

func (s *sizes) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sum -= int64(s.of[id])
	delete(s.of, id)
}

func (s *sizes) total() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sum
}
