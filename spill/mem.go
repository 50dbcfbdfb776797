package spill

import (
	"math"
	"sync"
)

// entryOverhead is what a chunk costs beside its bytes and its id: slice and string headers and the map's slot.
const entryOverhead = 64

// mem keeps chunks on the heap, up to a limit. A chunk is immutable once it is in the map, so readers copy it
// without the lock.
type mem struct {
	limit int64

	mu     sync.RWMutex
	chunks map[string][]byte
	bytes  int64 // of chunks
	held   int64 // with ids, overhead, and chunks that are being copied in
	closed bool
}

// NewMem returns a Store on the heap, without a limit. Sync does nothing.
func NewMem() Store { return newMem(math.MaxInt64) }

func newMem(limit int64) *mem {
	return &mem{limit: limit, chunks: make(map[string][]byte)}
}

func (m *mem) Put(id string, data []byte) error {
	_, err := m.tryPut(id, data)
	return err
}

// tryPut stores data if it fits beside everything else, the chunk that it replaces included: both exist until
// the copy is done.
func (m *mem) tryPut(id string, data []byte) (bool, error) {
	cost := cost(id, len(data))
	if ok, err := m.admit(cost); !ok || err != nil {
		return false, err
	}
	kept := make([]byte, len(data))
	copy(kept, data)

	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return false, ErrClosed
	}
	m.forget(id)
	m.chunks[id] = kept
	m.bytes += int64(len(kept))
	return true, nil
}

func (m *mem) admit(cost int64) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return false, ErrClosed
	}
	if cost > m.limit-m.held {
		return false, nil
	}
	m.held += cost
	return true, nil
}

// forget is called with mu held.
func (m *mem) forget(id string) {
	old, ok := m.chunks[id]
	if !ok {
		return
	}
	delete(m.chunks, id)
	m.bytes -= int64(len(old))
	m.held -= cost(id, len(old))
}

func (m *mem) Get(id string, buf []byte) ([]byte, error) {
	data, ok, err := m.find(id)
	switch {
	case err != nil:
		return buf, err
	case !ok:
		return buf, notFound(id)
	}
	return append(buf, data...), nil
}

// find returns the chunk itself, which nobody may change.
func (m *mem) find(id string) (data []byte, ok bool, err error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.closed {
		return nil, false, ErrClosed
	}
	data, ok = m.chunks[id]
	return data, ok, nil
}

func (m *mem) Delete(id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return ErrClosed
	}
	m.forget(id)
	return nil
}

func (m *mem) Bytes() int64 {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.bytes
}

func (m *mem) Sync() error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.closed {
		return ErrClosed
	}
	return nil
}

func (m *mem) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	m.chunks, m.bytes, m.held = nil, 0, 0
	return nil
}

func cost(id string, n int) int64 { return int64(n) + int64(len(id)) + entryOverhead }
